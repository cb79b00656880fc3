/* SPDX-License-Identifier: MIT */
/* Foreign text inside error sentences. Used all over image/, where names come from users' files. */
#pragma once

#include <stddef.h>

/*
 * At most max bytes of s, "…" if that is not all of it, in the printable form of str_safe(): what a
 * sentence is made of stays short and valid UTF-8. The caller owns it.
 */
char *shown_text(const char *s, size_t max);
