/* SPDX-License-Identifier: MIT */
/* The same of engines and GPUs. */
#include "expect.h"

#include <errno.h>
#include <stdio.h>

/* ---- the engine ---- */

static const struct engine_version good_version = { .version = "29.5.1",
        .api = "1.44",
        .cgroup_driver = "systemd",
        .cgroup_version = 2,
        .storage_driver = "overlay2",
        .default_runtime = "runc",
        .root_dir = "/var/lib/docker",
        .security = "name=apparmor name=seccomp,profile=builtin name=cgroupns",
        .live_restore = true };
static const struct engine_details good_details = {
        .containerd = "v2.2.0",
        .runc = "1.4.0",
        .ipv4_forwarding = true,
};

static void test_engine(void **state)
{
        (void)state;
        struct finding f = { 0 };
        struct err e = failure(ERR_ENGINE, "The container engine does not answer", "");
        struct engine_version v = good_version;
        judge_engine(&v, NULL, &f);
        expect(&f, "fine", FINDING_OK, "Engine 29.5.1 answers (API 1.44)", "");
        judge_engine(&v, &e, &f);
        expect(&f, "down", FINDING_PROBLEM, "does not answer", "sudo systemctl start docker");
        v.userns_remap = true;
        judge_engine(&v, NULL, &f);
        expect(&f, "remapped", FINDING_PROBLEM, "remaps user ids", "userns-remap");
        v = good_version;
        v.rootless = true;
        judge_engine(&v, NULL, &f);
        expect(&f, "rootless", FINDING_PROBLEM, "rootless", NULL);
}

static void test_engine_settings(void **state)
{
        (void)state;
        static const struct {
                const char *label, *security, *runtime, *storage;
                bool live, plugins, apparmor;
                enum finding_state state;
                const char *text;
        } cases[] = {
                { "fine", "name=apparmor name=seccomp,profile=default", "runc", "overlay2", true,
                        false, true, FINDING_OK, "with seccomp and AppArmor" },
                { "no AppArmor here", "name=seccomp,profile=default", "runc", "overlay2", true,
                        false, false, FINDING_OK, "with seccomp" },
                { "AppArmor unused", "name=seccomp,profile=default", "runc", "overlay2", true,
                        false, true, FINDING_WARNING, "not by the engine" },
                { "no seccomp", "name=cgroupns", "runc", "overlay2", true, false, false,
                        FINDING_PROBLEM, "seccomp is off" },
                { "unconfined", "name=seccomp,profile=unconfined", "runc", "overlay2", true, false,
                        false, FINDING_PROBLEM, "lets every system call" },
                { "nvidia", "name=seccomp", "nvidia", "overlay2", true, false, false,
                        FINDING_PROBLEM, "builds can reach every GPU" },
                { "crun", "name=seccomp", "crun", "overlay2", true, false, false, FINDING_WARNING,
                        "default runtime is crun" },
                { "no live restore", "name=seccomp", "runc", "overlay2", false, false, false,
                        FINDING_WARNING, "Live restore is off" },
                { "vfs", "name=seccomp", "runc", "vfs", true, false, false, FINDING_WARNING,
                        "Storage driver vfs" },
                { "plugins", "name=seccomp", "runc", "overlay2", true, true, false, FINDING_WARNING,
                        "authorization plugins" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct finding f = { 0 };
                struct engine_version v = good_version;
                struct engine_details d = good_details;
                snprintf(v.security, sizeof v.security, "%s", cases[i].security);
                snprintf(v.default_runtime, sizeof v.default_runtime, "%s", cases[i].runtime);
                snprintf(v.storage_driver, sizeof v.storage_driver, "%s", cases[i].storage);
                v.live_restore = cases[i].live;
                d.authorization = cases[i].plugins;
                judge_engine_settings(&v, &d, cases[i].apparmor, &f);
                expect(&f, cases[i].label, cases[i].state, cases[i].text, NULL);
        }
}

static void test_holes(void **state)
{
        (void)state;
        static const struct {
                const char *label, *engine, *containerd, *runc, *toolkit;
                bool plugins;
                enum finding_state state;
                const char *text, *fix;
        } cases[] = {
                { "none", "29.5.1", "v2.2.0", "1.4.0", "1.18.2-1", true, FINDING_OK, "None in",
                        "" },
                { "Debian 12", "29.5.1", "2.2.0", "1.1.5+ds1", "", false, FINDING_WARNING,
                        "runc 1.1.5+ds1 has CVE-2024-21626, CVE-2025-31133, CVE-2025-52565, "
                        "CVE-2025-52881 unless your distribution has patched it",
                        "apt changelog runc" },
                { "runc", "29.5.1", "2.2.0", "1.3.2", "", false, FINDING_PROBLEM,
                        "runc 1.3.2 has CVE-2025-31133", "containerd.io" },
                { "containerd", "29.5.1", "1.7.28", "1.4.0", "", false, FINDING_PROBLEM,
                        "CVE-2024-25621", "containerd.io" },
                { "engine", "29.3.1", "2.2.0", "1.4.0", "", true, FINDING_PROBLEM, "CVE-2026-41567",
                        "docker-ce" },
                { "toolkit", "29.5.1", "2.2.0", "1.4.0", "1.17.7-1", false, FINDING_PROBLEM,
                        "CVE-2025-23266", "nvidia-container-toolkit" },
                { "no version", "29.5.1", "2.2.0", "dev", "", false, FINDING_UNCHECKED,
                        "'dev' of runc", "" },
                { "not told", "29.5.1", "2.2.0", "", "", false, FINDING_UNCHECKED, "doesn't tell",
                        "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct finding f = { 0 };
                struct engine_version v = good_version;
                struct engine_details d = good_details;
                snprintf(v.version, sizeof v.version, "%s", cases[i].engine);
                snprintf(d.containerd, sizeof d.containerd, "%s", cases[i].containerd);
                snprintf(d.runc, sizeof d.runc, "%s", cases[i].runc);
                d.authorization = cases[i].plugins;
                judge_holes(&v, &d, cases[i].toolkit, &f);
                assert_int_equal(*f.public != '\0', f.state >= FINDING_WARNING);
                assert_null(strstr(f.public, "CVE"));
                expect(&f, cases[i].label, cases[i].state, cases[i].text, cases[i].fix);
        }
        /* Holes of plugins matter where there are some. */
        struct finding with = { 0 }, without = { 0 };
        struct engine_version v = good_version;
        struct engine_details d = good_details;
        snprintf(v.version, sizeof v.version, "29.2.0");
        judge_holes(&v, &d, "", &without);
        d.authorization = true;
        judge_holes(&v, &d, "", &with);
        assert_null(strstr(without.text, "CVE-2026-34040"));
        assert_non_null(strstr(with.text, "CVE-2026-34040"));
        finding_done(&with);
        finding_done(&without);
}

static void test_engine_access(void **state)
{
        (void)state;
        static const struct engine_access good = { .socket = "/d.sock",
                .mode = 0140660,
                .group = "docker",
                .root_dir = "/var/lib/docker",
                .root_mode = 040710 };
        struct finding f = { 0 };
        struct engine_access a = good;
        judge_engine_access(&a, &f);
        expect(&f, "fine", FINDING_OK, "/d.sock is root's", "");
        a.error = ENOENT;
        judge_engine_access(&a, &f);
        expect(&f, "missing", FINDING_PROBLEM, "Can't look at /d.sock", "systemctl start docker");
        a = good;
        a.mode = 0140666;
        judge_engine_access(&a, &f);
        assert_null(strstr(f.public, "/d.sock"));
        expect(&f, "open", FINDING_PROBLEM, "open to everyone", "chmod o= /d.sock");
        a = good;
        a.uid = 1000;
        judge_engine_access(&a, &f);
        expect(&f, "owner", FINDING_PROBLEM, "uid 1000", "chown root /d.sock");
        a = good;
        a.group = "students";
        judge_engine_access(&a, &f);
        expect(&f, "group", FINDING_WARNING, "group students", "getent group students");
        a = good;
        a.open_2375 = true;
        judge_engine_access(&a, &f);
        expect(&f, "2375", FINDING_PROBLEM, "TCP port 2375", "daemon.json");
        a = good;
        a.open_2376 = true;
        judge_engine_access(&a, &f);
        expect(&f, "2376", FINDING_WARNING, "TCP port 2376", NULL);
        a = good;
        strv_add(&a.hosts, "tcp://0.0.0.0:2375");
        judge_engine_access(&a, &f);
        expect(&f, "hosts", FINDING_PROBLEM, "tcp://0.0.0.0:2375 for everyone", "hosts");
        a.tls = true;
        judge_engine_access(&a, &f);
        expect(&f, "tls", FINDING_WARNING, "certificate", NULL);
        strv_done(&a.hosts);
        a = good;
        a.root_mode = 040711;
        judge_engine_access(&a, &f);
        expect(&f, "data", FINDING_WARNING, "(/var/lib/docker) is open",
                "chmod 0710 /var/lib/docker");
}

static void test_listens(void **state)
{
        (void)state;
        static const char tcp[] =
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
                "   0: 0100007F:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
                "   1: 0100007F:0948 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0\n";
        static const char tcp6[] =
                "  sl  local_address                         remote_address                        st\n"
                "   0: 00000000000000000000000000000000:0948 00000000000000000000000000000000:0000 0A "
                "00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0\n"
                "   1: 00000000000000000000000000000000:0947 00000000000000000000000000000000:0000 0A "
                "00000000:00000000 00:00000000 00000000  1000        0 12346 1 0 100 0 0 10 0\n";
        assert_true(judge_listens(tcp, 2375));
        assert_false(judge_listens(tcp, 2376));
        assert_true(judge_listens(tcp6, 2376));
        assert_false(judge_listens(tcp6, 2375));
        assert_false(judge_listens(NULL, 2375));
        assert_false(judge_listens("", 2375));
}

static void test_engine_json(void **state)
{
        (void)state;
        static const char text[] =
                "{\"hosts\":[\"unix:///x\",\"tcp://1.2.3.4:2376\",7],\"tlsverify\":true}";
        cleanup_strv struct strv hosts = { 0 };
        bool tls = false;
        assert_true(judge_engine_json(text, strlen(text), &hosts, &tls));
        assert_true(tls && hosts.n == 1);
        assert_string_equal(hosts.v[0], "tcp://1.2.3.4:2376");
        assert_true(judge_engine_json("{}", 2, &hosts, &tls));
        assert_false(tls);
        assert_false(judge_engine_json("[]", 2, &hosts, &tls));
        assert_false(judge_engine_json("{", 1, &hosts, &tls));
        assert_int_equal(hosts.n, 1);
}

#define ROUTES_HEAD                                                                                \
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"

static void test_networks(void **state)
{
        (void)state;
        /* 172.18.0.0/16 through ds01; 10.0.0.0/8 through eth1; the default route. */
        static const char routes[] =
                ROUTES_HEAD "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
                            "ds01\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
                            "eth1\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n";
        struct finding f = { 0 };
        struct network_facts n = { .name = "ds01", .bridge = "ds01", .subnet = "172.18.0.0/16" };
        struct engine_details d = good_details;
        judge_networks(&n, 1, &d, routes, &f);
        expect(&f, "fine", FINDING_OK, "without traffic", "");
        judge_networks(&n, 1, &d, NULL, &f);
        expect(&f, "no routes", FINDING_OK, "without traffic", "");
        n.subnet = "10.5.0.0/16";
        judge_networks(&n, 1, &d, routes, &f);
        expect(&f, "clash", FINDING_WARNING, "through eth1", "default-address-pools");
        n.subnet = "nonsense/99";
        judge_networks(&n, 1, &d, routes, &f);
        expect(&f, "no subnet", FINDING_OK, "without traffic", "");
        n.failed = failure(ERR_NOT_FOUND, "x", "");
        judge_networks(&n, 1, &d, routes, &f);
        expect(&f, "missing", FINDING_PROBLEM, "Network ds01 is missing", "restart ds01d");
        n.failed =
                failure(ERR_FAILED, "Network ds01 exists and lets its containers reach each other",
                        "docker network rm ds01");
        judge_networks(&n, 1, &d, routes, &f);
        expect(&f, "open", FINDING_PROBLEM, "reach each other", "docker network rm ds01");
        n.failed = failure(ERR_BUSY, "No answer", "");
        judge_networks(&n, 1, &d, routes, &f);
        expect(&f, "slow", FINDING_UNCHECKED, "No answer", "");
        n.failed = ERR_INIT;
        d.ipv4_forwarding = false;
        judge_networks(&n, 1, &d, routes, &f);
        expect(&f, "forwarding", FINDING_WARNING, "IP forwarding is off", "ip_forward=1");
}

/* ---- GPUs ---- */

static void add_gpu(struct gpu_sample *s, int index, const char *uuid, bool lost)
{
        struct gpu g;
        struct err e = ERR_INIT;
        gpu_init(&g);
        snprintf(g.uuid, sizeof g.uuid, "%s", uuid);
        snprintf(g.parent, sizeof g.parent, "%s", uuid);
        snprintf(g.name, sizeof g.name, "NVIDIA A100-SXM4-40GB");
        g.index = index;
        g.memory_total = 40LL << 30;
        g.lost = lost;
        assert_int_equal(gpu_sample_add(s, &g, &e), 0);
}

static void test_gpus(void **state)
{
        (void)state;
        struct finding f = { 0 };
        cleanup_gpu_sample struct gpu_sample s = { .driver = "550.54" };
        struct gpu_facts g = { .answering = true, .sample = &s };
        judge_gpus(&g, &f);
        expect(&f, "none listed", FINDING_OK, "lists no GPU", "");
        add_gpu(&s, 0, "GPU-0", false);
        add_gpu(&s, 1, "GPU-1", false);
        judge_gpus(&g, &f);
        expect(&f, "fine", FINDING_OK, "2 GPUs answer, driver 550.54", "");
        struct place_device devices[] = { { .gpu = &s.v[0], .state = GPU_FREE },
                { .gpu = &s.v[1], .state = GPU_DRAINED } };
        char why[2][200] = { "", "process 4242 still uses it" };
        g.devices = devices;
        g.why = why;
        judge_gpus(&g, &f);
        expect(&f, "drained", FINDING_WARNING, "GPU 1 (A100 40 GB) is drained: process 4242",
                "nvidia-smi");
        s.v[0].lost = true;
        judge_gpus(&g, &f);
        expect(&f, "lost", FINDING_PROBLEM, "GPU 0 (A100 40 GB) doesn't answer", "xid");
        s.v[0].lost = false;
        g.devices = NULL;
        s.simulated = true;
        judge_gpus(&g, &f);
        expect(&f, "simulated", FINDING_WARNING, "2 GPUs are simulated", "simulate");
        g.answering = false;
        judge_gpus(&g, &f);
        expect(&f, "hangs", FINDING_PROBLEM, "no answer in time", "nvidia-smi");
        struct gpu_sample none = { .health = GPU_HEALTH_NONE, .why = "no driver" },
                          old = { .health = GPU_HEALTH_MISMATCH, .why = "535 and 550" },
                          broken = { .health = GPU_HEALTH_FAILED, .why = "it said 999" };
        g = (struct gpu_facts){ .answering = true, .sample = &none };
        judge_gpus(&g, &f);
        expect(&f, "without", FINDING_OK, "no GPUs: no driver", "");
        g.sample = &old;
        judge_gpus(&g, &f);
        expect(&f, "mismatch", FINDING_PROBLEM, "different versions: 535 and 550", "reboot");
        g.sample = &broken;
        judge_gpus(&g, &f);
        expect(&f, "fails", FINDING_PROBLEM, "it said 999", "nvrm");
}

static void test_toolkit(void **state)
{
        (void)state;
        struct finding f = { 0 };
        struct toolkit_facts t = { .version = "" };
        judge_toolkit(false, &t, &f);
        expect(&f, "no GPUs", FINDING_OK, "Not needed", "");
        judge_toolkit(true, &t, &f);
        expect(&f, "no toolkit", FINDING_PROBLEM, "nvidia-container-runtime-hook",
                "apt-get install");
        t.cdi = true;
        judge_toolkit(true, &t, &f);
        expect(&f, "only CDI", FINDING_PROBLEM, "though CDI", NULL);
        t.hook = true;
        t.version = "1.18.2-1";
        judge_toolkit(true, &t, &f);
        expect(&f, "fine", FINDING_OK, "Toolkit 1.18.2-1 is installed", "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_engine),
                cmocka_unit_test(test_engine_settings),
                cmocka_unit_test(test_holes),
                cmocka_unit_test(test_engine_access),
                cmocka_unit_test(test_listens),
                cmocka_unit_test(test_engine_json),
                cmocka_unit_test(test_networks),
                cmocka_unit_test(test_gpus),
                cmocka_unit_test(test_toolkit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
