/* SPDX-License-Identifier: MIT */
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "rpc/api.h"
#include "rpc/describe.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---- the table itself ---- */

static void every_method_has_permission_and_words(void **state)
{
        (void)state;
        const struct api_method *m;
        size_t i = 0;
        for (; (m = api_method_at(i)); i++) {
                assert_int_equal(m->id, i);
                assert_true(m->who >= API_ANYONE && m->who <= API_USER_OR_ADMIN);
                assert_true(m->max_fds <= 16);
                assert_true(strlen(m->doc) > 5);
                assert_true(str_starts(m->name, "io.ds01."));
                assert_ptr_equal(api_find(m->name), m);
                /* The last part of a Varlink method's name begins with a capital. */
                char first = strrchr(m->name, '.')[1];
                assert_true(first >= 'A' && first <= 'Z');
        }
        assert_int_equal(i, API_METHOD_COUNT);
}

static void only_io_ds01_system_is_for_everyone(void **state)
{
        (void)state;
        const struct api_method *m;
        for (size_t i = 0; (m = api_method_at(i)); i++)
                assert_int_equal(m->who == API_ANYONE,
                        strncmp(m->name, "io.ds01.System.", strlen("io.ds01.System.")) == 0);
}

/* `user` is the key that lets an admin act for someone; no other method may have it. */
static void user_key_goes_with_admin_methods(void **state)
{
        (void)state;
        const struct api_method *m;
        for (size_t i = 0; (m = api_method_at(i)); i++) {
                bool has_user = false;
                const struct api_field *f;
                for (size_t k = 0; (f = api_param_at(m, k)); k++)
                        has_user = has_user || strcmp(f->name, "user") == 0;
                assert_int_equal(has_user, m->who == API_USER_OR_ADMIN);
                /* A descriptor shows what an account may reach: an admin can't pass it for another.
                 */
                assert_true(m->max_fds == 0 || m->who == API_USER);
                assert_true(!(m->flags & API_FD) || m->who == API_USER);
        }
}

static void check_fields(const struct api_method *m,
        const struct api_field *(*at)(const struct api_method *, size_t))
{
        const struct api_field *a, *b;
        for (size_t i = 0; (a = at(m, i)); i++) {
                assert_int_equal(a->method, m->id);
                assert_true(strlen(a->doc) > 3);
                assert_true(strlen(a->name) < API_KEY_MAX);
                assert_true(
                        a->name[strspn(a->name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0');
                for (size_t k = 0; k < i; k++) {
                        b = at(m, k);
                        assert_string_not_equal(a->name, b->name);
                }
        }
}

static void fields_are_well_formed(void **state)
{
        (void)state;
        const struct api_method *m;
        for (size_t i = 0; (m = api_method_at(i)); i++) {
                check_fields(m, api_param_at);
                check_fields(m, api_reply_at);
        }
}

static void every_method_belongs_to_an_interface(void **state)
{
        (void)state;
        const struct api_method *m;
        const struct api_interface *face;
        for (size_t i = 0; (m = api_method_at(i)); i++) {
                size_t hits = 0, n = (size_t)(strrchr(m->name, '.') - m->name);
                for (size_t k = 0; (face = api_interface_at(k)); k++)
                        hits += strlen(face->name) == n && strncmp(m->name, face->name, n) == 0;
                assert_int_equal(hits, 1);
        }
        assert_null(api_find("io.ds01.System"));
        assert_null(api_find("io.ds01.System.info"));
        assert_null(api_find(""));
}

/* ---- checking a request ---- */

struct request {
        const char *method, *params;
        size_t n_fds;
        const char *parameter, *msg, *fix; /* NULL msg: it is right */
};

static const struct request requests[] = {
        { "io.ds01.System.Info", "{}", 0, NULL, NULL, NULL },
        { "io.ds01.System.Info", "{\"x\":1}", 0, "x", "Unknown key 'x' for io.ds01.System.Info",
                "" },
        { "io.ds01.System.Info", "[]", 0, "",
                "The parameters of io.ds01.System.Info must be an object", "" },
        { "io.ds01.System.Info", "{}", 1, "",
                "io.ds01.System.Info came with 1 descriptors and takes at most 0", "" },
        { "io.ds01.Containers.Get", "{\"name\":\"a\"}", 0, NULL, NULL, NULL },
        { "io.ds01.Containers.Get", "{\"name\":\"a\",\"user\":null}", 0, NULL, NULL, NULL },
        { "io.ds01.Containers.Get", "{}", 0, "name", "io.ds01.Containers.Get needs the key 'name'",
                "" },
        { "io.ds01.Containers.Get", "{\"name\":null}", 0, "name",
                "io.ds01.Containers.Get needs the key 'name'", "" },
        { "io.ds01.Containers.Get", "{\"name\":7}", 0, "name",
                "Key 'name' of io.ds01.Containers.Get must be a string", "" },
        { "io.ds01.Containers.Get", "{\"nmae\":\"a\"}", 0, "nmae",
                "Unknown key 'nmae' for io.ds01.Containers.Get", "Did you mean 'name'?" },
        { "io.ds01.Containers.Get", "{\"\\u001b[2J\":\"a\"}", 0, "\033[2J",
                "Unknown key '\\x1b[2J' for io.ds01.Containers.Get", "" },
        { "io.ds01.Containers.Retire", "{\"name\":\"a\",\"force\":1}", 0, "force",
                "Key 'force' of io.ds01.Containers.Retire must be true or false", "" },
        { "io.ds01.Containers.Retire", "{\"name\":\"a\",\"time\":1.5}", 0, "time",
                "Key 'time' of io.ds01.Containers.Retire must be an integer", "" },
        { "io.ds01.Containers.Retire", "{\"name\":\"a\",\"time\":\"1\"}", 0, "time",
                "Key 'time' of io.ds01.Containers.Retire must be an integer", "" },
        { "io.ds01.Containers.Attach", "{\"name\":\"a\",\"command\":[\"ls\",\"\"]}", 0, NULL, NULL,
                NULL },
        { "io.ds01.Containers.Attach", "{\"name\":\"a\",\"command\":[\"ls\",1]}", 0, "command",
                "Key 'command' of io.ds01.Containers.Attach must be a list of strings", "" },
        { "io.ds01.Containers.Attach", "{\"name\":\"a\",\"command\":\"ls\"}", 0, "command",
                "Key 'command' of io.ds01.Containers.Attach must be a list of strings", "" },
        { "io.ds01.Containers.Launch",
                "{\"name\":\"a\",\"workspace\":\"/w\",\"interface\":\"api\",\"data_ro\":[]}", 16,
                NULL, NULL, NULL },
        { "io.ds01.Containers.Launch",
                "{\"name\":\"a\",\"workspace\":\"/w\",\"interface\":\"api\"}", 17, "",
                "io.ds01.Containers.Launch came with 17 descriptors and takes at most 16", "" },
        { "io.ds01.Containers.Launch",
                "{\"name\":\"a\",\"workspace\":\"/w\",\"interface\":\"api\",\"privileged\":true}",
                1, "privileged", "Unknown key 'privileged' for io.ds01.Containers.Launch", "" },
};

static void requests_are_checked(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
                const struct request *q = &requests[i];
                cleanup_json json_t *params = NULL;
                char parameter[API_KEY_MAX] = "unset";
                struct err e = ERR_INIT;
                assert_int_equal(json_parse(q->params, strlen(q->params), 8, &params, &e), 0);
                int r = api_check_params(api_find(q->method), params, q->n_fds, parameter, &e);
                if (!q->msg) {
                        assert_int_equal(r, 0);
                        continue;
                }
                assert_int_equal(r, -1);
                assert_int_equal(e.code, ERR_INVALID);
                assert_string_equal(e.msg, q->msg);
                assert_string_equal(e.fix, q->fix);
                assert_string_equal(parameter, q->parameter);
        }
}

static int check_size(const char *key, json_t *value, struct err *e)
{
        char parameter[API_KEY_MAX];
        cleanup_json json_t *params = json_pack("{s:s, s:o}", "name", "a", key, value);
        return api_check_params(api_find("io.ds01.Containers.Attach"), params, 0, parameter, e);
}

static json_t *text_of(size_t n)
{
        char text[API_STRING_MAX + 1];
        assert_true(n <= sizeof text);
        memset(text, 'x', n);
        return json_stringn(text, n);
}

static json_t *list_of(size_t n, size_t item)
{
        json_t *a = json_array();
        while (n-- > 0)
                json_array_append_new(a, text_of(item));
        return a;
}

static void sizes_are_checked(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        assert_int_equal(check_size("term", text_of(4096), &e), 0);
        assert_int_equal(check_size("term", text_of(4097), &e), -1);
        assert_string_equal(e.msg, "Key 'term' is longer than 4096 bytes");
        assert_int_equal(check_size("command", list_of(API_STRINGS_MAX, 1), &e), 0);
        assert_int_equal(check_size("command", list_of(API_STRINGS_MAX + 1, 1), &e), -1);
        assert_string_equal(e.msg, "Key 'command' has more than 1024 items");
        assert_int_equal(check_size("command", list_of(1, 4097), &e), -1);
}

static void absent_parameters_are_an_empty_object(void **state)
{
        (void)state;
        char parameter[API_KEY_MAX];
        struct err e = ERR_INIT;
        assert_int_equal(
                api_check_params(api_find("io.ds01.System.Info"), NULL, 0, parameter, &e), 0);
        assert_int_equal(
                api_check_params(api_find("io.ds01.Containers.Get"), NULL, 0, parameter, &e), -1);
}

static void replies_are_checked(void **state)
{
        (void)state;
        static const struct {
                const char *params;
                bool right;
        } rows[] = {
                { "{}", true },
                { "{\"exists\":true,\"size\":12,\"image\":\"x\",\"id\":null}", true },
                { "{\"exists\":1}", false },
                { "{\"size\":\"12\"}", false },
                { "{\"colour\":\"red\"}", false },
                { "[]", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_json json_t *params = NULL;
                struct err e = ERR_INIT;
                assert_int_equal(
                        json_parse(rows[i].params, strlen(rows[i].params), 8, &params, &e), 0);
                int r = api_check_reply(api_find("io.ds01.Images.Get"), params, &e);
                assert_int_equal(r, rows[i].right ? 0 : -1);
                assert_int_equal(e.code, rows[i].right ? ERR_NONE : ERR_FAILED);
        }
}

/* ---- the description ---- */

static void published_description_is_current(void **state)
{
        (void)state;
        cleanup_free char *file = NULL, *text = describe_all();
        size_t n;
        struct err e = ERR_INIT;
        if (fd_read_file(AT_FDCWD, DATA_DIR "/io.ds01.varlink", 1 << 20, &file, &n, &e) < 0)
                fail_msg("%s", e.msg);
        if (strcmp(file, text) != 0)
                fail_msg("data/io.ds01.varlink is not what varlink-print prints");
}

static void description_names_everything(void **state)
{
        (void)state;
        const struct api_method *m;
        cleanup_free char *all = describe_all();
        for (size_t i = 0; (m = api_method_at(i)); i++) {
                cleanup_free char *line = xasprintf("\nmethod %s(", strrchr(m->name, '.') + 1);
                assert_non_null(strstr(all, line));
        }
        cleanup_free char *sessions = describe_interface("io.ds01.Sessions");
        assert_non_null(
                strstr(sessions, "method Resize(\n  # Id of the session\n  session: string,\n"));
        assert_null(strstr(sessions, "method Launch"));
        cleanup_free char *errors = describe_interface("io.ds01");
        assert_non_null(
                strstr(errors, "error Busy(message: string, detail: ?string, fix: ?string)"));
        assert_null(describe_interface("io.ds01.Nothing"));
        assert_null(describe_interface(""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_method_has_permission_and_words),
                cmocka_unit_test(only_io_ds01_system_is_for_everyone),
                cmocka_unit_test(user_key_goes_with_admin_methods),
                cmocka_unit_test(fields_are_well_formed),
                cmocka_unit_test(every_method_belongs_to_an_interface),
                cmocka_unit_test(requests_are_checked),
                cmocka_unit_test(sizes_are_checked),
                cmocka_unit_test(absent_parameters_are_an_empty_object),
                cmocka_unit_test(replies_are_checked),
                cmocka_unit_test(published_description_is_current),
                cmocka_unit_test(description_names_everything),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
