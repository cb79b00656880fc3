/* SPDX-License-Identifier: MIT */
/*
 * The system call filter of containers with root inside.
 *
 * Root inside is the machine's uid 0, held back by what it can reach. The id maps (host/idmap.h) see to
 * the files of its mounts, with two gaps that this filter closes:
 *
 * - A descriptor from outside. Whoever has a shell on the machine could open the machine's "/" there and
 *   pass it through a Unix socket in the shared workspace; uid 0 inside would read and write all below
 *   it, since openat(2) asks for ids, not for the container. Services that ask the kernel who is at the
 *   other end would also take it for root, or for anybody. So there are no Unix sockets but connected
 *   pairs, and no io_uring, which makes sockets without socket(2).
 * - Taking files. The kernel lets CAP_CHOWN give a file whose owner is nobody in the mount to somebody
 *   who is in it: uid 0 inside could take what is others' in a folder that it may write. So chown(2) to
 *   owner 0 goes through with groups 1 to 999 alone, which no map has (packages have such files);
 *   with group 0, or none, it says yes and does nothing, which is right for what is root's already.
 *
 * The engine's own filter can't be added to, only replaced: hence a whole list, in syscalls.def. Pure.
 */
#pragma once

/* Groups below this can be given to root's files inside, and so must not be in an id map. */
#define SECCOMP_GROUP_MIN 1000

/* The engine's "seccomp=" profile as JSON on one line; owned. */
char *seccomp_root_profile(void);
