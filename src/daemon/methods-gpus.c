/* SPDX-License-Identifier: MIT */
/* Gpus.List: each device, what it does, and who has it, as far as the caller may see. */
#include "daemon/methods.h"

#include "base/json.h"
#include "daemon/line.h"
#include "daemon/rules.h"

#include <string.h>

enum { LOOK_AGE_MS = 20 * 1000, LOOK_WAIT_MS = 1000 };

static const char *health_word(enum gpu_health health)
{
        static const char *const words[] = {
                [GPU_HEALTH_OK] = "ok",
                [GPU_HEALTH_NONE] = "none",
                [GPU_HEALTH_MISMATCH] = "mismatch",
                [GPU_HEALTH_FAILED] = "failed",
        };
        return words[health];
}

/* What a caller may see of others' GPUs: admins all, everybody else what the policy says. */
static int64_t sight(struct daemon *d, struct caller *who)
{
        struct limits l;
        if (caller_is_admin(who))
                return LIMIT_SEES_ALL;
        rules_limits_of_peer(d, &who->peer, &l);
        return limits_get(&l, LIMIT_VISIBILITY);
}

static json_t *head_json(struct daemon *d, const struct gpus_view *v)
{
        const struct gpu_sample *s = &v->sample;
        struct ticks ticks = gpus_ticks(d);
        return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:I}", "health",
                health_word(s->health), "why", s->why, "driver", s->driver, "simulated",
                (int)s->simulated, "answering", (int)v->answering, "sampled_at",
                (json_int_t)v->sampled_at, "ticks_busy", (json_int_t)ticks.busy, "ticks_all",
                (json_int_t)ticks.all);
}

static json_t *figures_json(const struct line *l, size_t i)
{
        const struct gpu *g = &l->view.sample.v[i];
        char slot[GPU_SLOT_SIZE], label[GPU_LABEL_SIZE];
        const char *state = g->mig ? "split" : gpu_state_word(l->view.v[i].state);
        /* Figures of a driver that has stopped answering are of another time. */
        bool known = l->view.answering && !g->lost;
        gpu_slot(g, slot);
        gpu_label(g, label);
        if (g->mig && !known)
                state = gpu_state_word(GPU_NOT_ANSWERING);
        return json_pack(
                "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
                "slot", slot, "uuid", g->uuid, "name", g->name, "profile", g->profile, "label",
                label, "state", state, "slices", g->slices, "of", g->of, "memory_total",
                (json_int_t)g->memory_total, "memory_used",
                (json_int_t)(known ? g->memory_used : GPU_UNKNOWN), "utilisation",
                (json_int_t)(known ? g->utilisation : GPU_UNKNOWN), "temperature",
                (json_int_t)(known ? g->temperature : GPU_UNKNOWN), "power",
                (json_int_t)(known ? g->power : GPU_UNKNOWN), "processes",
                known && g->processes_known ? (json_int_t)g->n_processes : (json_int_t)-1, "reason",
                l->view.why[i]);
}

static void add_holder(
        struct daemon *d, const struct line *l, size_t i, uid_t uid, int64_t sees, json_t *j)
{
        const struct lease *lease = l->view.holder[i];
        if (!lease)
                return;
        size_t k = (size_t)(lease - l->view.leases.v);
        const struct ticket *turn = line_turn(l, k);
        bool mine = lease->uid == uid;
        json_object_set_new(j, "mine", json_boolean(mine));
        json_object_set_new(j, "turn", json_boolean(turn != NULL));
        if (!mine && sees == LIMIT_SEES_COUNTS)
                return;
        json_object_set_new(j, "user", json_string(line_holder(l, k)));
        json_object_set_new(j, "since", json_integer(lease->since));
        json_object_set_new(j, "until", json_integer(line_shown_end(d, l, k)));
        if (!mine && sees != LIMIT_SEES_ALL)
                return;
        json_object_set_new(
                j, "container", json_string(turn ? turn->name : str_or_empty(l->rows[k].name)));
        json_object_set_new(
                j, "container_state", json_string(turn ? "" : ledger_wire(l->rows[k].state)));
}

int gpus_list(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        cleanup_line struct line line = { 0 };
        struct target target = { .uid = STORE_EVERYONE };
        int64_t sees = sight(d, who);
        if (json_str(call->params, "user") &&
                caller_target(who, call->params, true, "looks at the GPUs", &target, e) < 0)
                return -1;
        if (json_bool(call->params, "watch", false))
                gpus_watched(d);
        /* What is shown may be some seconds old, and a driver that hangs must not make people wait. */
        gpus_refresh(d, LOOK_AGE_MS, LOOK_WAIT_MS);
        line_warm(d);
        gpus_lock(d);
        int r = line_read(d, NULL, &line, e);
        gpus_unlock(d);
        if (r < 0 || rpc_reply_more(call, head_json(d, &line.view)) < 0)
                return r < 0 ? -1 : rpc_reply(call, NULL);
        for (size_t i = 0; i < line.view.sample.n; i++) {
                if (target.uid != STORE_EVERYONE && line.view.v[i].holder != target.uid)
                        continue;
                json_t *j = figures_json(&line, i);
                add_holder(d, &line, i, who->peer.uid, sees, j);
                if (rpc_reply_more(call, j) < 0)
                        break;
        }
        return rpc_reply(call, NULL);
}
