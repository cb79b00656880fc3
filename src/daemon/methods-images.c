/* SPDX-License-Identifier: MIT */
#include "daemon/methods.h"

#include "base/clock.h"
#include "daemon/images.h"
#include "daemon/rules.h"
#include "store/containers.h"
#include "store/images.h"

#include <string.h>

enum { PULL_S = 3 * 3600, LOOK_S = 30 };

/* Does the name that an image was built on mean another image now? Gone is not changed. */
static bool base_changed(struct daemon *d, const struct image *row)
{
        struct engine_image base = { 0 };
        struct engine_wait w = daemon_wait(LOOK_S);
        struct err ignored = ERR_INIT;
        if (!row->base_ref || !*row->base_ref || !row->base_id ||
                engine_image_inspect(d->engine, &w, row->base_ref, &base, &ignored) < 0)
                return false;
        bool changed = strcmp(base.id, row->base_id) != 0;
        engine_image_done(&base);
        return changed;
}

static int add_own_facts(
        struct daemon *d, struct caller *who, const char *ref, json_t *reply, struct err *e)
{
        struct image row = { 0 };
        bool found = false;
        if (images_find(d->store, who->peer.uid, ref, &row, &found, e) < 0)
                return -1;
        if (found)
                json_object_update_new(reply,
                        json_pack("{s:s, s:s, s:s, s:b, s:I}", "dockerfile_sha",
                                str_or_empty(row.dockerfile_sha), "requirements_sha",
                                str_or_empty(row.requirements_sha), "base",
                                str_or_empty(row.base_ref), "base_changed",
                                (int)base_changed(d, &row), "built_at", (json_int_t)row.built_at));
        image_done(&row);
        return 0;
}

int images_get(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        cleanup_usable_image struct usable_image image = { 0 };
        const char *project = str_or_empty(json_str(call->params, "project"));
        const char *named = str_or_empty(json_str(call->params, "image"));
        cleanup_free char *own = NULL;
        if (!*project && !*named)
                return err_set(e, ERR_INVALID, "Neither a project nor an image is named");
        if (daemon_engine(d, NULL, e) < 0 || images_own_ref(d, who, project, &own, e) < 0)
                return -1;
        bool exists = images_resolve(d, who, named, project, &image, e) == 0;
        if (!exists && e->code != ERR_NO_IMAGE)
                return -1;
        /* A framework that the catalogue doesn't have is no image at all: its own sentence says so. */
        if (!exists && *named && !image.ref && catalogue_is_alias(named))
                return -1;
        const char *ref = image.ref ? image.ref : *named ? named : own;
        json_t *reply = json_pack("{s:s, s:b, s:b, s:s, s:s, s:I, s:b}", "image", ref, "exists",
                (int)exists, "own", (int)image.own, "id", image.engine.id, "framework",
                str_or_empty(image.framework), "size", (json_int_t)image.engine.size, "catalogue",
                (int)image.catalogue);
        if (image.own && add_own_facts(d, who, ref, reply, e) < 0) {
                json_decref(reply);
                return -1;
        }
        return rpc_reply(call, reply);
}

struct listing {
        struct daemon *d;
        struct rpc_call *call;
        struct strv used; /* image ids that containers were made from */
};

static int note_used(const struct container *c, void *ctx)
{
        struct listing *l = ctx;
        if (c->image_id && !strv_has(&l->used, c->image_id))
                strv_add(&l->used, c->image_id);
        return 0;
}

static int list_own(const struct image *i, void *ctx)
{
        struct listing *l = ctx;
        return rpc_reply_more(
                l->call, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:b}", "image", i->ref,
                                 "project", str_or_empty(i->project), "framework",
                                 str_or_empty(i->framework), "built_at", (json_int_t)i->built_at,
                                 "size", (json_int_t)i->size_bytes, "id", str_or_empty(i->image_id),
                                 "in_use", (int)strv_has(&l->used, str_or_empty(i->image_id))));
}

/* One entry of the catalogue, if it is on this machine. */
static int list_catalogue_entry(struct listing *l, const struct catalogue_entry *entry)
{
        struct engine_image image = { 0 };
        struct engine_wait w = daemon_wait(LOOK_S);
        struct err ignored = ERR_INIT;
        cleanup_free char *ref = reference_text(&entry->image);
        if (engine_image_inspect(l->d->engine, &w, ref, &image, &ignored) < 0)
                return 0;
        cleanup_free char *title = xasprintf("%s %s",
                catalogue_pretty(entry->framework, entry->version, &entry->image), entry->version);
        int r = rpc_reply_more(l->call,
                json_pack("{s:s, s:s, s:I, s:I, s:s, s:b}", "image", ref, "framework", title,
                        "built_at", (json_int_t)image.created, "size", (json_int_t)image.size, "id",
                        image.id, "in_use", (int)strv_has(&l->used, image.id)));
        engine_image_done(&image);
        return r;
}

int images_list(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        struct listing l = { .d = d, .call = call };
        int r = -1;
        if (caller_target(who, call->params, true, "lists images", &target, e) < 0)
                return -1;
        if (containers_each(d->store, target.uid, true, note_used, &l, e) < 0 ||
                images_each(d->store, target.uid, list_own, &l, e) < 0)
                goto out;
        if (json_bool(call->params, "all", false)) {
                const struct catalogue_entry **entries = NULL;
                if (daemon_engine(d, NULL, e) < 0)
                        goto out;
                cleanup_rules struct rules *rules = rules_get(d);
                size_t n = catalogue_choices(&rules->catalogue, d->gpu_arch, &entries);
                for (size_t i = 0; i < n; i++)
                        if (list_catalogue_entry(&l, entries[i]) < 0)
                                break;
                free(entries);
        }
        r = rpc_reply(call, NULL);
out:
        strv_done(&l.used);
        return r;
}

int images_catalogue(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        const struct catalogue_entry **entries = NULL;
        struct engine_version engine;
        struct err down = ERR_INIT;
        (void)who;
        (void)e;
        /* Without the engine the catalogue is still a catalogue; nothing is then known to be here. */
        bool up = daemon_engine(d, &engine, &down) == 0;
        cleanup_rules struct rules *rules = rules_get(d);
        size_t n = catalogue_choices(&rules->catalogue, d->gpu_arch, &entries);
        for (size_t i = 0; i < n; i++) {
                struct engine_image image = { 0 };
                struct engine_wait w = daemon_wait(LOOK_S);
                struct err absent = ERR_INIT;
                cleanup_free char *ref = reference_text(&entries[i]->image);
                bool local = up && engine_image_inspect(d->engine, &w, ref, &image, &absent) == 0;
                engine_image_done(&image);
                if (rpc_reply_more(call, json_pack("{s:s, s:s, s:s, s:s, s:b}", "word",
                                                 entries[i]->framework, "framework",
                                                 catalogue_pretty(entries[i]->framework,
                                                         entries[i]->version, &entries[i]->image),
                                                 "version", entries[i]->version, "image", ref,
                                                 "local", (int)local)) < 0)
                        break;
        }
        free(entries);
        return rpc_reply(call, NULL);
}

int images_delete_one(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct target target;
        struct reference parsed = { 0 };
        bool kept = false;
        if (caller_target(who, call->params, false, "deletes an image", &target, e) < 0 ||
                daemon_engine(d, NULL, e) < 0 ||
                reference_parse(json_str(call->params, "image"), &parsed, e) < 0)
                return -1;
        cleanup_free char *ref = reference_text(&parsed);
        reference_done(&parsed);
        if (images_remove(d, target.uid, ref, &kept, e) < 0)
                return -1;
        if (kept) {
                err_set(e, ERR_FAILED, "Image %s is used by a container", ref);
                return err_fix(e, "container-list --all\ncontainer retire NAME");
        }
        return rpc_reply(call, json_pack("{s:s, s:b}", "image", ref, "removed", 1));
}

static int on_progress(const char *line, void *ctx)
{
        return rpc_reply_more(ctx, json_pack("{s:s, s:s}", "kind", "pull", "text", line));
}

int images_pull(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        cleanup_free char *ref = NULL, *id = NULL;
        struct engine_wait w = daemon_wait_call(call, PULL_S);
        if (daemon_engine(d, NULL, e) < 0 || images_ensure(d, who, json_str(call->params, "image"),
                                                     &w, on_progress, call, &ref, &id, e) < 0)
                return -1;
        return rpc_reply(
                call, json_pack("{s:s, s:s, s:s}", "kind", "done", "image", ref, "id", id));
}
