/* SPDX-License-Identifier: MIT */
/*
 * A policy file with its side files, read as the caller: what ds01d would make of it. ds01d itself
 * reads them in a way of its own, which also asks whose files they are.
 */
#pragma once

#include "policy/policy.h"

/*
 * Reads `path`, and user-overrides.yaml and groups/<group>.members in the same folder where they
 * exist. The caller owns *ret. Unreadable or refused: -1 with the place in the message.
 */
int policy_files_load(const char *path, struct policy **ret, struct strv *warnings, struct err *e);

/* The Unix groups of an account among those that the policy asks about. An account that this machine
 * doesn't know has none. */
void policy_files_groups(const struct policy *p, const char *user, struct strv *ret);
