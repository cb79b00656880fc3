/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#define NAMES "@names@"

/*
 * The scripts only carry words to `ds01 __complete`, and candidates back; what there is to offer is
 * decided there (complete.h). NAMES stands for those of all programs.
 *
 * bash: readline takes --image=aime/jax:0.4 for five words, so a word is put together again where
 * nothing stands between its parts; and it replaces only what is behind the last break.
 */
static const char bash_script[] =
        "# Completion in bash for ds01 and its other names: from `ds01 completion bash`.\n"
        "_ds01() {\n"
        "\tlocal line=${COMP_LINE:0:COMP_POINT} breaks=${COMP_WORDBREAKS//[!=:]} words=() word gap i\n"
        "\tfor ((i = 0; i <= COMP_CWORD; i++)); do\n"
        "\t\tgap=${line%%[![:space:]]*}\n"
        "\t\tline=${line#\"$gap\"}\n"
        "\t\tword=${COMP_WORDS[i]}\n"
        "\t\t((i < COMP_CWORD)) || word=$line\n"
        "\t\tline=${line#\"$word\"}\n"
        "\t\tif ((i == 0)) || [[ $gap ]]; then words+=(\"$word\"); else words[-1]+=$word; fi\n"
        "\tdone\n"
        "\tmapfile -t COMPREPLY < <(ds01 __complete \"${words[@]}\" 2>/dev/null)\n"
        "\tCOMPREPLY=(\"${COMPREPLY[@]%%$'\\t'*}\")\n"
        "\tword=${words[-1]} gap=''\n"
        "\t[[ ! $breaks ]] || gap=${word%\"${word##*[$breaks]}\"}\n"
        "\tCOMPREPLY=(\"${COMPREPLY[@]#\"$gap\"}\")\n"
        "\t[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[=/] ]] || compopt -o nospace\n"
        "}\n"
        "complete -F _ds01 " NAMES "\n";

static const char zsh_script[] =
        "#compdef " NAMES "\n"
        "# Completion in zsh for ds01 and its other names: from `ds01 completion zsh`.\n"
        "_ds01() {\n"
        "\tlocal line word\n"
        "\tlocal -a ends goes_on\n"
        "\tfor line in \"${(@f)$(ds01 __complete \"${(@Q)words[1,CURRENT-1]}\" \"${(Q)PREFIX}\" 2>/dev/null)}\"; do\n"
        "\t\tword=${line%%$'\\t'*}\n"
        "\t\tline=${word//:/\\\\:}:${line#*$'\\t'}\n"
        "\t\tcase $word in\n"
        "\t\t'') ;;\n"
        "\t\t*[=/]) goes_on+=(\"$line\") ;;\n"
        "\t\t*) ends+=(\"$line\") ;;\n"
        "\t\tesac\n"
        "\tdone\n"
        "\t_describe -V ds01 goes_on -Q -S '' -- ends -Q\n"
        "}\n"
        "if [[ $funcstack[1] == _ds01 ]]; then _ds01 \"$@\"; else compdef _ds01 " NAMES "; fi\n";

static const char fish_script[] =
        "# Completion in fish for ds01 and its other names: from `ds01 completion fish`.\n"
        "function __ds01_complete\n"
        "    set -l words (commandline -opc)\n"
        "    set -l last (commandline -ct)\n"
        "    ds01 __complete $words \"$last\" 2>/dev/null\n"
        "end\n"
        "for name in " NAMES "\n"
        "    complete -c $name -f -a '(__ds01_complete)'\n"
        "end\n";

static const struct {
        const char *shell, *script;
} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

static void print_script(const char *script)
{
        cleanup_strv struct strv names = { 0 };
        command_programs(&names);
        const char *p = script;
        for (const char *gap; (gap = strstr(p, NAMES)); p = gap + strlen(NAMES)) {
                fwrite(p, 1, (size_t)(gap - p), stdout);
                for (size_t i = 0; i < names.n; i++)
                        printf("%s%s", i ? " " : "", names.v[i]);
        }
        fputs(p, stdout);
}

static int run(struct cli *c, struct err *e)
{
        if (c->n_args == 0)
                return cli_usage(c, e, "Which shell is it for?");
        for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
                if (strcmp(scripts[i].shell, c->args[0]) == 0)
                        return print_script(scripts[i].script), 0;
        cleanup_free char *safe = str_safe(c->args[0]);
        return cli_usage(c, e, "There is no completion for '%.60s'", safe);
}

const struct command cmd_completion = {
        .noun = "ds01",
        .verb = "completion",
        .args = "bash|zsh|fish",
        .max_args = 1,
        .summary = "Prints a shell's script for completion with Tab",
        .details =
                "  Commands, options, and names of what there is: projects, containers, images, places in line.\n"
                "  An installed ds01 brings the scripts along for all three shells; this is for the others.\n",
        .examples = "source <(ds01 completion bash)  now, in this shell\n"
                    "ds01 completion zsh >~/.zfunc/_ds01\n"
                    "ds01 completion fish >~/.config/fish/completions/ds01.fish",
        .topic = "containers",
        .run = run,
};
