/* SPDX-License-Identifier: MIT */
#include "daemon/config.h"

#include "base/fd.h"
#include "base/yaml.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse(const char *text, struct config *c, struct err *e)
{
        return config_parse("ds01d.yaml", text, strlen(text), c, e);
}

static void test_defaults(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_config struct config c = { 0 };
        assert_int_equal(parse("# nothing\n", &c, &e), 0);
        assert_string_equal(c.socket, "/run/ds01/ds01.sock");
        assert_string_equal(c.engine_socket, "/var/run/docker.sock");
        assert_int_equal(c.engine_timeout_s, 120);
        assert_string_equal(c.access_group, "ds01-users");
        assert_string_equal(c.homes_path, "/var/lib/ds01/homes");
        assert_string_equal(c.images_allow.v[0], "*");
        assert_true(c.build_max_context == 512LL << 20);
        assert_int_equal(c.build_env.n, 0);
        assert_int_equal(c.catalogue.n, 2);
}

static void test_values(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_config struct config c = { 0 };
        assert_int_equal(parse("socket: /tmp/s\n"
                               "engine: {socket: /tmp/docker.sock, timeout_s: 7}\n"
                               "state_dir: /srv/ds01\n"
                               "network: {name: n1, bridge: br-n1}\n"
                               "access: all\n"
                               "images: {allow: [\"pytorch/*\", ubuntu]}\n"
                               "build:\n"
                               "  memory: null\n"
                               "  cpus: 1.5\n"
                               "  pids: null\n"
                               "  max_context: 1g\n"
                               "  env: {HTTP_PROXY: \"http://p:3128\", no_proxy: localhost}\n"
                               "groups: {allow: [video]}\n"
                               "catalogue: []\n",
                                 &c, &e),
                0);
        assert_string_equal(c.engine_socket, "/tmp/docker.sock");
        assert_int_equal(c.engine_timeout_s, 7);
        assert_null(c.access_group);
        assert_string_equal(c.homes_path, "/srv/ds01/homes");
        assert_string_equal(c.network_bridge, "br-n1");
        assert_string_equal(c.network_build_name, "ds01-build");
        assert_int_equal(c.images_allow.n, 2);
        assert_int_equal(c.build_memory, -1);
        assert_int_equal(c.build_cpus_milli, 1500);
        assert_int_equal(c.build_pids, -1);
        assert_true(c.build_max_context == 1LL << 30);
        assert_int_equal(c.build_env.n, 2);
        assert_string_equal(c.build_env.v[0], "HTTP_PROXY=http://p:3128");
        assert_string_equal(c.groups_allow.v[0], "video");
        assert_int_equal(c.catalogue.n, 0);
}

static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *text, *message, *fix;
        } rows[] = {
                { "acess: all\n", "ds01d.yaml:1:1: Unknown key 'acess' in the settings",
                        "Did you mean 'access'?" },
                { "build:\n  memry: 1g\n", "ds01d.yaml:2:3: Unknown key 'memry' in build",
                        "Did you mean 'memory'?" },
                { "homes:\n  max_disk: 1g\n", "ds01d.yaml:2:3: Unknown key 'max_disk' in homes",
                        "" },
                { "socket: s\n", "ds01d.yaml:1:9: 'socket' needs a path that begins with /", "" },
                { "access:\n", "ds01d.yaml:1:8: 'access' needs a text, not null", "" },
                { "access: a\naccess: b\n",
                        "ds01d.yaml:2:1: 'access' is set twice, first on line 1", "" },
                { "catalogue: [x]\n", "ds01d.yaml:1:13: 'catalogue' needs paths that begin with /",
                        "" },
                { "engine: {timeout_s: 0}\n",
                        "ds01d.yaml:1:21: 'timeout_s' needs a whole number from 1 to 120, not 0",
                        "" },
                { "build: {cpus: 0}\n", "ds01d.yaml:1:15: 'cpus' needs at least 0.01", "" },
                { "build: {env: [A=b]}\n",
                        "ds01d.yaml:1:14: 'env' needs lines like HTTP_PROXY: http://proxy:3128",
                        "" },
                { "build: {env: {1A: b}}\n", "ds01d.yaml:1:15: '1A' is no variable's name", "" },
                { "build: {env: {A=B: b}}\n", "ds01d.yaml:1:15: 'A=B' is no variable's name", "" },
                { "network: {bridge: a-name-that-is-far-too-long}\n",
                        "ds01d.yaml: 'a-name-that-is-far-too-long' can't be a bridge: 15 "
                        "characters at "
                        "most, without / and :",
                        "" },
                { "network: {name: host}\n", "ds01d.yaml: 'host' can't be a network of ds01's",
                        "" },
                { "network: {build_name: \"container:x\"}\n",
                        "ds01d.yaml: 'container:x' can't be a network of ds01's", "" },
                { "network: {name: x, build_name: x}\n",
                        "ds01d.yaml: Builds and containers need two networks, not 'x' for both",
                        "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct err e = ERR_INIT;
                struct config c = { .socket = NULL };
                if (parse(rows[i].text, &c, &e) == 0)
                        fail_msg("row %zu was accepted", i);
                assert_null(c.socket);
                assert_string_equal(e.msg, rows[i].message);
                assert_string_equal(e.fix, rows[i].fix);
        }
}

/* ---- the example file ---- */

/* Takes away the # of each line that is a key or belongs to one; "# " begins an explanation. */
static char *uncommented(const char *text)
{
        struct buf b = BUF_INIT(1 << 20);
        while (*text) {
                size_t n = strcspn(text, "\n");
                bool prose = text[0] == '#' && text[1] == ' ' && text[2] != ' ';
                if (text[0] == '#' && !prose)
                        buf_add(&b, text + 1, n - 1);
                buf_putc(&b, '\n');
                text += n + (text[n] == '\n');
        }
        return buf_take(&b);
}

static void check_keys(const struct yaml_node *map, const struct yaml_key *keys, const char *where)
{
        for (const struct yaml_key *k = keys; k->name; k++) {
                const struct yaml_node *value = yaml_get(map, k->name);
                if (!value)
                        fail_msg("the example doesn't show %s%s", where, k->name);
                if (k->sub)
                        check_keys(value, k->sub, k->name);
        }
}

static void compare_lists(const struct strv *a, const struct strv *b)
{
        assert_int_equal(a->n, b->n);
        for (size_t i = 0; i < a->n; i++)
                assert_string_equal(a->v[i], b->v[i]);
}

/* Every key is shown, and with the value that holds without the line. */
static void test_example(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char *raw = NULL;
        assert_int_equal(fd_read_file(AT_FDCWD, DATA "/ds01d.yaml", 1 << 20, &raw, NULL, &e), 0);
        cleanup_free char *text = uncommented(raw);
        cleanup_yaml struct yaml_node *root = NULL;
        if (yaml_tree_parse("example", text, strlen(text), &root, &e))
                fail_msg("%s", e.msg);
        check_keys(root, config_key_table(), "");

        cleanup_config struct config shown = { 0 }, plain = { 0 }, as_is = { 0 };
        if (parse(text, &shown, &e) || parse(raw, &as_is, &e) || parse("", &plain, &e))
                fail_msg("%s", e.msg);
        free(raw);
        char **const a[] = { &shown.socket, &shown.engine_socket, &shown.state_dir,
                &shown.runtime_dir, &shown.network_name, &shown.network_bridge,
                &shown.network_build_name, &shown.network_build_bridge, &shown.access_group,
                &shown.admin_group, &shown.homes_path, &shown.policy_path, &shown.probe_command };
        char **const b[] = { &plain.socket, &plain.engine_socket, &plain.state_dir,
                &plain.runtime_dir, &plain.network_name, &plain.network_bridge,
                &plain.network_build_name, &plain.network_build_bridge, &plain.access_group,
                &plain.admin_group, &plain.homes_path, &plain.policy_path, &plain.probe_command };
        for (size_t i = 0; i < ARRAY_LEN(a); i++)
                assert_string_equal(*a[i], *b[i]);
        assert_int_equal(shown.engine_timeout_s, plain.engine_timeout_s);
        assert_true(shown.build_memory == plain.build_memory);
        assert_int_equal(shown.build_cpus_milli, plain.build_cpus_milli);
        assert_int_equal(shown.build_pids, plain.build_pids);
        assert_int_equal(shown.build_timeout_m, plain.build_timeout_m);
        assert_true(shown.build_max_context == plain.build_max_context);
        assert_int_equal(shown.build_max_entries, plain.build_max_entries);
        assert_int_equal(shown.build_parallel, plain.build_parallel);
        compare_lists(&shown.images_allow, &plain.images_allow);
        compare_lists(&shown.catalogue, &plain.catalogue);
        compare_lists(&shown.build_env, &plain.build_env);
        compare_lists(&shown.groups_allow, &plain.groups_allow);
}

/* ---- whose files ---- */

static char dir[] = "/tmp/ds01-test-config-XXXXXX";

static char *in_dir(const char *name)
{
        return xasprintf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
        struct err e = ERR_INIT;
        cleanup_free char *path = in_dir(name);
        if (fd_replace_file(AT_FDCWD, path, text, strlen(text), mode, &e))
                fail_msg("%s", e.msg);
}

static int setup(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        static const char *const names[] = { "ds01d.yaml", "sub/ds01d.yaml", "link",
                "resource-limits.yaml", "user-overrides.yaml", "lifecycle-exemptions.yaml",
                "groups/student.members", "groups/ghosts.members", "groups/.hidden.members",
                "loop" };
        static const char *const folders[] = { "sub", "groups" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                cleanup_free char *path = in_dir(names[i]);
                unlink(path);
        }
        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                cleanup_free char *path = in_dir(folders[i]);
                rmdir(path);
        }
        return rmdir(dir);
}

static void must_fail(const char *path, const char *message, const char *fix)
{
        struct err e = ERR_INIT;
        if (config_path_check(path, &e) == 0)
                fail_msg("%s passed", path);
        assert_int_equal(e.code, ERR_FAILED);
        if (!strstr(e.msg, message) || !strstr(e.fix, fix))
                fail_msg("%s / %s", e.msg, e.fix);
}

static void test_path_check(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        struct err e = ERR_INIT;
        cleanup_free char *folder = in_dir("sub"), *file = in_dir("sub/ds01d.yaml");
        cleanup_free char *link = in_dir("link"), *loop = in_dir("loop");
        cleanup_free char *slashes = in_dir("/sub//ds01d.yaml"),
                          *dots = in_dir("sub/../sub/ds01d.yaml");
        assert_int_equal(mkdir(folder, 0755), 0);
        write_file("sub/ds01d.yaml", "access: all\n", 0644);
        if (config_path_check(file, &e))
                fail_msg("%s", e.msg);
        assert_int_equal(config_path_check(slashes, &e), 0);
        assert_int_equal(config_path_check(dots, &e), 0);
        assert_int_equal(config_path_check("/", &e), 0);

        chmod(file, 0664);
        must_fail(file, "can be changed by others", "sudo chmod go-w ");
        chmod(file, 0644);
        chmod(folder, 0757);
        must_fail(file, "sub can be changed by others", "sudo chmod go-w ");
        chmod(folder, 01777);
        assert_int_equal(config_path_check(file, &e), 0);
        must_fail(folder, "sub can be changed by others", "sudo chmod go-w ");
        chmod(folder, 0755);
        assert_int_equal(chown(file, 1000, 0), 0);
        must_fail(file, "belongs to uid 1000, not to root", "sudo chown root ");
        assert_int_equal(chown(file, 0, 0), 0);
        assert_int_equal(chown(folder, 1000, 0), 0);
        must_fail(file, "sub belongs to uid 1000", "sudo chown root ");

        /* A link of root's into somebody's folder: they could replace what it leads to. */
        assert_int_equal(symlink("sub/ds01d.yaml", link), 0);
        must_fail(link, "sub belongs to uid 1000", "sudo chown root ");
        assert_int_equal(chown(folder, 0, 0), 0);
        assert_int_equal(config_path_check(link, &e), 0);
        assert_int_equal(lchown(link, 1000, 0), 0);
        must_fail(link, "link belongs to uid 1000", "sudo chown -h root ");
        assert_int_equal(symlink("loop", loop), 0);
        must_fail(loop, "Can't follow", "");
}

static void test_load(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        struct err e = ERR_INIT;
        cleanup_config struct config c = { 0 }, none = { 0 };
        cleanup_free char *path = in_dir("ds01d.yaml"), *missing = in_dir("none.yaml");
        write_file("ds01d.yaml", "access: lab\n", 0644);
        assert_int_equal(config_load(path, &c, &e), 0);
        assert_string_equal(c.access_group, "lab");
        chmod(path, 0666);
        assert_int_equal(config_load(path, &none, &e), -1);
        assert_int_equal(config_load(missing, &none, &e), -1);
        assert_null(none.socket);
}

static void test_policy_load(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        struct err e = ERR_INIT;
        cleanup_free char *groups = in_dir("groups");
        cleanup_free char *limits = in_dir("resource-limits.yaml");
        cleanup_free char *settings = xasprintf("policy: %s\n", limits);
        cleanup_config struct config c = { 0 };
        assert_int_equal(parse(settings, &c, &e), 0);

        cleanup_strv struct strv warnings = { 0 };
        cleanup_policy struct policy *p = NULL;
        assert_int_equal(config_policy_load(&c, &p, &warnings, &e), 0);
        assert_int_equal(warnings.n, 1);
        assert_non_null(strstr(warnings.v[0], "is missing: the built-in limits hold"));
        strv_done(&warnings);

        assert_int_equal(mkdir(groups, 0755), 0);
        write_file("resource-limits.yaml", "groups: {student: {memory: 1g}}\n", 0644);
        write_file("user-overrides.yaml", "bob: {memory: 2g}\n", 0644);
        write_file("groups/student.members", "alice\n", 0644);
        write_file("groups/ghosts.members", "eve\n", 0644);
        write_file("groups/.hidden.members", "x y z\n", 0644);
        write_file("lifecycle-exemptions.yaml", "{}\n", 0644);
        cleanup_policy struct policy *q = NULL;
        if (config_policy_load(&c, &q, &warnings, &e))
                fail_msg("%s", e.msg);
        struct limits l;
        policy_limits(q, "alice", NULL, &l);
        assert_true(limits_get(&l, LIMIT_MEMORY) == 1LL << 30);
        policy_limits(q, "bob", NULL, &l);
        assert_true(limits_get(&l, LIMIT_MEMORY) == 2LL << 30);
        assert_int_equal(warnings.n, 2);
        assert_non_null(strstr(warnings.v[0], "lifecycle-exemptions.yaml is not read"));
        assert_non_null(strstr(warnings.v[1], "there is no group 'ghosts'"));

        /* Whoever can write a side file can write the policy. */
        static const char *const side[] = { "user-overrides.yaml", "groups/student.members",
                "groups" };
        for (size_t i = 0; i < ARRAY_LEN(side); i++) {
                cleanup_free char *path = in_dir(side[i]);
                struct stat st;
                assert_int_equal(stat(path, &st), 0);
                chmod(path, 0777);
                struct policy *r = NULL;
                assert_int_equal(config_policy_load(&c, &r, &warnings, &e), -1);
                assert_null(r);
                chmod(path, st.st_mode & 07777);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_example),
                cmocka_unit_test(test_path_check),
                cmocka_unit_test(test_load),
                cmocka_unit_test(test_policy_load),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
