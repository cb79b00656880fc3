/* SPDX-License-Identifier: MIT */
/*
 * Known holes by version: the table of holes.def, and how versions compare. Pure.
 *
 * A version says little where a distribution mends holes without raising it. One that carries a
 * distribution's mark ("1.1.5+ds1", "1.6.20~ds1", "1.1.12-0ubuntu2") is therefore never called
 * broken, only to be looked up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum hole_component { HOLE_ENGINE, HOLE_CONTAINERD, HOLE_RUNC, HOLE_TOOLKIT, HOLE_COMPONENT_COUNT };

struct hole {
        enum hole_component component;
        const char *fixed;
        bool only_with_plugins; /* of the engine: only where plugins of it decide who may what */
        const char *names, *what;
};

struct hole_version {
        int number[3];
        int candidate;        /* of a release candidate: its number; else INT_MAX */
        bool by_distribution; /* patched, maybe, without a sign of it in the number */
};

/* "v1.2.3", "1.2.3-rc.1", "1.1.5+ds1-1"; a missing third number is 0. False for what is no version. */
bool hole_version_parse(const char *text, struct hole_version *ret);
/* <0, 0, >0; the distribution's mark doesn't count. */
int hole_version_compare(const struct hole_version *a, const struct hole_version *b);

/* True if a version has the hole. */
bool hole_open(const struct hole *h, const struct hole_version *v);

/* The i-th hole of the table, or NULL past the end. */
const struct hole *hole_at(size_t i);
/* "runc", "Engine": a name, wherever in a sentence. */
const char *hole_component_name(enum hole_component c);
/* The Debian package that it is in: the distribution's, or its maker's. */
const char *hole_component_package(enum hole_component c, bool by_distribution);

/*
 * The version of an installed package, from the text of /var/lib/dpkg/status, in out; false if it isn't
 * installed. The epoch is left out.
 */
bool hole_dpkg_version(const char *status, const char *package, char *out, size_t size);
