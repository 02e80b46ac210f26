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

#define MAX_PLAIN 1e15 /* from here on printf's %.15g has an exponent */

#define SHORT_PLACES 9
#define SHORT_BELOW 1e6 /* so that with these places it has 15 digits */

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;
#endif

void
strbuf_done(struct strbuf *b)
{
	free(b->text);
	*b = (struct strbuf){NULL, 0, 0};
}

void
strbuf_grow(struct strbuf *b, size_t more)
{
	b->room = MAX(b->room * 2, b->n + more + 64);
	b->text = xrealloc(b->text, b->room);
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
	if (b->room <= b->n + (size_t) n)
		strbuf_grow(b, (size_t) n);
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

/* Nine places or fewer, as counters of nanoseconds and all that was rounded have. With 15 digits no two decimals read
 * back as the same double: if this one does, it is the shortest but for its zeros, and if not none of so few places. */
static bool
put_short(struct strbuf *b, double v)
{
	uint64_t n = (uint64_t) (fabs(v) * 1e9 + 0.5);
	unsigned decimals = SHORT_PLACES;

	if ((double) n / 1e9 != fabs(v))
		return false;
	for (; decimals > 0 && n % 10 == 0; n /= 10)
		decimals--;
	put_digits(b, v < 0, n, decimals);
	return true;
}

/* What printf would write with as few digits as read back to v, at a tenth of its cost: v is the integer m / 2^shift,
 * and n / 10^decimals reads back to it if it is nearer than half the way to the next double. False: not with so few, or
 * not on a machine of 32 bits. */
static bool
put_number(struct strbuf *b, double v)
{
	const double magnitude = fabs(v);
	unsigned decimals = 0;
	uint64_t power = 1;

	if (!(magnitude >= 1e-4 && magnitude < MAX_PLAIN))
		return false;
	if (magnitude < SHORT_BELOW) {
		if (put_short(b, v))
			return true;
		decimals = SHORT_PLACES + 1;
		power = 10000000000;
	}
#ifdef __SIZEOF_INT128__
	int exponent;
	const uint64_t m = (uint64_t) ldexp(frexp(magnitude, &exponent), DBL_MANT_DIG); /* 53 bits, the first is set */
	const unsigned shift = (unsigned) (DBL_MANT_DIG - exponent); /* 4 to 66 */

	for (; decimals <= 19; decimals++, power *= 10) {
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
	(void) decimals;
	(void) power;
#endif
	return false;
}

/* What is not written without an exponent. */
static void
put_other(struct strbuf *b, double v)
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
strbuf_number(struct strbuf *b, double v)
{
	/* most are whole; -0 is not what its digits are */
	if (fabs(v) < MAX_PLAIN && v == (double) (int64_t) v && (v != 0 || !signbit(v)))
		strbuf_integer(b, (int64_t) v);
	else if (!put_number(b, v))
		put_other(b, v);
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
