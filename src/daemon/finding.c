/* SPDX-License-Identifier: MIT */
#include "daemon/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void finding_done(struct finding *f)
{
        strv_done(&f->details);
        strv_done(&f->fixes);
        *f = (struct finding){ 0 };
}

const char *finding_state_word(enum finding_state state)
{
        static const char *const words[] = {
                [FINDING_OK] = "ok",
                [FINDING_UNCHECKED] = "not checked",
                [FINDING_WARNING] = "warning",
                [FINDING_PROBLEM] = "problem",
        };
        return words[state];
}

void finding_say(struct finding *f, const char *fmt, ...)
{
        va_list ap;
        if (f->state != FINDING_OK)
                return;
        va_start(ap, fmt);
        vsnprintf(f->text, sizeof f->text, fmt, ap);
        va_end(ap);
}

void finding_fix(struct finding *f, const char *lines)
{
        while (lines && *lines) {
                size_t n = strcspn(lines, "\n");
                cleanup_free char *line = xstrndup(lines, n);
                if (*line && !strv_has(&f->fixes, line) && f->fixes.n < FINDING_DETAILS_MAX)
                        strv_add(&f->fixes, line);
                lines += n + (lines[n] == '\n');
        }
}

static void add_detail(struct finding *f, const char *text)
{
        if (*text && f->details.n < FINDING_DETAILS_MAX)
                strv_add(&f->details, text);
}

void finding_add(struct finding *f, enum finding_state state, const char *fix, const char *fmt, ...)
{
        char text[sizeof f->text];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        finding_fix(f, fix);
        if (state <= f->state) {
                add_detail(f, text);
                return;
        }
        /* What was said because nothing was wrong holds no more. */
        if (f->state != FINDING_OK)
                add_detail(f, f->text);
        f->state = state;
        memcpy(f->text, text, sizeof text);
}

void finding_public(struct finding *f, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(f->public, sizeof f->public, fmt, ap);
        va_end(ap);
}
