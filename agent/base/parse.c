/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

int
parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char) *text))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno == ERANGE || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int
parse_bool(const char *text, bool *ret)
{
	static const char *const words[][2] = {{"no", "yes"}, {"off", "on"}, {"false", "true"}, {"0", "1"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (int value = 0; value < 2; value++)
			if (strcmp(text, words[i][value]) == 0) {
				*ret = value;
				return 0;
			}
	return -EINVAL;
}

int
parse_seconds(const char *text, double *ret)
{
	double v;
	char *end;

	if (!isdigit((unsigned char) text[*text == '-']))
		return -EINVAL;
	v = strtod(text, &end);
	if (*end || !isfinite(v))
		return -EINVAL;
	*ret = v;
	return 0;
}

int
parse_uuid(const char *text, char *ret_uuid)
{
	char uuid[37];

	if (strnlen(text, 37) != 36)
		return -EINVAL;
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char) text[i]))
			return -EINVAL;
		uuid[i] = (char) tolower((unsigned char) text[i]);
	}
	uuid[36] = '\0';
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return 0;
}

static uint8_t
hex_digit(char c)
{
	return (uint8_t) (isdigit((unsigned char) c) ? c - '0' : tolower((unsigned char) c) - 'a' + 10);
}

void
uuid_bytes(const char *text, uint8_t *ret_bytes)
{
	for (const char *c = text; *c; c += 2) {
		if (*c == '-')
			c++;
		*ret_bytes++ = (uint8_t) (hex_digit(c[0]) << 4 | hex_digit(c[1]));
	}
}

void
uuid_format(const uint8_t *u, char *ret_text)
{
	(void) snprintf(ret_text, 37,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
	    u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}
