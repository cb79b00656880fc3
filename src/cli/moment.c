/* SPDX-License-Identifier: MIT */
#include "cli/moment.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void moment_clock(int64_t at, int64_t now, char out[MOMENT_LEN])
{
        struct tm then, today;
        time_t t = (time_t)at, n = (time_t)now;
        char text[MOMENT_LEN] = "-";
        if (at != 0 && localtime_r(&t, &then) && localtime_r(&n, &today)) {
                bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
                strftime(text, sizeof text, same_day ? "%H:%M" : "%e %b %H:%M", &then);
        }
        snprintf(out, MOMENT_LEN, "%s", text + strspn(text, " "));
}

void moment_end(int64_t at, int64_t now, char out[MOMENT_END_LEN])
{
        char clock[MOMENT_LEN], left[CLOCK_DURATION_LEN];
        if (at == 0 || at <= now) {
                snprintf(out, MOMENT_END_LEN, "%s", at == 0 ? "no end" : "now");
                return;
        }
        moment_clock(at, now, clock);
        clock_duration(at - now, left);
        snprintf(out, MOMENT_END_LEN, "%s (%s left)", clock, left);
}
