/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include "cli/args.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>

static const struct {
        const char *name, *title, *text;
} topics[] = {
#define X(name, title, text) { name, title, text },
#include "cli/topics.def"
#undef X
};

/* The blanks that bring a text to a width in columns; printf itself counts bytes. */
static int pad(const char *text, int width)
{
        int n = (int)str_width(text);
        return n < width ? width - n : 0;
}

/* The name people type most: "project launch" for the main commands, "container-list" for the rest. */
static void print_command_line(const struct command *cmd)
{
        cleanup_free char *usage = cli_usage_line(cmd);
        printf("  %s%*s %s\n", usage, pad(usage, 44), "", cmd->summary);
}

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

void help_noun(const char *noun)
{
        printf("Usage: %s VERB …\n\n", noun);
        for (const struct command *const *p = commands; *p; p++)
                if (command_has_noun(*p, noun))
                        print_command_line(*p);
        printf("\nMore about one of them: %s VERB --help\n", noun);
}

static void print_option(const struct opt *o)
{
        cleanup_free char *value = !o->arg                   ? xstrdup("")
                                   : o->kind == OPT_OPTIONAL ? xasprintf("[=%s]", o->arg)
                                                             : xasprintf("=%s", o->arg);
        cleanup_free char *left = o->letter ? xasprintf("-%c, --%s%s", o->letter, o->name, value)
                                            : xasprintf("    --%s%s", o->name, value);
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
        cleanup_free char *usage = cli_usage_line(cmd);
        printf("Usage: %s [options]\n\n%s.\n", usage, cmd->summary);
        print_options(cmd);
        print_examples(cmd);
}

void help_info(const struct command *cmd)
{
        cleanup_free char *usage = cli_usage_line(cmd), *word = cli_command(cmd);
        printf("NAME\n  %s - %s\n\nUSAGE\n  %s [options]\n", word, cmd->summary, usage);
        if (*cmd->details)
                printf("\nDESCRIPTION\n%s", cmd->details);
        print_options(cmd);
        print_examples(cmd);
        printf("\nQuestions:\n"
               "  They are asked on a terminal only. Without one the default answer is taken, as with --yes:\n"
               "  yes where it says [Y/n], no where it says [y/N].\n");
        printf("\nExit status:\n"
               "  0 done · 1 failed · 2 wrong usage · 3 resource not available · 4 not found ·\n"
               "  5 not permitted · 6 daemon or engine unreachable · 75 try later · 130 interrupted\n");
}

void help_concepts(const struct command *cmd)
{
        for (size_t i = 0; i < ARRAY_LEN(topics); i++)
                if (strcmp(topics[i].name, cmd->topic) == 0)
                        printf("%s%s%s\n\n%s", out_style(stdout, OUT_BOLD), topics[i].title,
                                out_style(stdout, OUT_PLAIN), topics[i].text);
}
