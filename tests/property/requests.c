/* SPDX-License-Identifier: MIT */
#include "requests.h"

#include "checks.h"
#include "daemon/methods.h"
#include "wrapped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One request and its one answer (I7). */
static int ask(method_fn *fn, int account, json_t *params, bool more, struct err *e)
{
        char user[8];
        snprintf(user, sizeof user, "u%d", account);
        struct caller who = { .daemon = daemon_now,
                .peer = { .uid = FIRST_UID + (uid_t)account,
                        .gid = FIRST_UID + (gid_t)account,
                        .user = user } };
        struct rpc_call call = { .params = params, .n_fds = 1, .more = more, .conn_fd = -1 };
        bool calm = !world->armed;
        *e = ERR_INIT;
        int r = fn(daemon_now, &who, &call, e);
        if (r == 0 ? !call.answered : r != -1 || call.answered || !e->code || !*e->msg)
                broken("I7", "%d, with%s an answer, error %d '%s'", r, call.answered ? "" : "out",
                        (int)e->code, e->msg);
        /* What the database has to refuse was decided wrongly. */
        if (r < 0 && (strstr(e->msg, "The database") || (calm && e->code == ERR_FAILED)))
                broken("I7", "failed although nothing was in the way: %s", e->msg);
        world->tally.succeeded += r == 0;
        return r;
}

/* Asks; and once more if that is wanted, which must change nothing (I8). */
static int ask_maybe_twice(method_fn *fn, const struct step *s, json_t *params)
{
        cleanup_json json_t *owned = params;
        struct err e;
        int r = ask(fn, s->a, owned, false, &e);
        if (r < 0 || !s->twice || world->depth > 0)
                return r;
        world->armed = false;
        cleanup_free char *before = digest();
        (void)ask(fn, s->a, owned, false, &e);
        cleanup_free char *after = digest();
        if (strcmp(before, after) != 0)
                broken("I8", "asked again, it did something: %s, then %s", before, after);
        return r;
}

static json_t *name_of(const struct step *s)
{
        char name[8];
        snprintf(name, sizeof name, "c%d", s->b);
        return json_pack("{s:s}", "name", s->b < NAMES ? name : "");
}

static json_t *launch_params(const struct step *s)
{
        json_t *j = name_of(s);
        json_object_set_new(j, "image", json_string("aime/pytorch:2.8.0"));
        json_object_set_new(j, "interface", json_string("api"));
        json_object_set_new(j, "workspace", json_string("/home/u/work"));
        json_object_set_new(j, "gpus", json_integer(s->c));
        return j;
}

void request_launch(const struct step *s)
{
        (void)ask_maybe_twice(containers_launch, s, launch_params(s));
}

void request_create(const struct step *s)
{
        (void)ask_maybe_twice(containers_create, s, launch_params(s));
}

void request_start(const struct step *s)
{
        (void)ask_maybe_twice(containers_start, s, launch_params(s));
}

static json_t *end_params(const struct step *s)
{
        json_t *j = name_of(s);
        json_object_set_new(j, "force", json_boolean(s->c > 0));
        return j;
}

void request_stop(const struct step *s)
{
        (void)ask_maybe_twice(containers_stop, s, end_params(s));
}

static int64_t row_of_name(const struct step *s, bool *ret_going)
{
        cleanup_container struct container c = { 0 };
        char name[8];
        bool found = false;
        struct err e = ERR_INIT;
        snprintf(name, sizeof name, "c%d", s->b);
        if (containers_find(daemon_now->store, FIRST_UID + (uid_t)s->a, name, &c, &found, &e) < 0)
                broken("test", "%s", e.msg);
        *ret_going = found && (c.state == LEDGER_REMOVING || c.op[0]);
        return found ? c.id : 0;
}

/* From here on it may go; no more if that was refused. */
void request_retire(const struct step *s)
{
        bool going;
        int64_t id = row_of_name(s, &going);
        bool *doomed = &world->doomed[id % ROWS_MAX], before = *doomed;
        if (id)
                *doomed = true;
        int r = ask_maybe_twice(containers_retire, s, end_params(s));
        int64_t now = row_of_name(s, &going);
        if (id && r < 0 && now == id && !going)
                *doomed = before;
}

void request_pause(const struct step *s)
{
        (void)ask_maybe_twice(s->c > 0 ? containers_unpause : containers_pause, s, name_of(s));
}

void request_join(const struct step *s)
{
        json_t *j = launch_params(s);
        json_object_set_new(j, "gpus", json_integer(s->c < 1 ? 1 : s->c));
        json_object_set_new(j, "wait", json_boolean(s->d == 1));
        json_object_set_new(j, "launch", json_boolean(s->d == 2));
        /* One that ds01d is to launch needs a name. */
        if (s->d == 2 && s->b == NAMES)
                json_object_set_new(j, "name", json_string("c0"));
        (void)ask_maybe_twice(queue_join, s, j);
}

void request_leave(const struct step *s)
{
        (void)ask_maybe_twice(queue_leave, s, name_of(s));
}

void request_list(const struct step *s)
{
        struct err e;
        cleanup_json json_t *none = json_object();
        (void)ask(queue_list, s->a, none, true, &e);
        (void)ask(queue_why, s->a, none, true, &e);
        (void)ask(gpus_list, s->a, none, true, &e);
}
