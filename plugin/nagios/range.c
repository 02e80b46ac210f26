/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/nagios/range.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What stands before the first of `ends`, which becomes *text: a number, plain, without an exponent. */
static int
read_number(const char **text, char ends, double *ret)
{
	char *end;

	if (strspn(*text, "+-.0123456789") == 0)
		return -EINVAL;
	*ret = strtod(*text, &end);
	if (end == *text || *end != ends || strcspn(*text, "eExXpP") < (size_t) (end - *text) || !isfinite(*ret))
		return -EINVAL;
	*text = end;
	return 0;
}

int
range_parse(const char *text, struct range *ret)
{
	struct range r = {0, INFINITY, false};
	const char *colon;

	r.inside = *text == '@';
	text += r.inside;
	colon = strchr(text, ':');
	if (colon && text[0] == '~' && colon == text + 1) {
		r.start = -INFINITY;
		text = colon;
	} else if (colon && read_number(&text, ':', &r.start) < 0) {
		return -EINVAL;
	}
	text += colon != NULL;
	if ((*text || !colon) && read_number(&text, '\0', &r.end) < 0)
		return -EINVAL;
	if (r.start > r.end)
		return -EINVAL;
	*ret = r;
	return 0;
}

bool
range_alerts(const struct range *r, double value)
{
	if (isnan(value))
		return false;
	return (value >= r->start && value <= r->end) == r->inside;
}
