/* SPDX-License-Identifier: MIT */
/*
 * dashboard --watch: waits for keys, readings and signals, and shows what the model makes of them. It is
 * a module that `ds01` opens (cli/live.h), because every other command would pay for curses at its start.
 */
#include "base/clock.h"
#include "cli/live.h"
#include "cli/session.h"
#include "tui/draw.h"
#include "tui/layout.h"
#include "tui/reader.h"
#include "tui/retirement.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
        FIRST_MS = 1000, /* how long the first reading is waited for before the screen is taken */
        TICK_MS = 1000,
        SILENT_MS = 8000, /* without any reading, not even one that failed */
};

struct watch {
        struct cli *c;
        struct model model;
        struct reader *reader;
        struct retirement *retirement; /* NULL: none goes on */
        int sig_fd;
        sigset_t ours, before;
        bool changed; /* since it was drawn */
        bool over;
        int status;
        int64_t heard_ms; /* when the reader last said anything */
};

static void leave(struct watch *w, int status)
{
        w->over = true;
        w->status = status;
}

/* ---- signals ---- */

static int signals_begin(struct watch *w, struct err *e)
{
        static const int all[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT };
        sigemptyset(&w->ours);
        for (size_t i = 0; i < ARRAY_LEN(all); i++)
                sigaddset(&w->ours, all[i]);
        pthread_sigmask(SIG_BLOCK, &w->ours, &w->before);
        w->sig_fd = signalfd(-1, &w->ours, SFD_CLOEXEC | SFD_NONBLOCK);
        if (w->sig_fd >= 0)
                return 0;
        int saved = errno;
        pthread_sigmask(SIG_SETMASK, &w->before, NULL);
        return err_sys(e, saved, "Can't wait for signals");
}

static void signals_end(struct watch *w)
{
        struct signalfd_siginfo taken;
        /* What told us to leave has done its work. */
        while (read(w->sig_fd, &taken, sizeof taken) == sizeof taken)
                continue;
        close(w->sig_fd);
        pthread_sigmask(SIG_SETMASK, &w->before, NULL);
}

static void screen_again(struct watch *w)
{
        draw_leave();
        draw_enter();
        w->changed = true;
}

/* Ctrl-Z: the shell gets its terminal as it was, and we come to a halt until fg. */
static void halt(struct watch *w)
{
        sigset_t stop;
        sigemptyset(&stop);
        sigaddset(&stop, SIGTSTP);
        draw_leave();
        reader_pause(w->reader);
        pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
        raise(SIGTSTP);
        pthread_sigmask(SIG_BLOCK, &stop, NULL);
        reader_now(w->reader);
        w->heard_ms = clock_mono_ms();
        model_gap(&w->model);
        screen_again(w);
}

static void take_signal(struct watch *w)
{
        struct signalfd_siginfo s;
        if (read(w->sig_fd, &s, sizeof s) != sizeof s)
                return;
        if (s.ssi_signo == SIGWINCH)
                w->changed = true;
        else if (s.ssi_signo == SIGCONT)
                screen_again(w);
        else if (s.ssi_signo == SIGTSTP)
                halt(w);
        else
                leave(w, err_exit_status(ERR_INTERRUPTED));
}

/* ---- what keys ask for ---- */

static void attach(struct watch *w)
{
        struct err e = ERR_INIT;
        cleanup_free char *name = xstrdup(json_str(model_selected(&w->model), "name"));
        int ignored = 0;
        reader_pause(w->reader);
        draw_leave();
        pthread_sigmask(SIG_SETMASK, &w->before, NULL);
        out_say("A shell in %s. Its end (exit, Ctrl-D) leads back to the live view.", name);
        int r = session_run(w->c, name, NULL, NULL, 0, &ignored, &e);
        pthread_sigmask(SIG_BLOCK, &w->ours, NULL);
        /* Its connection was the session's. */
        rpc_client_free(take_ptr(w->c->rpc));
        if (r < 0 && e.code == ERR_INTERRUPTED) {
                leave(w, err_exit_status(ERR_INTERRUPTED));
                return;
        }
        if (r < 0)
                model_say_error(&w->model, &e);
        reader_now(w->reader);
        w->heard_ms = clock_mono_ms();
        model_gap(&w->model);
        screen_again(w);
}

static void retire(struct watch *w)
{
        struct err e = ERR_INIT;
        const json_t *row = model_selected(&w->model);
        const char *name = json_str(row, "name");
        const char *user = w->model.board.everyone ? json_str(row, "user") : NULL;
        if (w->retirement)
                model_say(&w->model,
                        xasprintf("%s is still being retired", retirement_name(w->retirement)));
        else if (retirement_start(name, user, &w->retirement, &e) < 0)
                model_say_error(&w->model, &e);
        else
                model_say(&w->model, xasprintf("Retiring %s: its processes are told to end", name));
}

static void retired(struct watch *w)
{
        struct err e = ERR_INIT;
        char *told = retirement_told(w->retirement, &e);
        if (told)
                model_say(&w->model, told);
        else
                model_say_error(&w->model, &e);
        retirement_end(take_ptr(w->retirement));
        reader_now(w->reader);
}

static void take_keys(struct watch *w)
{
        for (int key; !w->over && (key = draw_key()) != PRESS_NONE;) {
                enum model_wish wish = model_key(&w->model, key);
                w->changed = true;
                if (wish == WISH_LEAVE)
                        leave(w, 0);
                else if (wish == WISH_ATTACH)
                        attach(w);
                else if (wish == WISH_RETIRE)
                        retire(w);
                else if (wish == WISH_REDRAW)
                        draw_all_next();
        }
}

/* ---- readings ---- */

static void take_news(struct watch *w)
{
        struct board b = { 0 };
        struct err e = ERR_INIT;
        int r = reader_take(w->reader, &b, &e);
        if (r > 0)
                model_read(&w->model, &b);
        else if (r < 0)
                model_failed(&w->model, &e);
        if (r != 0)
                w->heard_ms = clock_mono_ms();
        w->changed |= r != 0;
}

static void mind_silence(struct watch *w)
{
        struct err e = ERR_INIT;
        if (clock_mono_ms() - w->heard_ms < SILENT_MS)
                return;
        err_set(&e, ERR_DAEMON, "ds01d does not answer");
        model_failed(&w->model, &e);
        w->heard_ms = clock_mono_ms();
        w->changed = true;
}

/*
 * A ds01d that isn't there or refuses is an error like any other command's, as long as nothing is on the
 * screen; one that hangs is waited for on it.
 */
static int first_reading(struct watch *w, struct err *e)
{
        struct pollfd fds[] = { { .fd = reader_fd(w->reader), .events = POLLIN },
                { .fd = w->sig_fd, .events = POLLIN } };
        struct board b = { 0 };
        (void)poll(fds, ARRAY_LEN(fds), FIRST_MS);
        if (fds[1].revents)
                take_signal(w);
        int r = reader_take(w->reader, &b, e);
        if (r > 0)
                model_read(&w->model, &b);
        if (r == 0)
                *e = ERR_INIT;
        return r < 0 ? -1 : 0;
}

/* ---- all of it ---- */

static void show(struct watch *w)
{
        cleanup_lines struct lines l = { 0 };
        size_t rows, columns;
        draw_size(&rows, &columns);
        layout(&w->model, rows, columns, &l);
        draw_lines(&l);
        w->changed = false;
}

/* Draws only where the terminal takes it: a slow line must not keep us from leaving. */
static void loop(struct watch *w)
{
        w->changed = true;
        w->heard_ms = clock_mono_ms();
        while (!w->over) {
                struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                        { .fd = w->sig_fd, .events = POLLIN },
                        { .fd = reader_fd(w->reader), .events = POLLIN },
                        { .fd = w->retirement ? retirement_fd(w->retirement) : -1,
                                .events = POLLIN },
                        { .fd = w->changed ? STDOUT_FILENO : -1, .events = POLLOUT } };
                if (poll(fds, ARRAY_LEN(fds), TICK_MS) < 0)
                        continue;
                if (fds[1].revents)
                        take_signal(w);
                if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
                        leave(w, err_exit_status(ERR_INTERRUPTED));
                else if (fds[0].revents && !w->over)
                        take_keys(w);
                if (fds[2].revents)
                        take_news(w);
                if (fds[3].revents && w->retirement)
                        retired(w);
                mind_silence(w);
                if (fds[4].revents & POLLOUT && !w->over)
                        show(w);
        }
}

static int run(struct watch *w, struct err *e)
{
        if (first_reading(w, e) < 0)
                return -1;
        if (w->over)
                return w->status;
        if (draw_open(*out_style(stdout, OUT_RED) != '\0', e) < 0)
                return -1;
        loop(w);
        return w->status;
}

live_fn ds01_live;

int ds01_live(struct cli *c, unsigned parts, struct err *e)
{
        struct watch w = { .c = c, .model.parts = parts };
        if (signals_begin(&w, e) < 0)
                return -1;
        int r = reader_start(parts, &w.reader, e) < 0 ? -1 : run(&w, e);
        /* Should the terminal not take what gives it back, the next signal ends us at once. */
        signals_end(&w);
        draw_close();
        if (w.retirement)
                out_say("%s is still being retired.", retirement_name(w.retirement));
        if (w.reader)
                reader_stop(w.reader);
        retirement_end(w.retirement);
        model_done(&w.model);
        return r;
}
