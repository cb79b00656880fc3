/* SPDX-License-Identifier: MIT */
/* What the steps and checks need to know of the machine that host.c plays. */
#pragma once

#include "world.h"

/* Threads begun from here on are such that last as long as ds01d: they don't run. */
void threads_forever(bool on);
/* Runs one that was begun to its end; false if there is none. */
bool threads_run(int at);

bool keys_has(char keys[MOUNTS_MAX][40], const char *key);
