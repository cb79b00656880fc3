/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_mono_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_BOOTTIME, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
        return clock_mono_us() / 1000;
}

int64_t clock_unix(void)
{
        return (int64_t)time(NULL);
}

int clock_poll_timeout(int64_t deadline)
{
        if (deadline < 0)
                return -1;
        int64_t left = deadline - clock_mono_ms();
        return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void clock_rfc3339(int64_t unix_s, char out[CLOCK_RFC3339_LEN])
{
        time_t t = (time_t)unix_s;
        struct tm tm;
        out[0] = '\0';
        if (unix_s && gmtime_r(&t, &tm))
                strftime(out, CLOCK_RFC3339_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

int64_t clock_from_rfc3339(const char *s)
{
        struct tm tm = { 0 };
        const char *rest = s ? strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
        if (!rest || tm.tm_year < 70)
                return 0;
        if (*rest == '.')
                for (rest++; *rest >= '0' && *rest <= '9'; rest++)
                        ;
        int hours = 0, minutes = 0;
        char sign = '+';
        if (strcmp(rest, "Z") != 0 && sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) != 3)
                return 0;
        int64_t offset = (hours * 60 + minutes) * 60;
        return (int64_t)timegm(&tm) + (sign == '-' ? offset : -offset);
}

void clock_duration(int64_t s, char out[CLOCK_DURATION_LEN])
{
        s = s < 0 ? 0 : s > 86400LL * 99999 ? 86400LL * 99999 : s;
        int d = (int)(s / 86400), h = (int)(s / 3600 % 24), m = (int)(s / 60 % 60);
        if (d)
                snprintf(out, CLOCK_DURATION_LEN, h ? "%dd %dh" : "%dd", d, h);
        else if (h)
                snprintf(out, CLOCK_DURATION_LEN, m ? "%dh %dm" : "%dh", h, m);
        else if (m)
                snprintf(out, CLOCK_DURATION_LEN, "%dm", m);
        else
                snprintf(out, CLOCK_DURATION_LEN, "%ds", (int)s);
}

bool clock_read_duration(const char *s, int64_t max_s, int64_t *ret)
{
        static const struct {
                char letter;
                int64_t seconds;
        } units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
        int64_t total = 0;
        size_t next = 0; /* each unit once, the largest first */
        if (!*s)
                return false;
        while (*s) {
                int64_t n = 0;
                const char *digits = s;
                for (; *s >= '0' && *s <= '9'; s++)
                        if ((n = n * 10 + (*s - '0')) > max_s)
                                return false;
                size_t u = next;
                while (u < sizeof units / sizeof *units && units[u].letter != *s)
                        u++;
                if (s == digits || u == sizeof units / sizeof *units ||
                        n * units[u].seconds > max_s - total)
                        return false;
                total += n * units[u].seconds;
                next = u + 1;
                s++;
        }
        *ret = total;
        return true;
}
