/* SPDX-License-Identifier: MIT */
/* What is the same in every world that ds01d is put into here (tests/bench/scale, too), and never fails. */
#include "wrapped.h"

#include "base/mem.h"

pid_t __wrap_engine_pid(const struct engine *en)
{
        (void)en;
        return 0;
}

int __wrap_mounts_put_file(const struct mounts *m, const char *key, const char *what,
        const char *text, char **ret_path, struct err *e)
{
        (void)text;
        return __wrap_mounts_attach(m, -1, key, what, true, ret_path, NULL, e);
}

int __wrap_home_sweep(const char *base, struct err *e)
{
        (void)base;
        (void)e;
        return 0;
}

int __wrap_account_groups(const struct account *a, gid_t **ret_gids, size_t *ret_n, struct err *e)
{
        (void)e;
        *ret_gids = xcalloc(1, sizeof **ret_gids);
        **ret_gids = a->gid;
        *ret_n = 1;
        return 0;
}

int __wrap_host_group_name(gid_t gid, char **ret_name, struct err *e)
{
        (void)ret_name;
        return err_set(e, ERR_NOT_FOUND, "No group %u", (unsigned)gid);
}

uid_t __wrap_host_uid_min(void)
{
        return 1000;
}
