/* SPDX-License-Identifier: MIT */
#include "cli/prompt.h"

#include "cli/out.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
        (void)sig;
        interrupted = 1;
}

static int left(struct err *e)
{
        return err_set(e, ERR_INTERRUPTED, "Nothing was done");
}

/*
 * Reads one line from the terminal without taking more of stdin than that line: what follows may be
 * meant for a shell in the container. `out` gets the line without its newline.
 */
static int read_line(char *out, size_t size, struct err *e)
{
        struct sigaction act = { .sa_handler = on_interrupt }, old;
        size_t n = 0;
        int r = -1;
        interrupted = 0;
        sigaction(SIGINT, &act, &old);
        for (;;) {
                char ch;
                ssize_t got = read(STDIN_FILENO, &ch, 1);
                if (got == 1 && ch == '\n') {
                        r = 0;
                        break;
                }
                if (got == 1) {
                        if (n + 1 < size)
                                out[n++] = ch;
                } else if (got == 0 || errno != EINTR || interrupted) {
                        break;
                }
        }
        sigaction(SIGINT, &old, NULL);
        out[n] = '\0';
        if (r < 0) {
                fputc('\n', stderr);
                return left(e);
        }
        /* Blanks around an answer mean nothing. */
        size_t from = strspn(out, " \t\r");
        memmove(out, out + from, n - from + 1);
        for (n -= from; n > 0 && strchr(" \t\r", out[n - 1]); n--)
                out[n - 1] = '\0';
        return 0;
}

int prompt_yes(const struct cli *c, bool fallback, bool *ret, struct err *e, const char *fmt, ...)
{
        if (c->yes || !c->tty) {
                *ret = fallback;
                return 0;
        }
        va_list ap;
        va_start(ap, fmt);
        cleanup_free char *question = NULL;
        if (vasprintf(&question, fmt, ap) < 0)
                abort();
        va_end(ap);
        for (int tries = 0; tries < 3; tries++) {
                char answer[64];
                fprintf(stderr, "%s [%s] ", question, fallback ? "Y/n" : "y/N");
                if (read_line(answer, sizeof answer, e) < 0)
                        return -1;
                if (!*answer)
                        return *ret = fallback, 0;
                if (!strcasecmp(answer, "y") || !strcasecmp(answer, "yes"))
                        return *ret = true, 0;
                if (!strcasecmp(answer, "n") || !strcasecmp(answer, "no"))
                        return *ret = false, 0;
                if (!strcasecmp(answer, "q"))
                        return left(e);
                fprintf(stderr, "Answer y or n.\n");
        }
        return err_set(e, ERR_INVALID, "No answer to: %s", question);
}

int prompt_line(const struct cli *c, const char *question, const char *fallback, char **ret,
        struct err *e)
{
        if (!c->tty)
                return cli_usage(c, e, "Can't ask without a terminal: %s", question);
        for (int tries = 0; tries < 3; tries++) {
                char answer[512];
                if (fallback && *fallback)
                        fprintf(stderr, "%s [%s]: ", question, fallback);
                else
                        fprintf(stderr, "%s: ", question);
                if (read_line(answer, sizeof answer, e) < 0)
                        return -1;
                if (*answer || fallback) {
                        *ret = xstrdup(*answer ? answer : fallback);
                        return 0;
                }
        }
        return err_set(e, ERR_INVALID, "No answer to: %s", question);
}

void choices_done(struct choices *l)
{
        for (size_t i = 0; i < l->n; i++) {
                free(l->v[i].name);
                free(l->v[i].note);
        }
        free(l->v);
        *l = (struct choices){ 0 };
}

void choices_add(struct choices *l, const char *name, const char *note)
{
        l->v = xrealloc(l->v, l->n + 1, sizeof *l->v);
        l->v[l->n++] = (struct choice){ .name = str_safe(name), .note = note ? str_safe(note) : NULL };
}

/* Prints the rows that `shown` lists; names are padded so that the notes stand in one column. */
static void print_rows(const char *title, const struct choices *l, const size_t *shown, size_t n)
{
        size_t width = 0;
        for (size_t i = 0; i < n; i++) {
                size_t w = str_width(l->v[shown[i]].name);
                width = w > width ? w : width;
        }
        /* The user's manual shows notes no nearer than 19 columns from the names' start. */
        width = width + 2 > 19 ? width + 2 : 19;
        int digits = snprintf(NULL, 0, "%zu", n);
        fprintf(stderr, "%s\n\n", title);
        for (size_t i = 0; i < n; i++) {
                const struct choice *ch = &l->v[shown[i]];
                fprintf(stderr, "  %*zu) %s", digits, i + 1, ch->name);
                if (ch->note && *ch->note)
                        fprintf(stderr, "%*s(%s)", (int)(width - str_width(ch->name)), "", ch->note);
                fputc('\n', stderr);
        }
        fputc('\n', stderr);
}

/* Keeps the rows whose name or note contains `text`, whatever its case. Returns how many. */
static size_t narrow(const struct choices *l, const char *text, size_t *shown)
{
        size_t n = 0;
        for (size_t i = 0; i < l->n; i++)
                if (strcasestr(l->v[i].name, text) || (l->v[i].note && strcasestr(l->v[i].note, text)))
                        shown[n++] = i;
        return n;
}

int prompt_pick(const struct cli *c, const char *title, const struct choices *l, size_t *ret,
        struct err *e)
{
        if (!c->tty)
                return cli_usage(c, e, "A name is needed where there is no terminal");
        cleanup_free size_t *shown = xcalloc(l->n, sizeof *shown);
        size_t n = narrow(l, "", shown);
        print_rows(title, l, shown, n);
        for (int tries = 0; tries < 3;) {
                char answer[128];
                long long number;
                fprintf(stderr, "Choice [1-%zu]: ", n);
                if (read_line(answer, sizeof answer, e) < 0)
                        return -1;
                if (strcmp(answer, "q") == 0)
                        return left(e);
                if (*answer == '/') {
                        n = narrow(l, answer + 1, shown);
                        if (n == 0) {
                                fprintf(stderr, "Nothing contains that. All of them:\n");
                                n = narrow(l, "", shown);
                        }
                        print_rows(title, l, shown, n);
                } else if (str_to_int(answer, 1, (long long)n, &number)) {
                        *ret = shown[number - 1];
                        return 0;
                } else {
                        tries++;
                        fprintf(stderr, "Type a number from 1 to %zu, /text to narrow, q to leave.\n", n);
                }
        }
        return cli_usage(c, e, "No choice was made");
}

int prompt_guide(const struct cli *c, struct err *e, const char *text)
{
        if (!c->guided)
                return 0;
        char ignored[64];
        fprintf(stderr, "\n%s%s%s\n\nPress Enter to continue... ", out_style(stderr, OUT_CYAN), text,
                out_style(stderr, OUT_PLAIN));
        return read_line(ignored, sizeof ignored, e);
}
