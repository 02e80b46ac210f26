/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/trace_sums.h"

#define FIRST_ROOM 8u

static size_t
hash_of(const struct trace_sums *s, uint32_t key)
{
	return (key * 2654435761u >> 16) % ARRAY_SIZE(s->hash);
}

struct vcpu *
sums_find(const struct trace_sums *s, uint32_t key)
{
	for (size_t h = hash_of(s, key); s->hash[h]; h = (h + 1) % ARRAY_SIZE(s->hash))
		if (vcpu_key(s->vcpu[s->hash[h] - 1]) == key)
			return s->vcpu[s->hash[h] - 1];
	return NULL;
}

static void
enter(struct trace_sums *s, size_t i)
{
	size_t h = hash_of(s, vcpu_key(s->vcpu[i]));

	while (s->hash[h])
		h = (h + 1) % ARRAY_SIZE(s->hash);
	s->hash[h] = (uint16_t) (i + 1);
}

/* Empties the table: of so few entries, not the whole of it. */
static void
leave_all(struct trace_sums *s)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t h = hash_of(s, vcpu_key(s->vcpu[i]));

		while (s->hash[h] != i + 1)
			h = (h + 1) % ARRAY_SIZE(s->hash);
		s->hash[h] = 0;
	}
}

static void
enter_all(struct trace_sums *s)
{
	for (size_t i = 0; i < s->n; i++)
		enter(s, i);
}

struct vcpu *
sums_get(struct trace_sums *s, uint32_t key)
{
	struct vcpu *v = sums_find(s, key);

	if (v || s->n == TRACE_MAX_VCPUS)
		return v;
	v = xcalloc(1, sizeof(*v));
	v->sum.domid = key >> 16;
	v->sum.vcpu = key & 0xffff;
	v->cpu = -1;
	s->vcpu[s->n] = v;
	enter(s, s->n++);
	return v;
}

void
sums_sweep(struct trace_sums *s)
{
	size_t n = 0;

	leave_all(s);
	for (size_t i = 0; i < s->n; i++) {
		struct vcpu *v = s->vcpu[i];

		if (v->kept) {
			s->vcpu[n++] = v;
		} else {
			s->rows -= v->room;
			free(v->row);
			free(v->shown_row);
			free(v);
		}
	}
	s->n = n;
	enter_all(s);
}

static struct trace_exit *
find_row(const struct vcpu *v, uint32_t reason)
{
	if (reason < REASON_SLOTS)
		return v->slot[reason] ? &v->row[v->slot[reason] - 1] : NULL;
	for (uint32_t i = 0; i < v->rows; i++)
		if (v->row[i].reason == reason)
			return &v->row[i];
	return NULL;
}

struct trace_exit *
vcpu_row(struct trace_sums *s, struct vcpu *v, uint32_t reason)
{
	struct trace_exit *e = find_row(v, reason);

	if (e)
		return e;
	if (v->rows == v->room) {
		uint32_t more = MAX(v->room, FIRST_ROOM);
		size_t at = v->arc ? (size_t) (v->arc - v->row) : 0;

		if (v->room + more > TRACE_MAX_REASONS || s->rows + more > TRACE_MAX_ROWS)
			return NULL;
		v->row = xrealloc(v->row, (v->room + more) * sizeof(*v->row));
		v->arc = v->arc ? v->row + at : NULL;
		v->room += more;
		s->rows += more;
	}
	e = &v->row[v->rows++];
	*e = (struct trace_exit){.reason = reason};
	if (reason < REASON_SLOTS)
		v->slot[reason] = (uint8_t) v->rows;
	return e;
}

static void
add_cycles(uint64_t *sum, uint64_t cycles)
{
	*sum = cycles > TRACE_MAX_CYCLES - MIN(*sum, TRACE_MAX_CYCLES) ? TRACE_MAX_CYCLES
								       : *sum + cycles;
}

bool
vcpu_exit(struct trace_sums *s, struct vcpu *v, uint32_t reason, uint64_t tsc)
{
	vcpu_drop_arc(v); /* of which the entry is missing */
	v->arc = vcpu_row(s, v, reason);
	if (!v->arc)
		return false;
	v->arc->count++;
	v->left = tsc;
	v->off = false;
	v->kind = reason == REASON_NPF ? ARC_NPF : ARC_PLAIN;
	return true;
}

void
vcpu_entry(struct vcpu *v, uint64_t tsc)
{
	uint64_t cycles = tsc - v->left, off = MIN(cycles, v->off_cycles);

	v->sum.entries++;
	if (v->arc && v->kind == ARC_NPF)
		v->sum.class_count[TRACE_RECALC]++;
	if (v->arc && tsc >= v->left) {
		add_cycles(&v->arc->cycles, cycles);
		add_cycles(&v->arc->cpu_cycles, off);
		if (v->kind != ARC_PLAIN)
			add_cycles(&v->sum.class_cycles[v->kind == ARC_NPF ? TRACE_RECALC
									   : TRACE_VIOLATION],
			    cycles - off);
	}
	vcpu_drop_arc(v);
}

void
vcpu_off(struct trace_sums *s, struct vcpu *v, uint64_t tsc)
{
	v->cpu = -1;
	v->off = true;
	v->off_since = tsc;
	v->loss = s->loss;
}

void
vcpu_on(struct trace_sums *s, struct vcpu *v, unsigned cpu, uint64_t tsc)
{
	bool stopped = v->off || v->cpu == (int32_t) cpu;

	v->cpu = (int32_t) cpu;
	if (!stopped || (v->off && v->loss != s->loss))
		vcpu_drop_arc(v); /* it ran, or may have run, where records were lost */
	else if (v->off && v->arc && tsc > v->off_since)
		add_cycles(&v->off_cycles, tsc - v->off_since);
	v->off = false;
}

void
vcpu_clear(struct trace_sums *s, struct vcpu *v)
{
	uint32_t reason = v->arc ? v->arc->reason : 0;

	v->sum = (struct trace_vcpu){.domid = v->sum.domid, .vcpu = v->sum.vcpu};
	v->rows = 0;
	(void) memset(v->slot, 0, sizeof(v->slot));
	if (v->arc)
		v->arc = vcpu_row(s, v, reason); /* there is room: there was */
}

bool
vcpu_merge(struct trace_sums *s, struct vcpu *to, struct vcpu *from)
{
	bool whole = true;

	vcpu_drop_arc(to);
	for (uint32_t i = 0; i < from->rows; i++) {
		const struct trace_exit *e = &from->row[i];
		struct trace_exit *sum = vcpu_row(s, to, e->reason);

		whole = whole && sum;
		if (!sum)
			continue;
		sum->count += e->count;
		add_cycles(&sum->cycles, e->cycles);
		add_cycles(&sum->cpu_cycles, e->cpu_cycles);
	}
	to->sum.entries += from->sum.entries;
	to->sum.npf_records += from->sum.npf_records;
	for (unsigned c = 0; c < TRACE_CLASSES; c++) {
		to->sum.class_count[c] += from->sum.class_count[c];
		add_cycles(&to->sum.class_cycles[c], from->sum.class_cycles[c]);
	}
	if (from->arc && (to->arc = vcpu_row(s, to, from->arc->reason))) {
		to->kind = from->kind;
		to->left = from->left;
		to->cpu = from->cpu;
		to->off = false;
	}
	vcpu_drop_arc(from);
	vcpu_clear(s, from);
	return whole;
}

static int
by_key(const void *a, const void *b)
{
	const struct vcpu *x = *(struct vcpu *const *) a, *y = *(struct vcpu *const *) b;
	bool xs = vcpu_counts(x), ys = vcpu_counts(y);
	uint32_t xk = vcpu_key(x), yk = vcpu_key(y);

	return xs != ys ? (xs ? -1 : 1) : xk < yk ? -1 : xk > yk;
}

static int
by_reason(const void *a, const void *b)
{
	const struct trace_exit *x = a, *y = b;

	return x->reason < y->reason ? -1 : x->reason > y->reason;
}

/* What the classes have of this reason: where no record of its own decides, all of it. */
static void
add_class(struct trace_vcpu *sum, const struct trace_exit *e)
{
	enum trace_class c = e->reason == REASON_EPT_MISCONFIG ? TRACE_RECALC : TRACE_PML_FULL;

	if (sum->svm || (e->reason != REASON_EPT_MISCONFIG && e->reason != REASON_PML_FULL))
		return;
	sum->class_count[c] = e->count;
	sum->class_cycles[c] = e->cpu_cycles;
}

static void
show(struct vcpu *v, bool svm)
{
	struct trace_vcpu *x = &v->shown;

	*x = v->sum;
	x->svm = svm;
	v->shown_row = xrealloc(v->shown_row, (v->rows + 1) * sizeof(*v->shown_row));
	x->exit = v->shown_row;
	for (uint32_t i = 0; i < v->rows; i++) {
		struct trace_exit e = v->row[i];

		e.cycles = MIN(e.cycles, TRACE_MAX_CYCLES);
		e.cpu_cycles = e.cycles - MIN(e.cycles, e.cpu_cycles);
		x->exits += e.count;
		add_class(x, &e);
		if (e.count || e.cycles)
			v->shown_row[x->n_exits++] = e;
	}
	qsort(v->shown_row, x->n_exits, sizeof(*v->shown_row), by_reason);
}

size_t
sums_order(struct trace_sums *s)
{
	size_t n = 0;

	leave_all(s);
	if (s->n > 0)
		qsort(s->vcpu, s->n, sizeof(*s->vcpu), by_key);
	enter_all(s);
	for (; n < s->n && vcpu_counts(s->vcpu[n]); n++)
		show(s->vcpu[n], s->svm);
	return n;
}
