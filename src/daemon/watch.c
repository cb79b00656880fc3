/* SPDX-License-Identifier: MIT */
#include "daemon/watch.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/attach.h"
#include "daemon/expire.h"
#include "daemon/images.h"
#include "daemon/lease.h"
#include "daemon/recovery.h"
#include "daemon/usage.h"
#include "engine/events.h"
#include "engine/networks.h"

#include <string.h>

enum {
        RETRY_MS = 500,
        RETRY_MAX_MS = 2000,
        SWEEP_MS = 2000,
        IMAGES_ROUNDS = 30, /* superseded images are looked at each so many sweeps */
        SETUP_S = 60,
};

static void set_ready(struct daemon *d, const struct engine_version *version)
{
        pthread_mutex_lock(&d->lock);
        d->engine_ready = d->engine_tried = true;
        d->engine_version = *version;
        pthread_cond_broadcast(&d->engine_asked);
        pthread_mutex_unlock(&d->lock);
}

static void set_down(struct daemon *d, const struct err *e)
{
        pthread_mutex_lock(&d->lock);
        bool was_ready = d->engine_ready;
        d->engine_ready = false;
        /* One that was there a moment ago may only be restarting: requests wait for the next attempt. */
        d->engine_tried = !was_ready;
        pthread_cond_broadcast(&d->engine_asked);
        bool news = was_ready || strcmp(d->engine_error.msg, e->msg) != 0;
        d->engine_error = *e;
        pthread_mutex_unlock(&d->lock);
        if (news)
                log_warning("engine: %s", e->msg);
}

static int ensure_networks(struct daemon *d, struct err *e)
{
        const struct config *c = &d->config;
        const struct {
                const char *name, *bridge;
        } networks[] = { { c->network_name, c->network_bridge },
                { c->network_build_name, c->network_build_bridge } };
        for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
                struct engine_wait w = daemon_wait(SETUP_S);
                w.hangup_fd = d->stop_fd;
                cleanup_json json_t *labels = json_pack("{s:s, s:s}", "ds01.managed", "true",
                        "ds01.instance", store_instance(d->store));
                if (engine_network_ensure(d->engine, &w, networks[i].name, networks[i].bridge,
                            false, labels, NULL, e) < 0)
                        return -1;
        }
        return 0;
}

struct watching {
        struct daemon *d;
        struct engine_version version;
        bool *recovered;
        struct err failed; /* why the callback ended the stream, if it did */
};

static bool concerns_us(const char *action)
{
        static const char *const actions[] = { "die", "start", "destroy", "pause", "unpause" };
        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
                if (strcmp(action, actions[i]) == 0)
                        return true;
        return false;
}

/*
 * The first call comes with the subscription standing: what happens from here on is not missed, so
 * this is the moment to compare everything. Later ones are hints to look at one container.
 */
static int on_event(const struct engine_event *event, void *ctx)
{
        struct watching *w = ctx;
        struct err e = ERR_INIT;
        if (*event->action) {
                if (concerns_us(event->action) && recovery_observe(w->d, event->id, &e) < 0)
                        log_warning("event %s: %s", event->action, e.msg);
                return 0;
        }
        if (recovery_run(w->d, !*w->recovered, &w->failed) < 0)
                return -1;
        *w->recovered = true;
        set_ready(w->d, &w->version);
        log_info("engine %s (API %s) is ready", w->version.version, w->version.api);
        return 0;
}

/* One connection's worth of watching; returns when the engine or we end. */
static void follow(struct daemon *d, bool *recovered, struct err *e)
{
        struct watching w = { .d = d, .recovered = recovered };
        struct engine_wait wait = daemon_wait(SETUP_S);
        wait.hangup_fd = d->stop_fd;
        char label[64];
        daemon_instance_label(d, label);
        if (engine_version(d->engine, &wait, &w.version, e) < 0)
                return;
        if (w.version.userns_remap) {
                err_set(e, ERR_ENGINE,
                        "The engine remaps user ids (userns-remap): ds01 can't give people their "
                        "own files there");
                return;
        }
        if (ensure_networks(d, e) < 0)
                return;
        wait.deadline = -1;
        int r = engine_events(d->engine, &wait, label, on_event, &w, e);
        if (w.failed.code != ERR_NONE)
                *e = w.failed;
        else if (r == 0)
                err_set(e, ERR_ENGINE, "The container engine ended the connection");
}

static void *watcher(void *arg)
{
        struct daemon *d = arg;
        bool recovered = false;
        int pause_ms = RETRY_MS;
        while (!atomic_load(&d->stopping)) {
                struct err e = ERR_INIT;
                int64_t since = clock_mono_ms();
                follow(d, &recovered, &e);
                if (atomic_load(&d->stopping))
                        break;
                e.code = ERR_ENGINE;
                set_down(d, &e);
                /* One that stood for a while is asked again at once; a dead one less and less often. */
                pause_ms = clock_mono_ms() - since > RETRY_MAX_MS ? RETRY_MS
                           : pause_ms * 2 > RETRY_MAX_MS          ? RETRY_MAX_MS
                                                                  : pause_ms * 2;
                if (fd_wait_readable(d->stop_fd, clock_mono_ms() + pause_ms) != 0)
                        break;
        }
        return NULL;
}

static void *janitor(void *arg)
{
        struct daemon *d = arg;
        struct err e = ERR_INIT;
        for (unsigned round = 0; fd_wait_readable(d->stop_fd, clock_mono_ms() + SWEEP_MS) == 0;
                round++) {
                if (daemon_engine(d, NULL, &e) < 0)
                        continue;
                attach_sweep(d);
                recovery_sweep(d);
                /* Seldom: one that the engine won't let go of stays on the list. */
                if (round % IMAGES_ROUNDS == 0)
                        images_sweep(d);
                expire_sweep(d);
                lease_sweep(d);
                usage_sweep(d);
        }
        return NULL;
}

int watch_start(struct daemon *d, struct watch *ret, struct err *e)
{
        int r = pthread_create(&ret->watcher, NULL, watcher, d);
        if (r == 0)
                r = pthread_create(&ret->janitor, NULL, janitor, d);
        return r == 0 ? 0 : err_sys(e, r, "Can't start a thread");
}

void watch_join(struct watch *w)
{
        pthread_join(w->watcher, NULL);
        pthread_join(w->janitor, NULL);
}
