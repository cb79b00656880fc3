/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <string.h>

const struct command *const commands[] = {
#define X(name) &name,
#include "cli/commands.def"
#undef X
        NULL,
};

/* A noun with several verbs is a program itself: `container`, not `policy`. */
static bool noun_is_program(const char *noun)
{
        size_t n = 0;
        for (const struct command *const *p = commands; *p; p++)
                n += strcmp((*p)->noun, noun) == 0;
        return n > 1;
}

static void add_name(struct strv *ret, const char *noun, const char *verb)
{
        if (verb && strcmp(noun, "ds01") != 0)
                strv_take(ret, xasprintf("%s-%s", noun, verb));
}

void command_programs(struct strv *ret)
{
        for (const struct command *const *p = commands; *p; p++) {
                const struct command *cmd = *p;
                if (!strv_has(ret, cmd->noun) && noun_is_program(cmd->noun))
                        strv_add(ret, cmd->noun);
                if (cmd->flags & CMD_PROGRAM)
                        strv_add(ret, cmd->verb);
                add_name(ret, cmd->noun, cmd->verb);
                add_name(ret, cmd->noun, cmd->alias);
                for (const char *const *n = cmd->also; n && *n; n++)
                        add_name(ret, *n, cmd->verb);
        }
}
