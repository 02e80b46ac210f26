/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STRBUF_H
#define STRBUF_H

#include <stddef.h>
#include <stdint.h>

/* A growing text. Zero-initialised is empty; text is NULL or terminated. */
struct strbuf {
	char *text;
	size_t n, room;
};

void strbuf_done(struct strbuf *b);
void strbuf_add(struct strbuf *b, const char *s, size_t n);
void strbuf_str(struct strbuf *b, const char *s);
void strbuf_printf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The shortest decimal text that reads back as v; NaN, +Inf and -Inf as OpenMetrics writes them. */
void strbuf_number(struct strbuf *b, double v);
void strbuf_integer(struct strbuf *b, int64_t v);

/* The text of a label's value: \, " and line ends escaped, other control characters and bytes that
 * are not UTF-8 replaced by U+FFFD. */
void strbuf_label(struct strbuf *b, const char *s);

#endif
