/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the character that s begins with (1 to 4), 0 if they are not UTF-8 (RFC 3629). */
size_t utf8_length(const char *s);

/* Copies s into dst[n]: what is not UTF-8 or a control character becomes '?', cut at a character.
 * Names that guests or administrators chose pass through here before anything else sees them. */
void utf8_clean(char *dst, size_t n, const char *s);

#endif
