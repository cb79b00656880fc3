/* SPDX-License-Identifier: MIT */
#include "host/slice.h"

#include <stdint.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define BUS_TIMEOUT_US UINT64_C(10000000)

static void bus_closep(sd_bus **bus)
{
        sd_bus_flush_close_unref(*bus);
}

static void message_unrefp(sd_bus_message **m)
{
        sd_bus_message_unref(*m);
}

static int new_call(sd_bus *bus, const char *method, sd_bus_message **ret)
{
        return sd_bus_message_new_method_call(bus, ret, "org.freedesktop.systemd1",
                "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", method);
}

/* The largest number stands for "infinity" in all three. */
static uint64_t or_infinity(int64_t value, uint64_t factor)
{
        return value < 0 ? UINT64_MAX : (uint64_t)value * factor;
}

static int append_limits(sd_bus_message *m, const struct cgroup_limits *l)
{
        const struct {
                const char *name;
                uint64_t value;
        } property[] = {
                { "MemoryMax", or_infinity(l->memory_bytes, 1) },
                { "CPUQuotaPerSecUSec", or_infinity(l->cpu_quota_percent, 10000) },
                { "TasksMax", or_infinity(l->pids, 1) },
                { "MemoryHigh",
                        or_infinity(l->memory_high_bytes > 0 ? l->memory_high_bytes : -1, 1) },
        };
        int r = sd_bus_message_open_container(m, 'a', "(sv)");
        for (size_t i = 0; r >= 0 && i < sizeof property / sizeof *property; i++)
                r = sd_bus_message_append(m, "(sv)", property[i].name, "t", property[i].value);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int start(sd_bus *bus, const char *name, const struct cgroup_limits *l, sd_bus_error *error)
{
        __attribute__((cleanup(message_unrefp))) sd_bus_message *m = NULL;
        int r = new_call(bus, "StartTransientUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", name, "fail");
        if (r >= 0)
                r = append_limits(m, l);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r < 0 ? r : sd_bus_call(bus, m, BUS_TIMEOUT_US, error, NULL);
}

/* For this boot only: the limits are set anew before each launch. */
static int adjust(sd_bus *bus, const char *name, const struct cgroup_limits *l, sd_bus_error *error)
{
        __attribute__((cleanup(message_unrefp))) sd_bus_message *m = NULL;
        int r = new_call(bus, "SetUnitProperties", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", name, 1);
        if (r >= 0)
                r = append_limits(m, l);
        return r < 0 ? r : sd_bus_call(bus, m, BUS_TIMEOUT_US, error, NULL);
}

int slice_set(const char *name, const struct cgroup_limits *l, struct err *e)
{
        __attribute__((cleanup(bus_closep))) sd_bus *bus = NULL;
        __attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_open_system(&bus);
        if (r < 0) {
                err_sys(e, -r, "Can't reach systemd over the system bus to limit %s", name);
                return err_fix(e, "Use the engine's cgroupfs driver where systemd does not run: "
                                  "\"exec-opts\": [\"native.cgroupdriver=cgroupfs\"] in "
                                  "/etc/docker/daemon.json");
        }
        r = start(bus, name, l, &error);
        if (r < 0 && sd_bus_error_has_name(&error, "org.freedesktop.systemd1.UnitExists")) {
                sd_bus_error_free(&error);
                r = adjust(bus, name, l, &error);
        }
        if (r < 0 && error.message)
                return err_set(
                        e, ERR_FAILED, "Can't set the limits of %s: %s", name, error.message);
        return r < 0 ? err_sys(e, -r, "Can't set the limits of %s", name) : 0;
}
