/* SPDX-License-Identifier: MIT */
#include "cli/module.h"

#include "base/str.h"
#include "cli/alone.h"

#include <dlfcn.h>

int module_entry(const char *file, const char *entry, const char *what, void **ret, struct err *e)
{
        cleanup_free char *folder = MODULES[0] == '/' ? NULL : alone_folder();
        cleanup_free char *path =
                MODULES[0] == '/' ? xasprintf("%s/%s", MODULES, file)
                                  : xasprintf("%s/" MODULES "/%s", str_or_empty(folder), file);
        /* Never closed: a thread that hangs may be left in it. */
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        void *found = module ? dlsym(module, entry) : NULL;
        if (!found)
                return err_set(e, ERR_FAILED, "Can't open %s: %s", what, dlerror());
        *ret = found;
        return 0;
}
