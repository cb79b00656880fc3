/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include "cli/args.h"
#include "cli/out.h"
#include "cli/row.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { USAGE_WIDTH = 38 };

static const struct help_topic topics[] = {
#define X(name, title, text) { name, title, text },
#include "cli/topics.def"
#undef X
};

static const struct {
        int status;
        const char *meaning;
} statuses[] = {
        { 0, "done" },
#define X(code, wire, exit_status, meaning) { exit_status, meaning },
#include "base/err.def"
#undef X
};

const char help_questions[] =
        "  They are asked on a terminal only. Without one the default answer is taken, as with --yes:\n"
        "  yes where it says [Y/n], no where it says [y/N].\n";

const struct help_topic *help_topic_at(size_t i)
{
        return i < ARRAY_LEN(topics) ? &topics[i] : NULL;
}

/* Rows of one status stand together in err.def. */
bool help_exit_status_at(size_t i, int *ret_status, char **ret_meaning)
{
        struct buf b = BUF_INIT(1024);
        size_t row = 0;
        for (; i > 0 && row < ARRAY_LEN(statuses); row++)
                if (row + 1 == ARRAY_LEN(statuses) ||
                        statuses[row + 1].status != statuses[row].status)
                        i--;
        if (row == ARRAY_LEN(statuses))
                return false;
        *ret_status = statuses[row].status;
        for (; row < ARRAY_LEN(statuses) && statuses[row].status == *ret_status; row++)
                buf_printf(&b, "%s%s", b.len ? "; " : "", statuses[row].meaning);
        *ret_meaning = buf_take(&b);
        return true;
}

/* The blanks that bring a text to a width in columns; printf itself counts bytes. */
static int pad(const char *text, int width)
{
        int n = (int)str_width(text);
        return n < width ? width - n : 0;
}

/* One line, or on a terminal as many as it takes, each behind `indent` columns. */
static void print_words(const char *text, int indent)
{
        int room = isatty(STDOUT_FILENO) ? out_width(stdout) - indent - 1 : INT_MAX, used = 0;
        while (*text) {
                int n = (int)strcspn(text, " ");
                if (used && used + 1 + n > room) {
                        printf("\n%*s", indent, "");
                        used = 0;
                }
                printf(" %.*s", n, text);
                used += n + 1;
                text += n + (text[n] == ' ');
        }
        putchar('\n');
}

static char *usage_of(const struct command *cmd)
{
        return out_local(cli_usage_line(cmd));
}

/* The name people type most: "project launch" for the main commands, "container-list" for the rest. */
static void print_command_line(const struct command *cmd)
{
        cleanup_free char *usage = usage_of(cmd);
        printf("  %s", usage);
        if (str_width(usage) > USAGE_WIDTH)
                printf("\n  %*s", USAGE_WIDTH, "");
        else
                printf("%*s", pad(usage, USAGE_WIDTH), "");
        print_words(cmd->summary, 2 + USAGE_WIDTH);
}

/* The page that is about a noun; the others are found by their commands. */
static const struct {
        const char *noun, *topic;
} nouns[] = {
        { "project", "workspaces" },
        { "container", "containers" },
        { "image", "images" },
        { "gpu-queue", "gpus" },
};

void help_overview(void)
{
        printf("%sds01%s: your own containers on a shared GPU machine.\n\n",
                out_style(stdout, OUT_BOLD), out_style(stdout, OUT_PLAIN));
        printf("Start here:\n"
               "  project init my-thesis        make a project\n"
               "  project launch my-thesis      work in it\n"
               "  container retire my-thesis    be done\n\n"
               "Commands (`project launch`, `project-launch` and `ds01 project launch` are the same):\n");
        for (const struct command *const *p = commands; *p; p++)
                print_command_line(*p);
        printf("\nEach has --help (short), --info (everything), --concepts (the ideas behind it).\n");
}

static const char *dots(void)
{
        return row_utf8() ? "…" : "...";
}

static bool is_all(const char *noun)
{
        return strcmp(noun, "ds01") == 0;
}

static void print_verbs(const char *noun)
{
        for (const struct command *const *p = commands; *p; p++)
                if (command_has_noun(*p, noun) || is_all(noun))
                        print_command_line(*p);
}

void help_noun(const char *noun)
{
        if (is_all(noun)) {
                help_overview();
                return;
        }
        printf("Usage: %s VERB %s\n\n", noun, dots());
        print_verbs(noun);
        printf("\nMore about one of them: %s VERB --help\n"
               "The ideas behind them: %s --concepts\n",
                noun, noun);
}

char *help_option(const struct opt *o)
{
        cleanup_free char *value = !o->arg                   ? xstrdup("")
                                   : o->kind == OPT_OPTIONAL ? xasprintf("[=%s]", o->arg)
                                                             : xasprintf("=%s", o->arg);
        return o->letter ? xasprintf("-%c, --%s%s", o->letter, o->name, value)
                         : xasprintf("    --%s%s", o->name, value);
}

static void print_option(const struct opt *o)
{
        cleanup_free char *left = help_option(o);
        if (str_width(left) > 24)
                printf("  %s\n  %24s %s\n", left, "", o->help);
        else
                printf("  %s%*s %s\n", left, pad(left, 24), "", o->help);
}

static void print_options(const struct command *cmd)
{
        printf("\nOptions:\n");
        for (const struct opt *o = cmd->opts; o && o->name; o++)
                print_option(o);
        for (const struct opt *o = args_common; o->name; o++)
                if (args_common_applies(cmd, o))
                        print_option(o);
}

static void print_examples(const struct command *cmd)
{
        if (!*cmd->examples)
                return;
        printf("\nExamples:\n");
        for (const char *p = cmd->examples; *p;) {
                size_t n = strcspn(p, "\n");
                printf("  %.*s\n", (int)n, p);
                p += n + (p[n] == '\n');
        }
}

void help_command(const struct command *cmd)
{
        cleanup_free char *usage = usage_of(cmd);
        printf("Usage: %s [options]\n\n%s.\n", usage, cmd->summary);
        print_options(cmd);
        print_examples(cmd);
}

/* Words up to column WIDTH, further lines below the first one's beginning. */
static void print_wrapped(const char *text, int indent)
{
        enum { WIDTH = 98 };
        int column = indent;
        while (*text) {
                int n = (int)strcspn(text, " ");
                if (column > indent && column + 1 + n > WIDTH) {
                        printf("\n%*s", indent, "");
                        column = indent;
                }
                column += printf("%s%.*s", column > indent ? " " : "", n, text);
                text += n + (text[n] == ' ');
        }
        putchar('\n');
}

static void print_exit_status(void)
{
        int status;
        char *meaning;
        printf("\nExit status:\n");
        for (size_t i = 0; help_exit_status_at(i, &status, &meaning); i++) {
                printf("  %-4d ", status);
                print_wrapped(meaning, 7);
                free(meaning);
        }
}

void help_info(const struct command *cmd)
{
        cleanup_free char *usage = usage_of(cmd), *word = cli_command(cmd);
        printf("NAME\n  %s - %s\n\nUSAGE\n  %s [options]\n", word, cmd->summary, usage);
        if (*cmd->details)
                printf("\nDESCRIPTION\n%s", cmd->details);
        print_options(cmd);
        print_examples(cmd);
        printf("\nQuestions:\n%s", help_questions);
        print_exit_status();
}

void help_noun_info(const char *noun)
{
        printf("NAME\n  %s - %s\n\nUSAGE\n  %s%s VERB %s [options]\n\nCOMMANDS\n", noun,
                is_all(noun) ? "your own containers on a shared GPU machine" : "commands of ds01",
                noun, is_all(noun) ? " NOUN" : "", dots());
        print_verbs(noun);
        printf("\nQuestions:\n%s", help_questions);
        print_exit_status();
}

static void print_topic(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(topics); i++)
                if (strcmp(topics[i].name, name) == 0)
                        printf("%s%s%s\n\n%s", out_style(stdout, OUT_BOLD), topics[i].title,
                                out_style(stdout, OUT_PLAIN), topics[i].text);
}

void help_concepts(const struct command *cmd)
{
        print_topic(cmd->topic);
}

/* What is typed to read a page: a noun that it is about, else a command; owned. */
static char *way_to(const char *topic)
{
        for (size_t i = 0; i < ARRAY_LEN(nouns); i++)
                if (strcmp(nouns[i].topic, topic) == 0)
                        return xstrdup(nouns[i].noun);
        for (const struct command *const *p = commands; *p; p++)
                if (strcmp((*p)->topic, topic) == 0)
                        return cli_command(*p);
        return xstrdup("ds01");
}

static void print_topics(void)
{
        printf("%sThe ideas behind ds01%s\n\nEach page is short:\n\n", out_style(stdout, OUT_BOLD),
                out_style(stdout, OUT_PLAIN));
        for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
                cleanup_free char *way = way_to(topics[i].name);
                cleanup_free char *typed = xasprintf("%s --concepts", way);
                printf("  %s%*s %s\n", typed, pad(typed, 30), "", topics[i].title);
        }
        printf("\nAll of them: man 7 ds01\n");
}

void help_noun_concepts(const char *noun)
{
        if (is_all(noun)) {
                print_topics();
                return;
        }
        for (size_t i = 0; i < ARRAY_LEN(nouns); i++)
                if (strcmp(nouns[i].noun, noun) == 0) {
                        print_topic(nouns[i].topic);
                        return;
                }
        for (const struct command *const *p = commands; *p; p++)
                if (command_has_noun(*p, noun)) {
                        help_concepts(*p);
                        return;
                }
}
