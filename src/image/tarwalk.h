/* SPDX-License-Identifier: MIT */
/*
 * A walk over a tar archive as it streams by: the build context on its way to the engine.
 *
 * The caller feeds the bytes that it passes on, in pieces of any size, and stops at the first
 * error. The walk holds one header and the extended header in front of a member (64 KiB), never
 * contents. It understands ustar, GNU long names, pax, and pax's sparse files, and refuses what a
 * build context has no use for or what readers of tar disagree about: absolute names and "..",
 * devices and pipes, global pax headers, vendor types, GNU's old sparse files, sizes on members
 * that have no contents. Pure: no I/O.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512

struct tarwalk_limits {
        uint64_t max_entries;
        uint64_t max_bytes; /* of the stream, and of the members as they lie on a disk (sparse
                               files) */
};
#define TARWALK_LIMITS_DEFAULT                                                                     \
        ((struct tarwalk_limits){ .max_entries = 100000, .max_bytes = 512 * 1024 * 1024 })

struct tarwalk {
        struct tarwalk_limits limits;
        uint64_t entries;  /* members so far; extended headers don't count */
        uint64_t bytes;    /* of the stream so far */
        uint64_t unpacked; /* of the members' contents so far, holes included */
        /* The rest is the walk's own. */
        int state;
        char block[TAR_BLOCK];
        size_t have;        /* bytes of block */
        uint64_t remaining; /* bytes of the current contents */
        size_t padding;     /* bytes after it, up to the next block */
        char extended;      /* type of the extended header that is being read, or 0 */
        struct buf header;  /* its contents */
        bool has_name, has_link, has_pax;
        bool link_outside; /* the link name in an extended header leaves the archive */
        bool has_size, has_real_size;
        uint64_t size, real_size; /* from a pax header, for the member after it */
};
#define cleanup_tarwalk CLEANUP(tarwalk_done)

/* limits may be NULL for the defaults. */
void tarwalk_init(struct tarwalk *w, const struct tarwalk_limits *limits);
void tarwalk_done(struct tarwalk *w);

/*
 * Takes the next n bytes. ERR_INVALID for a damaged archive or a member that may not be in one,
 * ERR_LIMIT for too many members or bytes; the walk can't be continued after either.
 */
int tarwalk_feed(struct tarwalk *w, const char *data, size_t n, struct err *e);

/* True once the two zero blocks at an archive's end were seen. Only zeros may follow them. */
bool tarwalk_ended(const struct tarwalk *w);

/* To be asked when the stream has ended: ERR_INVALID if the archive was cut off. */
int tarwalk_finish(const struct tarwalk *w, struct err *e);

/*
 * Makes the header of one regular file (mode 0644, owner root, time 0). The contents and
 * tar_padding(size) zero bytes follow it. False, with `out` untouched, for an empty name, one of
 * more than 99 bytes, one that tarwalk would refuse, or a size above 8 GiB.
 */
bool tar_file_entry(const char *name, size_t size, char out[TAR_BLOCK]);

static inline size_t tar_padding(size_t size)
{
        return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}
