/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/trace_reader.h"

#include "base/util.h"
#include "observe/trace_decode.h"
#include "observe/trace_record.h"

#define ALMOST_FULL 128u     /* bytes: a buffer with less room may have dropped a record */
#define MAX_PEEKS 4	     /* of one buffer in a row; two empty it, as the second begins at its front */
#define MAX_STAGED 4u	     /* buffers' worth of one CPU that wait to be decoded */
#define LONG_ENOUGH 0.05     /* seconds: then two moments tell the TSC's rate better than Xen */
#define HAS_STAMP 0x80000000u /* a record's first word: the TSC follows */
#define RUNSTATE_STOPPED 3u  /* RUNSTATE_offline, public/vcpu.h: a paused vCPU that wants to run */
#define INSIDE_SECONDS 20e-6 /* into a pause: further than the two clocks disagree */

/* What was copied from one CPU's buffer and is not decoded. */
struct staged {
	uint8_t *bytes;
	size_t n, room;
};

struct cpu_total {
	uint64_t lost;
};

struct trace_reader {
	trace_open_fn *open;
	size_t pages;
	uint32_t cpu_khz;

	struct trace_buffers *buffers; /* NULL: closed; what follows is then not there either */
	struct trace_decoder *decoder;
	struct staged *staged;
	struct trace_span *span;
	struct trace_summary before;	/* at trace_reader_forget; the decoder's only grows */
	struct trace_clock opened, began, last; /* began: the recording; last: the newest reading */
	bool torn;	  /* what was read since trace_reader_forget is not all that there was */
	bool skewed;	  /* the stamps do not fit the clock */

	uint64_t lost; /* by decoders that are gone, as in total */
	struct cpu_total *total;
	unsigned cpus; /* of total, staged and span */
};

struct trace_reader *
trace_reader_new(trace_open_fn *open, size_t pages, uint32_t cpu_khz)
{
	struct trace_reader *r = xcalloc(1, sizeof(*r));

	r->open = open;
	r->pages = pages;
	r->cpu_khz = cpu_khz;
	return r;
}

void
trace_reader_free(struct trace_reader *r)
{
	if (!r)
		return;
	trace_reader_close(r);
	free(r->total);
	free(r);
}

bool
trace_reader_is_open(const struct trace_reader *r)
{
	return r->buffers != NULL;
}

int
trace_reader_open(struct trace_reader *r, const char **ret_why)
{
	unsigned n;
	int e;

	if (r->buffers)
		return 0;
	e = r->open(TRACE_MASK, r->pages, &r->buffers, ret_why);
	if (e < 0)
		return e;
	n = MIN(r->buffers->cpus, TRACE_MAX_CPUS);
	if (n > r->cpus) {
		r->total = xrealloc(r->total, n * sizeof(*r->total));
		memset(r->total + r->cpus, 0, (n - r->cpus) * sizeof(*r->total));
		r->cpus = n;
	}
	r->decoder = trace_decoder_new(r->buffers->svm);
	r->staged = xcalloc(MAX(r->cpus, 1), sizeof(*r->staged));
	r->span = xcalloc(MAX(r->cpus, 1), sizeof(*r->span));
	r->opened = trace_clock_now();
	r->torn = r->skewed = false;
	return 0;
}

void
trace_reader_close(struct trace_reader *r)
{
	if (!r->buffers)
		return;
	r->buffers->ops->close(TAKE_PTR(r->buffers));
	r->lost += trace_decoder_summary(r->decoder)->lost_records;
	for (unsigned i = 0; i < r->cpus; i++) {
		r->total[i].lost += trace_decoder_lost(r->decoder, i);
		free(r->staged[i].bytes);
	}
	trace_decoder_free(TAKE_PTR(r->decoder));
	free(TAKE_PTR(r->staged));
	free(TAKE_PTR(r->span));
}

int
trace_reader_fd(struct trace_reader *r)
{
	return r->buffers->ops->fd(r->buffers);
}

void
trace_reader_woken(struct trace_reader *r)
{
	r->buffers->ops->woken(r->buffers);
}

/* --- from one clock to the other --- */

/* TSC ticks in a second. */
static double
rate(const struct trace_reader *r)
{
	double seconds = r->last.mono - r->began.mono;

	if (seconds < LONG_ENOUGH || r->last.tsc <= r->began.tsc)
		return r->cpu_khz * 1e3;
	return (double) (r->last.tsc - r->began.tsc) / seconds;
}

/* The TSC at a moment; everything where there is no TSC. */
static uint64_t
tsc_of(const struct trace_reader *r, double mono)
{
	double ticks = (mono - r->last.mono) * rate(r);

	if (r->last.tsc == 0)
		return UINT64_MAX;
	if (ticks <= -(double) r->last.tsc)
		return 0;
	return ticks < 0 ? r->last.tsc - (uint64_t) -ticks : r->last.tsc + (uint64_t) ticks;
}

/* A stamp that lies ahead of the clock by more than the clocks' own error, a millisecond. */
static bool
is_ahead(const struct trace_reader *r, uint64_t tsc)
{
	return tsc > r->last.tsc && tsc - r->last.tsc > r->cpu_khz;
}

/* The stamp of a record that was left; 0 if it has none. */
static uint64_t
front_stamp(const struct staged *s)
{
	uint32_t head;
	uint64_t tsc;

	if (s->n < sizeof(head) + sizeof(tsc))
		return 0;
	memcpy(&head, s->bytes, sizeof(head));
	memcpy(&tsc, s->bytes + sizeof(head), sizeof(tsc));
	return head & HAS_STAMP ? tsc : 0;
}

/* --- reading --- */

static void
stage(struct staged *s, const uint8_t *bytes, size_t n)
{
	if (s->n + n > s->room) {
		s->room = MAX(s->n + n, s->room * 2);
		s->bytes = xrealloc(s->bytes, s->room);
	}
	memcpy(s->bytes + s->n, bytes, n);
	s->n += n;
}

/* Copies all that is there. */
static void
empty(struct trace_reader *r, unsigned cpu)
{
	struct trace_buffers *b = r->buffers;
	const uint8_t *bytes = NULL;
	size_t total = 0, n;

	for (int i = 0; i < MAX_PEEKS && (n = b->ops->peek(b, cpu, &bytes)) > 0; i++) {
		stage(&r->staged[cpu], bytes, n);
		b->ops->take(b, cpu, n);
		total += n;
	}
	if (total + ALMOST_FULL > b->cpu_bytes)
		r->torn = true;
}

/* Spans are taken off the front of what is staged. */
static void
decode(struct trace_reader *r, uint64_t until)
{
	unsigned n = MIN(r->buffers->cpus, r->cpus);

	for (unsigned i = 0; i < n; i++)
		r->span[i] = (struct trace_span){.bytes = r->staged[i].bytes, .n = r->staged[i].n};
	trace_decode(r->decoder, r->span, n, until);
	for (unsigned i = 0; i < n; i++) {
		struct staged *s = &r->staged[i];

		if (r->span[i].n > 0 && r->span[i].n < s->n)
			memmove(s->bytes, s->bytes + (s->n - r->span[i].n), r->span[i].n);
		s->n = MIN(r->span[i].n, s->n);
		if (is_ahead(r, front_stamp(s)))
			r->skewed = true;
	}
}

static void
read_until(struct trace_reader *r, double until, bool all)
{
	for (unsigned i = 0; i < MIN(r->buffers->cpus, r->cpus); i++) {
		empty(r, i);
		/* only if the clock is not that of the stamps */
		if (r->staged[i].n > MAX_STAGED * r->buffers->cpu_bytes)
			all = r->skewed = true;
	}
	r->last = trace_clock_now(); /* afterwards: no stamp that was read lies ahead of it */
	decode(r, all ? UINT64_MAX : tsc_of(r, until));
}

void
trace_reader_read(struct trace_reader *r, double until)
{
	read_until(r, until, false);
}

/* The time of a stamp, the other way round than tsc_of. */
static double
mono_of(const struct trace_reader *r, uint64_t tsc)
{
	double ticks = tsc < r->last.tsc ? -(double) (r->last.tsc - tsc) : (double) (tsc - r->last.tsc);

	return r->last.mono + ticks / rate(r);
}

/* When the domain's vCPUs were stopped and went on again, by the runstate records that are staged. */
struct pause {
	uint32_t domid;
	uint64_t from, to; /* TSC: others do not count */
	uint64_t stopped;  /* the last one was, before the first went on; 0: none was */
	uint64_t went_on;  /* UINT64_MAX: none did */
};

static void
look_at_runstate(struct pause *p, uint32_t event, uint64_t tsc, uint32_t who)
{
	unsigned old = event >> 8 & 3, new = event >> 4 & 3;

	if (who >> 16 != p->domid || tsc < p->from || tsc > p->to)
		return;
	if (old == RUNSTATE_STOPPED && tsc < p->went_on)
		p->went_on = tsc;
	if (new == RUNSTATE_STOPPED && tsc > p->stopped)
		p->stopped = tsc;
}

static void
look_for_pause(struct pause *p, const struct staged *s)
{
	for (size_t at = 0; s->n - at >= TRACE_HEAD_BYTES;) {
		const uint8_t *record = s->bytes + at;
		uint32_t head = trace_load32(record), n = trace_bytes_of(head);

		if (n > s->n - at)
			return;
		if ((trace_event_of(head) & ~TRACE_RUNSTATES) == TRACE_EV_RUNSTATE && head & HAS_STAMP &&
		    trace_words_of(head) > 0)
			look_at_runstate(p, trace_event_of(head), trace_load64(record + TRACE_HEAD_BYTES),
			    trace_load32(record + TRACE_HEAD_BYTES + 8));
		at += n;
	}
}

double
trace_reader_pause(struct trace_reader *r, uint32_t domid, double from, double to)
{
	struct pause p = {.domid = domid, .went_on = UINT64_MAX};

	read_until(r, from, false);
	p.from = tsc_of(r, from);
	p.to = tsc_of(r, to);
	for (unsigned i = 0; i < MIN(r->buffers->cpus, r->cpus); i++)
		look_for_pause(&p, &r->staged[i]);
	if (p.stopped == 0 || p.stopped > p.went_on)
		return from;
	return mono_of(r, p.stopped) + MIN(INSIDE_SECONDS, (mono_of(r, p.went_on) - mono_of(r, p.stopped)) / 2);
}

int
trace_reader_start(struct trace_reader *r, double *ret_began)
{
	int e;

	trace_decoder_restart(r->decoder);
	trace_reader_forget(r);
	e = r->buffers->ops->start(r->buffers);
	if (e < 0)
		return e;
	r->began = r->last = trace_clock_now();
	*ret_began = r->began.mono;
	return 0;
}

/* Xen tells how much it dropped with the next record that it writes: hence a last reading, for the counters. */
void
trace_reader_stop(struct trace_reader *r)
{
	r->buffers->ops->stop(r->buffers);
	read_until(r, 0, true);
	for (unsigned i = 0; i < r->cpus; i++)
		r->staged[i].n = 0;
	trace_reader_forget(r);
}

/* --- sums --- */

/* The stamps are from before the recording or from the future. */
static bool
is_skewed(const struct trace_reader *r, const struct trace_summary *s)
{
	return r->skewed || r->last.tsc == 0 || is_ahead(r, s->last_tsc) ||
	    (s->first_tsc > 0 && s->first_tsc + r->cpu_khz < r->opened.tsc);
}

static bool
is_torn(const struct trace_reader *r, const struct trace_summary *s)
{
	const struct trace_summary *b = &r->before;

	return r->torn || r->buffers->blind || is_skewed(r, s) || s->lost_events > b->lost_events ||
	    s->lost_records > b->lost_records || s->backwards > b->backwards || s->bad_bytes > b->bad_bytes ||
	    s->overflowed > b->overflowed;
}

void
trace_reader_sum(struct trace_reader *r, uint32_t domid, struct trace_window *w)
{
	const struct trace_summary *s = trace_decoder_summary(r->decoder);
	size_t n = trace_decoder_vcpus(r->decoder);
	double from = w->from;

	memset(w, 0, sizeof(*w));
	w->from = from;
	w->cpu_khz = r->cpu_khz;
	w->lost = (uint32_t) MIN(s->lost_records - r->before.lost_records, UINT32_MAX);
	w->torn = is_torn(r, s);
	for (size_t i = 0; i < n; i++) {
		const struct trace_vcpu *v = trace_decoder_vcpu(r->decoder, i);

		if (v->domid == domid)
			w->exits += v->exits;
		for (int c = 0; c < TRACE_CLASSES; c++) {
			if (v->domid == TRACE_NO_DOMAIN && v->class_count[c] > 0)
				w->torn = true; /* perhaps this domain's */
			if (v->domid != domid)
				continue;
			w->count[c] += v->class_count[c];
			w->cycles[c] += v->class_cycles[c];
		}
	}
}

void
trace_reader_forget(struct trace_reader *r)
{
	trace_decoder_forget(r->decoder);
	r->before = *trace_decoder_summary(r->decoder);
	r->torn = false;
}

uint64_t
trace_reader_lost(const struct trace_reader *r)
{
	return r->lost + (r->decoder ? trace_decoder_summary(r->decoder)->lost_records : 0);
}

uint64_t
trace_reader_lost_of(const struct trace_reader *r, unsigned cpu)
{
	if (cpu >= r->cpus)
		return 0;
	return r->total[cpu].lost + (r->decoder ? trace_decoder_lost(r->decoder, cpu) : 0);
}

unsigned
trace_reader_cpus(const struct trace_reader *r)
{
	return r->cpus;
}
