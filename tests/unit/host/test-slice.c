/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/slice.h"

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
        /* The driver decides who is asked. */
        assert_int_equal(cgroup_prepare("systemd", 1000, &CGROUP_UNLIMITED, &e), -1);
        assert_non_null(strstr(e.msg, "systemd"));
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_without_a_bus) };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
