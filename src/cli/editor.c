/* SPDX-License-Identifier: MIT */
#include "cli/editor.h"

#include "base/str.h"
#include "cli/recipe.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const known[] = { "editor", "nano", "vim", "vi" };

/* The words of the first variable that is set; none if none is. */
static void words_of_editor(struct strv *ret)
{
        static const char *const variables[] = { "VISUAL", "EDITOR" };
        for (size_t i = 0; i < ARRAY_LEN(variables) && ret->n == 0; i++)
                recipe_words(getenv(variables[i]), ret);
}

/* Signals of the keyboard are for the editor alone while it runs. */
static int wait_for(pid_t pid)
{
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return 126;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int spawn(char *const *argv, const posix_spawnattr_t *attributes, pid_t *ret)
{
        return posix_spawnp(ret, argv[0], NULL, attributes, argv, environ);
}

/* Starts the editor of the user, or the first that is installed. 0 or an errno. */
static int start(struct strv *words, const char *const *paths, const posix_spawnattr_t *attributes,
        pid_t *ret)
{
        bool chosen = words->n > 0;
        int failed = ENOENT;
        for (size_t i = 0; i < (chosen ? 1 : ARRAY_LEN(known)) && failed == ENOENT; i++) {
                cleanup_strv struct strv argv = { 0 };
                for (size_t w = 0; w < words->n; w++)
                        strv_add(&argv, words->v[w]);
                if (!chosen)
                        strv_add(&argv, known[i]);
                for (const char *const *p = paths; *p; p++)
                        strv_add(&argv, *p);
                failed = spawn(argv.v, attributes, ret);
        }
        return failed;
}

int editor_run(const char *folder, const char *const *files, struct err *e)
{
        cleanup_strv struct strv words = { 0 }, paths = { 0 };
        struct sigaction ignore = { .sa_handler = SIG_IGN }, old_int, old_quit;
        sigset_t defaults;
        posix_spawnattr_t attributes;
        pid_t pid = -1;
        words_of_editor(&words);
        for (; *files; files++)
                strv_take(&paths, xasprintf("%s/%s", folder, *files));
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGINT);
        sigaddset(&defaults, SIGQUIT);
        sigaddset(&defaults, SIGPIPE);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        sigaction(SIGINT, &ignore, &old_int);
        sigaction(SIGQUIT, &ignore, &old_quit);
        int failed = start(&words, (const char *const *)paths.v, &attributes, &pid);
        int status = failed ? 0 : wait_for(pid);
        sigaction(SIGINT, &old_int, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
        posix_spawnattr_destroy(&attributes);
        if (failed) {
                cleanup_free char *safe = str_safe(words.n ? words.v[0] : "editor");
                err_sys(e, failed, "Can't start the editor %s", safe);
                return err_fix(e, "export EDITOR=nano");
        }
        if (status != 0)
                return err_set(e, ERR_FAILED, "The editor ended with status %d", status);
        return 0;
}
