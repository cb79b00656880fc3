/* SPDX-License-Identifier: MIT */
/* The answer to each method of rpc/api.def: methods.def says which function gives it. */
#pragma once

#include "daemon/caller.h"

/* 0 once an answer was given; -1 with *e, which the dispatcher sends. */
typedef int method_fn(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e);

#define X(id, fn) method_fn fn;
#include "daemon/methods.def"
#undef X

/* The rpc server's handler; ctx is the struct daemon. */
void methods_dispatch(struct rpc_call *call, void *ctx);
