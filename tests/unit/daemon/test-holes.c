/* SPDX-License-Identifier: MIT */
/* Which versions have which holes, and what a version is. */
#include "daemon/holes.h"

#include "base/mem.h"
#include "base/str.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_versions(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                struct hole_version v;
        } fine[] = {
                { "1.2.8", { { 1, 2, 8 }, INT_MAX, false } },
                { "v1.7.29", { { 1, 7, 29 }, INT_MAX, false } },
                { "29.5", { { 29, 5, 0 }, INT_MAX, false } },
                { "1.4.0-rc.3", { { 1, 4, 0 }, 3, false } },
                { "1.4.0-rc3", { { 1, 4, 0 }, 3, false } },
                { "1.4.0-rc", { { 1, 4, 0 }, 0, false } },
                { "2.0.0-beta.1", { { 2, 0, 0 }, 0, false } },
                { "1.4.0~rc2+ds1", { { 1, 4, 0 }, 2, true } },
                { "1.1.5+ds1-1+deb12u1", { { 1, 1, 5 }, INT_MAX, true } },
                { "1.6.20~ds1", { { 1, 6, 20 }, INT_MAX, true } },
                { "20.10.24+dfsg1", { { 20, 10, 24 }, INT_MAX, true } },
                { "1.1.12-0ubuntu2~22.04.1", { { 1, 1, 12 }, INT_MAX, true } },
                { "1.17.8-1", { { 1, 17, 8 }, INT_MAX, true } },
        };
        static const char *const none[] = { "", "v", "dev", "1.", "1..2", ".1.2", "12345678.1.1" };
        for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
                struct hole_version v = { 0 };
                if (!hole_version_parse(fine[i].text, &v) ||
                        hole_version_compare(&v, &fine[i].v) != 0 ||
                        v.by_distribution != fine[i].v.by_distribution)
                        fail_msg("%s", fine[i].text);
        }
        for (size_t i = 0; i < ARRAY_LEN(none); i++) {
                struct hole_version v = { .number = { 7 } };
                if (hole_version_parse(none[i], &v) || v.number[0] != 7)
                        fail_msg("%s", none[i]);
        }
}

/* Each version is newer than the one before it. */
static void test_order(void **state)
{
        (void)state;
        static const char *const rising[] = { "0.9.9", "1.0.0-rc.1", "1.0.0-rc.2", "1.0.0", "1.0.1",
                "1.2.0", "1.10.0", "2.0" };
        for (size_t i = 0; i < ARRAY_LEN(rising); i++)
                for (size_t k = 0; k < ARRAY_LEN(rising); k++) {
                        struct hole_version a, b;
                        assert_true(hole_version_parse(rising[i], &a));
                        assert_true(hole_version_parse(rising[k], &b));
                        int wanted = (i > k) - (i < k), found = hole_version_compare(&a, &b);
                        if (((found > 0) - (found < 0)) != wanted)
                                fail_msg("%s and %s", rising[i], rising[k]);
                }
}

static void test_open(void **state)
{
        (void)state;
        static const struct hole lines = { .fixed = "1.2.8 1.3.3 1.4.0-rc.3" };
        static const struct {
                const char *version;
                bool open;
        } cases[] = {
                { "1.0.0", true },
                { "1.1.15", true },
                { "1.2.7", true },
                { "1.2.8", false },
                { "1.2.9", false },
                { "1.3.0", true },
                { "1.3.2", true },
                { "1.3.3", false },
                { "1.4.0-rc.2", true },
                { "1.4.0-rc.3", false },
                { "1.4.0", false },
                { "1.5.0-rc.1", false },
                { "2.0.0", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct hole_version v;
                assert_true(hole_version_parse(cases[i].version, &v));
                if (hole_open(&lines, &v) != cases[i].open)
                        fail_msg("%s", cases[i].version);
        }
}

/* The table itself: every version in it is one, they ascend, and the newest is without the hole. */
static void test_table(void **state)
{
        (void)state;
        bool seen[HOLE_COMPONENT_COUNT] = { false };
        const struct hole *h;
        for (size_t i = 0; (h = hole_at(i)); i++) {
                cleanup_free char *list = xstrdup(h->fixed);
                struct hole_version before = { { -1, 0, 0 }, 0, false }, v;
                char *save = NULL;
                for (char *w = strtok_r(list, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
                        if (!hole_version_parse(w, &v) || hole_version_compare(&before, &v) >= 0)
                                fail_msg("%s: %s", h->names, w);
                        if (hole_open(h, &v))
                                fail_msg("%s is open in %s", h->names, w);
                        before = v;
                }
                assert_true(before.number[0] >= 0 && str_starts(h->names, "CVE-") && *h->what);
                before.number[1]++;
                assert_false(hole_open(h, &before));
                static const struct hole_version first = { { 0, 0, 1 }, INT_MAX, false };
                assert_true(hole_open(h, &first));
                seen[h->component] = true;
        }
        for (enum hole_component c = 0; c < HOLE_COMPONENT_COUNT; c++)
                assert_true(seen[c] && *hole_component_name(c) &&
                            *hole_component_package(c, true) && *hole_component_package(c, false));
}

static void test_dpkg(void **state)
{
        (void)state;
        static const char status[] =
                "Package: runc-tools\nStatus: install ok installed\nVersion: 9\n\n"
                "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
                "Package: runc\nStatus: install ok installed\nMaintainer: x\n"
                "Version: 2:1.1.5+ds1-1\nDescription: Package: fake\n\n"
                "Package: last\nStatus: install ok installed\nVersion: 3-1";
        char out[32];
        assert_true(hole_dpkg_version(status, "runc", out, sizeof out));
        assert_string_equal(out, "1.1.5+ds1-1");
        assert_true(hole_dpkg_version(status, "last", out, sizeof out));
        assert_string_equal(out, "3-1");
        static const char *const none[] = { "gone", "fake", "run", "missing" };
        for (size_t i = 0; i < ARRAY_LEN(none); i++)
                assert_false(hole_dpkg_version(status, none[i], out, sizeof out));
        assert_false(hole_dpkg_version("", "runc", out, sizeof out));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_versions),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_open),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_dpkg),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
