/* SPDX-License-Identifier: MIT */
#include "image/catalogue.h"

#include "image/shown.h"

#include <string.h>
#include <strings.h>

enum { WORD_MAX = 60, ENTRIES_MAX = 4096, WARNINGS_MAX = 50 };

const char *const catalogue_frameworks[] = { "pytorch", "tensorflow", "jax", "none", NULL };

static void entry_done(struct catalogue_entry *entry)
{
        free(entry->framework);
        free(entry->version);
        strv_done(&entry->archs);
        reference_done(&entry->image);
}

void catalogue_done(struct catalogue *c)
{
        for (size_t i = 0; i < c->n; i++)
                entry_done(&c->entries[i]);
        free(c->entries);
        *c = (struct catalogue){ 0 };
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Takes the next number of a version; false where its numeric part ends. Leading zeros don't count.
 */
static bool next_number(const char **s, const char **ret_digits, size_t *ret_n)
{
        while (**s && **s != '-' && **s != '+' && !is_digit(**s))
                ++*s;
        if (!is_digit(**s))
                return false;
        while (**s == '0' && is_digit((*s)[1]))
                ++*s;
        *ret_digits = *s;
        while (is_digit(**s))
                ++*s;
        *ret_n = (size_t)(*s - *ret_digits);
        return true;
}

int catalogue_compare_versions(const char *a, const char *b)
{
        for (;;) {
                const char *x = NULL, *y = NULL;
                size_t nx = 0, ny = 0;
                bool more_a = next_number(&a, &x, &nx), more_b = next_number(&b, &y, &ny);
                if (!more_a || !more_b)
                        return more_a - more_b;
                /* Digit strings, so that no number is too long to compare. */
                int order = nx != ny ? (nx > ny ? 1 : -1) : memcmp(x, y, nx);
                if (order)
                        return order;
        }
}

/* Newest first among the entries of a framework; entries of one version in their written order. */
static int by_place(const void *left, const void *right)
{
        const struct catalogue_entry *a = left, *b = right;
        int order = strcmp(a->framework, b->framework);
        if (order == 0)
                order = catalogue_compare_versions(b->version, a->version);
        return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* Moves *s behind the text up to one of `stops` or the end, and gives that text without blanks. */
static char *take_field(const char **s, const char *stops)
{
        const char *from = *s + strspn(*s, " \t");
        size_t n = strcspn(from, stops);
        *s = from + n;
        while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\t'))
                n--;
        return xstrndup(from, n);
}

static bool is_word(const char *s)
{
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-");
        return n > 0 && n <= WORD_MAX && s[n] == '\0';
}

static void fold(char *s, char from, char to)
{
        for (; *s; s++)
                if (*s >= from && *s <= to)
                        *s = (char)(*s ^ 0x20);
}

/* The third field: "[A;B]" or, as in AIME's older files, a single word without brackets. */
static const char *take_archs(const char **s, struct strv *archs)
{
        bool brackets = **s == '[';
        if (brackets)
                ++*s;
        for (;;) {
                cleanup_free char *arch = take_field(s, brackets ? ",;]" : ",");
                if (!is_word(arch))
                        return "the third field is not a list of architectures such as "
                               "[CUDA_ADA;CPU]";
                fold(arch, 'a', 'z');
                strv_take(archs, take_ptr(arch));
                if (**s == '\0')
                        return brackets ? "a ']' is missing" : "there are fewer than four fields";
                if (!brackets || **s == ']')
                        break;
                ++*s;
        }
        if (brackets)
                ++*s;
        *s += strspn(*s, " \t");
        if (**s != ',')
                return "a comma is missing after the architectures";
        ++*s;
        return NULL;
}

/* Reads one line into *ret. Returns what is wrong with it, or NULL; `e` holds the text's storage.
 */
static const char *parse_entry(const char *line, struct catalogue_entry *ret, struct err *e)
{
        ret->framework = take_field(&line, ",");
        if (!is_word(ret->framework))
                return "the framework is not a word";
        fold(ret->framework, 'A', 'Z');
        if (*line++ != ',')
                return "there are fewer than four fields";
        ret->version = take_field(&line, ",");
        if (!is_word(ret->version) || !is_digit(ret->version[0]))
                return "the version does not begin with a number";
        if (*line++ != ',')
                return "there are fewer than four fields";
        line += strspn(line, " \t");
        const char *fault = take_archs(&line, &ret->archs);
        if (fault)
                return fault;
        cleanup_free char *image = take_field(&line, "");
        if (reference_parse(image, &ret->image, e) < 0)
                return e->msg;
        return NULL;
}

static void warn(struct strv *warnings, const char *name, size_t line, const char *what)
{
        if (warnings && warnings->n < WARNINGS_MAX)
                strv_take(warnings, xasprintf("%s:%zu: %s", name, line, what));
}

/* Adds one line; false if the catalogue takes no more. */
static bool add_line(
        struct catalogue *c, char *line, const char *name, size_t number, struct strv *warnings)
{
        line[strcspn(line, "#")] = '\0';
        if (line[strspn(line, " \t")] == '\0')
                return true;
        if (c->n == ENTRIES_MAX) {
                warn(warnings, name, number, "too many entries, the rest is left out");
                return false;
        }
        struct err e = ERR_INIT;
        struct catalogue_entry entry = { .order = c->n };
        const char *fault = parse_entry(line, &entry, &e);
        if (fault) {
                warn(warnings, name, number, fault);
                entry_done(&entry);
                return true;
        }
        c->entries = xrealloc(c->entries, c->n + 1, sizeof *c->entries);
        c->entries[c->n++] = entry;
        return true;
}

void catalogue_add(
        struct catalogue *c, const char *text, size_t n, const char *name, struct strv *warnings)
{
        if (!str_is_utf8(text, n)) {
                warn(warnings, name, 1, "the file is not UTF-8 text, all of it is left out");
                return;
        }
        size_t number = 0;
        for (size_t from = 0; from < n;) {
                const char *end = memchr(text + from, '\n', n - from);
                size_t len = end ? (size_t)(end - text) - from : n - from;
                size_t keep = len > 0 && text[from + len - 1] == '\r' ? len - 1 : len;
                cleanup_free char *line = xstrndup(text + from, keep);
                if (!add_line(c, line, name, ++number, warnings))
                        break;
                from += len + 1;
        }
        if (c->n > 1)
                qsort(c->entries, c->n, sizeof *c->entries, by_place);
}

static bool is_cpu(const char *arch)
{
        return arch[0] == '\0' || strcasecmp(arch, "CPU") == 0;
}

static bool entry_has(const struct catalogue_entry *entry, const char *arch)
{
        for (size_t i = 0; i < entry->archs.n; i++)
                if (strcasecmp(entry->archs.v[i], arch) == 0)
                        return true;
        return false;
}

/* How well an entry fits a machine: 2 as asked for, 1 usable, 0 not. CUDA images also run without a
 * GPU. */
static int fitness(const struct catalogue_entry *entry, const char *arch)
{
        if (is_cpu(arch))
                return entry_has(entry, "CPU") ? 2 : 1;
        return entry_has(entry, arch) ? 2 : 0;
}

/* "2.8.0" covers itself (2), and "2.8.0-aime" and "2.8.0.1" (1) but not "2.8.01". */
static int version_fits(const char *have, const char *wanted)
{
        size_t n = strlen(wanted);
        if (strncasecmp(have, wanted, n) != 0)
                return 0;
        if (have[n] == '\0')
                return 2;
        return n == 0 || have[n] == '.' || have[n] == '-' || have[n] == '+';
}

/*
 * The entries are sorted, so that the first of several equally good ones is the newest or the first
 * written. An exact version beats a newer longer one, then one made for the machine a newer other
 * one.
 */
static const struct catalogue_entry *best(
        const struct catalogue *c, const char *framework, const char *version, const char *arch)
{
        const struct catalogue_entry *found = NULL;
        int found_version = 0, found_arch = 0;
        for (size_t i = 0; i < c->n; i++) {
                const struct catalogue_entry *entry = &c->entries[i];
                int v = version_fits(entry->version, version), a = fitness(entry, arch);
                if (strcasecmp(entry->framework, framework) != 0 || v == 0 || a == 0)
                        continue;
                if (v > found_version || (v == found_version && a > found_arch)) {
                        found = entry;
                        found_version = v;
                        found_arch = a;
                }
        }
        return found;
}

/* Says what there is: other frameworks, or other versions of this one. */
static int not_found(const struct catalogue *c, const char *framework, const char *version,
        const char *arch, struct err *e)
{
        cleanup_free const struct catalogue_entry **choices = NULL;
        size_t n = catalogue_choices(c, arch, &choices);
        cleanup_strv struct strv frameworks = { 0 };
        cleanup_buf struct buf versions = BUF_INIT(400);
        for (size_t i = 0; i < n; i++) {
                if (!strv_has(&frameworks, choices[i]->framework))
                        strv_add(&frameworks, choices[i]->framework);
                if (strcasecmp(choices[i]->framework, framework) == 0)
                        buf_printf(&versions, "%s%s:%s", versions.len ? ", " : "",
                                choices[i]->framework, choices[i]->version);
        }
        cleanup_free char *shown = shown_text(framework, 60);
        cleanup_free char *shown_version = shown_text(version, 60);
        err_set(e, ERR_NO_IMAGE, "No image for %s%s%s%s%.40s in the catalogue", shown,
                version[0] ? " " : "", shown_version, arch[0] ? " on " : "", arch);
        if (versions.len)
                return err_fix(e, "choose one of %s", buf_str(&versions));
        const char *const *all =
                frameworks.n ? (const char *const *)frameworks.v : catalogue_frameworks;
        const char *near = str_nearest(framework, all);
        cleanup_buf struct buf list = BUF_INIT(400);
        for (const char *const *word = all; *word; word++)
                buf_printf(&list, "%s%s", list.len ? ", " : "", *word);
        return err_fix(e, "%s%s%schoose one of %s", near ? "did you mean " : "", near ? near : "",
                near ? "? " : "", buf_str(&list));
}

bool catalogue_is_alias(const char *image)
{
        return strncasecmp(image, "aime/", 5) == 0 && image[5] != '\0';
}

int catalogue_resolve(const struct catalogue *c, const char *what, const char *arch,
        const struct catalogue_entry **ret, struct err *e)
{
        const char *name = catalogue_is_alias(what) ? what + 5 : what;
        const char *colon = strchr(name, ':');
        cleanup_free char *framework =
                xstrndup(name, colon ? (size_t)(colon - name) : strlen(name));
        const char *version = colon ? colon + 1 : "";
        if (strcasecmp(version, "latest") == 0)
                version = "";
        const struct catalogue_entry *found = best(c, framework, version, arch);
        if (!found)
                return not_found(c, framework, version, arch, e);
        *ret = found;
        return 0;
}

const struct catalogue_entry *catalogue_find_image(
        const struct catalogue *c, const struct reference *image)
{
        const struct catalogue_entry *found = NULL;
        for (size_t i = 0; i < c->n; i++)
                if (reference_equal(&c->entries[i].image, image) &&
                        (!found || c->entries[i].order < found->order))
                        found = &c->entries[i];
        return found;
}

size_t catalogue_choices(
        const struct catalogue *c, const char *arch, const struct catalogue_entry ***ret)
{
        const struct catalogue_entry **list = NULL;
        size_t n = 0;
        for (size_t i = 0; i < c->n; i++) {
                const struct catalogue_entry *entry = &c->entries[i];
                if (fitness(entry, arch) == 0)
                        continue;
                /* The same version again: keep the one that fits the machine better. */
                size_t at = n;
                for (size_t k = n; k > 0 && str_eq(list[k - 1]->framework, entry->framework); k--)
                        if (strcasecmp(list[k - 1]->version, entry->version) == 0)
                                at = k - 1;
                if (at == n)
                        list = xrealloc(list, ++n, sizeof *list);
                else if (fitness(list[at], arch) >= fitness(entry, arch))
                        continue;
                list[at] = entry;
        }
        *ret = list;
        return n;
}

static bool is_pythons(const char *version)
{
        return !version || !*version || strcmp(version, "3") == 0 || str_starts(version, "3.");
}

const char *catalogue_pretty(
        const char *framework, const char *version, const struct reference *image)
{
        static const struct {
                const char *word, *name;
        } names[] = { { "pytorch", "PyTorch" }, { "tensorflow", "TensorFlow" }, { "jax", "JAX" },
                { "mxnet", "MXNet" }, { "rocm", "ROCm" }, { "none", "Python" } },
          plain[] = { { "debian", "Debian" }, { "ubuntu", "Ubuntu" }, { "python", "Python" },
                  { "cuda", "CUDA" }, { "fedora", "Fedora" }, { "alpine", "Alpine" } };
        if (image && strcasecmp(framework, "none") == 0) {
                const char *last = strrchr(image->path, '/');
                last = last ? last + 1 : image->path;
                for (size_t i = 0; i < ARRAY_LEN(plain); i++)
                        if (str_eq(last, plain[i].word))
                                return plain[i].name;
        }
        if (strcasecmp(framework, "none") == 0 && !is_pythons(version))
                return "None";
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (strcasecmp(framework, names[i].word) == 0)
                        return names[i].name;
        return framework;
}
