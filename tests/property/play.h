/* SPDX-License-Identifier: MIT */
/* The process that plays ds01d: how it begins, and how it finds the engine again. */
#pragma once

#include "host.h"

/* ds01d starts on what the world has: opens the store, and recovers as far as fate lets it. */
void play_begin(void);
/* What the watcher does once it has the engine; false if that failed. */
bool play_recover(struct err *e);
/* Nothing is in the way any more: the engine is had again. */
void play_reconnect(void);
