/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

size_t
utf8_length(const char *s)
{
	const unsigned char *u = (const unsigned char *) s;
	uint32_t c;
	size_t n;

	if (u[0] < 0x80)
		return 1;
	if (u[0] >= 0xc2 && u[0] <= 0xdf)
		n = 2;
	else if ((u[0] & 0xf0) == 0xe0)
		n = 3;
	else if (u[0] >= 0xf0 && u[0] <= 0xf4)
		n = 4;
	else
		return 0;
	c = u[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	/* overlong forms, surrogates, beyond Unicode */
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

void
utf8_clean(char *dst, size_t n, const char *s)
{
	size_t at = 0;

	while (*s) {
		size_t len = utf8_length(s);
		int bad = len == 0 || (unsigned char) *s < 0x20 || *s == 0x7f;

		if (at + (bad ? 1 : len) >= n)
			break;
		memcpy(dst + at, bad ? "?" : s, bad ? 1 : len);
		at += bad ? 1 : len;
		s += len ? len : 1;
	}
	dst[at] = '\0';
}
