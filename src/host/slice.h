/* SPDX-License-Identifier: MIT */
/*
 * A systemd slice with limits: what a cgroup parent is where the engine's driver is "systemd".
 * Spoken to over the system bus; only cgroup.c calls this.
 */
#pragma once

#include "host/cgroup.h"

/* Starts the transient slice `name` with these limits, or sets them on the one that runs. */
int slice_set(const char *name, const struct cgroup_limits *l, struct err *e);
