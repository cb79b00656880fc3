/* SPDX-License-Identifier: MIT */
/*
 * Nobody is overtaken (I5): each time GPUs are given away, the line that this was decided on is looked
 * at once more, by a rule that is much simpler than policy/queue.h's.
 */
#include "world.h"

#include "wrapped.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX = 64 };

/* The last line that was read: what is needed of it. */
static struct {
        struct gpu gpus[DEVICES_MAX * 2];
        struct place_device devices[DEVICES_MAX * 2];
        size_t n_devices;
        struct queue_ticket tickets[LINE_MAX]; /* in the order of the line */
        struct limits limits[LINE_MAX];
        struct queue_verdict verdicts[LINE_MAX];
        uid_t before[LINE_MAX]; /* of the ticket that is in the way */
        size_t n;
        int64_t turn, now;
        int64_t guest; /* id of whoever came without a ticket; 0: nobody */
} seen;

static void remember(const struct line *l, bool guest)
{
        seen.n = l->n_waiting < LINE_MAX ? l->n_waiting : LINE_MAX;
        seen.n_devices = l->view.sample.n < ARRAY_LEN(seen.devices) ? l->view.sample.n
                                                                    : ARRAY_LEN(seen.devices);
        seen.turn = l->settings.rules.turn;
        seen.now = l->view.now;
        seen.guest = 0;
        for (size_t i = 0; i < seen.n_devices; i++) {
                seen.gpus[i] = l->view.sample.v[i];
                seen.devices[i] = l->view.v[i];
                seen.devices[i].gpu = &seen.gpus[i];
        }
        for (size_t i = 0; i < seen.n; i++) {
                const struct queue_verdict *v = &l->verdicts[i];
                seen.tickets[i] = l->waiting[v->ticket];
                seen.limits[i] = *seen.tickets[i].limits;
                seen.tickets[i].limits = &seen.limits[i];
                seen.verdicts[i] = *v;
                if (guest && l->ticket_of[v->ticket] == l->tickets.n)
                        seen.guest = seen.tickets[i].id;
                seen.before[i] = v->reason == QUEUE_BEHIND ? l->waiting[v->before].uid : 0;
        }
}

/* Tickets of one account for as many GPUs stand in the order in which they joined; who comes without a
 * ticket has not waited. */
static void check_order(void)
{
        for (size_t i = 0; seen.guest && i < seen.n; i++)
                if (seen.tickets[i].id == seen.guest && seen.tickets[i].joined_at != seen.now)
                        broken("I5", "uid %u has no ticket, and counts as one that waits",
                                (unsigned)seen.tickets[i].uid);
        for (size_t i = 0; i < seen.n; i++)
                for (size_t k = i + 1; k < seen.n; k++) {
                        const struct queue_ticket *a = &seen.tickets[i], *b = &seen.tickets[k];
                        if (a->uid == b->uid && a->slots == b->slots && a->joined_at > b->joined_at)
                                broken("I5", "ticket %lld of uid %u stands before %lld, its elder",
                                        (long long)a->id, (unsigned)a->uid, (long long)b->id);
                }
}

int __wrap_line_read(
        struct daemon *d, const struct line_guest *guest, struct line *ret, struct err *e)
{
        int r = __real_line_read(d, guest, ret, e);
        if (r == 0) {
                remember(ret, guest != NULL);
                check_order();
        }
        return r;
}

/*
 * Whether the ticket at this place waits for what this device is one of: it could be served with it and
 * others of its kind that are free or come round by themselves.
 */
static bool could_use(size_t place, size_t device)
{
        struct place_device devices[ARRAY_LEN(seen.devices)];
        size_t at[PLACE_SLOTS_MAX] = { device }, n = 1;
        const struct queue_ticket *t = &seen.tickets[place];
        const struct gpu *like = &seen.gpus[device];
        struct place p;
        struct place_request r = {
                .uid = t->uid, .slots = t->slots, .limits = t->limits, .held = t->held
        };
        memcpy(devices, seen.devices, sizeof devices);
        for (size_t i = 0; i < seen.n_devices; i++) {
                const struct gpu *g = &seen.gpus[i];
                if (devices[i].state == GPU_HELD && !g->lost)
                        devices[i].state = GPU_FREE;
                if (i != device && n < (size_t)t->slots && devices[i].state == GPU_FREE &&
                        g->mig == like->mig && !strcmp(g->name, like->name) &&
                        !strcmp(g->profile, like->profile))
                        at[n++] = i;
        }
        if (n < (size_t)t->slots)
                return false;
        /* What its account's other tickets get before it counts. */
        for (size_t i = 0; i < place; i++)
                if (seen.tickets[i].uid == t->uid && seen.verdicts[i].reason == QUEUE_GRANTED)
                        r.held = frac_add(r.held, seen.verdicts[i].place.weight);
        place_check(devices, seen.n_devices, at, n, &r, &p);
        return p.verdict == PLACE_OK;
}

static bool waits_for_gpu(size_t place)
{
        enum queue_reason r = seen.verdicts[place].reason;
        return r == QUEUE_HEAD || r == QUEUE_NO_ROOM ||
               (r == QUEUE_BEHIND && seen.before[place] != seen.tickets[place].uid);
}

/* What its own account's tickets before it ask for narrows what it may have: it is not the one to ask about. */
static bool first_of_account(size_t place)
{
        for (size_t i = 0; i < place; i++)
                if (seen.tickets[i].uid == seen.tickets[place].uid && waits_for_gpu(i))
                        return false;
        return true;
}

/* A lease that surely ends before somebody at or before this place can start is in nobody's way. */
static bool is_backfill(size_t place, int64_t ends)
{
        for (size_t i = 0; i <= place && ends > 0; i++)
                if (waits_for_gpu(i) && seen.verdicts[i].starts_at > 0 &&
                        ends <= seen.verdicts[i].starts_at)
                        return true;
        return false;
}

/* For whoever looks into what broke. */
static void show(void)
{
        if (!world->verbose)
                return;
        static const char *const reasons[] = { "granted", "head", "behind", "no room", "limit",
                "never", "out" };
        for (size_t i = 0; i < seen.n_devices; i++)
                fprintf(stderr, "%s %s\n", seen.gpus[i].uuid,
                        gpu_state_word(seen.devices[i].state));
        for (size_t i = 0; i < seen.n; i++)
                fprintf(stderr,
                        "ticket %lld of uid %u: %d, %s (before it: uid %u), starts at %lld\n",
                        (long long)seen.tickets[i].id, (unsigned)seen.tickets[i].uid,
                        seen.tickets[i].slots, reasons[seen.verdicts[i].reason],
                        (unsigned)seen.before[i], (long long)seen.verdicts[i].starts_at);
}

static void check_overtaking(size_t place, const struct lease *v, size_t n)
{
        size_t at[PLACE_SLOTS_MAX];
        for (size_t i = 0; i < n; i++) {
                at[i] = 0;
                while (at[i] < seen.n_devices && strcmp(seen.gpus[at[i]].uuid, v[i].device) != 0)
                        at[i]++;
                if (at[i] == seen.n_devices || seen.devices[at[i]].state != GPU_FREE)
                        broken("I5", "%s was given away and was not free", v[i].device);
        }
        int64_t ends = queue_ends_at(&seen.limits[place], seen.now + seen.turn);
        for (size_t i = 0; i < place; i++)
                if (waits_for_gpu(i) && first_of_account(i) && could_use(i, at[0]) &&
                        !is_backfill(i, ends)) {
                        show();
                        broken("I5", "ticket %lld of uid %u is overtaken by %lld of uid %u on %s",
                                (long long)seen.tickets[i].id, (unsigned)seen.tickets[i].uid,
                                (long long)seen.tickets[place].id,
                                (unsigned)seen.tickets[place].uid, v[0].device);
                }
}

int __wrap_tickets_grant(
        struct store *s, int64_t id, const struct lease *v, size_t n, int64_t until, struct err *e)
{
        size_t place = 0;
        while (place < seen.n && seen.tickets[place].id != id)
                place++;
        if (place == seen.n)
                broken("I5", "a turn is given to ticket %lld, which does not wait", (long long)id);
        check_overtaking(place, v, n);
        world->tally.turns++;
        return __real_tickets_grant(s, id, v, n, until, e);
}

int __wrap_leases_reserve(struct store *s, struct container *c, int max_containers,
        const struct lease *v, size_t n, int64_t ticket_id, enum reserve_verdict *ret,
        struct err *e)
{
        cleanup_ticket struct ticket t = { 0 };
        bool found = false;
        size_t place = 0;
        if (ticket_id && tickets_get(s, ticket_id, &t, &found, e) < 0)
                return -1;
        /* What its turn holds is not given away anew. */
        if (n > 0 && (!found || !t.turn_until)) {
                /* With a ticket for as many it has that one's place, else that of one without. */
                int64_t id = seen.guest ? seen.guest : ticket_id;
                while (place < seen.n && seen.tickets[place].id != id)
                        place++;
                if (place == seen.n)
                        broken("I5", "%s gets GPUs and was not in line", c->name);
                check_overtaking(place, v, n);
        }
        int r = __real_leases_reserve(s, c, max_containers, v, n, ticket_id, ret, e);
        world->tally.granted += n > 0 && r == 0 && *ret == RESERVED;
        return r;
}

/* One that is started again takes its own devices: as a guest of the line, or with nobody in it. */
int __wrap_leases_take(struct store *s, int64_t container_id, const char *op, const struct lease *v,
        size_t n, int64_t ticket_id, struct err *e)
{
        size_t place = 0;
        while (place < seen.n && seen.tickets[place].id != seen.guest)
                place++;
        if (place < seen.n)
                check_overtaking(place, v, n);
        else if (seen.n > 0)
                broken("I5", "a start takes %s past a line that it is not in", v[0].device);
        return __real_leases_take(s, container_id, op, v, n, ticket_id, e);
}

/* What is not clean when its container is gone is drained (I2). */
int __wrap_leases_end_container(struct store *s, int64_t container_id, const char *op,
        const struct usage *use, const struct drain *drains, size_t n_drains, struct err *e)
{
        cleanup_leases struct leases held = { 0 };
        if (leases_of_container(s, container_id, &held, e) < 0)
                return -1;
        for (size_t i = 0; i < held.n; i++) {
                bool drained = false, unclean = world->silent;
                for (size_t k = 0; k < n_drains; k++)
                        drained |= !strcmp(drains[k].device, held.v[i].device);
                for (int k = 0; k < world->n_devices; k++)
                        unclean |= world->devices[k].foreign && !world->devices[k].hidden &&
                                   !strcmp(world->devices[k].gpu.uuid, held.v[i].device);
                if (unclean && !drained)
                        broken("I2", "%s is not clean, and is given back", held.v[i].device);
        }
        return __real_leases_end_container(s, container_id, op, use, drains, n_drains, e);
}
