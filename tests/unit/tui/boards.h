/* SPDX-License-Identifier: MIT */
/* Boards for the tests of the live view: what ds01d might have answered. */
#pragma once

#include "tui/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

enum { BOARD_NOON = 1795608000 }; /* 2026-11-25 12:00 UTC */

static inline json_t *board_json_of(const char *text)
{
        struct err e = ERR_INIT;
        json_t *j = NULL;
        if (json_parse(text, strlen(text), 8, &j, &e) < 0)
                fail_msg("%s: %s", e.msg, text);
        return j;
}

/* A board of these GPUs and containers, at noon plus some seconds. */
static inline struct board board_of(const char *gpus, const char *containers, int seconds)
{
        return (struct board){ .parts = BOARD_ALL & ~(unsigned)BOARD_USERS,
                .now = BOARD_NOON + seconds,
                .driver =
                        board_json_of("{\"health\":\"ok\",\"answering\":true,\"simulated\":false}"),
                .gpus = board_json_of(gpus),
                .containers = board_json_of(containers),
                .queue = json_array(),
                .limits = json_object(),
                .machine = { .host = "gpu-server",
                        .cpus = 64,
                        .cpu_milli = 8500,
                        .memory_total = 512ll << 30,
                        .memory_used = 128ll << 30,
                        .disk_total = 1000ll << 30,
                        .disk_used = 990ll << 30 } };
}

/* A GPU in short, for tables of them. */
static inline char *board_gpu(const char *slot, int use, int memory_gib, const char *user)
{
        bool part = strchr(slot, '.') != NULL;
        cleanup_free char *lease =
                user ? xasprintf(",\"user\":\"%s\",\"since\":%d,\"until\":0,\"mine\":false", user,
                               BOARD_NOON - 3600)
                     : xstrdup("");
        return xasprintf(
                "{\"slot\":\"%s\",\"uuid\":\"u%s\",\"label\":\"A100 40 GB\",\"profile\":\"%s\","
                "\"state\":\"%s\",\"utilisation\":%d,\"memory_used\":%lld,"
                "\"memory_total\":42949672960,\"temperature\":61,\"power\":250000%s}",
                slot, slot, part ? "3g.20gb" : "", user ? "held" : "free", use,
                memory_gib < 0 ? -1ll : (long long)memory_gib << 30, lease);
}
