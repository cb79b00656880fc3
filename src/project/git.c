/* SPDX-License-Identifier: MIT */
#include "project/git.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* Variables that would send git to another repository than the folder it is told. */
static const char *const repository_variables[] = { "GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=",
        "GIT_OBJECT_DIRECTORY=", "GIT_COMMON_DIR=", "GIT_NAMESPACE=", "GIT_PREFIX=" };

static void clean_environment(struct strv *ret)
{
        for (char **v = environ; *v; v++) {
                bool leave_out = false;
                for (size_t i = 0; i < ARRAY_LEN(repository_variables); i++)
                        leave_out = leave_out || str_starts(*v, repository_variables[i]);
                if (!leave_out)
                        strv_add(ret, *v);
        }
}

/* Runs git with these arguments (NULL-terminated, "git" first). Its exit status; 127 if not found.
 */
static int run(const char *const *argv)
{
        cleanup_strv struct strv env = { 0 };
        cleanup_strv struct strv args = { 0 };
        posix_spawn_file_actions_t actions;
        pid_t pid;
        clean_environment(&env);
        for (; *argv; argv++)
                strv_add(&args, *argv);
        char *no_environment[] = { NULL };
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        int failed =
                posix_spawnp(&pid, "git", &actions, NULL, args.v, env.v ? env.v : no_environment);
        posix_spawn_file_actions_destroy(&actions);
        if (failed)
                return failed == ENOENT ? 127 : 126;
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return 126;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static bool has_identity(const char *path)
{
        const char *name[] = { "git", "-C", path, "config", "--get", "user.name", NULL };
        const char *email[] = { "git", "-C", path, "config", "--get", "user.email", NULL };
        return (getenv("GIT_AUTHOR_NAME") || run(name) == 0) &&
               (getenv("GIT_AUTHOR_EMAIL") || run(email) == 0);
}

enum git_outcome git_first_commit(const char *path, const char *message, bool lfs)
{
        const char *init[] = { "git", "init", "-q", "--", path, NULL };
        const char *add[] = { "git", "-C", path, "add", "-A", NULL };
        /* Signing could ask for a passphrase, hooks are for code that exists. */
        const char *commit[] = { "git", "-C", path, "-c", "commit.gpgsign=false", "commit", "-q",
                "--no-verify", "-m", message, NULL };
        const char *filter[] = { "git", "-C", path, "lfs", "install", "--local", NULL };
        int r = run(init);
        if (r == 127)
                return GIT_NOT_INSTALLED;
        if (r || (lfs && run(filter)))
                return GIT_FAILED;
        if (!has_identity(path))
                return GIT_NO_IDENTITY;
        return run(add) || run(commit) ? GIT_FAILED : GIT_COMMITTED;
}

bool git_has_lfs(void)
{
        const char *version[] = { "git", "lfs", "version", NULL };
        return run(version) == 0;
}
