/* SPDX-License-Identifier: MIT */
/*
 * ds01-gpu-probe: reads the GPUs and writes one line of JSON (gpu/sample.h) for each request.
 *
 * A process of its own because a driver can hang for ever: ds01d kills it and starts another. It
 * needs no right but to open the GPUs' devices, which everybody may, so it gives away all others
 * before it loads the vendor's library. So it can't load a driver or make its device files either, as
 * NVML does through a setuid helper: that is for nvidia-persistenced or udev. Until then it finds none.
 */
#include "base/fd.h"
#include "gpu/probe/devices.h"
#include "gpu/probe/simulate.h"
#include "gpu/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { NOBODY = 65534, WORLD_MAX = 1 << 20 };

struct options {
        const char *simulate, *world;
        bool serve;
};

static int drop_rights(void)
{
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
                return -1;
        if (geteuid() == 0 && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
                                      setresuid(NOBODY, NOBODY, NOBODY)))
                return -1;
        /* Nothing of the parent's is open; if ever it is, the library is not to have it. */
        if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0 && errno != ENOSYS)
                return -1;
        /* A change of identity forgets it. */
        return prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0) ? -1 : 0;
}

static int simulate(const struct options *o, struct gpu_sample *ret, struct err *e)
{
        struct simulate_order order = { 0 };
        if (simulate_parse(o->simulate, ret, e) < 0)
                return -1;
        cleanup_free char *world = NULL;
        struct err unread = ERR_INIT;
        if (o->world && fd_read_file(AT_FDCWD, o->world, WORLD_MAX, &world, NULL, &unread) == 0)
                simulate_apply(world, ret, &order);
        else if (o->world && errno != ENOENT)
                simulate_fail(ret, unread.msg);
        if (order.die)
                _exit(1);
        if (order.hang_s)
                sleep((unsigned)order.hang_s);
        return 0;
}

static int answer(const struct options *o, struct err *e)
{
        cleanup_gpu_sample struct gpu_sample s = { 0 };
        if (o->simulate) {
                if (simulate(o, &s, e) < 0)
                        return -1;
        } else {
                devices_sample(&s);
        }
        cleanup_free char *text = gpu_sample_text(&s);
        cleanup_free char *line = xasprintf("%s\n", text);
        if (fd_write_all(STDOUT_FILENO, line, strlen(line), -1) < 0)
                return err_sys(e, errno, "Can't write");
        return 0;
}

/* A line for each newline on stdin, until its end. */
static int serve(const struct options *o, struct err *e)
{
        char c;
        for (;;) {
                ssize_t n = read(STDIN_FILENO, &c, 1);
                if (n == 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return err_sys(e, errno, "Can't read");
                if (n == 1 && c == '\n' && answer(o, e) < 0)
                        return -1;
        }
}

static int usage(FILE *f)
{
        fputs("Usage: ds01-gpu-probe [--serve] [--simulate=SPEC [--world=FILE]]\n"
              "\n"
              "Reads this machine's GPUs and writes what it finds as one line of JSON.\n"
              "\n"
              "  --serve          write a line for each newline on stdin, until its end\n"
              "  --simulate=SPEC  pretend: 4xA100-40G,2xH100:mig=3g.40gb+2x2g.20gb\n"
              "  --world=FILE     what pretended GPUs do, read for each line, by account nobody:\n"
              "                     gpu 0 util=37 memory=10G temp=61 power=250\n"
              "                     gpu 1 process=4242:1G      a process uses it\n"
              "                     gpu 2 lost                 gpu 3.0 is a part of GPU 3\n"
              "                     hang 30                    answer that many seconds late\n"
              "                     die                        end without an answer\n"
              "                     health mismatch TEXT       none, mismatch or failed\n"
              "  --version        print the version\n"
              "\n"
              "GPUs that can be pretended: ",
                f);
        for (size_t i = 0; simulate_model(i); i++)
                fprintf(f, "%s%s", i ? ", " : "", simulate_model(i));
        fputc('\n', f);
        return f == stdout ? 0 : 2;
}

static int run(const struct options *o, struct err *e)
{
        struct gpu_sample check = { 0 };
        int r = o->simulate ? simulate_parse(o->simulate, &check, e) : 0;
        gpu_sample_done(&check);
        if (r < 0)
                return -1;
        if (drop_rights() < 0)
                return err_sys(e, errno, "Can't give up rights");
        return o->serve ? serve(o, e) : answer(o, e);
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "serve", no_argument, NULL, 's' },
                { "simulate", required_argument, NULL, 'i' },
                { "world", required_argument, NULL, 'w' }, { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' }, { 0 } };
        struct options o = { 0 };
        struct err e = ERR_INIT;
        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
                if (c == 'h')
                        return usage(stdout);
                if (c == 'v')
                        return puts("ds01-gpu-probe " DS01_VERSION) < 0;
                if (c == '?')
                        return usage(stderr);
                if (c == 's')
                        o.serve = true;
                else if (c == 'i')
                        o.simulate = optarg;
                else
                        o.world = optarg;
        }
        if (optind < argc || (o.world && !o.simulate))
                return usage(stderr);
        signal(SIGPIPE, SIG_IGN);
        if (run(&o, &e) == 0)
                return 0;
        fprintf(stderr, "Error: %s\n%s%s%s", e.msg, *e.fix ? "\nTo fix: " : "", e.fix,
                *e.fix ? "\n" : "");
        return err_exit_status(e.code);
}
