/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/strbuf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "base/util.h"

void
strbuf_done(struct strbuf *b)
{
	free(b->text);
	*b = (struct strbuf){NULL, 0, 0};
}

static void
reserve(struct strbuf *b, size_t more)
{
	if (b->n + more < b->room)
		return;
	b->room = MAX(b->room * 2, b->n + more + 64);
	b->text = xrealloc(b->text, b->room);
}

void
strbuf_add(struct strbuf *b, const char *s, size_t n)
{
	reserve(b, n + 1);
	memcpy(b->text + b->n, s, n);
	b->n += n;
	b->text[b->n] = '\0';
}

void
strbuf_str(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void
strbuf_printf(struct strbuf *b, const char *format, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		abort();
	reserve(b, (size_t) n + 1);
	(void) vsnprintf(b->text + b->n, (size_t) n + 1, format, again);
	va_end(again);
	b->n += (size_t) n;
}

void
strbuf_number(struct strbuf *b, double v)
{
	char text[32];

	if (isnan(v) || isinf(v)) {
		strbuf_str(b, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void) snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	strbuf_str(b, text);
}

void
strbuf_label(struct strbuf *b, const char *s)
{
	while (*s) {
		size_t n = utf8_length(s);

		if (*s == '\\')
			strbuf_str(b, "\\\\");
		else if (*s == '"')
			strbuf_str(b, "\\\"");
		else if (*s == '\n')
			strbuf_str(b, "\\n");
		else if (n == 0 || (unsigned char) *s < 0x20 || *s == 0x7f)
			strbuf_str(b, UTF8_REPLACEMENT);
		else
			strbuf_add(b, s, n);
		s += n ? n : 1;
	}
}
