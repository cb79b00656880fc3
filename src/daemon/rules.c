/* SPDX-License-Identifier: MIT */
#include "daemon/rules.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "host/account.h"
#include "host/cgroup.h"
#include "host/peer.h"
#include "store/containers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CATALOGUE_MAX = 1 << 20, GROUPS_MS = 60 * 1000, GROUPS_N = 1024 };

/* ---- loading and exchanging ---- */

static int load_catalogue(
        const struct config *config, struct catalogue *ret, struct strv *warnings, struct err *e)
{
        /* The admin's file is listed after the shipped one and comes first for us: the earlier entry wins. */
        for (size_t i = config->catalogue.n; i > 0; i--) {
                const char *path = config->catalogue.v[i - 1];
                cleanup_free char *text = NULL;
                size_t n;
                if (access(path, F_OK) < 0 && errno == ENOENT)
                        continue;
                if (config_path_check(path, e) < 0 ||
                        fd_read_file(AT_FDCWD, path, CATALOGUE_MAX, &text, &n, e) < 0)
                        return -1;
                catalogue_add(ret, text, n, path, warnings);
        }
        return 0;
}

int rules_load(const struct config *config, struct rules **ret, struct err *e)
{
        cleanup_rules struct rules *r = xcalloc(1, sizeof *r);
        cleanup_strv struct strv warnings = { 0 };
        atomic_init(&r->holders, 1);
        if (config_policy_load(config, &r->policy, &warnings, e) < 0 ||
                load_catalogue(config, &r->catalogue, &warnings, e) < 0)
                return -1;
        for (size_t i = 0; i < warnings.n; i++)
                log_warning("%s", warnings.v[i]);
        *ret = take_ptr(r);
        return 0;
}

struct rules *rules_get(struct daemon *d)
{
        pthread_mutex_lock(&d->lock);
        struct rules *r = d->rules;
        atomic_fetch_add(&r->holders, 1);
        pthread_mutex_unlock(&d->lock);
        return r;
}

void rules_put(struct rules *r)
{
        if (!r || atomic_fetch_sub(&r->holders, 1) > 1)
                return;
        policy_free(r->policy);
        catalogue_done(&r->catalogue);
        free(r);
}

/* ---- whose limits ---- */

/* Which of the groups that a policy asks about an account has; kept because the answer may come from
 * a server, and a list of containers asks for each row. */
static struct {
        pthread_mutex_t lock;
        struct known {
                uid_t uid;
                int64_t until;
                struct strv groups;
        } v[GROUPS_N];
        size_t n, next;
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void copy_groups(const struct strv *from, struct strv *to)
{
        for (size_t i = 0; i < from->n; i++)
                strv_add(to, from->v[i]);
}

/* What is known since `oldest` at the earliest (its end in clock_mono_ms() time). */
static bool recall(uid_t uid, int64_t oldest, struct strv *ret)
{
        bool found = false;
        pthread_mutex_lock(&known.lock);
        for (size_t i = 0; i < known.n && !found; i++)
                if (known.v[i].uid == uid && known.v[i].until > oldest) {
                        copy_groups(&known.v[i].groups, ret);
                        found = true;
                }
        pthread_mutex_unlock(&known.lock);
        return found;
}

static void remember(uid_t uid, const struct strv *groups)
{
        pthread_mutex_lock(&known.lock);
        size_t at = known.next;
        for (size_t i = 0; i < known.n; i++)
                if (known.v[i].uid == uid)
                        at = i;
        if (at == known.next)
                known.next = (known.next + 1) % GROUPS_N;
        if (at >= known.n)
                known.n = at + 1;
        strv_done(&known.v[at].groups);
        known.v[at].uid = uid;
        known.v[at].until = clock_mono_ms() + GROUPS_MS;
        copy_groups(groups, &known.v[at].groups);
        pthread_mutex_unlock(&known.lock);
}

static void forget_groups(void)
{
        pthread_mutex_lock(&known.lock);
        for (size_t i = 0; i < known.n; i++)
                strv_done(&known.v[i].groups);
        known.n = known.next = 0;
        pthread_mutex_unlock(&known.lock);
}

/* An account that does not exist (any more) is in no group; -1 if nobody can tell. */
static int groups_of(const struct policy *p, uid_t uid, struct strv *ret, struct err *e)
{
        const struct strv *asked = policy_unix_groups(p);
        cleanup_account struct account account = { 0 };
        cleanup_free gid_t *gids = NULL;
        size_t n = 0;
        if (asked->n == 0 || recall(uid, clock_mono_ms(), ret))
                return 0;
        if (account_by_uid(uid, &account, e) < 0) {
                if (e->code != ERR_NOT_FOUND)
                        return -1;
                remember(uid, ret);
                return 0;
        }
        if (account_groups(&account, &gids, &n, e) < 0)
                return -1;
        for (size_t i = 0; i < asked->n; i++) {
                gid_t gid;
                bool has = false;
                if (host_group_gid(asked->v[i], &gid, e) < 0) {
                        if (e->code != ERR_NOT_FOUND)
                                return -1;
                        continue;
                }
                for (size_t k = 0; k < n; k++)
                        has |= gids[k] == gid;
                if (has)
                        strv_add(ret, asked->v[i]);
        }
        remember(uid, ret);
        return 0;
}

int rules_limits_known(
        struct daemon *d, uid_t uid, const char *user, struct limits *ret, struct err *e)
{
        cleanup_rules struct rules *r = rules_get(d);
        cleanup_strv struct strv groups = { 0 };
        if (groups_of(r->policy, uid, &groups, e) < 0)
                return -1;
        policy_limits(r->policy, str_or_empty(user), &groups, ret);
        return 0;
}

void rules_limits_of(struct daemon *d, uid_t uid, const char *user, struct limits *ret)
{
        static const struct strv none = { 0 };
        struct err ignored = ERR_INIT;
        if (rules_limits_known(d, uid, user, ret, &ignored) == 0)
                return;
        cleanup_rules struct rules *r = rules_get(d);
        policy_limits(r->policy, str_or_empty(user), &none, ret);
}

void rules_limits_recall(struct daemon *d, uid_t uid, const char *user, struct limits *ret)
{
        cleanup_rules struct rules *r = rules_get(d);
        cleanup_strv struct strv groups = { 0 };
        recall(uid, INT64_MIN, &groups);
        policy_limits(r->policy, str_or_empty(user), &groups, ret);
}

void rules_limits_of_peer(struct daemon *d, const struct peer *peer, struct limits *ret)
{
        cleanup_rules struct rules *r = rules_get(d);
        cleanup_strv struct strv groups = { 0 };
        const struct strv *asked = policy_unix_groups(r->policy);
        for (size_t i = 0; i < asked->n; i++)
                if (peer_in_named_group(peer, asked->v[i]))
                        strv_add(&groups, asked->v[i]);
        policy_limits(r->policy, peer->user, &groups, ret);
}

struct cgroup_limits rules_aggregate(const struct limits *l)
{
        return (struct cgroup_limits){ .memory_bytes = limits_get(l, LIMIT_ALL_MEMORY),
                .cpu_quota_percent = limits_get(l, LIMIT_ALL_CPUS),
                .pids = limits_get(l, LIMIT_ALL_TASKS),
                .memory_high_bytes = limits_get(l, LIMIT_ALL_MEMORY_HIGH) };
}

/* ---- again ---- */

struct accounts {
        struct daemon *d;
        const char *driver;
        uid_t last;
        bool any;
};

static int apply_one(const struct container *c, void *ctx)
{
        struct accounts *a = ctx;
        struct limits l;
        struct err e = ERR_INIT;
        /* Rows come by name: the same account may come again, which costs little. */
        if (a->any && a->last == c->uid)
                return 0;
        a->any = true;
        a->last = c->uid;
        if (rules_limits_known(a->d, c->uid, c->user, &l, &e) < 0) {
                log_warning("limits of %s stay: %s", str_or_empty(c->user), e.msg);
                return 0;
        }
        struct cgroup_limits together = rules_aggregate(&l);
        if (cgroup_prepare(a->driver, c->uid, &together, &e) < 0)
                log_warning("new limits of %s: %s", str_or_empty(c->user), e.msg);
        return 0;
}

static void apply_aggregates(struct daemon *d)
{
        struct engine_version engine = { 0 };
        struct err e = ERR_INIT;
        struct accounts a = { .d = d };
        if (daemon_engine(d, &engine, &e) < 0)
                return;
        a.driver = engine.cgroup_driver;
        if (containers_each(d->store, STORE_EVERYONE, false, apply_one, &a, &e) < 0)
                log_warning("new limits: %s", e.msg);
}

int rules_reload(struct daemon *d, struct err *e)
{
        struct rules *fresh = NULL;
        if (rules_load(&d->config, &fresh, e) < 0)
                return -1;
        pthread_mutex_lock(&d->lock);
        struct rules *old = d->rules;
        d->rules = fresh;
        pthread_mutex_unlock(&d->lock);
        rules_put(old);
        forget_groups();
        apply_aggregates(d);
        return 0;
}
