/* SPDX-License-Identifier: MIT */
/*
 * The property test of the ledger: ds01d's own code, driven through random histories of requests,
 * crashes, lost and late replies, and GPUs that break; after every step the invariants of checks.h,
 * engine.c and queue-check.c must hold. What breaks one is made as short as it can be and printed as a
 * script, which --replay runs again.
 *
 * The process that plays ds01d is a child, so that it can die anywhere; the world outlives it.
 */
#include "steps.h"

#include "base/log.h"
#include "play.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
        HISTORY = 400, /* steps before a new world begins */
        STEP_S = 20,   /* one that takes so long hangs */
        SHRINK_S = 240,
};

static bool verbose, as_found;

/* ---- one history ---- */

static void remove_dir(const char *dir)
{
        DIR *d = opendir(dir);
        struct dirent *entry;
        while (d && (entry = readdir(d)))
                unlinkat(dirfd(d), entry->d_name, 0);
        if (d)
                closedir(d);
        rmdir(dir);
}

static void say(const struct step *s, FILE *f)
{
        fprintf(f, "%s %d %d %d %d %s %u\n", step_name(s->op), s->a, s->b, s->c, s->d,
                s->twice ? "twice" : "once", (unsigned)s->fate);
}

static void play(void)
{
        alarm(STEP_S);
        play_begin();
        while (world->next < world->n_steps) {
                const struct step *s = &world->steps[world->next++];
                alarm(STEP_S);
                if (verbose)
                        say(s, stderr);
                world->restart_fate = s->fate % 3 == 1 ? (uint32_t)mix(s->fate) : 0;
                step_run(s);
        }
        alarm(STEP_S);
        steps_finish();
        _exit(0);
}

/* One life of ds01d; false once the history is at its end, or something is broken. */
static bool live(void)
{
        int status;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
                play();
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        if (WIFSIGNALED(status))
                snprintf(world->broken, sizeof world->broken, "signal %d: %s", WTERMSIG(status),
                        WTERMSIG(status) == SIGALRM ? "a step does not end" : "ds01d died");
        else if (WEXITSTATUS(status) != EXIT_CRASH && WEXITSTATUS(status) != 0 &&
                 WEXITSTATUS(status) != EXIT_BROKEN)
                snprintf(world->broken, sizeof world->broken, "exit %d: ds01d died",
                        WEXITSTATUS(status));
        /* A third crash in a row shows nothing new. */
        if (++world->crashes_in_a_row > 2)
                world->restart_fate = 0;
        world->depth = 0;
        return !*world->broken && WEXITSTATUS(status) == EXIT_CRASH;
}

/* False if an invariant broke: world->broken says which. */
static bool run_history(
        uint64_t seed, int machine, const struct step *steps, int n, struct tally *tally)
{
        static char dir[] = "/dev/shm/ds01-property-XXXXXX";
        memset(world, 0, sizeof *world);
        memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
        if (!mkdtemp(dir)) {
                perror(dir);
                exit(1);
        }
        world_reset(seed, machine);
        snprintf(world->dir, sizeof world->dir, "%s", dir);
        memcpy(world->steps, steps, (size_t)n * sizeof *steps);
        world->n_steps = n;
        world->verbose = verbose;
        while (live())
                continue;
        remove_dir(dir);
        for (size_t i = 0; i < sizeof *tally / sizeof(int64_t); i++)
                ((int64_t *)tally)[i] += ((const int64_t *)&world->tally)[i];
        return !*world->broken;
}

/* ---- making it short ---- */

static char found[sizeof world->broken];

/* Whether this is broken in the same way: what stands before the colon. */
static bool still_broken(uint64_t seed, int machine, const struct step *steps, int n)
{
        struct tally ignored = { 0 };
        if (run_history(seed, machine, steps, n, &ignored))
                return false;
        if (strncmp(found, world->broken, strcspn(found, ":") + 1) != 0)
                return false;
        memcpy(found, world->broken, sizeof found);
        return true;
}

static int64_t seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec;
}

static int drop_steps(uint64_t seed, int machine, struct step *steps, int n, int64_t until)
{
        struct step shorter[STEPS_MAX];
        for (int size = n / 2 > 0 ? n / 2 : 1; size > 0 && seconds() < until; size /= 2)
                for (int at = n - size; at >= 0 && seconds() < until; at -= size) {
                        memcpy(shorter, steps, (size_t)at * sizeof *steps);
                        memcpy(shorter + at, steps + at + size,
                                (size_t)(n - at - size) * sizeof *steps);
                        if (!still_broken(seed, machine, shorter, n - size))
                                continue;
                        n -= size;
                        memcpy(steps, shorter, (size_t)n * sizeof *steps);
                        if (at > n)
                                at = n;
                }
        return n;
}

/* Steps in which nothing needs to go wrong. */
static void calm_steps(uint64_t seed, int machine, struct step *steps, int n, int64_t until)
{
        for (int i = 0; i < n && seconds() < until; i++) {
                struct step before = steps[i];
                steps[i].fate = 0;
                if (before.fate && !still_broken(seed, machine, steps, n))
                        steps[i].fate = before.fate;
                bool twice = steps[i].twice;
                steps[i].twice = false;
                if (twice && !still_broken(seed, machine, steps, n))
                        steps[i].twice = true;
        }
}

static void report(uint64_t seed, int machine, struct step *steps, int n)
{
        int64_t until = seconds() + SHRINK_S;
        int before;
        memcpy(found, world->broken, sizeof found);
        printf("broken: %s\n", found);
        if (as_found)
                until = 0;
        else
                puts("making it short ...");
        fflush(stdout);
        log_set_level((enum log_level)0);
        do {
                before = n;
                n = drop_steps(seed, machine, steps, n, until);
                calm_steps(seed, machine, steps, n, until);
        } while (n < before && seconds() < until);
        printf("# %s\n# Save from the next line on, and run: ledger-property --replay=FILE\n",
                found);
        printf("machine %d seed %llu\n", machine, (unsigned long long)seed);
        for (int i = 0; i < n; i++)
                say(&steps[i], stdout);
}

/* ---- many, or one that was kept ---- */

static int run_all(uint64_t seed, int64_t n_steps)
{
        static struct step steps[HISTORY];
        struct tally t = { 0 };
        for (int64_t h = 0; h * HISTORY < n_steps; h++) {
                uint64_t own = mix(seed * 1000003 + (uint64_t)h);
                int machine = (int)(own % 5);
                for (int i = 0; i < HISTORY; i++)
                        steps[i] = step_draw(own + (uint64_t)i, (int)(own % 24));
                if (run_history(own, machine, steps, HISTORY, &t))
                        continue;
                report(own, machine, steps, HISTORY);
                return 1;
        }
        printf("seed %llu: %lld steps, %lld more while one was at the engine; %lld requests succeeded;\n"
               "%lld crashes, %lld calls lost, %lld came about late, %lld writes failed;\n"
               "%lld turns, %lld reservations with GPUs, %lld launches by themselves\n",
                (unsigned long long)seed, (long long)t.steps, (long long)t.nested,
                (long long)t.succeeded, (long long)t.crashes, (long long)t.lost, (long long)t.late,
                (long long)t.full, (long long)t.turns, (long long)t.granted, (long long)t.launched);
        /* A world in which nothing happens would show nothing. */
        bool lively = n_steps < 10000 || (t.nested && t.crashes && t.lost && t.late && t.full &&
                                                 t.turns && t.granted && t.launched);
        if (!lively)
                puts("something of this did not happen at all: the test shows less than it says");
        return lively ? 0 : 1;
}

static int replay(const char *path)
{
        static struct step steps[STEPS_MAX];
        struct tally ignored = { 0 };
        FILE *f = fopen(path, "re");
        char line[256], name[32], times[8];
        unsigned long long seed = 0;
        int machine = 0, n = 0;
        if (!f) {
                perror(path);
                return 2;
        }
        while (fgets(line, sizeof line, f)) {
                struct step *s = &steps[n];
                if (*line == '#' || sscanf(line, "machine %d seed %llu", &machine, &seed) == 2)
                        continue;
                if (n == STEPS_MAX ||
                        sscanf(line, "%31s %d %d %d %d %7s %u", name, &s->a, &s->b, &s->c, &s->d,
                                times, &s->fate) != 7 ||
                        (s->op = step_find(name)) < 0) {
                        fprintf(stderr, "%s: not a step: %s", path, line);
                        fclose(f);
                        return 2;
                }
                s->twice = !strcmp(times, "twice");
                n++;
        }
        fclose(f);
        bool held = run_history(seed, machine, steps, n, &ignored);
        puts(held ? "nothing broke" : world->broken);
        return held ? 0 : 1;
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "seed", required_argument, NULL, 's' },
                { "steps", required_argument, NULL, 'n' },
                { "replay", required_argument, NULL, 'r' }, { "verbose", no_argument, NULL, 'v' },
                { "as-found", no_argument, NULL, 'a' }, { 0 } };
        const char *script = NULL, *steps = "100000", *seed = "1";
        const char *more = getenv("DS01_PROPERTY_STEPS");
        for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                if (o == 's')
                        seed = optarg;
                else if (o == 'n')
                        steps = optarg;
                else if (o == 'r')
                        script = optarg;
                else if (o == 'v')
                        verbose = true;
                else if (o == 'a')
                        as_found = true;
                else
                        return 2;
        }
        world = mmap(
                NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (world == MAP_FAILED) {
                perror("mmap");
                return 1;
        }
        log_set_level(verbose ? LOG_LEVEL_DEBUG : (enum log_level)0);
        return script ? replay(script)
                      : run_all(strtoull(seed, NULL, 10), strtoll(more ? more : steps, NULL, 10));
}
