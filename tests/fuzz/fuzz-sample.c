/* SPDX-License-Identifier: MIT */
/*
 * What the probe can write: a line is refused with a sentence, or read, and then written and read again
 * as the same.
 */
#include "gpu/sample.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct err e = ERR_INIT;
        cleanup_gpu_sample struct gpu_sample s = { 0 }, again = { 0 };
        if (gpu_sample_parse((const char *)data, n, &s, &e) < 0) {
                if (e.code != ERR_INVALID || !*e.msg)
                        abort();
                return 0;
        }
        cleanup_free char *line = gpu_sample_text(&s);
        if (gpu_sample_parse(line, strlen(line), &again, &e) < 0)
                abort();
        cleanup_free char *twice = gpu_sample_text(&again);
        if (strcmp(line, twice) != 0)
                abort();
        return 0;
}
