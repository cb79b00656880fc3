/* SPDX-License-Identifier: MIT */
#include "host/peer.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define GROUPS_MAX 65536 /* the kernel's own limit */

void peer_done(struct peer *p)
{
        free(p->groups);
        free(p->user);
        free(p->home);
        free(p->shell);
        *p = (struct peer){ 0 };
}

static int refuse_namespace(struct err *e)
{
        err_set(e, ERR_DENIED,
                "Requests from inside a container or another process namespace are refused");
        return err_fix(e, "Run the command on the machine itself, outside of any container");
}

static int refuse_ended(struct err *e)
{
        return err_set(e, ERR_DENIED, "The process that opened the connection has ended");
}

/*
 * A pidfd's fdinfo names the process once for each pid namespace it is in, from ours inwards: more
 * than one number after NSpid means a namespace below ours. A pid of 0 means one beside or above
 * it.
 */
static int check_pidfd(int pidfd, struct err *e)
{
        char path[64];
        cleanup_free char *text = NULL;
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
        if (fd_read_file(AT_FDCWD, path, 4096, &text, NULL, e))
                return -1;
        const char *pid = strstr(text, "\nPid:\t");
        if (!pid)
                return err_set(e, ERR_FAILED, "%s does not name a process", path);
        pid += strlen("\nPid:\t");
        if (*pid == '-')
                return refuse_ended(e);
        if (*pid == '0')
                return refuse_namespace(e);
        const char *ns = strstr(text, "\nNSpid:\t");
        if (!ns)
                return 0;
        ns += strlen("\nNSpid:\t");
        return ns[strcspn(ns, "\t\n")] == '\t' ? refuse_namespace(e) : 0;
}

static int check_namespace(int fd, pid_t pid, struct err *e)
{
        if (pid <= 0)
                return refuse_namespace(e);
        int raw = -1;
        socklen_t len = sizeof raw;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &raw, &len) && errno != ENOPROTOOPT)
                return refuse_ended(e);
        /* Before Linux 6.5 the number is all there is; it could name a later process by now. */
        if (raw < 0)
                raw = (int)syscall(SYS_pidfd_open, pid, 0);
        if (raw < 0)
                return errno == ESRCH ? refuse_ended(e)
                                      : err_sys(e, errno, "Can't look at process %d", pid);
        cleanup_close int pidfd = raw;
        return check_pidfd(pidfd, e);
}

static int check_account(uid_t uid, struct account *ret, struct err *e)
{
        if (uid == ACCOUNT_NOBODY || uid == (uid_t)-1) {
                err_set(e, ERR_DENIED, "User id %u belongs to nobody and can't use ds01", uid);
                return err_fix(e, "Log in with an account of your own");
        }
        cleanup_account struct account a = { 0 };
        if (account_by_uid(uid, &a, e)) {
                if (e->code != ERR_NOT_FOUND)
                        return -1;
                err_set(e, ERR_DENIED, "User id %u has no account on this machine", uid);
                return err_fix(e, "Ask an administrator for an account");
        }
        uid_t least = host_uid_min();
        if (uid != 0 && uid < least) {
                err_set(e, ERR_DENIED,
                        "%s (user id %u) is a system account; ds01 is for accounts from id %u up",
                        a.user, uid, least);
                return err_fix(e, "Log in with an account of your own");
        }
        *ret = a;
        a = (struct account){ 0 };
        return 0;
}

static int read_groups(int fd, gid_t **ret, size_t *ret_n, struct err *e)
{
        cleanup_free gid_t *groups = NULL;
        for (size_t n = 64; n <= GROUPS_MAX; n *= 4) {
                groups = xrealloc(groups, n, sizeof *groups);
                socklen_t len = (socklen_t)(n * sizeof *groups);
                if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0) {
                        *ret_n = len / sizeof *groups;
                        *ret = take_ptr(groups);
                        return 0;
                }
                if (errno != ERANGE)
                        break;
        }
        return err_sys(e, errno, "Can't read the caller's groups");
}

int peer_of_socket(int fd, struct peer *ret, struct err *e)
{
        struct ucred c;
        socklen_t len = sizeof c;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) || len != sizeof c)
                return err_sys(e, errno, "Can't tell who is calling");
        cleanup_account struct account a = { 0 };
        cleanup_free gid_t *groups = NULL;
        size_t n_groups = 0;
        if (check_namespace(fd, c.pid, e) || check_account(c.uid, &a, e) ||
                read_groups(fd, &groups, &n_groups, e))
                return -1;
        *ret = (struct peer){
                .uid = c.uid,
                .gid = c.gid,
                .pid = c.pid,
                .groups = take_ptr(groups),
                .n_groups = n_groups,
                .user = take_ptr(a.user),
                .home = take_ptr(a.home),
                .shell = take_ptr(a.shell),
        };
        return 0;
}

bool peer_in_group(const struct peer *p, gid_t gid)
{
        if (p->gid == gid)
                return true;
        for (size_t i = 0; i < p->n_groups; i++)
                if (p->groups[i] == gid)
                        return true;
        return false;
}

static bool gid_among(gid_t gid, const gid_t *gids, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (gids[i] == gid)
                        return true;
        return false;
}

bool peer_in_named_group(const struct peer *p, const char *name)
{
        gid_t gid;
        struct err ignored = ERR_INIT;
        return name && host_group_gid(name, &gid, &ignored) == 0 && peer_in_group(p, gid);
}

void peer_container_groups(
        const struct peer *p, const struct strv *allowed_names, gid_t **ret_gids, size_t *ret_n)
{
        cleanup_free gid_t *allowed = xcalloc(allowed_names->n, sizeof *allowed);
        size_t n_allowed = 0;
        for (size_t i = 0; i < allowed_names->n; i++) {
                struct err ignored = ERR_INIT;
                if (host_group_gid(allowed_names->v[i], &allowed[n_allowed], &ignored) == 0)
                        n_allowed++;
        }
        gid_t least = host_gid_min();
        gid_t *out = xcalloc(p->n_groups, sizeof *out);
        size_t n = 0;
        for (size_t i = 0; i < p->n_groups; i++) {
                gid_t g = p->groups[i];
                if (g == 0 || g == ACCOUNT_NOBODY || g == p->gid || gid_among(g, out, n))
                        continue;
                if (g >= least || gid_among(g, allowed, n_allowed))
                        out[n++] = g;
        }
        *ret_gids = out;
        *ret_n = n;
}
