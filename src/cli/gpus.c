/* SPDX-License-Identifier: MIT */
#include "cli/gpus.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>
#include <time.h>

enum { GPUS_MAX = 64, NAMES_MAX = 3, SOON_S = 60 };

int gpus_asked(const struct cli *c, const struct pyproject *py, int *ret, struct err *e)
{
        const char *given = cli_value(c, "gpus");
        long long n;
        if (given && cli_has(c, "cpu-only"))
                return cli_usage(c, e, "Options --gpus and --cpu-only exclude each other");
        if (given && !str_to_int(given, 0, GPUS_MAX, &n))
                return cli_usage(c, e, "Option --gpus takes a number from 0 to %d", GPUS_MAX);
        *ret = given                                   ? (int)n
               : cli_has(c, "cpu-only")                ? 0
               : py && (py->cpu_only || py->gpus >= 0) ? (py->cpu_only ? 0 : py->gpus)
                                                       : -1;
        return 0;
}

static const char *ordinal(int64_t n)
{
        int64_t tens = n % 100;
        if (tens >= 11 && tens <= 13)
                return "th";
        return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

char *gpus_place(const json_t *ticket)
{
        int64_t n = json_int(ticket, "position", 0);
        const json_t *ahead = json_object_get(ticket, "ahead");
        struct buf b = BUF_INIT(4096);
        buf_printf(&b, "%lld%s in line", (long long)n, ordinal(n));
        for (size_t i = 0; i < json_array_size(ahead) && i < NAMES_MAX; i++) {
                cleanup_free char *name =
                        str_safe(str_or_empty(json_string_value(json_array_get(ahead, i))));
                bool last = i + 1 == json_array_size(ahead);
                buf_printf(&b, "%s%s", i == 0 ? ", behind " : last ? " and " : ", ", name);
        }
        if (json_array_size(ahead) > NAMES_MAX)
                buf_printf(&b, " and %zu more", json_array_size(ahead) - NAMES_MAX);
        return buf_take(&b);
}

char *gpus_eta(const json_t *ticket)
{
        char early[CLOCK_DURATION_LEN], late[CLOCK_DURATION_LEN];
        int64_t now = clock_unix(), from = json_int(ticket, "eta_early", 0),
                to = json_int(ticket, "eta_late", 0);
        if (from == 0)
                return xstrdup("");
        bool soon = from - now < SOON_S;
        clock_duration(from - now, early);
        clock_duration(to - now, late);
        if (to == 0)
                return soon ? xstrdup("at a time that can't be told")
                            : xasprintf("in %s at the earliest", early);
        if (to - now < SOON_S)
                return xstrdup("in less than a minute");
        if (soon)
                return xasprintf("within %s", late);
        return strcmp(early, late) == 0 ? xasprintf("in about %s", late)
                                        : xasprintf("in %s to %s", early, late);
}

char *gpus_standing(const json_t *ticket)
{
        cleanup_free char *place = gpus_place(ticket);
        cleanup_free char *eta = gpus_eta(ticket);
        const char *rest = *eta ? eta : str_or_empty(json_str(ticket, "reason"));
        return xasprintf("%s%s%s", place, *rest ? ", " : "", rest);
}

char *gpus_time(int64_t unix_s)
{
        char text[32];
        struct tm then, today;
        time_t t = (time_t)unix_s, now = (time_t)clock_unix();
        if (unix_s == 0 || !localtime_r(&t, &then) || !localtime_r(&now, &today))
                return xstrdup("no end");
        bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
        if (strftime(text, sizeof text, same_day ? "%H:%M" : "%e %b %H:%M", &then) == 0)
                return xstrdup("no end");
        return xstrdup(text + strspn(text, " "));
}

char *gpus_state(const json_t *gpu)
{
        const char *slot = str_or_empty(json_str(gpu, "slot"));
        const char *state = str_or_empty(json_str(gpu, "state"));
        const char *user = str_or_empty(json_str(gpu, "user"));
        const char *reason = str_or_empty(json_str(gpu, "reason"));
        int64_t until = json_int(gpu, "until", 0);
        cleanup_free char *when = gpus_time(until);
        if (strcmp(state, "held") != 0)
                return xasprintf("GPU %s is %s%s%s", slot, state, *reason ? ": " : "", reason);
        return xasprintf("GPU %s is held%s%s%s%s", slot, *user ? " by " : "", user,
                until ? " until " : ", ", when);
}
