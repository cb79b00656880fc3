/* SPDX-License-Identifier: MIT */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/out.h"
#include "policy/access.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int show(enum args_outcome what, const struct cli *c, const char *noun)
{
        if (what == ARGS_INFO)
                c->cmd ? help_info(c->cmd) : help_noun_info(noun);
        else if (what == ARGS_CONCEPTS)
                c->cmd ? help_concepts(c->cmd) : help_noun_concepts(noun);
        else
                c->cmd ? help_command(c->cmd) : help_noun(noun);
        return 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
        enum args_outcome what;
        const char *noun;
        if (args_parse(c, argc, argv, &what, &noun, e) < 0)
                return -1;
        if (what != ARGS_RUN)
                return show(what, c, noun);
        struct access_rule rule = { .uid_min = 0 };
        struct access_caller self = { .uid = geteuid(), .gid = getegid(), .name = "root" };
        if (c->cmd->flags & CMD_ACCOUNT && self.uid == 0 && access_check_user(&rule, &self, e) < 0)
                return -1;
        c->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        c->guided = cli_has(c, "guided") && c->tty;
        c->yes = cli_has(c, "yes");
        return c->cmd->run(c, e);
}

/* Where one of 0, 1, 2 is closed, the connection to ds01d would take its number, and our output. */
static void claim_standard_fds(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
                        abort();
}

/* Data that did not arrive is a failure; a reader that has enough is none of its own. */
static int flush_data(int status, struct err *e)
{
        if ((fflush(stdout) == 0 && !ferror(stdout)) || status != 0)
                return status;
        if (errno == EPIPE)
                return 1;
        return err_sys(e, errno, "Can't write the output");
}

int main(int argc, char **argv)
{
        struct cli c = { 0 };
        struct err e = ERR_INIT;
        claim_standard_fds();
        setlocale(LC_CTYPE, "");
        signal(SIGPIPE, SIG_IGN);
        out_init();
        if (argc < 1)
                return 2;
        /* What the shells' scripts ask at every Tab: no command, so that it can't be listed or misspelt. */
        if (argc > 1 && strcmp(argv[1], "__complete") == 0)
                return complete_run(argc - 2, argv + 2);
        int status = flush_data(run(&c, argc, argv, &e), &e);
        if (status < 0) {
                /* Whoever pressed Ctrl-C knows: that is an answer, not an error. */
                if (e.code == ERR_INTERRUPTED && !e.fix[0])
                        out_say("%s.", e.msg);
                else
                        out_error(&e);
                status = err_exit_status(e.code);
        }
        rpc_client_free(c.rpc);
        free(c.given);
        free(c.args);
        return status;
}
