/* SPDX-License-Identifier: MIT */
/* Image names: what parses prints to something that parses to the same, and never looks like an id.
 */
#include "image/reference.h"

#include "base/str.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_free char *text = xstrndup((const char *)data, n);
        struct err e = ERR_INIT;
        cleanup_reference struct reference r = { 0 }, again = { 0 };
        if (reference_parse(text, &r, &e) < 0) {
                if (e.code != ERR_INVALID || !str_is_utf8(e.msg, strlen(e.msg)))
                        abort();
                return 0;
        }
        cleanup_free char *printed = reference_text(&r);
        if (!strchr(printed, ':') || strchr(printed, '@'))
                abort();
        /* The text may be longer than what people may write, by the tag that is added. */
        if (strlen(printed) <= REFERENCE_MAX)
                if (reference_parse(printed, &again, &e) < 0 || !reference_equal(&r, &again))
                        abort();
        if (!reference_matches(&r, "*") || !reference_matches(&r, printed))
                abort();
        reference_is_ds01(&r, NULL, NULL);
        return 0;
}
