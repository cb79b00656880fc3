/* SPDX-License-Identifier: MIT */
#include "cli/plan.h"

#include "base/json.h"
#include "cli/gpus.h"
#include "cli/pull.h"
#include "project/find.h"

#include <unistd.h>

void plan_done(struct plan *p)
{
        if (p->dir_fd >= 0)
                close(p->dir_fd);
        free(p->path);
        pyproject_done(&p->py);
        json_decref(p->image);
        json_decref(p->container);
}

static int read_project(struct plan *p, struct err *e)
{
        bool exists;
        if (project_open(p->name, &p->dir_fd, &p->path, e) < 0)
                return -1;
        cleanup_free char *folder = project_shown(p->name);
        return pyproject_load(p->dir_fd, folder, &p->py, &exists, e);
}

/* What ds01d knows: the image, and a container of that name. */
static int ask_daemon(struct plan *p, struct err *e)
{
        json_t *query = p->py.image
                                ? json_pack("{s:s, s:s}", "project", p->name, "image", p->py.image)
                                : json_pack("{s:s}", "project", p->name);
        if (cli_call(p->c, "io.ds01.Images.Get", query, &p->image, e) < 0)
                return -1;
        struct err missing = ERR_INIT;
        if (cli_call(p->c, "io.ds01.Containers.Get", json_pack("{s:s}", "name", p->name),
                    &p->container, &missing) < 0 &&
                missing.code != ERR_NOT_FOUND) {
                *e = missing;
                return -1;
        }
        return 0;
}

int plan_read(struct plan *p, struct err *e)
{
        return read_project(p, e) < 0 || gpus_asked(p->c, &p->py, &p->gpus, e) < 0 ||
                               ask_daemon(p, e) < 0
                       ? -1
                       : 0;
}

int plan_check(struct plan *p, struct err *e)
{
        return p->container ? 0 : launch_check(p->c, p->name, p->gpus, &p->wait, e);
}

int plan_catalogue_image(struct plan *p, struct err *e)
{
        if (json_bool(p->image, "exists", false) || p->dry_run)
                return 0;
        return image_pull(p->c, json_str(p->image, "image"), e);
}

int plan_folders(const struct plan *p, struct folders *f, struct err *e)
{
        cleanup_strv struct strv data = { 0 };
        cli_values(p->c, "data", &data);
        for (size_t i = 0; i < p->py.data.n && data.n == 0; i++)
                strv_add(&data, p->py.data.v[i]);
        if (folders_workspace(f, p->path, e) < 0)
                return -1;
        for (size_t i = 0; i < data.n; i++)
                if (folders_data(f, data.v[i], e) < 0)
                        return -1;
        return folders_open(f, e);
}

struct launch plan_launch(const struct plan *p, struct folders *f)
{
        return (struct launch){ .name = p->name,
                .project = p->name,
                .image = str_or_empty(p->py.image),
                .interface = "orchestration",
                .folders = f,
                .gpus = p->gpus,
                .wait = &p->wait };
}
