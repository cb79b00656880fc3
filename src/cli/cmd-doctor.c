/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/json.h"
#include "cli/alone.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { STATE_WIDTH = 11, TITLE_WIDTH = 15, TEXT_AT = STATE_WIDTH + TITLE_WIDTH + 4 };

struct examined {
        json_t *rows;
        bool quiet; /* --json: nothing is shown before the end */
        int problems, warnings, unchecked;
        bool ill;    /* ds01d found something */
        bool helped; /* and told more of it than everybody is told */
};

/* ---- showing ---- */

static enum out_style style_of(const char *state)
{
        if (strcmp(state, "problem") == 0)
                return OUT_RED;
        if (strcmp(state, "warning") == 0)
                return OUT_YELLOW;
        return strcmp(state, "ok") == 0 ? OUT_GREEN : OUT_DIM;
}

static void print_lines(const json_t *lines, const char *first)
{
        size_t i;
        json_t *line;
        json_array_foreach (lines, i, line) {
                cleanup_free char *safe = str_safe(str_or_empty(json_string_value(line)));
                printf("%*s%*s%s\n", TEXT_AT, "", (int)strlen(first), i ? "" : first, safe);
        }
}

static void print_row(const json_t *row)
{
        cleanup_free char *state = str_safe(str_or_empty(json_str(row, "state"))),
                          *title = str_safe(str_or_empty(json_str(row, "title"))),
                          *text = str_safe(str_or_empty(json_str(row, "text")));
        printf("%s%-*s%s  %-*s  %s\n", out_style(stdout, style_of(state)), STATE_WIDTH, state,
                out_style(stdout, OUT_PLAIN), TITLE_WIDTH, title, text);
        print_lines(json_at(row, "details"), "");
        print_lines(json_at(row, "fix"), "To fix: ");
        fflush(stdout);
}

static void take_row(void *ctx, json_t *row)
{
        struct examined *x = ctx;
        const char *state = str_or_empty(json_str(row, "state"));
        bool problem = strcmp(state, "problem") == 0, warning = strcmp(state, "warning") == 0;
        x->problems += problem;
        x->warnings += warning;
        x->unchecked += strcmp(state, "not checked") == 0;
        json_array_append(x->rows, row);
        if (!x->quiet)
                print_row(row);
}

static void take_own(struct examined *x, const char *check, const char *title, const char *state,
        const char *text, const char *fix)
{
        cleanup_json json_t *fixes = json_array();
        cleanup_free char *safe =
                str_safe(text); /* it may name a file, and those may be any bytes */
        while (fix && *fix) {
                size_t n = strcspn(fix, "\n");
                json_array_append_new(fixes, json_stringn(fix, n));
                fix += n + (fix[n] == '\n');
        }
        cleanup_json json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:[], s:O}", "check", check,
                "title", title, "state", state, "text", safe, "details", "fix", fixes);
        take_row(x, row);
}

/* ---- looking ---- */

/* Each name of a command is a link beside this program: one that is missing, or another's, is not ours. */
static void look_at_programs(struct examined *x)
{
        cleanup_free char *folder = alone_folder();
        cleanup_strv struct strv names = { 0 };
        cleanup_buf struct buf wrong = BUF_INIT(200);
        struct stat own, st;
        size_t n = 0;
        command_programs(&names);
        if (!folder || stat("/proc/self/exe", &own) < 0) {
                take_own(x, "programs", "Programs", "not checked", "Can't tell where they are",
                        NULL);
                return;
        }
        for (size_t i = 0; i < names.n; i++) {
                cleanup_free char *path = xasprintf("%s/%s", folder, names.v[i]);
                if (stat(path, &st) == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino)
                        continue;
                n++;
                buf_printf(&wrong, "%s%s", wrong.len ? ", " : "", names.v[i]);
        }
        cleanup_free char *text =
                n ? xasprintf("%zu of %zu names of ds01 %s missing in %s, or another program: %s%s",
                            n, names.n, n == 1 ? "is" : "are", folder, buf_str(&wrong),
                            wrong.full ? ", ..." : "")
                  : xasprintf("ds01 %s, all %zu names of it in %s", DS01_VERSION, names.n, folder);
        take_own(x, "programs", "Programs", n ? "warning" : "ok", text,
                n ? "Install ds01 again, and remove other programs of these names" : NULL);
}

static int on_reply(const json_t *reply, void *ctx)
{
        struct examined *x = ctx;
        cleanup_json json_t *row = json_deep_copy(reply);
        int before = x->problems + x->warnings;
        take_row(x, row);
        x->ill |= x->problems + x->warnings > before;
        x->helped |= json_array_size(json_at(row, "fix")) > 0 ||
                     json_array_size(json_at(row, "details")) > 0;
        return 0;
}

/* -1 only for what is no finding: that it is busy, or that we were interrupted. */
static int ask_daemon(struct cli *c, struct examined *x, struct err *e)
{
        size_t before = json_array_size(x->rows);
        if (cli_connect(c, e) == 0 &&
                rpc_stream(c->rpc, "io.ds01.System.Doctor",
                        json_pack("{s:s}", "version", DS01_VERSION), NULL, 0, on_reply, x, e) >= 0)
                return 0;
        if (e->code == ERR_BUSY || e->code == ERR_INTERRUPTED)
                return -1;
        /* One that doesn't know the question is older than we are, or another program. */
        take_own(x, "ds01d", "ds01d", "problem", e->msg,
                e->fix[0] ? e->fix : "sudo systemctl restart ds01d");
        if (json_array_size(x->rows) > before + 1)
                return 0;
        struct err alone = ERR_INIT;
        if (alone_examine(cli_value(c, "config"), take_row, x, &alone) < 0)
                take_own(x, "alone", "Without ds01d", "not checked", alone.msg, NULL);
        return 0;
}

static void say_sum(const struct examined *x)
{
        size_t n = json_array_size(x->rows);
        out_say("%s%zu checks: %d %s, %d %s, %d not checked.", x->quiet ? "" : "\n", n, x->problems,
                x->problems == 1 ? "problem" : "problems", x->warnings,
                x->warnings == 1 ? "warning" : "warnings", x->unchecked);
        if (x->ill && !x->helped)
                out_say("Admins are shown the details, and what helps: sudo ds01 doctor");
}

static int run(struct cli *c, struct err *e)
{
        cleanup_json json_t *rows = json_array();
        struct examined x = { .rows = rows, .quiet = cli_has(c, "json") };
        look_at_programs(&x);
        if (ask_daemon(c, &x, e) < 0)
                return -1;
        if (x.quiet) {
                cleanup_json json_t *j = json_pack("{s:i, s:O, s:i, s:i, s:i}", "schema", 1,
                        "checks", rows, "problems", x.problems, "warnings", x.warnings, "unchecked",
                        x.unchecked);
                out_json(stdout, j);
        } else
                say_sum(&x);
        return x.problems > 0;
}

static const struct opt opts[] = {
        { 0, "config", OPT_VALUE, "FILE",
                "Settings of a ds01d that does not run, if not the usual ones" },
        { 0 },
};

const struct command cmd_doctor = {
        .noun = "ds01",
        .verb = "doctor",
        .args = "",
        .max_args = 0,
        .flags = CMD_JSON,
        .summary = "Checks this machine and says what to fix",
        .details =
                "  ds01d looks at itself, its files, the kernel, the engine, networks and GPUs, and tells what it finds\n"
                "  as it comes: ok, warning, problem, or not checked. Nothing is changed. Everybody is told the state of\n"
                "  each check; admins (root, or members of ds01-admin) also the details, and what helps. Where ds01d does\n"
                "  not run, it says so and goes on with what can be looked at without it: as root, that is nearly all.\n"
                "  Exit status 1 says that there is a problem; warnings leave it 0. ds01d(8) lists the checks.\n",
        .examples = "ds01 doctor\n"
                    "sudo ds01 doctor\n"
                    "sudo ds01 doctor --json  for a monitor",
        .topic = "containers",
        .opts = opts,
        .run = run,
};
