/* SPDX-License-Identifier: MIT */
/*
 * The world around ds01d in the property test: clock, GPUs, the engine with its containers, mounts; and
 * what goes wrong in it.
 *
 * It lies in memory that outlives the process that plays ds01d, as a machine outlives its daemon: a
 * crash is the end of that process in the middle of a call. Requests that were on their way may come
 * about later. Everything is drawn from the step's own number (`fate`), so that a step does the same
 * whatever stands before it; fate 0: nothing goes wrong.
 *
 * engine.c and host.c put it in the place of engine/, host/ and the probe (the linker's --wrap);
 * everything else of ds01d is real.
 */
#pragma once

#include "daemon/daemon.h"
#include "gpu/gpu.h"
#include "store/containers.h"

enum {
        STEPS_MAX = 2000, /* of one history */
        THINGS_MAX =
                128, /* containers that the engine has had in one history, no longer known ones reused */
        LATE_MAX = 32,
        EVENTS_MAX = 64,
        MOUNTS_MAX = 256,
        DEVICES_MAX = 16,
        ROWS_MAX = 8192,
        ACCOUNTS = 6,
        NAMES = 3,
        EXIT_CRASH = 77,
        EXIT_BROKEN = 78, /* an invariant is */
        LATE_S = 50,      /* a request that was given up comes about within this time, or never */
        FIRST_UID = 2000,
};

struct step {
        int op, a, b, c, d;
        bool twice; /* asked once more when it has succeeded */
        uint32_t fate;
};

enum thing_state { THING_NONE, THING_CREATED, THING_RUNNING, THING_EXITED };

struct thing { /* a container in the engine */
        enum thing_state state;
        bool paused, stubborn; /* takes no SIGTERM */
        bool by_hand; /* somebody has started it behind our back, and ds01d was not told yet */
        bool bare;    /* started when its folders were not mounted (any more) */
        char id[65], name[160], op[40], uid[16];
        uid_t owner; /* as its row had it when it was made */
        char devices[DEVICES_MAX][GPU_UUID_SIZE];
        int n_devices;
        int exit_code;
        int64_t created_at, started_at, finished_at;
        char instance[40];
};

enum late_kind { LATE_NONE, LATE_CREATE, LATE_START, LATE_REMOVE, LATE_KILL };
struct late {
        enum late_kind kind;
        int64_t until; /* Unix seconds */
        char id[65];
        struct thing made; /* CREATE */
};

struct device {
        struct gpu gpu;
        bool foreign, hidden;
};

struct world {
        int64_t unix_s, mono_ms;
        int64_t clock_set; /* what the machine's clock is wrong by */
        int boot;          /* counts */
        uint64_t hexes;
        char dir[64]; /* of the store */

        struct device devices[DEVICES_MAX];
        int n_devices;
        bool silent;            /* the driver */
        bool told[DEVICES_MAX]; /* which it listed when it was asked last */

        struct thing things[THINGS_MAX];
        struct late late[LATE_MAX];
        char events[EVENTS_MAX][65];
        int n_events;
        char mounts[MOUNTS_MAX][40]; /* keys that have a folder */
        char homes[MOUNTS_MAX][40];
        bool mounts_left; /* some could not be detached; the next start of ds01d sees to that */

        /* What people were told or have asked for, by row. */
        bool promised[ROWS_MAX], doomed[ROWS_MAX];
        uid_t owner[ROWS_MAX]; /* 0: no row of that id yet */

        /* The history. */
        uint64_t seed;
        int machine;
        struct step steps[STEPS_MAX];
        int n_steps, next;
        struct tally {
                int64_t steps, nested, succeeded, crashes, lost, late, full, turns, granted,
                        launched;
        } tally;
        bool verbose;
        char broken[2000]; /* the invariant, and what is known */
        uint32_t restart_fate;
        int crashes_in_a_row;

        /* What goes wrong in the step under way. */
        uint64_t dice;
        bool armed;
        int crash_in; /* calls until the crash; 0: none */
        int lose_pct, full_pct, nest_pct;
        int depth;
};
extern struct world *world;

/* Ends the process with what is broken. */
void broken(const char *invariant, const char *fmt, ...)
        __attribute__((noreturn, format(printf, 2, 3)));

/* 0 to below - 1, from the fate of the step. */
int fate_dice(int below);
bool fate_says(int percent);
/* Begins what may go wrong; fate 0: nothing. */
void fate_begin(uint32_t fate);
/* A place where the process may die. */
void fate_here(void);
uint64_t mix(uint64_t x);

/* The machine that a history is about. */
void world_reset(uint64_t seed, int machine);
void world_pass(int64_t seconds);
int64_t world_clock(void); /* as the machine has it, which is not always right */
void world_reboot(void);
void world_event(const char id[65]);

struct thing *thing_find(const char *id_or_name);
/* Does what is late; true if there was anything. -1: a random one. */
bool late_land(int at);
/* The engine starts one container once at a time: an earlier start comes about before a later one. */
void late_before(const char *id);
void thing_exit(struct thing *t, int code);
void thing_start(struct thing *t);
/* Its row holds every GPU that it was made with; `what` happens to it. */
void check_holds(const struct thing *t, const char *what);
/* Invariant 1, as the engine has it. */
void check_running(void);

/* The process that plays ds01d. */
extern struct daemon *daemon_now;
/* One more operation, while a call to the engine is under way. */
void steps_nested(void);
/* The watcher is told of everything, and the janitor looks at what it had no time for. */
void steps_catch_up(void);
