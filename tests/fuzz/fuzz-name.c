/* SPDX-License-Identifier: MIT */
/*
 * Names of projects and containers. Exactly what the rule says is taken, in upper case too: 1 to 40 letters and
 * digits with single . _ - between them, here as a regular expression. So no name is a path, an option or two
 * words. What was taken is taken again unchanged; its host name is one; the engine's name for it leads back to
 * name and account. What was refused is refused with a sentence that can be shown, and nothing else changed.
 */
#include "policy/name.h"

#include "base/str.h"
#include "calm.h"

#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The rules: as people type names, as they are kept, and as hosts have them. */
enum { RULE_TYPED, RULE_KEPT, RULE_HOST, RULE_COUNT };

static bool matches(int rule, const char *text)
{
        static const char *const patterns[RULE_COUNT] = {
                [RULE_TYPED] = "^[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*$",
                [RULE_KEPT] = "^[a-z0-9]+([._-][a-z0-9]+)*$",
                [RULE_HOST] = "^[a-z0-9]+(-[a-z0-9]+)*$",
        };
        static regex_t compiled[RULE_COUNT];
        static bool done[RULE_COUNT];
        if (!done[rule] && regcomp(&compiled[rule], patterns[rule], REG_EXTENDED | REG_NOSUB) != 0)
                abort();
        done[rule] = true;
        return regexec(&compiled[rule], text, 0, NULL, 0) == 0;
}

static void check_forms(const char *name)
{
        char host[NAME_SIZE], engine[NAME_ENGINE_SIZE], uid[16];
        name_hostname(name, host);
        if (strlen(host) != strlen(name) || !matches(RULE_HOST, host))
                abort();
        name_engine(name, UINT32_MAX, engine);
        snprintf(uid, sizeof uid, "%u", UINT32_MAX);
        const char *mark = strstr(engine, "._.");
        if (!mark || (size_t)(mark - engine) != strlen(name) ||
                strncmp(engine, name, strlen(name)) || strcmp(mark + 3, uid) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_free char *text = xstrndup((const char *)data, n);
        char name[NAME_SIZE] = "untouched", again[NAME_SIZE];
        bool folded = true, folded_again = true;
        struct err e = ERR_INIT;
        bool fits = strlen(text) <= 40 && matches(RULE_TYPED, text);
        if (name_check(text, name, &folded, &e) < 0) {
                if (fits || e.code != ERR_INVALID || !calm_sentence(e.msg, sizeof e.msg))
                        abort();
                if (strcmp(name, "untouched") != 0 || !folded)
                        abort();
                return 0;
        }
        if (!fits || !matches(RULE_KEPT, name))
                abort();
        if (strcasecmp(name, text) != 0 || folded != (strcmp(name, text) != 0))
                abort();
        if (name_check(name, again, &folded_again, &e) < 0 || folded_again ||
                strcmp(again, name) != 0)
                abort();
        check_forms(name);
        return 0;
}
