/* SPDX-License-Identifier: MIT */
/*
 * What the tests of this layer stand on: root, a mount namespace of their own so that no mount
 * leaks, and an empty temporary folder. main() calls sandbox_enter() first and sandbox_leave()
 * last.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char sandbox[] = "/tmp/ds01-host.XXXXXX";

static inline void sandbox_need(int ok, const char *what)
{
        if (ok)
                return;
        fprintf(stderr, "This test needs root and its own mount namespace: %s failed\n", what);
        exit(1);
}

static inline void sandbox_enter(void)
{
        sandbox_need(geteuid() == 0, "being root");
        sandbox_need(unshare(CLONE_NEWNS) == 0, "unshare");
        sandbox_need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "making / private");
        sandbox_need(mkdtemp(sandbox) != NULL, "mkdtemp");
        sandbox_need(mount("sandbox", sandbox, "tmpfs", 0, "mode=0755") == 0, "mounting a tmpfs");
        umask(022);
}

/* Takes the result of the tests through. */
static inline int sandbox_leave(int result)
{
        umount2(sandbox, MNT_DETACH);
        rmdir(sandbox);
        return result;
}

/* A path in the sandbox; valid until eight more calls. */
static inline const char *in_sandbox(const char *name)
{
        static char paths[8][512];
        static unsigned next;
        char *p = paths[next++ % 8];
        snprintf(p, sizeof paths[0], "%s/%s", sandbox, name);
        return p;
}

static inline void write_text(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static inline void make_dir(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(chown(path, uid, gid), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static inline int open_dir(const char *path)
{
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

/* Puts a file of our own over one of the machine's, in this namespace only. */
static inline void cover_file(const char *name, const char *text, const char *over)
{
        write_text(in_sandbox(name), text);
        assert_int_equal(mount(in_sandbox(name), over, NULL, MS_BIND, NULL), 0);
}

/* Accounts for the tests: two people, a system account, groups of both kinds. */
static inline void cover_accounts(void)
{
        cover_file("passwd",
                "root:x:0:0:root:/root:/bin/bash\n"
                "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
                "svc:x:120:120:service:/:/usr/sbin/nologin\n"
                "alice:x:1000:1000:Alice:/home/alice:/bin/bash\n"
                "bob:x:1001:1001:Bob:/data/bob:/bin/zsh\n",
                "/etc/passwd");
        cover_file("group",
                "root:x:0:\ndocker:x:150:alice\nvideo:x:44:alice\nalice:x:1000:\nbob:x:1001:\n"
                "lab:x:2000:alice,bob\nnogroup:x:65534:\n",
                "/etc/group");
}

/* Runs fn in a child that has become uid:gid with these groups; its result is the child's status.
 */
static inline int as_user(
        uid_t uid, gid_t gid, const gid_t *groups, size_t n, int (*fn)(void *), void *arg)
{
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (setgroups(n, groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
                        _exit(99);
                _exit(fn(arg));
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}
