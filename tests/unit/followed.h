/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A made-up Xen that writes a trace, and a migration's events, for tests of observe/trace.c. */
#ifndef FOLLOWED_H
#define FOLLOWED_H

#include <errno.h>
#include <math.h>

#include "base/log.h"
#include "base/util.h"
#include "observe/trace.h"

#define CPUS 2
#define ROOM 4096 /* bytes of a made-up buffer */
#define KHZ 1000000u
#define MAX_SEEN 64

#define RUNS 0x21101u /* runnable to running */
#define STOPS 0x21031u /* running to offline */
#define GOES_ON 0x21311u /* offline to runnable */
#define ENTRY 0x81001u
#define EXIT 0x81102u
#define LOST 0x1f001u
#define STAMPED 0x80000000u
#define PML_FULL 62u
#define HLT 12u

/* --- a made-up Xen --- */

static struct {
	struct trace_buffers b;
	uint8_t data[CPUS][ROOM];
	size_t n[CPUS], at[CPUS];
	size_t chunk; /* of one peek; 0: no limit */
	bool open, on;
	int fd, opened, started, stopped, woken;
	int open_error, start_error;
	bool blind;
} xen;

static double now;
static double skew; /* of the stamps, seconds */
static bool no_tsc, real_clock;

struct trace_clock
trace_clock_now(void)
{
	double mono = real_clock ? tick_now().mono : now;

	return (struct trace_clock){mono, no_tsc ? 0 : (uint64_t) (mono * KHZ * 1e3)};
}

static int
xen_start(struct trace_buffers *b)
{
	(void) b;
	if (xen.start_error)
		return xen.start_error;
	memset(xen.n, 0, sizeof(xen.n));
	memset(xen.at, 0, sizeof(xen.at));
	xen.on = true;
	xen.started++;
	return 0;
}

static void
xen_stop(struct trace_buffers *b)
{
	(void) b;
	xen.on = false;
	xen.stopped++;
}

static size_t
xen_peek(struct trace_buffers *b, unsigned cpu, const uint8_t **ret)
{
	size_t n = xen.n[cpu] - xen.at[cpu];

	(void) b;
	*ret = xen.data[cpu] + xen.at[cpu];
	return xen.chunk ? MIN(n, xen.chunk) : n;
}

static void
xen_take(struct trace_buffers *b, unsigned cpu, size_t n)
{
	(void) b;
	xen.at[cpu] += n;
	if (xen.at[cpu] == xen.n[cpu])
		xen.at[cpu] = xen.n[cpu] = 0;
}

static int
xen_fd(struct trace_buffers *b)
{
	(void) b;
	return xen.fd;
}

static void
xen_woken(struct trace_buffers *b)
{
	uint64_t count;

	(void) b;
	xen.woken += read(xen.fd, &count, sizeof(count)) == (ssize_t) sizeof(count);
}

static void
xen_close(struct trace_buffers *b)
{
	(void) b;
	xen.open = xen.on = false;
}

static const struct trace_buffers_ops ops = {
    xen_start, xen_stop, xen_peek, xen_take, xen_fd, xen_woken, xen_close};

static int
xen_open(uint32_t mask, size_t pages, struct trace_buffers **ret, const char **ret_why)
{
	(void) mask, (void) pages;
	if (xen.open_error) {
		*ret_why = "Somebody else reads.";
		return xen.open_error;
	}
	xen.b = (struct trace_buffers){.ops = &ops, .cpus = CPUS, .cpu_bytes = ROOM, .blind = xen.blind};
	xen.open = true;
	xen.opened++;
	*ret = &xen.b;
	return 0;
}

/* Xen writes a record, if it records. */
static void
put(unsigned cpu, double at, uint32_t event, const uint32_t *data, uint32_t words)
{
	uint32_t head = STAMPED | words << 28 | event;
	uint64_t tsc = (uint64_t) ((at + skew) * KHZ * 1e3);
	uint8_t *to = xen.data[cpu] + xen.n[cpu];
	size_t n = sizeof(head) + sizeof(tsc) + words * sizeof(*data);

	if (!xen.on || xen.n[cpu] + n > ROOM)
		return;
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), &tsc, sizeof(tsc));
	if (words)
		memcpy(to + sizeof(head) + sizeof(tsc), data, words * sizeof(*data));
	xen.n[cpu] += n;
}

static __attribute__((unused)) void
runs(unsigned cpu, double at, uint32_t domid)
{
	uint32_t who = domid << 16;

	put(cpu, at, RUNS, &who, 1);
}

/* Xen stops a vCPU of this domain that runs there, for a while. */
static __attribute__((unused)) void
pauses(unsigned cpu, double from, double to, uint32_t domid)
{
	uint32_t who = domid << 16;

	put(cpu, from, STOPS, &who, 1);
	put(cpu, to, GOES_ON, &who, 1);
	runs(cpu, to + 1e-6, domid);
}

/* An exit that takes a microsecond: 1000 cycles. */
static __attribute__((unused)) void
exits(unsigned cpu, double at, uint32_t reason)
{
	uint32_t data[] = {reason, 0, 0};

	put(cpu, at, EXIT, data, 3);
	put(cpu, at + 1e-6, ENTRY, NULL, 0);
}

static __attribute__((unused)) void
loses(unsigned cpu, double at, uint32_t records)
{
	uint32_t data[] = {records, 0, 0, 0};

	put(cpu, at, LOST, data, 4);
}

/* --- the world around --- */

static struct event seen[MAX_SEEN];
static size_t n_seen;
static struct trace *t;
static struct loop *loop;

static void
on_window(void *arg, const struct event *e)
{
	struct tick tick = {.mono = now, .real = now};

	(void) arg;
	if (n_seen < MAX_SEEN)
		seen[n_seen++] = *e;
	if (t)
		trace_event(t, e, &tick); /* as the agent does with every event */
}

static __attribute__((unused)) struct trace *
begin(const char *window, const char *percent)
{
	struct config c;

	memset(&xen, 0, sizeof(xen));
	xen.fd = -1;
	n_seen = 0;
	now = 100;
	skew = 0;
	config_init(&c);
	(void) config_set(&c, "trace_window", window);
	(void) config_set(&c, "trace_percent", percent);
	t = trace_new(&c, loop, xen_open, KHZ, on_window, NULL);
	config_done(&c);
	return t;
}

static __attribute__((unused)) void
end(void)
{
	trace_free(TAKE_PTR(t));
	ok(!xen.open, "afterwards the buffers are closed");
}

static __attribute__((unused)) void
send(double at, struct event e)
{
	struct tick tick = {.mono = at, .real = at};

	now = MAX(now, at);
	trace_event(t, &e, &tick);
}

static __attribute__((unused)) void
tick_at(double at)
{
	struct tick tick = {.mono = at, .real = at};

	now = at;
	trace_tick(t, &tick);
}

static __attribute__((unused)) struct event
process(enum event_kind kind, double at, uint32_t domid, pid_t pid)
{
	return (struct event){.kind = kind, .source = SOURCE_PROCESS, .at = at, .seconds = NAN, .pid = pid,
	    .domid = domid, .role = ROLE_LIVE_SAVE, .comm = "libxl-save-help"};
}

/* It returned at this moment, after a millisecond. */
static __attribute__((unused)) struct event
operation(uint32_t op, double at, uint32_t domid)
{
	return (struct event){.kind = EVENT_SHADOW_OP, .source = SOURCE_BPF, .at = at, .seconds = 0.001,
	    .pid = getpid(), .domid = domid, .op = op, .comm = "libxl-save-help"};
}

static __attribute__((unused)) void
helper(double at, uint32_t domid)
{
	send(at, process(EVENT_PROCESS_BEGIN, at, domid, getpid()));
}

/* An operation that began at this moment. */
static __attribute__((unused)) void
operate(uint32_t op, double begun, uint32_t domid)
{
	send(begun + 0.0011, operation(op, begun + 0.001, domid));
}

static __attribute__((unused)) void
final(double begun, uint32_t domid)
{
	struct event e = operation(SHADOW_OP_CLEAN, begun + 0.001, domid);

	e.mode = SHADOW_MODE_FINAL;
	send(begun + 0.0011, e);
}

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

/* The i-th window is this domain's, from one moment to the other, with so many PML-full exits of 1000 cycles. */
static __attribute__((unused)) bool
is(size_t i, uint32_t domid, double from, double to, uint64_t count)
{
	const struct event *e = &seen[i];
	const struct trace_window *w = &e->window;
	bool same = i < n_seen && e->kind == EVENT_TRACE_WINDOW && e->source == SOURCE_TRACE &&
	    e->domid == domid && near(w->from, from) && near(e->at, to) && w->count[TRACE_PML_FULL] == count &&
	    llabs((long long) w->cycles[TRACE_PML_FULL] - (long long) count * 1000) <= 2 * (long long) count &&
	    w->cpu_khz == KHZ;

	if (!same && i < n_seen)
		printf("# window %zu: domain %u from %.6f to %.6f, %llu PML full, %llu exits%s\n", i, e->domid, w->from,
		    e->at, (unsigned long long) w->count[TRACE_PML_FULL], (unsigned long long) w->exits,
		    w->torn ? ", torn" : "");
	return same;
}

#endif
