/* SPDX-License-Identifier: MIT */
#include "cli/rows.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/out.h"

#include <stdio.h>

void rows_time(json_t *row, const char *key)
{
        char text[CLOCK_RFC3339_LEN];
        clock_rfc3339(json_int(row, key, 0), text);
        json_object_set_new(row, key, *text ? json_string(text) : json_null());
}

void rows_print(const char *key, json_t *rows)
{
        cleanup_json json_t *j = json_pack("{s:i, s:O}", "schema", 1, key, rows);
        out_json(stdout, j);
}
