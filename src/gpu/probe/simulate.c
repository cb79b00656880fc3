/* SPDX-License-Identifier: MIT */
#include "gpu/probe/simulate.h"

#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { GROUP_MAX = 64 };

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

const char *simulate_model(size_t i)
{
        return i < ARRAY_LEN(models) ? models[i].word : NULL;
}

/* ---- the specification ---- */

/* The digits at s as a number, at most 9999; how many there were is *ret_len. */
static int take_number(const char *s, size_t *ret_len)
{
        int n = 0;
        size_t i = 0;
        for (; isdigit((unsigned char)s[i]); i++)
                n = n < 1000 ? n * 10 + (s[i] - '0') : 9999;
        *ret_len = i;
        return n;
}

/* A number and "x" in front of a word, which *s moves to; 1 if there is none. */
static int take_count(const char **s, int *ret, struct err *e)
{
        size_t len;
        int n = take_number(*s, &len);
        *ret = 1;
        if (len == 0 || (*s)[len] != 'x')
                return 0;
        if (n < 1 || n > GROUP_MAX)
                return err_set(e, ERR_INVALID, "'%.*sx': a count goes from 1 to %d",
                        (int)(len < 9 ? len : 9), *s, GROUP_MAX);
        *s += len + 1;
        *ret = n;
        return 0;
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
        cleanup_buf struct buf b = BUF_INIT(512);
        for (size_t i = 0; i < ARRAY_LEN(models); i++)
                buf_printf(&b, "%s%s", i ? ", " : "", models[i].word);
        return err_set(e, ERR_INVALID, "'%.*s' is no GPU that can be simulated; there are %s",
                (int)(n < 40 ? n : 40), word, buf_str(&b));
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
        size_t slices, gib;
        *ret_slices = take_number(s, &slices);
        if (strncmp(s + slices, "g.", 2) != 0)
                return false;
        *ret_gib = take_number(s + slices + 2, &gib);
        return slices == 1 && *ret_slices > 0 && gib > 0 && gib <= 3 && *ret_gib > 0 &&
               slices + gib + 4 == n && strncmp(s + n - 2, "gb", 2) == 0;
}

/* What is left of a GPU while it is cut. */
struct rest {
        int instances, slices, gib;
};

static int cut(struct gpu_sample *s, const struct model *m, int index, const char *profile,
        size_t n, struct rest *rest, struct err *e)
{
        int slices, gib;
        if (!read_profile(profile, n, &slices, &gib))
                return err_set(e, ERR_INVALID, "'%.*s' is no part of a GPU, such as 3g.20gb",
                        (int)(n < 40 ? n : 40), profile);
        rest->slices -= slices;
        /* Names round up: two of 3g.71gb fit into an H200 of 141 GB. */
        rest->gib -= gib - 1;
        if (rest->slices < 0 || rest->gib < 0)
                return err_set(e, ERR_INVALID,
                        "'%.*s' is too much: %s has %d compute slices and %d GB for all its parts",
                        (int)n, profile, m->word, m->of, m->gib);
        return add_instance(s, m, index, rest->instances++, profile, n, slices, gib, e);
}

static int add_parts(struct gpu_sample *s, const struct model *m, int index, const char *parts,
        const char *end, struct err *e)
{
        struct rest rest = { .slices = m->of, .gib = m->gib };
        for (const char *p = parts;; p++) {
                int count;
                size_t n = 0;
                if (take_count(&p, &count, e) < 0)
                        return -1;
                while (p + n < end && p[n] != '+')
                        n++;
                while (count-- > 0)
                        if (cut(s, m, index, p, n, &rest, e) < 0)
                                return -1;
                p += n;
                if (p == end)
                        return 0;
        }
}

static int add_group(struct gpu_sample *s, const char *group, size_t len, int *index, struct err *e)
{
        const char *p = group, *end = group + len;
        int count;
        size_t n = 0;
        if (take_count(&p, &count, e) < 0)
                return -1;
        while (p + n < end && p[n] != ':')
                n++;
        const struct model *m = find_model(p, n);
        if (!m)
                return unknown_model(p, n, e);
        const char *rest = p + n;
        bool mig = rest < end;
        if (mig && strncmp(rest, ":mig=", 5) != 0)
                return err_set(e, ERR_INVALID, "'%s' is followed by something that is not ':mig='",
                        m->word);
        if (mig && m->of == 0)
                return err_set(e, ERR_INVALID, "'%s' can't be cut into parts", m->word);
        for (int i = 0; i < count; i++, (*index)++)
                if (add_gpu(s, m, *index, mig, e) < 0 ||
                        (mig && add_parts(s, m, *index, rest + 5, end, e) < 0))
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
                if (add_group(&s, p, n, &index, e) < 0) {
                        e->code = ERR_INVALID;
                        return err_fix(e, "--simulate=4xA100-40G,2xH100:mig=3g.40gb+2x2g.20gb");
                }
                if (p[n] == '\0')
                        break;
                p += n + 1;
        }
        *ret = s;
        s = (struct gpu_sample){ 0 };
        return 0;
}

/* ---- the world ---- */

/* A driver that doesn't work lists nothing. */
static void drop_devices(struct gpu_sample *s, enum gpu_health health)
{
        for (size_t i = 0; i < s->n; i++)
                free(s->v[i].processes);
        s->n = 0;
        s->health = health;
}

void simulate_fail(struct gpu_sample *s, const char *why)
{
        drop_devices(s, GPU_HEALTH_FAILED);
        snprintf(s->why, sizeof s->why, "the world file: %.200s", why);
}

static bool fail(struct gpu_sample *s, const char *line)
{
        cleanup_free char *why = xasprintf("a line means nothing: %s", line);
        simulate_fail(s, why);
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
        static const char units[] = "KMG";
        size_t digits = strspn(text, "0123456789");
        const char *unit = text[digits] ? strchr(units, text[digits]) : NULL;
        cleanup_free char *number = xstrndup(text, digits);
        long long n;
        if (text[digits] && (!unit || text[digits + 1]))
                return false;
        if (!str_to_int(number, 0, GPU_MEMORY_MAX, &n))
                return false;
        int shift = unit ? (int)(unit - units + 1) * 10 : 0;
        if (n > GPU_MEMORY_MAX >> shift)
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

/* A number of a whole GPU, which its parts don't have. */
static bool set_figure(struct gpu *g, const char *word)
{
        long long n;
        if (g->instance >= 0)
                return false;
        if (str_starts(word, "util=") && !g->mig && str_to_int(word + 5, 0, 100, &n))
                g->utilisation = n;
        else if (str_starts(word, "temp=") && str_to_int(word + 5, 0, 150, &n))
                g->temperature = n;
        else if (str_starts(word, "power=") && str_to_int(word + 6, 0, 2000, &n))
                g->power = n * 1000;
        else if (strcmp(word, "lost") == 0)
                g->lost = true;
        else
                return false;
        return true;
}

static bool set_word(struct gpu *g, const char *word)
{
        if (str_starts(word, "process="))
                return add_process(g, word + 8);
        if (str_starts(word, "memory="))
                return read_bytes(word + 7, &g->memory_used) && g->memory_used <= g->memory_total;
        return set_figure(g, word);
}

/* A lost GPU tells nothing any more, nor do its parts. */
static void silence_lost(struct gpu_sample *s)
{
        bool lost = false;
        for (size_t i = 0; i < s->n; i++) {
                struct gpu *g = &s->v[i];
                if (g->instance < 0)
                        lost = g->lost;
                if (!lost)
                        continue;
                g->lost = true;
                g->memory_used = g->utilisation = g->temperature = g->power = GPU_UNKNOWN;
                g->processes_known = false;
                free(take_ptr(g->processes));
                g->n_processes = 0;
        }
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
                drop_devices(s, words[i].health);
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
        silence_lost(s);
}
