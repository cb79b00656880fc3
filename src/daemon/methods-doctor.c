/* SPDX-License-Identifier: MIT */
/* System.Doctor: the examination, each finding in a reply as it comes. */
#include "daemon/methods.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "daemon/examine.h"

enum { TURN_MS = 20 * 1000, TURN_LOOK_MS = 50 };

/* It asks the engine and the disks: one at a time is enough, however many ask. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct asker {
        struct rpc_call *call;
        bool admin;
};

static int tell(void *ctx, const struct examine_check *check, const struct finding *f)
{
        struct asker *a = ctx;
        return rpc_reply_more(a->call, examine_row(check, f, a->admin));
}

static int take_turn(struct rpc_call *call, struct err *e)
{
        int64_t until = clock_mono_ms() + TURN_MS;
        while (pthread_mutex_trylock(&one_at_a_time) != 0) {
                int64_t now = clock_mono_ms();
                if (now < until &&
                        fd_wait_readable(rpc_call_stop_fd(call), now + TURN_LOOK_MS) == 0)
                        continue;
                err_set(e, ERR_BUSY, "Others are having this machine checked");
                return err_fix(e, "Try again in a moment");
        }
        return 0;
}

int system_doctor(struct daemon *d, struct caller *who, struct rpc_call *call, struct err *e)
{
        struct asker asker = { .call = call, .admin = caller_is_admin(who) };
        struct examination x = { .d = d,
                .config = &d->config,
                .config_path = d->config_path,
                .client = json_str(call->params, "version"),
                .engine = d->engine };
        if (take_turn(call, e) < 0)
                return -1;
        examine_all(&x, tell, &asker);
        pthread_mutex_unlock(&one_at_a_time);
        return rpc_reply(call, NULL);
}
