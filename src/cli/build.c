/* SPDX-License-Identifier: MIT */
#include "cli/build.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "cli/interrupt.h"
#include "cli/module.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "project/context.h"
#include "project/fingerprint.h"
#include "project/older.h"
#include "project/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOG_MAX = 8 << 20 };

/* What the build says, as it comes. */
struct view {
        struct cli *c;
        struct progress progress;
        struct buf log; /* what was said, shown if the build fails */
        char *step;
        bool plain; /* every line is printed as it comes: no terminal to rewrite a line on */
        char *image;
};

/* Keeps a line of the log. Where it is too long its beginning goes: why a build failed is at the end. */
static void keep_line(struct view *v, const char *before, const char *line)
{
        if (v->log.len + strlen(before) + strlen(line) + 1 > LOG_MAX) {
                buf_consume(&v->log, LOG_MAX / 2);
                buf_consume(&v->log, strcspn(buf_str(&v->log), "\n"));
        }
        buf_printf(&v->log, "%s%s\n", before, line);
}

static void say_step(struct view *v, const json_t *row)
{
        const char *text = str_or_empty(json_str(row, "text"));
        free(v->step);
        v->step = xasprintf("%lld/%lld %s", (long long)json_int(row, "step", 0),
                (long long)json_int(row, "steps", 0), text);
        keep_line(v, "Step ", v->step);
        if (v->plain)
                out_say("Step %s", v->step);
        else
                progress_tick(&v->progress, v->step);
}

/* What the engine's builder says about itself, and nobody wants to read. */
static bool is_noise(const char *line)
{
        static const char *const beginnings[] = { " ---> ", "Removing intermediate container ",
                "Successfully built ", "Successfully tagged " };
        for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
                if (str_starts(line, beginnings[i]))
                        return true;
        return false;
}

static void say_output(struct view *v, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, "\r\n");
                cleanup_free char *line = xstrndup(text, n);
                /* The engine colours what a step says on stderr: a line of its own, here, is no news. */
                line[str_strip_escapes(line, n)] = '\0';
                text += n + (text[n] != '\0');
                if (!*line || is_noise(line))
                        continue;
                keep_line(v, "  ", line);
                if (v->plain)
                        out_say("  %s", line);
                else
                        progress_tick(&v->progress, v->step ? v->step : line);
        }
}

static int on_row(const json_t *row, void *ctx)
{
        struct view *v = ctx;
        const char *kind = str_or_empty(json_str(row, "kind"));
        const char *text = str_or_empty(json_str(row, "text"));
        if (strcmp(kind, "step") == 0) {
                say_step(v, row);
        } else if (strcmp(kind, "output") == 0) {
                say_output(v, text);
        } else if (strcmp(kind, "done") == 0) {
                str_replace(&v->image, json_str(row, "image"));
        } else {
                /* "pull" and "queued": where we are, not part of the log. */
                if (v->plain && strcmp(kind, "queued") == 0)
                        out_say("%s", text);
                else
                        progress_tick(&v->progress, text);
        }
        return 0;
}

struct packer { /* on the heap: its thread may outlive the build */
        int dir_fd, out_fd;
        int result;
        struct context_stats stats;
        struct err err;
};

static void *pack(void *arg)
{
        struct packer *p = arg;
        struct context_limits limits = CONTEXT_LIMITS_DEFAULT;
        void *entry;
        if (module_entry(CONTEXT_MODULE, CONTEXT_ENTRY, "what packs a project", &entry, &p->err) <
                0)
                p->result = err_fix(&p->err, "Ask an administrator to install ds01 anew");
        else
                p->result = ((context_pack_fn *)entry)(
                        p->dir_fd, p->out_fd, &limits, &p->stats, &p->err);
        close(take_fd(&p->out_fd));
        close(take_fd(&p->dir_fd));
        return NULL;
}

/*
 * Waits for the packer, unless the build was given up: it may sit in a folder on a server that doesn't
 * answer, which is no reason to stay. False if it was left to itself.
 */
static bool join(pthread_t thread, bool given_up)
{
        struct timespec until;
        if (!given_up)
                return pthread_join(thread, NULL) == 0;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        if (pthread_timedjoin_np(thread, NULL, &until) == 0)
                return true;
        pthread_detach(thread);
        return false;
}

/* The Dockerfile travels apart from the rest: what ds01d checks is what it builds. */
static int send_dockerfile(const char *text, int *ret_fd, struct err *e)
{
        int p[2];
        if (pipe2(p, O_CLOEXEC) < 0)
                return err_sys(e, errno, "Can't make a pipe");
        /*
         * At most 64 KiB, which a pipe holds: writing does not wait for the reader. Where the kernel gives
         * less, to an account with very many pipes, it fails instead of waiting for ever.
         */
        if (fd_set_nonblock(p[1], true) < 0 ||
                fd_write_all(p[1], text, strlen(text), clock_mono_ms()) < 0) {
                err_sys(e, errno, "Can't pass on the Dockerfile");
                close(p[0]);
                close(p[1]);
                return -1;
        }
        close(p[1]);
        *ret_fd = p[0];
        return 0;
}

static int stream_build(
        struct view *v, json_t *params, int dockerfile_fd, int project_fd, struct err *e)
{
        int p[2];
        if (pipe2(p, O_CLOEXEC) < 0) {
                close(dockerfile_fd);
                json_decref(params);
                return err_sys(e, errno, "Can't make a pipe");
        }
        struct packer *packer = xcalloc(1, sizeof *packer);
        *packer = (struct packer){
                .dir_fd = fcntl(project_fd, F_DUPFD_CLOEXEC, 0), .out_fd = p[1], .err = ERR_INIT
        };
        pthread_t thread;
        if (packer->dir_fd < 0 || pthread_create(&thread, NULL, pack, packer) != 0) {
                close(p[0]);
                close(p[1]);
                close(dockerfile_fd);
                json_decref(params);
                mem_closep(&packer->dir_fd);
                free(packer);
                return err_set(e, ERR_FAILED, "Can't start a thread to pack the project");
        }
        int fds[2] = { dockerfile_fd, p[0] };
        /* Our own copy of the read end goes as soon as it is sent: the packer then sees the reader go. */
        int r = rpc_stream_take(v->c->rpc, "io.ds01.Images.Build", params, fds, 2, on_row, v, e);
        if (!join(thread, r < 0 && e->code == ERR_INTERRUPTED))
                return r;
        /* A folder that could not be packed is the cause; that the build then failed is the effect. */
        if (packer->result < 0 && packer->err.code != ERR_INTERRUPTED) {
                *e = packer->err;
                r = -1;
        }
        free(packer);
        return r;
}

/* Words of pip, apt, curl and git for a server that they don't reach. */
static bool no_network(const struct view *v)
{
        static const char *const words[] = { "Name or service not known", "Network is unreachable",
                "Temporary failure in name resolution", "Temporary failure resolving",
                "Could not resolve host" };
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (strstr(buf_str(&v->log), words[i]))
                        return true;
        return false;
}

static void say_what_helps(const struct view *v, const char *project, struct err *e)
{
        if (no_network(v)) {
                err_detail(e, "It did not reach a server that it asked for packages.");
                err_fix(e,
                        "image-create %s\n"
                        "Ask an admin for a proxy or a package index: build.env in ds01d.yaml",
                        project);
        } else {
                err_fix(e, "Mend requirements.txt or the Dockerfile, then: image-create %s",
                        project);
        }
}

int build_project(struct cli *c, const char *project, int project_fd, const struct pyproject *py,
        bool no_cache, struct err *e)
{
        char framework[PYPROJECT_DISPLAY_LEN];
        pyproject_display(py, framework);
        cleanup_free char *text = NULL;
        char dockerfile_sha[65], requirements_sha[65];
        if (dockerfile_read(project_fd, project, &text, e) < 0 ||
                fingerprint_project(project_fd, dockerfile_sha, requirements_sha, e) < 0 ||
                cli_connect(c, e) < 0)
                return -1;
        int dockerfile_fd;
        unsigned line;
        cleanup_free char *without = older_without_labels(text, &line);
        if (without)
                out_say("Labels of an older ds01 in the Dockerfile (line %u) are left out: ds01d sets its own.",
                        line);
        if (send_dockerfile(without ? without : text, &dockerfile_fd, e) < 0)
                return -1;
        struct view v = { .c = c, .log = BUF_INIT(LOG_MAX) };
        v.plain = !progress_possible();
        cleanup_free char *what = xasprintf("Building the image of %s", project);
        progress_start(&v.progress, what);
        json_t *params = json_pack("{s:s, s:b, s:s, s:s, s:s}", "project", project, "no_cache",
                (int)no_cache, "framework", framework, "dockerfile_sha", dockerfile_sha,
                "requirements_sha", requirements_sha);
        struct interrupt interrupt;
        interrupt_begin(&interrupt, c);
        int r = stream_build(&v, params, dockerfile_fd, project_fd, e);
        interrupt_end(&interrupt);
        progress_end(&v.progress);
        if (r < 0 && e->code == ERR_INTERRUPTED)
                err_set(e, ERR_INTERRUPTED, "The build of %s was given up", project);
        if (r < 0 && !v.plain && v.log.len > 0 && e->code != ERR_INTERRUPTED)
                out_say("%s", buf_str(&v.log));
        if (r < 0 && e->code == ERR_FAILED && !e->fix[0])
                say_what_helps(&v, project, e);
        if (r == 0)
                out_say("Built %s.", str_or_empty(v.image));
        buf_done(&v.log);
        free(v.step);
        free(v.image);
        return r;
}

int build_needed(
        int project_fd, const json_t *image, enum build_need *ret, char **ret_why, struct err *e)
{
        char dockerfile_sha[65], requirements_sha[65];
        if (!json_bool(image, "exists", false)) {
                *ret = BUILD_MISSING;
                *ret_why = xstrdup("it has not been built yet");
                return 0;
        }
        if (fingerprint_project(project_fd, dockerfile_sha, requirements_sha, e) < 0)
                return -1;
        const char *why = NULL;
        /* Without a Dockerfile there is nothing to build from: the image that is there will do. */
        if (!*dockerfile_sha)
                why = NULL;
        else if (strcmp(str_or_empty(json_str(image, "dockerfile_sha")), dockerfile_sha) != 0)
                why = "the Dockerfile changed since it was built";
        else if (strcmp(str_or_empty(json_str(image, "requirements_sha")), requirements_sha) != 0)
                why = "requirements.txt changed since it was built";
        else if (json_bool(image, "base_changed", false))
                why = "its base image changed since it was built";
        *ret = why ? BUILD_STALE : BUILD_CURRENT;
        *ret_why = xstrdup(str_or_empty(why));
        return 0;
}
