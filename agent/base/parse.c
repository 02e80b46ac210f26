/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

	if (!isdigit((unsigned char) text[*text == '-']) || strpbrk(text, "xX")) /* nor a hexadecimal one */
		return -EINVAL;
	v = strtod(text, &end);
	if (*end || !isfinite(v))
		return -EINVAL;
	*ret = v;
	return 0;
}

/* n digits within a range, and moves on behind them. */
static bool
take_digits(const char **text, int n, int min, int max, int *ret)
{
	int v = 0;

	for (; n > 0; n--, (*text)++) {
		if (!isdigit((unsigned char) **text))
			return false;
		v = v * 10 + **text - '0';
	}
	*ret = v;
	return v >= min && v <= max;
}

static double
take_fraction(const char **text)
{
	double v = 0, place = 1;

	if (**text != '.' || !isdigit((unsigned char) (*text)[1]))
		return 0;
	while (isdigit((unsigned char) *++*text))
		v += (place /= 10) * (**text - '0');
	return v;
}

/* Seconds east of Greenwich. The + of an offset arrives as a space in a query that did not escape it. */
static bool
take_offset(const char **text, int *ret)
{
	int sign = **text == '-' ? -1 : 1, hours, minutes;

	if (**text == 'Z' || **text == 'z') {
		(*text)++;
		*ret = 0;
		return true;
	}
	if (!**text || !strchr("+- ", *(*text)++) || !take_digits(text, 2, 0, 23, &hours) || *(*text)++ != ':' ||
	    !take_digits(text, 2, 0, 59, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* RFC 3339, section 5.6. */
static int
parse_date_time(const char *text, double *ret)
{
	static const struct {
		int digits, min, max;
		const char *before;
	} fields[] = {{4, 1970, 9999, NULL}, {2, 1, 12, "-"}, {2, 1, 31, "-"}, {2, 0, 23, "Tt "}, {2, 0, 59, ":"},
	    {2, 0, 60, ":"}};
	int v[ARRAY_SIZE(fields)], offset;
	struct tm tm = {.tm_isdst = 0};
	double fraction;
	time_t t;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if ((fields[i].before && (!*text || !strchr(fields[i].before, *text++))) ||
		    !take_digits(&text, fields[i].digits, fields[i].min, fields[i].max, &v[i]))
			return -EINVAL;
	fraction = take_fraction(&text);
	if (!take_offset(&text, &offset) || *text)
		return -EINVAL;
	tm.tm_year = v[0] - 1900;
	tm.tm_mon = v[1] - 1;
	tm.tm_mday = v[2];
	tm.tm_hour = v[3];
	tm.tm_min = v[4];
	t = timegm(&tm);
	if (tm.tm_mday != v[2]) /* no such day in that month */
		return -EINVAL;
	*ret = (double) t + v[5] + fraction - offset;
	return 0;
}

int
parse_time(const char *text, double now, double *ret)
{
	double v;

	if (parse_seconds(text, &v) < 0)
		return parse_date_time(text, ret);
	*ret = *text == '-' ? now + v : v;
	return 0;
}

int
words_find(const struct words *words, const char *text, size_t n)
{
	for (size_t i = 0; i < words->n; i++)
		if (words->word[i] && strlen(words->word[i]) == n && memcmp(words->word[i], text, n) == 0)
			return (int) i;
	return -EINVAL;
}

int
parse_words(const char *text, const struct words *words, uint32_t *ret_set)
{
	uint32_t set = 0;

	for (;;) {
		size_t n = strcspn(text, ",");
		int value = words_find(words, text, n);

		if (value < 0)
			return value;
		set |= (uint32_t) 1 << value;
		if (!text[n])
			break;
		text += n + 1;
	}
	*ret_set = set;
	return 0;
}

void
words_list(const struct words *words, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < words->n && n < size; i++)
		if (words->word[i])
			n += (size_t) snprintf(buf + n, size - n, "%s%s", n ? ", " : "", words->word[i]);
}

bool
list_has(const char *list, const char *text, size_t n)
{
	while (*list) {
		size_t len = strcspn(list, ",");

		if (len == n && memcmp(list, text, n) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
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
	static const char digit[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*ret_text++ = '-';
		*ret_text++ = digit[u[i] >> 4];
		*ret_text++ = digit[u[i] & 0xf];
	}
	*ret_text = '\0';
}
