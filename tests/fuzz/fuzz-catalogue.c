/* SPDX-License-Identifier: MIT */
/* Catalogue texts: every entry that was taken can be found by its name, version and architecture.
 */
#include "image/catalogue.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        cleanup_catalogue struct catalogue c = { 0 };
        cleanup_strv struct strv warnings = { 0 };
        struct err e = ERR_INIT;
        catalogue_add(&c, (const char *)data, n / 2, "first", &warnings);
        catalogue_add(&c, (const char *)data + n / 2, n - n / 2, "second", &warnings);
        for (size_t i = 0; i < c.n && i < 50; i++) {
                const struct catalogue_entry *entry = &c.entries[i], *found;
                cleanup_free char *what = xasprintf("%s:%s", entry->framework, entry->version);
                if (catalogue_resolve(&c, what, entry->archs.v[0], &found, &e) < 0)
                        abort();
                if (catalogue_resolve(&c, entry->framework, entry->archs.v[0], &found, &e) < 0)
                        abort();
                if (!catalogue_find_image(&c, &entry->image))
                        abort();
                if (i > 0 && str_eq(entry->framework, c.entries[i - 1].framework) &&
                        catalogue_compare_versions(entry->version, c.entries[i - 1].version) > 0)
                        abort();
        }
        cleanup_free const struct catalogue_entry **choices = NULL;
        if (catalogue_choices(&c, "", &choices) > c.n)
                abort();
        const struct catalogue_entry *found;
        cleanup_free char *what = xstrndup((const char *)data, n);
        (void)catalogue_resolve(&c, what, "CPU", &found, &e);
        return 0;
}
