/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UTIL_H
#define UTIL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* A local that owns something: the function f gets its address when the scope is left. */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* Hands ownership over: the value of p, which is NULL from then on. */
#define TAKE_PTR(p)                                                                                \
	__extension__({                                                                            \
		__typeof__(p) *take_ = &(p);                                                       \
		__typeof__(p) v_ = *take_;                                                         \
		*take_ = NULL;                                                                     \
		v_;                                                                                \
	})

/* Like malloc, calloc, realloc and strdup, but abort when memory is gone: systemd restarts us.
 * Sizes that come from outside are bounded before the call. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

/* Copies s into dst[n], cut at a UTF-8 boundary if it does not fit, always terminated. */
void str_copy(char *dst, size_t n, const char *s);

static inline void
closep(int *fd)
{
	if (*fd >= 0)
		(void) close(*fd);
	*fd = -1;
}

static inline void
freep(void *p)
{
	free(*(void **) p);
}

static inline void
fclosep(FILE **f)
{
	if (*f)
		(void) fclose(*f);
}

#endif
