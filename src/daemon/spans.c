/* SPDX-License-Identifier: MIT */
#include "daemon/spans.h"

#include "base/clock.h"
#include "base/log.h"

static _Thread_local int64_t engine_us; /* of this thread, since its method began */

static void told(void *ctx, const char *method, const char *target, int status, int64_t us)
{
        (void)ctx;
        engine_us += us;
        log_debug("engine: %s %s: %d in %.1f ms", method, target, status, (double)us / 1000);
}

void spans_watch(struct engine *en)
{
        if (log_wants(LOG_LEVEL_DEBUG))
                engine_tell(en, told, NULL);
}

struct span span_begin(void)
{
        engine_us = 0;
        return (struct span){ .began_us = clock_mono_us() };
}

void span_end(const struct span *s, const char *method, uid_t uid)
{
        log_debug("uid %u: %s: %.1f ms, %.1f of them the engine's", (unsigned)uid, method,
                (double)(clock_mono_us() - s->began_us) / 1000, (double)engine_us / 1000);
}
