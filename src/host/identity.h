/* SPDX-License-Identifier: MIT */
/*
 * A container's /etc/passwd and /etc/group: the caller comes first, then what the image has.
 *
 * Pure text. The image's files are foreign: lines that are malformed, that hold control characters,
 * or that claim a name or id of the caller's are dropped. The results are at most IDENTITY_MAX
 * bytes; lines of the image that don't fit are left out. NULL for an image's text is an empty one.
 * What is returned is the caller's (free).
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define IDENTITY_MAX (64u << 10)

struct identity_group {
        gid_t gid;
        const char *name; /* as the machine has it; NULL if it has none */
};

/*
 * An account's or group's name as a passwd file can hold it and a path can end in it: whatever is
 * not a letter, digit, '.', '_', '@' or '-' becomes '_', as does a leading '.', '-' or '+'; cut
 * at 64.
 */
char *identity_name(const char *name);

/* The home folder inside: /home/ and the account's name in the form of identity_name(). */
char *identity_home(const char *user);

/* passwd. A shell that is no plain absolute path becomes /bin/sh. */
char *identity_passwd(
        const char *image_passwd, uid_t uid, gid_t gid, const char *user, const char *shell);

/*
 * group: the caller's own (the first is the primary one; the others list the user as a member),
 * then the image's with their members taken away: nobody of the image is in a group here.
 */
char *identity_group(
        const char *image_group, const char *user, const struct identity_group *groups, size_t n);
