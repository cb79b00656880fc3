/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
        atomic_store(&max_level, (int)level);
}

bool log_wants(enum log_level level)
{
        return (int)level <= atomic_load(&max_level);
}

void log_line(enum log_level level, const char *fmt, ...)
{
        if (!log_wants(level))
                return;
        char text[4096];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);

        cleanup_buf struct buf line = BUF_INIT(16384);
        if (getenv("JOURNAL_STREAM")) {
                buf_printf(&line, "<%d>", (int)level);
        } else {
                char now[CLOCK_RFC3339_LEN];
                clock_rfc3339(clock_unix(), now);
                buf_printf(&line, "%s %s", now,
                        level == LOG_LEVEL_ERROR     ? "error: "
                        : level == LOG_LEVEL_WARNING ? "warning: "
                                                     : "");
        }
        str_safe_add(&line, text, strlen(text), false);
        buf_putc(&line, '\n');
        /* One write: lines of several threads don't mix. */
        (void)!write(STDERR_FILENO, line.data, line.len);
}
