/* SPDX-License-Identifier: MIT */
#include "policy/name.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

static bool is_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_separator(char c)
{
        return c == '.' || c == '_' || c == '-';
}

static int refuse(const char *in, struct err *e)
{
        cleanup_free char *safe = str_safe(in);
        cleanup_free char *cut = str_cut_middle(safe, NAME_MAX_LEN + 8);
        return err_set(e, ERR_INVALID,
                "Invalid name '%s': use 1–40 lower-case letters and digits, "
                "with single . _ - between them",
                cut);
}

int name_check(const char *in, char out[NAME_SIZE], bool *ret_folded, struct err *e)
{
        char name[NAME_SIZE];
        size_t n = strnlen(in, NAME_SIZE);
        bool folded = false;
        if (n == 0 || n > NAME_MAX_LEN)
                return refuse(in, e);
        for (size_t i = 0; i < n; i++) {
                bool upper = in[i] >= 'A' && in[i] <= 'Z';
                name[i] = upper ? (char)(in[i] | 0x20) : in[i];
                folded |= upper;
                bool between = i > 0 && i + 1 < n && !is_separator(name[i - 1]);
                if (!is_alnum(name[i]) && !(is_separator(name[i]) && between))
                        return refuse(in, e);
        }
        name[n] = '\0';
        memcpy(out, name, n + 1);
        if (ret_folded)
                *ret_folded = folded;
        return 0;
}

void name_hostname(const char *name, char out[NAME_SIZE])
{
        size_t i = 0;
        for (; i < NAME_MAX_LEN && name[i]; i++)
                out[i] = name[i] == '.' || name[i] == '_' ? '-' : name[i];
        out[i] = '\0';
}

void name_engine(const char *name, uid_t uid, char out[NAME_ENGINE_SIZE])
{
        snprintf(out, NAME_ENGINE_SIZE, "%.40s._.%u", name, uid);
}
