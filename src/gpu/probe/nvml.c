/* SPDX-License-Identifier: MIT */
#include "gpu/probe/nvml.h"

#include "base/str.h"

#include <dlfcn.h>

#define LIBRARY "libnvidia-ml.so.1"

struct nvml nvml;

bool nvml_is_stale(enum nvml_return r)
{
        return r == NVML_UNINITIALIZED || r == NVML_DRIVER_NOT_LOADED || r == NVML_VERSION_MISMATCH;
}

bool nvml_is_trouble(enum nvml_return r)
{
        return nvml_is_stale(r) || r == NVML_GPU_IS_LOST || r == NVML_RESET_REQUIRED;
}

enum nvml_return nvml_noted(enum nvml_return r)
{
        if (nvml_is_trouble(r))
                nvml.trouble = r;
        return r;
}

/* dlerror() has only a text; this one stands for "no such file in any folder". */
static bool is_absent(const char *text)
{
        return str_starts(text, LIBRARY ": cannot open shared object file: No such file");
}

static int load(bool *ret_absent, struct err *e)
{
        if (nvml.handle)
                return 0;
        nvml.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        if (!nvml.handle) {
                const char *text = str_or_empty(dlerror());
                *ret_absent = is_absent(text);
                return err_set(e, ERR_FAILED, "the NVIDIA library can't be loaded: %s", text);
        }
#define X(name, params) nvml.name = (enum nvml_return(*) params)dlsym(nvml.handle, #name);
        NVML_FUNCTIONS(X)
#undef X
        return 0;
}

int nvml_open(enum nvml_return *ret, bool *ret_absent, struct err *e)
{
        *ret_absent = false;
        if (load(ret_absent, e) < 0)
                return -1;
        nvml.trouble = NVML_SUCCESS;
        *ret = nvml.initialized ? NVML_SUCCESS : NVML_CALL(nvmlInit_v2);
        nvml.initialized = *ret == NVML_SUCCESS;
        return 0;
}

void nvml_close(void)
{
        if (nvml.initialized && nvml.nvmlShutdown)
                nvml.nvmlShutdown();
        if (nvml.handle)
                dlclose(nvml.handle);
        nvml = (struct nvml){ 0 };
}

const char *nvml_text(enum nvml_return r)
{
        const char *(*error_string)(enum nvml_return) = NULL;
        if (nvml.handle)
                error_string =
                        (const char *(*)(enum nvml_return))dlsym(nvml.handle, "nvmlErrorString");
        const char *text = error_string ? error_string(r) : NULL;
        return text ? text : "unknown error";
}
