/* SPDX-License-Identifier: MIT */
#include "cli/prompt.h"

#include "cli/out.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int left(struct err *e)
{
        return err_set(e, ERR_INTERRUPTED, "Nothing was done");
}

/* Takes what is typed up to a newline. False at the end of the input, or at Ctrl-C. */
static bool take_line(int sig_fd, char *out, size_t size)
{
        struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = sig_fd, .events = POLLIN } };
        struct signalfd_siginfo taken;
        size_t n = 0;
        for (;;) {
                char ch;
                if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno == EINTR)
                        continue;
                if (fds[1].revents && read(sig_fd, &taken, sizeof taken) > 0)
                        return false;
                ssize_t got = read(STDIN_FILENO, &ch, 1);
                if (got == 0 || (got < 0 && errno != EINTR))
                        return false;
                if (got == 1 && ch == '\n')
                        break;
                if (got == 1 && n + 1 < size)
                        out[n++] = ch;
        }
        out[n] = '\0';
        return true;
}

/*
 * Asks, and reads one line from the terminal without taking more of stdin than that line: what follows
 * may be meant for a shell in the container. `out` gets the line without its newline and the blanks
 * around it.
 */
static int ask(const char *question, char *out, size_t size, struct err *e)
{
        sigset_t set, old;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        /* Before the question is seen, so that no answer to it is early. */
        pthread_sigmask(SIG_BLOCK, &set, &old);
        cleanup_close int sig_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        fputs(question, stderr);
        bool answered = take_line(sig_fd, out, size);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (!answered) {
                fputc('\n', stderr);
                return left(e);
        }
        size_t from = strspn(out, " \t\r");
        memmove(out, out + from, strlen(out + from) + 1);
        for (size_t n = strlen(out); n > 0 && strchr(" \t\r", out[n - 1]); n--)
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
        cleanup_free char *line = xasprintf("%s [%s] ", question, fallback ? "Y/n" : "y/N");
        for (int tries = 0; tries < 3; tries++) {
                char answer[64];
                if (ask(line, answer, sizeof answer, e) < 0)
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

int prompt_line(
        const struct cli *c, const char *question, const char *fallback, char **ret, struct err *e)
{
        if (c->yes && fallback) {
                *ret = xstrdup(fallback);
                return 0;
        }
        if (!c->tty)
                return cli_usage(c, e, "Can't ask without a terminal: %s", question);
        cleanup_free char *line = fallback && *fallback ? xasprintf("%s [%s]: ", question, fallback)
                                                        : xasprintf("%s: ", question);
        for (int tries = 0; tries < 3; tries++) {
                char answer[512];
                if (ask(line, answer, sizeof answer, e) < 0)
                        return -1;
                if (strcmp(answer, "q") == 0)
                        return left(e);
                if (*answer || fallback) {
                        *ret = xstrdup(*answer ? answer : fallback);
                        return 0;
                }
        }
        return err_set(e, ERR_INVALID, "No answer to: %s", question);
}

int prompt_checked(const struct cli *c, const char *question, const char *fallback,
        int (*check)(const char *answer, void *ctx, struct err *e), void *ctx, struct err *e)
{
        for (int tries = 1;; tries++) {
                cleanup_free char *answer = NULL;
                struct err wrong = ERR_INIT;
                if (prompt_line(c, question, fallback, &answer, e) < 0)
                        return -1;
                if (check(answer, ctx, &wrong) == 0)
                        return 0;
                if (tries == 3 || wrong.code != ERR_INVALID) {
                        *e = wrong;
                        return -1;
                }
                out_say("%s.", wrong.msg);
        }
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
        l->v[l->n++] =
                (struct choice){ .name = str_safe(name), .note = note ? str_safe(note) : NULL };
}

void choices_note(struct choices *l, size_t i, const char *note)
{
        free(l->v[i].note);
        l->v[i].note = str_safe(note);
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
                        fprintf(stderr, "%*s(%s)", (int)(width - str_width(ch->name)), "",
                                ch->note);
                fputc('\n', stderr);
        }
        fputc('\n', stderr);
}

/* Keeps the rows whose name or note contains `text`, whatever its case. Returns how many. */
static size_t narrow(const struct choices *l, const char *text, size_t *shown)
{
        size_t n = 0;
        for (size_t i = 0; i < l->n; i++)
                if (strcasestr(l->v[i].name, text) ||
                        (l->v[i].note && strcasestr(l->v[i].note, text)))
                        shown[n++] = i;
        return n;
}

/* The number that a row has among those that are shown; 0 if it isn't. */
static size_t number_of(size_t row, const size_t *shown, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (shown[i] == row)
                        return i + 1;
        return 0;
}

int prompt_choose(const struct cli *c, const char *title, const struct choices *l, size_t fallback,
        size_t *ret, struct err *e)
{
        if (!c->tty)
                return cli_usage(c, e, "A name is needed where there is no terminal");
        cleanup_free size_t *shown = xcalloc(l->n, sizeof *shown);
        size_t n = narrow(l, "", shown);
        print_rows(title, l, shown, n);
        for (int tries = 0; tries < 3;) {
                char answer[128];
                long long number = (long long)number_of(fallback, shown, n);
                cleanup_free char *line =
                        number ? xasprintf("Choice [1-%zu] (default: %lld): ", n, number)
                               : xasprintf("Choice [1-%zu]: ", n);
                if (ask(line, answer, sizeof answer, e) < 0)
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
                } else if ((!*answer && number) || str_to_int(answer, 1, (long long)n, &number)) {
                        *ret = shown[number - 1];
                        return 0;
                } else {
                        tries++;
                        fprintf(stderr,
                                "Type a number from 1 to %zu, /text to narrow, q to leave.\n", n);
                }
        }
        return cli_usage(c, e, "No choice was made");
}

int prompt_pick(
        const struct cli *c, const char *title, const struct choices *l, size_t *ret, struct err *e)
{
        return prompt_choose(c, title, l, SIZE_MAX, ret, e);
}

static const char *const guide_texts[] = {
#define BEFORE(id, text) [id] = text,
#define AFTER(id, text) [id] = text,
#include "cli/guide.def"
};

void prompt_told(const struct cli *c, enum guide after)
{
        if (c->guided)
                fprintf(stderr, "\n%s%s%s\n\n", out_style(stderr, OUT_CYAN), guide_texts[after],
                        out_style(stderr, OUT_PLAIN));
}

int prompt_guide(const struct cli *c, enum guide before, struct err *e)
{
        char ignored[64];
        prompt_told(c, before);
        if (!c->guided || c->yes)
                return 0;
        return ask("Press Enter to continue... ", ignored, sizeof ignored, e);
}
