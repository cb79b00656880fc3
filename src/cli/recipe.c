/* SPDX-License-Identifier: MIT */
#include "cli/recipe.h"

#include "base/fd.h"
#include "cli/out.h"
#include "cli/prompt.h"
#include "project/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void recipe_words(const char *text, struct strv *ret)
{
        for (const char *p = str_or_empty(text); *p;) {
                p += strspn(p, " \t\n");
                size_t n = strcspn(p, " \t\n"), len = n;
                /* "numpy>=1,<2" is one requirement, "numpy, pandas" are two. */
                while (len > 0 && p[len - 1] == ',')
                        len--;
                if (len > 0)
                        strv_take(ret, xstrndup(p, len));
                p += n;
        }
}

void recipe_change_done(struct recipe_change *r)
{
        strv_done(&r->add);
        strv_done(&r->remove);
        strv_done(&r->add_apt);
        *r = (struct recipe_change){ 0 };
}

int recipe_write(int dir_fd, const char *file, const char *text, struct err *e)
{
        struct stat st;
        mode_t mode = fstatat(dir_fd, file, &st, 0) == 0 ? st.st_mode & 0777 : 0644;
        return fd_replace_file(dir_fd, file, text, strlen(text), mode, e);
}

/* Both files, before and after. */
struct edit {
        char *requirements, *dockerfile; /* owned; dockerfile is NULL if there is none */
        char *new_requirements, *new_dockerfile;
};

static void edit_done(struct edit *t)
{
        free(t->requirements);
        free(t->dockerfile);
        free(t->new_requirements);
        free(t->new_dockerfile);
}

/* What can't be removed from requirements.txt is looked for among the Debian packages. */
static int make_texts(struct edit *t, const struct recipe_change *r, struct err *e)
{
        cleanup_strv struct strv no_pip = { 0 }, nowhere = { 0 };
        if (requirements_edit(
                    t->requirements, &r->add, &r->remove, &t->new_requirements, &no_pip, e) < 0)
                return -1;
        if (no_pip.n == 0 && r->add_apt.n == 0)
                return 0;
        for (size_t i = 0; i < no_pip.n; i++)
                if (!apt_package_ok(no_pip.v[i]))
                        strv_add(&nowhere, no_pip.v[i]);
        if (nowhere.n == 0 &&
                apt_edit(t->dockerfile, &r->add_apt, &no_pip, &t->new_dockerfile, &nowhere, e) < 0)
                return -1;
        if (nowhere.n == 0)
                return 0;
        cleanup_free char *safe = str_safe(nowhere.v[0]);
        err_set(e, ERR_NOT_FOUND,
                "Package '%.100s' is neither in requirements.txt nor in the Dockerfile's list",
                safe);
        return err_fix(e, "Look into both files: image-update --edit");
}

/* A Dockerfile that doesn't read requirements.txt would be built without what was added there. */
static int offer_pip_layer(
        struct cli *c, const struct recipe_change *r, struct edit *t, struct err *e)
{
        bool add = false;
        const char *now = t->new_dockerfile ? t->new_dockerfile : t->dockerfile;
        bool changed = strcmp(t->requirements, t->new_requirements) != 0;
        if ((r->add.n == 0 && !changed) || dockerfile_installs_requirements(now))
                return 0;
        out_say("The Dockerfile does not install requirements.txt%s.",
                r->add.n ? "" : "; what it installs by itself stays");
        if (r->add.n == 0)
                return 0;
        if (prompt_yes(c, true, &add, e, "Add the lines that do?") < 0)
                return -1;
        char *with = NULL;
        if (!add || dockerfile_add_pip_layer(now, &with, e) < 0)
                return add ? -1 : 0;
        free(t->new_dockerfile);
        t->new_dockerfile = with;
        return 0;
}

static int write_texts(int dir_fd, const struct edit *t, struct err *e)
{
        bool requirements = strcmp(t->requirements, t->new_requirements) != 0;
        bool dockerfile = t->new_dockerfile && strcmp(t->dockerfile, t->new_dockerfile) != 0;
        if (requirements && recipe_write(dir_fd, "requirements.txt", t->new_requirements, e) < 0)
                return -1;
        if (dockerfile && recipe_write(dir_fd, "Dockerfile", t->new_dockerfile, e) < 0) {
                struct err ignored = ERR_INIT;
                if (requirements)
                        (void)recipe_write(dir_fd, "requirements.txt", t->requirements, &ignored);
                return -1;
        }
        if (requirements)
                out_say("Changed requirements.txt.");
        if (dockerfile)
                out_say("Changed the Dockerfile.");
        if (!requirements && !dockerfile)
                out_say("Nothing to change: the files say so already.");
        return 0;
}

int recipe_apply(
        struct cli *c, const char *name, int dir_fd, const struct recipe_change *r, struct err *e)
{
        CLEANUP(edit_done) struct edit t = { 0 };
        if (dockerfile_read(dir_fd, name, &t.dockerfile, e) < 0 ||
                requirements_read(dir_fd, &t.requirements, e) < 0 || make_texts(&t, r, e) < 0 ||
                offer_pip_layer(c, r, &t, e) < 0)
                return -1;
        return write_texts(dir_fd, &t, e);
}
