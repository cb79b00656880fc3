/* SPDX-License-Identifier: MIT */
/*
 * Screens against golden/NAME.txt. After a change that is meant: run it once with DS01_GOLDEN_RECORD=1 and
 * read what changed.
 */
#include "boards.h"
#include "tui/layout.h"

#include <locale.h>
#include <time.h>

static const char containers[] =
        "[{\"name\":\"my-thesis\",\"user\":\"alice\",\"state\":\"running\",\"started_at\":1795604000,"
        "\"gpus\":[\"0\"],\"image\":\"ds01-alice/my-thesis:latest\"},"
        "{\"name\":\"old-work\",\"user\":\"alice\",\"state\":\"stopped\",\"stopped_at\":1795607000,"
        "\"gpus\":[],\"image\":\"ds01-alice/old-work:latest\"}]";

static const char queue[] =
        "[{\"name\":\"later\",\"user\":\"\\u6f22\\u5b57\",\"mine\":false,\"gpus\":2,\"state\":\"waiting\","
        "\"position\":1,\"joined_at\":1795607400,\"eta_early\":1795611600,\"eta_late\":1795615200}]";

/* A busy afternoon: a GPU of ours, one of somebody with a wide name, one that has to be written safely. */
static void fill(struct model *m)
{
        static const struct {
                const char *slot;
                int use, memory;
                const char *user;
        } gpus[] = { { "0", 0, 10, "alice" },
                { "1", 100, 39, "\\u6f22\\u5b57\\u6f22\\u5b57\\u6f22\\u5b57\\u6f22\\u5b57" },
                { "2", 50, 0, NULL }, { "3", -1, -1, "e\\u202ev\\u001bil" } };
        m->parts = BOARD_ALL & ~(unsigned)BOARD_USERS;
        for (int i = 0; i < 30; i++) {
                cleanup_buf struct buf list = BUF_INIT(65536);
                for (size_t k = 0; k < ARRAY_LEN(gpus); k++) {
                        int use = gpus[k].use < 0 ? -1 : (gpus[k].use + i * 4) % 101;
                        cleanup_free char *one =
                                board_gpu(gpus[k].slot, use, gpus[k].memory, gpus[k].user);
                        buf_printf(&list, "%s%s", k ? "," : "[", one);
                }
                buf_putc(&list, ']');
                struct board b = board_of(buf_str(&list), containers, 2 * i);
                json_decref(b.queue);
                b.queue = board_json_of(queue);
                model_read(m, &b);
        }
}

/* The lines as text; what stands out is in a frame of its own. */
static char *text_of(const struct lines *l)
{
        struct buf text = BUF_INIT(1 << 20);
        for (size_t i = 0; i < l->n; i++)
                buf_printf(&text, "%s|%s\n", l->v[i].chosen ? "*" : " ", l->v[i].text);
        return buf_take(&text);
}

static void check(const struct model *m, size_t rows, size_t columns, const char *name)
{
        cleanup_lines struct lines l = { 0 };
        cleanup_free char *path = xasprintf("%s/%s.txt", GOLDEN, name);
        char *golden = NULL;
        size_t n = 0;
        layout(m, rows, columns, &l);
        cleanup_free char *text = text_of(&l);
        assert_int_equal(l.n, rows);
        FILE *f = fopen(path, getenv("DS01_GOLDEN_RECORD") ? "w+" : "r");
        assert_non_null(f);
        if (getenv("DS01_GOLDEN_RECORD")) {
                fputs(text, f);
                rewind(f);
        }
        assert_true(getdelim(&golden, &n, '\0', f) > 0);
        fclose(f);
        if (strcmp(golden, text) != 0)
                fail_msg("%s is\n%sand the screen is\n%s", path, golden, text);
        free(golden);
}

static void test_golden(void **state)
{
        (void)state;
        static const struct {
                const char *name, *locale;
                size_t rows, columns;
                const char *keys;
        } screens[] = {
                { "80x24", "C.UTF-8", 24, 80, "j" },
                { "200x60", "C.UTF-8", 60, 200, "" },
                { "40x10", "C.UTF-8", 10, 40, "" },
                { "ascii", "C", 24, 80, "" },
                { "help", "C.UTF-8", 24, 80, "ss?" },
                { "question", "C.UTF-8", 24, 80, "jr" },
        };
        for (size_t i = 0; i < ARRAY_LEN(screens); i++) {
                cleanup_model struct model m = { 0 };
                assert_non_null(setlocale(LC_CTYPE, screens[i].locale));
                fill(&m);
                for (const char *p = screens[i].keys; *p; p++)
                        model_key(&m, *p);
                check(&m, screens[i].rows, screens[i].columns, screens[i].name);
        }
        setlocale(LC_CTYPE, "C");
}

static void test_trouble(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        cleanup_model struct model m = { 0 };
        fill(&m);
        err_set(&e, ERR_DAEMON, "x");
        model_failed(&m, &e);
        model_say(&m,
                xstrdup("Retired a. Your files are kept.\nGPU 0 is free again.\nStart again: x"));
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        check(&m, 24, 80, "trouble");
        setlocale(LC_CTYPE, "C");
}

static void test_before_the_first_reading(void **state)
{
        (void)state;
        cleanup_model struct model m = { .parts = BOARD_GPU };
        cleanup_lines struct lines l = { 0 };
        layout(&m, 10, 40, &l);
        assert_int_equal(l.n, 10);
        assert_string_equal(l.v[0].text, "Reading ...");
        assert_string_equal(l.v[9].text, "q quit  ? help  s sort (number)");
}

static void test_too_small(void **state)
{
        (void)state;
        static const struct {
                size_t rows, columns;
                bool fits;
        } sizes[] = { { 10, 40, true }, { 9, 40, false }, { 10, 39, false }, { 1, 26, false },
                { 200, 400, true } };
        cleanup_model struct model m = { 0 };
        fill(&m);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                cleanup_lines struct lines l = { 0 };
                layout(&m, sizes[i].rows, sizes[i].columns, &l);
                assert_int_equal(l.n, sizes[i].fits ? sizes[i].rows : 1);
                assert_int_equal(str_eq(l.v[0].text, "Too small: 40x10 is needed"), !sizes[i].fits);
        }
}

/* Whatever the size, whatever is shown: as many lines as rows, none too wide, the selected one among them. */
static void test_every_size(void **state)
{
        (void)state;
        static const unsigned parts[] = { BOARD_ALL & ~(unsigned)BOARD_USERS, BOARD_GPU,
                BOARD_SYSTEM, BOARD_CONTAINERS, BOARD_QUEUE };
        static const char *const keys[] = { "", "?", "r", "j" };
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        cleanup_model struct model m = { 0 };
        fill(&m);
        for (size_t rows = 10; rows < 45; rows += 1)
                for (size_t columns = 40; columns < 210; columns += 13) {
                        cleanup_lines struct lines l = { 0 };
                        bool chosen = false;
                        m.parts = m.board.parts = parts[(rows + columns) % ARRAY_LEN(parts)];
                        model_key(&m, PRESS_FIRST);
                        for (const char *p = keys[(rows * 7 + columns) % ARRAY_LEN(keys)]; *p; p++)
                                model_key(&m, *p);
                        layout(&m, rows, columns, &l);
                        assert_int_equal(l.n, rows);
                        for (size_t i = 0; i < l.n; i++) {
                                assert_true(str_width(l.v[i].text) <= columns);
                                assert_true(str_is_utf8(l.v[i].text, strlen(l.v[i].text)));
                                chosen |= l.v[i].chosen;
                        }
                        assert_int_equal(chosen, (m.parts & BOARD_CONTAINERS) != 0);
                        if (m.asks)
                                model_key(&m, 'n');
                }
        setlocale(LC_CTYPE, "C");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_trouble),
                cmocka_unit_test(test_before_the_first_reading),
                cmocka_unit_test(test_too_small),
                cmocka_unit_test(test_every_size),
        };
        setenv("TZ", "UTC", 1);
        tzset();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
