/* SPDX-License-Identifier: MIT */
#include "gpu/gpu.h"

#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void gpu_init(struct gpu *g)
{
        *g = (struct gpu){ .instance = -1,
                .slices = 1,
                .of = 1,
                .memory_total = GPU_UNKNOWN,
                .memory_used = GPU_UNKNOWN,
                .utilisation = GPU_UNKNOWN,
                .temperature = GPU_UNKNOWN,
                .power = GPU_UNKNOWN };
}

void gpu_sample_done(struct gpu_sample *s)
{
        for (size_t i = 0; i < s->n; i++)
                free(s->v[i].processes);
        free(s->v);
        *s = (struct gpu_sample){ 0 };
}

int gpu_sample_add(struct gpu_sample *s, struct gpu *g, struct err *e)
{
        if (s->n == GPU_DEVICES_MAX)
                return err_set(
                        e, ERR_LIMIT, "More than %d GPUs and parts of GPUs", GPU_DEVICES_MAX);
        s->v = xrealloc(s->v, s->n + 1, sizeof *s->v);
        s->v[s->n++] = *g;
        gpu_init(g);
        return 0;
}

bool gpu_is_placeable(const struct gpu *g)
{
        return !g->mig && !g->lost;
}

bool gpu_is_simulated(const char *uuid)
{
        return str_starts(uuid, "SIM-");
}

const struct gpu *gpu_find(const struct gpu_sample *s, const char *uuid)
{
        for (size_t i = 0; i < s->n; i++)
                if (strcmp(s->v[i].uuid, uuid) == 0)
                        return &s->v[i];
        return NULL;
}

void gpu_slot(const struct gpu *g, char out[GPU_SLOT_SIZE])
{
        if (g->instance < 0)
                snprintf(out, GPU_SLOT_SIZE, "%d", g->index);
        else
                snprintf(out, GPU_SLOT_SIZE, "%d.%d", g->index, g->instance);
}

/* Words of a model's name that say who made it or how it is mounted: "NVIDIA A100-SXM4-40GB". */
static bool is_noise(const char *word, size_t n)
{
        static const char *const words[] = { "NVIDIA", "SXM", "SXM2", "SXM3", "SXM4", "SXM5",
                "SXM6", "PCIe", "PCIE", "NVL", "HBM2", "HBM2e", "HBM3", "HBM3e", "Graphics",
                "Device" };
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (strlen(words[i]) == n && strncmp(word, words[i], n) == 0)
                        return true;
        /* Its size is said apart, from what the driver tells. */
        return n > 2 && isdigit((unsigned char)word[0]) && strncmp(word + n - 2, "GB", 2) == 0;
}

static void model_words(const char *name, char out[GPU_LABEL_SIZE])
{
        size_t len = 0;
        out[0] = '\0';
        while (*name) {
                name += strspn(name, " -");
                size_t n = strcspn(name, " -");
                if (n && !is_noise(name, n)) {
                        if (len + n + 2 >= GPU_LABEL_SIZE / 2)
                                return;
                        if (len)
                                out[len++] = ' ';
                        memcpy(out + len, name, n);
                        len += n;
                        out[len] = '\0';
                }
                name += n;
        }
}

void gpu_label(const struct gpu *g, char out[GPU_LABEL_SIZE])
{
        char model[GPU_LABEL_SIZE];
        const int64_t gib = 1 << 30;
        model_words(g->name, model);
        if (g->instance >= 0)
                snprintf(out, GPU_LABEL_SIZE, "%.30s%s%s", model, *model ? " " : "", g->profile);
        else if (g->memory_total > 0)
                /* Drivers keep a little for themselves: what is sold as 40 GB reports 39.4. */
                snprintf(out, GPU_LABEL_SIZE, "%.30s%s%lld GB", model, *model ? " " : "",
                        (long long)((g->memory_total + gib - 1) / gib));
        else
                snprintf(out, GPU_LABEL_SIZE, "%s", *model ? model : "GPU");
}

int gpu_compare(const struct gpu *a, const struct gpu *b)
{
        if (a->index != b->index)
                return a->index < b->index ? -1 : 1;
        if (a->instance != b->instance)
                return a->instance < b->instance ? -1 : 1;
        return strcmp(a->uuid, b->uuid);
}
