/* SPDX-License-Identifier: MIT */
#include "engine/networks.h"

#include "base/str.h"
#include "engine/call.h"

#include <string.h>

#define OPTION_ICC "com.docker.network.bridge.enable_icc"
#define OPTION_BRIDGE "com.docker.network.bridge.name"

static struct call network_call(const char *method, const char *verb, const char *name)
{
        struct call c = call_new(method, "%s network %s", verb, name);
        call_path(&c, "/networks/");
        call_name(&c, name);
        c.on_404 = ERR_NOT_FOUND;
        return c;
}

/* The IPv4 subnet of a network that the engine has described; NULL if it has none. */
static char *subnet_of(const json_t *network)
{
        size_t i;
        json_t *pool;
        json_array_foreach (json_at(network, "IPAM/Config"), i, pool) {
                const char *subnet = json_str(pool, "Subnet");
                if (subnet && strchr(subnet, '.'))
                        return xstrdup(subnet);
        }
        return NULL;
}

int engine_network_check(struct engine *en, const struct engine_wait *w, const char *name, bool icc,
        char **ret_subnet, struct err *e)
{
        cleanup_call struct call c = network_call("GET", "look at", name);
        cleanup_json json_t *found = NULL;
        if (call_run_json(en, w, &c, &found, e))
                return -1;
        /* The engine also takes the beginning of an id for a name. */
        if (!str_eq(json_str(found, "Name"), name))
                return err_set(e, ERR_NOT_FOUND, "There is no network %s", name);
        cleanup_free char *driver = str_safe(str_or_empty(json_str(found, "Driver")));
        if (!str_eq(driver, "bridge")) {
                err_set(e, ERR_FAILED, "Network %s exists with driver %s, bridge is needed", name,
                        driver);
                return err_fix(e, "docker network rm %s", name);
        }
        const json_t *option = json_object_get(json_at(found, "Options"), OPTION_ICC);
        bool has_icc = !str_eq(json_string_value(option), "false");
        if (has_icc == icc) {
                if (ret_subnet)
                        *ret_subnet = subnet_of(found);
                return 0;
        }
        err_set(e, ERR_FAILED, "Network %s exists and %s its containers reach each other", name,
                has_icc ? "lets" : "does not let");
        return err_fix(e, "docker network rm %s", name);
}

int engine_network_label(struct engine *en, const struct engine_wait *w, const char *name,
        const char *label, char **ret, struct err *e)
{
        cleanup_call struct call c = network_call("GET", "look at", name);
        cleanup_json json_t *found = NULL;
        if (call_run_json(en, w, &c, &found, e))
                return -1;
        if (!str_eq(json_str(found, "Name"), name))
                return err_set(e, ERR_NOT_FOUND, "There is no network %s", name);
        /* Not by path: labels have dots, and could have slashes. */
        const json_t *labels = json_object_get(found, "Labels");
        *ret = xstrdup(json_string_value(json_object_get(labels, label)));
        return 0;
}

static json_t *network_body(
        const char *name, const char *bridge, bool icc, const json_t *labels, const char *subnet)
{
        json_t *body = json_pack("{s:s, s:s, s:b, s:{s:s}}", "Name", name, "Driver", "bridge",
                "CheckDuplicate", 1, "Options", OPTION_ICC, icc ? "true" : "false");
        if (!body)
                return NULL;
        if (bridge)
                json_object_set_new(
                        json_object_get(body, "Options"), OPTION_BRIDGE, json_string(bridge));
        if (labels)
                json_object_set_new(body, "Labels", json_deep_copy(labels));
        if (subnet)
                json_object_set_new(
                        body, "IPAM", json_pack("{s:[{s:s}]}", "Config", "Subnet", subnet));
        return body;
}

int engine_network_ensure(struct engine *en, const struct engine_wait *w, const char *name,
        const char *bridge, bool icc, const json_t *labels, const char *subnet, struct err *e)
{
        if (engine_network_check(en, w, name, icc, NULL, e) == 0)
                return 0;
        if (e->code != ERR_NOT_FOUND)
                return -1;
        cleanup_call struct call c = call_new("POST", "create network %s", name);
        cleanup_json json_t *body = network_body(name, bridge, icc, labels, subnet);
        if (!body)
                return err_set(e, ERR_INVALID, "Can't %s: that is no valid name", c.what);
        cleanup_free char *text = json_text(body);
        call_path(&c, "/networks/create");
        c.json = text;
        if (call_run(en, w, &c, e) == 0)
                return 0;
        /* Somebody else may have made it since we looked; the engine then says 409, or 403 for the
         * bridge. */
        struct err again = ERR_INIT;
        if (c.reply.status < 400 || (engine_network_check(en, w, name, icc, NULL, &again) &&
                                            again.code == ERR_NOT_FOUND))
                return -1;
        if (again.code == ERR_NONE)
                return 0;
        *e = again;
        return -1;
}

int engine_network_remove(
        struct engine *en, const struct engine_wait *w, const char *name, struct err *e)
{
        cleanup_call struct call c = network_call("DELETE", "remove", name);
        return call_run(en, w, &c, e) == 0 || c.reply.status == 404 ? 0 : -1;
}
