/* SPDX-License-Identifier: MIT */
#include "daemon/methods.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/build.h"
#include "daemon/images.h"
#include "engine/build.h"
#include "host/cgroup.h"
#include "image/dockerfile.h"
#include "policy/name.h"
#include "store/images.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        DOCKERFILE_MAX = 64 << 10,
        DOCKERFILE_MS = 10 * 1000,
        CLEAN_S = 30,
        CLEAN_MS = 5000, /* how long a step that was given up may take to go */
        CLEAN_PAUSE_MS = 100,
        TEXT_MAX = 8192,
        RECORD_MAX = 128,
        CPU_PERIOD_US = 100000,
};

struct build {
        struct daemon *d;
        struct caller *who;
        struct rpc_call *call;
        char project[NAME_SIZE];
        char *ref; /* ds01-alice/thesis:latest */
        struct dockerfile dockerfile;
        char *base_ref, *base_id; /* of the last FROM that is not a stage */
        struct strv steps;        /* images the engine made on the way */
        int64_t started_at;
        struct engine_wait wait;
};

static void build_done(struct build *b)
{
        free(b->ref);
        dockerfile_done(&b->dockerfile);
        free(b->base_ref);
        free(b->base_id);
        strv_done(&b->steps);
}

/* A pipe can be waited for with a deadline; a file could be on a disk that never answers. */
static int check_pipes(struct rpc_call *call, struct err *e)
{
        if (call->n_fds != 2)
                return err_set(
                        e, ERR_INVALID, "A build takes two descriptors, %zu came", call->n_fds);
        for (size_t i = 0; i < call->n_fds; i++) {
                struct stat st;
                if (fstat(call->fds[i], &st) < 0 || !S_ISFIFO(st.st_mode) ||
                        fd_set_nonblock(call->fds[i], true) < 0)
                        return err_set(e, ERR_INVALID, "The descriptors of a build must be pipes");
        }
        return 0;
}

static int read_dockerfile(int fd, char **ret, size_t *ret_n, struct err *e)
{
        cleanup_buf struct buf text = BUF_INIT(DOCKERFILE_MAX);
        int64_t deadline = clock_mono_ms() + DOCKERFILE_MS;
        char piece[4096];
        for (;;) {
                if (fd_wait_readable(fd, deadline) <= 0)
                        return err_set(e, ERR_INVALID, "The Dockerfile did not come within %d s",
                                DOCKERFILE_MS / 1000);
                ssize_t n = read(fd, piece, sizeof piece);
                if (n == 0)
                        break;
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return err_sys(e, errno, "Can't read the Dockerfile");
                if (n > 0)
                        buf_add(&text, piece, (size_t)n);
                if (text.full)
                        return err_set(e, ERR_INVALID, "The Dockerfile is larger than %d KiB",
                                DOCKERFILE_MAX >> 10);
        }
        *ret_n = text.len;
        *ret = buf_take(&text);
        return 0;
}

static int on_pull(const char *line, void *ctx)
{
        struct build *b = ctx;
        return rpc_reply_more(b->call, json_pack("{s:s, s:s}", "kind", "pull", "text", line));
}

/*
 * ONBUILD steps of a base would run unseen by the check of the Dockerfile, with the engine's own reach.
 */
static int refuse_triggers(struct build *b, const char *id, const char *ref, struct err *e)
{
        struct engine_image image = { 0 };
        if (engine_image_inspect(b->d->engine, &b->wait, id, &image, e) < 0)
                return -1;
        bool triggers = image.has_triggers;
        engine_image_done(&image);
        if (!triggers)
                return 0;
        err_set(e, ERR_DENIED, "Image %s has ONBUILD steps, which can't be checked", ref);
        return err_fix(e, "Use an image without ONBUILD and write its steps into the Dockerfile");
}

/* Every image that the Dockerfile takes from outside must be the caller's to use, and be here. */
static int see_to_images(struct build *b, struct err *e)
{
        for (size_t i = 0; i < b->dockerfile.n_images; i++) {
                const struct dockerfile_image *image = &b->dockerfile.images[i];
                cleanup_free char *named = reference_text(&image->reference);
                cleanup_free char *ref = NULL, *id = NULL;
                struct reference resolved = { 0 };
                if (images_ensure(b->d, b->who, named, &b->wait, on_pull, b, &ref, &id, e) < 0 ||
                        refuse_triggers(b, id, ref, e) < 0)
                        return err_wrap(e, "Dockerfile line %u", image->line);
                if (reference_parse(ref, &resolved, e) < 0)
                        return -1;
                dockerfile_use(&b->dockerfile, i, &resolved);
                reference_done(&resolved);
                if (!image->copied) {
                        str_replace(&b->base_ref, ref);
                        str_replace(&b->base_id, id);
                }
        }
        return 0;
}

static int send_text(struct build *b, const char *text, size_t n)
{
        while (n > 0) {
                size_t piece = n < TEXT_MAX ? n : TEXT_MAX;
                while (piece < n && piece > TEXT_MAX - 4 &&
                        ((unsigned char)text[piece] & 0xc0) == 0x80)
                        piece--;
                json_t *row = json_pack("{s:s, s:s%}", "kind", "output", "text", text, piece);
                if (row && rpc_reply_more(b->call, row) < 0)
                        return -1;
                text += piece;
                n -= piece;
        }
        return 0;
}

static int on_event(const struct engine_build_event *event, void *ctx)
{
        struct build *b = ctx;
        switch (event->kind) {
        case BUILD_STEP: {
                /* "Step 2/6 : RUN …": the numbers travel beside the text. */
                const char *text = strstr(event->text, " : ");
                return rpc_reply_more(b->call, json_pack("{s:s, s:s, s:i, s:i}", "kind", "step",
                                                       "text", text ? text + 3 : event->text,
                                                       "step", event->step, "steps", event->steps));
        }
        case BUILD_IMAGE:
                if (b->steps.n < 1000 && !strv_has(&b->steps, event->text))
                        strv_add(&b->steps, event->text);
                return 0;
        case BUILD_PULL:
                return on_pull(str_or_empty(event->progress.status), b);
        case BUILD_STREAM:
        case BUILD_ERROR:
                return send_text(b, event->text, event->n);
        }
        return 0;
}

/* True if it is still needed. Images with a name, or older than this build, are somebody's: left alone. */
static bool remove_step(struct build *b, const char *id, const char *keep_id)
{
        struct engine_image image = { 0 };
        struct engine_wait w = daemon_wait(CLEAN_S);
        struct err e = ERR_INIT;
        bool in_use = false;
        if (engine_image_inspect(b->d->engine, &w, id, &image, &e) == 0 && image.tags.n == 0 &&
                image.created >= b->started_at && !str_eq(image.id, keep_id) &&
                engine_image_remove(b->d->engine, &w, image.id, &in_use, &e) < 0)
                log_debug("build leftovers: %s", e.msg);
        engine_image_done(&image);
        return in_use;
}

/*
 * Removes what the build made on the way and nothing names or needs: newest first, so that children
 * go before their parents. After a build that was given up the engine is still taking down its last
 * step; what that needs is tried again.
 */
static void clean(struct build *b, const char *keep_id)
{
        int64_t deadline = clock_mono_ms() + (keep_id ? 0 : CLEAN_MS);
        for (bool in_use = true; in_use;) {
                in_use = false;
                for (size_t i = b->steps.n; i > 0; i--)
                        in_use = remove_step(b, b->steps.v[i - 1], keep_id) || in_use;
                if (clock_mono_ms() >= deadline)
                        break;
                if (in_use)
                        usleep(CLEAN_PAUSE_MS * 1000);
        }
}

/*
 * One line for all labels, because the engine makes a layer of each that it is given beside the file.
 * They are hints for people and for rebuilding the ledger; a later LABEL of the user's can't come.
 */
static char *with_labels(const struct build *b, const char *text)
{
        return xasprintf(
                "%s\nLABEL ds01.managed=\"true\" ds01.instance=\"%s\" ds01.uid=\"%u\" ds01.project=\"%s\"\n",
                text, store_instance(b->d->store), (unsigned)b->who->peer.uid, b->project);
}

static int prepare_cgroup(struct build *b, char parent[CGROUP_PARENT_LEN], struct err *e)
{
        struct engine_version engine;
        struct cgroup_limits limits = {
                .memory_bytes = -1, .cpu_quota_percent = -1, .pids = b->d->config.build_pids
        };
        if (daemon_engine(b->d, &engine, e) < 0)
                return -1;
        cgroup_build_parent(engine.cgroup_driver, b->who->peer.uid, parent);
        return cgroup_prepare_build(engine.cgroup_driver, b->who->peer.uid, &limits, e);
}

static int run_engine(
        struct build *b, const char *text, char ret_id[ENGINE_IMAGE_ID_SIZE], struct err *e)
{
        const struct config *config = &b->d->config;
        char random[RANDOM_HEX_LEN + 1], parent[CGROUP_PARENT_LEN];
        random_hex(random);
        cleanup_free char *name = xasprintf(".ds01-%s", random);
        if (prepare_cgroup(b, parent, e) < 0)
                return -1;
        cleanup_free char *labelled = with_labels(b, text);
        struct context_source *context = context_source_new(b->call->fds[1], name, labelled,
                (uint64_t)config->build_max_context, (uint64_t)config->build_max_entries);
        struct engine_source source = {
                .read = context_source_read, .ctx = context, .fd = b->call->fds[1]
        };
        struct engine_build build = { .tag = b->ref,
                .dockerfile = name,
                .network_mode = config->network_build_name,
                .cgroup_parent = parent,
                .memory_bytes = config->build_memory > 0 ? config->build_memory : 0,
                .cpu_quota_us = config->build_cpus_milli > 0
                                        ? config->build_cpus_milli * CPU_PERIOD_US / 1000
                                        : 0,
                .cpu_period_us = config->build_cpus_milli > 0 ? CPU_PERIOD_US : 0,
                /* Only from the caller's own last image: what others built stays out of it. */
                .cache_from = b->ref,
                .no_cache = json_bool(b->call->params, "no_cache", false) };
        int r = engine_build(b->d->engine, &b->wait, &build, &source, on_event, b, ret_id, e);
        if (r < 0 && e->code != ERR_INTERRUPTED && e->code != ERR_BUSY)
                context_source_error(context, e);
        context_source_free(context);
        return r;
}

static int record(struct build *b, const char *id, struct err *e)
{
        struct engine_image built = { 0 };
        struct engine_wait w = daemon_wait(CLEAN_S);
        const json_t *params = b->call->params;
        cleanup_free char *replaced = NULL;
        /* A folder that doesn't say what it holds has what its base has. */
        const char *said = str_or_empty(json_str(params, "framework"));
        cleanup_free char *framework =
                *said ? xstrdup(said) : images_framework(b->d, str_or_empty(b->base_ref));
        if (engine_image_inspect(b->d->engine, &w, id, &built, e) < 0)
                return -1;
        struct image row = { .uid = b->who->peer.uid,
                .ref = b->ref,
                .project = b->project,
                .image_id = built.id,
                .framework = framework,
                .dockerfile_sha =
                        (char *)(uintptr_t)str_or_empty(json_str(params, "dockerfile_sha")),
                .requirements_sha =
                        (char *)(uintptr_t)str_or_empty(json_str(params, "requirements_sha")),
                .base_ref = b->base_ref,
                .base_id = b->base_id,
                .built_at = clock_unix(),
                .size_bytes = built.size };
        int r = images_put(b->d->store, &row, &replaced, e);
        engine_image_done(&built);
        return r;
}

/* What the caller says for the record stands in rows, which must fit in a frame. */
static int check_record(const json_t *params, struct err *e)
{
        static const char *const keys[] = { "framework", "dockerfile_sha", "requirements_sha" };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (strlen(str_or_empty(json_str(params, keys[i]))) > RECORD_MAX)
                        return err_set(e, ERR_INVALID, "'%s' is longer than %d bytes", keys[i],
                                RECORD_MAX);
        return 0;
}

/*
 * The new image has the name but no row: without one it is nobody's. The name goes back to the image
 * that had it before, if there was one.
 */
static void take_back(struct build *b, const char *id)
{
        struct image before = { 0 };
        struct engine_wait w = daemon_wait(CLEAN_S);
        struct err e = ERR_INIT;
        bool found = false, in_use;
        cleanup_free char *repo = xstrndup(b->ref, strcspn(b->ref, ":"));
        if (images_find(b->d->store, b->who->peer.uid, b->ref, &before, &found, &e) == 0 && found)
                (void)engine_image_tag(b->d->engine, &w, before.image_id, repo, "latest", &e);
        image_done(&before);
        if (engine_image_remove(b->d->engine, &w, found ? id : b->ref, &in_use, &e) < 0)
                log_warning("image %s has no record: %s", b->ref, e.msg);
}

static int prepare(struct build *b, char **ret_text, struct err *e)
{
        cleanup_free char *given = NULL;
        size_t n;
        if (name_check(json_str(b->call->params, "project"), b->project, NULL, e) < 0 ||
                check_record(b->call->params, e) < 0 || check_pipes(b->call, e) < 0 ||
                daemon_engine(b->d, NULL, e) < 0 ||
                images_own_ref(b->d, b->who, b->project, &b->ref, e) < 0 ||
                read_dockerfile(b->call->fds[0], &given, &n, e) < 0 ||
                dockerfile_check(given, n, NULL, &b->dockerfile, e) < 0 || see_to_images(b, e) < 0)
                return -1;
        return dockerfile_text(&b->dockerfile, &b->d->config.build_env, ret_text, e);
}

int images_build(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct build b = { .d = d, .who = who, .call = call };
        cleanup_free char *text = NULL;
        char id[ENGINE_IMAGE_ID_SIZE];
        if (build_enter(d, call, who->peer.uid, e) < 0)
                return -1;
        b.started_at = clock_unix();
        b.wait = daemon_wait_call(call, (int)d->config.build_timeout_m * 60);
        int r = prepare(&b, &text, e);
        if (r == 0) {
                r = run_engine(&b, text, id, e);
                if (r < 0)
                        clean(&b, NULL);
        }
        bool built = r == 0;
        if (built && (r = record(&b, id, e)) < 0)
                take_back(&b, id);
        if (r == 0) {
                clean(&b, id);
                images_sweep(d);
                log_info("built %s of %s", b.ref, who->peer.user);
        } else if (!built && e->code == ERR_BUSY && clock_mono_ms() >= b.wait.deadline) {
                err_set(e, ERR_FAILED, "The build took longer than %d minutes",
                        (int)d->config.build_timeout_m);
        }
        build_leave(d, who->peer.uid);
        if (r == 0)
                rpc_reply(call,
                        json_pack("{s:s, s:s, s:s}", "kind", "done", "image", b.ref, "id", id));
        build_done(&b);
        return r;
}
