/* SPDX-License-Identifier: MIT */
/*
 * The system call filter of containers with root inside.
 *
 * Root inside is the machine's uid 0, held back by what it can reach. The id maps (host/idmap.h) see to
 * the files of its mounts, with gaps that this filter closes:
 *
 * - A descriptor from outside. Whoever has a shell on the machine could open the machine's "/" there and
 *   pass it in; uid 0 inside would read and write all below it, since openat(2) asks for ids, not for the
 *   container. Services that ask the kernel who is at the other end would also take it for root, or for
 *   anybody. So there are no Unix sockets but connected pairs; no recvmsg(2), which alone takes
 *   descriptors out of a socket, as an end of a pair can be had from outside by pidfd_getfd(2); no
 *   io_uring, which does both by itself; and no listener for seccomp(2), whose owner gives descriptors away.
 * - Processes of others. Whoever has an id outside may look into and steer processes of that id inside
 *   (ptrace(2)), and walk from there through the container's folders. So uid 0 can become the accounts
 *   that packages make, those below 1000, and nobody; not people.
 * - Taking files. The kernel lets CAP_CHOWN give a file whose owner is nobody in the mount to somebody
 *   who is in it: uid 0 inside could take what is others' in a folder that it may write. So chown(2) to
 *   owner 0 goes through with groups 1 to 999 alone, which no map has (packages have such files). With
 *   group 0, or none, it says yes and does nothing, which is right for what is root's already; and for
 *   owners from 1000 to 65535 too, which archives have from whoever made them.
 *
 * The engine's own filter can't be added to, only replaced: hence a whole list, in syscalls.def. Pure.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Groups below this can be given to root's files inside, and so must not be in an id map. */
#define SECCOMP_GROUP_MIN 1000
/* Users from this on are people: nobody inside becomes one. */
#define SECCOMP_USER_MIN 1000

/*
 * Whether that keeps people's ids out: it does where their accounts begin at 1000 or later (`people_from` is
 * UID_MIN of login.defs).
 */
bool seccomp_root_suits(uid_t people_from);

/* The engine's "seccomp=" profile as JSON on one line; the same text for ever, made at the first call. */
const char *seccomp_root_profile(void);

/* A mark of that profile, which containers carry as a label: one with another was made by another version. */
#define SECCOMP_MARK_SIZE 17
void seccomp_root_mark(char out[SECCOMP_MARK_SIZE]);
