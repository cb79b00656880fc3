/* SPDX-License-Identifier: MIT */
/*
 * What a caller can send: bytes to frames, to calls, to checked parameters; and the same bytes as
 * a client would read them. Build for the fuzzer: clang -fsanitize=fuzzer,address -Isrc … -lrpc
 * -lbase.
 */
#include "base/clock.h"
#include "base/json.h"
#include "rpc/api.h"
#include "rpc/frame.h"
#include "rpc/message.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_call(const json_t *frame)
{
        struct message_call call;
        struct err e = ERR_INIT;
        char parameter[API_KEY_MAX];
        if (message_parse_call(frame, &call, &e) < 0)
                return;
        const struct api_method *m = api_find(call.method);
        if (m && api_check_params(m, call.params, 0, parameter, &e) < 0 && e.msg[0] == '\0')
                abort();
}

/* What came in as a reply must be representable again: errors survive a second passage. */
static void as_reply(const json_t *frame)
{
        const json_t *params;
        bool continues;
        struct err e = ERR_INIT, again = ERR_INIT;
        if (message_parse_reply(frame, &params, &continues, &e) == 0)
                return;
        cleanup_json json_t *error = message_error_new(&e);
        if (message_parse_reply(error, &params, &continues, &again) == 0 || again.code != e.code)
                abort();
        cleanup_free char *text = json_text(error);
        if (strlen(text) > FRAME_MAX)
                abort();
}

static void read_all(const uint8_t *data, size_t size, bool pipelined)
{
        int s[2], fds[FRAME_FDS_MAX], r;
        struct frame_conn c;
        struct err e = ERR_INIT;
        size_t n_fds;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s) < 0)
                abort();
        frame_init(&c, s[0], pipelined);
        /* What does not fit into the socket is cut off: still an input. */
        if (size > 0)
                (void)!write(s[1], data, size);
        close(s[1]);
        do {
                cleanup_json json_t *frame = NULL;
                r = frame_read(&c, clock_mono_ms() + 1000, &frame, fds, &n_fds, &e);
                if (r == 1 && (n_fds != 0 || !frame))
                        abort();
                if (r == 1) {
                        as_call(frame);
                        as_reply(frame);
                } else if (r < 0 && e.code != ERR_INVALID && e.code != ERR_FAILED) {
                        abort();
                }
        } while (r == 1);
        frame_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        read_all(data, size, false);
        read_all(data, size, true);
        return 0;
}
