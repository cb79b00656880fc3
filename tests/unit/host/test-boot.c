/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "host/boot.h"

static void test_boot_id_is_the_kernels(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char id[BOOT_ID_LEN + 1], again[64] = "";
        assert_int_equal(boot_id(id, &e), 0);
        assert_int_equal(strlen(id), BOOT_ID_LEN);
        FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
        assert_non_null(fgets(again, sizeof again, f));
        fclose(f);
        assert_memory_equal(id, again, BOOT_ID_LEN);
}

static void test_other_text_is_refused(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        char id[BOOT_ID_LEN + 1] = "untouched";
        cover_file("boot_id", "no uuid\n", "/proc/sys/kernel/random/boot_id");
        assert_int_equal(boot_id(id, &e), -1);
        assert_string_equal(id, "untouched");
        assert_int_equal(umount("/proc/sys/kernel/random/boot_id"), 0);
}

int main(void)
{
        sandbox_enter();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_boot_id_is_the_kernels),
                cmocka_unit_test(test_other_text_is_refused),
        };
        return sandbox_leave(cmocka_run_group_tests(tests, NULL, NULL));
}
