/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/util.h"

#include <stdarg.h>

static void *
or_abort(void *p)
{
	if (!p)
		abort();
	return p;
}

void *
xmalloc(size_t n)
{
	return or_abort(malloc(n ? n : 1));
}

void *
xcalloc(size_t n, size_t size)
{
	return or_abort(calloc(n ? n : 1, size ? size : 1));
}

void *
xrealloc(void *p, size_t n)
{
	return or_abort(realloc(p, n ? n : 1));
}

char *
xstrdup(const char *s)
{
	return or_abort(strdup(s));
}

char *
xasprintf(const char *format, ...)
{
	va_list ap;
	char *s;

	va_start(ap, format);
	s = xvasprintf(format, ap);
	va_end(ap);
	return s;
}

char *
xvasprintf(const char *format, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, format, ap) < 0)
		abort();
	return s;
}

void
str_copy(char *dst, size_t n, const char *s)
{
	size_t len = strnlen(s, n);

	if (len == n) {
		len = n - 1;
		while (len > 0 && ((unsigned char) s[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(dst, s, len);
	dst[len] = '\0';
}
