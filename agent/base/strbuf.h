/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STRBUF_H
#define STRBUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A growing text. Zero-initialised is empty; text is NULL or terminated. */
struct strbuf {
	char *text;
	size_t n, room;
};

void strbuf_done(struct strbuf *b);
/* Makes room for more bytes and the terminator. */
void strbuf_grow(struct strbuf *b, size_t more);

/* Here, so that a literal is copied by a few instructions: bodies of the serve half are made of little else. */
static inline void
strbuf_add(struct strbuf *b, const char *s, size_t n)
{
	if (b->room <= b->n + n)
		strbuf_grow(b, n);
	memcpy(b->text + b->n, s, n);
	b->n += n;
	b->text[b->n] = '\0';
}

static inline void
strbuf_str(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_printf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The shortest decimal text that reads back as v; NaN, +Inf and -Inf as OpenMetrics writes them. */
void strbuf_number(struct strbuf *b, double v);
void strbuf_integer(struct strbuf *b, int64_t v);

/* The text of a label's value: \, " and line ends escaped, other control characters and bytes that
 * are not UTF-8 replaced by U+FFFD. */
void strbuf_label(struct strbuf *b, const char *s);

#endif
