/* SPDX-License-Identifier: MIT */
/*
 * The daemon's log: one line an event on stderr, with the "<n>" priority prefix that systemd reads
 * when JOURNAL_STREAM is set and a timestamp otherwise. Only daemon/ logs; libraries return errors.
 * Control characters in the text are escaped, so that nobody forges a line. Safe from any thread.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

enum log_level {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7
};

/* Lines above this level are dropped; LOG_LEVEL_INFO at start. */
void log_set_level(enum log_level level);
/* Whether lines of this level are written: who asks spares itself what they cost. */
bool log_wants(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
