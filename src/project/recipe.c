/* SPDX-License-Identifier: MIT */
#include "project/recipe.h"

#include "base/fd.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum {
        APT_NAME_MAX = 128,
        REQUIREMENT_MAX = 1000,
        /* A longer name in a file is cut, and then still longer than any that is asked for. */
        PIP_NAME_SIZE = REQUIREMENT_MAX + 2,
};

int dockerfile_read(int project_dirfd, const char *name, char **ret_text, struct err *e)
{
        if (fd_read_file(project_dirfd, "Dockerfile", DOCKERFILE_MAX, ret_text, NULL, e) == 0)
                return 0;
        if (errno == ENOENT) {
                err_set(e, ERR_NOT_FOUND, "No Dockerfile in ~/workspace/%s", name);
                return err_fix(e, "image-create %s", name);
        }
        if (errno == EFBIG)
                return err_set(e, ERR_INVALID,
                        "The Dockerfile in ~/workspace/%s is larger than 64 KiB", name);
        return err_wrap(e, "~/workspace/%s", name);
}

int requirements_read(int project_dirfd, char **ret_text, struct err *e)
{
        if (fd_read_file(project_dirfd, "requirements.txt", REQUIREMENTS_MAX, ret_text, NULL, e) ==
                0)
                return 0;
        if (errno != ENOENT)
                return -1;
        *ret_text = xstrdup("");
        return 0;
}

bool requirement_ok(const char *s)
{
        size_t n = strlen(s);
        if (n == 0 || n > REQUIREMENT_MAX || !isalnum((unsigned char)*s) || s[n - 1] == ' ' ||
                !str_is_utf8(s, n))
                return false;
        for (; *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '\\')
                        return false;
        return true;
}

/* A name as Debian allows it, with an architecture, version or release: "libc6:i386", "vim=2:9*".
 */
bool apt_package_ok(const char *s)
{
        size_t n = strlen(s);
        if (n < 2 || n > APT_NAME_MAX ||
                !(islower((unsigned char)*s) || isdigit((unsigned char)*s)))
                return false;
        size_t name = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
        if (s[name] == '\0')
                return true;
        return strchr(":=/", s[name]) &&
               strspn(s + name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "+.-:=/~") == n - name;
}

/* The part of a requirement that names the package: lower case, runs of - _ . as one "-". */
static void package_name(const char *line, size_t n, char out[PIP_NAME_SIZE])
{
        size_t len = 0;
        while (n > 0 && isspace((unsigned char)*line)) {
                line++;
                n--;
        }
        for (; n > 0 && len + 1 < PIP_NAME_SIZE; line++, n--) {
                bool separator = *line == '-' || *line == '_' || *line == '.';
                if (separator && len > 0 && out[len - 1] == '-')
                        continue;
                if (!separator && !isalnum((unsigned char)*line))
                        break;
                out[len++] = separator ? '-' : (char)tolower((unsigned char)*line);
        }
        /* A scheme is no name: "git+https://…" and paths compare as nothing. */
        if (n > 0 && (*line == '+' || *line == '/' || *line == ':'))
                len = 0;
        out[len] = '\0';
}

/* Index of the entry of `list` that names this package, or -1. */
static ssize_t find_package(const struct strv *list, const char *name)
{
        char other[PIP_NAME_SIZE];
        for (size_t i = 0; list && *name && i < list->n; i++) {
                package_name(list->v[i], strlen(list->v[i]), other);
                if (strcmp(other, name) == 0)
                        return (ssize_t)i;
        }
        return -1;
}

static int check_requirements(const struct strv *list, struct err *e)
{
        for (size_t i = 0; list && i < list->n; i++)
                if (!requirement_ok(list->v[i])) {
                        cleanup_free char *shown = str_safe_max(list->v[i], 200);
                        err_set(e, ERR_INVALID, "'%s' is not a Python package", shown);
                        return err_fix(e, "Name it as in requirements.txt, such as 'numpy>=1.26'");
                }
        return 0;
}

static void note_missing(const struct strv *wanted, const bool *seen, struct strv *ret_missing)
{
        for (size_t i = 0; ret_missing && wanted && i < wanted->n; i++)
                if (!seen[i])
                        strv_add(ret_missing, wanted->v[i]);
}

/* Is that all: a name, or a name with extras? Then whichever version stands there will do. */
static bool names_any_version(const char *requirement)
{
        size_t n = strspn(
                requirement, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
        return requirement[n] == '\0';
}

/* Where the comment of a line begins, the blanks before it included; n if there is none. */
static size_t find_comment(const char *line, size_t n)
{
        for (size_t i = 1; i < n; i++)
                if (line[i] == '#' && (line[i - 1] == ' ' || line[i - 1] == '\t')) {
                        while (i > 0 && (line[i - 1] == ' ' || line[i - 1] == '\t'))
                                i--;
                        return i;
                }
        return n > 0 && line[n - 1] == '\n' ? n - 1 : n;
}

/* True if the text's n bytes are the requirement, as it is written. */
static bool is_same_text(const char *line, size_t n, const char *requirement)
{
        while (n > 0 && isspace((unsigned char)line[n - 1]))
                n--;
        return strlen(requirement) == n && strncmp(line, requirement, n) == 0;
}

/* One line of requirements.txt, its newlines included: kept, replaced or dropped. */
static void edit_line(struct buf *out, const char *line, size_t n, const struct strv *add,
        bool *added, const struct strv *remove, bool *removed)
{
        char name[PIP_NAME_SIZE];
        package_name(line, n, name);
        ssize_t gone = find_package(remove, name);
        ssize_t replaced = find_package(add, name);
        for (size_t i = 0; add && i < add->n; i++)
                added[i] = added[i] || is_same_text(line, n, add->v[i]);
        if (gone >= 0) {
                removed[gone] = true;
        } else if (replaced < 0 || names_any_version(add->v[replaced])) {
                buf_add(out, line, n);
                if (replaced >= 0)
                        added[replaced] = true;
        } else if (is_same_text(line, n, add->v[replaced])) {
                buf_add(out, line, n);
        } else if (!added[replaced]) {
                size_t comment = find_comment(line, n);
                buf_str_add(out, add->v[replaced]);
                buf_add(out, line + comment, n - comment);
                if (line[n - 1] != '\n')
                        buf_putc(out, '\n');
                added[replaced] = true;
        }
}

/* Bytes of the line at `text`, with the lines that a backslash at its end makes part of it. */
static size_t logical_line(const char *text)
{
        size_t n = 0;
        for (;;) {
                size_t len = strcspn(text + n, "\n");
                size_t end = len > 0 && text[n + len - 1] == '\r' ? len - 1 : len;
                bool goes_on = end > 0 && text[n + end - 1] == '\\';
                n += len + (text[n + len] == '\n');
                if (!goes_on || text[n] == '\0')
                        return n;
        }
}

/* Ends the last line of a text, so that what comes next begins one, also behind a backslash. */
static void end_lines(struct buf *b)
{
        if (b->len > 0 && b->data[b->len - 1] != '\n')
                buf_putc(b, '\n');
        size_t end = b->len > 1 && b->data[b->len - 2] == '\r' ? b->len - 1 : b->len;
        if (end > 1 && b->data[end - 2] == '\\')
                buf_putc(b, '\n');
}

/* Does the list name the package of entry i further up? */
static bool named_before(const struct strv *list, size_t i)
{
        char name[PIP_NAME_SIZE];
        package_name(list->v[i], strlen(list->v[i]), name);
        ssize_t first = find_package(list, name);
        return first >= 0 && (size_t)first < i;
}

int requirements_edit(const char *text, const struct strv *add, const struct strv *remove,
        char **ret_text, struct strv *ret_missing, struct err *e)
{
        if (check_requirements(add, e) || check_requirements(remove, e))
                return -1;
        cleanup_free bool *added = xcalloc(add ? add->n + 1 : 1, sizeof *added);
        cleanup_free bool *removed = xcalloc(remove ? remove->n + 1 : 1, sizeof *removed);
        cleanup_buf struct buf out = BUF_INIT(REQUIREMENTS_MAX);
        for (const char *line = text; *line;) {
                size_t n = logical_line(line);
                edit_line(&out, line, n, add, added, remove, removed);
                line += n;
        }
        for (size_t i = 0; add && i < add->n; i++) {
                if (added[i] || named_before(add, i))
                        continue;
                end_lines(&out);
                buf_printf(&out, "%s\n", add->v[i]);
        }
        if (out.full)
                return err_set(e, ERR_INVALID, "requirements.txt would be larger than 1 MiB");
        note_missing(remove, removed, ret_missing);
        *ret_text = xstrdup(buf_str(&out));
        return 0;
}

int requirements_list(const char *text, const char *shown, struct strv *ret, struct err *e)
{
        unsigned number = 1;
        for (const char *line = text; *line;) {
                size_t n = logical_line(line), end = find_comment(line, n);
                const char *from = line + strspn(line, " \t");
                cleanup_free char *word = from < line + end
                                                  ? xstrndup(from, (size_t)(line + end - from))
                                                  : xstrdup("");
                for (size_t len = strlen(word); len > 0 && isspace((unsigned char)word[len - 1]);)
                        word[--len] = '\0';
                if (*word && *word != '#') {
                        if (!requirement_ok(word)) {
                                cleanup_free char *safe = str_safe_max(word, 100);
                                err_set(e, ERR_INVALID, "%s:%u: '%s' is not a package", shown,
                                        number, safe);
                                return err_fix(e,
                                        "Write that line into requirements.txt yourself: image-update --edit");
                        }
                        strv_take(ret, take_ptr(word));
                }
                for (size_t i = 0; i < n; i++)
                        number += line[i] == '\n';
                line += n;
        }
        return 0;
}

void apt_block_add(struct buf *b, const struct strv *packages)
{
        buf_str_add(b, APT_BLOCK_BEGIN
                ": image-update --add-system edits the lines up to the next mark\n");
        if (packages && packages->n > 0) {
                buf_str_add(b, "RUN apt-get update \\\n"
                               " && DEBIAN_FRONTEND=noninteractive apt-get install -y "
                               "--no-install-recommends \\\n");
                for (size_t i = 0; i < packages->n; i++)
                        buf_printf(b, "        %s \\\n", packages->v[i]);
                buf_str_add(b, " && rm -rf /var/lib/apt/lists/*\n");
        }
        buf_str_add(b, APT_BLOCK_END "\n");
}

/* Where a line that starts with `mark` begins, at or after `from`; NULL if there is none. */
static const char *find_line(const char *from, const char *mark)
{
        for (const char *line = from; *line;) {
                if (str_starts(line, mark))
                        return line;
                line += strcspn(line, "\n");
                line += *line == '\n';
        }
        return NULL;
}

/*
 * Behind the instruction or comment that begins at `line`, with the lines that backslashes join to it and
 * the comments among them. *ret_open: the text ends where another line is to be joined.
 */
static const char *next_instruction(const char *line, bool *ret_open)
{
        bool open = false;
        do {
                size_t n = strcspn(line, "\n"), blanks = strspn(line, " \t\r"), used = n;
                while (used > 0 && strchr(" \t\r", line[used - 1]))
                        used--;
                if (blanks < n && line[blanks] != '#')
                        open = line[used - 1] == '\\';
                line += n + (line[n] == '\n');
        } while (open && *line);
        *ret_open = open;
        return line;
}

/* Where the block of apt packages begins; NULL if there is none. */
static const char *find_block(const char *text)
{
        bool open;
        for (const char *line = text; *line; line = next_instruction(line, &open))
                if (str_starts(line, APT_BLOCK_BEGIN))
                        return line;
        return NULL;
}

/* After the last FROM: the stage that becomes the image. NULL if there is none. */
static const char *after_last_from(const char *text, bool *ret_open)
{
        const char *after = NULL;
        bool open;
        for (const char *line = text, *next; *line; line = next) {
                const char *word = line + strspn(line, " \t");
                next = next_instruction(line, &open);
                if (strncasecmp(word, "FROM", 4) == 0 && word[4] && strchr(" \t\\", word[4])) {
                        after = next;
                        *ret_open = open;
                }
        }
        return after;
}

static int refuse_open_end(struct err *e)
{
        err_set(e, ERR_INVALID,
                "The last line of the Dockerfile ends in a backslash: it isn't complete");
        return err_fix(e, "Edit the Dockerfile itself: image-update --edit");
}

/*
 * The packages of the block that begins at `begin`. False if a line is neither one that
 * apt_block_add() writes nor a package, because then rewriting the block would lose something.
 */
static bool read_block(const char *begin, const char *end, struct strv *ret)
{
        struct buf frame = BUF_INIT(1024);
        struct strv none = { 0 };
        char one[] = "x1";
        char *some[] = { one, NULL };
        struct strv sample = { some, 1 };
        apt_block_add(&frame, &sample);
        apt_block_add(&frame, &none);
        bool ok = true;
        const char *line = begin + strcspn(begin, "\n");
        line += *line == '\n';
        while (ok && line < end) {
                size_t n = strcspn(line, "\n");
                cleanup_free char *whole = xstrndup(line, n);
                cleanup_free char *framed = xasprintf("\n%s\n", whole);
                size_t indent = strspn(whole, " \t"), len = strcspn(whole + indent, " \t\\");
                cleanup_free char *word = xstrndup(whole + indent, len);
                const char *rest = whole + indent + len;
                if (*word && apt_package_ok(word) && strspn(rest, " \t\\") == strlen(rest))
                        strv_take(ret, take_ptr(word));
                else
                        ok = *whole == '\0' || strstr(buf_str(&frame), framed) != NULL;
                line += n + (line[n] == '\n');
        }
        buf_done(&frame);
        return ok;
}

static int check_packages(const struct strv *list, struct err *e)
{
        for (size_t i = 0; list && i < list->n; i++)
                if (!apt_package_ok(list->v[i])) {
                        cleanup_free char *shown = str_safe_max(list->v[i], 200);
                        return err_set(e, ERR_INVALID, "'%s' is not an apt package name", shown);
                }
        return 0;
}

static void change_packages(const struct strv *old, const struct strv *add,
        const struct strv *remove, struct strv *ret, struct strv *ret_missing)
{
        for (size_t i = 0; i < old->n; i++)
                if (!remove || !strv_has(remove, old->v[i]))
                        strv_add(ret, old->v[i]);
        for (size_t i = 0; add && i < add->n; i++)
                if (!strv_has(ret, add->v[i]))
                        strv_add(ret, add->v[i]);
        for (size_t i = 0; ret_missing && remove && i < remove->n; i++)
                if (!strv_has(old, remove->v[i]))
                        strv_add(ret_missing, remove->v[i]);
}

int apt_edit(const char *dockerfile, const struct strv *add, const struct strv *remove,
        char **ret_text, struct strv *ret_missing, struct err *e)
{
        if (check_packages(add, e) || check_packages(remove, e))
                return -1;
        cleanup_strv struct strv old = { 0 };
        cleanup_strv struct strv new = { 0 };
        const char *begin = find_block(dockerfile);
        const char *end = begin ? find_line(begin, APT_BLOCK_END) : NULL;
        if (begin && (!end || !read_block(begin, end, &old))) {
                err_set(e, ERR_INVALID, "The apt packages of the Dockerfile were changed by hand");
                return err_fix(e, "Edit the Dockerfile itself: image-update --edit");
        }
        const char *resume;
        if (begin) {
                resume = end + strcspn(end, "\n");
                resume += *resume == '\n';
        } else {
                bool open = false;
                begin = resume = after_last_from(dockerfile, &open);
                if (!begin)
                        return err_set(e, ERR_INVALID, "The Dockerfile has no FROM line");
                if (open)
                        return refuse_open_end(e);
        }
        change_packages(&old, add, remove, &new, ret_missing);
        /* Nothing to write: a file without the marks gets none. */
        if (new.n == 0 && old.n == 0) {
                *ret_text = xstrdup(dockerfile);
                return 0;
        }
        cleanup_buf struct buf out = BUF_INIT(DOCKERFILE_MAX);
        buf_add(&out, dockerfile, (size_t)(begin - dockerfile));
        if (out.len > 0 && out.data[out.len - 1] != '\n')
                buf_putc(&out, '\n');
        apt_block_add(&out, &new);
        buf_str_add(&out, resume);
        if (out.full)
                return err_set(e, ERR_INVALID, "The Dockerfile would be larger than 64 KiB");
        *ret_text = buf_take(&out);
        return 0;
}

void pip_layer_add(struct buf *b)
{
        buf_str_add(b,
                "# pip may write into the image's own Python: nothing else uses it.\n"
                "ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore "
                "PIP_DISABLE_PIP_VERSION_CHECK=1\n"
                "COPY requirements.txt /tmp/requirements.txt\n"
                "# A list without packages needs neither pip nor a network.\n"
                "RUN if grep -q '^[[:space:]]*[^#[:space:]]' /tmp/requirements.txt; then \\\n"
                "        pip install --no-cache-dir -r /tmp/requirements.txt; \\\n"
                "    fi\n");
}

bool dockerfile_installs_requirements(const char *dockerfile)
{
        for (const char *line = dockerfile; *line;) {
                size_t n = strcspn(line, "\n");
                const char *word = line + strspn(line, " \t");
                const char *found = strstr(line, "requirements.txt");
                if (*word != '#' && found && found < line + n)
                        return true;
                line += n + (line[n] == '\n');
        }
        return false;
}

int dockerfile_add_pip_layer(const char *dockerfile, char **ret_text, struct err *e)
{
        cleanup_buf struct buf out = BUF_INIT(DOCKERFILE_MAX);
        bool open = false;
        for (const char *line = dockerfile; *line;)
                line = next_instruction(line, &open);
        if (open)
                return refuse_open_end(e);
        buf_str_add(&out, dockerfile);
        if (out.len > 0 && out.data[out.len - 1] != '\n')
                buf_putc(&out, '\n');
        buf_putc(&out, '\n');
        pip_layer_add(&out);
        if (out.full)
                return err_set(e, ERR_INVALID, "The Dockerfile would be larger than 64 KiB");
        *ret_text = buf_take(&out);
        return 0;
}
