/* SPDX-License-Identifier: MIT */
#include "daemon/rebuild.h"

#include "base/clock.h"
#include "base/json.h"
#include "engine/containers.h"
#include "engine/images.h"
#include "engine/networks.h"
#include "host/account.h"
#include "image/reference.h"
#include "policy/name.h"
#include "policy/spec.h"
#include "store/containers.h"
#include "store/images.h"
#include "store/users.h"

#include <stdio.h>
#include <string.h>

enum { LOOK_S = 60 };

/* What the engine has, looked at before anything is changed. */
struct found {
        struct daemon *d;
        struct strv ids;       /* of containers with our labels */
        struct strv instances; /* every one that is found on a container or image */
        struct engine_image *images;
        size_t n_images;
        size_t n_adopted, n_given, n_left;
};

static void found_done(struct found *f)
{
        strv_done(&f->ids);
        strv_done(&f->instances);
        for (size_t i = 0; i < f->n_images; i++)
                engine_image_done(&f->images[i]);
        free(f->images);
}

static const char *label(const json_t *labels, const char *key)
{
        return str_or_empty(json_string_value(json_object_get(labels, key)));
}

/* ---- looking ---- */

static bool is_instance(const char *s)
{
        return strlen(s) == RANDOM_HEX_LEN && strspn(s, "0123456789abcdef") == RANDOM_HEX_LEN;
}

static void note_instance(struct found *f, const json_t *labels)
{
        const char *instance = label(labels, "ds01.instance");
        if (is_instance(instance) && !strv_has(&f->instances, instance))
                strv_add(&f->instances, instance);
}

static int on_container(const struct engine_container *c, void *ctx)
{
        struct found *f = ctx;
        if (strcmp(label(c->labels, "ds01.interface"), "facts") == 0)
                return 0;
        strv_add(&f->ids, c->id);
        note_instance(f, c->labels);
        return 0;
}

/* Only names that ds01d gives tell of an instance: the labels alone could be anybody's. */
static int on_image(const struct engine_image *i, void *ctx)
{
        struct found *f = ctx;
        bool named = false;
        for (size_t k = 0; k < i->tags.n; k++)
                named |= str_starts(i->tags.v[k], "ds01-");
        if (!named)
                return 0;
        f->images = xrealloc(f->images, f->n_images + 1, sizeof *f->images);
        struct engine_image *own = &f->images[f->n_images++];
        *own = (struct engine_image){
                .created = i->created, .size = i->size, .labels = json_incref(i->labels)
        };
        memcpy(own->id, i->id, sizeof own->id);
        for (size_t k = 0; k < i->tags.n; k++)
                strv_add(&own->tags, i->tags.v[k]);
        note_instance(f, i->labels);
        return 0;
}

static int look(struct found *f, char **ret_network, struct err *e)
{
        struct daemon *d = f->d;
        struct engine_wait w = daemon_wait(LOOK_S);
        if (engine_container_each(d->engine, &w, "ds01.managed", on_container, f, e) < 0 ||
                engine_image_each(d->engine, &w, "ds01.managed", on_image, f, e) < 0)
                return -1;
        if (engine_network_label(
                    d->engine, &w, d->config.network_name, "ds01.instance", ret_network, e) < 0 &&
                e->code != ERR_NOT_FOUND)
                return -1;
        return 0;
}

/*
 * Several daemons can share an engine. The network of the settings is this daemon's own, so its label
 * decides; without it a single instance is taken for ours.
 */
static int choose(
        const struct found *f, const char *given, const char *network, char **ret, struct err *e)
{
        *ret = NULL;
        if (given && strcmp(given, "new") == 0)
                return 0;
        if (given && !is_instance(given))
                return err_set(
                        e, ERR_INVALID, "An instance has %d hexadecimal digits", RANDOM_HEX_LEN);
        if (given || (network && is_instance(network) &&
                             (f->instances.n == 0 || strv_has(&f->instances, network)))) {
                *ret = xstrdup(given ? given : network);
                return 0;
        }
        if (f->instances.n == 0)
                return 0;
        if (f->instances.n == 1 && !network) {
                *ret = xstrdup(f->instances.v[0]);
                return 0;
        }
        struct buf lines = BUF_INIT(512);
        for (size_t i = 0; i < f->instances.n; i++)
                buf_printf(&lines, "ds01d --rebuild --instance=%s\n", f->instances.v[i]);
        err_set(e, ERR_FAILED, "The labels don't tell which of %zu instances is this daemon's",
                f->instances.n);
        err_fix(e, "%sds01d --rebuild --instance=new", buf_str(&lines));
        buf_done(&lines);
        return -1;
}

/* ---- containers ---- */

static int leave(struct found *f, const char *what, const char *name, const char *why)
{
        cleanup_free char *safe = str_safe(name);
        printf("left alone: %s %s: %s\n", what, safe, why);
        f->n_left++;
        return 0;
}

/* "ro:/a\nrw:/b", as a launch writes it. */
static void read_data(const char *text, struct container *c)
{
        while (*text) {
                size_t n = strcspn(text, "\n");
                bool ro = strncmp(text, "ro:", 3) == 0, rw = strncmp(text, "rw:", 3) == 0;
                if (n > 3 && (ro || rw))
                        strv_take(ro ? &c->data_ro : &c->data_rw, xstrndup(text + 3, n - 3));
                text += n + (text[n] == '\n');
        }
}

static void read_state(struct container *c, const struct engine_container *now, const char *boot)
{
        c->state = now->paused                          ? LEDGER_PAUSED
                   : now->running                       ? LEDGER_RUNNING
                   : strcmp(now->state, "created") == 0 ? LEDGER_CREATED
                                                        : LEDGER_STOPPED;
        c->state_since = clock_unix();
        c->started_at = now->started_at;
        c->exit_code = -1;
        if (now->running)
                c->boot_id = xstrdup(boot);
        if (c->state != LEDGER_STOPPED)
                return;
        c->stopped_at = now->finished_at ? now->finished_at : c->state_since;
        c->exit_code = now->exit_code;
}

/* Whom it belongs to; with root inside only the labels tell. False if they don't agree. */
static bool whose(
        const struct engine_container *now, bool root, long long *ret_uid, long long *ret_gid)
{
        const char *in_label = label(now->labels, "ds01.uid");
        cleanup_free char *uid =
                root ? xstrdup(in_label) : xstrndup(now->user, strcspn(now->user, ":"));
        const char *colon = strchr(now->user, ':');
        const char *gid = root ? label(now->labels, "ds01.gid") : colon ? colon + 1 : "";
        return str_to_int(uid, 1, UINT32_MAX - 1, ret_uid) &&
               str_to_int(gid, 1, UINT32_MAX - 1, ret_gid) && strcmp(in_label, uid) == 0;
}

/* NULL if everything about it agrees, else what doesn't. */
static const char *doubt(
        const struct engine_container *now, bool root, long long *ret_uid, long long *ret_gid)
{
        char expected[NAME_ENGINE_SIZE], name[NAME_SIZE];
        struct err ignored = ERR_INIT;
        const char *op = label(now->labels, "ds01.op");
        if (!whose(now, root, ret_uid, ret_gid))
                return "it does not run as the account of its labels";
        if (name_check(label(now->labels, "ds01.name"), name, NULL, &ignored) < 0)
                return "its labels give it no name";
        name_engine(name, (uid_t)*ret_uid, expected);
        if (strcmp(expected, now->name) != 0)
                return "its name is not that of its labels";
        if (!is_instance(op))
                return "its labels name no operation";
        if (now->devices.n > 0 || *label(now->labels, "ds01.gpu.uuids"))
                return "it has GPUs, which are not given out by a rebuild";
        return NULL;
}

static char *account_name(uid_t uid, const char *otherwise)
{
        cleanup_account struct account a = { 0 };
        struct err ignored = ERR_INIT;
        return xstrdup(account_by_uid(uid, &a, &ignored) == 0 ? a.user : otherwise);
}

/* An image that ds01d started a container from was one that everybody might use. */
static int note_pulled(struct found *f, const struct container *c, struct err *e)
{
        struct reference ref = { 0 };
        struct engine_image now = { 0 };
        struct engine_wait w = daemon_wait(LOOK_S);
        struct err ignored = ERR_INIT;
        int r = 0;
        if (reference_parse(c->image_ref, &ref, &ignored) < 0)
                return 0;
        bool own = reference_is_ds01(&ref, NULL, NULL);
        reference_done(&ref);
        if (!own && engine_image_inspect(f->d->engine, &w, c->image_ref, &now, &ignored) == 0 &&
                str_eq(now.id, c->image_id))
                r = images_pulled_put(f->d->store, c->image_ref, e);
        engine_image_done(&now);
        return r;
}

static int adopt(struct found *f, const struct engine_container *now, struct err *e)
{
        cleanup_container struct container c = { 0 };
        long long uid = 0, gid = 0;
        const json_t *l = now->labels;
        bool root = spec_user_is_root(now->user);
        const char *why = doubt(now, root, &uid, &gid);
        if (why)
                return leave(f, "container", now->name, why);
        c.uid = (uid_t)uid;
        c.gid = (gid_t)gid;
        c.root = root;
        c.name = xstrdup(label(l, "ds01.name"));
        c.user = account_name(c.uid, label(l, "ds01.user"));
        c.project = xstrdup(label(l, "ds01.project"));
        c.image_ref = xstrdup(label(l, "ds01.image"));
        c.image_id = xstrdup(now->image_id);
        c.framework = xstrdup(label(l, "ds01.framework"));
        c.interface = xstrdup(label(l, "ds01.interface"));
        c.workspace = xstrdup(label(l, "ds01.workspace"));
        c.engine_id = xstrdup(now->id);
        read_data(label(l, "ds01.data"), &c);
        snprintf(c.born_op, sizeof c.born_op, "%s", label(l, "ds01.op"));
        c.created_at = clock_from_rfc3339(label(l, "ds01.created_at"));
        if (c.created_at == 0)
                c.created_at = now->created_at;
        read_state(&c, now, f->d->boot);
        if (containers_adopt(f->d->store, &c, e) < 0)
                return e->code == ERR_EXISTS ? leave(f, "container", now->name, e->msg) : -1;
        f->n_adopted++;
        cleanup_free char *user = str_safe(str_or_empty(c.user));
        printf("container %s of %s: %s\n", c.name, user, ledger_wire(c.state));
        return note_pulled(f, &c, e);
}

static int adopt_all(struct found *f, struct err *e)
{
        for (size_t i = 0; i < f->ids.n; i++) {
                cleanup_engine_container struct engine_container now = { 0 };
                struct engine_wait w = daemon_wait(LOOK_S);
                if (engine_container_inspect(f->d->engine, &w, f->ids.v[i], &now, e) < 0) {
                        if (e->code == ERR_NOT_FOUND)
                                continue;
                        return -1;
                }
                if (strcmp(label(now.labels, "ds01.instance"), store_instance(f->d->store)) != 0)
                        continue;
                if (adopt(f, &now, e) < 0)
                        return -1;
        }
        return 0;
}

/* ---- images ---- */

static int give_back(struct found *f, const struct engine_image *i, const char *tag, struct err *e)
{
        long long uid;
        cleanup_account struct account account = { 0 };
        cleanup_free char *prefix = NULL, *replaced = NULL;
        const char *project = label(i->labels, "ds01.project");
        if (!str_to_int(label(i->labels, "ds01.uid"), 1, UINT32_MAX - 1, &uid) ||
                account_by_uid((uid_t)uid, &account, e) < 0)
                return leave(f, "image", tag, "there is no account of its label");
        if (users_image_prefix(f->d->store, (uid_t)uid, account.user, &prefix, e) < 0)
                return -1;
        cleanup_free char *expected = xasprintf("%s/%s:latest", prefix, project);
        if (strcmp(expected, tag) != 0)
                return leave(f, "image", tag, "its name is not that of a build of its account");
        struct image row = { .uid = (uid_t)uid,
                .ref = expected,
                .project = (char *)(uintptr_t)project,
                .image_id = (char *)(uintptr_t)i->id,
                .built_at = i->created,
                .size_bytes = i->size };
        if (images_put(f->d->store, &row, &replaced, e) < 0)
                return -1;
        f->n_given++;
        printf("image %s of %s\n", tag, account.user);
        return 0;
}

/*
 * Of two accounts whose names come to the same, the later one's images carry its number. They come
 * second here as well, so that both get what they had.
 */
static bool has_number(const struct engine_image *i, const char *tag)
{
        cleanup_free char *end = xasprintf("-%s", label(i->labels, "ds01.uid"));
        cleanup_free char *repo = xstrndup(tag, strcspn(tag, "/"));
        return str_ends(repo, end);
}

static int give_all(struct found *f, struct err *e)
{
        for (int second = 0; second <= 1; second++)
                for (size_t n = 0; n < f->n_images; n++) {
                        const struct engine_image *i = &f->images[n];
                        if (strcmp(label(i->labels, "ds01.instance"),
                                    store_instance(f->d->store)) != 0)
                                continue;
                        for (size_t k = 0; k < i->tags.n; k++)
                                if (has_number(i, i->tags.v[k]) == (second == 1) &&
                                        give_back(f, i, i->tags.v[k], e) < 0)
                                        return -1;
                }
        return 0;
}

/* ---- the whole ---- */

/* What the old database knew stays in place until the new one is whole. */
static int fill(struct found *f, const char *instance, struct err *e)
{
        struct daemon *d = f->d;
        cleanup_free char *aside = NULL;
        if (store_begin_rebuild(d->config.state_dir, instance, &d->store, e) < 0)
                return -1;
        if (adopt_all(f, e) < 0 || give_all(f, e) < 0) {
                store_abandon_rebuild(d->config.state_dir, take_ptr(d->store));
                return err_wrap(e, "The database stays as it was");
        }
        if (store_finish_rebuild(d->config.state_dir, take_ptr(d->store), &aside, e) < 0)
                return -1;
        if (aside)
                printf("The former database is now %s\n", aside);
        return 0;
}

int rebuild_run(struct daemon *d, const char *instance, struct err *e)
{
        CLEANUP(found_done) struct found f = { .d = d };
        cleanup_free char *network = NULL, *ours = NULL;
        if (look(&f, &network, e) < 0 || choose(&f, instance, network, &ours, e) < 0 ||
                fill(&f, ours, e) < 0)
                return -1;
        printf("%zu containers and %zu images are in the new database, %zu were left alone. No GPU was given to "
               "any.\nWhat an image was built from is not known any more: its next launch may offer to build it.\n",
                f.n_adopted, f.n_given, f.n_left);
        return 0;
}
