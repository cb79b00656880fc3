/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct machine *m, char model, int index, int instance, int slices)
{
        assert_true(m->n < MACHINE_MAX);
        struct gpu *g = &m->gpus[m->n];
        *g = (struct gpu){ .index = index,
                .instance = instance,
                .slices = slices,
                .of = instance < 0 ? 1 : 7,
                .memory_total = (int64_t)(instance < 0 ? 8 : slices) << 30 };
        snprintf(g->name, sizeof g->name, "Model %c", model);
        snprintf(g->parent, sizeof g->parent, "GPU-%d", index);
        if (instance < 0)
                snprintf(g->uuid, sizeof g->uuid, "GPU-%d", index);
        else
                snprintf(g->uuid, sizeof g->uuid, "MIG-%d-%d", index, instance);
        if (instance >= 0)
                snprintf(g->profile, sizeof g->profile, "%dg.%dgb", slices, slices * 5);
        m->v[m->n++] = (struct place_device){ .state = GPU_FREE };
}

static const char *read_state(struct machine *m, const char *s)
{
        static const struct {
                char letter;
                enum gpu_state state;
        } states[] = { { '-', GPU_HELD }, { 'u', GPU_IN_USE }, { 'd', GPU_DRAINED },
                { 'x', GPU_NOT_ANSWERING } };
        for (size_t i = 0; i < ARRAY_LEN(states); i++)
                if (*s == states[i].letter) {
                        m->v[m->n - 1].state = states[i].state;
                        return s + 1;
                }
        if (*s != '!')
                return s;
        m->gpus[m->n - 1].lost = true;
        return s + 1;
}

static void finish(struct machine *m)
{
        for (size_t i = 0; i < m->n; i++)
                m->v[i].gpu = &m->gpus[i];
}

void machine_make(struct machine *m, const char *text)
{
        int index = 0;
        *m = (struct machine){ 0 };
        for (const char *s = text; *s; s += *s == ' ', index++) {
                char *end;
                long number = strtol(s, &end, 10);
                if (end != s) {
                        index = (int)number;
                        s = end + 1;
                }
                char model = *s++;
                add(m, model, index, -1, 1);
                if (*s != '(') {
                        s = read_state(m, s);
                        continue;
                }
                m->gpus[m->n - 1].mig = true;
                s++;
                for (int instance = 0; *s != ')'; instance++) {
                        add(m, model, index, instance, *s++ - '0');
                        s = read_state(m, s);
                        s += *s == ',';
                }
                s++;
        }
        finish(m);
}

void machine_random(struct machine *m, size_t max, uint64_t *seed)
{
        static const int cuts[][7] = { { 3, 2, 2 }, { 1, 1, 1, 1, 1, 1, 1 }, { 4, 3 }, { 3, 3 } };
        int index = 0;
        *m = (struct machine){ 0 };
        while (m->n < max) {
                char model = (char)('A' + machine_dice(seed, 2));
                add(m, model, index, -1, 1);
                if (machine_dice(seed, 3) == 0) {
                        const int *cut = cuts[machine_dice(seed, ARRAY_LEN(cuts))];
                        m->gpus[m->n - 1].mig = true;
                        for (int i = 0; i < 7 && cut[i] && m->n < max; i++)
                                add(m, model, index, i, cut[i]);
                }
                index += 1 + (int)machine_dice(seed, 4);
        }
        for (size_t i = 0; i < m->n; i++) {
                uint64_t d = machine_dice(seed, 20);
                m->v[i].state = d < 8    ? GPU_FREE
                                : d < 17 ? GPU_HELD
                                         : (enum gpu_state)(GPU_IN_USE + (int)(d - 17));
                m->gpus[i].lost = machine_dice(seed, 30) == 0;
        }
        finish(m);
}

void machine_shuffle(
        const struct machine *m, struct machine *ret, size_t to[MACHINE_MAX], uint64_t *seed)
{
        *ret = (struct machine){ .n = m->n };
        machine_deal(to, m->n, seed);
        for (size_t i = 0; i < m->n; i++) {
                ret->gpus[to[i]] = m->gpus[i];
                ret->v[to[i]] = m->v[i];
        }
        finish(ret);
}

void machine_slot(const struct machine *m, size_t at, char out[GPU_SLOT_SIZE])
{
        const struct gpu *g = m->v[at].gpu;
        if (g->instance < 0)
                snprintf(out, GPU_SLOT_SIZE, "%d", g->index);
        else
                snprintf(out, GPU_SLOT_SIZE, "%d.%d", g->index, g->instance);
}

struct limits machine_limits(int64_t num, int64_t den, int slots, bool full)
{
        struct limits l = { 0 };
        for (enum limit_key k = 0; k < LIMIT_COUNT; k++)
                l.v[k] = (struct limit){ LIMIT_UNLIMITED, 0, 1 };
        if (num >= 0)
                l.v[LIMIT_GPUS] = (struct limit){ LIMIT_SET, num, den };
        if (slots >= 0)
                l.v[LIMIT_GPU_SLOTS] = (struct limit){ LIMIT_SET, slots, 1 };
        l.v[LIMIT_FULL_GPU] = (struct limit){ LIMIT_SET, full, 1 };
        l.v[LIMIT_GPU_HOLD] = (struct limit){ LIMIT_SET, 0, 1 };
        return l;
}

struct frac machine_frac(const char *text)
{
        char *end;
        long num = strtol(text, &end, 10), den = 1;
        if (*end == '/')
                den = strtol(end + 1, NULL, 10);
        else if (*end == '.')
                for (end++; *end; end++, den *= 10)
                        num = num * 10 + *end - '0';
        return frac_make(num, den);
}

/* splitmix64 */
uint64_t machine_dice(uint64_t *seed, uint64_t below)
{
        uint64_t z = *seed += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (z ^ (z >> 31)) % below;
}

void machine_deal(size_t *v, size_t n, uint64_t *seed)
{
        for (size_t i = 0; i < n; i++) {
                size_t k = machine_dice(seed, i + 1);
                v[i] = v[k];
                v[k] = i;
        }
}
