/* SPDX-License-Identifier: MIT */
#include "cli/save-packages.h"

#include "base/json.h"
#include "cli/capture.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "cli/recipe.h"
#include "project/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_MAX = 4 << 20, ANSWER_S = 60, DEPTH_MAX = 4, NO_PIP = 3 };

/*
 * Prints one list for each package that was added: name, version, whether it was asked for, URL. It
 * runs isolated, because /workspace may hold a json.py; pip runs as it always does, to see the home.
 * The engine makes /.dockerenv with the container, to the nanosecond; we know the second only, and
 * what was laid down in that one counts as the image's.
 */
static const char script[] =
        "import glob, json, os, re, subprocess, sys\n"
        "def plain(name):\n"
        "    return re.sub('[-_.]+', '-', name).lower()\n"
        "def read(folder, name):\n"
        "    try:\n"
        "        with open(os.path.join(folder, name), encoding='utf-8') as f:\n"
        "            return f.read()\n"
        "    except OSError:\n"
        "        return None\n"
        "def source(folder):\n"
        "    d = json.loads(read(folder, 'direct_url.json') or '{}')\n"
        "    vcs = d.get('vcs_info')\n"
        "    return '%s+%s@%s' % (vcs['vcs'], d['url'], vcs['commit_id']) if vcs else d.get('url', '')\n"
        "r = subprocess.run([sys.executable, '-m', 'pip', 'list', '-v', '--format=json',\n"
        "                    '--disable-pip-version-check'], cwd='/', stdout=subprocess.PIPE,\n"
        "                   stderr=subprocess.DEVNULL)\n"
        "if r.returncode:\n"
        "    sys.exit(3)\n"
        "made = float(sys.argv[1])\n"
        "if os.path.exists('/.dockerenv'):\n"
        "    made = max(made, os.stat('/.dockerenv').st_ctime)\n"
        "else:\n"
        "    made += 1\n"
        "found = []\n"
        "for p in json.loads(r.stdout.decode()):\n"
        "    for folder in glob.glob(glob.escape(p.get('location') or '/nowhere') + '/*.dist-info'):\n"
        "        name = os.path.basename(folder).rsplit('-', 2)[0]\n"
        "        record = os.path.join(folder, 'METADATA')\n"
        "        if plain(name) != plain(p['name']) or not os.path.exists(record):\n"
        "            continue\n"
        "        if os.stat(record).st_ctime > made:\n"
        "            found.append([p['name'], p['version'], read(folder, 'REQUESTED') is not None, source(folder)])\n"
        "print(json.dumps(found))\n";

/* One package of the answer as a requirement; owned. NULL if it can't be one, with what it is. */
static char *requirement_of(const char *name, const char *version, const char *url)
{
        cleanup_free char *spec = NULL;
        if (*url && !str_starts(url, "file:"))
                spec = xasprintf("%s @ %s", name, url);
        else if (!*url)
                /* "2.8.0+cu128": the part after the plus names a build that other indexes lack. */
                spec = xasprintf("%s==%.*s", name, (int)strcspn(version, "+"), version);
        return spec && requirement_ok(spec) ? take_ptr(spec) : NULL;
}

struct added {
        struct strv requirements, local; /* local: installed from a folder or a file */
        size_t dependencies;
};

static void added_done(struct added *a)
{
        strv_done(&a->requirements);
        strv_done(&a->local);
}

static void read_answer(const json_t *rows, struct added *ret)
{
        for (size_t i = 0; i < json_array_size(rows); i++) {
                const json_t *row = json_array_get(rows, i);
                const char *name = json_string_value(json_array_get(row, 0));
                const char *version = json_string_value(json_array_get(row, 1));
                const char *url = json_string_value(json_array_get(row, 3));
                if (!name || !version || !requirement_ok(name) || !*version)
                        continue;
                if (!json_is_true(json_array_get(row, 2))) {
                        ret->dependencies++;
                        continue;
                }
                char *spec = requirement_of(name, version, str_or_empty(url));
                if (spec)
                        strv_take(&ret->requirements, spec);
                else
                        strv_add(&ret->local, name);
        }
}

static int find_added(
        struct cli *c, const char *name, int64_t created_at, struct added *ret, struct err *e)
{
        char since[32];
        snprintf(since, sizeof since, "%lld", (long long)created_at);
        const char *const command[] = { "python3", "-I", "-c", script, since, NULL };
        cleanup_free char *text = NULL;
        cleanup_json json_t *rows = NULL;
        struct progress p;
        int status = 0;
        progress_start(&p, "Asking pip what was added");
        int r = capture_run(c, name, command, ANSWER_MAX, ANSWER_S, &text, &status, e);
        progress_end(&p);
        if (r < 0)
                return err_wrap(e, "Can't find out which packages were added to %s", name);
        /* 126 and 127: there is no Python. */
        if (status == 126 || status == 127 || status == NO_PIP)
                return 0;
        if (status != 0)
                return err_set(e, ERR_FAILED,
                        "The Python of %s can't tell its packages (exit status %d)", name, status);
        if (json_parse(text, strlen(text), DEPTH_MAX, &rows, e) < 0)
                return err_wrap(e, "The Python of %s gave no answer", name);
        read_answer(rows, ret);
        return 0;
}

static int write_added(const char *workspace, const struct added *a, struct err *e)
{
        cleanup_close int dir_fd = open(workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup_free char *old = NULL, *text = NULL, *dockerfile = NULL;
        struct err ignored = ERR_INIT;
        if (dir_fd < 0)
                return err_sys(e, errno, "Can't open %s", workspace);
        if (requirements_read(dir_fd, &old, e) < 0 ||
                requirements_edit(old, &a->requirements, NULL, &text, NULL, e) < 0 ||
                recipe_write(dir_fd, "requirements.txt", text, e) < 0)
                return -1;
        out_say("Wrote %zu package%s to %s/requirements.txt.", a->requirements.n,
                a->requirements.n == 1 ? "" : "s", workspace);
        if (dockerfile_read(dir_fd, "", &dockerfile, &ignored) == 0 &&
                !dockerfile_installs_requirements(dockerfile))
                out_say("The Dockerfile there does not install requirements.txt.");
        return 0;
}

static void say_added(const struct added *a)
{
        cleanup_buf struct buf line = BUF_INIT(64 * 1024);
        for (size_t i = 0; i < a->requirements.n; i++) {
                cleanup_free char *safe = str_safe(a->requirements.v[i]);
                buf_printf(&line, " %s", safe);
        }
        out_say("Added by hand since the image:%s%s", buf_str(&line),
                a->dependencies ? " (and what they depend on)" : "");
}

static int save(struct cli *c, const char *name, const json_t *row, bool wanted, struct err *e)
{
        CLEANUP(added_done) struct added a = { 0 };
        bool go = wanted;
        if (find_added(c, name, json_int(row, "created_at", 0), &a, e) < 0)
                return -1;
        for (size_t i = 0; i < a.local.n; i++) {
                cleanup_free char *safe = str_safe(a.local.v[i]);
                out_say("%s was installed from a file or folder: requirements.txt can't name it.",
                        safe);
        }
        if (a.requirements.n == 0) {
                if (wanted)
                        out_say("No packages to save: none were installed by hand since the image.");
                return 0;
        }
        say_added(&a);
        if (!wanted && prompt_yes(c, false, &go, e, "Write them to requirements.txt?") < 0)
                return -1;
        return go ? write_added(str_or_empty(json_str(row, "workspace")), &a, e) : 0;
}

int save_packages(struct cli *c, const char *name, const json_t *row, struct err *e)
{
        bool wanted = cli_has(c, "save-packages");
        const char *state = str_or_empty(json_str(row, "state"));
        if (!wanted && (!c->tty || c->yes || cli_has(c, "force") || cli_value(c, "user") ||
                               strcmp(state, "running") != 0))
                return 0;
        if (strcmp(state, "running") != 0) {
                err_set(e, ERR_NOT_RUNNING,
                        "Container %s is not running (%s): its packages can't be saved", name,
                        state);
                return err_fix(
                        e, "container-start %s\ncontainer retire %s --save-packages", name, name);
        }
        if (save(c, name, row, wanted, e) == 0)
                return 0;
        if (wanted || e->code == ERR_INTERRUPTED)
                return -1;
        /* Nobody asked for it: what can't be found out doesn't stand in the way. */
        out_say("%s.", e->msg);
        *e = ERR_INIT;
        return 0;
}
