/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
        static const char msg[] = "ds01: out of memory\n";
        (void)!write(STDERR_FILENO, msg, sizeof msg - 1);
        abort();
}

void *xcalloc(size_t n, size_t size)
{
        void *p = calloc(n ? n : 1, size ? size : 1);
        if (!p)
                out_of_memory();
        return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
        void *q = reallocarray(p, n ? n : 1, size ? size : 1);
        if (!q)
                out_of_memory();
        return q;
}

char *xstrdup(const char *s)
{
        return s ? xstrndup(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
        size_t len = strnlen(s, n);
        char *p = xcalloc(len + 1, 1);
        memcpy(p, s, len);
        return p;
}

char *xasprintf(const char *fmt, ...)
{
        va_list ap;
        char *p = NULL;
        va_start(ap, fmt);
        int n = vasprintf(&p, fmt, ap);
        va_end(ap);
        if (n < 0)
                out_of_memory();
        return p;
}

void str_replace(char **p, const char *s)
{
        char *copy = xstrdup(s);
        free(*p);
        *p = copy;
}

int take_fd(int *fd)
{
        int v = *fd;
        *fd = -1;
        return v;
}

void mem_freep(void *p)
{
        free(*(void **)p);
}

void mem_closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}
