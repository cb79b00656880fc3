/* SPDX-License-Identifier: MIT */
#include "cli/complete.h"

#include "cli/args.h"
#include "project/pyproject.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_MS = 200, OUTPUT_MAX = 1 << 20 };

/* ---- what an option's value can be ---- */

static const char *const colors[] = { "auto", "always", "never", NULL };
static const char *const formats[] = { "table", "simple", "json", NULL };

static const struct {
        const char *option;
        enum names names;
        const char *const *words;
} values[] = {
        { "project", NAMES_PROJECTS, NULL },
        { "image", NAMES_IMAGES, NULL },
        { "framework", NAMES_FRAMEWORKS, NULL },
        { "workspace", NAMES_FOLDERS, NULL },
        { "data", NAMES_FOLDERS, NULL },
        { "requirements", NAMES_FILES, NULL },
        { "type", NAMES_NONE, project_types },
        { "color", NAMES_NONE, colors },
        { "format", NAMES_NONE, formats },
};

/* ---- the command line so far ---- */

struct line {
        const struct command *cmd;
        const char *typed; /* the last word */
        const struct complete_source *from;
        const struct opt *pending; /* whose value the last word is */
        const char *user;
        struct strv args;    /* arguments before the last word */
        struct strv options; /* names of options before it */
        struct choices *out;
};

/* Adds lead + name if it begins with what was typed. */
static void offer(struct line *l, const char *lead, const char *name, const char *note)
{
        cleanup_free char *word = xasprintf("%s%s", lead, name);
        if (str_starts(word, l->typed))
                choices_add(l->out, word, note);
}

static void offer_names(struct line *l, enum names what, const char *lead, const char *typed)
{
        cleanup_choices struct choices found = { 0 };
        if (what == NAMES_NONE)
                return;
        l->from->add(what, l->user, typed, &found);
        for (size_t i = 0; i < found.n; i++)
                if (!strv_has(&l->args, found.v[i].name))
                        offer(l, lead, found.v[i].name, found.v[i].note);
}

static void offer_value(struct line *l, const struct opt *o, const char *lead, const char *typed)
{
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                if (strcmp(values[i].option, o->name) != 0)
                        continue;
                for (const char *const *w = values[i].words; w && *w; w++)
                        offer(l, lead, *w, "");
                offer_names(l, values[i].names, lead, typed);
        }
}

static void offer_option(struct line *l, const struct opt *o)
{
        cleanup_free char *word = xasprintf("--%s%s", o->name, args_takes_value(o) ? "=" : "");
        if (o->kind == OPT_LIST || !strv_has(&l->options, o->name))
                offer(l, "", word, o->help);
}

static void offer_options(struct line *l)
{
        for (const struct opt *o = l->cmd->opts; o && o->name; o++)
                offer_option(l, o);
        for (const struct opt *o = args_common; o->name; o++)
                if (args_common_applies(l->cmd, o))
                        offer_option(l, o);
}

/* The words of an argument that is one of some: "[gpu|system]". */
static void offer_words(struct line *l)
{
        cleanup_free char *text = xstrdup(l->cmd->args);
        char *rest = text;
        for (char *w = strsep(&rest, "[]|"); w; w = strsep(&rest, "[]|"))
                if (*w)
                        offer(l, "", w, "");
}

static void offer_argument(struct line *l)
{
        const struct command *cmd = l->cmd;
        if (l->args.n >= (size_t)cmd->max_args) {
                offer_options(l);
                return;
        }
        if (l->args.n == 0 && strchr(cmd->args, '|'))
                offer_words(l);
        offer_names(l, cmd->names[l->args.n > 0], "", l->typed);
}

static void offer_verbs(struct line *l, const char *noun)
{
        bool top = strcmp(noun, "ds01") == 0;
        cleanup_strv struct strv nouns = { 0 };
        for (const struct command *const *p = commands; *p; p++) {
                if (command_has_noun(*p, noun)) {
                        offer(l, "", (*p)->verb, (*p)->summary);
                } else if (top && !strv_has(&nouns, (*p)->noun)) {
                        strv_add(&nouns, (*p)->noun);
                        offer(l, "", (*p)->noun, "");
                }
        }
}

/* ---- reading it ---- */

static void read_long(struct line *l, const char *word)
{
        size_t n = strcspn(word, "=");
        const struct opt *o = args_option(l->cmd, word, n, 0);
        if (!o)
                return;
        strv_add(&l->options, o->name);
        if (args_takes_value(o) && !word[n])
                l->pending = o;
        else if (strcmp(o->name, "user") == 0)
                l->user = word + n + 1;
}

static void read_short(struct line *l, const char *letters)
{
        for (const char *p = letters; *p; p++) {
                const struct opt *o = args_option(l->cmd, NULL, 0, *p);
                if (!o)
                        return;
                strv_add(&l->options, o->name);
                if (!args_takes_value(o))
                        continue;
                if (!p[1])
                        l->pending = o;
                return;
        }
}

/* False where what follows is no business of ours: the words of a command to be run inside. */
static bool read_word(struct line *l, const char *word)
{
        const struct opt *of = l->pending;
        l->pending = NULL;
        if (of) {
                if (strcmp(of->name, "user") == 0)
                        l->user = word;
                return true;
        }
        if (strcmp(word, "--") == 0)
                return false;
        if (str_starts(word, "--"))
                read_long(l, word + 2);
        else if (word[0] == '-' && word[1])
                read_short(l, word + 1);
        else
                strv_add(&l->args, word);
        return true;
}

static void offer_for(struct line *l)
{
        const char *word = l->typed;
        size_t n = strcspn(word, "=");
        if (l->pending) {
                offer_value(l, l->pending, "", word);
        } else if (str_starts(word, "--") && word[n]) {
                cleanup_free char *lead = xstrndup(word, n + 1);
                const struct opt *o = args_option(l->cmd, word + 2, n - 2, 0);
                /* Shells expand no ~ there, so that the path would not be found. */
                if (o && word[n + 1] != '~')
                        offer_value(l, o, lead, word + n + 1);
        } else if (word[0] == '-') {
                offer_options(l);
        } else {
                offer_argument(l);
        }
}

void complete(char *const *words, size_t n, const struct complete_source *from, struct choices *ret)
{
        struct line l = { .from = from, .out = ret };
        struct err ignored = ERR_INIT;
        struct cli c = { 0 };
        const char *noun = NULL;
        if (n < 2)
                return;
        cleanup_free char **copy = xcalloc(n, sizeof *copy);
        memcpy(copy, words, (n - 1) * sizeof *copy);
        int argc = (int)n - 1;
        char **argv = copy;
        l.typed = words[n - 1];
        if (args_command(&c, &argc, &argv, &noun, &ignored) < 0)
                return;
        if (!(l.cmd = c.cmd)) {
                if (argc == 0)
                        offer_verbs(&l, noun);
                return;
        }
        bool ours = true;
        for (int i = 0; i < argc && ours; i++)
                ours = read_word(&l, argv[i]);
        if (ours)
                offer_for(&l);
        strv_done(&l.args);
        strv_done(&l.options);
}

/* ---- as a program ---- */

static void too_late(int signal_number)
{
        (void)signal_number;
        _exit(0);
}

static void limit_time(void)
{
        const struct sigaction end = { .sa_handler = too_late };
        const struct itimerval limit = { .it_value.tv_usec = PATIENCE_MS * 1000 };
        sigaction(SIGALRM, &end, NULL);
        setitimer(ITIMER_REAL, &limit, NULL);
}

int complete_run(int n_words, char **words)
{
        cleanup_choices struct choices found = { 0 };
        cleanup_buf struct buf text = BUF_INIT(OUTPUT_MAX);
        limit_time();
        complete(words, (size_t)n_words, &complete_names, &found);
        for (size_t i = 0; i < found.n; i++) {
                cleanup_free char *name = str_safe(found.v[i].name);
                cleanup_free char *note = str_safe(str_or_empty(found.v[i].note));
                buf_printf(&text, "%s\t%s\n", name, note);
        }
        fputs(buf_str(&text), stdout);
        return 0;
}
