/* SPDX-License-Identifier: MIT */
#include "cli/out.h"

#include "cli/row.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool color_stdout, color_stderr;

static bool wants_color(int fd)
{
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void out_init(void)
{
        color_stdout = wants_color(STDOUT_FILENO);
        color_stderr = wants_color(STDERR_FILENO);
}

int out_set_color(const char *when)
{
        if (strcmp(when, "auto") == 0)
                out_init();
        else if (strcmp(when, "always") == 0)
                color_stdout = color_stderr = true;
        else if (strcmp(when, "never") == 0)
                color_stdout = color_stderr = false;
        else
                return -1;
        return 0;
}

const char *out_style(FILE *f, enum out_style style)
{
        static const char *const sequences[] = {
                [OUT_PLAIN] = "\033[0m",
                [OUT_BOLD] = "\033[1m",
                [OUT_DIM] = "\033[2m",
                [OUT_GREEN] = "\033[32m",
                [OUT_YELLOW] = "\033[33m",
                [OUT_RED] = "\033[31m",
                [OUT_CYAN] = "\033[36m",
                [OUT_MAGENTA] = "\033[35m",
        };
        return (f == stdout ? color_stdout : color_stderr) ? sequences[style] : "";
}

void out_say(const char *fmt, ...)
{
        /* No smaller than what is said: a failed build says megabytes, and the end is what counts. */
        cleanup_buf struct buf text = BUF_INIT(SIZE_MAX / 2);
        va_list ap;
        cleanup_free char *raw = NULL;
        va_start(ap, fmt);
        if (vasprintf(&raw, fmt, ap) < 0)
                abort();
        va_end(ap);
        str_safe_add(&text, raw, strlen(raw), true);
        cleanup_free char *local = out_local(buf_take(&text));
        fprintf(stderr, "%s\n", local);
}

char *out_local(char *text)
{
        static const struct {
                const char *mark, *ascii;
        } marks[] = { { "·", "-" }, { "…", "..." }, { "—", "-" }, { "–", "-" } };
        char *to = text;
        if (row_utf8())
                return text;
        for (const char *from = text; *from;) {
                size_t i = 0;
                while (i < ARRAY_LEN(marks) && !str_starts(from, marks[i].mark))
                        i++;
                if (i == ARRAY_LEN(marks)) {
                        *to++ = *from++;
                        continue;
                }
                /* None is longer than the bytes of its mark. */
                memcpy(to, marks[i].ascii, strlen(marks[i].ascii));
                to += strlen(marks[i].ascii);
                from += strlen(marks[i].mark);
        }
        *to = '\0';
        return text;
}

static void print_indented(const char *text, const char *indent)
{
        cleanup_buf struct buf safe = BUF_INIT(65536);
        str_safe_add(&safe, text, strlen(text), true);
        cleanup_free char *local = out_local(buf_take(&safe));
        for (const char *p = local; *p;) {
                size_t n = strcspn(p, "\n");
                fprintf(stderr, "%s%.*s\n", indent, (int)n, p);
                p += n + (p[n] == '\n');
        }
}

void out_error(const struct err *e)
{
        cleanup_free char *msg = out_local(str_safe(e->msg));
        fflush(stdout);
        fprintf(stderr, "%sError:%s %s\n", out_style(stderr, OUT_RED), out_style(stderr, OUT_PLAIN),
                msg);
        if (e->detail[0])
                print_indented(e->detail, "  ");
        if (e->fix[0]) {
                fprintf(stderr, "\nTo fix:\n");
                print_indented(e->fix, "  ");
        }
}

void out_json(FILE *f, const json_t *j)
{
        bool screen = isatty(fileno(f));
        cleanup_free char *text = screen ? json_text_ascii(j) : json_text(j);
        for (const char *p = text; *p; p++)
                if (screen && *p == 0x7f)
                        fputs("\\u007f", f);
                else
                        fputc(*p, f);
        fputc('\n', f);
}

int out_width(FILE *f)
{
        struct winsize w;
        return ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

void table_init(struct table *t, const char *const *heads, size_t n_cols, int shrink)
{
        *t = (struct table){ .n_cols = n_cols, .heads = heads, .shrink = shrink };
}

void table_done(struct table *t)
{
        strv_done(&t->cells);
}

void table_cell(struct table *t, const char *text)
{
        strv_take(&t->cells, str_safe(text && *text ? text : "-"));
}

/*
 * Takes the excess over the terminal's width out of the column that may shrink, then, so that no
 * line wraps, out of whichever is widest.
 */
static void fit(const struct table *t, size_t *widths, size_t columns)
{
        enum { LEGIBLE = 8, LEAST = 3 };
        size_t total = 2 * (t->n_cols - 1);
        for (size_t i = 0; i < t->n_cols; i++)
                total += widths[i];
        for (; total > columns; total--) {
                size_t cut = 0;
                for (size_t i = 1; i < t->n_cols; i++)
                        if (widths[i] > widths[cut])
                                cut = i;
                if (t->shrink >= 0 && widths[t->shrink] > LEGIBLE)
                        cut = (size_t)t->shrink;
                if (widths[cut] <= LEAST)
                        return;
                widths[cut]--;
        }
}

static void print_row(const struct table *t, FILE *f, char *const *cells, const size_t *widths)
{
        for (size_t i = 0; i < t->n_cols; i++) {
                cleanup_free char *cut = str_cut_middle(cells[i], widths[i] < 3 ? 3 : widths[i]);
                bool last = i + 1 == t->n_cols;
                size_t w = str_width(cut);
                fprintf(f, "%s%*s", cut, last || w >= widths[i] ? 0 : (int)(widths[i] - w), "");
                fputs(last ? "\n" : "  ", f);
        }
}

void table_print(const struct table *t, FILE *f)
{
        size_t widths[16] = { 0 };
        for (size_t i = 0; i < t->n_cols && t->heads; i++)
                widths[i] = strlen(t->heads[i]);
        for (size_t i = 0; i < t->cells.n; i++) {
                size_t w = str_width(t->cells.v[i]);
                if (w > widths[i % t->n_cols])
                        widths[i % t->n_cols] = w;
        }
        if (isatty(fileno(f)))
                fit(t, widths, (size_t)out_width(f));
        if (t->heads) {
                fputs(out_style(f, OUT_BOLD), f);
                print_row(t, f, (char *const *)(const void *)t->heads, widths);
                fputs(out_style(f, OUT_PLAIN), f);
        }
        for (size_t i = 0; i + t->n_cols <= t->cells.n; i += t->n_cols)
                print_row(t, f, t->cells.v + i, widths);
}
