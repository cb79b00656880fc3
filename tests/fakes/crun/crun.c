/* SPDX-License-Identifier: MIT */
/*
 * crun on a machine of one hierarchy of control groups. crun 1.8.1 refuses machines that have version 2
 * beside version 1 ("hybrid"); it looks for that at /sys/fs/cgroup/unified, which is hidden from it here.
 * The container has the same mounts as without: the engine never binds that folder.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        (void)argc;
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
                (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0 && errno != EINVAL &&
                        errno != ENOENT)) {
                fprintf(stderr, "crun: can't hide version 2: %s\n", strerror(errno));
                return 1;
        }
        argv[0] = (char[]){ "/usr/bin/crun" };
        execv(argv[0], argv);
        fprintf(stderr, "crun: %s: %s\n", argv[0], strerror(errno));
        return 1;
}
