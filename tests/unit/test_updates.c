/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <stdlib.h>

#include "base/util.h"
#include "store/pending.h"
#include "tests/tap.h"

/* Of each way to write a value, what lies in it and beside its ends. */
static const double values[] = {0, 7, 999999999999999.0, 1e15, 1e15 + 2, 3e300, 1e-300, 0.05, 0.0999999999996, 0.1,
    0.123456789012, 0.99999999999, 1.00000000001, 5.0625, 12345.678901234, 99999.99999999999, 100000.5,
    123456789.25, -0.5, -7};

static void
test_value(double v, struct strbuf *b)
{
	struct update u = {.at = 1700000003.7, .value = {v}};
	const char *p;
	char *end;

	updates_text(&(struct updates){1, &u}, 1, b);
	p = strchr(b->text, ':') + 1;
	ok(fabs(strtod(p, &end) - v) <= fabs(v) * 5e-10 && end > p && *end == '\0',
	    "%.17g keeps ten digits: %s", v, p);
}

int
main(void)
{
	struct update two[] = {
	    {.at = 1700000003.0, .value = {NAN, 5.25}},
	    {.at = 1700000007.9999996, .value = {INFINITY, 0.3}},
	};
	struct strbuf b = {NULL, 0, 0};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		test_value(values[i], &b);
	updates_text(&(struct updates){2, two}, 2, &b);
	ok(strcmp(b.text, "1700000003.000000:U:5.2500000000") == 0, "what is unknown is U");
	ok(strcmp(b.text + strlen(b.text) + 1, "1700000008.000000:U:0.3000000000") == 0,
	    "a line follows a line, and a moment is rounded to microseconds");
	strbuf_done(&b);
	return done_testing();
}
