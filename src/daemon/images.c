/* SPDX-License-Identifier: MIT */
#include "daemon/images.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/rules.h"
#include "engine/archive.h"
#include "engine/containers.h"
#include "store/images.h"
#include "store/users.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
        LOOK_S = 30,
        FACTS_S = 60,
        IDENTITY_FILE_MAX = 64 << 10,
        TOLD_MAX = 1024,
};

void usable_image_done(struct usable_image *i)
{
        free(i->ref);
        free(i->framework);
        engine_image_done(&i->engine);
        *i = (struct usable_image){ 0 };
}

int images_own_ref(
        struct daemon *d, struct caller *who, const char *project, char **ret, struct err *e)
{
        cleanup_free char *prefix = NULL;
        if (users_image_prefix(d->store, who->peer.uid, who->peer.user, &prefix, e) < 0)
                return -1;
        *ret = xasprintf("%s/%s:latest", prefix, project);
        return 0;
}

static int not_found(const char *ref, struct err *e)
{
        return err_set(e, ERR_NO_IMAGE, "Image %s not found", ref);
}

static char *entry_title(const struct catalogue_entry *entry)
{
        return xasprintf("%s %s", catalogue_pretty(entry->framework, entry->version, &entry->image),
                entry->version);
}

char *images_framework(struct daemon *d, const char *ref)
{
        struct reference parsed = { 0 };
        struct err ignored = ERR_INIT;
        if (reference_parse(ref, &parsed, &ignored) < 0)
                return xstrdup("");
        cleanup_rules struct rules *rules = rules_get(d);
        const struct catalogue_entry *entry = catalogue_find_image(&rules->catalogue, &parsed);
        char *title = entry ? entry_title(entry) : xstrdup("");
        reference_done(&parsed);
        return title;
}

static int resolve_own(struct daemon *d, struct caller *who, const char *ref,
        struct usable_image *ret, struct err *e)
{
        struct image row = { 0 };
        bool found = false;
        struct engine_wait w = daemon_wait(LOOK_S);
        if (images_find(d->store, who->peer.uid, ref, &row, &found, e) < 0)
                return -1;
        if (!found)
                return not_found(ref, e);
        cleanup_free char *id = xstrdup(row.image_id), *framework = xstrdup(row.framework);
        image_done(&row);
        /* By the id that our build gave it: whoever moved the tag since did not make it yours. */
        if (engine_image_inspect(d->engine, &w, id, &ret->engine, e) < 0)
                return e->code == ERR_NO_IMAGE ? not_found(ref, e) : -1;
        ret->ref = xstrdup(ref);
        ret->framework = framework && *framework ? take_ptr(framework) : NULL;
        ret->own = true;
        return 0;
}

struct foreign {
        struct reference ref;
        char *text;
        struct rules *rules;                 /* whose catalogue it is */
        const struct catalogue_entry *entry; /* borrowed from there; NULL if not in it */
};

static void foreign_done(struct foreign *f)
{
        reference_done(&f->ref);
        free(f->text);
        rules_put(f->rules);
}

static bool allowed(const struct daemon *d, const struct reference *r)
{
        for (size_t i = 0; i < d->config.images_allow.n; i++)
                if (reference_matches(r, d->config.images_allow.v[i]))
                        return true;
        return false;
}

/* A name that isn't the caller's own: by the catalogue, or by images.allow. */
static int parse_foreign(struct daemon *d, const char *named, struct foreign *ret, struct err *e)
{
        struct foreign f = { 0 };
        if (reference_parse(named, &f.ref, e) < 0)
                return -1;
        f.rules = rules_get(d);
        f.entry = catalogue_find_image(&f.rules->catalogue, &f.ref);
        if (!f.entry && catalogue_is_alias(named)) {
                /* A local image of exactly that name would win; that is an image like any other. */
                struct engine_image local = { 0 };
                struct engine_wait w = daemon_wait(LOOK_S);
                struct err ignored = ERR_INIT;
                bool here = engine_image_inspect(d->engine, &w, named, &local, &ignored) == 0;
                engine_image_done(&local);
                if (!here) {
                        if (catalogue_resolve(
                                    &f.rules->catalogue, named, d->gpu_arch, &f.entry, e) < 0) {
                                foreign_done(&f);
                                return -1;
                        }
                        reference_done(&f.ref);
                        reference_copy(&f.entry->image, &f.ref);
                } else {
                        struct err none = ERR_INIT;
                        if (catalogue_resolve(
                                    &f.rules->catalogue, named, d->gpu_arch, &f.entry, &none) < 0)
                                f.entry = NULL;
                }
        }
        f.text = reference_text(&f.ref);
        if (!f.entry && !allowed(d, &f.ref)) {
                err_set(e, ERR_DENIED, "Image %s may not be used on this machine", f.text);
                err_fix(e, "Use an image of the catalogue (container deploy shows it)");
                foreign_done(&f);
                return -1;
        }
        *ret = f;
        return 0;
}

/* Is it here, and by a way that we know? What others built or loaded by hand is theirs. */
static int foreign_is_here(struct daemon *d, const struct foreign *f, bool *ret,
        struct engine_image *image, struct err *e)
{
        struct engine_wait w = daemon_wait(LOOK_S);
        bool pulled = f->entry != NULL;
        *ret = false;
        if (!pulled && images_pulled_has(d->store, f->text, &pulled, e) < 0)
                return -1;
        if (!pulled)
                return 0;
        if (engine_image_inspect(d->engine, &w, f->text, image, e) < 0)
                return e->code == ERR_NO_IMAGE ? 0 : -1;
        *ret = true;
        return 0;
}

static int resolve_foreign(
        struct daemon *d, const char *named, struct usable_image *ret, struct err *e)
{
        struct foreign f = { 0 };
        bool here = false;
        if (parse_foreign(d, named, &f, e) < 0)
                return -1;
        int r = foreign_is_here(d, &f, &here, &ret->engine, e);
        ret->ref = xstrdup(f.text);
        ret->framework = f.entry ? entry_title(f.entry) : NULL;
        ret->catalogue = true;
        if (r == 0 && !here)
                r = not_found(f.text, e);
        foreign_done(&f);
        return r;
}

/* "aime/PyTorch:2.8.0" as the catalogue has it; what stands behind the colon is left alone. Owned. */
static char *fold_alias(const char *named)
{
        char *folded = xstrdup(named);
        if (strncasecmp(named, "aime/", 5) == 0)
                for (char *p = folded; *p && *p != ':'; p++)
                        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        return folded;
}

int images_resolve(struct daemon *d, struct caller *who, const char *given, const char *project,
        struct usable_image *ret, struct err *e)
{
        cleanup_free char *own = NULL, *named = fold_alias(given);
        if (!*named) {
                if (images_own_ref(d, who, project, &own, e) < 0)
                        return -1;
                int r = resolve_own(d, who, own, ret, e);
                if (r < 0 && e->code == ERR_NO_IMAGE)
                        err_fix(e, "project launch %s", project);
                return r;
        }
        struct reference parsed = { 0 };
        if (reference_parse(named, &parsed, e) < 0)
                return -1;
        cleanup_free char *text = reference_text(&parsed);
        bool ds01 = reference_is_ds01(&parsed, NULL, NULL);
        reference_done(&parsed);
        return ds01 ? resolve_own(d, who, text, ret, e) : resolve_foreign(d, named, ret, e);
}

struct pulling {
        images_progress *progress;
        void *ctx;
};

static int on_pull(const struct engine_progress *p, void *ctx)
{
        struct pulling *pulling = ctx;
        char line[256];
        if (p->total > 0)
                snprintf(line, sizeof line, "%s %s %lld/%lld MiB", str_or_empty(p->layer),
                        str_or_empty(p->status), (long long)(p->current >> 20),
                        (long long)(p->total >> 20));
        else
                snprintf(line, sizeof line, "%s %s", str_or_empty(p->layer),
                        str_or_empty(p->status));
        return pulling->progress(line, pulling->ctx);
}

/*
 * A pull would move the name from an image that somebody else keeps here to one out of a registry, and
 * what they start under that name next would be it. To the caller such an image does not exist.
 */
static int refuse_occupied(struct daemon *d, const struct foreign *f, struct err *e)
{
        struct engine_image image = { 0 };
        struct engine_wait w = daemon_wait(LOOK_S);
        if (engine_image_inspect(d->engine, &w, f->text, &image, e) < 0)
                return e->code == ERR_NO_IMAGE ? 0 : -1;
        engine_image_done(&image);
        return not_found(f->text, e);
}

static int ensure_foreign(struct daemon *d, const char *named, const struct engine_wait *w,
        images_progress *progress, void *ctx, char **ret_ref, char **ret_id, struct err *e)
{
        struct foreign f = { 0 };
        struct engine_image image = { 0 };
        bool here = false;
        if (parse_foreign(d, named, &f, e) < 0)
                return -1;
        int r = foreign_is_here(d, &f, &here, &image, e);
        if (r == 0 && !here)
                r = refuse_occupied(d, &f, e);
        if (r == 0 && !here) {
                struct pulling pulling = { progress, ctx };
                r = engine_image_pull(d->engine, w, f.text, on_pull, &pulling, e);
                if (r == 0)
                        r = images_pulled_put(d->store, f.text, e);
                if (r == 0)
                        r = engine_image_inspect(d->engine, w, f.text, &image, e);
        }
        if (r == 0) {
                *ret_id = xstrdup(image.id);
                *ret_ref = take_ptr(f.text);
        }
        engine_image_done(&image);
        foreign_done(&f);
        return r;
}

int images_ensure(struct daemon *d, struct caller *who, const char *given,
        const struct engine_wait *w, images_progress *progress, void *ctx, char **ret_ref,
        char **ret_id, struct err *e)
{
        cleanup_free char *named = fold_alias(given);
        struct reference parsed = { 0 };
        if (reference_parse(named, &parsed, e) < 0)
                return -1;
        bool ds01 = reference_is_ds01(&parsed, NULL, NULL);
        cleanup_free char *text = reference_text(&parsed);
        reference_done(&parsed);
        if (!ds01)
                return ensure_foreign(d, named, w, progress, ctx, ret_ref, ret_id, e);
        struct usable_image own = { 0 };
        int r = resolve_own(d, who, text, &own, e);
        if (r == 0) {
                *ret_ref = xstrdup(text);
                *ret_id = xstrdup(own.engine.id);
        }
        usable_image_done(&own);
        return r;
}

/* A container that is created to be read, never started: it has no user's data and no rights. */
static json_t *facts_body(const struct daemon *d, const char *image_id)
{
        return json_pack("{s:s, s:[s], s:{s:s, s:s, s:s}, s:{s:s}}", "Image", image_id, "Cmd",
                "true", "Labels", "ds01.managed", "true", "ds01.instance", store_instance(d->store),
                "ds01.interface", "facts", "HostConfig", "NetworkMode", "none");
}

static int read_facts(struct daemon *d, const char *id, struct image_facts *ret, struct err *e)
{
        struct engine_wait w = daemon_wait(FACTS_S);
        const struct {
                const char *path;
                char **ret;
        } files[] = { { "/etc/passwd", &ret->passwd }, { "/etc/group", &ret->group } };
        static const char *const shells[] = { "/bin/sh", "/bin/bash", "/usr/bin/bash" };
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                bool exists = false;
                if (engine_container_read_file(d->engine, &w, id, files[i].path, IDENTITY_FILE_MAX,
                            files[i].ret, &exists, e) < 0) {
                        /* Larger, or no file at all: as good as none. The engine itself must answer. */
                        if (e->code == ERR_ENGINE || e->code == ERR_BUSY)
                                return -1;
                        *files[i].ret = xstrdup("");
                }
        }
        for (size_t i = 0; i < ARRAY_LEN(shells) && !ret->has_shell; i++)
                if (engine_container_has_path(d->engine, &w, id, shells[i], &ret->has_shell, e) < 0)
                        return -1;
        return 0;
}

int images_facts(struct daemon *d, const char *image_id, struct image_facts *ret, struct err *e)
{
        bool found = false;
        if (facts_get(d->store, image_id, ret, &found, e) < 0 || found)
                return found ? 0 : -1;
        char suffix[RANDOM_HEX_LEN + 1], id[65];
        random_hex(suffix);
        cleanup_free char *name = xasprintf("ds01-facts-%.16s", suffix);
        cleanup_json json_t *body = facts_body(d, image_id);
        struct engine_wait w = daemon_wait(FACTS_S);
        struct err ignored = ERR_INIT;
        if (engine_container_create(d->engine, &w, name, body, id, e) < 0)
                return err_wrap(e, "Can't look into the image");
        int r = read_facts(d, id, ret, e);
        if (engine_container_remove(d->engine, &w, id, &ignored) < 0)
                log_warning("container %s stays until the next start: %s", name, ignored.msg);
        if (r < 0) {
                facts_done(ret);
                return -1;
        }
        return facts_put(d->store, image_id, ret, e);
}

int images_remove(struct daemon *d, uid_t uid, const char *ref, bool *ret_kept, struct err *e)
{
        struct image row = { 0 };
        bool found = false;
        struct engine_wait w = daemon_wait(LOOK_S * 2);
        *ret_kept = false;
        if (images_find(d->store, uid, ref, &row, &found, e) < 0)
                return -1;
        if (!found)
                return not_found(ref, e);
        cleanup_free char *id = xstrdup(row.image_id);
        image_done(&row);
        if (engine_image_remove(d->engine, &w, ref, ret_kept, e) < 0)
                return -1;
        if (*ret_kept)
                return 0;
        struct err ignored = ERR_INIT;
        if (facts_delete(d->store, id, &ignored) < 0)
                log_warning("image %s: %s", ref, ignored.msg);
        return images_delete(d->store, uid, ref, e);
}

/* Is it the first time since our start that this is to be told of an image? */
static bool first_time(const char *image_id)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static struct strv seen;
        pthread_mutex_lock(&lock);
        bool first = !strv_has(&seen, image_id) && seen.n < TOLD_MAX;
        if (first)
                strv_add(&seen, image_id);
        pthread_mutex_unlock(&lock);
        return first;
}

static int sweep_one(const char *image_id, void *ctx)
{
        struct daemon *d = ctx;
        struct engine_wait w = daemon_wait(LOOK_S);
        struct err e = ERR_INIT;
        bool in_use = false;
        if (engine_image_remove(d->engine, &w, image_id, &in_use, &e) < 0) {
                if (e.code == ERR_ENGINE)
                        return -1;
                if (first_time(image_id))
                        log_warning("superseded image %s stays: %s", image_id, e.msg);
                return 0;
        }
        if (in_use && first_time(image_id))
                log_info("superseded image %s stays: the engine says that it is in use", image_id);
        if (!in_use && (images_stale_remove(d->store, image_id, &e) < 0 ||
                               facts_delete(d->store, image_id, &e) < 0))
                log_warning("superseded image %s: %s", image_id, e.msg);
        return 0;
}

void images_sweep(struct daemon *d)
{
        struct err e = ERR_INIT;
        if (images_stale_each(d->store, sweep_one, d, &e) < 0)
                log_warning("superseded images: %s", e.msg);
}
