/* SPDX-License-Identifier: MIT */
#include "image/step.h"

#include "image/shown.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

static const struct {
        const char *name, *options;
} kinds[] = {
#define X(name, options) [STEP_##name] = { #name, options },
        STEP_KINDS(X)
#undef X
};

/* Options that people bring from BuildKit, and what to do instead. */
static const struct {
        enum step_kind kind;
        const char *option, *fix;
} elsewhere[] = {
        { STEP_RUN, "--mount", "remove --mount; bring files in with COPY" },
        { STEP_RUN, "--network", "remove --network; builds have one network, chosen by the admin" },
        { STEP_RUN, "--security", "remove --security" },
        { STEP_FROM, "--platform", "remove --platform; images are built for this machine" },
        { STEP_COPY, "--chmod", "remove --chmod and add a step: RUN chmod MODE FILE" },
        { STEP_ADD, "--chmod", "remove --chmod and add a step: RUN chmod MODE FILE" },
        { STEP_COPY, "--link", "remove --link" },
        { STEP_ADD, "--link", "remove --link" },
        { STEP_ADD, "--checksum", "download in a step instead: RUN curl -fsSLO URL" },
};

void steps_done(struct steps *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->v[i].rest);
        free(l->v);
        *l = (struct steps){ 0 };
}

const char *step_name(enum step_kind kind)
{
        return kinds[kind].name;
}

int step_refuse(struct err *e, unsigned line, const char *fix, const char *fmt, ...)
{
        char what[sizeof e->msg / 2];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
        err_set(e, ERR_INVALID, "Dockerfile line %u: %s", line, what);
        return err_fix(e, "%s", fix);
}

/* Bytes of the character at s if the engine takes it for a blank but it is no space or tab; or 0.
 */
static size_t odd_blank(const unsigned char *s)
{
        static const char *const blanks[] = { "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
                "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
                "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
                "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80" };
        if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0xa0)
                return 2;
        if (s[0] < 0xe1 || s[0] > 0xe3)
                return 0;
        for (size_t i = 0; i < ARRAY_LEN(blanks); i++)
                if (strncmp((const char *)s, blanks[i], 3) == 0)
                        return 3;
        return 0;
}

static int check_characters(const char *s, unsigned line, struct err *e)
{
        for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
                if ((*p < ' ' && *p != '\t') || *p == 0x7f)
                        return step_refuse(e, line, "write the line again with spaces only",
                                "a control character (0x%02x) stands in the instruction", *p);
                if (odd_blank(p))
                        return step_refuse(e, line, "write the line again with plain spaces",
                                "a space that is not a plain one stands in the instruction");
        }
        return 0;
}

/* A comment in front of the first instruction may be an order to the parser. */
static int check_directive(const char *comment, unsigned line, struct err *e)
{
        static const char *const directives[] = { "syntax", "escape" };
        const char *word = comment + 1 + strspn(comment + 1, BLANKS "\r\v\f");
        for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
                size_t n = strlen(directives[i]);
                if (strncasecmp(word, directives[i], n) != 0)
                        continue;
                if (word[n + strspn(word + n, BLANKS "\r\v\f")] != '=')
                        continue;
                cleanup_free char *fix = xasprintf("delete line %u of the Dockerfile", line);
                return step_refuse(e, line, fix, "'# %s=' is not available here", directives[i]);
        }
        return 0;
}

static int unknown_instruction(const char *word, unsigned line, struct err *e)
{
        const char *names[ARRAY_LEN(kinds) + 1] = { NULL };
        char upper[24] = "";
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                names[i] = kinds[i].name;
        for (size_t i = 0; word[i] && i + 1 < sizeof upper; i++)
                upper[i] = word[i] >= 'a' && word[i] <= 'z' ? (char)(word[i] - 32) : word[i];
        const char *near = str_nearest(upper, names);
        cleanup_free char *shown = shown_text(word, STEP_SHOWN_MAX);
        cleanup_free char *fix = near ? xasprintf("did you mean %s?", near)
                                      : xstrdup("begin the line with an instruction, or end the "
                                                "line above it with \\");
        return step_refuse(e, line, fix, "'%s' is not an instruction", shown);
}

void step_words(const char *s, bool quotes, struct strv *ret)
{
        for (s += strspn(s, BLANKS); *s; s += strspn(s, BLANKS)) {
                const char *from = s;
                char quote = '\0';
                for (; *s && (quote || !strchr(BLANKS, *s)); s++) {
                        if (!quotes)
                                continue;
                        if (*s == '\\' && s[1])
                                s++;
                        else if (quote)
                                quote = *s == quote ? '\0' : quote;
                        else if (*s == '\'' || *s == '"')
                                quote = *s;
                }
                strv_take(ret, xstrndup(from, (size_t)(s - from)));
        }
}

const char *step_options(const struct step *step, struct strv *options)
{
        const char *s = step->rest;
        while (str_starts(s, "--")) {
                size_t n = strcspn(s, BLANKS);
                strv_take(options, xstrndup(s, n));
                s += n + strspn(s + n, BLANKS);
        }
        return s;
}

static bool has_option(const char *known, const char *option)
{
        size_t n = strcspn(option, "=");
        for (const char *p = known; p && *p; p += strspn(p, " ")) {
                size_t len = strcspn(p, " ");
                if (option[n] == '=' && len == n + 1 && memcmp(p, option, len) == 0)
                        return true;
                p += len;
        }
        return false;
}

static int check_options(const struct step *step, struct err *e)
{
        cleanup_strv struct strv options = { 0 };
        step_options(step, &options);
        const char *name = step_name(step->kind);
        for (size_t i = 0; i < options.n; i++) {
                const char *option = options.v[i];
                cleanup_free char *shown = shown_text(option, STEP_SHOWN_MAX);
                if (strpbrk(option, "'\"\\"))
                        return step_refuse(e, step->line, "write the option without quotes",
                                "%s %s has quotes or a backslash", name, shown);
                if (has_option(kinds[step->kind].options, option))
                        continue;
                const char *fix = "remove the option";
                size_t n = strcspn(option, "=");
                for (size_t k = 0; k < ARRAY_LEN(elsewhere); k++)
                        if (elsewhere[k].kind == step->kind && strlen(elsewhere[k].option) == n &&
                                memcmp(elsewhere[k].option, option, n) == 0)
                                fix = elsewhere[k].fix;
                return step_refuse(e, step->line, fix, "%s %s is not available here", name, shown);
        }
        return 0;
}

/*
 * True if newer builders take a word for the beginning of a heredoc: digits, "<<", and a name. They
 * look at words after expansion, so that a variable in front may come to nothing.
 */
static bool is_heredoc(const char *word)
{
        const char *at = strstr(word, "<<");
        if (!at || at[2] == '<')
                return false;
        const char *name = at + 2 + (at[2] == '-');
        if (*name == '\0')
                return false;
        size_t front = (size_t)(at - word);
        return strspn(word, "0123456789") == front || memchr(word, '}', front) ||
               (memchr(word, '$', front) && !memchr(word, '(', front));
}

static int check_heredoc(const struct step *step, struct err *e)
{
        cleanup_strv struct strv words = { 0 };
        if (step->kind != STEP_RUN && step->kind != STEP_COPY && step->kind != STEP_ADD)
                return 0;
        step_words(step->rest, false, &words);
        for (size_t i = 0; i < words.n; i++)
                if (is_heredoc(words.v[i]))
                        return step_refuse(e, step->line,
                                "write the text into a file of the project and COPY it",
                                "%s with a heredoc (<<) is not available here",
                                step_name(step->kind));
        return 0;
}

/* Turns one joined line into a step. */
static int parse_step(
        const char *joined, unsigned line, unsigned lines, struct step *ret, struct err *e)
{
        if (check_characters(joined, line, e) < 0)
                return -1;
        const char *s = joined + strspn(joined, BLANKS);
        size_t n = strcspn(s, BLANKS);
        cleanup_free char *word = xstrndup(s, n);
        s += n + strspn(s + n, BLANKS);
        size_t len = strlen(s);
        while (len > 0 && strchr(BLANKS, s[len - 1]))
                len--;
        size_t kind = 0;
        while (kind < ARRAY_LEN(kinds) && strcasecmp(word, kinds[kind].name) != 0)
                kind++;
        if (kind == ARRAY_LEN(kinds))
                return unknown_instruction(word, line, e);
        if (len == 0)
                return step_refuse(e, line, "complete the instruction or delete it",
                        "%s stands alone", kinds[kind].name);
        if (s[len - 1] == '\\')
                return step_refuse(e, line + lines - 1, "end the last line without a backslash",
                        "the instruction ends in a backslash");
        cleanup_free char *rest = xstrndup(s, len);
        struct step step = { (enum step_kind)kind, line, lines, rest };
        if (check_options(&step, e) < 0 || check_heredoc(&step, e) < 0)
                return -1;
        step.rest = take_ptr(rest);
        *ret = step;
        return 0;
}

/* The lines of a text, one at a time, without their LF or CR LF. */
struct lines {
        const char *s, *end;
        unsigned number;
};

static char *next_line(struct lines *l)
{
        if (l->s >= l->end)
                return NULL;
        const char *lf = memchr(l->s, '\n', (size_t)(l->end - l->s));
        const char *stop = lf ? lf : l->end;
        size_t n = (size_t)(stop - l->s);
        char *line = xstrndup(l->s, n > 0 && l->s[n - 1] == '\r' ? n - 1 : n);
        l->s = lf ? lf + 1 : l->end;
        l->number++;
        return line;
}

/*
 * Cuts the backslash that continues a line. 1 if there was one, 0 if not, -1 for two of them, which
 * old builders take as a continuation and new ones don't.
 */
static int cut_continuation(char *line, unsigned number, struct err *e)
{
        size_t n = strlen(line);
        while (n > 0 && strchr(BLANKS, line[n - 1]))
                n--;
        if (n == 0 || line[n - 1] != '\\')
                return 0;
        if (n > 1 && line[n - 2] == '\\')
                return step_refuse(e, number, "end the line in one backslash, or in none",
                        "the line ends in two backslashes");
        line[n - 1] = '\0';
        return 1;
}

/* Joins the lines of one instruction, of which `line` is the first. */
static int join(struct lines *l, char *line, size_t max, char **ret, struct err *e)
{
        cleanup_buf struct buf joined = BUF_INIT(max);
        int more = cut_continuation(line, l->number, e);
        buf_str_add(&joined, line);
        while (more > 0) {
                cleanup_free char *next = next_line(l);
                if (!next)
                        break;
                const char *text = next + strspn(next, BLANKS);
                if (*text == '#' || *text == '\0')
                        continue;
                more = cut_continuation(next, l->number, e);
                buf_str_add(&joined, next);
        }
        if (more < 0)
                return -1;
        *ret = buf_take(&joined);
        return 0;
}

int steps_parse(const char *text, size_t n, struct steps *ret, struct err *e)
{
        cleanup_steps struct steps steps = { 0 };
        struct lines l = { text, text + n, 0 };
        if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                l.s += 3;
        for (;;) {
                cleanup_free char *line = next_line(&l);
                if (!line)
                        break;
                char *start = line + strspn(line, BLANKS);
                if (*start == '#' && steps.n == 0 && check_directive(start, l.number, e) < 0)
                        return -1;
                if (*start == '#' || *start == '\0')
                        continue;
                unsigned from = l.number;
                cleanup_free char *joined = NULL;
                if (join(&l, start, n, &joined, e) < 0)
                        return -1;
                struct step step;
                if (parse_step(joined, from, l.number - from + 1, &step, e) < 0)
                        return -1;
                steps.v = xrealloc(steps.v, steps.n + 1, sizeof *steps.v);
                steps.v[steps.n++] = step;
        }
        *ret = steps;
        steps = (struct steps){ 0 };
        return 0;
}
