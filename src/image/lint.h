/* SPDX-License-Identifier: MIT */
/*
 * What a single step of a Dockerfile may not say, whatever stands around it. Used by
 * image/dockerfile.c for every step after the first FROM; options are checked in image/step.c.
 * Pure.
 */
#pragma once

#include "image/step.h"

/* 0, or ERR_INVALID "Dockerfile line N: …" with a fix. */
int lint_step(const struct step *step, struct err *e);
