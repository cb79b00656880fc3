/* SPDX-License-Identifier: MIT */
#include "host/mounts.h"

#include "base/fd.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* Windows into the kernel, and file systems whose answers come from someone else's program. */
static const char *const refused_types[] = {
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fuse",
        "fuseblk",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "sysfs",
        "tracefs",
};

static bool type_refused(const char *fstype)
{
        for (size_t i = 0; i < ARRAY_LEN(refused_types); i++)
                if (strcmp(fstype, refused_types[i]) == 0)
                        return true;
        return str_starts(fstype, "fuse.");
}

/*
 * From fdinfo, not fstat or statx: the mount is known before its file system is asked anything, and
 * a FUSE server can't keep us waiting.
 */
static int mount_id(int fd, int *ret, struct err *e)
{
        char path[64];
        cleanup_free char *text = NULL;
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        if (fd_read_file(AT_FDCWD, path, 65536, &text, NULL, e))
                return -1;
        const char *id = strstr(text, "mnt_id:\t");
        if (!id || sscanf(id, "mnt_id:\t%d", ret) != 1)
                return err_set(e, ERR_FAILED, "Can't tell what the folder is mounted on");
        return 0;
}

static int check_mount(int fd, char ret_fstype[32], struct err *e)
{
        int id = -1;
        cleanup_mountinfo struct mountinfo mi = { 0 };
        if (mount_id(fd, &id, e) || mountinfo_read(0, &mi, e))
                return -1;
        const struct mountinfo_row *row = mountinfo_by_id(&mi, id);
        if (!row) {
                err_set(e, ERR_DENIED,
                        "The folder is in a mount namespace of its own, which the engine can't "
                        "see");
                return err_fix(e,
                        "Run the command outside of sandboxes and containers (not in unshare, "
                        "bwrap or a snap)");
        }
        if (type_refused(row->fstype)) {
                err_set(e, ERR_DENIED,
                        "The folder is on a file system of type %s, which can't be mounted "
                        "into a container",
                        row->fstype);
                return err_fix(e, "Use a folder on a local disk or a network share of the machine");
        }
        snprintf(ret_fstype, 32, "%s", row->fstype);
        return 0;
}

static int check_dir(int fd, struct stat *ret_st, struct mount_source *ret_source, struct err *e)
{
        struct mount_source s = { 0 };
        struct stat st = { 0 };
        if (check_mount(fd, s.fstype, e))
                return -1;
        if (fstat(fd, &st))
                return err_sys(e, errno, "Can't look at the folder");
        if (!S_ISDIR(st.st_mode))
                return err_set(e, ERR_INVALID, "What was opened is not a folder");
        s.dev = st.st_dev;
        s.ino = st.st_ino;
        if (ret_source)
                *ret_source = s;
        *ret_st = st;
        return 0;
}

int mounts_check_dir(int dir_fd, struct mount_source *ret_source, struct err *e)
{
        struct stat st = { 0 };
        return check_dir(dir_fd, &st, ret_source, e);
}

/* The kernel's form of "system.posix_acl_access": a version, then entries; little-endian. */
struct acl_entry {
        uint16_t tag, perm;
        uint32_t id;
};
enum {
        ACL_USER_OBJ = 1,
        ACL_USER = 2,
        ACL_GROUP_OBJ = 4,
        ACL_GROUP = 8,
        ACL_MASK = 16,
        ACL_OTHER = 32
};
#define ACL_VERSION 2
#define ACL_ENTRIES_MAX 1024
#define WANTED 3u /* write and search */

static bool grants(unsigned perm)
{
        return (perm & WANTED) == WANTED;
}

/* acl(5): the owner's entry; else the user's own; else any group's that grants it; else others'. */
static bool acl_allows(
        const struct acl_entry *v, size_t n, const struct stat *st, const struct peer *p)
{
        unsigned mask = 7, other = 0;
        for (size_t i = 0; i < n; i++) {
                if (v[i].tag == ACL_USER_OBJ && p->uid == st->st_uid)
                        return grants(v[i].perm);
                if (v[i].tag == ACL_MASK)
                        mask = v[i].perm;
                if (v[i].tag == ACL_OTHER)
                        other = v[i].perm;
        }
        for (size_t i = 0; i < n; i++)
                if (v[i].tag == ACL_USER && v[i].id == p->uid)
                        return grants(v[i].perm & mask);
        bool member = false;
        for (size_t i = 0; i < n; i++) {
                if (!(v[i].tag == ACL_GROUP_OBJ && peer_in_group(p, st->st_gid)) &&
                        !(v[i].tag == ACL_GROUP && peer_in_group(p, v[i].id)))
                        continue;
                member = true;
                if (grants(v[i].perm & mask))
                        return true;
        }
        return !member && grants(other);
}

static bool mode_allows(const struct stat *st, const struct peer *p)
{
        unsigned shift = p->uid == st->st_uid ? 6 : peer_in_group(p, st->st_gid) ? 3 : 0;
        return grants(st->st_mode >> shift & 7u);
}

/* Reads an ACL's entries in this machine's byte order. Their number, 0 if there is no (readable)
 * ACL. */
static size_t read_acl(int fd, struct acl_entry v[ACL_ENTRIES_MAX])
{
        struct {
                uint32_t version;
                struct acl_entry v[ACL_ENTRIES_MAX];
        } raw;
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d",
                fd); /* O_PATH descriptors have no fgetxattr */
        ssize_t len = getxattr(path, "system.posix_acl_access", &raw, sizeof raw);
        if (len < (ssize_t)sizeof raw.version || le32toh(raw.version) != ACL_VERSION)
                return 0;
        size_t n = ((size_t)len - sizeof raw.version) / sizeof *v;
        for (size_t i = 0; i < n; i++) {
                v[i].tag = le16toh(raw.v[i].tag);
                v[i].perm = le16toh(raw.v[i].perm);
                v[i].id = le32toh(raw.v[i].id);
        }
        return n;
}

static int check_not_root_folder(const struct stat *st, struct err *e)
{
        struct stat root;
        if (stat("/", &root))
                return err_sys(e, errno, "Can't look at /");
        if (root.st_dev != st->st_dev || root.st_ino != st->st_ino)
                return 0;
        err_set(e, ERR_DENIED, "The machine's root folder / can't be a workspace");
        return err_fix(e, "Choose a folder of yours, such as ~/workspace/NAME");
}

int mounts_check_workspace(
        int dir_fd, const struct peer *p, struct mount_source *ret_source, struct err *e)
{
        struct stat st = { 0 };
        struct mount_source s = { 0 };
        if (check_dir(dir_fd, &st, &s, e) || check_not_root_folder(&st, e))
                return -1;
        struct acl_entry acl[ACL_ENTRIES_MAX];
        size_t n = read_acl(dir_fd, acl);
        if (p->uid != 0 && !(n ? acl_allows(acl, n, &st, p) : mode_allows(&st, p))) {
                err_set(e, ERR_DENIED, "%s may not write in the folder", p->user);
                return err_fix(e,
                        "Choose a folder of yours, such as ~/workspace/NAME, or pass this one "
                        "with --data=DIR to read it");
        }
        if (ret_source)
                *ret_source = s;
        return 0;
}
