/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *wire;
        int exit_status;
} codes[ERR_CODE_COUNT] = {
        [ERR_NONE] = { "", 0 },
#define X(code, wire_name, status, meaning) [code] = { wire_name, status },
#include "base/err.def"
#undef X
};

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
        /* Into a copy first: the arguments may point into *e itself. */
        char msg[sizeof e->msg];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(msg, sizeof msg, fmt, ap);
        va_end(ap);
        e->code = code;
        memcpy(e->msg, msg, sizeof msg);
        e->detail[0] = e->fix[0] = '\0';
        return -1;
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
        char msg[sizeof e->msg / 2];
        char text[128];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(msg, sizeof msg, fmt, ap);
        va_end(ap);
        return err_set(e, ERR_FAILED, "%s: %s", msg, strerror_r(errnum, text, sizeof text));
}

int err_wrap(struct err *e, const char *fmt, ...)
{
        char context[sizeof e->msg / 2];
        char msg[sizeof e->msg + sizeof context + 2];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(context, sizeof context, fmt, ap);
        va_end(ap);
        snprintf(msg, sizeof msg, "%s: %s", context, e->msg);
        memcpy(e->msg, msg, sizeof e->msg - 1);
        e->msg[sizeof e->msg - 1] = '\0';
        return -1;
}

int err_fix(struct err *e, const char *fmt, ...)
{
        char fix[sizeof e->fix];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(fix, sizeof fix, fmt, ap);
        va_end(ap);
        memcpy(e->fix, fix, sizeof fix);
        return -1;
}

int err_detail(struct err *e, const char *fmt, ...)
{
        char detail[sizeof e->detail];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(detail, sizeof detail, fmt, ap);
        va_end(ap);
        memcpy(e->detail, detail, sizeof detail);
        return -1;
}

const char *err_wire_name(enum err_code code)
{
        return code > ERR_NONE && code < ERR_CODE_COUNT ? codes[code].wire : codes[ERR_FAILED].wire;
}

enum err_code err_from_wire(const char *name)
{
        for (int i = ERR_NONE + 1; i < ERR_CODE_COUNT; i++)
                if (strcmp(codes[i].wire, name) == 0)
                        return (enum err_code)i;
        return ERR_FAILED;
}

int err_exit_status(enum err_code code)
{
        return code >= ERR_NONE && code < ERR_CODE_COUNT ? codes[code].exit_status : 1;
}
