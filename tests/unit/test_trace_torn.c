/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include "tests/tap.h"
#include "tests/unit/followed.h"

/* Records lost since the start by the metrics: of all CPUs, and of one; 0 for one that is not listed. */
static double
lost_of(int cpu)
{
	struct tick tick = {.mono = 200, .real = 200};
	struct sample *s = sample_new(&tick);
	double lost = 0;

	trace_sample(t, s);
	if (cpu < 0)
		lost = s->host.value[METRIC_AT(M_TRACE_LOST, HOST)];
	for (size_t i = 0; i < s->n_trace_cpus; i++)
		if ((int) s->trace_cpu[i].cpu == cpu)
			lost = s->trace_cpu[i].value[METRIC_AT(M_TRACE_CPU_LOST, TRACE_CPU)];
	sample_free(s);
	return lost;
}

static void
no_buffers(void)
{
	begin("100", "10");
	ok(strcmp(trace_trouble(t), "") == 0, "at first all is well");
	xen.open_error = -EBUSY;
	helper(100, 1);
	ok(strcmp(trace_trouble(t), "Somebody else reads.") == 0, "buffers that cannot be had are told of");
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.1, 1);
	operate(SHADOW_OP_CLEAN, 100.2, 1);
	tick_at(101);
	operate(SHADOW_OP_OFF, 101.2, 1);
	ok(n_seen == 0 && xen.opened == 0, "and the migration goes on without");
	xen.open_error = 0;
	helper(110, 1);
	ok(xen.on && strcmp(trace_trouble(t), "") == 0, "at the next one it is tried again, and the trouble is over");
	send(111, process(EVENT_PROCESS_END, 111, 1, getpid()));
	xen.start_error = -EACCES;
	helper(120, 1);
	ok(!xen.open && *trace_trouble(t), "a Xen that does not begin is told of, and let go: %s", trace_trouble(t));
	end();
}

static void
lost(void)
{
	begin("100", "10");
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100, 1);
	runs(0, 100.01, 1);
	exits(0, 100.02, PML_FULL);
	loses(1, 100.03, 5);
	tick_at(100.12);
	ok(n_seen == 1 && seen[0].window.lost == 5 && seen[0].window.torn, "lost records tear a window");
	ok(lost_of(-1) == 5 && lost_of(0) == 0 && lost_of(1) == 5 && lost_of(9) == 0,
	    "and are counted by CPU");
	tick_at(101.01);
	runs(0, 101.02, 1);
	tick_at(101.13);
	ok(n_seen == 2 && seen[1].window.lost == 0 && !seen[1].window.torn, "the next one is whole");
	operate(SHADOW_OP_CLEAN, 101.2, 1);
	for (int i = 0; i < 200; i++)
		exits(0, 101.21 + i * 1e-4, PML_FULL);
	operate(SHADOW_OP_CLEAN, 101.25, 1);
	ok(n_seen == 3 && seen[2].window.torn, "a buffer that is full tears it too: something may have been dropped");
	loses(0, 101.26, 7);
	operate(SHADOW_OP_OFF, 101.27, 1);
	ok(!xen.open && lost_of(-1) == 12 && lost_of(0) == 7, "what was lost is remembered");
	helper(102, 1);
	loses(0, 102.1, 1);
	send(102.2, process(EVENT_PROCESS_END, 102.2, 1, getpid()));
	ok(lost_of(-1) == 13 && lost_of(0) == 8, "and added up over migrations");
	end();
}

static void
lost_by_two(void)
{
	begin("100", "100");
	helper(100, 1);
	helper(100.001, 2);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.01, 1);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.02, 2);
	runs(0, 100.03, 1);
	runs(1, 100.03, 2);
	loses(1, 100.05, 5);
	tick_at(101.2);
	ok(n_seen >= 2 && seen[n_seen - 2].domid != seen[n_seen - 1].domid, "both of two guests have their window");
	ok(seen[n_seen - 2].window.lost == 5 && seen[n_seen - 1].window.lost == 5 && seen[n_seen - 2].window.torn &&
		seen[n_seen - 1].window.torn,
	    "what was lost in it may have been of either, and tears both");
	ok(lost_of(-1) == 5 && lost_of(1) == 5, "the host and the CPU lost it once");
	end();
}

static void
metrics(void)
{
	struct tick tick = {.mono = 200, .real = 200};
	struct sample *s = sample_new(&tick);
	char cpu[16];

	begin("100", "10");
	trace_sample(t, s);
	ok(s->host.value[METRIC_AT(M_TRACE_LOST, HOST)] == 0 && s->n_trace_cpus == 0,
	    "before the first migration no CPU is listed");
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100, 1);
	loses(1, 100.03, 5);
	tick_at(100.12);
	trace_sample(t, s);
	sample_label(s, MS_TRACE_CPU, 0, 0, cpu, sizeof(cpu));
	ok(s->host.value[METRIC_AT(M_TRACE_LOST, HOST)] == 5 &&
		fabs(s->host.value[METRIC_AT(M_TRACE_SECONDS, HOST)] - 0.1) < 1e-6,
	    "the metrics tell what was lost and how long was traced");
	ok(sample_count(s, MS_TRACE_CPU) == 1 && strcmp(cpu, "1") == 0 &&
		s->trace_cpu[0].value[METRIC_AT(M_TRACE_CPU_LOST, TRACE_CPU)] == 5,
	    "and by which CPU, of those that wrote something");
	sample_free(s);
	end();
}

static void
torn(void)
{
	begin("100", "100");
	xen.blind = true;
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100, 1);
	operate(SHADOW_OP_OFF, 100.1, 1);
	ok(n_seen == 1 && seen[0].window.torn, "a CPU without a buffer tears every window");
	xen.blind = false;
	n_seen = 0;
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 101, 1);
	exits(0, 101.01, PML_FULL);
	operate(SHADOW_OP_CLEAN, 101.1, 1);
	ok(n_seen == 1 && seen[0].window.torn, "so do exits of which nobody knows whose they were");
	runs(0, 101.11, 1);
	exits(0, 101.12, PML_FULL);
	exits(0, 101.115, PML_FULL);
	operate(SHADOW_OP_CLEAN, 101.2, 1);
	ok(n_seen == 2 && seen[1].window.torn, "and a clock that goes back");
	skew = 10;
	runs(0, 101.21, 1);
	operate(SHADOW_OP_CLEAN, 101.3, 1);
	ok(n_seen == 3 && is(2, 1, 101.2, 101.3, 0), "stamps from the future are not of this window");
	operate(SHADOW_OP_CLEAN, 101.4, 1);
	ok(seen[3].window.torn, "and tear it: the clocks do not fit");
	operate(SHADOW_OP_OFF, 101.5, 1);
	skew = 0;
	no_tsc = true;
	n_seen = 0;
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 102, 1);
	operate(SHADOW_OP_OFF, 102.1, 1);
	ok(n_seen == 1 && seen[0].window.torn, "without a TSC no window is whole");
	no_tsc = false;
	end();
}

/* Events that come too late. */
static void
late(void)
{
	begin("1000", "100");
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100, 1);
	tick_at(101.1);
	runs(0, 101.2, 1);
	exits(0, 101.3, PML_FULL);
	tick_at(102.2);
	n_seen = 0;
	send(102.25, operation(SHADOW_OP_CLEAN, 101.9, 1));
	tick_at(103.5);
	ok(n_seen >= 1 && seen[0].window.torn, "a harvest that was told after its round was summed up tears the window");
	n_seen = 0;
	tick_at(104.6);
	ok(n_seen == 1 && !seen[0].window.torn, "and no other");
	exits(0, 104.61, PML_FULL);
	send(104.75, (struct event){.kind = EVENT_SHADOW_OP, .source = SOURCE_BPF, .at = 104.74, .seconds = 0.7,
	    .pid = getpid(), .domid = 1, .op = SHADOW_OP_CLEAN});
	tick_at(106.2);
	ok(n_seen >= 2 && !seen[1].window.torn,
	    "a harvest that took long does not: the guest stood still until it was told");
	end();
}

/* A window begins by the clock, at the moment in which the round ends. */
static void
harvest_before_window(void)
{
	begin("100", "10");
	helper(100, 7);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.01, 7);
	tick_at(100.2);
	tick_at(101.05);
	n_seen = 0;
	send(101.06, operation(SHADOW_OP_CLEAN, 101.04, 7));
	tick_at(101.2);
	ok(n_seen == 1 && seen[0].window.from > 101.04 && !seen[0].window.torn,
	    "a harvest that was over when the window began tears nothing, whenever it is told");
	end();
}

/* A harvest that an observer holds, and hands over when it is asked. */
static double held;

static void
hand_over(void *arg)
{
	double begun = held;

	(void) arg;
	held = 0;
	if (begun > 0)
		operate(SHADOW_OP_CLEAN, begun, 7);
}

/* The agent had no CPU while the window and its round ended: it asks before it sums up. */
static void
looked(void)
{
	begin("100", "10");
	trace_set_look(t, hand_over, NULL);
	helper(100.001, 7);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.01, 7);
	held = 100.05;
	tick_at(100.2);
	ok(held <= 0 && n_seen == 2 && !seen[0].window.torn && !seen[1].window.torn,
	    "a harvest that nobody has told yet is asked for before its window is summed up");
	end();
}

/* A helper process and the ENABLE, told when the records were read already. */
static void
late_enable(void)
{
	begin("100", "10");
	helper(100, 1);
	runs(0, 100.1, 1);
	exits(0, 100.5, PML_FULL);
	tick_at(101.1);
	exits(0, 101.05, PML_FULL);
	send(101.15, operation(SHADOW_OP_ENABLE_LOGDIRTY, 100.4, 1));
	tick_at(101.3);
	ok(n_seen == 1 && seen[0].window.from > 100.9 && seen[0].window.count[TRACE_PML_FULL] == 1,
	    "a late ENABLE begins a window where nothing has been thrown away yet");
	end();
}

/* The loop read its clock, then wrote a tick for a third of a second, and then hears of a harvest. */
static void
late_clock(void)
{
	struct event e = operation(SHADOW_OP_CLEAN, 100.401, 1);
	const struct tick before = {.mono = 100.1013, .real = 100.1013};

	begin("100", "100");
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100, 1);
	runs(0, 100.01, 1);
	exits(0, 100.02, PML_FULL);
	operate(SHADOW_OP_CLEAN, 100.1, 1);
	runs(0, 100.11, 1);
	exits(0, 100.2, PML_FULL);
	exits(0, 100.3, PML_FULL);
	now = 100.402;
	trace_event(t, &e, &before);
	ok(n_seen == 2 && is(1, 1, 100.1, 100.4, 2) && !seen[1].window.torn,
	    "a window ends where the harvest began, though the loop's clock is older");
	operate(SHADOW_OP_OFF, 100.5, 1);
	end();
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERR);
	no_buffers();
	lost();
	lost_by_two();
	metrics();
	torn();
	late();
	harvest_before_window();
	looked();
	late_enable();
	late_clock();
	trace_free(NULL);
	return done_testing();
}
