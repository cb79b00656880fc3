/* SPDX-License-Identifier: MIT */
#include "cli/catalogue.h"

#include "base/json.h"
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

static const json_t *find(const json_t *rows, const char *word, const char *version)
{
        size_t i;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
                if (str_eq(json_str(row, "word"), word) &&
                        version_matches(str_or_empty(json_str(row, "version")), version))
                        return row;
        return NULL;
}

static const json_t *first_choice(const json_t *rows)
{
        size_t i;
        json_t *row;
        json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
                if (json_bool(row, "local", false))
                        return row;
        const json_t *pytorch = find(rows, "pytorch", "");
        return pytorch ? pytorch : json_array_get(rows, 0);
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

int base_choose(
        struct cli *c, const char *framework, const char *version, struct base *ret, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        if (cli_connect(c, e) < 0 || rpc_stream(c->rpc, "io.ds01.Images.Catalogue", json_object(),
                                             NULL, 0, on_row, rows, e) < 0)
                return -1;
        cleanup_free char *word = framework ? xstrndup(framework, strcspn(framework, ":")) : NULL;
        const char *colon = framework ? strchr(framework, ':') : NULL;
        const char *want = colon ? colon + 1 : str_or_empty(version);
        for (char *p = word; p && *p; p++)
                *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        const json_t *row = word ? find(rows, word, want) : first_choice(rows);
        if (!row && word)
                return not_there(rows, word, want, e);
        if (!row) {
                err_set(e, ERR_NO_IMAGE, "The catalogue of this machine is empty");
                return err_fix(e, "Ask an admin to add images to /etc/ds01/catalogue");
        }
        *ret = (struct base){ .word = xstrdup(json_str(row, "word")),
                .version = xstrdup(json_str(row, "version")),
                .image = xstrdup(json_str(row, "image")) };
        return 0;
}
