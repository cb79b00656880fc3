/* SPDX-License-Identifier: MIT */
#include "daemon/examine.h"

#include "base/json.h"

#include <string.h>

enum needs { NEEDS_DS01D = 1, NEEDS_ENGINE = 2 };

static const struct examine_check checks[] = {
#define X(id, name, title, needs, looks) { name, title, needs, examine_##id },
#include "rpc/doctor.def"
#undef X
};

static void run(struct examination *x, const struct examine_check *c, struct finding *f)
{
        if (c->needs & NEEDS_DS01D && !x->d)
                finding_add(f, FINDING_UNCHECKED, NULL, "Only a running ds01d can tell");
        else if (c->needs & NEEDS_ENGINE && examine_ask_engine(x) < 0)
                finding_add(f, FINDING_UNCHECKED, NULL, "The container engine doesn't answer");
        else
                c->run(x, f);
}

bool examine_all(struct examination *x,
        int (*fn)(void *ctx, const struct examine_check *check, const struct finding *f), void *ctx)
{
        for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
                if (x->d && atomic_load(&x->d->stopping))
                        return false;
                cleanup_finding struct finding f = { 0 };
                run(x, &checks[i], &f);
                if (fn(ctx, &checks[i], &f) != 0)
                        return false;
        }
        return true;
}

static json_t *strings(const struct strv *l)
{
        json_t *a = json_array();
        for (size_t i = 0; i < l->n; i++) {
                /* Names of files and accounts may be any bytes. */
                cleanup_free char *safe = str_safe(l->v[i]);
                json_array_append_new(a, json_string(safe));
        }
        return a;
}

json_t *examine_row(const struct examine_check *check, const struct finding *f, bool admin)
{
        static const struct strv none = { 0 };
        cleanup_free char *text = str_safe(admin || !*f->public ? f->text : f->public);
        return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "check", check->name, "title",
                check->title, "state", finding_state_word(f->state), "text", text, "details",
                strings(admin ? &f->details : &none), "fix", strings(admin ? &f->fixes : &none));
}
