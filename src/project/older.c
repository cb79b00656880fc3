/* SPDX-License-Identifier: MIT */
#include "project/older.h"

#include "image/step.h"

#include <string.h>

enum { TEXT_MAX = 64 * 1024 };

static const char *const keys[] = { "ds01.project", "ds01.framework", "ds01.created",
        "ds01.managed", "ds01.has_user_setup", "ds01.user_id", "ds01.group_id", "ds01.username" };

/* Is the word one of those keys and its value? */
static bool is_older(const char *word)
{
        word += *word == '"' || *word == '\'';
        size_t n = strcspn(word, "=\"'");
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (strlen(keys[i]) == n && strncmp(word, keys[i], n) == 0)
                        return true;
        return false;
}

/* What stays of a LABEL step, owned: "" if nothing does. NULL if it loses nothing. */
static char *what_stays(const struct step *step)
{
        cleanup_strv struct strv words = { 0 };
        cleanup_buf struct buf stays = BUF_INIT(TEXT_MAX);
        bool lost = false;
        step_words(step->rest, true, &words);
        /* "LABEL key value": one key, and the rest is its value. */
        if (words.n > 0 && !strchr(words.v[0], '='))
                return is_older(words.v[0]) ? xstrdup("") : NULL;
        for (size_t i = 0; i < words.n; i++) {
                if (is_older(words.v[i]))
                        lost = true;
                else
                        buf_printf(&stays, " %s", words.v[i]);
        }
        if (!lost)
                return NULL;
        return stays.len > 0 ? xasprintf("LABEL%s", buf_str(&stays)) : xstrdup("");
}

static const char *skip_lines(const char *text, unsigned n)
{
        for (; n > 0 && *text; n--) {
                text += strcspn(text, "\n");
                text += *text == '\n';
        }
        return text;
}

char *older_without_labels(const char *dockerfile, unsigned *ret_line)
{
        cleanup_steps struct steps steps = { 0 };
        cleanup_buf struct buf out = BUF_INIT(TEXT_MAX);
        struct err ignored = ERR_INIT;
        const char *rest = dockerfile;
        unsigned at = 1, first = 0;
        if (steps_parse(dockerfile, strlen(dockerfile), &steps, &ignored) < 0)
                return NULL;
        for (size_t i = 0; i < steps.n; i++) {
                const struct step *step = &steps.v[i];
                cleanup_free char *stays = step->kind == STEP_LABEL ? what_stays(step) : NULL;
                if (!stays)
                        continue;
                const char *begin = skip_lines(rest, step->line - at);
                buf_add(&out, rest, (size_t)(begin - rest));
                buf_str_add(&out, stays);
                rest = skip_lines(begin, step->lines);
                for (unsigned l = 0; l < step->lines; l++)
                        buf_putc(&out, '\n');
                at = step->line + step->lines;
                first = first ? first : step->line;
        }
        buf_str_add(&out, rest);
        if (!first || out.full)
                return NULL;
        *ret_line = first;
        return buf_take(&out);
}
