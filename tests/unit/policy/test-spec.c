/* SPDX-License-Identifier: MIT */
#include "policy/spec.h"

#include "base/fd.h"
#include "base/str.h"
#include "policy/mainproc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const gid_t some_groups[] = { 2000, 0, 20011, 2001 };

static const struct spec_mount some_mounts[] = {
        { "/run/ds01/mounts/01JD/workspace", "/workspace", false },
        { "/run/ds01/mounts/01JD/data", "/data/imagenet", true },
        { "/run/ds01/mounts/01JD/home", "/home/alice", false },
        { "/run/ds01/mounts/01JD/passwd", "/etc/passwd", true },
};

/* A container as `project launch my.thesis --data=/srv/imagenet` makes it. */
static struct spec sample(void)
{
        return (struct spec){ .name = "my.thesis",
                .user = "alice",
                .project = "my.thesis",
                .op = "01JD",
                .instance = "5f1c",
                .image_id = "sha256:4f06ab",
                .image_ref = "ds01-alice/my.thesis:latest",
                .framework = "PyTorch 2.8.0",
                .interface = "orchestration",
                .hostname = "my-thesis",
                .workspace_path = "/home/alice/workspace/my.thesis",
                .data_label = "/srv/imagenet",
                .created_at = "2026-11-23T18:30:00Z",
                .version = "0.1.0",
                .build_label = "01JC",
                .uid = 20011,
                .gid = 20011,
                .groups = some_groups,
                .n_groups = ARRAY_LEN(some_groups),
                .mounts = some_mounts,
                .n_mounts = ARRAY_LEN(some_mounts),
                .cgroup_parent = "/ds01/20011",
                .network = "ds01",
                .limits = { 34359738368, 8000000000, 8589934592, 4096 },
                .stop_grace_s = 10,
                .nofile_hard = 524288 };
}

static char *read_file(const char *path)
{
        struct err e = ERR_INIT;
        char *text = NULL;
        if (fd_read_file(AT_FDCWD, path, 1 << 20, &text, NULL, &e))
                fail_msg("%s", e.msg);
        return text;
}

static json_t *sample_body(const struct strv *gpus, bool root)
{
        struct spec s = sample();
        s.gpus = gpus;
        s.root = root;
        cleanup_mainproc struct mainproc m = { 0 };
        mainproc_choose(NULL, NULL, &m);
        s.entrypoint = m.entrypoint;
        s.cmd = m.cmd;
        return spec_create_body(&s);
}

static void compare_golden(const char *file, const json_t *j)
{
        cleanup_free char *path = xasprintf("%s/%s", GOLDEN, file);
        cleanup_free char *text = json_dumps(j, JSON_INDENT(2));
        cleanup_free char *line = xasprintf("%s\n", text);
        if (getenv("DS01_GOLDEN_RECORD")) {
                FILE *f = fopen(path, "we");
                assert_non_null(f);
                fputs(line, f);
                assert_int_equal(fclose(f), 0);
        }
        cleanup_free char *golden = read_file(path);
        if (strcmp(line, golden) == 0)
                return;
        size_t i = 0, start = 0;
        for (; line[i] && line[i] == golden[i]; i++)
                if (line[i] == '\n')
                        start = i + 1;
        fail_msg("golden/%s has '%.*s' where the body has '%.*s'", file,
                (int)strcspn(golden + start, "\n"), golden + start,
                (int)strcspn(line + start, "\n"), line + start);
}

static void check_golden(const char *file, const struct strv *gpus)
{
        cleanup_json json_t *body = sample_body(gpus, false);
        assert_non_null(body);
        compare_golden(file, body);
}

#define SECCOMP "seccomp="

/* The filter is a text in the body; it is taken out, and owned by the caller. */
static json_t *take_filter(json_t *body)
{
        struct err e = ERR_INIT;
        json_t *filter = NULL;
        json_t *security = json_object_get(json_object_get(body, "HostConfig"), "SecurityOpt");
        const char *text = json_string_value(json_array_get(security, 1));
        assert_int_equal(json_array_size(security), 2);
        assert_non_null(text);
        assert_int_equal(strncmp(text, SECCOMP, strlen(SECCOMP)), 0);
        text += strlen(SECCOMP);
        assert_int_equal(json_parse(text, strlen(text), 16, &filter, &e), 0);
        json_array_set_new(security, 1, json_string(SECCOMP "(seccomp-root.json)"));
        return filter;
}

/* Byte for byte: whoever changes what containers are given changes these files, and says why. */
static void test_golden(void **state)
{
        (void)state;
        struct strv gpus = { .v = (char *[]){ (char[]){
                                                      "GPU-8f6d1c2e-0000-4000-8000-000000000001" },
                                     (char[]){ "GPU-8f6d1c2e-0000-4000-8000-000000000002" } },
                .n = 2 };
        check_golden("create-cpu.json", NULL);
        check_golden("create-gpu.json", &gpus);
        cleanup_json json_t *root = sample_body(NULL, true);
        cleanup_json json_t *filter = take_filter(root);
        compare_golden("create-root.json", root);
        compare_golden("seccomp-root.json", filter);
}

/* What a list of GPUs may hold, and what it must not mean. */
static void test_gpus(void **state)
{
        (void)state;
        static const struct {
                const char *uuid;
                bool fine;
                size_t requests;
        } rows[] = { { "GPU-1234", true, 1 }, { "MIG-GPU-1234/1/0", true, 1 },
                { "SIM-GPU-00-H100", true, 0 }, { "all", false, 0 }, { "0", false, 0 },
                { "none", false, 0 }, { "void", false, 0 }, { "GPU-1,GPU-2", false, 0 },
                { "GPU-1 ", false, 0 }, { "", false, 0 }, { "nvidia.com/gpu=all", false, 0 } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_strv struct strv gpus = { 0 };
                strv_add(&gpus, rows[i].uuid);
                cleanup_json json_t *body = sample_body(&gpus, false);
                if ((body != NULL) != rows[i].fine)
                        fail_msg("'%s' is %s", rows[i].uuid, body ? "taken" : "refused");
                if (!body)
                        continue;
                const json_t *requests = json_at(body, "HostConfig/DeviceRequests");
                assert_int_equal(json_array_size(requests), rows[i].requests);
                const json_t *env = json_object_get(body, "Env");
                const char *last = json_string_value(json_array_get(env, json_array_size(env) - 1));
                cleanup_free char *expected = xasprintf("NVIDIA_VISIBLE_DEVICES=%s", rows[i].uuid);
                assert_string_equal(last, expected);
        }
}

/* ---- a reason for each line ---- */

/* "HostConfig.Mounts[].Source": list positions don't matter, keys of maps do. */
static void collect_paths(const json_t *j, const char *prefix, struct strv *ret)
{
        const char *key;
        json_t *value;
        if (json_is_object(j) && json_object_size(j)) {
                json_object_foreach ((json_t *)(uintptr_t)j, key, value) {
                        cleanup_free char *path =
                                xasprintf("%s%s%s", prefix, *prefix ? "/" : "", key);
                        collect_paths(value, path, ret);
                }
                return;
        }
        if (json_is_array(j) && json_is_object(json_array_get(j, 0))) {
                cleanup_free char *path = xasprintf("%s[]", prefix);
                for (size_t i = 0; i < json_array_size(j); i++)
                        collect_paths(json_array_get(j, i), path, ret);
                return;
        }
        if (!strv_has(ret, prefix))
                strv_add(ret, prefix);
}

/* The text's lines are "path: reason". */
static void collect_reasons(char *text, struct strv *ret)
{
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                char *colon = strstr(line, ": ");
                if (*line == '#')
                        continue;
                if (!colon || strlen(colon) < 12)
                        fail_msg("no reason in '%s'", line);
                *colon = '\0';
                if (strv_has(ret, line))
                        fail_msg("two reasons for %s", line);
                strv_add(ret, line);
        }
}

static void test_reasons(void **state)
{
        (void)state;
        cleanup_strv struct strv paths = { 0 }, reasons = { 0 };
        cleanup_json json_t *body = sample_body(NULL, false);
        collect_paths(body, "", &paths);
        cleanup_free char *text = read_file(GOLDEN "/create-cpu.txt");
        collect_reasons(text, &reasons);
        for (size_t i = 0; i < paths.n; i++)
                if (!strv_has(&reasons, paths.v[i]))
                        fail_msg("golden/create-cpu.txt gives no reason for %s", paths.v[i]);
        for (size_t i = 0; i < reasons.n; i++)
                if (!strv_has(&paths, reasons.v[i]))
                        fail_msg("golden/create-cpu.txt speaks of %s, which is not sent",
                                reasons.v[i]);
}

/* What root inside has beyond, or otherwise than, create-cpu.json, again with a reason each. */
static void collect_changes(
        const json_t *j, const json_t *cpu, const char *prefix, struct strv *ret)
{
        const char *key;
        json_t *value;
        json_object_foreach ((json_t *)(uintptr_t)j, key, value) {
                cleanup_free char *path = xasprintf("%s%s%s", prefix, *prefix ? "/" : "", key);
                const json_t *other = json_object_get(cpu, key);
                if (json_is_object(value) && json_is_object(other))
                        collect_changes(value, other, path, ret);
                else if (!other || !json_equal(value, other))
                        strv_add(ret, path);
        }
}

static void test_reasons_of_root_inside(void **state)
{
        (void)state;
        cleanup_strv struct strv paths = { 0 }, reasons = { 0 };
        cleanup_json json_t *cpu = sample_body(NULL, false);
        cleanup_json json_t *root = sample_body(NULL, true);
        collect_changes(root, cpu, "", &paths);
        cleanup_free char *text = read_file(GOLDEN "/create-root.txt");
        collect_reasons(text, &reasons);
        assert_int_equal(paths.n, reasons.n);
        for (size_t i = 0; i < paths.n; i++)
                if (!strv_has(&reasons, paths.v[i]))
                        fail_msg("golden/create-root.txt gives no reason for %s", paths.v[i]);
        /* And nothing of create-cpu.json is missing. */
        cleanup_strv struct strv here = { 0 }, there = { 0 };
        collect_paths(root, "", &here);
        collect_paths(cpu, "", &there);
        for (size_t i = 0; i < there.n; i++)
                assert_true(strv_has(&here, there.v[i]));
}

/* ---- nothing that widens rights ---- */

static bool is_empty(const json_t *j)
{
        return !j || json_is_null(j) || json_is_false(j) ||
               (json_is_string(j) && !*json_string_value(j)) ||
               (json_is_array(j) && json_array_size(j) == 0) ||
               (json_is_object(j) && json_object_size(j) == 0);
}

static void check_security(const json_t *host, bool root)
{
        const json_t *security = json_object_get(host, "SecurityOpt");
        const json_t *add = json_object_get(host, "CapAdd");
        assert_int_equal(json_array_size(security), root ? 2 : 1);
        assert_string_equal(
                json_string_value(json_array_get(security, 0)), "no-new-privileges:true");
        assert_int_equal(json_array_size(add), root ? 7 : 0);
        size_t i;
        json_t *cap;
        json_array_foreach (add, i, cap)
                assert_null(strstr("SYS_ADMIN SYS_PTRACE SYS_MODULE MKNOD NET_RAW NET_ADMIN "
                                   "DAC_READ_SEARCH SYS_CHROOT SETFCAP SETPCAP ALL",
                        json_string_value(cap)));
}

static void check_host_config(const json_t *host, bool root)
{
        static const char *const must_be_empty[] = { "Privileged", "Binds", "VolumesFrom",
                "Devices", "DeviceCgroupRules", "DeviceRequests", "Links", "ExtraHosts", "PidMode",
                "UTSMode", "UsernsMode", "PublishAllPorts", "PortBindings", "AutoRemove",
                "OomKillDisable", "Tmpfs", "Cgroup", "VolumeDriver", "MaskedPaths" };
        for (size_t i = 0; i < ARRAY_LEN(must_be_empty); i++)
                if (!is_empty(json_object_get(host, must_be_empty[i])))
                        fail_msg("%s is set", must_be_empty[i]);
        cleanup_free char *sysctls = json_text(json_object_get(host, "Sysctls"));
        assert_string_equal(sysctls, "{\"net.ipv4.ip_unprivileged_port_start\":\"1024\"}");
        /* Absent means the engine's default lists of paths, empty would mean none. */
        assert_null(json_object_get(host, "MaskedPaths"));
        assert_int_equal(json_array_size(json_object_get(host, "ReadonlyPaths")), root ? 7 : 0);
        assert_string_equal(json_str(host, "IpcMode"), "private");
        assert_string_equal(json_str(host, "CgroupnsMode"), "private");
        assert_string_equal(json_str(host, "Runtime"), "runc");
        const json_t *drop = json_object_get(host, "CapDrop");
        assert_int_equal(json_array_size(drop), 1);
        assert_string_equal(json_string_value(json_array_get(drop, 0)), "ALL");
        check_security(host, root);
        const char *network = json_str(host, "NetworkMode");
        assert_true(*network && strcmp(network, "host") != 0 && !strchr(network, ':'));
        assert_true(json_int(host, "Memory", -1) == json_int(host, "MemorySwap", -2));
}

static void check_mounts(const json_t *host)
{
        size_t i;
        json_t *m;
        json_array_foreach (json_object_get(host, "Mounts"), i, m) {
                assert_string_equal(json_str(m, "Type"), "bind");
                assert_null(strstr(json_str(m, "Source"), "docker.sock"));
                assert_null(strstr(json_str(m, "Source"), ".."));
                assert_int_equal(json_str(m, "Source")[0], '/');
                assert_string_equal(json_str(m, "BindOptions/Propagation"), "rprivate");
                assert_true(json_bool(m, "BindOptions/NonRecursive", false));
        }
}

static void check_body(const json_t *body, bool root)
{
        static const char *const labels[] = { "managed", "version", "instance", "uid", "user",
                "name", "project", "op", "image", "framework", "gpu.uuids", "interface",
                "created_at", "workspace", "data", "build", "protected" };
        const json_t *set = json_object_get(body, "Labels");
        assert_int_equal(json_object_size(set), ARRAY_LEN(labels) + (root ? 2 : 0));
        for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
                cleanup_free char *key = xasprintf("ds01.%s", labels[i]);
                assert_true(json_is_string(json_object_get(set, key)));
        }
        const char *user = json_str(body, "User");
        const char *group = strchr(user, ':');
        if (root)
                assert_string_equal(user, "0:0");
        else
                assert_true(user[0] >= '1' && user[0] <= '9' && group && group[1] >= '1' &&
                            group[1] <= '9');
        const json_t *env = json_object_get(body, "Env");
        const char *last = json_string_value(json_array_get(env, json_array_size(env) - 1));
        assert_string_equal(last, "NVIDIA_VISIBLE_DEVICES=void");
        size_t i;
        json_t *g;
        json_array_foreach (
                json_object_get(json_object_get(body, "HostConfig"), "GroupAdd"), i, g) {
                const char *text = json_string_value(g);
                assert_true(*text != '0' && text[strspn(text, "0123456789")] == '\0');
        }
        check_host_config(json_object_get(body, "HostConfig"), root);
        check_mounts(json_object_get(body, "HostConfig"));
}

static uint32_t random_state = 1795458600;
static uint32_t next_random(uint32_t below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 17;
        random_state ^= random_state << 5;
        return random_state % below;
}

static const char *hostile_text(void)
{
        static const char *const texts[] = { NULL, "", "host", "container:x",
                "x\",\"Privileged\":true", "/var/run/docker.sock", "/run/docker.sock:/x",
                "../../etc", "LD_PRELOAD=/x", "\xff\xfe", "a\nb", "\"}]}",
                "NVIDIA_VISIBLE_DEVICES=all", "0:0", "SYS_ADMIN", "/", "unconfined", "/proc/1/root",
                "/a/../b", "/ok/folder" };
        return texts[next_random(ARRAY_LEN(texts))];
}

static void hostile_spec(struct spec *s, struct spec_mount mounts[4], gid_t groups[4])
{
        static const uid_t ids[] = { 0, 1, 1000, 65534, (uid_t)-1, (uid_t)-2 };
        const char **const texts[] = { &s->name, &s->user, &s->project, &s->op, &s->instance,
                &s->image_id, &s->image_ref, &s->framework, &s->interface, &s->hostname,
                &s->workspace_path, &s->data_label, &s->created_at, &s->version, &s->build_label,
                &s->cgroup_parent, &s->lang_default };
        *s = (struct spec){ .network = next_random(4) ? "ds01" : hostile_text(),
                .mounts = mounts,
                .groups = groups };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                *texts[i] = hostile_text();
        s->root = next_random(2);
        s->uid = ids[next_random(ARRAY_LEN(ids))];
        s->gid = ids[next_random(ARRAY_LEN(ids))];
        s->n_groups = next_random(5);
        for (size_t i = 0; i < s->n_groups; i++)
                groups[i] = ids[next_random(ARRAY_LEN(ids))];
        s->n_mounts = next_random(4);
        for (size_t i = 0; i < s->n_mounts; i++)
                mounts[i] = (struct spec_mount){ next_random(3) ? "/run/ds01/x" : hostile_text(),
                        next_random(3) ? "/workspace" : hostile_text(), next_random(2) };
        int64_t *const numbers[] = { &s->limits.memory, &s->limits.nano_cpus, &s->limits.shm,
                &s->limits.pids, &s->nofile_hard };
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                *numbers[i] = (int64_t)next_random(3) * 1000000 - 1;
}

static void test_hostile(void **state)
{
        (void)state;
        int built = 0, refused = 0;
        for (int round = 0; round < 20000; round++) {
                struct spec s;
                struct spec_mount mounts[4];
                gid_t groups[4];
                hostile_spec(&s, mounts, groups);
                cleanup_json json_t *cmd = json_pack("[s]", "sh");
                cleanup_json json_t *env = json_pack("[s,s]", "NVIDIA_VISIBLE_DEVICES=all", "X=1");
                s.cmd = cmd;
                s.image_env = env;
                cleanup_json json_t *body = spec_create_body(&s);
                if (body)
                        check_body(body, s.root);
                *(body ? &built : &refused) += 1;
        }
        assert_true(built > 1000 && refused > 1000);
}

static void test_refused(void **state)
{
        (void)state;
        static const struct spec_mount bad[] = { { "relative", "/x", false },
                { "/x", "relative", false }, { "/", "/host", false }, { "/x", "/", false },
                { "/run/docker.sock", "/x", false }, { "/a/../etc", "/x", false },
                { NULL, "/x", false }, { "/x", NULL, false }, { "/x\xff", "/x", false },
                { "/x", "/x\xff", false } };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct spec s = sample();
                s.mounts = &bad[i];
                s.n_mounts = 1;
                assert_null(spec_create_body(&s));
        }
        static const struct {
                uid_t uid;
                gid_t gid;
        } ids[] = { { 0, 1000 }, { 1000, 0 }, { (uid_t)-1, 1000 }, { 1000, (gid_t)-1 } };
        static const char *const networks[] = { NULL, "", "host", "none", "bridge", "default",
                "container:4f06ab", "\xff" };
        for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
                struct spec s = sample();
                s.network = networks[i];
                assert_null(spec_create_body(&s));
        }
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
                struct spec s = sample();
                s.uid = ids[i].uid;
                s.gid = ids[i].gid;
                for (int root = 0; root <= 1; root++) {
                        s.root = root;
                        assert_null(spec_create_body(&s));
                        assert_null(spec_exec_body(&(struct spec_exec){
                                .root = root, .uid = ids[i].uid, .gid = ids[i].gid }));
                }
        }
}

/* ---- the parts that vary ---- */

static bool env_line(const json_t *body, const char *line)
{
        size_t i;
        json_t *v;
        json_array_foreach (json_object_get(body, "Env"), i, v)
                if (strcmp(json_string_value(v), line) == 0)
                        return true;
        return false;
}

static void test_locale(void **state)
{
        (void)state;
        static const struct {
                const char *image; /* one variable of the image's */
                bool set;
        } rows[] = { { "PATH=/bin", true }, { "LANG=de_DE.UTF-8", false }, { "LC_ALL=C", false },
                { "LANGUAGE=de", true } };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct spec s = sample();
                cleanup_json json_t *env = json_pack("[s]", rows[i].image);
                s.image_env = env;
                cleanup_json json_t *body = spec_create_body(&s);
                assert_int_equal(env_line(body, "LANG=C.UTF-8"), rows[i].set);
        }
}

static void test_unlimited(void **state)
{
        (void)state;
        struct spec s = sample();
        s.limits = (struct spec_limits){ -1, -1, -1, -1 };
        s.nofile_hard = 0;
        cleanup_json json_t *body = spec_create_body(&s);
        assert_int_equal(json_int(body, "HostConfig/Memory", -5), 0);
        assert_int_equal(json_int(body, "HostConfig/MemorySwap", -5), 0);
        assert_int_equal(json_int(body, "HostConfig/NanoCpus", -5), 0);
        assert_int_equal(json_int(body, "HostConfig/PidsLimit", -5), 0);
        assert_true(json_int(body, "HostConfig/ShmSize", -5) == 1LL << 40);
        assert_int_equal(json_array_size(json_at(body, "HostConfig/Ulimits")), 1);
        s.limits.memory = 1 << 30;
        cleanup_json json_t *with_memory = spec_create_body(&s);
        assert_int_equal(json_int(with_memory, "HostConfig/ShmSize", -5), 1 << 30);
}

static void test_nofile(void **state)
{
        (void)state;
        struct spec s = sample();
        s.nofile_hard = 4096;
        cleanup_json json_t *body = spec_create_body(&s);
        const json_t *nofile = json_array_get(json_at(body, "HostConfig/Ulimits"), 1);
        assert_int_equal(json_int(nofile, "Soft", 0), 4096);
        assert_int_equal(json_int(nofile, "Hard", 0), 4096);
}

static void test_exec(void **state)
{
        (void)state;
        cleanup_json json_t *cmd = json_pack("[s,s]", "bash", "-l");
        struct spec_exec x = { .uid = 1000,
                .gid = 100,
                .user = "alice",
                .hostname = "my-thesis",
                .cmd = cmd,
                .tty = true,
                .term = "xterm-256color" };
        cleanup_json json_t *tty = spec_exec_body(&x);
        cleanup_free char *text = json_text(tty);
        assert_string_equal(text,
                "{\"User\":\"1000:100\",\"WorkingDir\":\"/workspace\",\"Cmd\":[\"bash\",\"-l\"],"
                "\"Env\":[\"TERM=xterm-256color\",\"PS1=alice@my-thesis:$PWD$ \"],\"Tty\":true,"
                "\"AttachStdin\":true,\"AttachStdout\":true,\"AttachStderr\":true,"
                "\"DetachKeys\":\"ctrl-@,ctrl-^,ctrl-@,ctrl-_,ctrl-@\",\"Privileged\":false}");
        x.root = true;
        cleanup_json json_t *root = spec_exec_body(&x);
        assert_string_equal(json_str(root, "User"), "0:0");
        assert_false(json_bool(root, "Privileged", true));
        assert_string_equal(json_string_value(json_array_get(json_object_get(root, "Env"), 1)),
                "PS1=root@my-thesis:$PWD# ");
        x.root = false;
        x.tty = false;
        cleanup_json json_t *plain = spec_exec_body(&x);
        assert_false(json_bool(plain, "AttachStdin", true));
        assert_int_equal(json_array_size(json_object_get(plain, "Env")), 0);
        x.with_stdin = true;
        cleanup_json json_t *piped = spec_exec_body(&x);
        assert_true(json_bool(piped, "AttachStdin", false));
        assert_false(json_bool(piped, "Tty", true));
}

/* What a shell would expand in a prompt, and what no terminal is called, is taken out. */
static void test_exec_texts(void **state)
{
        (void)state;
        struct spec_exec x = { .uid = 1000,
                .gid = 100,
                .user = "LAB\\al$(id)`x`",
                .hostname = "h",
                .tty = true,
                .term = "x\nPS1=evil" };
        cleanup_json json_t *body = spec_exec_body(&x);
        assert_true(env_line(body, "TERM=xterm"));
        assert_true(env_line(body, "PS1=LAB-al--id--x-@h:$PWD$ "));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_gpus),
                cmocka_unit_test(test_reasons),
                cmocka_unit_test(test_reasons_of_root_inside),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_locale),
                cmocka_unit_test(test_unlimited),
                cmocka_unit_test(test_nofile),
                cmocka_unit_test(test_exec),
                cmocka_unit_test(test_exec_texts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
