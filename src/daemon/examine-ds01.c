/* SPDX-License-Identifier: MIT */
/* examine.h: what ds01d knows of itself, its files and its GPUs. */
#include "daemon/examine.h"

#include "base/clock.h"
#include "daemon/gpus.h"
#include "daemon/judge.h"
#include "gpu/probe.h"
#include "store/containers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { GPUS_AGE_MS = 20 * 1000, GPUS_WAIT_MS = 5000, PROBE_ALONE_MS = 10 * 1000 };

void examine_daemon(struct examination *x, struct finding *f)
{
        judge_daemon(x->client, DS01_VERSION, x->d->started_at, clock_unix(), f);
}

/* ds01d read them when it started; what counts is whether it could again. */
void examine_settings(struct examination *x, struct finding *f)
{
        const char *path = x->config_path ? x->config_path : CONFIG_DEFAULT_PATH;
        struct err e = ERR_INIT;
        cleanup_config struct config c = { 0 };
        if (!x->config_path && access(path, F_OK) < 0 && errno == ENOENT) {
                finding_say(f, "There is no %s: the defaults hold", path);
                return;
        }
        judge_settings(path, config_load(x->config_path, &c, &e) < 0 ? &e : NULL, f);
}

void examine_policy(struct examination *x, struct finding *f)
{
        struct err e = ERR_INIT;
        cleanup_strv struct strv warnings = { 0 };
        cleanup_policy struct policy *p = NULL;
        const char *path = x->config->policy_path;
        bool missing = access(path, F_OK) < 0 && errno == ENOENT;
        int r = config_policy_load(x->config, &p, &warnings, &e);
        judge_policy(path, missing, &warnings, r < 0 ? &e : NULL, f);
}

/* ---- the clock ---- */

static int later(const struct container *c, void *ctx)
{
        int64_t *last = ctx;
        const int64_t at[] = { c->created_at, c->started_at, c->stopped_at, c->state_since };
        for (size_t i = 0; i < ARRAY_LEN(at); i++)
                if (at[i] > *last)
                        *last = at[i];
        return 0;
}

void examine_clock(struct examination *x, struct finding *f)
{
        struct err e = ERR_INIT;
        int64_t last = 0;
        if (containers_each(x->d->store, STORE_EVERYONE, true, later, &last, &e) < 0)
                finding_add(f, FINDING_PROBLEM, "journalctl -u ds01d",
                        "What is recorded can't be read: %s", e.msg);
        else
                judge_clock(clock_unix(), last, f);
}

/* ---- GPUs ---- */

static void note_real(struct examination *x, const struct gpu_sample *s)
{
        x->gpus_real = !s->simulated && (s->n > 0 || s->health == GPU_HEALTH_MISMATCH ||
                                                s->health == GPU_HEALTH_FAILED);
}

static void examine_gpus_of(struct examination *x, struct finding *f)
{
        struct err e = ERR_INIT;
        cleanup_gpus_view struct gpus_view view = { 0 };
        gpus_refresh(x->d, GPUS_AGE_MS, GPUS_WAIT_MS);
        if (gpus_view(x->d, &view, &e) < 0) {
                finding_add(f, FINDING_PROBLEM, "journalctl -u ds01d", "%s", e.msg);
                return;
        }
        struct gpu_facts g = { .answering = view.answering,
                .sample = &view.sample,
                .devices = view.v,
                .why = view.why };
        note_real(x, &view.sample);
        judge_gpus(&g, f);
        if (gpus_any_unclaimed(x->d))
                finding_add(f, FINDING_WARNING, "ds01d --rebuild, with ds01d stopped: see ds01d(8)",
                        "Containers that ds01d has no record of hold GPUs");
}

static void examine_gpus_alone(struct examination *x, struct finding *f)
{
        const struct config *c = x->config;
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample sample = { 0 };
        struct probe *probe = probe_new(c->probe_command, c->probe_simulate, c->probe_world);
        int r = probe_sample(probe, clock_mono_ms() + PROBE_ALONE_MS, -1, &sample, &e);
        probe_free(probe);
        if (r < 0 && e.code != ERR_BUSY) {
                finding_add(f, FINDING_PROBLEM, c->probe_command, "%s", e.msg);
                return;
        }
        struct gpu_facts g = { .answering = r == 0, .sample = &sample };
        note_real(x, &sample);
        judge_gpus(&g, f);
}

/* To ds01d a probe that isn't there is a machine without GPUs; here it is a part that is missing. */
static bool probe_is_there(struct examination *x, struct finding *f)
{
        const char *path = x->config->probe_command;
        if (access(path, F_OK) == 0 || errno != ENOENT)
                return true;
        finding_add(f, FINDING_WARNING,
                "Install ds01 again, or set probe: command in ds01d.yaml to where it is",
                "GPUs can't be looked for: there is no %s", path);
        return false;
}

void examine_gpus(struct examination *x, struct finding *f)
{
        if (!probe_is_there(x, f))
                return;
        if (x->d)
                examine_gpus_of(x, f);
        else
                examine_gpus_alone(x, f);
}
