/* SPDX-License-Identifier: MIT */
/* Rows from ds01d as --json prints them: one object with "schema", times as text. */
#pragma once

#include <jansson.h>

/* Turns a time in Unix seconds into RFC 3339, and 0 or none into null. */
void rows_time(json_t *row, const char *key);
/* Prints {"schema": 1, "<key>": rows}. */
void rows_print(const char *key, json_t *rows);
