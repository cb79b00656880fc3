/* SPDX-License-Identifier: MIT */
#include "image/lint.h"
#include "image/shown.h"

#include <string.h>
#include <strings.h>

#define LABEL_PREFIX "ds01."

/* A copy without quotes. */
static char *without_quotes(const char *s)
{
        struct buf b = BUF_INIT(strlen(s));
        for (; *s; s++)
                if (*s != '"' && *s != '\'')
                        buf_putc(&b, *s);
        return buf_take(&b);
}

/* True for sources that the engine, or a newer one, would fetch from elsewhere. */
static bool names_far_source(const char *sources)
{
        static const char *const starts[] = { "git@", "github.com/" };
        if (strstr(sources, "://"))
                return true;
        for (const char *s = sources; *s; s++) {
                if (s != sources && !strchr(" \t[,", s[-1]))
                        continue;
                for (size_t i = 0; i < ARRAY_LEN(starts); i++)
                        if (strncasecmp(s, starts[i], strlen(starts[i])) == 0)
                                return true;
        }
        return false;
}

/*
 * The engine fetches ADD's URLs itself, in the host's network, after it has expanded variables,
 * quotes and backslashes: so sources have none of these. The destination of the plain form may.
 */
static int check_add(const struct step *step, struct err *e)
{
        cleanup_strv struct strv options = { 0 }, words = { 0 };
        const char *rest = step_options(step, &options);
        cleanup_free char *plain = without_quotes(rest);
        if (names_far_source(plain))
                return step_refuse(e, step->line, "download in a step instead: RUN curl -fsSLO URL",
                        "ADD of a URL or a git repository is not available here");
        bool json = rest[0] == '[';
        step_words(rest, false, &words);
        for (size_t i = 0; i < words.n; i++) {
                bool source = json || i + 1 < words.n;
                if (source && strpbrk(words.v[i], json ? "$\\" : "$\\'\""))
                        return step_refuse(e, step->line, "use COPY instead of ADD",
                                "ADD takes no variables, quotes or backslashes in its sources "
                                "here");
                /* user@host:path, as git writes it */
                const char *at = strchr(words.v[i], '@');
                if (source && at && strchr(at, ':'))
                        return step_refuse(e, step->line,
                                "download in a step instead: RUN git clone URL",
                                "ADD of a git repository is not available here");
        }
        return 0;
}

/* The key of one word of LABEL, as the builder would see it after taking off the quotes. */
static char *label_key(const char *word)
{
        struct buf key = BUF_INIT(64 * 1024);
        for (size_t i = 0; word[i] && word[i] != '='; i++)
                if (!strchr("'\"\\", word[i]))
                        buf_putc(&key, word[i]);
        return buf_take(&key);
}

static int check_label(const struct step *step, struct err *e)
{
        cleanup_strv struct strv words = { 0 };
        step_words(step->rest, true, &words);
        /* "LABEL key value" has one key; "LABEL a=1 b=2" one in each word. */
        bool old_form = words.n > 0 && !strchr(words.v[0], '=');
        for (size_t i = 0; i < words.n && (i == 0 || !old_form); i++) {
                cleanup_free char *key = label_key(words.v[i]);
                cleanup_free char *shown = shown_text(key, STEP_SHOWN_MAX);
                if (strchr(key, '$'))
                        return step_refuse(e, step->line,
                                "write the label's name without variables",
                                "LABEL %s has a variable in its name", shown);
                if (strncasecmp(key, LABEL_PREFIX, strlen(LABEL_PREFIX)) == 0)
                        return step_refuse(e, step->line, "remove the label; ds01 sets its own",
                                "LABEL %s belongs to ds01", shown);
        }
        return 0;
}

int lint_step(const struct step *step, struct err *e)
{
        if (step->kind == STEP_ONBUILD)
                return step_refuse(e, step->line, "write the step itself, without ONBUILD",
                        "ONBUILD is not available here");
        if (step->kind == STEP_LABEL)
                return check_label(step, e);
        return step->kind == STEP_ADD ? check_add(step, e) : 0;
}
