/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/out.h"
#include "cli/prompt.h"

#include <limits.h>
#include <string.h>

static int on_row(const json_t *row, void *ctx)
{
        return json_array_append_new(ctx, json_deep_copy(row));
}

/* The images of the caller, or of the account that an admin names. */
static int list_images(struct cli *c, json_t *ret, struct err *e)
{
        json_t *params = json_object();
        cli_for_user(c, params);
        if (cli_connect(c, e) < 0) {
                json_decref(params);
                return -1;
        }
        return rpc_stream(c->rpc, "io.ds01.Images.List", params, NULL, 0, on_row, ret, e);
}

/* Is that the image somebody means: the project it was built for, or its name, with or without tag? */
static bool is_meant(const json_t *row, const char *name)
{
        const char *image = str_or_empty(json_str(row, "image"));
        size_t n = strlen(name);
        if (!strpbrk(name, "/:"))
                return strcasecmp(str_or_empty(json_str(row, "project")), name) == 0;
        return strncmp(image, name, n) == 0 && (image[n] == '\0' || str_eq(image + n, ":latest"));
}

static int add_named(const json_t *rows, const char *name, struct strv *ret, struct err *e)
{
        size_t i;
        json_t *row;
        json_array_foreach (rows, i, row)
                if (is_meant(row, name)) {
                        const char *image = str_or_empty(json_str(row, "image"));
                        if (!strv_has(ret, image))
                                strv_add(ret, image);
                        return 0;
                }
        cleanup_free char *safe = str_safe(name);
        err_set(e, ERR_NO_IMAGE, "No image '%.100s' of yours", safe);
        return err_fix(e, "image-list");
}

static int pick(struct cli *c, const json_t *rows, struct strv *ret, struct err *e)
{
        cleanup_choices struct choices l = { 0 };
        size_t i;
        json_t *row;
        if (!c->tty)
                return cli_usage(c, e, "A name, or --all, is needed where there is no terminal");
        if (json_array_size(rows) == 0) {
                err_set(e, ERR_NO_IMAGE, "You have no images");
                return err_fix(e, "project launch");
        }
        json_array_foreach (rows, i, row)
                choices_add(&l, str_or_empty(json_str(row, "image")),
                        str_or_empty(json_str(row, "framework")));
        if (prompt_pick(c, "Select an image to delete:", &l, &i, e) < 0)
                return -1;
        strv_add(ret, str_or_empty(json_str(json_array_get(rows, i), "image")));
        return 0;
}

static int choose(struct cli *c, const json_t *rows, struct strv *ret, struct err *e)
{
        if (cli_has(c, "all"))
                for (size_t i = 0; i < json_array_size(rows); i++)
                        strv_add(ret, str_or_empty(json_str(json_array_get(rows, i), "image")));
        for (int i = 0; i < c->n_args; i++)
                if (add_named(rows, c->args[i], ret, e) < 0)
                        return -1;
        return cli_has(c, "all") || c->n_args > 0 ? 0 : pick(c, rows, ret, e);
}

static int delete_one(struct cli *c, const char *image, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        json_t *params = json_pack("{s:s}", "image", image);
        cli_for_user(c, params);
        if (cli_call(c, "io.ds01.Images.Delete", params, &reply, e) < 0)
                return -1;
        out_say("Deleted %s.", image);
        return 0;
}

/* Each of them, whatever becomes of the others; the first failure is the one that is told at the end. */
static int delete_all(struct cli *c, const struct strv *images, struct err *e)
{
        int r = 0;
        for (size_t i = 0; i < images->n; i++) {
                struct err one = ERR_INIT;
                if (delete_one(c, images->v[i], &one) == 0)
                        continue;
                if (r < 0)
                        out_say("%s.", one.msg);
                else
                        *e = one;
                r = -1;
                if (one.code == ERR_DAEMON || one.code == ERR_ENGINE || one.code == ERR_INTERRUPTED)
                        break;
        }
        return r;
}

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        cleanup_strv struct strv images = { 0 };
        bool go = true;
        if (cli_has(c, "all") && c->n_args > 0)
                return cli_usage(c, e, "Names and --all exclude each other");
        if (c->n_args == 0 && !cli_has(c, "all") && !c->tty)
                return cli_usage(c, e, "A name, or --all, is needed where there is no terminal");
        if (list_images(c, rows, e) < 0 || choose(c, rows, &images, e) < 0)
                return -1;
        if (images.n == 0) {
                out_say("There are no images to delete.");
                return 0;
        }
        if (!cli_has(c, "force")) {
                out_say("This deletes:");
                for (size_t i = 0; i < images.n; i++)
                        out_say("  %s", images.v[i]);
                out_say("Dockerfiles and everything else in the project folders stay.");
                if (prompt_yes(c, true, &go, e, "Continue?") < 0)
                        return -1;
        }
        if (!go) {
                out_say("Nothing was done.");
                return 0;
        }
        if (delete_all(c, &images, e) < 0)
                return -1;
        out_say("Build again: image-create NAME");
        return 0;
}

static const struct opt opts[] = {
        { 'a', "all", OPT_FLAG, NULL, "All of your images" },
        { 'f', "force", OPT_FLAG, NULL, "Ask nothing" },
        { 0 },
};

const struct command cmd_image_delete = {
        .noun = "image",
        .verb = "delete",
        .alias = "remove",
        .args = "[name…]",
        .max_args = INT_MAX,
        .names = { NAMES_BUILT, NAMES_BUILT },
        .flags = CMD_ADMIN,
        .summary = "Deletes images; the Dockerfiles they were built from stay",
        .details =
                "  A name is a project's or an image's. An image that a container was made from is kept until\n"
                "  that container is retired. It asks once, whatever the number; without a terminal, with --yes\n"
                "  or with --force it deletes what was named without asking.\n",
        .examples = "image-delete my-thesis\n"
                    "image-delete ds01-alice/my-thesis:latest other-project\n"
                    "image-delete --all",
        .topic = "images",
        .opts = opts,
        .run = run,
};
