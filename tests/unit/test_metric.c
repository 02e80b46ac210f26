/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <ctype.h>
#include <string.h>

#include "metrics/metric.h"
#include "tests/tap.h"

static int
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static void
test_name(const struct metric *m)
{
	const char *unit = metric_unit_name(m->unit);
	char suffix[32];

	ok(strncmp(m->name, "xenscope_", 9) == 0, "%s: the name begins with the program's", m->name);
	ok(ends_with(m->name, "_total") == (m->type == MT_COUNTER), "%s: ends with _total if and only if it is a counter", m->name);
	ok(ends_with(m->name, "_info") == (m->type == MT_INFO), "%s: ends with _info if and only if it is an info", m->name);
	snprintf(suffix, sizeof(suffix), "%s%s%s", *unit ? "_" : "", unit, m->type == MT_COUNTER ? "_total" : "");
	ok(ends_with(m->name, suffix), "%s: the unit is in the name", m->name);
	for (const char *c = m->name; *c; c++)
		if (!islower((unsigned char) *c) && !isdigit((unsigned char) *c) && *c != '_')
			ok(0, "%s: the character %c does not belong in a name", m->name, *c);
}

/* Xen Orchestra and XenCenter give meaning to some names of data sources. */
static int
is_trap(const char *ds)
{
	static const char *const starts[] = {"latency", "read_latency", "write_latency", "iowait", "iops",
	    "io_throughput", "cpu0", "pif_", "vbd_", "vif_"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (strncmp(ds, starts[i], strlen(starts[i])) == 0)
			return 1;
	return ends_with(ds, "memory");
}

static void
test_source(const struct metric *m)
{
	ok(strlen(m->ds) <= 19, "%s: RRD takes 19 characters at most", m->name);
	ok(!is_trap(m->ds), "%s: the data source has no name that Xen Orchestra or XenCenter misread", m->name);
	for (const char *c = m->ds; *c; c++)
		if (!islower((unsigned char) *c) && !isdigit((unsigned char) *c) && *c != '_')
			ok(0, "%s: the character %c does not belong in a data source", m->name, *c);
}

static void
test_help(const struct metric *m)
{
	size_t n = strlen(m->help);

	ok((isupper((unsigned char) m->help[0]) || isdigit((unsigned char) m->help[0])) && n > 10 && m->help[n - 1] == '.' &&
	    !strpbrk(m->help, "\n\\\"|`"), "%s: the help is a sentence without markup", m->name);
}

/* The name of the family in OpenMetrics is without the suffix of a counter or an info. */
static size_t
family(const struct metric *m)
{
	return strlen(m->name) - (m->type == MT_COUNTER ? strlen("_total") : m->type == MT_INFO ? strlen("_info") : 0);
}

static void
test_unique(enum metric_id a)
{
	const struct metric *m = &metric_table[a];

	ok(metric_find(m->name) == a, "%s: found by its name, which no other has", m->name);
	for (enum metric_id b = a + 1; *m->ds && b < metric_scopes[metric_scope_of(a)].end; b++)
		if (strcmp(metric_table[b].ds, m->ds) == 0)
			ok(0, "%s: data source %s is used twice in a file", m->name, m->ds);
	for (enum metric_id b = a + 1; b < METRIC_COUNT; b++)
		if (family(m) == family(&metric_table[b]) && strncmp(m->name, metric_table[b].name, family(m)) == 0)
			ok(0, "%s: its OpenMetrics family is that of %s", m->name, metric_table[b].name);
}

static void
test_scopes(void)
{
	enum metric_id next = 0;

	for (enum metric_scope s = 0; s < SCOPE_COUNT; s++) {
		ok(metric_scopes[s].first == next && metric_scopes[s].end > next,
		    "scope %s: its rows stand where scopes.def says", metric_scopes[s].name);
		ok(metric_scope_of(metric_scopes[s].first) == s, "scope %s: found by its first row", metric_scopes[s].name);
		next = metric_scopes[s].end;
	}
	ok(next == METRIC_COUNT, "the scopes hold all rows");
}

int
main(void)
{
	for (enum metric_id id = 0; id < METRIC_COUNT; id++) {
		test_name(&metric_table[id]);
		test_source(&metric_table[id]);
		test_help(&metric_table[id]);
		test_unique(id);
	}
	test_scopes();
	ok(metric_find("xenscope_nothing") == METRIC_COUNT, "an unknown name is not found");
	return done_testing();
}
