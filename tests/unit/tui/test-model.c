/* SPDX-License-Identifier: MIT */
#include "boards.h"

static const char three[] = "[{\"name\":\"a\",\"user\":\"me\",\"state\":\"running\"},"
                            "{\"name\":\"b\",\"user\":\"me\",\"state\":\"stopped\"},"
                            "{\"name\":\"c\",\"user\":\"me\",\"state\":\"running\"}]";

/* The model reads GPU 0 with that use, and those containers. */
static void read_one(struct model *m, int use, const char *containers)
{
        cleanup_free char *gpu = board_gpu("0", use, 1, NULL);
        cleanup_free char *gpus = xasprintf("[%s]", gpu);
        struct board b = board_of(gpus, containers, 0);
        model_read(m, &b);
}

static char *history(const struct model *m, size_t at)
{
        return json_text(json_object_get(json_array_get(m->board.gpus, at), "history"));
}

static void test_history(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_model struct model m = { 0 };
        err_set(&e, ERR_DAEMON, "x");
        read_one(&m, 10, "[]");
        read_one(&m, -1, "[]");
        model_failed(&m, &e);
        assert_string_equal(m.trouble, "ds01d does not answer, trying again");
        read_one(&m, 30, "[]");
        assert_null(m.trouble);
        model_gap(&m);
        cleanup_free char *text = history(&m, 0);
        assert_string_equal(text, "[10,-1,-1,30,-1]");
        /* A GPU that was not there before has none; one that is gone takes its own along. */
        cleanup_free char *a = board_gpu("1", 5, 1, NULL), *z = board_gpu("0", 6, 1, NULL);
        cleanup_free char *only = xasprintf("[%s]", a), *both = xasprintf("[%s,%s]", z, a);
        struct board b = board_of(only, "[]", 0), c = board_of(both, "[]", 0);
        model_read(&m, &b);
        cleanup_free char *one = history(&m, 0);
        assert_string_equal(one, "[5]");
        model_read(&m, &c);
        cleanup_free char *fresh = history(&m, 0), *second = history(&m, 1);
        assert_string_equal(fresh, "[6]");
        assert_string_equal(second, "[5,5]");
}

static void test_history_has_an_end(void **state)
{
        (void)state;
        cleanup_model struct model m = { 0 };
        for (int i = 0; i < BOARD_HISTORY_MAX + 50; i++)
                read_one(&m, i % 100, "[]");
        json_t *all = json_object_get(json_array_get(m.board.gpus, 0), "history");
        assert_int_equal(json_array_size(all), BOARD_HISTORY_MAX);
        assert_int_equal(json_integer_value(json_array_get(all, 0)), 50);
        assert_int_equal(json_integer_value(json_array_get(all, BOARD_HISTORY_MAX - 1)),
                (BOARD_HISTORY_MAX + 49) % 100);
}

static void test_selection(void **state)
{
        (void)state;
        static const struct {
                int key;
                const char *name;
        } keys[] = { { PRESS_UP, "a" }, { 'j', "b" }, { PRESS_DOWN, "c" }, { 'j', "c" },
                { 'k', "b" }, { PRESS_LAST, "c" }, { PRESS_FIRST, "a" }, { 'x', "a" },
                { 'j', "b" } };
        cleanup_model struct model m = { 0 };
        assert_int_equal(model_key(&m, 'j'), WISH_NOTHING);
        assert_null(model_selected(&m));
        read_one(&m, 0, three);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                assert_int_equal(model_key(&m, keys[i].key), WISH_NOTHING);
                assert_string_equal(json_str(model_selected(&m), "name"), keys[i].name);
        }
        /* It is the container that is selected, not its place; one that is gone leaves it to its neighbour. */
        read_one(&m, 0,
                "[{\"name\":\"0\",\"user\":\"me\"},{\"name\":\"b\",\"user\":\"you\"},"
                "{\"name\":\"b\",\"user\":\"me\"},{\"name\":\"c\",\"user\":\"me\"}]");
        assert_int_equal(m.at, 2);
        read_one(&m, 0, three);
        assert_int_equal(m.at, 1);
        read_one(&m, 0, "[{\"name\":\"a\",\"user\":\"me\"},{\"name\":\"c\",\"user\":\"me\"}]");
        assert_string_equal(json_str(model_selected(&m), "name"), "c");
        read_one(&m, 0, "[]");
        assert_null(model_selected(&m));
        read_one(&m, 0, three);
        assert_string_equal(json_str(model_selected(&m), "name"), "a");
}

static void test_wishes(void **state)
{
        (void)state;
        static const struct {
                const char *keys;
                enum model_wish last;
                const char *says;
        } rows[] = {
                { "q", WISH_LEAVE, NULL },
                { "a", WISH_ATTACH, NULL },
                { "ja", WISH_NOTHING,
                        "Container b is not running (stopped)\nTo fix: container-start b" },
                { "jjra", WISH_NOTHING, "Nothing was done" }, /* any key but y is a no */
                { "rq", WISH_NOTHING, "Nothing was done" },
                { "ry", WISH_RETIRE, NULL },
                { "jrY", WISH_RETIRE, NULL },
                { "?\014", WISH_REDRAW, NULL },
                { "y", WISH_NOTHING, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_model struct model m = { 0 };
                enum model_wish wish = WISH_NOTHING;
                read_one(&m, 0, three);
                for (const char *p = rows[i].keys; *p; p++) {
                        assert_int_equal(wish, WISH_NOTHING);
                        wish = model_key(&m, *p);
                }
                assert_int_equal(wish, rows[i].last);
                assert_true(str_eq(m.message, rows[i].says));
                assert_false(m.asks);
        }
}

/* A question about a container that is gone meanwhile is none any more: y must not hit its neighbour. */
static void test_a_question_ends_with_its_container(void **state)
{
        (void)state;
        cleanup_model struct model m = { 0 };
        read_one(&m, 0, three);
        model_key(&m, 'r');
        assert_true(m.asks);
        read_one(&m, 0, three);
        assert_true(m.asks);
        read_one(&m, 0, "[{\"name\":\"b\",\"user\":\"me\",\"state\":\"running\"}]");
        assert_false(m.asks);
        assert_int_equal(model_key(&m, 'y'), WISH_NOTHING);
}

static void test_root(void **state)
{
        (void)state;
        cleanup_model struct model m = { 0 };
        read_one(&m, 0, three);
        m.board.everyone = true;
        assert_int_equal(model_key(&m, 'a'), WISH_NOTHING);
        assert_string_equal(m.message,
                "Root opens no shells in containers\nTo fix: sudo -u me container-attach a");
        model_key(&m, 'r');
        assert_int_equal(model_key(&m, 'y'), WISH_RETIRE);
}

static void test_messages(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_model struct model m = { 0 };
        err_set(&e, ERR_LIMIT, "GPU limit reached");
        err_fix(&e, "first\nsecond");
        model_key(&m, '?');
        assert_true(m.help);
        model_say_error(&m, &e);
        assert_false(m.help);
        assert_string_equal(m.message, "GPU limit reached\nTo fix: first");
        model_key(&m, '?');
        assert_null(m.message);
        assert_true(m.help);
        model_key(&m, '?');
        assert_false(m.help);
        model_failed(&m, &e);
        assert_string_equal(m.trouble, "GPU limit reached, trying again");
}

static void test_sort(void **state)
{
        (void)state;
        /* Parts stay with their GPU, which counts as its busiest part does. */
        static const struct {
                const char *slot;
                int use, memory;
                const char *user;
        } gpus[] = { { "0", 10, 4, "zoe" }, { "1", -1, -1, NULL }, { "1.0", 20, 1, NULL },
                { "1.1", 90, 1, "bob" }, { "2", 50, 30, NULL }, { "10", 50, 2, "amy" } };
        static const char *const orders[] = {
                [SORT_NUMBER] = "0 1 1.0 1.1 2 10 ",
                [SORT_USE] = "1 1.0 1.1 2 10 0 ",
                [SORT_MEMORY] = "2 0 10 1 1.0 1.1 ",
                [SORT_HOLDER] = "10 1 1.0 1.1 0 2 ",
        };
        cleanup_buf struct buf list = BUF_INIT(65536);
        for (size_t i = 0; i < ARRAY_LEN(gpus); i++) {
                cleanup_free char *one =
                        board_gpu(gpus[i].slot, gpus[i].use, gpus[i].memory, gpus[i].user);
                buf_printf(&list, "%s%s", i ? "," : "[", one);
        }
        buf_putc(&list, ']');
        cleanup_model struct model m = { 0 };
        for (size_t round = 0; round < 2 * SORT_COUNT; round++) {
                cleanup_buf struct buf order = BUF_INIT(1024);
                struct board b = board_of(buf_str(&list), "[]", 0);
                size_t i;
                json_t *gpu;
                /* It holds for what is there, and for what comes. */
                if (round % 2 == 0)
                        model_read(&m, &b);
                else
                        board_done(&b);
                json_array_foreach (m.board.gpus, i, gpu)
                        buf_printf(&order, "%s ", json_str(gpu, "slot"));
                assert_string_equal(buf_str(&order), orders[round % SORT_COUNT]);
                model_key(&m, 's');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_history),
                cmocka_unit_test(test_history_has_an_end),
                cmocka_unit_test(test_selection),
                cmocka_unit_test(test_wishes),
                cmocka_unit_test(test_a_question_ends_with_its_container),
                cmocka_unit_test(test_root),
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_sort),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
