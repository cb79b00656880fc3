/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/each.h"
#include "cli/out.h"
#include "cli/slow.h"

#include <time.h>

enum { GRACE_MAX_S = 3600 };

/* "until you remove it", "until 2026-11-23 18:30". */
static char *describe_kept(int64_t until)
{
        char text[32];
        struct tm tm;
        time_t t = (time_t)until;
        if (until == 0 || !localtime_r(&t, &tm) ||
                strftime(text, sizeof text, "%F %H:%M", &tm) == 0)
                return xstrdup("until you remove it");
        return xasprintf("until %s", text);
}

/* " It keeps GPU 0 (A100 40 GB) until 2026-11-23 18:30."; "" if it has none. */
static char *describe_gpus(const json_t *reply)
{
        const char *gpus = str_or_empty(json_str(reply, "gpu_text"));
        cleanup_free char *until = describe_kept(json_int(reply, "gpu_until", 0));
        return *gpus ? xasprintf(" It keeps %s %s.", gpus, until) : xstrdup("");
}

static int stop_one(struct cli *c, const char *name, struct err *e)
{
        cleanup_json json_t *reply = NULL;
        long long seconds = -1;
        json_t *params = json_pack("{s:s, s:b}", "name", name, "force", (int)cli_has(c, "force"));
        if (cli_value(c, "time") && str_to_int(cli_value(c, "time"), 0, GRACE_MAX_S, &seconds))
                json_object_set_new(params, "time", json_integer(seconds));
        cli_for_user(c, params);
        cleanup_free char *still = xasprintf("%s is still being stopped", name);
        if (slow_call(c, "Stopping its processes", still, "io.ds01.Containers.Stop", params, &reply,
                    e) < 0)
                return -1;
        cleanup_free char *kept = describe_kept(json_int(reply, "kept_until", 0));
        cleanup_free char *gpus = describe_gpus(reply);
        bool fresh = str_eq(json_str(reply, "state"), "created");
        if (json_bool(reply, "already", false))
                out_say("%s %s. Start: container-start %s · Done: container-remove %s", name,
                        fresh ? "was not started yet" : "is already stopped", name, name);
        else
                out_say("Stopped %s. It is kept %s.%s Start again: container-start %s · Done: container-remove %s",
                        name, kept, gpus, name, name);
        return 0;
}

static int run(struct cli *c, struct err *e)
{
        static const struct each what = { .title = "Select a container to stop:",
                .verb = "Stop",
                .which = PICK_ACTIVE,
                .one = stop_one };
        long long seconds;
        if (cli_value(c, "time") && !str_to_int(cli_value(c, "time"), 0, GRACE_MAX_S, &seconds))
                return cli_usage(c, e, "Option --time takes seconds, from 0 to %d", GRACE_MAX_S);
        return each_container(c, &what, e);
}

static const struct opt opts[] = {
        { 't', "time", OPT_VALUE, "SECS", "Seconds that its processes get to end" },
        { 'f', "force", OPT_FLAG, NULL, "Ask nothing; without --time, kill its processes at once" },
        { 'a', "all", OPT_FLAG, NULL, "Stop all of yours that run" },
        { 0 },
};

const struct command cmd_container_stop = {
        .noun = "container",
        .verb = "stop",
        .args = "[name…]",
        .max_args = 64,
        .names = { NAMES_ACTIVE, NAMES_ACTIVE },
        .flags = CMD_ADMIN,
        .summary = "Stops a container and keeps it",
        .details =
                "  Its processes are asked to end (SIGTERM, then SIGHUP for shells) and have time to save their\n"
                "  work; what is left after that is killed. --force, or a shorter --time, also cuts a stop short\n"
                "  that is still waiting. The container and what was changed in it stay. Most of the time\n"
                "  container retire, which also removes it, is what you want.\n",
        .examples = "container-stop my-thesis\n"
                    "container-stop my-thesis --time=120  # A long checkpoint to write\n"
                    "container-stop --all --force",
        .topic = "states",
        .opts = opts,
        .run = run,
};
