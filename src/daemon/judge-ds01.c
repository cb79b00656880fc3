/* SPDX-License-Identifier: MIT */
/* judge.h: ds01d, its settings, its policy, its files, its clock. */
#include "daemon/judge.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* 2025-01-01: no ds01 is older, so no clock that runs is behind it. */
#define CLOCK_LEAST 1735689600
enum { CLOCK_SLACK_S = 120 };

static void moment(int64_t at, char out[32])
{
        struct tm tm;
        time_t t = (time_t)at;
        if (!localtime_r(&t, &tm) || strftime(out, 32, "%F %H:%M", &tm) == 0)
                snprintf(out, 32, "an unknown time");
}

void judge_daemon(
        const char *client, const char *daemon, int64_t started_at, int64_t now, struct finding *f)
{
        char since[32], age[CLOCK_DURATION_LEN];
        moment(started_at, since);
        clock_duration(now - started_at, age);
        finding_say(f, "ds01d %s has run since %s (%s)", daemon, since, age);
        if (client && strcmp(client, daemon) != 0) {
                cleanup_free char *safe = str_safe(client);
                finding_add(f, FINDING_WARNING, "sudo systemctl restart ds01d",
                        "ds01 is version %.40s, but ds01d, which has run since %s, is %s", safe,
                        since, daemon);
        }
}

void judge_settings(const char *path, const struct err *failed, struct finding *f)
{
        finding_say(f, "%s can be read", path);
        if (!failed)
                return;
        finding_add(f, FINDING_PROBLEM, failed->fix[0] ? failed->fix : NULL, "%s", failed->msg);
        finding_add(f, FINDING_PROBLEM, NULL, "No ds01d would start with these settings");
        finding_public(f, "No ds01d would start with the settings");
}

void judge_policy(const char *path, bool missing, const struct strv *warnings,
        const struct err *failed, struct finding *f)
{
        cleanup_free char *check = missing ? xasprintf("Write %s: resource-limits.yaml(5)", path)
                                           : xasprintf("ds01 policy check %s", path);
        finding_say(f, "%s can be read", path);
        if (failed) {
                finding_add(f, FINDING_PROBLEM, failed->fix[0] ? failed->fix : check, "%s",
                        failed->msg);
                finding_add(f, FINDING_PROBLEM, NULL,
                        "A ds01d that runs goes on with the limits of before; none would start");
                finding_public(f, "The policy's files can't be read: older limits hold");
                return;
        }
        if (warnings->n == 0)
                return;
        if (warnings->n > 1)
                finding_add(f, FINDING_WARNING, check, "%zu warnings in the policy's files",
                        warnings->n);
        for (size_t i = 0; i < warnings->n; i++)
                finding_add(f, FINDING_WARNING, check, "%s", warnings->v[i]);
        finding_public(f, "%zu %s in the policy's files", warnings->n,
                warnings->n == 1 ? "warning" : "warnings");
}

void judge_access(const struct group_facts *group, struct finding *f)
{
        if (!group) {
                finding_say(f, "Every account of people may use ds01");
                return;
        }
        cleanup_free char *add = xasprintf("sudo usermod -aG %s NAME", group->name);
        if (group->failed.code != ERR_NONE) {
                finding_add(f, FINDING_WARNING, NULL, "%s", group->failed.msg);
                return;
        }
        if (!group->exists) {
                cleanup_free char *fix =
                        xasprintf("sudo groupadd --system %s\n%s", group->name, add);
                finding_add(f, FINDING_PROBLEM, fix,
                        "Nobody may use ds01: there is no group %s, whose members may",
                        group->name);
                return;
        }
        finding_say(f, "Members of %s may use ds01; it lists %zu", group->name, group->members.n);
        if (group->members.n == 0)
                finding_add(f, FINDING_WARNING, add,
                        "Members of %s may use ds01, but it lists nobody", group->name);
}

void judge_paths(const struct path_facts *v, size_t n, struct finding *f)
{
        size_t looked = 0, bad = 0;
        for (size_t i = 0; i < n; i++) {
                if (!v[i].path)
                        continue;
                looked++;
                if (v[i].failed.code == ERR_NONE)
                        continue;
                bad++;
                finding_add(f, FINDING_PROBLEM, v[i].failed.fix[0] ? v[i].failed.fix : NULL,
                        "%s: %s", v[i].what, v[i].failed.msg);
        }
        finding_say(f, "Settings, policy, state and programs are in root's hands alone");
        if (looked == 0)
                finding_add(f, FINDING_UNCHECKED, NULL, "There is nothing to look at");
        if (bad > 0)
                finding_public(f,
                        "%zu of ds01's files and folders can be changed by others than root", bad);
}

void judge_clock(int64_t now, int64_t last, struct finding *f)
{
        static const char fix[] = "timedatectl\nsudo timedatectl set-ntp true";
        char at[32], by[CLOCK_DURATION_LEN];
        moment(now, at);
        finding_say(f, "It is %s, later than all that is recorded", at);
        if (now < CLOCK_LEAST)
                finding_add(f, FINDING_PROBLEM, fix, "The clock is wrong: it shows %s", at);
        if (last <= now + CLOCK_SLACK_S)
                return;
        clock_duration(last - now, by);
        finding_add(f, FINDING_PROBLEM, fix,
                "The clock is behind what ds01d has recorded by %s: leases would end too late", by);
}
