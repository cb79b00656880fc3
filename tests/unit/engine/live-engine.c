/* SPDX-License-Identifier: MIT */
/*
 * Every call of the engine layer against a real engine: live-engine SOCKET IMAGE. The image needs
 * /bin/sh, sleep, echo and cat. Not a registered test, because it needs an engine; prints each
 * call with its time and ends with 1 at the first surprise. Leaves nothing behind.
 */
#include "base/clock.h"
#include "base/demux.h"
#include "engine/archive.h"
#include "engine/build.h"
#include "engine/containers.h"
#include "engine/events.h"
#include "engine/exec.h"
#include "engine/networks.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static struct engine *en;
static struct err e;
static const char *image;
static struct timespec began;

static double elapsed_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double ms = (double)(now.tv_sec - began.tv_sec) * 1e3 +
                    (double)(now.tv_nsec - began.tv_nsec) / 1e6;
        began = now;
        return ms;
}

static void check_at(bool ok, const char *what, int line)
{
        printf("%8.2f ms  %-4s %s\n", elapsed_ms(), ok ? "ok" : "FAIL", what);
        if (ok)
                return;
        printf("line %d: %s (%s)\n%s\n", line, e.msg, err_wire_name(e.code), e.detail);
        exit(1);
}
#define CHECK(x) check_at((x), #x, __LINE__)
/* The call fails with this code; its sentence is printed. */
#define REFUSED(x, c)                                                                              \
        do {                                                                                       \
                check_at((x) == -1 && e.code == (c), #x, __LINE__);                                \
                printf("             %s\n", e.msg);                                                \
        } while (0)

static int gather(const char *data, size_t n, bool is_stderr, void *ctx)
{
        buf_printf(ctx, "%s", is_stderr ? "E:" : "");
        buf_add(ctx, data, n);
        return 0;
}

static int count(const struct engine_container *c, void *ctx)
{
        CHECK(strlen(c->id) == 64 && json_object_size(c->labels) == 1);
        ++*(int *)ctx;
        return 0;
}

static json_t *body(const char *script, bool tty)
{
        return json_pack("{s:s, s:[sss], s:b, s:{s:s}, s:{s:s}}", "Image", image, "Cmd", "/bin/sh",
                "-c", script, "Tty", tty, "Labels", "live.engine", "1", "HostConfig", "NetworkMode",
                "none");
}

static void drain(int fd, struct buf *b)
{
        char piece[512];
        ssize_t n;
        while ((n = read(fd, piece, sizeof piece)) > 0)
                buf_add(b, piece, (size_t)n);
}

static void engine_itself(void)
{
        struct engine_version v;
        CHECK(engine_ping(en, NULL, &e) == 0);
        CHECK(engine_ping(en, NULL, &e) == 0);
        CHECK(engine_version(en, NULL, &v, &e) == 0);
        printf("             %s api %s cgroup %s v%d %s root %s runtime %s security %s cpus %d\n",
                v.version, v.api, v.cgroup_driver, v.cgroup_version, v.storage_driver, v.root_dir,
                v.default_runtime, v.security, v.cpus);
        CHECK(engine_pid(en) > 0);
        printf("             pid %d\n", (int)engine_pid(en));
}

static void containers(void)
{
        char id[ENGINE_ID_LEN + 1], other[ENGINE_ID_LEN + 1];
        cleanup_json json_t *b = body("echo out; echo err >&2; exec sleep 100", false);
        cleanup_json json_t *bad = json_pack("{s:s}", "Image", "live/none:1");
        cleanup_engine_container struct engine_container c = { 0 };
        cleanup_buf struct buf out = BUF_INIT(4096);
        int n = 0, code = -1;
        CHECK(engine_container_create(en, NULL, "live-1", b, id, &e) == 0);
        REFUSED(engine_container_create(en, NULL, "live-1", b, other, &e), ERR_EXISTS);
        REFUSED(engine_container_create(en, NULL, "live-2", bad, other, &e), ERR_NO_IMAGE);
        REFUSED(engine_container_start(en, NULL, "live-none", &e), ERR_NOT_FOUND);
        REFUSED(engine_container_start(en, NULL, "../info", &e), ERR_INVALID);
        REFUSED(engine_container_pause(en, NULL, id, &e), ERR_NOT_RUNNING);
        CHECK(engine_container_kill(en, NULL, id, "KILL", &e) == 0);
        CHECK(engine_container_start(en, NULL, id, &e) == 0);
        CHECK(engine_container_start(en, NULL, id, &e) == 0);
        CHECK(engine_container_pause(en, NULL, id, &e) == 0);
        CHECK(engine_container_pause(en, NULL, id, &e) == 0);
        CHECK(engine_container_inspect(en, NULL, id, &c, &e) == 0);
        CHECK(c.running && c.paused && c.pid > 0 && strcmp(c.name, "live-1") == 0 && !c.tty);
        CHECK(c.started_at > 0 && c.finished_at == 0 && c.created_at > 0 && !c.error[0]);
        CHECK(engine_container_unpause(en, NULL, id, &e) == 0);
        CHECK(engine_container_unpause(en, NULL, id, &e) == 0);
        CHECK(engine_container_each(en, NULL, "live.engine=1", count, &n, &e) == 0 && n == 1);
        usleep(200000);
        elapsed_ms();
        CHECK(engine_container_logs(en, NULL, id, false, false, -1, gather, &out, &e) == 0);
        CHECK(strcmp(buf_str(&out), "out\nE:err\n") == 0 ||
                strcmp(buf_str(&out), "E:err\nout\n") == 0);
        const struct engine_wait brief = { -1, clock_mono_ms() + 300 };
        REFUSED(engine_container_wait(en, &brief, id, &code, &e), ERR_BUSY);
        CHECK(engine_container_kill(en, NULL, id, "KILL", &e) == 0);
        CHECK(engine_container_wait(en, NULL, id, &code, &e) == 0 && code == 137);
        CHECK(engine_container_remove(en, NULL, id, &e) == 0);
        CHECK(engine_container_remove(en, NULL, id, &e) == 0);
        engine_container_done(&c);
        REFUSED(engine_container_inspect(en, NULL, id, &c, &e), ERR_NOT_FOUND);
}

static void files(void)
{
        char id[ENGINE_ID_LEN + 1];
        cleanup_json json_t *b = body("exit 0", false);
        char *text = NULL;
        bool exists = false;
        CHECK(engine_container_create(en, NULL, "live-files", b, id, &e) == 0);
        CHECK(engine_container_read_file(en, NULL, id, "/etc/passwd", 65536, &text, &exists, &e) ==
                0);
        CHECK(exists && strncmp(text, "root:", 5) == 0);
        free(text);
        CHECK(engine_container_read_file(en, NULL, id, "/no/such", 65536, &text, &exists, &e) == 0);
        CHECK(!exists && !text[0]);
        free(text);
        REFUSED(engine_container_read_file(en, NULL, id, "/etc", 65536, &text, &exists, &e),
                ERR_FAILED);
        REFUSED(engine_container_read_file(en, NULL, id, "/etc/passwd", 3, &text, &exists, &e),
                ERR_FAILED);
        REFUSED(engine_container_read_file(en, NULL, "live-none", "/etc", 9, &text, &exists, &e),
                ERR_NOT_FOUND);
        CHECK(engine_container_has_path(en, NULL, id, "/bin/sh", &exists, &e) == 0 && exists);
        CHECK(engine_container_has_path(en, NULL, id, "/bin/nosh", &exists, &e) == 0 && !exists);
        CHECK(engine_container_remove(en, NULL, id, &e) == 0);
}

static void execs(void)
{
        char id[ENGINE_ID_LEN + 1], x[ENGINE_ID_LEN + 1];
        cleanup_json json_t *b = body("sleep 100", true);
        struct engine_exec st;
        cleanup_buf struct buf out = BUF_INIT(65536), parts = BUF_INIT(65536);
        int fd = -1;
        cleanup_json json_t *tty = json_pack("{s:b,s:b,s:b,s:b,s:[s]}", "AttachStdin", 1,
                "AttachStdout", 1, "AttachStderr", 1, "Tty", 1, "Cmd", "/bin/sh");
        cleanup_json json_t *plain = json_pack("{s:b,s:b,s:[sss]}", "AttachStdout", 1,
                "AttachStderr", 1, "Cmd", "/bin/sh", "-c", "echo a; echo b >&2; exit 7");
        CHECK(engine_container_create(en, NULL, "live-exec", b, id, &e) == 0);
        REFUSED(engine_exec_create(en, NULL, id, tty, x, &e), ERR_NOT_RUNNING);
        REFUSED(engine_exec_create(en, NULL, "live-none", tty, x, &e), ERR_NOT_FOUND);
        CHECK(engine_container_start(en, NULL, id, &e) == 0);
        CHECK(engine_exec_create(en, NULL, id, tty, x, &e) == 0);

        REFUSED(engine_exec_start(en, NULL, "0123456789ab", true, &fd, &e), ERR_NOT_FOUND);
        CHECK(engine_exec_start(en, NULL, x, true, &fd, &e) == 0);
        CHECK(engine_exec_resize(en, NULL, x, 33, 77, &e) == 0);
        CHECK(engine_exec_inspect(en, NULL, x, &st, &e) == 0);
        CHECK(st.running && st.pid > 0 && st.exit_code == -1 && strcmp(st.container_id, id) == 0);
        CHECK(write(fd, "echo hi; exit 5\n", 16) == 16);
        drain(fd, &out);
        close(fd);
        CHECK(strstr(buf_str(&out), "hi\r\n") != NULL);
        CHECK(engine_exec_inspect(en, NULL, x, &st, &e) == 0 && !st.running && st.exit_code == 5);
        CHECK(engine_exec_create(en, NULL, id, plain, x, &e) == 0);
        CHECK(engine_exec_start(en, NULL, x, false, &fd, &e) == 0);
        buf_clear(&out);
        drain(fd, &out);
        close(fd);
        struct demux d = { 0 };
        CHECK(demux_feed(&d, out.data, out.len, gather, &parts) == 0 && demux_at_rest(&d));
        CHECK(strstr(buf_str(&parts), "E:b\n") && strstr(buf_str(&parts), "a\n"));
        CHECK(engine_container_remove(en, NULL, id, &e) == 0);
}

struct pipe_source {
        int fd;
};

static ssize_t read_pipe(void *ctx, char *buf, size_t n)
{
        return read(((struct pipe_source *)ctx)->fd, buf, n);
}

static int show(const struct engine_build_event *event, void *ctx)
{
        (void)ctx;
        printf("             %d %d/%d %s%s", event->kind, event->step, event->steps, event->text,
                event->n && event->text[event->n - 1] == '\n' ? "" : "\n");
        return 0;
}

/* A tar of a Dockerfile, and pieces sent with pauses. */
static void *pack(void *arg)
{
        const char *const *a = arg;
        char tar[10240] = "";
        char head[512] = "Dockerfile";
        unsigned sum = 0;
        memcpy(head + 100, "0000644", 7);
        memcpy(head + 108, "0000000", 7);
        memcpy(head + 116, "0000000", 7);
        snprintf(head + 124, 12, "%011o", (unsigned)strlen(a[0]) & 0xffff);
        memcpy(head + 136, "00000000000", 11);
        memset(head + 148, ' ', 8);
        head[156] = '0';
        memcpy(head + 257, "ustar\00000", 8);
        for (size_t i = 0; i < sizeof head; i++)
                sum += (unsigned char)head[i];
        snprintf(head + 148, 8, "%06o", sum);
        memcpy(tar, head, sizeof head);
        memcpy(tar + 512, a[0], strlen(a[0]));
        int fd = atoi(a[1]);
        for (size_t at = 0; at < sizeof tar; at += 512) {
                if (write(fd, tar + at, 512) != 512)
                        break;
                usleep(2000);
        }
        close(fd);
        return NULL;
}

static int build(const char *dockerfile, const char *tag, char id[ENGINE_IMAGE_ID_SIZE])
{
        int p[2];
        char number[16];
        pthread_t t;
        if (pipe2(p, O_NONBLOCK | O_CLOEXEC) || fcntl(p[1], F_SETFL, 0))
                return -1;
        snprintf(number, sizeof number, "%d", p[1]);
        const char *args[] = { dockerfile, number };
        struct pipe_source ps = { p[0] };
        struct engine_source source = { read_pipe, &ps, p[0] };
        cleanup_json json_t *labels = json_pack("{s:s}", "live.engine", "1");
        const struct engine_build b = { .tag = tag,
                .network_mode = "none",
                .memory_bytes = 1 << 28,
                .cpu_quota_us = 100000,
                .cpu_period_us = 100000,
                .shm_bytes = 1 << 26,
                .labels = labels,
                .cache_from = tag };
        pthread_create(&t, NULL, pack, args);
        const struct engine_wait w = { -1, clock_mono_ms() + 60000 };
        int r = engine_build(en, &w, &b, &source, show, NULL, id, &e);
        close(p[0]);
        pthread_join(t, NULL);
        return r;
}

static void images(void)
{
        char id[ENGINE_IMAGE_ID_SIZE], text[256];
        cleanup_engine_image struct engine_image i = { 0 };
        bool in_use;
        snprintf(text, sizeof text, "FROM %s\nENV A=b\nRUN echo one; printf 'x\\000y\\n'\n", image);
        CHECK(build(text, "live/built:1", id) == 0);
        CHECK(engine_image_inspect(en, NULL, "live/built:1", &i, &e) == 0);
        CHECK(strcmp(i.id, id) == 0 && i.tags.n == 1 && i.layers.n >= 1 && i.labels && i.env);
        CHECK(engine_image_tag(en, NULL, id, "live/other", "2", &e) == 0);
        CHECK(engine_image_remove(en, NULL, "live/other:2", &in_use, &e) == 0 && !in_use);
        CHECK(engine_image_remove(en, NULL, "live/built:1", &in_use, &e) == 0 && !in_use);
        CHECK(engine_image_remove(en, NULL, "live/built:1", &in_use, &e) == 0 && !in_use);
        engine_image_done(&i);
        REFUSED(engine_image_inspect(en, NULL, "live/built:1", &i, &e), ERR_NO_IMAGE);
        snprintf(text, sizeof text, "FROM %s\nRUN exit 3\n", image);
        REFUSED(build(text, "live/built:1", id), ERR_FAILED);
        REFUSED(build("FROM x\nFROMM y\n", "live/built:1", id), ERR_FAILED);
        REFUSED(build("FROM registry.invalid/none:1\n", "live/built:1", id), ERR_NO_IMAGE);
        REFUSED(engine_image_pull(en, NULL, "registry.invalid/none", NULL, NULL, &e), ERR_NO_IMAGE);
}

static void networks(void)
{
        cleanup_json json_t *labels = json_pack("{s:s}", "live.engine", "1");
        CHECK(engine_network_ensure(
                      en, NULL, "live-net", "livebr0", false, labels, "10.78.0.0/24", &e) == 0);
        CHECK(engine_network_ensure(
                      en, NULL, "live-net", "livebr0", false, labels, "10.78.0.0/24", &e) == 0);
        REFUSED(engine_network_ensure(en, NULL, "live-net", "livebr0", true, labels, NULL, &e),
                ERR_FAILED);
        REFUSED(engine_network_ensure(en, NULL, "none", NULL, true, labels, NULL, &e), ERR_FAILED);
        REFUSED(engine_network_ensure(
                        en, NULL, "live-net2", "livebr0", true, labels, "10.78.0.0/24", &e),
                ERR_FAILED);
        CHECK(engine_network_remove(en, NULL, "live-net", &e) == 0);
        CHECK(engine_network_remove(en, NULL, "live-net", &e) == 0);
}

static int on_event(const struct engine_event *event, void *ctx)
{
        printf("             event '%s' %.12s %d\n", event->action, event->id, event->exit_code);
        eventfd_write(*(int *)ctx, 1);
        return 0;
}

static int stop_fd;
static int seen_fd;

static void *watch(void *arg)
{
        struct err *why = arg;
        const struct engine_wait w = { stop_fd, -1 };
        engine_events(en, &w, "live.engine=1", on_event, &seen_fd, why);
        return NULL;
}

static void events(void)
{
        char id[ENGINE_ID_LEN + 1];
        pthread_t t;
        struct err why = ERR_INIT;
        eventfd_t seen;
        cleanup_json json_t *b = body("exit 4", false);
        stop_fd = eventfd(0, EFD_CLOEXEC);
        seen_fd = eventfd(0, EFD_CLOEXEC);
        pthread_create(&t, NULL, watch, &why);
        CHECK(eventfd_read(seen_fd, &seen) == 0);
        CHECK(engine_container_create(en, NULL, "live-event", b, id, &e) == 0);
        CHECK(engine_container_start(en, NULL, id, &e) == 0);
        CHECK(engine_container_remove(en, NULL, id, &e) == 0);
        usleep(100000);
        eventfd_write(stop_fd, 1);
        elapsed_ms();
        pthread_join(t, NULL);
        CHECK(why.code == ERR_INTERRUPTED);
        CHECK(eventfd_read(seen_fd, &seen) == 0 && seen >= 4);
}

int main(int argc, char **argv)
{
        if (argc != 3) {
                fprintf(stderr, "Usage: live-engine SOCKET IMAGE\n");
                return 2;
        }
        image = argv[2];
        en = engine_new(argv[1]);
        elapsed_ms();
        engine_itself();
        containers();
        files();
        execs();
        images();
        networks();
        events();
        engine_free(en);
        return 0;
}
