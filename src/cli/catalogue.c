/* SPDX-License-Identifier: MIT */
#include "cli/catalogue.h"

#include "base/json.h"
#include "cli/prompt.h"

#include <string.h>

void base_done(struct base *b)
{
        free(b->word);
        free(b->version);
        free(b->image);
        *b = (struct base){ 0 };
}

static int on_row(const json_t *row, void *ctx)
{
        return json_array_append_new(ctx, json_deep_copy(row));
}

/* "2.8" stands for the newest 2.8.x; the rows come newest first. */
static bool version_matches(const char *have, const char *want)
{
        size_t n = strlen(want);
        return n == 0 || (strncmp(have, want, n) == 0 &&
                                 (have[n] == '\0' || have[n] == '.' || have[n] == '-'));
}

/* Where no version is asked for, one that is here comes before a newer one that must be fetched. */
static const json_t *find(const json_t *rows, const char *word, const char *version)
{
        const json_t *newest = NULL;
        size_t i;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
                if (!str_eq(json_str(row, "word"), word) ||
                        !version_matches(str_or_empty(json_str(row, "version")), version))
                        continue;
                if (*version || json_bool(row, "local", false))
                        return row;
                newest = newest ? newest : row;
        }
        return newest;
}

/* What is here before what must be fetched; PyTorch before others; a framework before none. */
static int rank(const json_t *row)
{
        const char *word = str_or_empty(json_str(row, "word"));
        return (json_bool(row, "local", false) ? 4 : 0) + (strcmp(word, "pytorch") == 0 ? 2 : 0) +
               (strcmp(word, "none") != 0 ? 1 : 0);
}

static const json_t *first_choice(const json_t *rows)
{
        const json_t *best = json_array_get(rows, 0);
        size_t i;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
                if (rank(row) > rank(best))
                        best = row;
        return best;
}

static int not_there(const json_t *rows, const char *word, const char *version, struct err *e)
{
        cleanup_buf struct buf known = BUF_INIT(512);
        size_t i;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
                buf_printf(&known, "%s%s:%s", i ? ", " : "", str_or_empty(json_str(row, "word")),
                        str_or_empty(json_str(row, "version")));
        cleanup_free char *safe = str_safe(word);
        err_set(e, ERR_INVALID, "The catalogue has no %.60s%s%.40s", safe, *version ? ":" : "",
                version);
        return err_fix(e, "Choose one of: %s", buf_str(&known));
}

/* What there is on this machine; an empty catalogue is an error. */
static int read_catalogue(struct cli *c, json_t *rows, struct err *e)
{
        if (cli_connect(c, e) < 0 || rpc_stream(c->rpc, "io.ds01.Images.Catalogue", json_object(),
                                             NULL, 0, on_row, rows, e) < 0)
                return -1;
        if (json_array_size(rows) > 0)
                return 0;
        err_set(e, ERR_NO_IMAGE, "The catalogue of this machine is empty");
        return err_fix(e, "Ask an admin to add images to /etc/ds01/catalogue");
}

static void fill(struct base *ret, const json_t *row)
{
        *ret = (struct base){ .word = xstrdup(json_str(row, "word")),
                .version = xstrdup(json_str(row, "version")),
                .image = xstrdup(json_str(row, "image")) };
}

int base_choose(
        struct cli *c, const char *framework, const char *version, struct base *ret, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        if (read_catalogue(c, rows, e) < 0)
                return -1;
        cleanup_free char *word = framework ? xstrndup(framework, strcspn(framework, ":")) : NULL;
        const char *colon = framework ? strchr(framework, ':') : NULL;
        const char *want = colon ? colon + 1 : str_or_empty(version);
        for (char *p = word; p && *p; p++)
                *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        const json_t *row = word ? find(rows, word, want) : first_choice(rows);
        if (!row)
                return not_there(rows, str_or_empty(word), want, e);
        fill(ret, row);
        return 0;
}

/* ---- on the terminal ---- */

static bool is_none(const char *word)
{
        return str_eq(word, "none");
}

/* "2.8.0"; without a framework what the number is of: "Python 3.12". */
static char *version_name(const json_t *row)
{
        const char *version = str_or_empty(json_str(row, "version"));
        return is_none(json_str(row, "word"))
                       ? xasprintf("%s %s", str_or_empty(json_str(row, "framework")), version)
                       : xstrdup(version);
}

/* "2.8.0, 2.7.1, 2.6.0 and 4 more": the versions of a framework, newest first. */
static char *versions_of(const json_t *rows, const char *word)
{
        enum { SHOWN = 3 };
        cleanup_buf struct buf b = BUF_INIT(1024);
        size_t i, n = 0;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
                if (!str_eq(json_str(row, "word"), word) || n++ >= SHOWN)
                        continue;
                cleanup_free char *name = version_name(row);
                buf_printf(&b, "%s%s", n > 1 ? ", " : "", name);
        }
        if (n > SHOWN)
                buf_printf(&b, " and %zu more", n - SHOWN);
        return buf_take(&b);
}

static int pick_framework(
        struct cli *c, const json_t *rows, const char *usual, const char **ret, struct err *e)
{
        cleanup_choices struct choices l = { 0 };
        cleanup_free const char **words = xcalloc(json_array_size(rows), sizeof *words);
        size_t i, fallback = 0;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
                const char *word = str_or_empty(json_str(row, "word"));
                if (l.n > 0 && str_eq(words[l.n - 1], word))
                        continue;
                cleanup_free char *versions = versions_of(rows, word);
                if (str_eq(word, usual))
                        fallback = l.n;
                words[l.n] = word;
                choices_add(&l, is_none(word) ? word : str_or_empty(json_str(row, "framework")),
                        versions);
        }
        if (prompt_choose(c, "Which framework?", &l, fallback, &i, e) < 0)
                return -1;
        *ret = words[i];
        return 0;
}

static int pick_version(struct cli *c, const json_t *rows, const char *word, const json_t *usual,
        const json_t **ret, struct err *e)
{
        cleanup_choices struct choices l = { 0 };
        cleanup_free const json_t **of = xcalloc(json_array_size(rows), sizeof *of);
        const char *name = "";
        size_t i, fallback = 0;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
                if (!str_eq(json_str(row, "word"), word))
                        continue;
                if (row == usual)
                        fallback = l.n;
                of[l.n] = row;
                name = str_or_empty(json_str(row, "framework"));
                cleanup_free char *version = version_name(row);
                choices_add(&l, version,
                        json_bool(row, "local", false) ? "on this machine" : "to be fetched");
        }
        cleanup_free char *title = is_none(word) ? xstrdup("What instead of a framework?")
                                                 : xasprintf("Which version of %s?", name);
        i = 0;
        if (l.n > 1 && prompt_choose(c, title, &l, fallback, &i, e) < 0)
                return -1;
        *ret = of[i];
        return 0;
}

int base_pick(struct cli *c, struct base *ret, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        const char *word;
        const json_t *row;
        if (read_catalogue(c, rows, e) < 0)
                return -1;
        const json_t *usual = first_choice(rows);
        if (pick_framework(c, rows, json_str(usual, "word"), &word, e) < 0 ||
                pick_version(c, rows, word, usual, &row, e) < 0)
                return -1;
        fill(ret, row);
        return 0;
}
