/* SPDX-License-Identifier: MIT */
/* Dockerfiles: the text made from what was read is taken again, and is then the same text. */
#include "image/dockerfile.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_dockerfile struct dockerfile d = { 0 }, again = { 0 };
        cleanup_free char *text = NULL, *second = NULL;
        struct err e = ERR_INIT;
        if (dockerfile_check((const char *)data, n, NULL, &d, &e) < 0) {
                if (e.code != ERR_INVALID || !str_is_utf8(e.msg, strlen(e.msg)))
                        abort();
                return 0;
        }
        if (dockerfile_text(&d, NULL, &text, &e) < 0)
                abort();
        /* The tags that were added may bring it, or one name in it, above its limit. */
        if (dockerfile_check(text, strlen(text), NULL, &again, &e) < 0) {
                if (strlen(text) > 64 * 1024 || strstr(e.msg, "longer than 200 bytes"))
                        return 0;
                abort();
        }
        if (again.n_images != d.n_images || again.n_stages != d.n_stages ||
                again.steps.n != d.steps.n)
                abort();
        for (size_t i = 0; i < d.n_images; i++)
                if (!reference_equal(&again.images[i].reference, &d.images[i].reference))
                        abort();
        if (dockerfile_text(&again, NULL, &second, &e) < 0 || strcmp(text, second) != 0)
                abort();
        return 0;
}
