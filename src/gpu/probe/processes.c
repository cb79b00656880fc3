/* SPDX-License-Identifier: MIT */
#include "gpu/probe/processes.h"

#include <stdint.h>
#include <string.h>

enum {
        ROOM_FIRST = 64, /* entries; four times as many as long as they are too few */
        ROOM_MAX = 4096,
        ENTRY_LARGE = 32,
        PATTERN = 0xaa,
};

static void add(struct gpu *g, const struct nvml_process *p)
{
        int64_t memory = p->memory > (uint64_t)GPU_MEMORY_MAX ? GPU_UNKNOWN : (int64_t)p->memory;
        if (p->pid == 0 || p->pid > INT32_MAX)
                return;
        for (size_t i = 0; i < g->n_processes; i++) {
                struct gpu_process *have = &g->processes[i];
                if (have->pid != (pid_t)p->pid)
                        continue;
                /* It computes and draws: each list gives the same memory, or none. */
                if (memory > have->memory)
                        have->memory = memory;
                return;
        }
        if (g->n_processes == GPU_PROCESSES_MAX)
                return;
        g->processes = xrealloc(g->processes, g->n_processes + 1, sizeof *g->processes);
        g->processes[g->n_processes++] =
                (struct gpu_process){ .pid = (pid_t)p->pid, .memory = memory };
}

/*
 * The size of an entry, from how much of the buffer no longer has the pattern. An entry ends with small
 * numbers or all ones, never with the pattern.
 */
static size_t entry_size(const unsigned char *buffer, size_t size, size_t n)
{
        while (size > 0 && buffer[size - 1] == PATTERN)
                size--;
        return size > n * sizeof(struct nvml_process) ? ENTRY_LARGE : sizeof(struct nvml_process);
}

/* One try with room for so many entries of either size. */
static enum nvml_return try_list(
        nvml_processes_fn *fn, nvml_device_t dev, unsigned room, struct gpu *g)
{
        unsigned n = room;
        size_t size = (size_t)room * ENTRY_LARGE;
        cleanup_free unsigned char *buffer = xcalloc(size, 1);
        memset(buffer, PATTERN, size);
        enum nvml_return r = nvml_noted(fn(dev, &n, buffer));
        if (r != NVML_SUCCESS || n == 0)
                return r;
        if (n > room)
                n = room;
        size_t step = entry_size(buffer, size, n);
        for (size_t i = 0; i < n; i++) {
                struct nvml_process p;
                memcpy(&p, buffer + i * step, sizeof p);
                add(g, &p);
        }
        return r;
}

static enum nvml_return read_list(nvml_processes_fn *fn, nvml_device_t dev, struct gpu *g)
{
        enum nvml_return r = fn ? NVML_INSUFFICIENT_SIZE : NVML_FUNCTION_NOT_FOUND;
        for (unsigned room = ROOM_FIRST; r == NVML_INSUFFICIENT_SIZE && room <= ROOM_MAX; room *= 4)
                r = try_list(fn, dev, room, g);
        return r;
}

void processes_read(nvml_device_t dev, struct gpu *g)
{
        g->processes_known =
                read_list(nvml.nvmlDeviceGetComputeRunningProcesses_v3, dev, g) == NVML_SUCCESS;
        read_list(nvml.nvmlDeviceGetGraphicsRunningProcesses_v3, dev, g);
        read_list(nvml.nvmlDeviceGetMPSComputeRunningProcesses_v3, dev, g);
        if (!g->processes_known) {
                free(take_ptr(g->processes));
                g->n_processes = 0;
        }
}
