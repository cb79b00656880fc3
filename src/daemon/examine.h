/* SPDX-License-Identifier: MIT */
/*
 * The examination behind `ds01 doctor`: the checks of rpc/doctor.def, one after the other, each within a
 * time of its own, so that what hangs is told and the rest goes on.
 *
 * Two programs run it: ds01d for whoever asks, and, where ds01d does not run, `ds01d --doctor`, with the
 * rights of whoever started it. A check gathers facts and has judge.h judge them; none changes anything.
 */
#pragma once

#include "daemon/daemon.h"
#include "daemon/finding.h"

enum { EXAMINE_ENGINE_S = 5, EXAMINE_LOOK_MS = 5000 };

struct examination {
        struct daemon *d; /* NULL: ds01d does not run */
        const struct config
                *config;         /* borrowed, as all here; the defaults where it can't be read */
        const char *config_path; /* NULL: the default, which may be missing */
        const char *client;      /* version of the program that asks; NULL: not told */
        struct engine *engine;

        bool engine_asked; /* and what it said: */
        struct err engine_error;
        struct engine_version version;
        struct engine_details details;
        pid_t engine_pid;        /* 0: not known */
        mode_t engine_root_mode; /* of its data; 0: not known. The check of disks sets it */
        bool gpus_real; /* there are GPUs, and not simulated ones: the check of GPUs sets it */
};

struct examine_check {
        const char *name, *title;
        unsigned needs;
        void (*run)(struct examination *x, struct finding *f);
};

/* Runs all, and hands each finding to fn as it comes; anything but 0 ends it, and so does the end of ds01d.
 * True if all was looked at. The engine is asked once. */
bool examine_all(struct examination *x,
        int (*fn)(void *ctx, const struct examine_check *check, const struct finding *f),
        void *ctx);

/* A finding as the protocol has it, without what is for admins alone unless the caller is one. */
json_t *examine_row(const struct examine_check *check, const struct finding *f, bool admin);

/* Asks the engine, if that has not been done: 0, or -1 with x->engine_error set. */
int examine_ask_engine(struct examination *x);

#define X(id, name, title, needs, looks)                                                           \
        void examine_##id(struct examination *x, struct finding *f);
#include "rpc/doctor.def"
#undef X
