/* SPDX-License-Identifier: MIT */
/*
 * Memory and ownership.
 *
 * Allocation never fails as far as callers can see: running out of memory ends the program, because
 * every input is capped before it is stored and because both programs can be killed at any point
 * without losing state. Ownership is visible: a variable that owns something says so with a cleanup
 * attribute, and giving it away is written take_ptr(x) or take_fd(&x).
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define cleanup_free CLEANUP(mem_freep)
#define cleanup_close CLEANUP(mem_closep)

/* Moves a pointer out of a variable, which becomes NULL: its cleanup then has nothing to free. */
#define take_ptr(p)                                                                                \
        __extension__({                                                                            \
                __typeof__(p) *pp_ = &(p);                                                         \
                __typeof__(p) v_ = *pp_;                                                           \
                *pp_ = NULL;                                                                       \
                v_;                                                                                \
        })

/* Defines `fn##p`, the form that CLEANUP() wants, for a destructor that takes a pointer. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
        static inline void fn##p(type *p)                                                          \
        {                                                                                          \
                if (*p)                                                                            \
                        fn(*p);                                                                    \
        }

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Zeroed memory; aborts when there is none. The caller owns the result (free). */
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* As realloc(3) for n elements, overflow-checked; aborts when there is no memory. */
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
/* A copy of s; NULL gives NULL. The caller owns it. */
char *xstrdup(const char *s);
/* A copy of the first n bytes of s, NUL-terminated. The caller owns it. */
char *xstrndup(const char *s, size_t n) __attribute__((returns_nonnull));
/* A formatted string; the caller owns it. */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Replaces *p by a copy of s (which may be NULL) and frees what was there. */
void str_replace(char **p, const char *s);

/* Moves a descriptor out of a variable, which becomes -1. */
int take_fd(int *fd);

void mem_freep(void *p);
void mem_closep(int *fd);
