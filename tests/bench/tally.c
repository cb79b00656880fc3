/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void tally_init(struct tally *t, size_t jobs)
{
        *t = (struct tally){ 0 };
        for (enum user_class c = 0; c < CLASSES; c++)
                t->waits[c] = xcalloc(jobs, sizeof *t->waits[c]);
}

void tally_done(struct tally *t)
{
        for (enum user_class c = 0; c < CLASSES; c++)
                free(t->waits[c]);
}

void tally_wait(struct tally *t, enum user_class c, int64_t seconds)
{
        t->waits[c][t->n[c]++] = seconds;
}

void tally_estimate(struct tally *t, const struct eta *eta, int64_t start)
{
        bool before = start < eta->early, after = eta->late && start > eta->late;
        t->told++;
        t->open += !eta->late;
        t->before += before;
        t->after += after;
        t->hits += !before && !after;
        t->width += eta->late ? (double)(eta->late - eta->early) : 0;
}

int tally_compare(const void *x, const void *y)
{
        const int64_t *a = x, *b = y;
        return (*a > *b) - (*a < *b);
}

static double hours_at(const struct tally *t, enum user_class c, double part)
{
        size_t n = t->n[c];
        return n ? (double)t->waits[c][(size_t)(part * (double)(n - 1))] / 3600 : 0;
}

static double percent(double part, double of)
{
        return of > 0 ? 100 * part / of : 0;
}

void tally_sort(struct tally *t)
{
        for (enum user_class c = 0; c < CLASSES; c++)
                qsort(t->waits[c], t->n[c], sizeof *t->waits[c], tally_compare);
}

static void print_table(const char *name, const struct tally *t)
{
        printf("%-26s", name);
        for (enum user_class c = 0; c < CLASSES; c++)
                printf("  %6.2f %6.1f %6.1f", hours_at(t, c, 0.5), hours_at(t, c, 0.95),
                        hours_at(t, c, 1));
        printf("  %5.1f%%\n", percent(t->idle, t->wanted));
}

static void print_json(const char *name, const struct tally *t)
{
        printf("\"%s\":{", name);
        for (enum user_class c = 0; c < CLASSES; c++)
                printf("\"%s\":{\"jobs\":%zu,\"p50_h\":%.3f,\"p95_h\":%.3f,\"longest_h\":%.3f},",
                        workload_class(c), t->n[c], hours_at(t, c, 0.5), hours_at(t, c, 0.95),
                        hours_at(t, c, 1));
        printf("\"idle_percent\":%.3f}", percent(t->idle, t->wanted));
}

static double load_of(const struct workload *w)
{
        double seconds = 0;
        for (size_t i = 0; i < w->n; i++)
                seconds += (double)(w->jobs[i].seconds * w->jobs[i].slots);
        return seconds / (16 * (double)w->end);
}

void tally_print(const struct workload *w, const struct tally *first, const struct tally *ours)
{
        printf("%zu requests of %d users; if each slot were a whole GPU, %.0f%% of 16 GPUs\n\n",
                w->n, USERS, 100 * load_of(w));
        printf("%-26s  %-20s  %-20s  %-20s  %s\n", "hours of waiting", "light", "medium", "heavy",
                "idle while");
        printf("%-26s", "");
        for (enum user_class c = 0; c < CLASSES; c++)
                printf("  %6s %6s %6s", "p50", "p95", "max");
        printf("  %s\n", "wanted");
        print_table("first come, first served", first);
        print_table("ds01", ours);
        double closed = (double)(ours->told - ours->open);
        printf("\nestimates: %zu told on joining, %.0f%% came true (%.0f%% earlier, %.0f%% later than said); "
               "%.0f%% without an end, the others %.1f h wide on average\n",
                ours->told, percent((double)ours->hits, (double)ours->told),
                percent((double)ours->before, (double)ours->told),
                percent((double)ours->after, (double)ours->told),
                percent((double)ours->open, (double)ours->told),
                closed > 0 ? ours->width / closed / 3600 : 0);
}

void tally_json(const struct workload *w, uint64_t seed, const struct tally *first,
        const struct tally *ours)
{
        double closed = (double)(ours->told - ours->open);
        printf("{\"schema\":1,\"seed\":%llu,\"days\":%lld,\"requests\":%zu,",
                (unsigned long long)seed, (long long)(w->end / DAY), w->n);
        print_json("fifo", first);
        printf(",");
        print_json("ds01", ours);
        printf(",\"eta\":{\"told\":%zu,\"hit_percent\":%.2f,\"open_percent\":%.2f,\"width_h\":%.3f}}\n",
                ours->told, percent((double)ours->hits, (double)ours->told),
                percent((double)ours->open, (double)ours->told),
                closed > 0 ? ours->width / closed / 3600 : 0);
}

bool tally_sane(const struct tally *t)
{
        for (enum user_class c = 0; c < CLASSES; c++)
                if (hours_at(t, c, 1) > 14 * 24) {
                        fprintf(stderr, "queue_sim: a %s user starves\n", workload_class(c));
                        return false;
                }
        if (percent((double)t->hits, (double)t->told) < 70) {
                fprintf(stderr, "queue_sim: estimates don't come true\n");
                return false;
        }
        return true;
}
