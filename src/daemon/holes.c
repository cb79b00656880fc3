/* SPDX-License-Identifier: MIT */
#include "daemon/holes.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { VERSION_TEXT_MAX = 64 };

static const struct hole holes[] = {
#define X(component, fixed, only_with_plugins, names, what)                                        \
        { component, fixed, only_with_plugins, names, what },
#include "daemon/holes.def"
#undef X
};

const struct hole *hole_at(size_t i)
{
        return i < ARRAY_LEN(holes) ? &holes[i] : NULL;
}

static const struct {
        const char *name, *debian, *maker;
} components[] = {
        [HOLE_ENGINE] = { "Engine", "docker.io", "docker-ce" },
        [HOLE_CONTAINERD] = { "containerd", "containerd", "containerd.io" },
        [HOLE_RUNC] = { "runc", "runc", "containerd.io" },
        [HOLE_TOOLKIT] = { "NVIDIA Container Toolkit", "nvidia-container-toolkit",
                "nvidia-container-toolkit" },
};

const char *hole_component_name(enum hole_component c)
{
        return components[c].name;
}

const char *hole_component_package(enum hole_component c, bool by_distribution)
{
        return by_distribution ? components[c].debian : components[c].maker;
}

/* A number of at most six digits; NULL where there is none. */
static const char *read_number(const char *p, int *ret)
{
        int n = 0, digits = 0;
        for (; isdigit((unsigned char)*p) && digits < 6; p++, digits++)
                n = n * 10 + (*p - '0');
        if (digits == 0 || isdigit((unsigned char)*p))
                return NULL;
        *ret = n;
        return p;
}

/* What stands behind the numbers: "-rc.3", "~rc3", or a distribution's own. */
static void read_rest(const char *p, struct hole_version *v)
{
        if (strncmp(p, "-rc", 3) == 0 || strncmp(p, "~rc", 3) == 0) {
                v->candidate = 0;
                p += 3;
                p += *p == '.';
                const char *end = read_number(p, &v->candidate);
                p = end ? end : p;
        } else if (strncmp(p, "-beta", 5) == 0 || strncmp(p, "-alpha", 6) == 0) {
                v->candidate = 0;
                return;
        }
        v->by_distribution = *p == '+' || *p == '~' || (*p == '-' && isdigit((unsigned char)p[1]));
}

bool hole_version_parse(const char *text, struct hole_version *ret)
{
        struct hole_version v = { .candidate = INT_MAX };
        const char *p = text + (*text == 'v');
        for (int i = 0; i < 3; i++) {
                p = read_number(p, &v.number[i]);
                if (!p)
                        return false;
                if (*p != '.')
                        break;
                p++;
        }
        read_rest(p, &v);
        *ret = v;
        return true;
}

int hole_version_compare(const struct hole_version *a, const struct hole_version *b)
{
        for (int i = 0; i < 3; i++)
                if (a->number[i] != b->number[i])
                        return a->number[i] < b->number[i] ? -1 : 1;
        return (a->candidate > b->candidate) - (a->candidate < b->candidate);
}

static bool same_line(const struct hole_version *a, const struct hole_version *b)
{
        return a->number[0] == b->number[0] && a->number[1] == b->number[1];
}

bool hole_open(const struct hole *h, const struct hole_version *v)
{
        struct hole_version fixed = { 0 };
        for (const char *p = h->fixed; *p; p += strspn(p, " ")) {
                char text[VERSION_TEXT_MAX];
                size_t n = strcspn(p, " ");
                snprintf(text, sizeof text, "%.*s", (int)n, p);
                p += n;
                if (hole_version_parse(text, &fixed) && same_line(v, &fixed))
                        break;
        }
        /* The fix of its own line; where that has none, of the newest that has. */
        return hole_version_compare(v, &fixed) < 0;
}

/* The value of a field in one paragraph, which ends at an empty line; not NUL-terminated. */
static const char *field(const char *paragraph, const char *end, const char *name, size_t *ret_n)
{
        size_t len = strlen(name);
        for (const char *p = paragraph; p < end;) {
                size_t n = strcspn(p, "\n");
                if (n > len && strncmp(p, name, len) == 0) {
                        *ret_n = n - len;
                        return p + len;
                }
                p += n + 1;
        }
        return NULL;
}

bool hole_dpkg_version(const char *status, const char *package, char *out, size_t size)
{
        cleanup_free char *head = xasprintf("Package: %s\n", package);
        for (const char *p = status; (p = strstr(p, head)); p++) {
                if (p != status && p[-1] != '\n')
                        continue;
                const char *end = strstr(p, "\n\n");
                end = end ? end : p + strlen(p);
                size_t n = 0;
                const char *state = field(p, end, "Status: ", &n);
                if (!state || n < 10 || strncmp(state + n - 10, " installed", 10) != 0)
                        continue;
                const char *version = field(p, end, "Version: ", &n);
                if (!version)
                        continue;
                const char *colon = memchr(version, ':', n);
                if (colon) {
                        n -= (size_t)(colon + 1 - version);
                        version = colon + 1;
                }
                snprintf(out, size, "%.*s", (int)n, version);
                return true;
        }
        return false;
}
