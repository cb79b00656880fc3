/* SPDX-License-Identifier: MIT */
/*
 * Leases: who holds which GPU, and what follows from that: use by account, how long leases last,
 * devices that were taken out.
 *
 * A device has one holder, a container or a turn in the queue (tickets.h): the database itself sees
 * to that, and to a GPU and a part of it never being held side by side. Who decides about GPUs reads,
 * decides and writes under one lock of its own, so a refusal of the database is a mistake of ours,
 * not an answer; it comes as ERR_EXISTS.
 *
 * A lease begins with a reservation and ends with the removal, or when it lapses; its end is booked
 * in the same transaction. How use decays is the caller's business: it brings the new value.
 */
#pragma once

#include "store/containers.h"

enum { LEASE_DEVICE_SIZE = 80, LEASE_SLOT_SIZE = 16, LEASE_LABEL_SIZE = 64 };

struct lease {
        char device[LEASE_DEVICE_SIZE], parent[LEASE_DEVICE_SIZE]; /* uuids; parent: of the GPU */
        char slot[LEASE_SLOT_SIZE], label[LEASE_LABEL_SIZE];       /* for people */
        int slices, of;                                            /* compute slices of how many */
        uid_t uid;
        int64_t since;        /* Unix seconds */
        int64_t container_id; /* 0: a ticket holds it */
        int64_t ticket_id;    /* 0: a container holds it */
};

struct leases {
        struct lease *v; /* owned */
        size_t n;
};
#define cleanup_leases CLEANUP(leases_done)
void leases_done(struct leases *l);

/* All of them, or those of one container or ticket; by device. The caller owns *ret. */
int leases_all(struct store *s, struct leases *ret, struct err *e);
int leases_of_container(struct store *s, int64_t container_id, struct leases *ret, struct err *e);
int leases_of_ticket(struct store *s, int64_t ticket_id, struct leases *ret, struct err *e);

/* GPU-seconds that an account has used, decayed to `at`. */
struct usage {
        uid_t uid;
        double gpu_seconds;
        int64_t at;
};
/* That of one account, which may have none yet, or with STORE_EVERYONE of all, by uid; the caller frees *ret. */
int usage_read(struct store *s, uid_t uid, struct usage **ret, size_t *ret_n, struct err *e);

/*
 * containers_reserve() and leases for it, all or nothing. Of each lease device, parent, slot, label,
 * slices, of and since count. ticket_id: the ticket that is used up by this (0: none): devices that
 * its turn holds become the container's and keep their `since`; the rest of `v` must be free; the
 * ticket goes, what else it holds is freed, and estimates given for it have come true. c->gpus is the
 * caller's to fill.
 */
int leases_reserve(struct store *s, struct container *c, int max_containers, const struct lease *v,
        size_t n, int64_t ticket_id, enum reserve_verdict *ret, struct err *e);

/* Gives a container that exists its devices again, under its operation; as above. */
int leases_take(struct store *s, int64_t container_id, const char *op, const struct lease *v,
        size_t n, int64_t ticket_id, struct err *e);

/* Ends what a container holds, under its operation, and books the use. Nothing held is fine. */
int leases_lapse(struct store *s, int64_t container_id, const char *op, const struct usage *use,
        struct err *e);

struct drain {
        char device[LEASE_DEVICE_SIZE], slot[LEASE_SLOT_SIZE], label[LEASE_LABEL_SIZE];
        char reason[200]; /* a clause: "process 4242 still uses it" */
        int64_t since;
};

/*
 * containers_delete() of a container with leases: books the use (NULL: it held nothing), ends the
 * leases, takes the devices in `drains` out, deletes the row. All or nothing.
 */
int leases_end_container(struct store *s, int64_t container_id, const char *op,
        const struct usage *use, const struct drain *drains, size_t n_drains, struct err *e);

/* Devices that are taken out. Adding one that is out already changes its reason. */
int drains_all(struct store *s, struct drain **ret, size_t *ret_n, struct err *e);
int drains_add(struct store *s, const struct drain *d, struct err *e);
int drains_remove(struct store *s, const char *device, struct err *e);

/*
 * How long leases of an account's containers lasted that have ended, in seconds, ascending; the last 50,
 * none below 0. A turn that passed tells nothing about how long a container of that account runs. The
 * caller frees *ret.
 */
int leases_history(struct store *s, uid_t uid, int64_t **ret, size_t *ret_n, struct err *e);
