/* SPDX-License-Identifier: MIT */
/* What the tests of judge.h expect of a finding. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/judge.h"

#include <string.h>

/* The state, a part of the text, and a part of what helps ("": nothing helps, NULL: no matter). */
static inline void expect(struct finding *f, const char *label, enum finding_state state,
        const char *text, const char *fix)
{
        cleanup_buf struct buf fixes = BUF_INIT(65536), details = BUF_INIT(65536);
        for (size_t i = 0; i < f->fixes.n; i++)
                buf_printf(&fixes, "%s\n", f->fixes.v[i]);
        for (size_t i = 0; i < f->details.n; i++)
                buf_printf(&details, "%s\n", f->details.v[i]);
        if (f->state != state || !strstr(f->text, text) ||
                (fix && (*fix ? !strstr(buf_str(&fixes), fix) : fixes.len > 0)))
                fail_msg("%s: %s: %s\n%sTo fix: %s", label, finding_state_word(f->state), f->text,
                        buf_str(&details), buf_str(&fixes));
        finding_done(f);
}

static inline struct err failure(enum err_code code, const char *msg, const char *fix)
{
        struct err e = ERR_INIT;
        err_set(&e, code, "%s", msg);
        err_fix(&e, "%s", fix);
        return e;
}
