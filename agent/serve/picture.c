/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/picture.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

#define LAST_TIME 253402300799 /* the year 9999: what is later has no date of four digits */

static bool
is_text(const char text[PICTURE_TEXT])
{
	size_t n;

	if (!memchr(text, '\0', PICTURE_TEXT))
		return false;
	for (; *text; text += n) {
		n = utf8_length(text);
		if (n == 0 || (unsigned char) *text < ' ')
			return false;
	}
	return true;
}

static bool
is_name(const char text[PICTURE_TEXT])
{
	return memchr(text, '\0', PICTURE_TEXT) &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool
within(uint32_t v, uint32_t min, uint32_t max)
{
	return v >= min && v <= max;
}

size_t
picture_bytes(const struct picture *p)
{
	if (p->magic != PICTURE_MAGIC || p->format >= PICTURE_FORMATS || p->theme >= PICTURE_THEMES ||
	    p->cf >= PICTURE_CFS || p->bytes > 1 || !within(p->width, PICTURE_MIN_WIDTH, PICTURE_MAX_WIDTH) ||
	    !within(p->height, PICTURE_MIN_HEIGHT, PICTURE_MAX_HEIGHT) || !within(p->n_columns, 1, PICTURE_COLUMNS) ||
	    p->n_rows > PICTURE_ROWS || !within(p->step, 1, PICTURE_MAX_STEP))
		return 0;
	if (p->start < 0 || p->start > LAST_TIME || p->start % p->step != 0 || p->from < 0 || p->to > LAST_TIME ||
	    p->from >= p->to || !is_text(p->title) || !is_text(p->unit))
		return 0;
	for (uint32_t i = 0; i < p->n_columns; i++)
		if (!is_name(p->legend[i]))
			return 0;
	return sizeof(*p) + (size_t) p->n_columns * p->n_rows * sizeof(double);
}
