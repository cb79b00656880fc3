/* SPDX-License-Identifier: MIT */
#include "policy/seccomp.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <sha256.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Flags of clone(2) that make namespaces: time, mount, cgroup, uts, ipc, user, pid, net. */
#define CLONE_NAMESPACES 0x7e020080
#define NEW_LISTENER 8 /* SECCOMP_FILTER_FLAG_NEW_LISTENER */
/* The kernel takes these arguments as an int, so the upper half of the register must not matter. */
#define AS_INT 0xffffffff
#define SOCKET_TYPE 0xf /* SOCK_CLOEXEC and SOCK_NONBLOCK are above it */

/* The kernel's numbers, as on x86-64 and arm64: no headers that could do more than name them. */
enum { UNIX = 1, INET = 2, INET6 = 10, NETLINK = 16, STREAM = 1, SEQPACKET = 5 };
enum { NOBODY = 65534 };
enum { LINUX = 0, LINUX32 = 8, AS_2_6 = 0x20000 };

static const char *const allowed[] = {
#define X(name) #name,
#include "policy/syscalls.def"
#undef X
};

/* Allowed if the bits of one argument are these. */
static const struct {
        const char *name;
        int argument;
        uint32_t bits, value;
} allowed_with[] = {
        { "clone", 0, CLONE_NAMESPACES, 0 },
        { "socket", 0, AS_INT, INET },
        { "socket", 0, AS_INT, INET6 },
        { "socket", 0, AS_INT, NETLINK },
        { "personality", 0, AS_INT, LINUX },
        { "personality", 0, AS_INT, LINUX32 },
        { "personality", 0, AS_INT, AS_2_6 },
        { "personality", 0, AS_INT, LINUX32 | AS_2_6 },
        { "personality", 0, AS_INT, UINT32_MAX }, /* which one it is */
        { "seccomp", 1, NEW_LISTENER, 0 },
};

static const struct {
        const char *name;
        int n; /* ids that it takes */
} become[] = {
        { "setuid", 1 },
        { "setreuid", 2 },
        { "setresuid", 3 },
        { "setfsuid", 1 },
        { "setgid", 1 },
        { "setregid", 2 },
        { "setresgid", 3 },
        { "setfsgid", 1 },
};

static json_t *match(int argument, uint32_t bits, uint32_t value)
{
        return json_pack("{s:i, s:I, s:I, s:s}", "index", argument, "value", (json_int_t)bits,
                "valueTwo", (json_int_t)value, "op", "SCMP_CMP_MASKED_EQ");
}

/* Takes the arguments. */
static void add_rule(
        json_t *rules, const char *name, const char *action, int error, json_t *arguments)
{
        json_t *rule =
                json_pack("{s:[s], s:s, s:o}", "names", name, "action", action, "args", arguments);
        if (error >= 0)
                json_object_set_new(rule, "errnoRet", json_integer(error));
        json_array_append_new(rules, rule);
}

static void allow(json_t *rules, const char *name, json_t *arguments)
{
        add_rule(rules, name, "SCMP_ACT_ALLOW", -1, arguments);
}

static void answer(json_t *rules, const char *name, int error, json_t *arguments)
{
        add_rule(rules, name, "SCMP_ACT_ERRNO", error, arguments);
}

/* The ids from `value` on that differ from it in `n` - 1's bits; n is a power of two. */
static json_t *match_ids(int argument, uint32_t value, uint32_t n)
{
        return match(argument, AS_INT - (n - 1), value);
}

bool seccomp_root_suits(uid_t people_from)
{
        return people_from >= SECCOMP_USER_MIN;
}

struct range { /* what match_ids() takes */
        uint32_t first, n;
};
/* Of packages: 1 to 999. Of people, as far as archives go: 1000 to 65535. */
static const struct range system_ids[] = { { 1, 1 }, { 2, 2 }, { 4, 4 }, { 8, 8 }, { 16, 16 },
        { 32, 32 }, { 64, 64 }, { 128, 128 }, { 256, 256 }, { 512, 256 }, { 768, 128 }, { 896, 64 },
        { 960, 32 }, { SECCOMP_GROUP_MIN - 8, 8 } };
static const struct range people_ids[] = { { 1000, 8 }, { 1008, 16 }, { 1024, 1024 },
        { 2048, 2048 }, { 4096, 4096 }, { 8192, 8192 }, { 16384, 16384 }, { 32768, 32768 } };

/* chown(2) and its kin; `owner` is the argument that says to whom, the group's is the next. */
static void add_chown(json_t *rules, const char *name, int owner)
{
        static const uint32_t not_a_change[] = { 0, UINT32_MAX };
        allow(rules, name, json_pack("[o]", match_ids(owner, UINT32_MAX, 1)));
        for (size_t i = 0; i < ARRAY_LEN(system_ids); i++) {
                const struct range *r = &system_ids[i];
                allow(rules, name, json_pack("[o]", match_ids(owner, r->first, r->n)));
                allow(rules, name,
                        json_pack("[o, o]", match_ids(owner, 0, 1),
                                match_ids(owner + 1, r->first, r->n)));
        }
        for (size_t i = 0; i < ARRAY_LEN(people_ids); i++)
                answer(rules, name, 0,
                        json_pack("[o]", match_ids(owner, people_ids[i].first, people_ids[i].n)));
        for (size_t i = 0; i < ARRAY_LEN(not_a_change); i++)
                answer(rules, name, 0,
                        json_pack("[o, o]", match_ids(owner, 0, 1),
                                match_ids(owner + 1, not_a_change[i], 1)));
}

/*
 * setuid(2) and its kin: the real and the effective id, where a call has both, are the system's or nobody's,
 * or left as they are. A saved one alone gives nothing: it takes a further call to use it. By masks
 * alone, as libseccomp 2.5 does not come to an end where they meet other comparisons.
 */
static void add_become(json_t *rules, const char *name, int n)
{
        static const struct range ids[] = { { 0, 512 }, { 512, 256 }, { 768, 128 }, { 896, 64 },
                { 960, 32 }, { SECCOMP_USER_MIN - 8, 8 }, { NOBODY, 1 }, { UINT32_MAX, 1 } };
        /* Where there is one id only, none can be left as it is. */
        size_t n_ids = ARRAY_LEN(ids) - (n == 1);
        for (size_t i = 0; i < n_ids; i++) {
                if (n == 1)
                        allow(rules, name, json_pack("[o]", match_ids(0, ids[i].first, ids[i].n)));
                for (size_t k = 0; n > 1 && k < n_ids; k++)
                        allow(rules, name,
                                json_pack("[o, o]", match_ids(0, ids[i].first, ids[i].n),
                                        match_ids(1, ids[k].first, ids[k].n)));
        }
}

/* It is the same for each container, and takes as long to write as all the rest of a create body. */
struct made {
        char *text, mark[SECCOMP_MARK_SIZE];
};

static char *write_profile(void)
{
        static const uint32_t pairs[] = { STREAM, SEQPACKET };
        json_t *names = json_array();
        for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
                json_array_append_new(names, json_string(allowed[i]));
        json_t *rules = json_pack("[{s:o, s:s}]", "names", names, "action", "SCMP_ACT_ALLOW");
        for (size_t i = 0; i < ARRAY_LEN(allowed_with); i++)
                allow(rules, allowed_with[i].name,
                        json_pack("[o]", match(allowed_with[i].argument, allowed_with[i].bits,
                                                 allowed_with[i].value)));
        /* A pair of streams can't be connected to anything else any more; one of datagrams could. */
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
                allow(rules, "socketpair",
                        json_pack(
                                "[o, o]", match(0, AS_INT, UNIX), match(1, SOCKET_TYPE, pairs[i])));
        add_chown(rules, "chown", 1);
        add_chown(rules, "fchown", 1);
        add_chown(rules, "lchown", 1);
        add_chown(rules, "fchownat", 2);
        for (size_t i = 0; i < ARRAY_LEN(become); i++)
                add_become(rules, become[i].name, become[i].n);
        /* Answers that programs know what to do with: to try another family, and clone(). */
        answer(rules, "socket", EAFNOSUPPORT, json_pack("[o]", match(0, AS_INT, UNIX)));
        answer(rules, "clone3", ENOSYS, json_array());
        cleanup_json json_t *profile = json_pack("{s:s, s:i, s:o}", "defaultAction",
                "SCMP_ACT_ERRNO", "defaultErrnoRet", EPERM, "syscalls", rules);
        return json_text(profile);
}

static struct made *make(void)
{
        char digest[SHA256_DIGEST_STRING_LENGTH];
        struct made *m = xcalloc(1, sizeof *m);
        m->text = write_profile();
        SHA256Data((const uint8_t *)m->text, strlen(m->text), digest);
        snprintf(m->mark, sizeof m->mark, "%.16s", digest);
        return m;
}

/* Two threads may make it at once: the first one's stays. */
static const struct made *made(void)
{
        static _Atomic(struct made *) kept;
        struct made *m = atomic_load(&kept), *none = NULL;
        if (m)
                return m;
        m = make();
        if (atomic_compare_exchange_strong(&kept, &none, m))
                return m;
        free(m->text);
        free(m);
        return none;
}

const char *seccomp_root_profile(void)
{
        return made()->text;
}

void seccomp_root_mark(char out[SECCOMP_MARK_SIZE])
{
        memcpy(out, made()->mark, SECCOMP_MARK_SIZE);
}
