/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/trace_decode.h"

#include "observe/trace_record.h"
#include "observe/trace_sums.h"

#define IDLE_DOMAIN 0x7fffu /* its vCPUs have no exits */
#define NOBODY UINT32_MAX   /* of struct cpu.who: not known */
#define RETIRED (TRACE_NO_DOMAIN << 16 | 0xffffu)
#define RUNNING 0u	/* enum runstate of public/vcpu.h */
#define P2M_LOGDIRTY 2u /* enum of xen/include/asm-x86/p2m.h; the same from 4.13 to 4.21 */
#define P2M_MMIO_EMULATED 4u
#define P2M_MMIO_DIRECT 5u
#define EPT_WRITE 2u	  /* bit of an EPT violation's qualification */
#define SVM_REASONS 0x60u /* from here on no exit that has a name is VMX's */

/* The most frequent records, in the form that a 64-bit Xen gives them. */
#define PLAIN_ENTRY (1u << 31 | (uint32_t) TRACE_EV_ENTRY)
#define PLAIN_ENTRY_BYTES 12
#define PLAIN_EXIT (1u << 31 | 3u << 28 | 0x100u | (uint32_t) TRACE_EV_EXIT)
#define PLAIN_EXIT_BYTES 24
#define PLAIN_NPF (6u << 28 | (uint32_t) TRACE_EV_NPF)
#define PLAIN_NPF_BYTES 28
#define PREFETCH 4096 /* bytes ahead: a mapped file comes from memory that no cache has */

struct cpu {
	uint32_t who;	/* domain << 16 | vCPU that runs, or NOBODY */
	bool fresh;	/* no record of the scheduler since the begin, or a loss */
	struct vcpu *v; /* the sums of who, NULL until there is something to add */
	uint64_t last;	/* stamp */
	uint64_t lost;
};

struct turn {
	uint64_t stamp;
	unsigned cpu;
};

struct trace_decoder {
	struct trace_sums sums;
	struct trace_summary s;
	bool strict;
	struct cpu *cpu;
	struct turn *heap; /* whose turn it is: the earliest stamp first */
	unsigned cpus, turns;
};

struct trace_decoder *
trace_decoder_new(bool svm)
{
	struct trace_decoder *d = xcalloc(1, sizeof(*d));

	d->sums.svm = svm;
	return d;
}

void
trace_decoder_free(struct trace_decoder *d)
{
	if (!d)
		return;
	trace_decoder_restart(d);
	free(d->cpu);
	free(d->heap);
	free(d);
}

void
trace_decoder_strict(struct trace_decoder *d)
{
	d->strict = true;
}

static inline bool
is_exit(uint32_t event)
{
	return event == TRACE_EV_EXIT || event == TRACE_EV_EXIT_SVM;
}

static inline bool
is_transition(uint32_t event)
{
	return event == TRACE_EV_ENTRY || is_exit(event);
}

static uint32_t
nobody_of(const struct trace_decoder *d, const struct cpu *c)
{
	return TRACE_NO_DOMAIN << 16 | (uint32_t) (c - d->cpu);
}

/* The sums to which this CPU's exits are added now; NULL: there are too many vCPUs. */
static struct vcpu *
sums_of(struct trace_decoder *d, struct cpu *c)
{
	c->v = sums_get(&d->sums, c->who == NOBODY ? nobody_of(d, c) : c->who);
	if (c->v)
		c->v->cpu = (int32_t) (c - d->cpu);
	return c->v;
}

/* What came before the first word on who runs here was this vCPU's. */
static void
adopt(struct trace_decoder *d, struct cpu *c, uint32_t key)
{
	struct vcpu *from, *to;

	if (!c->fresh || key >> 16 == TRACE_NO_DOMAIN || key >> 16 == IDLE_DOMAIN ||
	    !(from = sums_find(&d->sums, nobody_of(d, c))) || !vcpu_counts(from))
		return;
	to = sums_get(&d->sums, key);
	if (!to || !vcpu_merge(&d->sums, to, from))
		d->s.overflowed++;
}

/* From a loss on, what was counted so far will never be known to be somebody's. */
static void
retire(struct trace_decoder *d, struct cpu *c)
{
	struct vcpu *from = sums_find(&d->sums, nobody_of(d, c)), *to;

	if (d->strict || !from || !vcpu_counts(from))
		return;
	to = sums_get(&d->sums, RETIRED);
	if (!to || !vcpu_merge(&d->sums, to, from))
		d->s.overflowed++;
	if (to)
		vcpu_drop_arc(to);
}

static void
take_off(struct trace_decoder *d, struct cpu *c, uint64_t tsc)
{
	if (c->who == NOBODY && c->v)
		vcpu_drop_arc(c->v);
	else if (c->v && c->v->cpu == (int32_t) (c - d->cpu)) /* else it runs elsewhere already */
		vcpu_off(&d->sums, c->v, tsc);
	c->who = NOBODY;
	c->v = NULL;
	c->fresh = false;
}

static void
put_on(struct trace_decoder *d, struct cpu *c, uint32_t key, uint64_t tsc)
{
	if (c->who != key || key >> 16 == TRACE_NO_DOMAIN)
		take_off(d, c, tsc);
	if (key >> 16 == TRACE_NO_DOMAIN)
		return;
	c->who = key;
	c->v = sums_find(&d->sums, key);
	if (c->v)
		vcpu_on(&d->sums, c->v, (unsigned) (c - d->cpu), tsc);
}

static void
lose(struct trace_decoder *d, struct cpu *c, uint64_t records)
{
	d->sums.loss++;
	if (c->v) {
		vcpu_drop_arc(c->v);
		c->v->cpu = -1;
	}
	retire(d, c);
	c->who = NOBODY;
	c->v = NULL;
	c->fresh = true;
	c->lost += records;
	d->s.lost_records += records;
}

/* A vCPU's runstate changed; here, if it ran or will. */
static void
runstate(struct trace_decoder *d, struct cpu *c, uint32_t event, uint32_t key, uint64_t tsc)
{
	if ((event >> 4 & 3) == RUNNING) {
		put_on(d, c, key, tsc);
	} else if ((event >> 8 & 3) == RUNNING && (c->who == key || c->who == NOBODY)) {
		if (c->who == NOBODY && c->fresh && !d->strict) {
			adopt(d, c, key);
			put_on(d, c, key, tsc);
		}
		take_off(d, c, tsc);
	}
}

static void
goes_on(struct trace_decoder *d, struct cpu *c, uint32_t key, uint64_t tsc)
{
	if (d->strict || c->who == key)
		return;
	if (c->who == NOBODY)
		adopt(d, c, key);
	put_on(d, c, key, tsc);
}

static inline void
npf(struct vcpu *v, uint32_t qualification, uint32_t type)
{
	v->sum.npf_records++;
	if (!v->arc)
		return;
	if (v->arc->reason == REASON_EPT_VIOLATION && v->kind == ARC_PLAIN) {
		if (type == P2M_LOGDIRTY && (qualification & EPT_WRITE)) {
			v->kind = ARC_VIOLATION;
			v->sum.class_count[TRACE_VIOLATION]++;
		}
	} else if (v->kind == ARC_NPF) {
		v->kind = ARC_PLAIN;
		if (type != P2M_MMIO_EMULATED && type != P2M_MMIO_DIRECT) {
			v->kind = ARC_VIOLATION;
			v->sum.class_count[TRACE_VIOLATION]++;
		}
	}
}

/* Whatever is neither an entry nor an exit. False: no record has this shape. */
static bool
other(struct trace_decoder *d, struct cpu *c, uint32_t head, const uint8_t *data)
{
	uint32_t event = trace_event_of(head), words = trace_words_of(head);
	bool stamped = head >> 31;

	if ((event & ~TRACE_RUNSTATES) == TRACE_EV_RUNSTATE) {
		if (words < 1 || !stamped)
			return false;
		runstate(d, c, event, trace_load32(data), c->last);
	} else if (event == TRACE_EV_CONTINUE) {
		if (words < 1 || !stamped)
			return false;
		goes_on(d, c, trace_load32(data), c->last);
	} else if ((event & ~TRACE_EV_FLAGS) == TRACE_EV_NPF) {
		if (words < 6)
			return false;
		if (c->v || sums_of(d, c))
			npf(c->v, trace_load32(data + 16), trace_load32(data + 20));
	} else if (event == TRACE_EV_SWITCH) {
		if (words < 4 || !stamped)
			return false;
		put_on(d, c, trace_load32(data + 8) << 16 | (trace_load32(data + 12) & 0xffff),
		    c->last);
	} else if (event == TRACE_EV_LOST) {
		if (words < 1)
			return false;
		d->s.lost_events++;
		lose(d, c, trace_load32(data));
	} else if (event >> 16 == 0 || is_transition(event & ~TRACE_EV_FLAGS)) {
		return false;
	} else {
		d->s.unknown += event != TRACE_EV_WRAP;
	}
	return true;
}

/* The first stamp of a CPU; or the stamps go back: the clock was set, or the bytes are not what
 * they seem. */
static void
unusual_stamp(struct trace_decoder *d, uint64_t last, uint64_t tsc)
{
	d->s.backwards += last > 0;
	d->s.last_tsc = MAX(d->s.last_tsc, last);
	if (tsc > 0 && (d->s.first_tsc == 0 || tsc < d->s.first_tsc))
		d->s.first_tsc = tsc;
}

static void
exit_record(struct trace_decoder *d, struct cpu *c, uint32_t event, uint32_t reason, uint64_t tsc)
{
	struct vcpu *v = c->v ? c->v : sums_of(d, c);

	if (event == TRACE_EV_EXIT_SVM ||
	    (reason >= SVM_REASONS && trace_reason_name(reason, true)))
		d->sums.svm = true;
	if (!v || !vcpu_exit(&d->sums, v, reason, tsc))
		d->s.overflowed++;
}

/* One record with its stamp taken off, which is c->last unless it has none. */
static void
take(struct trace_decoder *d, struct cpu *c, uint32_t head, const uint8_t *data)
{
	uint32_t event = trace_event_of(head) & ~TRACE_EV_FLAGS;
	bool stamped = head >> 31;

	if (event == TRACE_EV_ENTRY && stamped) {
		if (c->v || sums_of(d, c))
			vcpu_entry(c->v, c->last);
	} else if (is_exit(event) && stamped && trace_words_of(head) > 0) {
		exit_record(d, c, event, trace_load32(data), c->last);
	} else if (!other(d, c, head, data)) {
		d->s.records--;
		d->s.bad_bytes += trace_bytes_of(head);
		lose(d, c, 0);
	}
}

/* Goes on as long as it meets nothing but plain records of the vCPU that runs here. Returns where
 * it came to: whatever is unusual it leaves to run(). */
static const uint8_t *
run_plain(
    struct trace_decoder *d, struct cpu *c, const uint8_t *p, const uint8_t *end, uint64_t limit)
{
	struct vcpu *v = c->v;
	uint64_t last = c->last, records = 0;

	while (end - p >= (ptrdiff_t) TRACE_MAX_RECORD) {
		uint32_t head = trace_load32(p);
		uint64_t tsc = trace_load64(p + TRACE_HEAD_BYTES);

		__builtin_prefetch(p + PREFETCH);
		if (head == PLAIN_NPF) {
			npf(v, trace_load32(p + 20), trace_load32(p + 24));
			p += PLAIN_NPF_BYTES;
		} else if (tsc - last > limit - last) { /* before the last, or after limit */
			break;
		} else if (head == PLAIN_ENTRY) {
			if (!vcpu_entry_plain(v, tsc))
				break;
			p += PLAIN_ENTRY_BYTES;
			last = tsc;
		} else if (head == PLAIN_EXIT) {
			if (!vcpu_exit_plain(v, trace_load32(p + 12), tsc))
				break;
			p += PLAIN_EXIT_BYTES;
			last = tsc;
		} else {
			break;
		}
		records++;
	}
	c->last = last;
	d->s.records += records;
	return p;
}

/* Records that say who runs where: what they say must not be read before what other CPUs' say of an
 * earlier time. Of the others each concerns the vCPU that runs on its CPU, and no other CPU. */
static inline bool
needs_turn(uint32_t head)
{
	uint32_t class = trace_event_of(head) >> 12;

	return class == TRACE_EV_RUNSTATE >> 12 || class == TRACE_EV_LOST >> 12 ||
	       class == TRACE_EV_SWITCH >> 12;
}

/* Decodes one CPU's records up to the first one after limit, or that needs its turn and is after
 * turn. The stamp of that one is *ret_stamp; false: the span has no other whole record. */
static bool
run(struct trace_decoder *d, struct cpu *c, struct trace_span *span, uint64_t limit, uint64_t turn,
    uint64_t *ret_stamp)
{
	const uint8_t *p = span->bytes, *end = p + span->n, *data;
	bool left = false;

	for (;;) {
		uint32_t head, size;

		if (c->v && c->last > 0 && c->last <= limit)
			p = run_plain(d, c, p, end, limit);
		if (end - p < (ptrdiff_t) TRACE_HEAD_BYTES)
			break;
		head = trace_load32(p);
		size = trace_bytes_of(head);
		if (end - p < (ptrdiff_t) size)
			break;
		data = p + TRACE_HEAD_BYTES;
		if (head >> 31) {
			uint64_t tsc = trace_load64(data);

			if (tsc > (needs_turn(head) ? turn : limit)) {
				*ret_stamp = tsc;
				left = true;
				break;
			}
			if (tsc <= c->last - 1) /* lower, or there was none */
				unusual_stamp(d, c->last, tsc);
			c->last = tsc;
			data += 8;
		}
		p += size;
		d->s.records++;
		take(d, c, head, data);
	}
	d->s.bytes += (uint64_t) (p - span->bytes);
	d->s.last_tsc = MAX(d->s.last_tsc, c->last);
	span->n = (size_t) (end - p);
	span->bytes = p;
	return left;
}

/* The stamp at which a span begins; what has none belongs to the record before it. */
static uint64_t
first_stamp(const struct cpu *c, const struct trace_span *span)
{
	if (span->n < TRACE_HEAD_BYTES + 8 || !(trace_load32(span->bytes) >> 31))
		return c->last;
	return trace_load64(span->bytes + TRACE_HEAD_BYTES);
}

/* Restores the heap's order below i. */
static void
sift(struct trace_decoder *d, unsigned i)
{
	struct turn t = d->heap[i];

	for (unsigned below; (below = 2 * i + 1) < d->turns; i = below) {
		if (below + 1 < d->turns && d->heap[below + 1].stamp < d->heap[below].stamp)
			below++;
		if (t.stamp <= d->heap[below].stamp)
			break;
		d->heap[i] = d->heap[below];
	}
	d->heap[i] = t;
}

static void
grow(struct trace_decoder *d, unsigned n)
{
	unsigned old = d->cpus;

	if (n <= old)
		return;
	d->cpu = xrealloc(d->cpu, n * sizeof(*d->cpu));
	d->heap = xrealloc(d->heap, n * sizeof(*d->heap));
	for (d->cpus = n; old < n; old++)
		d->cpu[old] = (struct cpu){.who = NOBODY, .fresh = true};
}

/* The stamp of the CPU whose turn is next but one. */
static uint64_t
second_stamp(const struct trace_decoder *d)
{
	uint64_t stamp = d->turns > 1 ? d->heap[1].stamp : UINT64_MAX;

	return d->turns > 2 ? MIN(stamp, d->heap[2].stamp) : stamp;
}

void
trace_decode(struct trace_decoder *d, struct trace_span *span, unsigned n, uint64_t until)
{
	uint64_t limit = until == UINT64_MAX ? until : until - 1;

	n = MIN(n, TRACE_MAX_CPUS);
	grow(d, n);
	d->turns = 0;
	for (unsigned i = 0; i < n && until > 0; i++)
		if (span[i].n > 0 || span[i].more)
			d->heap[d->turns++] = (struct turn){first_stamp(&d->cpu[i], &span[i]), i};
	for (unsigned i = d->turns / 2; i-- > 0;)
		sift(d, i);
	while (d->turns > 0 && d->heap[0].stamp <= limit) {
		struct turn *t = &d->heap[0];

		if (!run(d, &d->cpu[t->cpu], &span[t->cpu], limit, MIN(limit, second_stamp(d)),
			&t->stamp)) {
			if (span[t->cpu].more)
				return;
			*t = d->heap[--d->turns];
		}
		sift(d, 0);
	}
}

void
trace_decoder_forget(struct trace_decoder *d)
{
	bool many = d->sums.n > TRACE_MAX_VCPUS / 2;

	for (size_t i = 0; i < d->sums.n; i++) {
		vcpu_clear(&d->sums, d->sums.vcpu[i]);
		/* of many the most will be gone, and their arcs never end */
		d->sums.vcpu[i]->kept = d->sums.vcpu[i]->arc && !many;
	}
	for (unsigned i = 0; i < d->cpus; i++)
		if (d->cpu[i].v)
			d->cpu[i].v->kept = true;
	sums_sweep(&d->sums);
}

void
trace_decoder_restart(struct trace_decoder *d)
{
	for (unsigned i = 0; i < d->cpus; i++) {
		d->cpu[i].who = NOBODY;
		d->cpu[i].fresh = true;
		d->cpu[i].v = NULL;
	}
	for (size_t i = 0; i < d->sums.n; i++)
		d->sums.vcpu[i]->kept = false;
	sums_sweep(&d->sums);
}

size_t
trace_decoder_vcpus(struct trace_decoder *d)
{
	return sums_order(&d->sums);
}

const struct trace_vcpu *
trace_decoder_vcpu(struct trace_decoder *d, size_t i)
{
	return &d->sums.vcpu[i]->shown;
}

const struct trace_summary *
trace_decoder_summary(const struct trace_decoder *d)
{
	return &d->s;
}

uint64_t
trace_decoder_lost(const struct trace_decoder *d, unsigned cpu)
{
	return cpu < d->cpus ? d->cpu[cpu].lost : 0;
}
