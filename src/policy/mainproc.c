/* SPDX-License-Identifier: MIT */
#include "policy/mainproc.h"

#include <string.h>

void mainproc_done(struct mainproc *m)
{
        json_decref(m->entrypoint);
        json_decref(m->cmd);
        *m = (struct mainproc){ 0 };
}

json_t *mainproc_shell(void)
{
        return json_pack(
                "[sss]", "/bin/sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash; exec sh");
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}

static bool is_shell_name(const char *s)
{
        static const char *const shells[] = { "sh", "bash", "dash", "ash", "zsh", "ksh", "fish" };
        for (size_t i = 0; i < ARRAY_LEN(shells); i++)
                if (strcmp(base_name(s), shells[i]) == 0)
                        return true;
        return false;
}

/* -l, -i, -li, --login leave a shell interactive; -c, and any word that is no flag, do not. */
static bool is_shell_flag(const char *s)
{
        if (strcmp(s, "--login") == 0 || strcmp(s, "--interactive") == 0)
                return true;
        return s[0] == '-' && s[1] && s[1 + strspn(s + 1, "il")] == '\0';
}

static bool is_shell_command(const json_t *argv)
{
        const char *first = json_string_value(json_array_get(argv, 0));
        if (!first || !is_shell_name(first))
                return false;
        for (size_t i = 1; i < json_array_size(argv); i++) {
                const char *arg = json_string_value(json_array_get(argv, i));
                if (!arg || !is_shell_flag(arg))
                        return false;
        }
        return true;
}

/* Only the strings: an image's configuration is foreign. */
static json_t *strings_of(const json_t *list)
{
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(list); i++) {
                json_t *item = json_array_get(list, i);
                if (json_is_string(item))
                        json_array_append(copy, item);
        }
        return copy;
}

void mainproc_choose(const json_t *entrypoint, const json_t *cmd, struct mainproc *ret)
{
        struct mainproc m = { .entrypoint = strings_of(entrypoint), .cmd = strings_of(cmd) };
        /* ENTRYPOINT [""] is how images take back one that they inherited. */
        if (json_array_size(m.entrypoint) == 1 &&
                !*json_string_value(json_array_get(m.entrypoint, 0)))
                json_array_clear(m.entrypoint);
        if (json_array_size(m.entrypoint) + json_array_size(m.cmd) == 0) {
                json_decref(m.cmd);
                m.cmd = mainproc_shell();
                m.is_shell = true;
        } else {
                cleanup_json json_t *argv = json_copy(m.entrypoint);
                json_array_extend(argv, m.cmd);
                m.is_shell = is_shell_command(argv);
        }
        *ret = m;
}
