/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "rpc/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
        json_t *j = NULL;
        struct err e = ERR_INIT;
        if (json_parse(text, strlen(text), 8, &j, &e) < 0)
                fail_msg("%s: %s", text, e.msg);
        return j;
}

static void calls_are_taken_apart(void **state)
{
        (void)state;
        static const struct {
                const char *text, *method, *msg;
                bool more, params;
        } rows[] = {
                { "{\"method\":\"a.B\"}", "a.B", NULL, false, false },
                { "{\"method\":\"a.B\",\"parameters\":{}}", "a.B", NULL, false, true },
                { "{\"method\":\"a.B\",\"parameters\":null,\"more\":false}", "a.B", NULL, false,
                        false },
                { "{\"method\":\"a.B\",\"parameters\":{},\"more\":true}", "a.B", NULL, true, true },
                { "{}", NULL, "A request must have the key 'method'", false, false },
                { "[]", NULL, "A request must be a JSON object", false, false },
                { "{\"method\":1}", NULL, "Key 'method' of a request has the wrong type", false,
                        false },
                { "{\"method\":\"a\",\"parameters\":[]}", NULL,
                        "Key 'parameters' of a request has the wrong type", false, false },
                { "{\"method\":\"a\",\"more\":1}", NULL,
                        "Key 'more' of a request has the wrong type", false, false },
                { "{\"method\":\"a\",\"oneway\":true}", NULL, "Unknown key 'oneway' in a request",
                        false, false },
                { "{\"method\":\"a\",\"\\u202e\":true}", NULL,
                        "Unknown key '\\u{202e}' in a request", false, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_json json_t *frame = parse(rows[i].text);
                struct message_call m = { .method = "untouched" };
                struct err e = ERR_INIT;
                int r = message_parse_call(frame, &m, &e);
                if (rows[i].msg) {
                        assert_int_equal(r, -1);
                        assert_int_equal(e.code, ERR_INVALID);
                        assert_string_equal(e.msg, rows[i].msg);
                        assert_string_equal(m.method, "untouched");
                        continue;
                }
                assert_int_equal(r, 0);
                assert_string_equal(m.method, rows[i].method);
                assert_int_equal(m.more, rows[i].more);
                assert_int_equal(m.params != NULL, rows[i].params);
        }
}

static void messages_have_varlinks_form(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        err_set(&e, ERR_LIMIT, "Too many");
        const struct {
                json_t *message;
                const char *text;
        } rows[] = {
                { message_call_new("a.B", NULL, false), "{\"method\":\"a.B\",\"parameters\":{}}" },
                { message_call_new("a.B", json_pack("{s:i}", "x", 1), true),
                        "{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true}" },
                { message_reply_new(NULL, false), "{\"parameters\":{}}" },
                { message_reply_new(json_pack("{s:i}", "x", 1), true),
                        "{\"parameters\":{\"x\":1},\"continues\":true}" },
                { message_error_new(&e),
                        "{\"error\":\"io.ds01.Limit\",\"parameters\":{\"message\":\"Too many\"}}" },
                { message_varlink_error_new(MESSAGE_BAD_PARAMETER, "parameter", "x", &e),
                        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
                        "\"parameter\":"
                        "\"x\",\"message\":\"Too many\"}}" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_free char *text = json_text(rows[i].message);
                assert_string_equal(text, rows[i].text);
                json_decref(rows[i].message);
        }
}

static void every_error_comes_through(void **state)
{
        (void)state;
        for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++) {
                struct err in = ERR_INIT, out = ERR_INIT;
                const json_t *params;
                bool continues;
                err_set(&in, (enum err_code)code, "It is %s", "\"so\"");
                if (code % 2) {
                        err_detail(&in, "line 1\nline 2");
                        err_fix(&in, "do %%this\nthen that");
                }
                cleanup_json json_t *message = message_error_new(&in);
                assert_int_equal(message_parse_reply(message, &params, &continues, &out), -1);
                assert_int_equal(out.code, in.code);
                assert_string_equal(out.msg, in.msg);
                assert_string_equal(out.detail, in.detail);
                assert_string_equal(out.fix, in.fix);
        }
}

/* The longest texts, cut within a character, still make one frame of valid UTF-8. */
static void cut_text_is_escaped(void **state)
{
        (void)state;
        struct err e = ERR_INIT;
        err_set(&e, ERR_FAILED, "x");
        memset(e.msg, '\xc3', sizeof e.msg - 1);
        memset(e.detail, '\xe2', sizeof e.detail - 1);
        memset(e.fix, '\x01', sizeof e.fix - 1);
        e.msg[sizeof e.msg - 1] = e.detail[sizeof e.detail - 1] = e.fix[sizeof e.fix - 1] = '\0';
        cleanup_json json_t *message = message_error_new(&e);
        cleanup_free char *text = json_text(message);
        assert_true(strlen(text) < 65536);
        assert_true(strncmp(json_str(message, "parameters/message"), "\\xc3\\xc3", 8) == 0);
        assert_int_equal(strlen(json_str(message, "parameters/detail")), 4 * (sizeof e.detail - 1));
}

static void replies_are_taken_apart(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum err_code code; /* ERR_NONE: a reply */
                const char *msg;
        } rows[] = {
                { "{\"parameters\":{\"x\":1}}", ERR_NONE, NULL },
                { "{}", ERR_NONE, NULL },
                { "[]", ERR_DAEMON, "ds01d's answer can't be understood" },
                { "{\"parameters\":1}", ERR_DAEMON, "ds01d's answer can't be understood" },
                { "{\"error\":1}", ERR_DAEMON, "ds01d's answer can't be understood" },
                { "{\"error\":\"io.ds01.Busy\"}", ERR_BUSY,
                        "ds01d answered with the error io.ds01.Busy" },
                { "{\"error\":\"x.Y\",\"parameters\":{\"message\":\"Hm\"}}", ERR_FAILED, "Hm" },
                { "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
                  "\"parameter\":\"p\"}}",
                        ERR_INVALID, "ds01d does not take the key 'p'" },
                { "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"message\":"
                  "\"M\"}}",
                        ERR_INVALID, "M" },
                { "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
                  "\"a.B\"}}",
                        ERR_FAILED, "ds01d does not know a.B: it is of another version than ds01" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                cleanup_json json_t *frame = parse(rows[i].text);
                const json_t *params = NULL;
                bool continues = true;
                struct err e = ERR_INIT;
                int r = message_parse_reply(frame, &params, &continues, &e);
                assert_int_equal(r, rows[i].code == ERR_NONE ? 0 : -1);
                assert_int_equal(e.code, rows[i].code);
                if (rows[i].msg)
                        assert_string_equal(e.msg, rows[i].msg);
                else
                        assert_false(continues);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(calls_are_taken_apart),
                cmocka_unit_test(messages_have_varlinks_form),
                cmocka_unit_test(every_error_comes_through),
                cmocka_unit_test(cut_text_is_escaped),
                cmocka_unit_test(replies_are_taken_apart),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
