/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/pending.h"

#include <math.h>

#include "base/util.h"

#define SAME 0.001    /* seconds; ticks are never so near */
#define MAX_UPDATES 3 /* of a row: two for a gap before it, or one if it is late */

void
sources_of(enum rrd_kind kind, const struct rrd_shape *shape, struct sources *ret)
{
	const struct metric_scope_info *scope = &metric_scopes[rrd_kinds[kind].scope];

	*ret = (struct sources){.kind = kind, .step = shape->step, .n = shape->n_sources};
	memset(ret->row, -1, sizeof(ret->row));
	for (enum metric_id id = scope->first; id < scope->end; id++) {
		size_t i = rrd_shape_find(shape, metric_table[id].ds);

		if (*metric_table[id].ds && i < shape->n_sources)
			ret->row[i] = (signed char) (id - scope->first);
	}
}

bool
source_is_counter(const struct sources *s, size_t i)
{
	const struct metric *rows = &metric_table[metric_scopes[rrd_kinds[s->kind].scope].first];

	return s->row[i] >= 0 && rows[s->row[i]].type == MT_COUNTER;
}

/* True if a file that is at last_up has what was logged at that moment: librrd keeps microseconds.
 */
static bool
progress_has(double last_up, double at)
{
	return at <= last_up + SAME;
}

/* What a counter grew by. One that went back is another counter: of a kind that begins at zero all
 * of it is new, of the others nobody knows. */
static double
increase(double before, double v, bool from_zero)
{
	return v < before ? (from_zero ? v : NAN) : v - before;
}

/* A moment at which all counters stand still (grown: 0) or are unknown (NAN). */
static void
add_idle(const struct sources *s, double at, double grown, struct updates *ret)
{
	struct update *u = &ret->update[ret->n++];

	u->at = at;
	for (size_t i = 0; i < s->n; i++)
		u->value[i] = source_is_counter(s, i) ? grown : NAN;
}

/* After a gap librrd would take the whole time since the newest value as unknown, and with it what
 * is being counted (some releases: but for the step that broke off, to the second). That step ends
 * with what it had. Of a kind that begins at zero nothing may be lost: the gap is unknown, and what
 * was counted since stands behind it. */
static void
add_gap(const struct sources *s, double last_up, double at, struct updates *ret)
{
	double step = (double) s->step, broken = ceil(last_up / step) * step,
	       again = rrd_edge_before(at, s->step);
	bool from_zero = rrd_kinds[s->kind].from_zero;

	if (at - last_up <= 3 * step)
		return;
	if (broken > last_up)
		add_idle(s, broken, from_zero ? 0 : NAN, ret);
	if (from_zero && again > broken)
		add_idle(s, again, NAN, ret);
}

static void
count_from(const struct sources *s, const struct wal_row *row, struct progress *p)
{
	for (size_t i = 0; i < s->n; i++) {
		double v = s->row[i] < 0 ? NAN : row->value[s->row[i]];

		if (!rrd_kinds[s->kind].from_zero || !isnan(v) || !p->counting)
			p->counter[i] = v;
	}
	p->counting = true;
}

/* A tick that comes late ends the step that was begun on its own: librrd would do so to the second
 * only. */
static void
split_late(const struct sources *s, double last_up, struct updates *u)
{
	struct update *late = &u->update[u->n - 1], *rest = late + 1;
	double step = (double) s->step, edge = ceil(last_up / step) * step;

	if (edge == last_up || late->at < edge + step || late->at - last_up > 3 * step)
		return;
	*rest = *late;
	for (size_t i = 0; i < s->n; i++)
		if (source_is_counter(s, i)) {
			late->value[i] *= (edge - last_up) / (late->at - last_up);
			rest->value[i] -= late->value[i];
		}
	late->at = edge;
	u->n++;
}

static void
add_row(const struct sources *s, const struct wal_row *row, struct progress *p, struct updates *ret)
{
	bool from_zero = rrd_kinds[s->kind].from_zero;
	struct update *u;

	add_gap(s, p->last_up, row->at, ret);
	u = &ret->update[ret->n++];
	u->at = row->at;
	for (size_t i = 0; i < s->n; i++) {
		double v = s->row[i] < 0 ? NAN : row->value[s->row[i]];

		if (row->fresh || !p->counting)
			p->counter[i] = row->fresh && from_zero ? 0 : NAN;
		u->value[i] = source_is_counter(s, i) ? increase(p->counter[i], v, from_zero) : v;
	}
	split_late(s, p->last_up, ret);
	p->counting = true;
	count_from(s, row, p);
	p->last_up = row->at;
}

static void
rows_done(struct wal_rows *rows)
{
	free(rows->row);
}

void
pending_read(struct wal *w, const struct sources *s, const uint8_t *uuid, bool all,
    const struct wal_row *more, struct progress *p, struct updates *ret)
{
	_cleanup_(rows_done) struct wal_rows rows = {0, NULL};

	wal_rows(w, s->kind, uuid, p->last_up - SAME, all, &p->where, &rows);
	if (more)
		rows.row[rows.n++] = *more;
	*ret = (struct updates){0, xmalloc((rows.n * MAX_UPDATES + 1) * sizeof(*ret->update))};
	for (size_t i = 0; i < rows.n; i++) {
		const struct wal_row *row = &rows.row[i];

		if (!progress_has(p->last_up, row->at)) {
			add_row(s, row, p, ret);
		} else if (progress_has(row->at, p->last_up)) {
			if (!p->counting)
				count_from(s, row, p);
			p->last_up = row->at; /* to the last bit, as if the file had just got it */
		}
	}
}

double
pending_begin(struct wal *w, enum rrd_kind kind, const uint8_t *uuid, bool all, unsigned step)
{
	_cleanup_(rows_done) struct wal_rows rows = {0, NULL};
	size_t where = 0;

	wal_rows(w, kind, uuid, -INFINITY, all, &where, &rows);
	return rows.n > 0 ? rrd_edge_before(rows.row[0].at, step) : -INFINITY;
}

/* --- as texts --- */

/* Decimal digits; snprintf takes longer than all the rest of a line. digits: no fewer. */
static void
add_integer(struct strbuf *b, uint64_t v, int digits)
{
	char text[24], *p = text + sizeof(text);

	for (; v > 0 || digits > 0; v /= 10, digits--)
		*--p = (char) ('0' + v % 10);
	strbuf_add(b, p, (size_t) (text + sizeof(text) - p));
}

/* With so many digits behind the point; scale: 10 to the power of them. */
static void
add_fixed(struct strbuf *b, double v, uint64_t scale, int digits)
{
	uint64_t scaled = (uint64_t) (v * (double) scale + 0.5);

	add_integer(b, scaled / scale, 1);
	strbuf_add(b, ".", 1);
	add_integer(b, scaled % scale, digits);
}

/* To ten digits or more. */
static void
add_value(struct strbuf *b, double v)
{
	char text[32];

	strbuf_add(b, ":", 1);
	if (v >= 0 && v < 1e15 && v == floor(v))
		add_integer(b, (uint64_t) v, 1);
	else if (v >= 0.1 && v < 1e5)
		add_fixed(b, v, 10000000000u, 10);
	else if (isfinite(v))
		strbuf_add(b, text, (size_t) snprintf(text, sizeof(text), "%.10g", v));
	else
		strbuf_add(b, "U", 1);
}

void
updates_text(const struct updates *u, size_t n_sources, struct strbuf *b)
{
	b->n = 0;
	for (size_t i = 0; i < u->n; i++) {
		add_fixed(b, u->update[i].at, 1000000, 6);
		for (size_t s = 0; s < n_sources; s++)
			add_value(b, u->update[i].value[s]);
		strbuf_add(b, "", 1);
	}
}
