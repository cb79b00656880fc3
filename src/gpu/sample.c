/* SPDX-License-Identifier: MIT */
#include "gpu/sample.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8, INDEX_MAX = 4095, SLICES_MAX = 64 };

static const char *const healths[] = {
        [GPU_HEALTH_OK] = "ok",
        [GPU_HEALTH_NONE] = "none",
        [GPU_HEALTH_MISMATCH] = "mismatch",
        [GPU_HEALTH_FAILED] = "failed",
};

/* ---- writing ---- */

static json_t *number(int64_t v)
{
        return v < 0 ? json_null() : json_integer(v);
}

/* Texts come from a driver: escaped, then cut between characters to what fits into `size` with a NUL. */
static json_t *text(const char *s, size_t size)
{
        cleanup_free char *safe = str_safe(s);
        size_t n = strlen(safe);
        if (n >= size)
                for (n = size - 1; n > 0 && ((unsigned char)safe[n] & 0xc0) == 0x80;)
                        n--;
        return json_stringn(safe, n);
}
#define TEXT(field) text(field, sizeof(field))

static json_t *processes(const struct gpu *g)
{
        if (!g->processes_known)
                return json_null();
        json_t *list = json_array();
        for (size_t i = 0; i < g->n_processes; i++)
                json_array_append_new(
                        list, json_pack("{s:I, s:o}", "pid", (json_int_t)g->processes[i].pid,
                                      "memory", number(g->processes[i].memory)));
        return list;
}

static json_t *instance_json(const struct gpu *g)
{
        return json_pack("{s:o, s:i, s:o, s:i, s:i, s:o, s:o, s:o}", "uuid", TEXT(g->uuid),
                "instance", g->instance, "profile", TEXT(g->profile), "slices", g->slices, "of",
                g->of, "memory_total", number(g->memory_total), "memory_used",
                number(g->memory_used), "processes", processes(g));
}

static json_t *gpu_json(const struct gpu *g)
{
        return json_pack("{s:o, s:i, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:[]}", "uuid",
                TEXT(g->uuid), "index", g->index, "name", TEXT(g->name), "mig", (int)g->mig, "lost",
                (int)g->lost, "memory_total", number(g->memory_total), "memory_used",
                number(g->memory_used), "utilisation", number(g->utilisation), "temperature",
                number(g->temperature), "power", number(g->power), "processes", processes(g),
                "instances");
}

char *gpu_sample_text(const struct gpu_sample *s)
{
        json_t *gpus = json_array(), *instances = NULL;
        for (size_t i = 0; i < s->n; i++) {
                if (s->v[i].instance >= 0) {
                        json_array_append_new(instances, instance_json(&s->v[i]));
                        continue;
                }
                json_t *gpu = gpu_json(&s->v[i]);
                instances = json_object_get(gpu, "instances");
                json_array_append_new(gpus, gpu);
        }
        cleanup_json json_t *j = json_pack("{s:i, s:s, s:o, s:o, s:b, s:o}", "schema", 1, "health",
                healths[s->health], "why", TEXT(s->why), "driver", TEXT(s->driver), "simulated",
                (int)s->simulated, "gpus", gpus);
        return json_text(j);
}

/* ---- reading ---- */

enum kind { K_TEXT, K_UUID, K_PART_UUID, K_INT, K_METRIC, K_BOOL, K_LIST, K_LIST_OR_NULL };

struct member {
        const char *name;
        enum kind kind;
        int64_t max;   /* K_INT, K_METRIC: 0 to this */
        size_t offset; /* in the struct; fields of the kind's type */
        size_t size;   /* of a text's field */
};

#define AT(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)NULL)->field)

static const struct member sample_members[] = {
        { "schema", K_INT, 1, .offset = SIZE_MAX },
        { "health", K_TEXT, .offset = SIZE_MAX },
        { "why", K_TEXT, AT(struct gpu_sample, why) },
        { "driver", K_TEXT, AT(struct gpu_sample, driver) },
        { "simulated", K_BOOL, AT(struct gpu_sample, simulated) },
        { "gpus", K_LIST, .offset = SIZE_MAX },
        { 0 },
};

static const struct member gpu_members[] = {
        { "uuid", K_UUID, AT(struct gpu, uuid) },
        { "index", K_INT, INDEX_MAX, AT(struct gpu, index) },
        { "name", K_TEXT, AT(struct gpu, name) },
        { "mig", K_BOOL, AT(struct gpu, mig) },
        { "lost", K_BOOL, AT(struct gpu, lost) },
        { "memory_total", K_METRIC, GPU_MEMORY_MAX, AT(struct gpu, memory_total) },
        { "memory_used", K_METRIC, GPU_MEMORY_MAX, AT(struct gpu, memory_used) },
        { "utilisation", K_METRIC, 100, AT(struct gpu, utilisation) },
        { "temperature", K_METRIC, 1000, AT(struct gpu, temperature) },
        { "power", K_METRIC, 100000000, AT(struct gpu, power) },
        { "processes", K_LIST_OR_NULL, .offset = SIZE_MAX },
        { "instances", K_LIST, .offset = SIZE_MAX },
        { 0 },
};

static const struct member instance_members[] = {
        { "uuid", K_PART_UUID, AT(struct gpu, uuid) },
        { "instance", K_INT, INDEX_MAX, AT(struct gpu, instance) },
        { "profile", K_TEXT, AT(struct gpu, profile) },
        { "slices", K_INT, SLICES_MAX, AT(struct gpu, slices) },
        { "of", K_INT, SLICES_MAX, AT(struct gpu, of) },
        { "memory_total", K_METRIC, GPU_MEMORY_MAX, AT(struct gpu, memory_total) },
        { "memory_used", K_METRIC, GPU_MEMORY_MAX, AT(struct gpu, memory_used) },
        { "processes", K_LIST_OR_NULL, .offset = SIZE_MAX },
        { 0 },
};

static int refuse(const char *name, struct err *e)
{
        return err_set(e, ERR_INVALID, "The probe's line has a '%s' that can't be", name);
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"

/* Before driver 450 an instance was named by its GPU and two numbers: "MIG-GPU-…/1/0". */
static bool is_fine_text(enum kind kind, const char *s)
{
        const char *letters = kind == K_PART_UUID ? LETTERS "/" : LETTERS;
        if (kind != K_TEXT)
                return *s && s[strspn(s, letters)] == '\0';
        cleanup_free char *safe = str_safe(s);
        return strcmp(safe, s) == 0;
}

static int take(const struct member *m, const json_t *v, void *obj, struct err *e)
{
        void *at = m->offset == SIZE_MAX ? NULL : (char *)obj + m->offset;
        const char *s = json_string_value(v);
        int64_t n = json_is_integer(v) ? json_integer_value(v) : -1;
        bool fine = false;
        switch (m->kind) {
        case K_TEXT:
        case K_UUID:
        case K_PART_UUID:
                fine = s && (!at || strlen(s) < m->size) && is_fine_text(m->kind, s);
                if (fine && at)
                        snprintf(at, m->size, "%s", s);
                break;
        case K_INT:
                fine = n >= 0 && n <= m->max;
                if (fine && at)
                        *(int *)at = (int)n;
                break;
        case K_METRIC:
                fine = json_is_null(v) || (n >= 0 && n <= m->max);
                if (fine)
                        *(int64_t *)at = json_is_null(v) ? GPU_UNKNOWN : n;
                break;
        case K_BOOL:
                fine = json_is_boolean(v);
                if (fine)
                        *(bool *)at = json_is_true(v);
                break;
        case K_LIST:
        case K_LIST_OR_NULL:
                fine = json_is_array(v) || (m->kind == K_LIST_OR_NULL && json_is_null(v));
                break;
        }
        return fine ? 0 : refuse(m->name, e);
}

/* Every member, and no other. */
static int take_all(const struct member *members, const json_t *from, void *obj, struct err *e)
{
        size_t n = 0;
        for (const struct member *m = members; m->name; m++, n++) {
                const json_t *v = json_object_get(from, m->name);
                if (!v)
                        return err_set(e, ERR_INVALID, "The probe's line has no '%s'", m->name);
                if (take(m, v, obj, e) < 0)
                        return -1;
        }
        return n == json_object_size(from)
                       ? 0
                       : err_set(e, ERR_INVALID, "The probe's line has members that nobody knows");
}

static int take_processes(const json_t *list, struct gpu *g, struct err *e)
{
        size_t i;
        json_t *p;
        g->processes_known = json_is_array(list);
        if (json_array_size(list) > GPU_PROCESSES_MAX)
                return refuse("processes", e);
        json_array_foreach (list, i, p) {
                const json_t *pid = json_object_get(p, "pid"),
                             *memory = json_object_get(p, "memory");
                int64_t n = json_is_integer(pid) ? json_integer_value(pid) : 0;
                if (json_object_size(p) != 2 || n < 1 || n > INT32_MAX ||
                        !(json_is_null(memory) ||
                                (json_is_integer(memory) && json_integer_value(memory) >= 0)))
                        return refuse("processes", e);
                g->processes = xrealloc(g->processes, g->n_processes + 1, sizeof *g->processes);
                g->processes[g->n_processes++] = (struct gpu_process){ .pid = (pid_t)n,
                        .memory = json_is_null(memory) ? GPU_UNKNOWN : json_integer_value(memory) };
        }
        return 0;
}

static int add(struct gpu_sample *s, struct gpu *g, struct err *e)
{
        for (size_t i = 0; i < s->n; i++) {
                const struct gpu *other = &s->v[i];
                if (strcmp(other->uuid, g->uuid) == 0)
                        return refuse("uuid", e);
                if (other->index == g->index && other->instance == g->instance)
                        return refuse(g->instance < 0 ? "index" : "instance", e);
        }
        return gpu_sample_add(s, g, e);
}

static int take_instance(const json_t *from, const struct gpu *parent, struct gpu_sample *ret,
        struct gpu *g, struct err *e)
{
        gpu_init(g);
        if (take_all(instance_members, from, g, e) < 0 ||
                take_processes(json_object_get(from, "processes"), g, e) < 0)
                return -1;
        if (g->slices < 1 || g->of < g->slices)
                return refuse("slices", e);
        g->index = parent->index;
        g->lost = parent->lost;
        memcpy(g->name, parent->name, sizeof g->name);
        memcpy(g->parent, parent->uuid, sizeof g->parent);
        return add(ret, g, e);
}

static int take_gpu(const json_t *from, struct gpu_sample *ret, struct gpu *g, struct err *e)
{
        size_t i;
        json_t *instance;
        const json_t *instances = json_object_get(from, "instances");
        gpu_init(g);
        if (take_all(gpu_members, from, g, e) < 0 ||
                take_processes(json_object_get(from, "processes"), g, e) < 0)
                return -1;
        if (!g->mig && json_array_size(instances) > 0)
                return refuse("instances", e);
        memcpy(g->parent, g->uuid, sizeof g->parent);
        struct gpu parent = *g;
        if (add(ret, g, e) < 0)
                return -1;
        json_array_foreach (instances, i, instance)
                if (take_instance(instance, &parent, ret, g, e) < 0)
                        return -1;
        return 0;
}

static int take_sample(const json_t *from, struct gpu_sample *ret, struct err *e)
{
        struct gpu g;
        size_t i;
        json_t *gpu;
        bool known = false;
        gpu_init(&g);
        if (take_all(sample_members, from, ret, e) < 0)
                return -1;
        if (json_int(from, "schema", 0) != 1)
                return refuse("schema", e);
        for (size_t k = 0; k < ARRAY_LEN(healths); k++)
                if (str_eq(json_str(from, "health"), healths[k])) {
                        ret->health = (enum gpu_health)k;
                        known = true;
                }
        if (!known)
                return refuse("health", e);
        if (ret->health != GPU_HEALTH_OK && json_array_size(json_object_get(from, "gpus")) > 0)
                return refuse("gpus", e);
        json_array_foreach (json_object_get(from, "gpus"), i, gpu)
                if (take_gpu(gpu, ret, &g, e) < 0) {
                        free(g.processes);
                        return -1;
                }
        return 0;
}

int gpu_sample_parse(const char *line, size_t n, struct gpu_sample *ret, struct err *e)
{
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        cleanup_json json_t *j = NULL;
        if (n > GPU_LINE_MAX)
                return err_set(
                        e, ERR_INVALID, "The probe's line is longer than %d bytes", GPU_LINE_MAX);
        if (json_parse(line, n, DEPTH_MAX, &j, e) < 0)
                return err_wrap(e, "The probe's line");
        if (take_sample(j, &s, e) < 0)
                return -1;
        *ret = s;
        s = (struct gpu_sample){ 0 };
        return 0;
}
