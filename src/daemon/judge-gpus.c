/* SPDX-License-Identifier: MIT */
/* judge.h: GPUs, and what brings them into containers. */
#include "daemon/judge.h"

#include <stdio.h>
#include <string.h>

static void judge_health(const struct gpu_sample *s, struct finding *f)
{
        cleanup_free char *why = str_safe(s->why);
        switch (s->health) {
        case GPU_HEALTH_NONE:
                finding_say(f, "This machine has no GPUs%s%.200s", *why ? ": " : "", why);
                return;
        case GPU_HEALTH_MISMATCH:
                finding_add(f, FINDING_PROBLEM, "sudo systemctl reboot",
                        "The driver and its library are of different versions: %.200s", why);
                return;
        case GPU_HEALTH_FAILED:
                finding_add(f, FINDING_PROBLEM, "nvidia-smi\nsudo dmesg | grep -i nvrm",
                        "The driver fails: %.200s", why);
                return;
        case GPU_HEALTH_OK:
                return;
        }
}

static void judge_device(const struct gpu_facts *g, size_t i, struct finding *f)
{
        const struct gpu *gpu = &g->sample->v[i];
        char slot[GPU_SLOT_SIZE], label[GPU_LABEL_SIZE];
        gpu_slot(gpu, slot);
        gpu_label(gpu, label);
        if (gpu->lost) {
                finding_add(f, FINDING_PROBLEM, "nvidia-smi\nsudo dmesg | grep -i xid",
                        "GPU %s (%s) doesn't answer its driver", slot, label);
                return;
        }
        if (!g->devices || g->devices[i].state != GPU_DRAINED)
                return;
        cleanup_free char *why = str_safe(g->why[i]);
        finding_add(f, FINDING_WARNING, "nvidia-smi",
                "GPU %s (%s) is drained: %.160s. It is given again once it is clean", slot, label,
                why);
}

void judge_gpus(const struct gpu_facts *g, struct finding *f)
{
        const struct gpu_sample *s = g->sample;
        size_t gpus = 0;
        for (size_t i = 0; i < s->n; i++)
                gpus += s->v[i].instance < 0;
        if (!g->answering) {
                finding_add(f, FINDING_PROBLEM, "nvidia-smi\nsudo dmesg | grep -i nvrm",
                        "The GPU driver gave no answer in time");
                return;
        }
        judge_health(s, f);
        for (size_t i = 0; i < s->n; i++)
                judge_device(g, i, f);
        if (s->simulated)
                finding_add(f, FINDING_WARNING, "Take 'probe: simulate' out of ds01d.yaml",
                        "%zu GPUs are simulated: containers get none", gpus);
        if (s->health == GPU_HEALTH_OK && s->n == 0)
                finding_say(f, "The driver (%s) works, and lists no GPU", s->driver);
        else if (s->health == GPU_HEALTH_OK)
                finding_say(f, "%zu %s, driver %s", gpus, gpus == 1 ? "GPU answers" : "GPUs answer",
                        s->driver);
}

void judge_toolkit(bool real, const struct toolkit_facts *t, struct finding *f)
{
        if (!real) {
                finding_say(f, "Not needed: there are no GPUs to bring into containers");
                return;
        }
        cleanup_free char *version = str_safe(str_or_empty(t->version));
        finding_say(f, "The NVIDIA Container Toolkit%s%.40s is installed", *version ? " " : "",
                version);
        if (t->hook)
                return;
        finding_add(f, FINDING_PROBLEM,
                "sudo apt-get install nvidia-container-toolkit\nsudo systemctl restart docker",
                "The engine can't give GPUs to containers: there is no nvidia-container-runtime-hook%s",
                t->runtime ? ", though it has a runtime nvidia"
                : t->cdi   ? ", though CDI describes the devices"
                           : "");
}
