/* SPDX-License-Identifier: MIT */
#include "image/reference.h"

#include "base/str.h"
#include "image/shown.h"

#include <string.h>

#define DEFAULT_REGISTRY "docker.io"
#define DEFAULT_PREFIX "library/"
#define EXAMPLE "use an image name such as aime/pytorch:2.8.0"

enum { TAG_MAX = 128, ID_DIGITS_MIN = 12, ID_DIGITS_MAX = 64 };

static bool is_lower_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
        return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex_id(const char *s)
{
        size_t n = strspn(s, "0123456789abcdefABCDEF");
        return s[n] == '\0' && n >= ID_DIGITS_MIN && n <= ID_DIGITS_MAX;
}

/* Letters and digits with one '.', one or two '_', or any number of '-' between them. */
static bool component_ok(const char *s, size_t n)
{
        size_t i = 0;
        while (i < n && is_lower_alnum(s[i])) {
                while (i < n && is_lower_alnum(s[i]))
                        i++;
                if (i == n)
                        return true;
                size_t from = i;
                while (i < n && s[i] == s[from])
                        i++;
                size_t most = s[from] == '.' ? 1 : s[from] == '_' ? 2 : s[from] == '-' ? n : 0;
                if (i - from > most)
                        return false;
        }
        return false;
}

static bool path_ok(const char *s)
{
        for (;;) {
                size_t n = strcspn(s, "/");
                if (!component_ok(s, n))
                        return false;
                if (s[n] == '\0')
                        return true;
                s += n + 1;
        }
}

/* host.name or host.name:5000; each label of the name begins and ends with a letter or digit. */
static bool registry_ok(const char *s, size_t n)
{
        const char *colon = memchr(s, ':', n);
        size_t host = colon ? (size_t)(colon - s) : n;
        if (colon) {
                size_t digits = n - host - 1;
                if (digits == 0 || digits > 5 || strspn(colon + 1, "0123456789") < digits)
                        return false;
        }
        for (size_t i = 0, from = 0; i <= host; i++) {
                if (i < host && (is_lower_alnum(s[i]) || s[i] == '-'))
                        continue;
                if (i < host && s[i] != '.')
                        return false;
                if (i == from || s[from] == '-' || s[i - 1] == '-')
                        return false;
                from = i + 1;
        }
        return true;
}

static bool tag_ok(const char *s)
{
        size_t n = 0;
        for (; s[n]; n++)
                if (!is_alnum(s[n]) && s[n] != '_' && (n == 0 || (s[n] != '.' && s[n] != '-')))
                        return false;
        return n > 0 && n <= TAG_MAX;
}

/* The first component is a registry if it looks like a host: a dot, a port, or "localhost". */
static bool names_registry(const char *s, size_t n)
{
        return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && memcmp(s, "localhost", 9) == 0);
}

static int refuse(struct err *e, const char *text, const char *why)
{
        cleanup_free char *shown = shown_text(text, 80);
        err_set(e, ERR_INVALID, "Image name '%s' %s: " EXAMPLE, shown, why);
        return err_fix(e, "image-list --all");
}

/* What can be told from the whole text; NULL if nothing is wrong with it so far. */
static const char *whole_fault(const char *text)
{
        if (text[0] == '\0')
                return "is empty";
        if (strlen(text) > REFERENCE_MAX)
                return "is longer than 200 bytes";
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p >= 0x7f)
                        return "has a character that image names can't have";
        if (strchr(text, '@'))
                return "names a digest";
        if (is_hex_id(text))
                return "is an image id";
        return NULL;
}

static const char *path_fault(const char *path)
{
        for (const char *p = path; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        return "has upper case in front of the tag";
        /* "sha256:ab12" is the beginning of an id to the engine, whatever stands in front. */
        const char *name = str_starts(path, DEFAULT_PREFIX) ? path + strlen(DEFAULT_PREFIX) : path;
        if (str_eq(name, "sha256") || str_eq(name, "sha384") || str_eq(name, "sha512"))
                return "is an image id";
        return path_ok(path) ? NULL : "is not well formed";
}

int reference_parse(const char *text, struct reference *ret, struct err *e)
{
        const char *fault = whole_fault(text);
        if (fault)
                return refuse(e, text, fault);

        const char *slash = strchr(text, '/');
        size_t host = slash ? (size_t)(slash - text) : 0;
        bool registry = slash && names_registry(text, host);
        const char *rest = registry ? slash + 1 : text;
        const char *colon = strchr(rest, ':');
        cleanup_free char *path = xstrndup(rest, colon ? (size_t)(colon - rest) : strlen(rest));
        cleanup_free char *domain = registry ? xstrndup(text, host) : xstrdup(DEFAULT_REGISTRY);
        if (str_eq(domain, "index.docker.io"))
                str_replace(&domain, DEFAULT_REGISTRY);

        if ((fault = path_fault(path)))
                return refuse(e, text, fault);
        /* In its short form "docker.io/a.b/c" would be c on the host a.b. */
        if (str_eq(domain, DEFAULT_REGISTRY) && strchr(path, '/') &&
                names_registry(path, strcspn(path, "/")))
                return refuse(e, text, "has two registries");
        if (!registry_ok(domain, strlen(domain)))
                return refuse(e, text, "has a registry that is not a host name");
        if (colon && !tag_ok(colon + 1))
                return refuse(e, text, "has a tag that is not well formed");

        bool add = str_eq(domain, DEFAULT_REGISTRY) && !strchr(path, '/');
        *ret = (struct reference){
                .registry = take_ptr(domain),
                .path = xasprintf("%s%s", add ? DEFAULT_PREFIX : "", path),
                .tag = xstrdup(colon ? colon + 1 : "latest"),
        };
        return 0;
}

void reference_done(struct reference *r)
{
        free(r->registry);
        free(r->path);
        free(r->tag);
        *r = (struct reference){ 0 };
}

void reference_copy(const struct reference *r, struct reference *ret)
{
        *ret = (struct reference){ xstrdup(r->registry), xstrdup(r->path), xstrdup(r->tag) };
}

/* The path in its short form, borrowed; *ret_registry is NULL where the engine prints none. */
static const char *short_path(const struct reference *r, const char **ret_registry)
{
        bool common = str_eq(r->registry, DEFAULT_REGISTRY);
        *ret_registry = common ? NULL : r->registry;
        if (!common || !str_starts(r->path, DEFAULT_PREFIX))
                return r->path;
        const char *name = r->path + strlen(DEFAULT_PREFIX);
        return strchr(name, '/') ? r->path : name;
}

char *reference_text(const struct reference *r)
{
        const char *registry;
        const char *path = short_path(r, &registry);
        return xasprintf("%s%s%s:%s", str_or_empty(registry), registry ? "/" : "", path, r->tag);
}

bool reference_equal(const struct reference *a, const struct reference *b)
{
        return str_eq(a->registry, b->registry) && str_eq(a->path, b->path) &&
               str_eq(a->tag, b->tag);
}

bool reference_is_ds01(const struct reference *r, char **ret_owner, char **ret_rest)
{
        if (!str_eq(r->registry, DEFAULT_REGISTRY) || !str_starts(r->path, "ds01-"))
                return false;
        const char *owner = r->path + strlen("ds01-");
        const char *slash = strchr(owner, '/');
        if (!slash)
                return false;
        if (ret_owner)
                *ret_owner = xstrndup(owner, (size_t)(slash - owner));
        if (ret_rest)
                *ret_rest = xstrdup(slash + 1);
        return true;
}

/* '*' is the only wildcard. Linear: on a mismatch only the last '*' grows. */
static bool glob(const char *pattern, const char *s)
{
        const char *star = NULL, *resume = NULL;
        while (*s) {
                if (*pattern == '*') {
                        star = ++pattern;
                        resume = s;
                } else if (*pattern == *s) {
                        pattern++;
                        s++;
                } else if (star) {
                        pattern = star;
                        s = ++resume;
                } else {
                        return false;
                }
        }
        while (*pattern == '*')
                pattern++;
        return *pattern == '\0';
}

bool reference_matches(const struct reference *r, const char *pattern)
{
        const char *registry;
        const char *path = short_path(r, &registry);
        cleanup_free char *brief =
                xasprintf("%s%s%s", str_or_empty(registry), registry ? "/" : "", path);
        cleanup_free char *full = xasprintf("%s/%s", r->registry, r->path);
        const char *const names[] = { brief, full };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                cleanup_free char *tagged = xasprintf("%s:%s", names[i], r->tag);
                if (glob(pattern, names[i]) || glob(pattern, tagged))
                        return true;
        }
        return false;
}
