/* SPDX-License-Identifier: MIT */
/*
 * A sample as one line of JSON: what ds01-gpu-probe writes and ds01d reads. Both directions stand
 * here, so that they can't drift apart. Pure.
 *
 *   {"schema":1,"health":"ok","why":"","driver":"535.261.03","simulated":false,"gpus":[
 *     {"uuid":"GPU-…","index":0,"name":"…","mig":false,"lost":false,"memory_total":…,
 *      "memory_used":…,"utilisation":37,"temperature":41,"power":123000,
 *      "processes":[{"pid":4242,"memory":…}],
 *      "instances":[{"uuid":"MIG-…","instance":0,"profile":"3g.20gb","slices":3,"of":7,
 *                    "memory_total":…,"memory_used":…,"processes":[…]}]}]}
 *
 * What is unknown is null. The reader trusts nothing: a line that is not exactly this is refused.
 */
#pragma once

#include "base/json.h"
#include "gpu/gpu.h"

/* Bytes of one line, its newline included: room for GPU_DEVICES_MAX times GPU_PROCESSES_MAX. */
#define GPU_LINE_MAX (8 << 20)

/*
 * The line without its newline; owned by the caller. What could act on a terminal is escaped, and cut
 * to what the reader takes. A GPU's instances stand right behind it.
 */
char *gpu_sample_text(const struct gpu_sample *s);
/*
 * Reads a line of n bytes. Refused (ERR_INVALID): anything missing, unknown or out of range, a text that
 * is not printable, a uuid that is no uuid ([A-Za-z0-9-], an instance's may hold '/') or stands twice, a
 * number that stands twice, an instance of a GPU that is not in MIG mode, devices where the health is
 * not "ok". The caller owns *ret (gpu_sample_done).
 */
int gpu_sample_parse(const char *line, size_t n, struct gpu_sample *ret, struct err *e);
