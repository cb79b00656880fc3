/* SPDX-License-Identifier: MIT */
#include "rpc/describe.h"

#include "base/buf.h"
#include "base/str.h"
#include "rpc/api.h"

#include <string.h>

enum { TEXT_MAX = 256 << 10 };

static const char *const type_names[] = {
        [API_STRING] = "string",
        [API_INT] = "int",
        [API_BOOL] = "bool",
        [API_STRINGS] = "[]string",
};

static const char *const who_lines[] = {
        [API_ANYONE] = "For everyone, also without access",
        [API_USER] = "For accounts with access, about their own",
        [API_USER_OR_ADMIN] =
                "For accounts with access, about their own; for admins, also about others'",
};

static void add_field(struct buf *b, const struct api_field *f, size_t i)
{
        buf_printf(b, "%s\n  # %s\n  %s: %s%s", i ? "," : "", f->doc, f->name,
                f->flags & API_REQUIRED ? "" : "?", type_names[f->type]);
}

/* `at` is api_param_at or api_reply_at. */
static void add_fields(struct buf *b, const struct api_method *m,
        const struct api_field *(*at)(const struct api_method *, size_t))
{
        const struct api_field *f;
        size_t i = 0;
        buf_putc(b, '(');
        for (; (f = at(m, i)); i++)
                add_field(b, f, i);
        buf_str_add(b, i ? "\n)" : ")");
}

static void add_method(struct buf *b, const struct api_method *m)
{
        buf_printf(b, "\n# %s.\n# %s.\n", m->doc, who_lines[m->who]);
        if (m->flags & API_MORE)
                buf_str_add(b, "# Needs \"more\"; the last reply is without \"continues\".\n");
        if (m->max_fds > 0)
                buf_printf(b, "# Takes at most %zu descriptors.\n", m->max_fds);
        if (m->flags & API_FD)
                buf_str_add(b, "# The reply carries one descriptor.\n");
        buf_printf(b, "method %s", strrchr(m->name, '.') + 1);
        add_fields(b, m, api_param_at);
        buf_str_add(b, " -> ");
        add_fields(b, m, api_reply_at);
        buf_putc(b, '\n');
}

static void add_interface(struct buf *b, const struct api_interface *face)
{
        const struct api_method *m;
        size_t n = strlen(face->name);
        buf_printf(b, "# %s.\ninterface %s\n", face->doc, face->name);
        for (size_t i = 0; (m = api_method_at(i)); i++)
                if (str_starts(m->name, face->name) && strrchr(m->name, '.') == m->name + n)
                        add_method(b, m);
}

static void add_error(struct buf *b, const char *wire, int status, const char *meaning)
{
        buf_printf(b, "\n# Exit status %d: %s.\n", status, meaning);
        buf_printf(b, "error %s(message: string, detail: ?string, fix: ?string)\n",
                strrchr(wire, '.') + 1);
}

static void add_errors(struct buf *b)
{
        buf_str_add(b,
                "# Errors of every method: message is one sentence, detail has further lines,\n"
                "# fix says what helps; the exit status is that of the ds01 command.\n"
                "interface " DESCRIBE_ERRORS "\n");
#define X(code, wire, exit_status, meaning) add_error(b, wire, exit_status, meaning);
#include "base/err.def"
#undef X
}

char *describe_interface(const char *name)
{
        struct buf b = BUF_INIT(TEXT_MAX);
        const struct api_interface *face;
        if (strcmp(name, DESCRIBE_ERRORS) == 0)
                add_errors(&b);
        for (size_t i = 0; (face = api_interface_at(i)); i++)
                if (strcmp(name, face->name) == 0)
                        add_interface(&b, face);
        return b.len ? buf_take(&b) : NULL;
}

char *describe_all(void)
{
        struct buf b = BUF_INIT(TEXT_MAX);
        const struct api_interface *face;
        add_errors(&b);
        for (size_t i = 0; (face = api_interface_at(i)); i++) {
                buf_putc(&b, '\n');
                add_interface(&b, face);
        }
        return buf_take(&b);
}
