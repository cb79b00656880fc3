/* SPDX-License-Identifier: MIT */
#include "cli/args.h"

#include "cli/out.h"

#include <stdio.h>
#include <string.h>

const struct opt args_common[] = {
        { 0, "json", OPT_FLAG, NULL, "Print one JSON object" },
        { 0, "user", OPT_VALUE, "NAME", "Act on another account's behalf (admins)" },
        { 'y', "yes", OPT_FLAG, NULL, "Take the default answer to every question" },
        { 0, "guided", OPT_FLAG, NULL, "Explain each step" },
        { 0, "color", OPT_VALUE, "WHEN", "auto, always or never" },
        { 'h', "help", OPT_FLAG, NULL, "Show this help" },
        { 0, "info", OPT_FLAG, NULL, "Show the full description" },
        { 0, "concepts", OPT_FLAG, NULL, "Explain the ideas behind it" },
        { 0 },
};

bool args_common_applies(const struct command *cmd, const struct opt *o)
{
        unsigned need = strcmp(o->name, "json") == 0     ? CMD_JSON
                        : strcmp(o->name, "user") == 0   ? CMD_ADMIN
                        : strcmp(o->name, "guided") == 0 ? CMD_GUIDED
                                                         : 0;
        return (cmd->flags & need) == need;
}

bool command_has_noun(const struct command *cmd, const char *noun)
{
        for (const char *const *n = cmd->also; n && *n; n++)
                if (strcmp(*n, noun) == 0)
                        return true;
        return strcmp(cmd->noun, noun) == 0;
}

const struct command *args_find(const char *noun, const char *verb)
{
        for (const struct command *const *p = commands; *p; p++)
                if (command_has_noun(*p, noun) &&
                        (strcmp((*p)->verb, verb) == 0 ||
                                ((*p)->alias && strcmp((*p)->alias, verb) == 0)))
                        return *p;
        return NULL;
}

/* The table's own copy of a noun, or NULL if it is none. */
static const char *find_noun(const char *s)
{
        for (const struct command *const *p = commands; *p; p++) {
                if (strcmp((*p)->noun, s) == 0)
                        return (*p)->noun;
                for (const char *const *n = (*p)->also; n && *n; n++)
                        if (strcmp(*n, s) == 0)
                                return *n;
        }
        return NULL;
}

/*
 * The word nearest to what was given where `noun` takes a verb; for ds01 itself also the nouns and the
 * joined names. Owned; NULL if none is near.
 */
static char *nearest_verb(const char *noun, const char *given)
{
        cleanup_strv struct strv words = { 0 };
        strv_add(&words, "help");
        for (const struct command *const *p = commands; *p; p++) {
                if (command_has_noun(*p, noun)) {
                        strv_add(&words, (*p)->verb);
                        if ((*p)->alias)
                                strv_add(&words, (*p)->alias);
                }
                if (strcmp(noun, "ds01") == 0 && strcmp((*p)->noun, noun) != 0) {
                        strv_add(&words, (*p)->noun);
                        strv_take(&words, xasprintf("%s-%s", (*p)->noun, (*p)->verb));
                }
        }
        return xstrdup(str_nearest(given, (const char *const *)words.v));
}

static int unknown_verb(const char *noun, const char *given, struct err *e)
{
        cleanup_free char *safe = str_safe(given);
        cleanup_free char *near = nearest_verb(noun, given);
        bool top = str_eq(noun, "ds01");
        err_set(e, ERR_INVALID, "Unknown command '%s%s%.60s'%s%s%s", top ? "" : noun,
                top ? "" : " ", safe, near ? ", did you mean '" : "", str_or_empty(near),
                near ? "'?" : "");
        return err_fix(e, top ? "ds01 help" : "ds01 %s --help", noun);
}

const struct opt *args_option(const struct command *cmd, const char *name, size_t len, char letter)
{
        for (const struct opt *o = cmd->opts; o && o->name; o++)
                if (letter ? o->letter == letter
                           : strlen(o->name) == len && !memcmp(o->name, name, len))
                        return o;
        for (const struct opt *o = args_common; o->name; o++)
                if (args_common_applies(cmd, o) &&
                        (letter ? o->letter == letter
                                : strlen(o->name) == len && !memcmp(o->name, name, len)))
                        return o;
        return NULL;
}

static int unknown_option(const struct cli *c, const char *given, struct err *e)
{
        const char *words[64];
        size_t n = 0;
        for (const struct opt *o = c->cmd->opts; o && o->name; o++)
                words[n++] = o->name;
        for (const struct opt *o = args_common; o->name; o++)
                if (args_common_applies(c->cmd, o))
                        words[n++] = o->name;
        words[n] = NULL;
        cleanup_free char *safe = str_safe(given);
        cleanup_free char *bare = xstrndup(given, strcspn(given, "="));
        const char *near = str_starts(bare, "--") ? str_nearest(bare + 2, words) : NULL;
        err_set(e, ERR_INVALID, "Unknown option '%.60s'%s%s%s", safe,
                near ? ", did you mean '--" : "", str_or_empty(near), near ? "'?" : "");
        cleanup_free char *command = cli_command(c->cmd);
        return err_fix(e, "%s --help", command);
}

static void remember(struct cli *c, const struct opt *o, const char *value)
{
        c->given = xrealloc(c->given, c->n_given + 1, sizeof *c->given);
        c->given[c->n_given].opt = o;
        c->given[c->n_given++].value = value;
}

bool args_takes_value(const struct opt *o)
{
        return o->kind == OPT_VALUE || o->kind == OPT_LIST;
}

/* One `--name`, `--name=value` or `--name value`. */
static int long_option(struct cli *c, char **argv, int argc, int *i, struct err *e)
{
        const char *name = argv[*i] + 2;
        size_t len = strcspn(name, "=");
        const char *value = name[len] == '=' ? name + len + 1 : NULL;
        const struct opt *o = args_option(c->cmd, name, len, 0);
        if (!o)
                return unknown_option(c, argv[*i], e);
        if (o->kind == OPT_FLAG && value)
                return cli_usage(c, e, "Option --%s takes no value", o->name);
        if (args_takes_value(o) && !value) {
                if (*i + 1 >= argc)
                        return cli_usage(c, e, "Option --%s needs a value: --%s=%s", o->name,
                                o->name, o->arg);
                value = argv[++*i];
        }
        remember(c, o, value);
        return 0;
}

/* One cluster of short options: -a, -af, -t30, -t 30. */
static int short_options(struct cli *c, char **argv, int argc, int *i, struct err *e)
{
        for (const char *p = argv[*i] + 1; *p; p++) {
                const struct opt *o = args_option(c->cmd, NULL, 0, *p);
                if (!o)
                        return unknown_option(c, argv[*i], e);
                if (!args_takes_value(o)) {
                        remember(c, o, NULL);
                        continue;
                }
                const char *value = p[1] ? p + 1 : *i + 1 < argc ? argv[++*i] : NULL;
                if (!value)
                        return cli_usage(c, e, "Option -%c needs a value", o->letter);
                remember(c, o, value);
                break;
        }
        return 0;
}

/* Everything goes to ds01d as JSON, or to the terminal: bytes that are no text have no place in either. */
static int check_text(int argc, char **argv, struct err *e)
{
        for (int i = 0; i < argc; i++)
                if (!str_is_utf8(argv[i], strlen(argv[i]))) {
                        cleanup_free char *safe = str_safe(argv[i]);
                        return err_set(e, ERR_INVALID, "Argument '%.60s' is not UTF-8", safe);
                }
        return 0;
}

static int parse_rest(struct cli *c, int argc, char **argv, struct err *e)
{
        c->args = xcalloc((size_t)argc + 1, sizeof *c->args);
        for (int i = 0; i < argc; i++) {
                if (strcmp(argv[i], "--") == 0) {
                        if (!(c->cmd->flags & CMD_TRAILING))
                                return cli_usage(c, e, "Nothing may follow '--' here");
                        if (i + 1 < argc)
                                c->trailing = argv + i + 1;
                        break;
                }
                int r = 0;
                if (str_starts(argv[i], "--"))
                        r = long_option(c, argv, argc, &i, e);
                else if (argv[i][0] == '-' && argv[i][1])
                        r = short_options(c, argv, argc, &i, e);
                else
                        c->args[c->n_args++] = argv[i];
                if (r < 0)
                        return r;
        }
        return 0;
}

/* True for the options that ask for help, and which of its levels. */
static bool help_level(const char *word, enum args_outcome *ret)
{
        static const struct {
                const char *word;
                enum args_outcome level;
        } levels[] = { { "-h", ARGS_HELP }, { "--help", ARGS_HELP }, { "--info", ARGS_INFO },
                { "--concepts", ARGS_CONCEPTS } };
        for (size_t i = 0; i < ARRAY_LEN(levels); i++)
                if (strcmp(levels[i].word, word) == 0) {
                        *ret = levels[i].level;
                        return true;
                }
        return false;
}

int args_command(struct cli *c, int *argc, char ***argv, const char **ret_noun, struct err *e)
{
        const char *self = strrchr((*argv)[0], '/');
        self = self ? self + 1 : (*argv)[0];
        (*argc)--, (*argv)++;

        cleanup_free char *word = xstrdup(self);
        enum args_outcome ignored;
        if (strcmp(word, "ds01") == 0) {
                if (*argc == 0 || help_level((*argv)[0], &ignored)) {
                        *ret_noun = "ds01";
                        return 0;
                }
                str_replace(&word, strcmp((*argv)[0], "--version") == 0 ? "version" : (*argv)[0]);
                if ((c->cmd = args_find("ds01", word))) {
                        (*argc)--, (*argv)++;
                        return 0;
                }
                (*argc)--, (*argv)++;
        } else {
                const struct command *program = args_find("ds01", word);
                if (program && program->flags & CMD_PROGRAM) {
                        c->cmd = program;
                        return 0;
                }
        }
        /* noun-verb, where nouns may contain a dash themselves; then a bare noun and its verb. */
        for (char *dash = strchr(word, '-'); dash; dash = strchr(dash + 1, '-')) {
                *dash = '\0';
                c->cmd = args_find(word, dash + 1);
                *dash = '-';
                if (c->cmd)
                        return 0;
        }
        const char *noun = find_noun(word);
        if (!noun)
                return unknown_verb("ds01", word, e);
        *ret_noun = noun;
        if (*argc == 0 || strcmp((*argv)[0], "help") == 0 || help_level((*argv)[0], &ignored))
                return 0;
        if (!(c->cmd = args_find(word, (*argv)[0])))
                return unknown_verb(noun, (*argv)[0], e);
        (*argc)--, (*argv)++;
        return 0;
}

int args_parse(struct cli *c, int argc, char **argv, enum args_outcome *ret, const char **ret_noun,
        struct err *e)
{
        *ret_noun = NULL;
        if (check_text(argc - 1, argv + 1, e) < 0 || args_command(c, &argc, &argv, ret_noun, e) < 0)
                return -1;
        if (!c->cmd) {
                *ret = ARGS_HELP;
                if (argc > 0)
                        (void)help_level(argv[0], ret);
                return 0;
        }
        /* Help never fails: it is looked for before anything is checked. */
        for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
                if (help_level(argv[i], ret))
                        return 0;
        if (parse_rest(c, argc, argv, e) < 0)
                return -1;
        if (c->n_args > c->cmd->max_args) {
                cleanup_free char *safe = str_safe(c->args[c->cmd->max_args]);
                return cli_usage(c, e, "One argument too many: '%.60s'", safe);
        }
        const char *color = cli_value(c, "color");
        if (color && out_set_color(color) < 0)
                return cli_usage(c, e, "Option --color takes auto, always or never");
        *ret = ARGS_RUN;
        return 0;
}
