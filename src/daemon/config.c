/* SPDX-License-Identifier: MIT */
#include "daemon/config.h"

#include "base/fd.h"
#include "base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* ---- the keys ---- */

static int take_path(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        if (yaml_take_text(value, key, obj, e))
                return -1;
        const char *path = *(char **)((char *)obj + key->offset);
        return path[0] == '/'
                       ? 0
                       : yaml_refuse(value, e, "'%s' needs a path that begins with /", key->name);
}

static int take_paths(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        if (yaml_take_list(value, key, obj, e))
                return -1;
        const struct strv *l = (const struct strv *)((char *)obj + key->offset);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i][0] != '/')
                        return yaml_refuse(
                                value->v[i], e, "'%s' needs paths that begin with /", key->name);
        return 0;
}

static int take_access(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct config *c = obj;
        if (yaml_read_text(value, key->name, &c->access_group, e))
                return -1;
        if (strcmp(c->access_group, "all") == 0)
                free(take_ptr(c->access_group));
        return 0;
}

static int take_text_or_none(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        char **text = (char **)(void *)((char *)obj + key->offset);
        if (!yaml_is_null(value))
                return yaml_take_text(value, key, obj, e);
        free(take_ptr(*text));
        return 0;
}

static int take_cpus(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct config *c = obj;
        struct yaml_decimal d;
        if (yaml_is_null(value)) {
                c->build_cpus_milli = -1;
                return 0;
        }
        if (yaml_read_decimal(value, key->name, 10000, &d, e))
                return -1;
        if (d.num * 1000 / d.den < 10)
                return yaml_refuse(value, e, "'%s' needs at least 0.01", key->name);
        c->build_cpus_milli = d.num * 1000 / d.den;
        return 0;
}

static bool is_env_name(const char *s)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
        return *s && strchr(letters, *s) && s[n] == '\0';
}

static int take_env(
        const struct yaml_node *value, const struct yaml_key *key, void *obj, struct err *e)
{
        struct config *c = obj;
        if (!yaml_is_null(value) && value->kind != YAML_KIND_MAP)
                return yaml_refuse(
                        value, e, "'%s' needs lines like HTTP_PROXY: http://proxy:3128", key->name);
        strv_done(&c->build_env);
        for (size_t i = 0; i < value->n; i++) {
                const char *name = value->keys[i]->text;
                cleanup_free char *text = NULL;
                if (!is_env_name(name))
                        return yaml_refuse(
                                value->keys[i], e, "'%.60s' is no variable's name", name);
                if (yaml_read_text(value->v[i], name, &text, e))
                        return -1;
                strv_take(&c->build_env, xasprintf("%s=%s", name, text));
        }
        return 0;
}

#define AT(member) .offset = offsetof(struct config, member)

static const struct yaml_key engine_keys[] = {
        { .name = "socket", .take = take_path, AT(engine_socket) },
        { .name = "timeout_s", .take = yaml_take_int, AT(engine_timeout_s), .min = 1, .max = 120 },
        { 0 },
};

static const struct yaml_key network_keys[] = {
        { .name = "name", .take = yaml_take_text, AT(network_name) },
        { .name = "bridge", .take = yaml_take_text, AT(network_bridge) },
        { .name = "build_name", .take = yaml_take_text, AT(network_build_name) },
        { .name = "build_bridge", .take = yaml_take_text, AT(network_build_bridge) },
        { 0 },
};

static const struct yaml_key images_keys[] = {
        { .name = "allow", .take = yaml_take_list, AT(images_allow) },
        { 0 },
};

static const struct yaml_key homes_keys[] = {
        { .name = "path", .take = take_path, AT(homes_path) },
        { 0 },
};

static const struct yaml_key build_keys[] = {
        { .name = "memory",
                .take = yaml_take_size_or_none,
                AT(build_memory),
                .min = 64 << 20,
                .max = 1LL << 50 },
        { .name = "cpus", .take = take_cpus },
        { .name = "pids",
                .take = yaml_take_int_or_none,
                AT(build_pids),
                .min = 64,
                .max = 4194304 },
        { .name = "timeout_m", .take = yaml_take_int, AT(build_timeout_m), .min = 1, .max = 10080 },
        { .name = "max_context",
                .take = yaml_take_size,
                AT(build_max_context),
                .min = 1 << 20,
                .max = 1LL << 40 },
        { .name = "max_entries",
                .take = yaml_take_int,
                AT(build_max_entries),
                .min = 16,
                .max = 10000000 },
        { .name = "parallel", .take = yaml_take_int, AT(build_parallel), .min = 1, .max = 64 },
        { .name = "env", .take = take_env },
        { 0 },
};

static const struct yaml_key groups_keys[] = {
        { .name = "allow", .take = yaml_take_list, AT(groups_allow) },
        { 0 },
};

static const struct yaml_key probe_keys[] = {
        { .name = "command", .take = take_path, AT(probe_command) },
        { .name = "simulate", .take = take_text_or_none, AT(probe_simulate) },
        { .name = "world", .take = take_path, AT(probe_world) },
        { 0 },
};

static const struct yaml_key config_keys[] = {
        { .name = "socket", .take = take_path, AT(socket) },
        { .name = "engine", .take = yaml_take_map, .sub = engine_keys },
        { .name = "state_dir", .take = take_path, AT(state_dir) },
        { .name = "runtime_dir", .take = take_path, AT(runtime_dir) },
        { .name = "network", .take = yaml_take_map, .sub = network_keys },
        { .name = "access", .take = take_access },
        { .name = "admin_group", .take = yaml_take_text, AT(admin_group) },
        { .name = "images", .take = yaml_take_map, .sub = images_keys },
        { .name = "homes", .take = yaml_take_map, .sub = homes_keys },
        { .name = "build", .take = yaml_take_map, .sub = build_keys },
        { .name = "groups", .take = yaml_take_map, .sub = groups_keys },
        { .name = "policy", .take = take_path, AT(policy_path) },
        { .name = "catalogue", .take = take_paths, AT(catalogue) },
        { .name = "probe", .take = yaml_take_map, .sub = probe_keys },
        { 0 },
};

const struct yaml_key *config_key_table(void)
{
        return config_keys;
}

/* ---- defaults and life cycle ---- */

void config_defaults(struct config *ret)
{
        *ret = (struct config){
                .socket = xstrdup("/run/ds01/ds01.sock"),
                .engine_socket = xstrdup("/var/run/docker.sock"),
                .engine_timeout_s = 120,
                .state_dir = xstrdup("/var/lib/ds01"),
                .runtime_dir = xstrdup("/run/ds01"),
                .network_name = xstrdup("ds01"),
                .network_bridge = xstrdup("ds01"),
                .network_build_name = xstrdup("ds01-build"),
                .network_build_bridge = xstrdup("ds01-build"),
                .access_group = xstrdup("ds01-users"),
                .admin_group = xstrdup("ds01-admin"),
                .build_memory = 8LL << 30,
                .build_cpus_milli = 4000,
                .build_pids = 4096,
                .build_timeout_m = 30,
                .build_max_context = 512LL << 20,
                .build_max_entries = 100000,
                .build_parallel = 2,
                .policy_path = xstrdup("/etc/ds01/resource-limits.yaml"),
                .probe_command = xstrdup(LIBEXEC_DIR "/ds01-gpu-probe"),
        };
        strv_add(&ret->images_allow, "*");
        strv_add(&ret->catalogue, SHARE_DIR "/catalogue");
        strv_add(&ret->catalogue, "/etc/ds01/catalogue");
}

void config_done(struct config *c)
{
        char **const texts[] = { &c->socket, &c->engine_socket, &c->state_dir, &c->runtime_dir,
                &c->network_name, &c->network_bridge, &c->network_build_name,
                &c->network_build_bridge, &c->access_group, &c->admin_group, &c->homes_path,
                &c->policy_path, &c->probe_command, &c->probe_simulate, &c->probe_world };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                free(*texts[i]);
        strv_done(&c->images_allow);
        strv_done(&c->build_env);
        strv_done(&c->groups_allow);
        strv_done(&c->catalogue);
        *c = (struct config){ 0 };
}

/* The engine's own networks, and other containers', are no place for ours. */
static int check_network(const char *file, const char *name, struct err *e)
{
        static const char *const builtin[] = { "host", "none", "bridge", "default" };
        static const char plain[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
        bool fine = strlen(name) <= 64 && name[strspn(name, plain)] == '\0';
        for (size_t i = 0; i < ARRAY_LEN(builtin); i++)
                fine &= strcmp(name, builtin[i]) != 0;
        if (fine)
                return 0;
        cleanup_free char *safe = str_safe_max(name, 60);
        return err_set(e, ERR_INVALID, "%s: '%s' can't be a network of ds01's", file, safe);
}

static int check_bridge(const char *file, const char *name, struct err *e)
{
        /* IFNAMSIZ with its NUL, and what the kernel refuses in an interface's name. */
        if (strlen(name) <= 15 && !strpbrk(name, "/: \t\n"))
                return 0;
        cleanup_free char *safe = str_safe_max(name, 60);
        return err_set(e, ERR_INVALID,
                "%s: '%s' can't be a bridge: 15 characters at most, without / and :", file, safe);
}

int config_parse(const char *file, const char *text, size_t n, struct config *ret, struct err *e)
{
        cleanup_yaml struct yaml_node *root = NULL;
        cleanup_config struct config c;
        config_defaults(&c);
        if (yaml_tree_parse(file, text, n, &root, e) ||
                yaml_walk(root, "the settings", config_keys, &c, NULL, NULL, e) ||
                check_network(file, c.network_name, e) ||
                check_network(file, c.network_build_name, e) ||
                check_bridge(file, c.network_bridge, e) ||
                check_bridge(file, c.network_build_bridge, e))
                return -1;
        if (strcmp(c.network_name, c.network_build_name) == 0)
                return err_set(e, ERR_INVALID,
                        "%s: Builds and containers need two networks, not '%.60s' for both", file,
                        c.network_name);
        if (!c.homes_path)
                c.homes_path = xasprintf("%s/homes", c.state_dir);
        *ret = c;
        c = (struct config){ 0 };
        return 0;
}

int config_load(const char *path, struct config *ret, struct err *e)
{
        const char *file = path ? path : CONFIG_DEFAULT_PATH;
        cleanup_free char *text = NULL;
        size_t n;
        if (!path && access(file, F_OK) != 0 && errno == ENOENT)
                return config_parse(file, "", 0, ret, e);
        if (config_path_check(file, e) || fd_read_file(AT_FDCWD, file, YAML_TEXT_MAX, &text, &n, e))
                return -1;
        return config_parse(file, text, n, ret, e);
}
