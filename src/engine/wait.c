/* SPDX-License-Identifier: MIT */
#include "engine/wait.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

struct wait wait_begin(const struct engine_wait *limits, const char *what)
{
        static const struct engine_wait none = { .hangup_fd = -1, .deadline = -1 };
        return (struct wait){ limits ? limits : &none, what, clock_mono_ms() };
}

int wait_hangup_fd(const struct wait *w)
{
        return w->limits->hangup_fd;
}

int wait_timeout(const struct wait *w)
{
        return clock_poll_timeout(w->limits->deadline);
}

int wait_check(const struct wait *w, struct err *e)
{
        /*
         * Bytes that the caller sent early count as a hang-up: nobody reads them here, so waiting
         * on would spin.
         */
        struct pollfd p = { .fd = w->limits->hangup_fd, .events = POLLIN | POLLRDHUP };
        if (p.fd >= 0 && poll(&p, 1, 0) > 0)
                return err_set(e, ERR_INTERRUPTED, "Can't %s: the caller hung up", w->what);
        if (w->limits->deadline >= 0 && clock_mono_ms() >= w->limits->deadline) {
                int64_t waited = w->limits->deadline - w->since;
                err_set(e, ERR_BUSY,
                        "Can't %s: the container engine did not answer within %" PRId64 " s",
                        w->what, waited > 0 ? (waited + 999) / 1000 : 0);
                return err_fix(e, "Try again in a moment, then: ds01 doctor");
        }
        return 0;
}

int wait_fd(const struct wait *w, int fd, short events, struct err *e)
{
        for (;;) {
                struct pollfd p[2] = { { .fd = fd, .events = events },
                        { .fd = w->limits->hangup_fd, .events = POLLIN | POLLRDHUP } };
                int r = poll(p, 2, wait_timeout(w));
                if (r < 0 && errno != EINTR)
                        return err_sys(e, errno, "Can't %s", w->what);
                if (r > 0 && p[0].revents)
                        return 0;
                if (wait_check(w, e))
                        return -1;
        }
}

int wait_sleep(const struct wait *w, int ms, struct err *e)
{
        int left = wait_timeout(w);
        struct pollfd p = { .fd = w->limits->hangup_fd, .events = POLLIN | POLLRDHUP };
        poll(&p, 1, left >= 0 && left < ms ? left : ms);
        return wait_check(w, e);
}
