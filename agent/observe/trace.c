/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/trace.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/util.h"
#include "observe/helper_name.h"
#include "observe/trace_reader.h"

#define MAX_FOLLOWED 64	     /* domains; what is tracked beyond is not traced */
#define PATIENCE_SECONDS 60.0 /* from a helper's begin to its ENABLE */
#define READ_SECONDS 1.0     /* between two readings of a window, and the shortest window of a continuous trace */

/* A window is cut so long after its end: by then the events that belong before its end have been handed over. */
#define HOLD_SECONDS 0.01

struct followed {
	uint32_t domid;
	pid_t pid;    /* of the process that carries it; 0: unknown or nobody's */
	double since; /* CLOCK_MONOTONIC, as all times here: its helper was found */
	double gone;  /* its process was not there any more; 0: it is */
	bool tracked; /* windows are handed over */
	bool asked;   /* by trace_follow */
	bool still;   /* suspended for good: no window is begun for it */
	bool torn;    /* exits of another round are among those of its window under way, or missing */
	double from;  /* its window under way begins here */
	double until; /* the newest that was handed over ended here */
};

struct trace {
	struct loop *loop;
	event_fn *fn;
	void *arg;
	trace_look_fn *look; /* NULL: events come of themselves */
	void *look_arg;
	struct trace_reader *reader;
	double length, period; /* of a window, and from the beginning of one to that of the next */
	struct followed followed[MAX_FOLLOWED];
	size_t n;
	enum event_source best; /* of what tells operations: a worse one tells them again */
	const char *why;
	struct trouble trouble;

	bool on;	/* Xen records */
	double from;	/* the window under way begins here */
	double due;	/* and ends here, if nothing else ends it */
	double next;	/* then the next one begins */
	double decoded; /* what happened before this is in the sums */
	double read_at;
	double seconds; /* of windows that were handed over */

	int timer, fd; /* in the loop; -1: none */
	double armed;  /* when the timer is due */
};

struct trace *
trace_new(const struct config *c, struct loop *loop, trace_open_fn *open, uint32_t cpu_khz, event_fn *fn,
    void *arg)
{
	struct trace *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	t->fn = fn;
	t->arg = arg;
	t->reader = trace_reader_new(open, config_number(c, OPTION_trace_pages), cpu_khz);
	t->length = (double) config_number(c, OPTION_trace_window) / 1e3;
	t->period = t->length * 100 / (double) config_number(c, OPTION_trace_percent);
	t->why = "";
	t->timer = t->fd = -1;
	return t;
}

void
trace_set_look(struct trace *t, trace_look_fn *look, void *arg)
{
	t->look = look;
	t->look_arg = arg;
}

static void
close_buffers(struct trace *t)
{
	if (t->fd >= 0)
		loop_remove(t->loop, t->fd);
	if (t->timer >= 0)
		loop_cancel(t->loop, t->timer);
	t->fd = t->timer = -1;
	t->on = false;
	trace_reader_close(t->reader);
}

void
trace_free(struct trace *t)
{
	if (!t)
		return;
	close_buffers(t);
	trace_reader_free(t->reader);
	free(t);
}

/* --- whom it is about --- */

static struct followed *
find(struct trace *t, uint32_t domid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->followed[i].domid == domid)
			return &t->followed[i];
	return NULL;
}

static struct followed *
find_or_add(struct trace *t, uint32_t domid, double now)
{
	struct followed *f = find(t, domid);

	if (f || t->n == MAX_FOLLOWED)
		return f;
	f = &t->followed[t->n++];
	*f = (struct followed){.domid = domid, .since = now};
	return f;
}

static bool
is_continuous(const struct trace *t)
{
	return t->period <= t->length;
}

/* Before the ENABLE Xen records without a break, so that who runs where is known when tracking begins. */
static bool
is_awaited(const struct trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->followed[i].tracked)
			return true;
	return false;
}

static bool
is_wanted(const struct trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->followed[i].still || is_continuous(t))
			return true;
	return false;
}

/* --- windows --- */

static void
hand_over(struct trace *t, const struct followed *f, double at)
{
	struct event e;

	memset(&e, 0, sizeof(e));
	e.kind = EVENT_TRACE_WINDOW;
	e.source = SOURCE_TRACE;
	e.at = at;
	e.seconds = NAN;
	e.domid = f->domid;
	e.window.from = f->from;
	trace_reader_sum(t->reader, f->domid, &e.window);
	e.window.torn = e.window.torn || f->torn;
	t->fn(t->arg, &e);
}

/* What happened before at is in no window that is yet to come. */
static void
begin_at(struct trace *t, double at)
{
	trace_reader_forget(t->reader);
	for (size_t i = 0; i < t->n; i++) {
		t->followed[i].from = at;
		t->followed[i].torn = false;
	}
	t->from = at;
}

/* Ends the windows of all at one moment and begins the next ones there. edge: what happened before it belongs to the
 * windows that end. */
static void
cut(struct trace *t, double at, double edge)
{
	double from = at;

	trace_reader_read(t->reader, edge);
	t->decoded = MAX(t->decoded, edge);
	for (size_t i = 0; i < t->n; i++) {
		struct followed *f = &t->followed[i];

		if (!f->tracked || f->from >= at)
			continue;
		from = MIN(from, f->from);
		hand_over(t, f, at);
		f->until = at;
	}
	t->seconds += at - from;
	begin_at(t, at);
}

static void
plan(struct trace *t)
{
	bool goes_on = is_continuous(t) || is_awaited(t);

	t->due = t->from + (goes_on ? MAX(t->length, READ_SECONDS) : t->length);
	t->next = t->from + t->period;
}

static void
stop(struct trace *t)
{
	if (t->on)
		trace_reader_stop(t->reader);
	t->on = false;
}

static void on_buffers(void *arg, uint32_t events, const struct tick *now);

static int
open_buffers(struct trace *t)
{
	int fd, r = trace_reader_open(t->reader, &t->why);

	if (r < 0 || t->fd >= 0)
		return r;
	fd = trace_reader_fd(t->reader);
	if (t->loop && fd >= 0 && loop_add(t->loop, fd, EPOLLIN, on_buffers, t) == 0)
		t->fd = fd;
	return 0;
}

/* Lets Xen record, unless it does. */
static void
start(struct trace *t)
{
	double began;
	int r;

	if (t->on)
		return;
	r = open_buffers(t);
	if (r == 0) {
		r = trace_reader_start(t->reader, &began);
		if (r < 0)
			t->why = "Xen does not begin its trace when it is told to, so what tracking costs is not "
				 "measured: does a security policy (XSM) forbid Dom0 tbufcontrol?";
	}
	if (r < 0) {
		close_buffers(t);
		complain(&t->trouble, "trace", "%s (%s)", t->why, strerror(-r));
		return;
	}
	complain_over(&t->trouble, "trace", "tracing");
	t->why = "";
	t->on = true;
	t->read_at = t->decoded = began;
	begin_at(t, began);
	plan(t);
}

static double
pause_of(struct trace *t, const struct followed *f, double at, double end)
{
	return isfinite(end) && end > at ? trace_reader_pause(t->reader, f->domid, at, end) : at;
}

/* A round of this domain ends at this moment, by a hypercall that returned at end (INFINITY: by none), and the next
 * one begins. Where in the hypercall the exits of both are apart, the trace itself tells: Xen stops the domain's
 * vCPUs for it, and they may have run before that, or after it until Dom0 had a CPU again. If a window went
 * beyond its end, both are mixed in one sum. */
static void
end_round(struct trace *t, struct followed *f, double at, double end)
{
	bool late = f->tracked && (end < f->until || (f->from < end && end < t->decoded));
	double edge = at;

	if (!t->on)
		return;
	f->torn = f->torn || late;
	if (at > t->due && !is_continuous(t) && !is_awaited(t)) {
		cut(t, t->due, t->due);
		edge = pause_of(t, f, at, end);
		trace_reader_read(t->reader, edge); /* of no window: it would have been over */
		t->decoded = edge;
		begin_at(t, at);
	} else if (at > t->from) {
		edge = pause_of(t, f, at, end);
		cut(t, at, edge);
	}
	f->torn = f->torn || late;
}

/* --- who is followed --- */

/* After somebody was let go, or suspended for good. */
static void
rest(struct trace *t)
{
	if (t->n == 0)
		close_buffers(t);
	else if (!is_wanted(t))
		stop(t);
	else if (t->on)
		plan(t);
}

static void
let_go(struct trace *t, struct followed *f)
{
	*f = t->followed[--t->n];
}

/* Whether its process is gone for so long that an observer would have told what it did last, and its end. */
static bool
is_dead(struct followed *f, double now)
{
	if (f->pid <= 0 || kill(f->pid, 0) == 0 || errno != ESRCH)
		f->gone = 0;
	else if (f->gone <= 0)
		f->gone = now;
	return f->gone > 0 && now - f->gone >= READ_SECONDS;
}

/* Helpers that never switched tracking on, and those that are gone without having switched it off. */
static void
let_go_of_the_dead(struct trace *t, double now)
{
	size_t before = t->n;

	for (size_t i = t->n; i-- > 0;) {
		struct followed *f = &t->followed[i];

		if (f->asked || !(is_dead(f, now) || (!f->tracked && now - f->since > PATIENCE_SECONDS)))
			continue;
		end_round(t, f, MAX(now, t->decoded), INFINITY);
		let_go(t, f);
	}
	if (t->n < before)
		rest(t);
}

static void
helper_begins(struct trace *t, const struct event *e, double now)
{
	struct followed *f;

	if (e->role != ROLE_LIVE_SAVE && e->role != ROLE_REPLICATE)
		return;
	f = find_or_add(t, e->domid, now);
	if (!f)
		return;
	f->pid = e->pid;
	f->still = false;
	if (!f->tracked)
		f->since = now;
	start(t);
	if (t->on)
		plan(t);
}

static void
helper_ends(struct trace *t, const struct event *e)
{
	for (size_t i = t->n; i-- > 0;) {
		struct followed *f = &t->followed[i];

		if (f->pid != e->pid)
			continue;
		f->pid = 0;
		if (f->asked)
			continue;
		end_round(t, f, MAX(e->at, t->decoded), INFINITY);
		let_go(t, f);
	}
	rest(t);
}

/* Tracking is on from this moment: the windows of the domain begin. */
static void
tracking_begins(struct trace *t, struct followed *f, double at, double end)
{
	bool late = t->on && end < t->decoded;

	end_round(t, f, at, end);
	f->tracked = true;
	f->still = false;
	start(t);
	if (!t->on)
		return;
	f->from = late ? MAX(t->from, t->decoded) : t->from;
	plan(t);
}

static void
harvest(struct trace *t, struct followed *f, const struct event *e, double at)
{
	end_round(t, f, at, e->at);
	if (e->mode & SHADOW_MODE_FINAL) {
		f->still = true;
		rest(t);
		return;
	}
	start(t);
	if (t->on)
		plan(t);
}

/* Of a migration. The agent's own are those of a probe, which trace_follow tells of. */
static void
operation(struct trace *t, const struct event *e, double now)
{
	double at = e->seconds > 0 ? e->at - e->seconds : e->at; /* may be newer than now, the loop's clock */
	bool last = e->mode & SHADOW_MODE_FINAL;
	struct followed *f = find(t, e->domid);

	if (e->result < 0 || e->source == SOURCE_PROBE || event_is_ours(e) ||
	    (t->best != SOURCE_NONE && e->source > t->best && !e->alone))
		return;
	if (!e->alone)
		t->best = e->source;
	if (e->op == SHADOW_OP_CLEAN && f && f->tracked)
		harvest(t, f, e, at);
	else if (e->op == SHADOW_OP_ENABLE_LOGDIRTY || (e->op == SHADOW_OP_CLEAN && !last)) {
		f = find_or_add(t, e->domid, now);
		if (!f)
			return;
		f->pid = e->pid;
		tracking_begins(t, f, at, e->at);
	} else if (e->op == SHADOW_OP_OFF && f && f->tracked && !f->asked) {
		end_round(t, f, at, e->at);
		let_go(t, f);
		rest(t);
	}
}

/* --- time --- */

static void
look(struct trace *t)
{
	if (t->look)
		t->look(t->look_arg);
}

static void
read_now(struct trace *t, double now)
{
	double until = MAX(t->decoded, MIN(t->due, now - HOLD_SECONDS));

	trace_reader_read(t->reader, until);
	t->decoded = until;
	t->read_at = now;
}

static void
window_is_over(struct trace *t, double now)
{
	cut(t, t->due, t->due);
	let_go_of_the_dead(t, now);
	if (!t->on)
		return;
	if (is_continuous(t) || is_awaited(t))
		plan(t);
	else
		stop(t);
}

static void
on_timer(void *arg, uint32_t events, const struct tick *now)
{
	(void) events;
	trace_tick(arg, now);
}

static void
on_buffers(void *arg, uint32_t events, const struct tick *now)
{
	struct trace *t = arg;

	(void) events;
	trace_reader_woken(t->reader);
	look(t);
	if (t->on)
		read_now(t, now->mono);
	trace_tick(t, now);
}

/* Sets the timer for what is due next. */
static void
arm(struct trace *t, double now)
{
	double at = t->on ? MIN(t->due + HOLD_SECONDS, t->read_at + READ_SECONDS) : t->next;

	if (!t->loop || !trace_reader_is_open(t->reader) || (!t->on && !is_wanted(t)))
		return;
	if (t->timer >= 0 && t->armed > now && t->armed <= at) /* it comes first, and asks again */
		return;
	if (t->timer >= 0)
		loop_again(t->loop, t->timer, MAX(at - now, 0));
	else
		t->timer = loop_every(t->loop, MAX(at - now, 0), READ_SECONDS, on_timer, t);
	t->armed = at;
}

void
trace_tick(struct trace *t, const struct tick *now)
{
	if (trace_reader_is_open(t->reader))
		look(t);
	let_go_of_the_dead(t, now->mono);
	if (t->on && now->mono >= t->due + HOLD_SECONDS)
		window_is_over(t, now->mono);
	else if (t->on && now->mono - t->read_at >= READ_SECONDS)
		read_now(t, now->mono);
	else if (!t->on && trace_reader_is_open(t->reader) && is_wanted(t) && now->mono >= t->next)
		start(t);
	arm(t, now->mono);
}

void
trace_event(struct trace *t, const struct event *e, const struct tick *now)
{
	switch (e->kind) {
	case EVENT_PROCESS_BEGIN:
		helper_begins(t, e, now->mono);
		break;
	case EVENT_PROCESS_END:
		helper_ends(t, e);
		break;
	case EVENT_SHADOW_OP:
		operation(t, e, now->mono);
		break;
	default: /* too late for a window, or our own */
		return;
	}
	arm(t, now->mono);
}

void
trace_follow(struct trace *t, uint32_t domid, bool on, const struct tick *now)
{
	struct followed *f = on ? find_or_add(t, domid, now->mono) : find(t, domid);

	if (!f)
		return;
	if (on && f->tracked)
		f->asked = true;
	else if (on) {
		f->asked = true;
		tracking_begins(t, f, now->mono, now->mono);
	} else if (f->asked) {
		f->asked = false;
		if (f->pid == 0) { /* else a migration goes on */
			end_round(t, f, now->mono, INFINITY);
			let_go(t, f);
			rest(t);
		}
	}
	arm(t, now->mono);
}

const char *
trace_trouble(const struct trace *t)
{
	return t->why;
}

double
trace_seconds(const struct trace *t)
{
	return t->seconds;
}

void
trace_sample(const struct trace *t, struct sample *s)
{
	s->host.value[METRIC_AT(M_TRACE_LOST, HOST)] = (double) trace_reader_lost(t->reader);
	s->host.value[METRIC_AT(M_TRACE_SECONDS, HOST)] = t->seconds;
	for (unsigned i = 0; i < trace_reader_cpus(t->reader); i++) {
		uint64_t lost = trace_reader_lost_of(t->reader, i);
		struct sample_trace_cpu *c = lost ? sample_add_trace_cpu(s) : NULL;

		if (!c)
			continue;
		c->cpu = i;
		c->value[METRIC_AT(M_TRACE_CPU_LOST, TRACE_CPU)] = (double) lost;
	}
}
