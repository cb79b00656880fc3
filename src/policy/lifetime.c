/* SPDX-License-Identifier: MIT */
#include "policy/lifetime.h"

int64_t lifetime_end(const struct limits *l, enum limit_key key, int64_t since)
{
        int64_t seconds = limits_get(l, key);
        return since <= 0 || seconds < 0 ? 0 : since + seconds;
}

int lifetime_mark(int64_t start, int64_t end, int64_t now)
{
        static const int percents[] = { 100, 90, 75 };
        if (end == 0)
                return 0;
        for (size_t i = 0; i < sizeof percents / sizeof *percents; i++)
                if ((now - start) * 100 >= (end - start) * percents[i])
                        return percents[i];
        return 0;
}
