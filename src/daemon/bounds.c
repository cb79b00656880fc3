/* SPDX-License-Identifier: MIT */
#include "daemon/bounds.h"

#include "daemon/rules.h"
#include "policy/limits.h"

#include <unistd.h>

int bounds_read(struct daemon *d, const struct container *c, struct cgroup_use *ret_use,
        struct cgroup_bounds *ret_bounds, struct err *e)
{
        struct engine_version engine = { 0 };
        if (daemon_engine(d, &engine, e) < 0)
                return -1;
        return cgroup_container_use(
                engine.cgroup_driver, c->uid, str_or_empty(c->engine_id), ret_use, ret_bounds, e);
}

/* Every number of processors from the machine's own on is the same: all of them. */
static int64_t effective_cpus(int64_t milli, int cpus)
{
        return cpus > 0 && milli >= (int64_t)cpus * 1000 ? -1 : milli;
}

bool bounds_outdated(struct daemon *d, const struct caller *who, const struct container *c)
{
        struct engine_version engine = { 0 };
        struct err ignored = ERR_INIT;
        struct cgroup_bounds has;
        struct cgroup_use use;
        struct limits now;
        if (daemon_engine(d, &engine, &ignored) < 0 || bounds_read(d, c, &use, &has, &ignored) < 0)
                return false;
        rules_limits_of_peer(d, &who->peer, &now);
        int64_t page = sysconf(_SC_PAGESIZE), memory = limits_get(&now, LIMIT_MEMORY);
        int64_t pids = limits_get(&now, LIMIT_PIDS);
        int64_t cpus = effective_cpus(limits_get(&now, LIMIT_CPUS), engine.cpus);
        /* What this machine doesn't count it doesn't limit either. */
        return (use.memory_bytes >= 0 &&
                       has.memory_bytes != (memory < 0 ? -1 : memory / page * page)) ||
               (use.pids >= 0 && has.pids != pids) ||
               (use.cpu_ns >= 0 && effective_cpus(has.cpu_milli, engine.cpus) != cpus);
}
