/* SPDX-License-Identifier: MIT */
/* What people ask of ds01d: its real methods, called as the dispatcher would. */
#pragma once

#include "world.h"

typedef void request_fn(const struct step *s);

request_fn request_launch, request_create, request_start, request_stop, request_retire,
        request_pause, request_join, request_leave, request_list;
