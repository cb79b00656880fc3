/* SPDX-License-Identifier: MIT */
/*
 * What every command of `ds01` has in common: its row in the command table, the parsed command line,
 * the connection to ds01d, and how things are said.
 *
 * stdout carries data, stderr carries talk. A command returns its exit status; on failure it fills
 * the error, which main() prints once. The CLI runs with the caller's rights and nothing more.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "rpc/client.h"

#include <stdbool.h>

struct cli;

enum opt_kind {
        OPT_FLAG,     /* --force */
        OPT_VALUE,    /* --image=X or --image X; the last one counts */
        OPT_LIST,     /* as OPT_VALUE, may be given several times */
        OPT_OPTIONAL, /* --wait or --wait=2h; never --wait 2h, where 2h would be an argument */
};

struct opt {
        char letter; /* 0 if there is no short form */
        const char *name;
        enum opt_kind kind;
        const char *arg; /* what the value is called in help; NULL for flags */
        const char *help;
};

enum command_flags {
        CMD_GUIDED = 1 << 0,   /* takes --guided */
        CMD_JSON = 1 << 1,     /* prints data: takes --json */
        CMD_ADMIN = 1 << 2,    /* takes --user=NAME */
        CMD_TRAILING = 1 << 3, /* takes `-- COMMAND…` */
        CMD_ACCOUNT = 1 << 4,  /* for an ordinary account: root is told so before anything else */
        CMD_PROGRAM = 1 << 5,  /* of noun ds01: also a program by its verb alone: dashboard */
};

/* What an argument names, so that completion can offer what there is of it. */
enum names {
        NAMES_NONE,
        NAMES_PROJECTS,
        NAMES_CONTAINERS, /* in any state */
        NAMES_RUNNING,
        NAMES_PAUSED,
        NAMES_ACTIVE, /* running or paused */
        NAMES_IDLE,   /* not running */
        NAMES_BUILT,  /* projects that have an image */
        NAMES_IMAGES, /* images by their own names, and the catalogue's */
        NAMES_FRAMEWORKS,
        NAMES_TICKETS, /* places in line */
        NAMES_FILES,
        NAMES_FOLDERS,
};

struct command {
        const char *noun, *verb; /* "container", "attach"; noun "ds01" for ds01's own verbs */
        const char *alias;       /* another verb with the same meaning, or NULL */
        const char *const *also; /* further nouns that take this verb, ending with NULL; or NULL */
        const char *args;        /* "[name] [image]" */
        int max_args;
        enum names names[2]; /* what the first argument is, and each behind it */
        unsigned flags;
        const char *summary;    /* one line, starts with a verb in the third person */
        const char *details;    /* paragraphs of --info; may be "" */
        const char *examples;   /* lines, each a command, with its comment after two blanks */
        const char *topic;      /* which page --concepts shows */
        const struct opt *opts; /* ends with a NULL name */
        /* Returns an exit status (0 included), or -1 with *e filled. */
        int (*run)(struct cli *c, struct err *e);
};

/* The table: every command, in the order in which help lists them; ends with NULL. */
extern const struct command *const commands[];

/*
 * The names of all programs that are this one: ds01, each noun that has several verbs, and each command's
 * own name and its others. What is installed is compared with it.
 */
void command_programs(struct strv *ret);

/* True if the noun is the command's own, or one of its further ones. */
bool command_has_noun(const struct command *cmd, const char *noun);

struct cli {
        const struct command *cmd;
        char **args; /* positional arguments, borrowed from argv */
        int n_args;
        char **trailing; /* what stood after `--`, NULL-terminated, or NULL */
        struct {
                const struct opt *opt;
                const char *value;
        } * given;
        size_t n_given;
        bool tty;    /* stdin and stdout are terminals: we may ask and open shells */
        bool guided; /* --guided on a terminal */
        bool yes;    /* --yes: take the default answers */
        struct rpc_client *rpc;
};

/* Was the option given? Its (last) value, or NULL. Its values, borrowed, added to a list. */
bool cli_has(const struct cli *c, const char *option);
const char *cli_value(const struct cli *c, const char *option);
void cli_values(const struct cli *c, const char *option, struct strv *ret);

/*
 * The connection to ds01d, made when first needed; owned by *c. cli_call() is one request with one
 * answer; params are taken. The answer is the caller's.
 */
int cli_connect(struct cli *c, struct err *e);
int cli_call(struct cli *c, const char *method, json_t *params, json_t **ret, struct err *e);
/* Puts --user=NAME, where it is given, into the parameters of a request. */
void cli_for_user(const struct cli *c, json_t *params);
/* The socket in force: DS01_SOCKET or the built-in path. */
const char *cli_socket_path(void);

/* A usage error: exit status 2, with the usage line as the way out. Returns -1. */
int cli_usage(const struct cli *c, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* What is typed to get at a command, in one word where there is one: "container-attach", "ds01 why"; owned. */
char *cli_command(const struct command *cmd);
/* "container attach [name] [-- COMMAND…]": owned by the caller. */
char *cli_usage_line(const struct command *cmd);

/* Checks a project's or container's name given by the user; a folded upper case is told on stderr. */
int cli_name(const char *given, char ret_name[41], struct err *e);
