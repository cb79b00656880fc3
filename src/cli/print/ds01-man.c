/* SPDX-License-Identifier: MIT */
/*
 * Prints man pages in scdoc's language, out of the tables that the programs themselves use:
 *
 *   ds01-man NAME                a command, by the name it is installed as, or a noun
 *   ds01-man --fill FILE [FILE]  a page with lines like @limits@, which the tables replace; @settings@
 *                                is the text of the second file
 *
 * Runs while ds01 is built; nothing of it is installed.
 */
#include "cli/args.h"
#include "cli/help.h"
#include "policy/limits.h"
#include "rpc/api.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4096, BLOCK_INDENT = 2 };

/* ---- text ---- */

/* Plain text, so that nothing in it is markup. */
static void put_text(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                bool first = i == 0 && strchr("#-|[];", s[0]);
                if (first || strchr("\\*_`", s[i]))
                        putchar('\\');
                putchar(s[i]);
        }
}

static void put(const char *s)
{
        put_text(s, strlen(s));
}

static void bold(const char *s)
{
        printf("*");
        for (; *s; s++)
                printf("%s%c", *s == '*' || *s == '\\' ? "\\" : "", *s);
        printf("*");
}

static void heading(const char *s)
{
        printf("\n# ");
        for (; *s; s++)
                putchar(toupper((unsigned char)*s));
        printf("\n\n");
}

#define FOOTER "\"ds01 " DS01_VERSION "\" \"ds01 Manual\""

static void title(const char *name)
{
        printf("%s(1) " FOOTER "\n", name);
}

/*
 * Paragraphs as the tables have them: lines indented by `indent`. What is indented further is shown as it
 * stands.
 */
static void paragraphs(const char *text, size_t indent)
{
        bool block = false;
        for (const char *p = text; *p;) {
                size_t n = strcspn(p, "\n"), blanks = strspn(p, " ");
                bool deep = n > 0 && blanks > indent;
                if (n > 0 && deep != block) {
                        printf(deep ? "\n```\n" : "```\n\n");
                        block = deep;
                }
                if (block)
                        printf("%.*s", (int)n, p);
                else if (n > 0)
                        put_text(p + blanks, n - blanks);
                putchar('\n');
                p += n + (p[n] == '\n');
        }
        if (block)
                printf("```\n");
}

/* ---- a command ---- */

static void options(const struct command *cmd)
{
        const struct opt *lists[] = { cmd->opts, args_common };
        heading("Options");
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                for (const struct opt *o = lists[i]; o && o->name; o++) {
                        if (lists[i] == args_common && !args_common_applies(cmd, o))
                                continue;
                        cleanup_free char *left = help_option(o);
                        bold(left + strspn(left, " "));
                        printf("\n\t");
                        put(o->help);
                        printf("\n\n");
                }
}

static void examples(const struct command *cmd)
{
        if (!*cmd->examples)
                return;
        heading("Examples");
        printf("```\n%s\n```\n", cmd->examples);
}

static void exit_status(void)
{
        int status;
        char *meaning;
        for (size_t i = 0; help_exit_status_at(i, &status, &meaning); i++) {
                printf("*%d*\n\t", status);
                put(meaning);
                printf("\n\n");
                free(meaning);
        }
}

/* The page of a command: its program's name, or ds01-VERB. */
static char *page_of(const struct command *cmd)
{
        return cmd->flags & CMD_PROGRAM ? xstrdup(cmd->verb)
                                        : xasprintf("%s-%s", cmd->noun, cmd->verb);
}

static void names(const struct command *cmd)
{
        cleanup_free char *page = page_of(cmd);
        put(page);
        if (cmd->alias)
                printf(", %s-%s", cmd->noun, cmd->alias);
        for (const char *const *n = cmd->also; n && *n; n++)
                printf(", %s-%s", *n, cmd->verb);
        printf(" - ");
        put(cmd->summary);
        printf("\n");
}

static void command_page(const struct command *cmd)
{
        cleanup_free char *page = page_of(cmd), *usage = cli_usage_line(cmd);
        title(page);
        heading("Name");
        names(cmd);
        heading("Synopsis");
        put(usage);
        printf(" [options]\n");
        heading("Description");
        if (*cmd->details)
                paragraphs(cmd->details, BLOCK_INDENT);
        else
                printf("%s.\n", cmd->summary);
        options(cmd);
        examples(cmd);
        heading("Exit status");
        exit_status();
        heading("See also");
        printf("*ds01*(1), *ds01*(7)\n");
}

/* ---- lists of commands ---- */

static void command_item(const struct command *cmd)
{
        cleanup_free char *usage = cli_usage_line(cmd), *page = page_of(cmd);
        bold(usage);
        printf("\n\t");
        put(cmd->summary);
        printf(". See *%s*(1).\n\n", page);
}

static void noun_page(const char *noun)
{
        title(noun);
        heading("Name");
        printf("%s - commands of ds01\n", noun);
        heading("Synopsis");
        printf("*%s* VERB …\n", noun);
        heading("Commands");
        for (const struct command *const *p = commands; *p; p++)
                if (command_has_noun(*p, noun))
                        command_item(*p);
        heading("See also");
        printf("*ds01*(1), *ds01*(7)\n");
}

static void put_commands(void)
{
        for (const struct command *const *p = commands; *p; p++)
                command_item(*p);
}

/* ---- what else pages are filled with ---- */

static void put_questions(void)
{
        paragraphs(help_questions, BLOCK_INDENT);
}

static void put_topics(void)
{
        const struct help_topic *t;
        for (size_t i = 0; (t = help_topic_at(i)); i++) {
                heading(t->title);
                paragraphs(t->text, 0);
        }
}

static void put_limits_of(bool aggregate)
{
        for (int key = 0; key < LIMIT_COUNT; key++) {
                const struct limit_info *info = limit_info((enum limit_key)key);
                char builtin[LIMIT_TEXT_SIZE];
                if (info->aggregate != aggregate)
                        continue;
                struct limit l = limit_builtin((enum limit_key)key);
                limit_text((enum limit_key)key, &l, builtin);
                bold(info->key);
                printf("\n\t%c", toupper((unsigned char)info->meaning[0]));
                put(info->meaning + 1);
                printf(".%s Built in: %s.%s\n\n", info->nullable ? "" : " Can't be null.", builtin,
                        info->enforced ? "" : " *Not enforced yet.*");
        }
}

static void put_limits(void)
{
        put_limits_of(false);
}

static void put_aggregate(void)
{
        put_limits_of(true);
}

static const char *const types[] = {
        [API_STRING] = "string",
        [API_INT] = "int",
        [API_BOOL] = "bool",
        [API_STRINGS] = "strings",
};

static void put_fields(const char *label, const struct api_method *m,
        const struct api_field *(*at)(const struct api_method *, size_t))
{
        const struct api_field *f;
        size_t i = 0;
        for (; (f = at(m, i)); i++) {
                printf("%s_%s_ (%s%s)", i ? ", " : label, f->name, types[f->type],
                        f->flags & API_REQUIRED ? ", required" : "");
        }
        if (i > 0)
                printf("\n\n");
}

static void put_methods(void)
{
        static const char *const who[] = {
                [API_ANYONE] = "Everyone, also without access",
                [API_USER] = "Accounts with access, about their own",
                [API_USER_OR_ADMIN] = "Accounts with access, about their own; admins, about all",
        };
        const struct api_method *m;
        for (size_t i = 0; (m = api_method_at(i)); i++) {
                bold(m->name);
                printf("\n\t");
                put(m->doc);
                printf(".\n\n\t%s.%s%s\n\n", who[m->who],
                        m->flags & API_MORE ? " Needs _more_." : "",
                        m->flags & API_FD ? " The reply carries a descriptor." : "");
                put_fields("\tTakes: ", m, api_param_at);
                put_fields("\tReplies: ", m, api_reply_at);
        }
}

static void put_error(const char *wire, int status, const char *meaning)
{
        bold(wire);
        printf(" (%d)\n\t", status);
        put(meaning);
        printf("\n\n");
}

static void put_errors(void)
{
#define X(code, wire, exit_status, meaning) put_error(wire, exit_status, meaning);
#include "base/err.def"
#undef X
}

static void put_check(const char *title, const char *looks)
{
        bold(title);
        printf("\n\t");
        put(looks);
        printf("\n\n");
}

static void put_checks(void)
{
#define X(id, name, title, needs, looks) put_check(title, looks);
#include "rpc/doctor.def"
#undef X
}

static const char *settings;

static int copy(const char *path, void (*line)(const char *))
{
        char text[LINE_MAX_BYTES];
        FILE *f = fopen(path, "re");
        if (!f)
                return perror(path), -1;
        while (fgets(text, sizeof text, f))
                line(text);
        return fclose(f);
}

static void put_line(const char *line)
{
        fputs(line, stdout);
}

static void put_settings(void)
{
        printf("```\n");
        if (!settings || copy(settings, put_line) < 0)
                exit(1);
        printf("```\n");
}

static const struct {
        const char *mark;
        void (*put)(void);
} fillings[] = {
        { "@commands@\n", put_commands },
        { "@exit-status@\n", exit_status },
        { "@questions@\n", put_questions },
        { "@topics@\n", put_topics },
        { "@limits@\n", put_limits },
        { "@aggregate@\n", put_aggregate },
        { "@methods@\n", put_methods },
        { "@errors@\n", put_errors },
        { "@checks@\n", put_checks },
        { "@settings@\n", put_settings },
};

static void fill_line(const char *line)
{
        static bool titled;
        if (!titled) {
                titled = true;
                printf("%.*s " FOOTER "\n", (int)strcspn(line, "\n"), line);
                return;
        }
        for (size_t i = 0; i < ARRAY_LEN(fillings); i++)
                if (strcmp(fillings[i].mark, line) == 0) {
                        fillings[i].put();
                        return;
                }
        fputs(line, stdout);
}

static int page(const char *name)
{
        for (const struct command *const *p = commands; *p; p++) {
                cleanup_free char *of = page_of(*p);
                if (strcmp(of, name) == 0)
                        return command_page(*p), 0;
        }
        for (const struct command *const *p = commands; *p; p++)
                if (strcmp((*p)->noun, name) == 0)
                        return noun_page(name), 0;
        fprintf(stderr, "No command is called %s\n", name);
        return 1;
}

int main(int argc, char **argv)
{
        int r = 2;
        settings = argc > 3 ? argv[3] : NULL;
        if (argc == 2)
                r = page(argv[1]);
        else if (argc > 2 && strcmp(argv[1], "--fill") == 0)
                r = copy(argv[2], fill_line) < 0;
        return r ? r : fflush(stdout) == EOF;
}
