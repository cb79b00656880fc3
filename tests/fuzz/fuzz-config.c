/* SPDX-License-Identifier: MIT */
/*
 * ds01d.yaml. Settings that are taken can be acted upon: paths are absolute, networks are ours and two, bridges are
 * names that the kernel takes, numbers are within their bounds, variables have names. What is not taken changes
 * nothing and is refused with a sentence that names the file.
 */
#include "daemon/config.h"

#include "calm.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool within(int64_t value, int64_t min, int64_t max, bool or_none)
{
        return (or_none && value == -1) || (value >= min && value <= max);
}

static void check_paths(const struct config *c)
{
        const char *const paths[] = { c->socket, c->engine_socket, c->state_dir, c->runtime_dir,
                c->homes_path, c->policy_path, c->probe_command };
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                if (!paths[i] || paths[i][0] != '/')
                        abort();
        if (c->probe_world && c->probe_world[0] != '/')
                abort();
        for (size_t i = 0; i < c->catalogue.n; i++)
                if (c->catalogue.v[i][0] != '/')
                        abort();
}

static void check_network(const char *name, const char *bridge)
{
        static const char *const others[] = { "host", "none", "bridge", "default" };
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                if (strcmp(name, others[i]) == 0)
                        abort();
        if (*name == '\0' || strlen(name) > 64 || strpbrk(name, "/ :\n\033") || *bridge == '\0' ||
                strlen(bridge) > 15 || strpbrk(bridge, "/: \n"))
                abort();
}

static void check_numbers(const struct config *c)
{
        if (!within(c->build_memory, 64 << 20, 1LL << 50, true) ||
                !within(c->build_cpus_milli, 10, 10000 * 1000, true) ||
                !within(c->build_pids, 64, 4194304, true) ||
                !within(c->build_timeout_m, 1, 10080, false) ||
                !within(c->build_max_context, 1 << 20, 1LL << 40, false) ||
                !within(c->build_max_entries, 16, 10000000, false) ||
                !within(c->build_parallel, 1, 64, false))
                abort();
}

static void check_variables(const struct strv *env)
{
        for (size_t i = 0; i < env->n; i++) {
                const char *s = env->v[i];
                size_t name = strspn(
                        s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
                if (name == 0 || (*s >= '0' && *s <= '9') || s[name] != '=')
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_config struct config c = { 0 };
        struct err e = ERR_INIT;
        if (config_parse("/etc/x.yaml", (const char *)data, n, &c, &e) < 0) {
                if (c.socket || e.code != ERR_INVALID || !str_starts(e.msg, "/etc/x.yaml") ||
                        !calm_sentence(e.msg, sizeof e.msg))
                        abort();
                return 0;
        }
        check_paths(&c);
        check_network(c.network_name, c.network_bridge);
        check_network(c.network_build_name, c.network_build_bridge);
        if (strcmp(c.network_name, c.network_build_name) == 0)
                abort();
        check_numbers(&c);
        check_variables(&c.build_env);
        if (str_eq(c.access_group, "all") || !c.admin_group || *c.admin_group == '\0')
                abort();
        return 0;
}
