/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/strbuf.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/utf8.h"
#include "base/util.h"

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;
#endif

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

/* The digits of n, the last ones behind a point. */
static void
put_digits(struct strbuf *b, bool negative, uint64_t n, unsigned decimals)
{
	char text[32];
	char *at = text + sizeof(text);

	for (unsigned i = 0; i <= decimals || n > 0; i++, n /= 10) {
		if (i > 0 && i == decimals)
			*--at = '.';
		*--at = (char) ('0' + n % 10);
	}
	if (negative)
		*--at = '-';
	strbuf_add(b, at, (size_t) (text + sizeof(text) - at));
}

void
strbuf_integer(struct strbuf *b, int64_t v)
{
	put_digits(b, v < 0, v < 0 ? -(uint64_t) v : (uint64_t) v, 0);
}

/* What printf would write with as few digits as read back to v, at a tenth of its cost: v is the integer m / 2^shift,
 * and n / 10^decimals reads back to it if it is nearer than half the way to the next double. False: not with so few, or
 * not on a machine of 32 bits. */
static bool
put_number(struct strbuf *b, double v)
{
#ifdef __SIZEOF_INT128__
	const double magnitude = fabs(v);
	uint64_t m, power = 1;
	int exponent;
	unsigned shift;

	if (!(magnitude >= 1e-4 && magnitude < 1e15))
		return false;
	m = (uint64_t) ldexp(frexp(magnitude, &exponent), DBL_MANT_DIG); /* 53 bits, the first is set */
	shift = (unsigned) (DBL_MANT_DIG - exponent); /* 4 to 66 */
	for (unsigned decimals = 0; decimals <= 19; decimals++, power *= 10) {
		wide scaled = (wide) m * power, half = (wide) 1 << (shift - 1); /* 117 bits, 66 */
		wide n = scaled >> shift, off = scaled - (n << shift);

		if (off > half || (off == half && n & 1)) {
			n++;
			off = 2 * half - off;
		}
		/* the next one below a power of two is half as far away */
		if (off * (m & (m - 1) ? 2 : 4) >= power)
			continue;
		put_digits(b, v < 0, (uint64_t) n, decimals);
		return true;
	}
#else
	(void) b;
	(void) v;
#endif
	return false;
}

void
strbuf_number(struct strbuf *b, double v)
{
	char text[32];

	if (isnan(v) || isinf(v)) {
		strbuf_str(b, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (v == 0)
		strbuf_str(b, signbit(v) ? "-0" : "0");
	if (v == 0 || put_number(b, v))
		return;
	for (int digits = 15; digits <= 17; digits++) {
		(void) snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	strbuf_str(b, text);
}

/* Bytes that a label has as they are, from s on; the rest goes character by character. */
static size_t
plain_length(const char *s)
{
	size_t n = 0;

	while (s[n] >= ' ' && s[n] < 0x7f && s[n] != '\\' && s[n] != '"')
		n++;
	return n;
}

void
strbuf_label(struct strbuf *b, const char *s)
{
	while (*s) {
		size_t n = plain_length(s);

		if (n > 0) {
			strbuf_add(b, s, n);
			s += n;
			continue;
		}
		n = utf8_length(s);
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
