/* SPDX-License-Identifier: MIT */
#include "base/fd.h"
#include "base/json.h"
#include "cli/args.h"
#include "cli/complete.h"
#include "cli/pick.h"
#include "project/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = 2000 };

/* ---- from ds01d ---- */

static int add_built(const json_t *row, void *ctx)
{
        choices_add(ctx, str_or_empty(json_str(row, "project")),
                str_or_empty(json_str(row, "framework")));
        return 0;
}

static int add_image(const json_t *row, void *ctx)
{
        choices_add(ctx, str_or_empty(json_str(row, "image")),
                str_or_empty(json_str(row, "framework")));
        return 0;
}

static int add_framework(const json_t *row, void *ctx)
{
        cleanup_free char *word = xasprintf("%s:%s", str_or_empty(json_str(row, "word")),
                str_or_empty(json_str(row, "version")));
        choices_add(ctx, word, str_or_empty(json_str(row, "framework")));
        return 0;
}

static int add_catalogue(const json_t *row, void *ctx)
{
        cleanup_free char *word = xasprintf("aime/%s:%s", str_or_empty(json_str(row, "word")),
                str_or_empty(json_str(row, "version")));
        choices_add(ctx, word, str_or_empty(json_str(row, "framework")));
        return 0;
}

static int add_ticket(const json_t *row, void *ctx)
{
        const char *name = str_or_empty(json_str(row, "name"));
        if (*name)
                choices_add(ctx, name, str_or_empty(json_str(row, "state")));
        return 0;
}

static void stream(
        struct cli *c, const char *method, json_t *params, rpc_stream_fn *fn, struct choices *ret)
{
        struct err ignored = ERR_INIT;
        if (cli_connect(c, &ignored) < 0)
                json_decref(params);
        else
                rpc_stream(c->rpc, method, params, NULL, 0, fn, ret, &ignored);
}

static json_t *for_user(const struct cli *c)
{
        json_t *params = json_object();
        cli_for_user(c, params);
        return params;
}

static void containers(struct cli *c, enum pick_which which, struct choices *ret)
{
        struct err ignored = ERR_INIT;
        pick_list(c, which, ret, &ignored);
}

/* ---- from the caller's folders ---- */

static int add_project(const struct project_entry *entry, void *ctx)
{
        choices_add(ctx, entry->name, entry->display);
        return 0;
}

/* The path that is meant: a shell hands "~/data" on as it was typed. */
static char *expanded(const char *path)
{
        const char *home = getenv("HOME");
        if (str_starts(path, "~/") && home && *home)
                return xasprintf("%s%s", home, path + 1);
        return xstrdup(*path ? path : ".");
}

static bool is_folder(int dirfd, const struct dirent *d)
{
        struct stat st;
        if (d->d_type != DT_LNK && d->d_type != DT_UNKNOWN)
                return d->d_type == DT_DIR;
        return fstatat(dirfd, d->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* What begins like `typed`, folders with a slash at their end; hidden ones only if the dot was typed. */
static void files(const char *typed, bool folders_only, struct choices *ret)
{
        const char *slash = strrchr(typed, '/');
        const char *name = slash ? slash + 1 : typed;
        cleanup_free char *lead = xstrndup(typed, (size_t)(name - typed));
        cleanup_free char *folder = expanded(lead);
        DIR *dir = opendir(folder);
        const struct dirent *d;
        while (dir && ret->n < FILES_MAX && (d = readdir(dir))) {
                if (!str_starts(d->d_name, name) || (d->d_name[0] == '.' && name[0] != '.') ||
                        strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                        continue;
                bool is_dir = is_folder(dirfd(dir), d);
                cleanup_free char *path = xasprintf("%s%s%s", lead, d->d_name, is_dir ? "/" : "");
                if (is_dir || !folders_only)
                        choices_add(ret, path, "");
        }
        if (dir)
                closedir(dir);
}

/* ---- which is which ---- */

static void list(struct cli *c, enum names what, const char *typed, struct choices *ret)
{
        struct err ignored = ERR_INIT;
        switch (what) {
        case NAMES_NONE:
                return;
        case NAMES_PROJECTS:
                project_each(add_project, ret, &ignored);
                return;
        case NAMES_CONTAINERS:
                containers(c, PICK_ALL, ret);
                return;
        case NAMES_RUNNING:
                containers(c, PICK_RUNNING, ret);
                return;
        case NAMES_PAUSED:
                containers(c, PICK_PAUSED, ret);
                return;
        case NAMES_ACTIVE:
                containers(c, PICK_ACTIVE, ret);
                return;
        case NAMES_IDLE:
                containers(c, PICK_IDLE, ret);
                return;
        case NAMES_BUILT:
                stream(c, "io.ds01.Images.List", for_user(c), add_built, ret);
                return;
        case NAMES_IMAGES:
                stream(c, "io.ds01.Images.List", for_user(c), add_image, ret);
                stream(c, "io.ds01.Images.Catalogue", NULL, add_catalogue, ret);
                return;
        case NAMES_FRAMEWORKS:
                stream(c, "io.ds01.Images.Catalogue", NULL, add_framework, ret);
                return;
        case NAMES_TICKETS:
                stream(c, "io.ds01.Queue.List", json_pack("{s:b}", "mine", 1), add_ticket, ret);
                return;
        case NAMES_FILES:
        case NAMES_FOLDERS:
                files(typed, what == NAMES_FOLDERS, ret);
                return;
        }
}

static void add(enum names what, const char *user, const char *typed, struct choices *ret)
{
        static const struct opt user_option = { 0, "user", OPT_VALUE, NULL, NULL };
        struct cli c = { 0 };
        c.given = xcalloc(1, sizeof *c.given);
        c.given[0].opt = &user_option;
        c.given[0].value = user;
        c.n_given = user != NULL;
        list(&c, what, typed, ret);
        rpc_client_free(c.rpc);
        free(c.given);
}

const struct complete_source complete_names = { .add = add };
