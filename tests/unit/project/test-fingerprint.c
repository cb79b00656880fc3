/* SPDX-License-Identifier: MIT */
#include "project/fingerprint.h"

#include "scratch.h"

static void sums(void **state)
{
        (void)state;
        struct scratch s = scratch_new();
        char docker[FINGERPRINT_LEN + 1] = "x", req[FINGERPRINT_LEN + 1] = "x";
        struct err e = ERR_INIT;
        assert_int_equal(fingerprint_project(s.fd, docker, req, &e), 0);
        assert_string_equal(docker, "");
        assert_string_equal(req, "");
        scratch_write(&s, "Dockerfile", "abc");
        scratch_write(&s, "requirements.txt", "");
        assert_int_equal(fingerprint_project(s.fd, docker, req, &e), 0);
        /* The published SHA-256 of "abc" and of nothing. */
        assert_string_equal(
                docker, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_string_equal(
                req, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        unlinkat(s.fd, "Dockerfile", 0);
        mkdirat(s.fd, "Dockerfile", 0755);
        assert_int_equal(fingerprint_project(s.fd, docker, req, &e), -1);
        assert_non_null(strstr(e.msg, "Dockerfile"));
        assert_int_equal(strlen(docker), FINGERPRINT_LEN);
        scratch_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(sums) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
