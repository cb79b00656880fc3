/* SPDX-License-Identifier: MIT */
#include "gpu/probe/simulate.h"

#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { GROUP_MAX = 64, PARTS_MAX = 16 };

/* Sizes and slices as the makers give them; of 0: it can't be cut. */
static const struct model {
        const char *word, *name;
        int gib, of, idle_watts;
} models[] = {
        { "A100-40G", "NVIDIA A100-SXM4-40GB", 40, 7, 55 },
        { "A100-80G", "NVIDIA A100-SXM4-80GB", 80, 7, 60 },
        { "H100", "NVIDIA H100 80GB HBM3", 80, 7, 70 },
        { "H200", "NVIDIA H200", 141, 7, 75 },
        { "A30", "NVIDIA A30", 24, 4, 30 },
        { "L40S", "NVIDIA L40S", 48, 0, 35 },
        { "V100-32G", "Tesla V100-SXM2-32GB", 32, 0, 40 },
        { "T4", "Tesla T4", 16, 0, 10 },
        { "RTX4090", "NVIDIA GeForce RTX 4090", 24, 0, 20 },
};

const char *const simulate_models[] = { "A100-40G", "A100-80G", "H100", "H200", "A30", "L40S",
        "V100-32G", "T4", "RTX4090", NULL };

/* ---- the specification ---- */

/* A number and "x" in front of a word: 1 without; 0 if it is no count. */
static int take_count(const char **s)
{
        const char *p = *s;
        long n = 0;
        while (isdigit((unsigned char)*p) && n < 1000)
                n = n * 10 + (*p++ - '0');
        if (p == *s || *p != 'x')
                return 1;
        *s = p + 1;
        return n >= 1 && n <= GROUP_MAX ? (int)n : 0;
}

static const struct model *find_model(const char *word, size_t n)
{
        for (size_t i = 0; i < ARRAY_LEN(models); i++)
                if (strlen(models[i].word) == n && strncmp(models[i].word, word, n) == 0)
                        return &models[i];
        return NULL;
}

static int unknown_model(const char *word, size_t n, struct err *e)
{
        struct buf b = BUF_INIT(512);
        for (size_t i = 0; i < ARRAY_LEN(models); i++)
                buf_printf(&b, "%s%s", i ? ", " : "", models[i].word);
        err_set(e, ERR_INVALID, "'%.*s' is no GPU that can be simulated: %s",
                (int)(n < 40 ? n : 40), word, buf_str(&b));
        buf_done(&b);
        return err_fix(e, "--simulate=4xA100-40G,2xH100:mig=3g.40gb+2x2g.20gb");
}

static int add_gpu(struct gpu_sample *s, const struct model *m, int index, bool mig, struct err *e)
{
        struct gpu g;
        gpu_init(&g);
        g.index = index;
        g.mig = mig;
        snprintf(g.uuid, sizeof g.uuid, "SIM-GPU-%02d-%s", index, m->word);
        memcpy(g.parent, g.uuid, sizeof g.parent);
        snprintf(g.name, sizeof g.name, "%s", m->name);
        g.memory_total = (int64_t)m->gib << 30;
        g.memory_used = 0;
        g.utilisation = mig ? GPU_UNKNOWN : 0;
        g.temperature = 30 + index % 5;
        g.power = (int64_t)m->idle_watts * 1000;
        g.processes_known = true;
        return gpu_sample_add(s, &g, e);
}

static int add_instance(struct gpu_sample *s, const struct model *m, int index, int instance,
        const char *profile, size_t n, int slices, int gib, struct err *e)
{
        struct gpu g;
        gpu_init(&g);
        g.index = index;
        g.instance = instance;
        g.slices = slices;
        g.of = m->of;
        snprintf(g.uuid, sizeof g.uuid, "SIM-MIG-%02d-%d-%s", index, instance, m->word);
        snprintf(g.parent, sizeof g.parent, "SIM-GPU-%02d-%s", index, m->word);
        snprintf(g.name, sizeof g.name, "%s", m->name);
        snprintf(g.profile, sizeof g.profile, "%.*s", (int)n, profile);
        g.memory_total = (int64_t)gib << 30;
        g.memory_used = 0;
        g.processes_known = true;
        return gpu_sample_add(s, &g, e);
}

/* "3g.20gb": compute slices and memory. */
static bool read_profile(const char *s, size_t n, int *ret_slices, int *ret_gib)
{
        char text[32];
        int end = 0;
        if (n >= sizeof text)
                return false;
        memcpy(text, s, n);
        text[n] = '\0';
        return sscanf(text, "%1dg.%3dgb%n", ret_slices, ret_gib, &end) == 2 && (size_t)end == n &&
               *ret_slices > 0 && *ret_gib > 0;
}

static int add_parts(struct gpu_sample *s, const struct model *m, int index, const char *parts,
        size_t len, struct err *e)
{
        int used = 0, instance = 0;
        for (const char *end = parts + len; parts < end;) {
                int count = take_count(&parts), slices, gib;
                size_t n = 0;
                while (parts + n < end && parts[n] != '+')
                        n++;
                if (count == 0 || !read_profile(parts, n, &slices, &gib))
                        return err_set(e, ERR_INVALID,
                                "'%.*s' is no part of a GPU, such as 3g.20gb",
                                (int)(n < 40 ? n : 40), parts);
                for (int i = 0; i < count; i++) {
                        used += slices;
                        if (used > m->of || instance >= PARTS_MAX)
                                return err_set(e, ERR_INVALID,
                                        "A %s has %d compute slices, less than its parts together",
                                        m->word, m->of);
                        if (add_instance(s, m, index, instance++, parts, n, slices, gib, e) < 0)
                                return -1;
                }
                parts += n;
                if (parts < end)
                        parts++;
        }
        return 0;
}

static int add_group(struct gpu_sample *s, const char *group, size_t len, int *index, struct err *e)
{
        const char *p = group, *end = group + len;
        int count = take_count(&p);
        size_t n = 0;
        while (p + n < end && p[n] != ':')
                n++;
        const struct model *m = find_model(p, n);
        if (!m || count == 0)
                return unknown_model(group, len, e);
        const char *rest = p + n;
        bool mig = rest < end;
        if (mig && (end - rest < 6 || strncmp(rest, ":mig=", 5) != 0))
                return err_set(e, ERR_INVALID, "':mig=' and parts are needed after '%s'", m->word);
        if (mig && m->of == 0)
                return err_set(e, ERR_INVALID, "A %s can't be cut into parts", m->word);
        for (int i = 0; i < count; i++, (*index)++)
                if (add_gpu(s, m, *index, mig, e) < 0 ||
                        (mig && add_parts(s, m, *index, rest + 5, (size_t)(end - rest - 5), e) < 0))
                        return -1;
        return 0;
}

int simulate_parse(const char *spec, struct gpu_sample *ret, struct err *e)
{
        cleanup_gpu_sample struct gpu_sample s = { .simulated = true };
        int index = 0;
        snprintf(s.driver, sizeof s.driver, "simulated");
        for (const char *p = spec;;) {
                size_t n = strcspn(p, ",");
                if (add_group(&s, p, n, &index, e) < 0)
                        return -1;
                if (p[n] == '\0')
                        break;
                p += n + 1;
        }
        *ret = s;
        s = (struct gpu_sample){ 0 };
        return 0;
}

/* ---- the world ---- */

static bool fail(struct gpu_sample *s, const char *line)
{
        cleanup_free char *safe = str_safe(line);
        s->health = GPU_HEALTH_FAILED;
        snprintf(s->why, sizeof s->why, "the world file has a line that means nothing: %.150s",
                safe);
        return false;
}

static struct gpu *find_slot(struct gpu_sample *s, const char *slot)
{
        for (size_t i = 0; i < s->n; i++) {
                char own[GPU_SLOT_SIZE];
                gpu_slot(&s->v[i], own);
                if (strcmp(own, slot) == 0)
                        return &s->v[i];
        }
        return NULL;
}

/* "10G", "512M", "1024" */
static bool read_bytes(const char *text, int64_t *ret)
{
        char unit = '\0', rest = '\0';
        long long n;
        int fields = sscanf(text, "%lld%c%c", &n, &unit, &rest);
        if (fields < 1 || fields > 2 || n < 0 || n > 1 << 20)
                return false;
        int shift = fields == 1 ? 0 : unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : -1;
        if (shift < 0)
                return false;
        *ret = (int64_t)n << shift;
        return true;
}

static bool add_process(struct gpu *g, const char *text)
{
        long long pid;
        int64_t memory = GPU_UNKNOWN;
        cleanup_free char *number = xstrndup(text, strcspn(text, ":"));
        const char *colon = strchr(text, ':');
        if (!str_to_int(number, 1, INT32_MAX, &pid) || (colon && !read_bytes(colon + 1, &memory)) ||
                g->n_processes == GPU_PROCESSES_MAX)
                return false;
        g->processes = xrealloc(g->processes, g->n_processes + 1, sizeof *g->processes);
        g->processes[g->n_processes++] =
                (struct gpu_process){ .pid = (pid_t)pid, .memory = memory };
        return true;
}

static bool set_word(struct gpu *g, const char *word)
{
        long long n;
        if (strcmp(word, "lost") == 0) {
                g->lost = true;
                return true;
        }
        if (str_starts(word, "process="))
                return add_process(g, word + 8);
        if (str_starts(word, "memory="))
                return read_bytes(word + 7, &g->memory_used) && g->memory_used <= g->memory_total;
        if (str_starts(word, "util=") && str_to_int(word + 5, 0, 100, &n))
                g->utilisation = n;
        else if (str_starts(word, "temp=") && str_to_int(word + 5, 0, 150, &n))
                g->temperature = n;
        else if (str_starts(word, "power=") && str_to_int(word + 6, 0, 2000, &n))
                g->power = n * 1000;
        else
                return false;
        return true;
}

static bool set_health(struct gpu_sample *s, const char *word, const char *why)
{
        static const struct {
                const char *word;
                enum gpu_health health;
        } words[] = { { "none", GPU_HEALTH_NONE }, { "mismatch", GPU_HEALTH_MISMATCH },
                { "failed", GPU_HEALTH_FAILED } };
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
                if (!str_eq(word, words[i].word))
                        continue;
                /* A driver that doesn't work lists nothing. */
                for (size_t k = 0; k < s->n; k++)
                        free(s->v[k].processes);
                s->n = 0;
                s->health = words[i].health;
                snprintf(s->why, sizeof s->why, "%s", str_or_empty(why));
                return true;
        }
        return false;
}

static bool apply_line(char *line, struct gpu_sample *s, struct simulate_order *ret)
{
        char *save = NULL, *text = line + strspn(line, " \t");
        if (!*text || *text == '#')
                return true;
        cleanup_free char *whole = xstrdup(text);
        long long n;
        char *verb = strtok_r(text, " \t", &save), *word = strtok_r(NULL, " \t", &save);
        if (strcmp(verb, "die") == 0 && !word) {
                ret->die = true;
                return true;
        }
        if (strcmp(verb, "hang") == 0 && word && str_to_int(word, 0, 3600, &n)) {
                ret->hang_s = (int)n;
                return true;
        }
        if (strcmp(verb, "health") == 0 && word)
                return set_health(s, word, save) || fail(s, whole);
        struct gpu *g = strcmp(verb, "gpu") == 0 && word ? find_slot(s, word) : NULL;
        if (!g)
                return fail(s, whole);
        while ((word = strtok_r(NULL, " \t", &save)))
                if (!set_word(g, word))
                        return fail(s, whole);
        return true;
}

void simulate_apply(const char *world, struct gpu_sample *s, struct simulate_order *ret)
{
        *ret = (struct simulate_order){ 0 };
        while (*world) {
                size_t n = strcspn(world, "\n");
                cleanup_free char *line = xstrndup(world, n);
                if (!apply_line(line, s, ret))
                        return;
                world += n + (world[n] == '\n');
        }
}
