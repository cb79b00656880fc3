/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/attach.h"
#include "daemon/examine.h"
#include "daemon/expire.h"
#include "daemon/methods.h"
#include "daemon/rebuild.h"
#include "daemon/rules.h"
#include "daemon/scheduler.h"
#include "daemon/spans.h"
#include "daemon/watch.h"
#include "host/account.h"
#include "rpc/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

enum { STOP_MS = 15 * 1000 };

/* ---- start ---- */

/* One ds01d for one state folder: two would both be the ledger's only writer. */
static int lock_state(const struct daemon *d, int *ret_fd, struct err *e)
{
        cleanup_free char *path = xasprintf("%s/lock", d->config.state_dir);
        cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_sys(e, errno, "Can't open %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                err_set(e, ERR_BUSY, "Another ds01d uses %s", d->config.state_dir);
                return err_fix(e, "Stop it first, or give this one another state_dir");
        }
        *ret_fd = take_fd(&fd);
        return 0;
}

static int make_dirs(const struct daemon *d, struct err *e)
{
        const struct {
                const char *path;
                mode_t mode;
        } dirs[] = { { d->config.state_dir, 0711 }, { d->config.runtime_dir, 0755 },
                { d->config.homes_path, 0700 } };
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                if (fd_mkdir_all(dirs[i].path, dirs[i].mode) < 0)
                        return err_sys(e, errno, "Can't make %s", dirs[i].path);
                if (config_path_check(dirs[i].path, e) < 0)
                        return -1;
        }
        return 0;
}

static int open_all(struct daemon *d, int *ret_lock, struct err *e)
{
        cleanup_free char *ws = xasprintf("%s/ws", d->config.runtime_dir);
        if (make_dirs(d, e) < 0 || lock_state(d, ret_lock, e) < 0 || boot_id(d->boot, e) < 0 ||
                rules_load(&d->config, &d->rules, e) < 0 ||
                store_open(d->config.state_dir, &d->store, e) < 0 ||
                mounts_open(ws, &d->mounts, e) < 0)
                return -1;
        daemon_set_patience((int)d->config.engine_timeout_s);
        d->engine = engine_new(d->config.engine_socket);
        spans_watch(d->engine);
        d->gpu_arch = "";
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&d->engine_asked, &attr);
        pthread_condattr_destroy(&attr);
        pthread_mutex_init(&d->lock, NULL);
        err_set(&d->engine_error, ERR_ENGINE, "The container engine has not answered yet");
        d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return d->stop_fd >= 0 ? 0 : err_sys(e, errno, "Can't make an eventfd");
}

/* Root and admins get in when everybody else is told to wait. */
static bool privileged(int conn_fd, const struct ucred *peer, void *ctx)
{
        struct daemon *d = ctx;
        struct peer p = { 0 };
        struct err ignored = ERR_INIT;
        (void)peer;
        bool admin = peer_of_socket(conn_fd, &p, &ignored) == 0 &&
                     peer_in_named_group(&p, d->config.admin_group);
        peer_done(&p);
        return admin;
}

static int serve(struct daemon *d, struct err *e)
{
        int listen_fd = -1;
        int activated = rpc_listen_activated(&listen_fd, e);
        if (activated < 0 || (activated == 0 && rpc_listen(d->config.socket, &listen_fd, e) < 0))
                return -1;
        struct rpc_server_config config = { .listen_fd = listen_fd,
                .authorize = caller_authorize,
                .handle = methods_dispatch,
                .privileged = privileged,
                .ctx = d };
        return rpc_server_start(&config, &d->server, e);
}

/* ---- end ---- */

/* SIGHUP: policy and catalogue anew. What can't be read changes nothing. */
static void reload(struct daemon *d)
{
        struct err e = ERR_INIT;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        if (rules_reload(d, &e) == 0)
                log_info("policy and catalogue are read anew");
        else
                log_error("policy and catalogue stay as they were: %s%s%s", e.msg,
                        e.fix[0] ? ". To fix: " : "", e.fix);
        sd_notify(0, "READY=1");
}

static int wait_for_signal(struct daemon *d, struct err *e)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        for (;;) {
                int sig = sigwaitinfo(&set, NULL);
                if (sig == SIGHUP)
                        reload(d);
                else if (sig > 0)
                        return sig;
                else if (errno != EINTR)
                        return err_sys(e, errno, "Can't wait for signals");
        }
}

static void block_signals(void)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
}

/* Connections may carry 17 descriptors each; the soft limit is 1024 on most machines. */
static void raise_nofile(void)
{
        struct rlimit r;
        if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
                r.rlim_cur = r.rlim_max;
                setrlimit(RLIMIT_NOFILE, &r);
        }
}

/* What open_all() opened, as far as it came. */
static void close_all(struct daemon *d)
{
        rpc_server_free(d->server);
        scheduler_free(d);
        gpus_free(d);
        if (d->engine)
                engine_free(d->engine);
        mounts_done(&d->mounts);
        store_close(d->store);
        rules_put(d->rules);
        mem_closep(&d->stop_fd);
}

static void tell_threads(struct daemon *d)
{
        uint64_t one = 1;
        atomic_store(&d->stopping, true);
        (void)!write(d->stop_fd, &one, sizeof one);
}

/* Serves until a signal says to end. -1 if it could not begin. */
static int serve_until_signal(struct daemon *d, struct err *e)
{
        if (serve(d, e) < 0)
                return -1;
        log_info("ds01d %s listens on %s", DS01_VERSION, d->config.socket);
        sd_notify(0, "READY=1");
        int sig = wait_for_signal(d, e);
        log_info("ending on signal %d", sig);
        sd_notify(0, "STOPPING=1");
        tell_threads(d);
        size_t left = rpc_server_stop(d->server, STOP_MS);
        if (left > 0) {
                /* What they do is in the ledger: the next start finishes it. */
                log_warning("%zu operations did not end in time", left);
                _exit(0);
        }
        return sig < 0 ? -1 : 0;
}

static int start_threads(struct daemon *d, struct watch *watch, struct err *e)
{
        /* The watcher's recovery tells of GPUs, so there must be somebody to tell. */
        return gpus_start(d, e) < 0 || scheduler_start(d, e) < 0 || watch_start(d, watch, e) < 0
                       ? -1
                       : 0;
}

static void join_gpu_threads(struct daemon *d)
{
        tell_threads(d);
        scheduler_join(d);
        gpus_join(d);
}

static int run(struct daemon *d, struct err *e)
{
        cleanup_close int lock = -1;
        struct watch watch;
        if (open_all(d, &lock, e) < 0) {
                close_all(d);
                return -1;
        }
        /* Before anybody can connect: whoever reconnects must find its session waiting. */
        attach_recover(d);
        if (start_threads(d, &watch, e) < 0) {
                join_gpu_threads(d);
                close_all(d);
                return -1;
        }
        int r = serve_until_signal(d, e);
        tell_threads(d);
        watch_join(&watch);
        join_gpu_threads(d);
        if (scheduler_wait(clock_mono_ms() + STOP_MS) > 0 ||
                expire_wait(clock_mono_ms() + 1000) > 0)
                _exit(r < 0 ? 1 : 0);
        close_all(d);
        return r;
}

static int rebuild(struct daemon *d, const char *instance, struct err *e)
{
        cleanup_close int lock = -1;
        if (make_dirs(d, e) < 0 || lock_state(d, &lock, e) < 0 || boot_id(d->boot, e) < 0)
                return -1;
        daemon_set_patience((int)d->config.engine_timeout_s);
        d->engine = engine_new(d->config.engine_socket);
        int r = rebuild_run(d, instance, e);
        engine_free(d->engine);
        store_close(d->store);
        return r;
}

/* ---- the examination, where ds01d does not run ---- */

static int print_row(void *ctx, const struct examine_check *check, const struct finding *f)
{
        /* That it does not run is what whoever asks has found already. */
        if (strcmp(check->name, "ds01d") == 0)
                return 0;
        cleanup_json json_t *row = examine_row(check, f, true);
        cleanup_free char *text = json_text(row);
        (void)ctx;
        puts(text);
        return fflush(stdout);
}

/* A finding as a line of JSON, then an empty line. Settings that can't be read are one: the others are
 * then looked at with the defaults. */
static int doctor(const char *path)
{
        struct err ignored = ERR_INIT;
        cleanup_config struct config config = { 0 };
        if (config_load(path, &config, &ignored) < 0)
                (void)config_parse("", "", 0, &config, &ignored);
        struct examination x = {
                .config = &config, .config_path = path, .engine = engine_new(config.engine_socket)
        };
        (void)examine_all(&x, print_row, NULL);
        puts("");
        engine_free(x.engine);
        /* Not by exit(): what hangs in a thread would be waited for. */
        fflush(stdout);
        _exit(0);
}

static int usage(FILE *f)
{
        fputs("Usage: ds01d [--config=FILE] [--debug]\n"
              "       ds01d --rebuild [--instance=ID] [--config=FILE]\n"
              "       ds01d --doctor [--config=FILE]\n"
              "\n"
              "The daemon behind ds01: owns the container engine's socket and decides who may do what.\n"
              "Runs in the foreground and logs to stderr.\n"
              "\n"
              "  --config=FILE  settings (default " CONFIG_DEFAULT_PATH ")\n"
              "  --debug        log more\n"
              "  --rebuild      make a new database out of the labels of the engine's containers and images\n"
              "  --instance=ID  with --rebuild, where several daemons share an engine: which of them this is\n"
              "  --doctor       check the machine while no ds01d runs, for ds01 doctor: lines of JSON\n"
              "  --version      print the version\n",
                f);
        return f == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                { "debug", no_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'v' }, { "rebuild", no_argument, NULL, 'r' },
                { "instance", required_argument, NULL, 'i' }, { "doctor", no_argument, NULL, 'D' },
                { 0 } };
        struct daemon d = { .stop_fd = -1, .mounts = MOUNTS_INIT };
        struct err e = ERR_INIT;
        const char *path = NULL, *instance = NULL;
        bool rebuilds = false, examines = false;
        for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
                if (o == 'h')
                        return usage(stdout);
                if (o == 'v')
                        return puts("ds01d " DS01_VERSION) < 0;
                if (o == '?')
                        return usage(stderr);
                if (o == 'c')
                        path = optarg;
                else if (o == 'i')
                        instance = optarg;
                else if (o == 'r')
                        rebuilds = true;
                else if (o == 'D')
                        examines = true;
                else
                        log_set_level(LOG_LEVEL_DEBUG);
        }
        if (optind < argc || (instance && !rebuilds) || (examines && rebuilds))
                return usage(stderr);
        if (examines)
                return doctor(path);
        d.config_path = path;
        d.started_at = clock_unix();
        umask(022);
        block_signals();
        raise_nofile();
        if (geteuid() != 0)
                err_set(&e, ERR_DENIED, "ds01d must run as root");
        else if (config_load(path, &d.config, &e) == 0 &&
                 (rebuilds ? rebuild(&d, instance, &e) : run(&d, &e)) == 0) {
                config_done(&d.config);
                return 0;
        }
        config_done(&d.config);
        log_error("%s%s%s", e.msg, e.fix[0] ? ". To fix: " : "", e.fix);
        return err_exit_status(e.code);
}
