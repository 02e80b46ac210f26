/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/openmetrics.h"

#include <math.h>

#include "base/util.h"
#include "metrics/metric_text.h"

#define LABEL_SIZE 1024

/* The objects of a scope: labels and values are asked for once, then written family by family. */
struct table {
	struct strbuf text; /* "{uuid=...} " of each, one after the other */
	size_t n, rows;
	size_t *label; /* where its labels begin in text; one more, where they end */
	size_t *key;   /* bytes of them that name the object */
	bool *repeated;
	double *value; /* [object][row] */
};

static void
table_done(struct table *t)
{
	strbuf_done(&t->text);
	free(t->label);
	free(t->key);
	free(t->repeated);
	free(t->value);
}

static void
add_labels(struct table *t, const struct sample *s, enum metric_scope scope, size_t i)
{
	const char *name = metric_scopes[scope].labels;
	bool info = metric_table[metric_scopes[scope].first].type == MT_INFO;
	char value[LABEL_SIZE];

	t->label[i] = t->text.n;
	for (unsigned k = 0; *name; k++) {
		size_t n = strcspn(name, ",");

		sample_label(s, scope, i, k, value, sizeof(value));
		strbuf_str(&t->text, k == 0 ? "{" : ",");
		strbuf_add(&t->text, name, n);
		strbuf_str(&t->text, "=\"");
		strbuf_label(&t->text, value);
		strbuf_str(&t->text, "\"");
		if (k == 0 || !info)
			t->key[i] = t->text.n - t->label[i];
		name += n + (name[n] == ',');
	}
	strbuf_str(&t->text, *metric_scopes[scope].labels ? "} " : " ");
	t->label[i + 1] = t->text.n;
}

struct entry {
	const char *key;
	size_t n, i;
};

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = memcmp(x->key, y->key, MIN(x->n, y->n));

	if (c == 0)
		c = (x->n > y->n) - (x->n < y->n);
	return c ? c : (x->i > y->i) - (x->i < y->i);
}

static void
find_repeated(struct table *t)
{
	_cleanup_(freep) struct entry *e = xmalloc(t->n * sizeof(*e));

	for (size_t i = 0; i < t->n; i++)
		e[i] = (struct entry){t->text.text + t->label[i], t->key[i], i};
	qsort(e, t->n, sizeof(*e), compare);
	for (size_t i = 1; i < t->n; i++)
		if (e[i].n == e[i - 1].n && memcmp(e[i].key, e[i - 1].key, e[i].n) == 0)
			t->repeated[e[i].i] = true;
}

static void
table_fill(struct table *t, const struct sample *s, enum metric_scope scope)
{
	t->n = sample_count(s, scope);
	t->rows = (size_t) (metric_scopes[scope].end - metric_scopes[scope].first);
	t->label = xcalloc(t->n + 1, sizeof(*t->label));
	t->key = xcalloc(t->n, sizeof(*t->key));
	t->repeated = xcalloc(t->n, sizeof(*t->repeated));
	t->value = xcalloc(t->n * t->rows, sizeof(*t->value));
	for (size_t i = 0; i < t->n; i++) {
		add_labels(t, s, scope, i);
		sample_values(s, scope, i, t->value + i * t->rows);
	}
	if (t->n > 1)
		find_repeated(t);
}

/* Since when the counters of a scope count; NAN: they are not the agent's, and nobody knows. */
static double
counted_since(const struct sample *s, enum metric_scope scope)
{
	switch (scope) {
	case MS_DOMAIN:
		return NAN;
	case MS_SERVE:
	case MS_REQUESTS:
		return s->began.serve;
	default:
		return s->began.agent;
	}
}

static void
write_labels(struct strbuf *b, const struct table *t, size_t i)
{
	strbuf_add(b, t->text.text + t->label[i], t->label[i + 1] - t->label[i]);
}

/* created: NAN: is not told. */
static void
write_family(
    struct strbuf *b, const struct metric *m, const struct table *t, size_t row, bool openmetrics, double created)
{
	size_t name_length = strlen(m->name);
	bool begun = false, tells = m->type == MT_COUNTER && !isnan(created);

	for (size_t i = 0; i < t->n; i++) {
		double v = t->value[i * t->rows + row];

		if (isnan(v) || t->repeated[i])
			continue;
		if (!begun)
			metric_metadata(b, m, openmetrics);
		begun = true;
		strbuf_add(b, m->name, name_length);
		write_labels(b, t, i);
		strbuf_number(b, v);
		strbuf_add(b, "\n", 1);
		if (!tells)
			continue;
		strbuf_add(b, m->name, name_length - strlen("_total"));
		strbuf_str(b, "_created");
		write_labels(b, t, i);
		strbuf_printf(b, "%.3f\n", created);
	}
}

static bool
is_of_devices(size_t id)
{
	return id == M_DOMAIN_NET_RX || id == M_DOMAIN_NET_TX || id == M_DOMAIN_BLOCK_READS ||
	       id == M_DOMAIN_BLOCK_WRITES;
}

void
openmetrics_write(struct strbuf *b, const struct sample *s, bool openmetrics, unsigned shown)
{
	for (enum metric_scope scope = 0; scope < SCOPE_COUNT; scope++) {
		_cleanup_(table_done) struct table t = {{NULL, 0, 0}, 0, 0, NULL, NULL, NULL, NULL};
		double created = openmetrics && shown & SHOW_CREATED ? counted_since(s, scope) : NAN;
		size_t first = (size_t) metric_scopes[scope].first;

		table_fill(&t, s, scope);
		for (size_t row = 0; row < t.rows; row++)
			if (shown & SHOW_DEVICES || !is_of_devices(first + row))
				write_family(b, &metric_table[first + row], &t, row, openmetrics, created);
	}
	if (openmetrics)
		strbuf_str(b, "# EOF\n");
}
