/* SPDX-License-Identifier: MIT */
#include "host/mountinfo.h"

#include "base/fd.h"
#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A machine with a thousand containers has some 2 MiB of it. */
#define MOUNTINFO_MAX (64u << 20)

void mountinfo_done(struct mountinfo *mi)
{
        free(mi->text);
        free(mi->rows);
        *mi = (struct mountinfo){ 0 };
}

static bool is_octal(const char *s)
{
        return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' &&
               s[2] <= '7';
}

/* The kernel writes blank, tab, newline, '#' and backslash as \NNN. */
static void unescape(char *s)
{
        char *out = s;
        while (*s) {
                if (s[0] == '\\' && is_octal(s + 1)) {
                        *out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 4;
                } else {
                        *out++ = *s++;
                }
        }
        *out = '\0';
}

/* "36 35 98:0 /root /path rw,nosuid master:1 - ext4 /dev/x rw": any number of words before " - ".
 */
static bool parse_row(char *line, struct mountinfo_row *ret)
{
        char *tail = strstr(line, " - ");
        if (!tail)
                return false;
        *tail = '\0';
        tail += strlen(" - ");

        char *head[6];
        char *save = NULL;
        for (size_t i = 0; i < ARRAY_LEN(head); i++) {
                head[i] = strtok_r(i ? NULL : line, " ", &save);
                if (!head[i])
                        return false;
        }
        long long id;
        if (!str_to_int(head[0], 0, INT_MAX, &id))
                return false;
        char *fstype = strtok_r(tail, " ", &save);
        char *source = fstype ? strtok_r(NULL, " ", &save) : NULL;
        char *super = source ? strtok_r(NULL, " ", &save) : NULL;
        if (!super)
                return false;
        unescape(head[3]);
        unescape(head[4]);
        *ret = (struct mountinfo_row){
                .id = (int)id,
                .dev = head[2],
                .root = head[3],
                .path = head[4],
                .options = head[5],
                .fstype = fstype,
                .super = super,
        };
        return true;
}

static void parse_owned(char *text, struct mountinfo *ret)
{
        struct mountinfo mi = { .text = text };
        size_t cap = 0;
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                struct mountinfo_row row;
                if (!parse_row(line, &row))
                        continue;
                if (mi.n == cap) {
                        cap = cap ? cap * 2 : 64;
                        mi.rows = xrealloc(mi.rows, cap, sizeof *mi.rows);
                }
                mi.rows[mi.n++] = row;
        }
        *ret = mi;
}

void mountinfo_parse(const char *text, struct mountinfo *ret)
{
        parse_owned(xstrdup(text), ret);
}

int mountinfo_read(pid_t pid, struct mountinfo *ret, struct err *e)
{
        char path[64] = "/proc/self/mountinfo";
        if (pid > 0)
                snprintf(path, sizeof path, "/proc/%d/mountinfo", pid);
        char *text;
        if (fd_read_file(AT_FDCWD, path, MOUNTINFO_MAX, &text, NULL, e))
                return -1;
        parse_owned(text, ret);
        return 0;
}

const struct mountinfo_row *mountinfo_by_id(const struct mountinfo *mi, int id)
{
        for (size_t i = 0; i < mi->n; i++)
                if (mi->rows[i].id == id)
                        return &mi->rows[i];
        return NULL;
}

const struct mountinfo_row *mountinfo_by_path(const struct mountinfo *mi, const char *path)
{
        for (size_t i = mi->n; i > 0; i--)
                if (strcmp(mi->rows[i - 1].path, path) == 0)
                        return &mi->rows[i - 1];
        return NULL;
}

bool mountinfo_has_option(const char *options, const char *word)
{
        size_t n = strlen(word);
        for (const char *p = options; *p;) {
                size_t len = strcspn(p, ",");
                if (len == n && memcmp(p, word, n) == 0)
                        return true;
                p += len + (p[len] == ',');
        }
        return false;
}
