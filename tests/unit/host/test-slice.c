/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/slice.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

#define MANAGER "org.freedesktop.systemd1.Manager"

/*
 * A systemd of our own at the other end of a socket: it answers as the real one would in the given
 * state and writes down, in a file, what it was asked. One connection, then it ends.
 */
enum fake_state { FRESH, RUNS_ALREADY, REFUSES };

static void note_limits(sd_bus_message *m, FILE *log)
{
        const char *name;
        uint64_t value;
        assert_true(sd_bus_message_enter_container(m, 'a', "(sv)") > 0);
        while (sd_bus_message_read(m, "(sv)", &name, "t", &value) > 0)
                fprintf(log, " %s=%llu", name, (unsigned long long)value);
        sd_bus_message_exit_container(m);
        fprintf(log, "\n");
}

static int answer(sd_bus_message *m, enum fake_state state, FILE *log)
{
        const char *name, *mode;
        int runtime;
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello"))
                return sd_bus_reply_method_return(m, "s", ":1.1");
        if (sd_bus_message_is_method_call(m, MANAGER, "StartTransientUnit")) {
                sd_bus_message_read(m, "ss", &name, &mode);
                fprintf(log, "start %s %s", name, mode);
                note_limits(m, log);
                if (state == REFUSES)
                        return sd_bus_reply_method_errorf(
                                m, SD_BUS_ERROR_ACCESS_DENIED, "Not today");
                if (state == RUNS_ALREADY)
                        return sd_bus_reply_method_errorf(
                                m, "org.freedesktop.systemd1.UnitExists", "It runs");
                return sd_bus_reply_method_return(m, "o", "/org/freedesktop/systemd1/job/1");
        }
        if (sd_bus_message_is_method_call(m, MANAGER, "SetUnitProperties")) {
                sd_bus_message_read(m, "sb", &name, &runtime);
                fprintf(log, "set %s %d", name, runtime);
                note_limits(m, log);
                return sd_bus_reply_method_return(m, NULL);
        }
        return 0;
}

static void serve(int listener, enum fake_state state)
{
        sd_bus *bus = NULL;
        sd_id128_t id = { .qwords = { 1, 2 } };
        FILE *log = fopen(in_sandbox("calls"), "we");
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (!log || fd < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
                sd_bus_set_server(bus, 1, id) < 0 || sd_bus_start(bus) < 0)
                _exit(1);
        for (;;) {
                sd_bus_message *m = NULL;
                int r = sd_bus_process(bus, &m);
                if (m)
                        answer(m, state, log);
                sd_bus_message_unref(m);
                if (r < 0)
                        break;
                if (r == 0)
                        sd_bus_wait(bus, UINT64_MAX);
        }
        fclose(log);
        _exit(0);
}

static pid_t start_fake(enum fake_state state)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s/bus", sandbox);
        unlink(a.sun_path);
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(listener, 1), 0);
        cleanup_free char *address = xasprintf("unix:path=%s", a.sun_path);
        setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
        pid_t pid = fork();
        if (pid == 0)
                serve(listener, state);
        close(listener);
        return pid;
}

static void test_what_systemd_is_asked(void **state)
{
        (void)state;
        static const struct {
                enum fake_state state;
                struct cgroup_limits l;
                int result;
                const char *calls;
        } table[] = {
                { FRESH, { 1 << 30, 250, 512, 1 << 29 }, 0,
                        "start ds01-1000.slice fail MemoryMax=1073741824 CPUQuotaPerSecUSec=2500000"
                        " TasksMax=512 MemoryHigh=536870912\n" },
                { FRESH, { -1, -1, -1, -1 }, 0,
                        "start ds01-1000.slice fail MemoryMax=18446744073709551615"
                        " CPUQuotaPerSecUSec=18446744073709551615 "
                        "TasksMax=18446744073709551615 MemoryHigh=18446744073709551615\n" },
                { RUNS_ALREADY, { 4096, 100, 7, 0 }, 0,
                        "start ds01-1000.slice fail MemoryMax=4096 CPUQuotaPerSecUSec=1000000 "
                        "TasksMax=7 MemoryHigh=18446744073709551615\n"
                        "set ds01-1000.slice 1 MemoryMax=4096 CPUQuotaPerSecUSec=1000000 "
                        "TasksMax=7 MemoryHigh=18446744073709551615\n" },
                { REFUSES, { 4096, 100, 7, 0 }, -1,
                        "start ds01-1000.slice fail MemoryMax=4096 CPUQuotaPerSecUSec=1000000 "
                        "TasksMax=7 MemoryHigh=18446744073709551615\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
                struct err e = ERR_INIT;
                char calls[1024] = "";
                pid_t pid = start_fake(table[i].state);
                int r = cgroup_prepare("systemd", 1000, &table[i].l, &e);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                FILE *log = fopen(in_sandbox("calls"), "re");
                calls[fread(calls, 1, sizeof calls - 1, log)] = '\0';
                fclose(log);
                assert_int_equal(r, table[i].result);
                assert_string_equal(calls, table[i].calls);
                if (r)
                        assert_string_equal(
                                e.msg, "Can't set the limits of ds01-1000.slice: Not today");
        }
}

/* Where no systemd answers, the sentence says what to do instead. */
static void test_without_a_bus(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
        assert_int_equal(slice_set("ds01-1000.slice", &CGROUP_UNLIMITED, &e), -1);
        assert_int_equal(e.code, ERR_FAILED);
        assert_non_null(strstr(e.msg, "ds01-1000.slice"));
        assert_non_null(strstr(e.fix, "cgroupdriver=cgroupfs"));
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_systemd_is_asked),
                cmocka_unit_test(test_without_a_bus),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
