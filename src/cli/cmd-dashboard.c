/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "cli/dashboard.h"
#include "cli/interrupt.h"
#include "cli/live.h"
#include "cli/tty.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_COLUMNS = 80, PAGE_LINES = 24 };

static const struct {
        const char *word;
        unsigned part;
} sections[] = {
        { "gpu", BOARD_GPU },
        { "system", BOARD_SYSTEM },
        { "containers", BOARD_CONTAINERS },
        { "users", BOARD_USERS },
        { "queue", BOARD_QUEUE },
};

static int read_section(struct cli *c, unsigned *ret, struct err *e)
{
        const char *words[ARRAY_LEN(sections) + 1] = { NULL };
        for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
                words[i] = sections[i].word;
                if (strcmp(c->args[0], sections[i].word) == 0) {
                        *ret = sections[i].part;
                        return 0;
                }
        }
        const char *near = str_nearest(c->args[0], words);
        cleanup_free char *safe = str_safe(c->args[0]);
        return cli_usage(c, e, "The dashboard has no section '%.60s'%s%s%s", safe,
                near ? ", did you mean '" : "", str_or_empty(near), near ? "'?" : "");
}

/* For programs: an object on a line each time. */
static int watch_json(struct cli *c, unsigned parts, struct err *e)
{
        struct interrupt interrupt;
        int r = 0;
        if (parts != BOARD_SYSTEM && cli_connect(c, e) < 0)
                return -1;
        interrupt_begin(&interrupt, c);
        struct pollfd left = { .fd = interrupt.fd, .events = POLLIN };
        while (r == 0 && !ferror(stdout)) {
                cleanup_board struct board b = { 0 };
                r = board_load(c, parts, true, &b, e);
                if (r == 0) {
                        board_json(&b, stdout);
                        fflush(stdout);
                        if (poll(&left, 1, BOARD_WATCH_MS) != 0)
                                r = err_set(e, ERR_INTERRUPTED, "Left");
                }
        }
        interrupt_end(&interrupt);
        /* That is how one leaves it: nothing to complain about. */
        return r < 0 && e->code == ERR_INTERRUPTED ? err_exit_status(ERR_INTERRUPTED) : r;
}

static int watch(struct cli *c, unsigned parts, struct err *e)
{
        if (cli_has(c, "full"))
                return cli_usage(c, e, "Options --watch and --full exclude each other");
        if (cli_has(c, "json"))
                return watch_json(c, parts, e);
        /* Who has what is on the page beside each GPU already. */
        return live_run(c, parts == BOARD_ALL ? BOARD_ALL & ~(unsigned)BOARD_USERS : parts, e);
}

static int run(struct cli *c, struct err *e)
{
        cleanup_board struct board b = { 0 };
        unsigned parts = BOARD_ALL;
        bool page = c->n_args == 0 && !cli_has(c, "full"), terminal = isatty(STDOUT_FILENO);
        if (c->n_args > 0 && read_section(c, &parts, e) < 0)
                return -1;
        if (cli_has(c, "watch"))
                return watch(c, parts, e);
        if (board_load(c, parts, false, &b, e) < 0)
                return -1;
        /* A page is one anywhere; a list that goes to a file is whole. */
        struct sheet s = { .f = stdout, .columns = page ? PAGE_COLUMNS : 0, .lines = PAGE_LINES };
        if (terminal) {
                int rows, columns;
                tty_size(&rows, &columns);
                s.columns = (size_t)out_width(stdout);
                s.lines = rows > PAGE_LINES ? (size_t)rows : PAGE_LINES;
        }
        s.lines--; /* the prompt's */
        if (cli_has(c, "json"))
                board_json(&b, stdout);
        else if (page)
                board_page(&b, &s);
        else
                board_sections(&b, &s);
        return 0;
}

static const struct opt opts[] = {
        { 'w', "watch", OPT_FLAG, NULL, "A live view of the whole screen, until q" },
        { 0, "full", OPT_FLAG, NULL, "All sections at length, instead of a page" },
        { 0 },
};

const struct command cmd_dashboard = {
        .noun = "ds01",
        .verb = "dashboard",
        .args = "[gpu|system|containers|users|queue]",
        .max_args = 1,
        .flags = CMD_JSON | CMD_PROGRAM,
        .summary =
                "Shows what goes on: GPUs and who has them, this machine, your containers, the queue",
        .details =
                "  One page that fits a terminal of 80 columns and 24 lines. What doesn't fit is counted, with the\n"
                "  section that shows all of it. A section is a word behind the command: `dashboard gpu`.\n"
                "\n"
                "  A GPU is free, held (by an account, for a container), drained (something still uses it, nobody\n"
                "  gets it until it is clean), in use outside ds01, or not answering. Held for a turn: it is kept for\n"
                "  somebody whose turn in the queue has come. Behind the lease so far stands until when it lasts at\n"
                "  the latest; \"no end\" where the policy sets none. A dash stands for what the driver does not tell.\n"
                "  Parts of a GPU (MIG) stand indented below it; they are given away one by one.\n"
                "\n"
                "  Of others you see what the policy lets you see: by default names, GPUs and ends of leases, never\n"
                "  what they run. Root sees everyone's containers.\n"
                "\n"
                "  With --watch: a live view, anew every two seconds, with what each GPU did in the last minutes. Keys:\n"
                "  arrows or j and k select one of your containers, a or Enter opens a shell in it (its end leads\n"
                "  back), r retires it after a question, s sorts the GPUs by number, use, memory or holder, ? shows\n"
                "  the keys, Ctrl-L draws anew, q leaves. While ds01d does not answer, the last figures stay, and the\n"
                "  first line says so. It needs a terminal of at least 40 columns and 10 lines.\n"
                "\n"
                "  With --json: gpus and driver, system, containers, queue, users. Memory is in bytes, power in\n"
                "  milliwatts, cpu_milli in thousandths of a processor; null is unknown, or no end. With\n"
                "  --watch as well: such an object on a line of its own every two seconds.\n",
        .examples = "dashboard\n"
                    "dashboard gpu           who has which GPU until when\n"
                    "dashboard --watch       live, until q\n"
                    "dashboard --full\n"
                    "dashboard queue --json",
        .topic = "gpus",
        .opts = opts,
        .run = run,
};
