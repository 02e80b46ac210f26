/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <sys/eventfd.h>
#include <sys/wait.h>

#include "tests/tap.h"
#include "tests/unit/followed.h"

static void
sampled(void)
{
	begin("100", "10");
	ok(!xen.open && trace_seconds(t) == 0, "with no migration about the buffers are not opened");
	helper(100, 1);
	ok(xen.open && xen.on && xen.started == 1, "a helper is enough to let Xen record");
	runs(0, 100.1, 1);
	exits(0, 100.2, PML_FULL);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.3, 1);
	ok(n_seen == 0 && trace_seconds(t) == 0, "what happened before the ENABLE is in no window");
	exits(0, 100.35, PML_FULL);
	exits(0, 100.36, HLT);
	exits(0, 100.39, PML_FULL);
	exits(0, 100.405, PML_FULL);
	tick_at(100.405);
	ok(n_seen == 0 && xen.on, "the end of a window waits for events that belong before it");
	tick_at(100.411);
	ok(n_seen == 1 && is(0, 1, 100.3, 100.4, 2), "the first window begins with the ENABLE and has its length");
	ok(seen[0].window.exits == 3 && !seen[0].window.torn && seen[0].window.lost == 0,
	    "it has the exits of any reason, by who was known to run before it began");
	ok(near(trace_seconds(t), 0.1), "the windows' seconds are counted");
	ok(!xen.on && xen.open, "between windows Xen records nothing");
	tick_at(101.29);
	ok(!xen.on, "the windows are so far apart");
	tick_at(101.3);
	ok(xen.on && xen.started == 2, "that a tenth of the time is traced");
	runs(0, 101.31, 1);
	exits(0, 101.32, PML_FULL);
	tick_at(101.42);
	ok(n_seen == 2 && is(1, 1, 101.3, 101.4, 1), "the next window is as long");

	operate(SHADOW_OP_CLEAN, 101.7, 1);
	ok(n_seen == 2 && xen.on, "a harvest between windows begins one at once");
	runs(0, 101.71, 1);
	exits(0, 101.72, PML_FULL);
	operate(SHADOW_OP_CLEAN, 101.75, 1);
	ok(n_seen == 3 && is(2, 1, 101.7011, 101.75, 1), "a harvest in a window ends it where the harvest began");
	exits(0, 101.76, PML_FULL);
	exits(0, 101.77, PML_FULL);
	exits(0, 101.852, PML_FULL);
	exits(0, 101.856, PML_FULL);
	operate(SHADOW_OP_CLEAN, 101.855, 1);
	ok(n_seen == 4 && is(3, 1, 101.75, 101.85, 2), "and the next begins there, as long as ever");
	final(101.9, 1);
	ok(n_seen == 5 && is(4, 1, 101.855, 101.9, 1), "which may be before Xen was stopped: nothing is missed");
	ok(!xen.on && xen.open, "once the guest is suspended there is nothing to trace");
	tick_at(104);
	ok(!xen.on, "however long that takes");
	operate(SHADOW_OP_OFF, 104.1, 1);
	ok(!xen.open && n_seen == 5, "OFF closes the buffers");
	ok(near(trace_seconds(t), 0.1 + 0.1 + 0.0489 + 0.1 + 0.045), "%g seconds were traced", trace_seconds(t));
	end();
}

static void
continuous(void)
{
	double to = 100.2;
	uint64_t count = 0;

	begin("100", "100");
	xen.chunk = 250; /* as at a buffer's end; it is not a whole number of records either */
	helper(100, 1);
	runs(1, 100.1, 1);
	exits(1, 100.15, PML_FULL);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.2, 1);
	for (int i = 0; i < 50; i++) {
		exits(1, 100.25 + i * 0.1, PML_FULL);
		tick_at(100.26 + i * 0.1);
	}
	exits(1, 105.3001, PML_FULL); /* the harvest has begun, the guest is not yet held */
	pauses(1, 105.3002, 105.3008, 1);
	exits(1, 105.3009, PML_FULL); /* and is held no more, but Dom0 had no CPU yet */
	operate(SHADOW_OP_CLEAN, 105.3, 1);
	exits(1, 105.35, PML_FULL);
	final(105.4, 1);
	exits(1, 105.45, PML_FULL);
	operate(SHADOW_OP_OFF, 105.5, 1);
	for (size_t i = 0; i < n_seen; i++) {
		ok(near(seen[i].window.from, to) && !seen[i].window.torn, "window %zu begins where the last one ended",
		    i);
		to = seen[i].at;
		count += seen[i].window.count[TRACE_PML_FULL];
	}
	ok(near(to, 105.5) && count == 54 && xen.started == 1,
	    "at 100 per cent every exit from ENABLE to OFF is in a window: %llu", (unsigned long long) count);
	ok(n_seen == 7 && is(0, 1, 100.2, 101.2, 10) && is(4, 1, 104.2, 105.3, 11) && is(5, 1, 105.3, 105.4, 2),
	    "windows of a second, cut at each harvest");
	end();
}

static void
two_domains(void)
{
	begin("100", "10");
	helper(100, 1);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.1, 1);
	runs(0, 100.11, 1);
	exits(0, 100.12, PML_FULL);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.15, 2);
	ok(n_seen == 1 && is(0, 1, 100.1, 100.15, 1), "another domain's ENABLE ends the window of the first");
	exits(0, 100.16, PML_FULL);
	runs(1, 100.16, 2);
	exits(1, 100.17, PML_FULL);
	exits(1, 100.18, PML_FULL);
	tick_at(100.27);
	ok(n_seen == 3 && is(1, 1, 100.15, 100.25, 1) && is(2, 2, 100.15, 100.25, 2),
	    "then each has its own exits in a window of its own");
	ok(near(trace_seconds(t), 0.15), "time is counted once for both");
	operate(SHADOW_OP_OFF, 100.3, 1);
	tick_at(101.15);
	runs(1, 101.16, 2);
	exits(1, 101.17, PML_FULL);
	tick_at(101.27);
	ok(n_seen == 4 && is(3, 2, 101.15, 101.25, 1), "when one is over the other goes on");
	helper(101.5, 3);
	ok(xen.on, "a helper that is found meanwhile lets Xen record");
	runs(1, 101.55, 2);
	exits(1, 101.6, PML_FULL);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 101.8, 3);
	ok(n_seen == 5 && is(4, 2, 101.5, 101.8, 1), "which the other domain's window makes use of");
	send(101.85, process(EVENT_PROCESS_END, 101.85, 3, getpid()));
	ok(!xen.open, "what one process carries ends with it");
	end();
}

/* --- whom to follow --- */

static void
not_followed(void)
{
	struct event e = process(EVENT_PROCESS_BEGIN, 100, 1, getpid());

	begin("100", "10");
	e.role = ROLE_RESTORE;
	send(100, e);
	e.role = ROLE_SAVE;
	send(100, e);
	ok(!xen.open, "a receiver or a save that is not live is not traced");
	e = operation(SHADOW_OP_ENABLE_LOGDIRTY, 100.1, 1);
	e.result = -22;
	send(100.1, e);
	ok(!xen.open, "nor is an ENABLE that failed");
	e.result = 0;
	str_copy(e.comm, sizeof(e.comm), "xenscoped");
	send(100.1, e);
	ok(!xen.open, "nor the agent's own");
	operate(SHADOW_OP_OFF, 100.2, 1);
	final(100.3, 1);
	send(100.4, process(EVENT_PROCESS_END, 100.4, 1, getpid()));
	ok(!xen.open && n_seen == 0, "ends without a beginning do nothing");
	operate(SHADOW_OP_CLEAN, 100.5, 1);
	ok(xen.on, "a harvest tells that tracking is on");
	e = operation(SHADOW_OP_OFF, 100.6, 1);
	e.source = SOURCE_UPROBE;
	send(100.6, e);
	ok(xen.open, "what a worse source tells of operations is not needed");
	for (uint32_t i = 2; i < 200; i++)
		operate(SHADOW_OP_ENABLE_LOGDIRTY, 100.7, i);
	ok(xen.open, "too many domains do no harm");
	end();
}

static void
helper_without_enable(void)
{
	begin("100", "10");
	helper(100, 1);
	tick_at(101.1);
	tick_at(102.2);
	ok(xen.on && n_seen == 0, "Xen records until a helper comes to its ENABLE");
	operate(SHADOW_OP_OFF, 102.5, 1);
	ok(xen.on, "an OFF before it is only a preparation");
	tick_at(159);
	ok(xen.open, "that may take a minute");
	tick_at(160.5);
	ok(!xen.open && n_seen == 0, "but not longer");
	helper(170, 1);
	ok(xen.open, "another one is waited for again");
	send(171, process(EVENT_PROCESS_END, 171, 0, getpid()));
	ok(!xen.open, "until it ends");
	end();
}

static void
helper_dies(void)
{
	pid_t child = fork();
	struct event e;

	if (child == 0)
		_exit(0);
	begin("100", "10");
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 100, 1);
	runs(0, 100.01, 1);
	exits(0, 100.02, PML_FULL);
	send(100.05, process(EVENT_PROCESS_END, 100.05, 1, getpid()));
	ok(!xen.open && n_seen == 1 && is(0, 1, 100.0011, 100.05, 1),
	    "a helper that dies ends its window, though tracking was left on");
	(void) waitpid(child, NULL, 0);
	e = operation(SHADOW_OP_ENABLE_LOGDIRTY, 100.2, 1);
	e.pid = child;
	send(100.2, e);
	tick_at(100.25);
	ok(xen.open, "a process that is gone may have told its OFF already");
	tick_at(101.5);
	ok(!xen.open, "but if nobody tells anything it is let go");
	end();
}

static void
asked(void)
{
	struct tick tick = {.mono = 100, .real = 100};

	begin("100", "10");
	trace_follow(t, 7, false, &tick);
	trace_follow(t, 7, true, &tick);
	ok(xen.on, "a probe is traced from its beginning");
	runs(0, 100.01, 7);
	exits(0, 100.02, PML_FULL);
	tick_at(100.12);
	ok(n_seen == 1 && is(0, 7, 100, 100.1, 1), "in windows");
	tick_at(101);
	runs(0, 101.01, 7);
	exits(0, 101.02, PML_FULL);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 101.03, 7);
	ok(n_seen == 2 && is(1, 7, 101, 101.03, 1), "a migration of the same domain begins windows of its own");
	tick.mono = now = 101.05;
	trace_follow(t, 7, true, &tick);
	trace_follow(t, 7, false, &tick);
	ok(xen.open, "and goes on when the probe is over");
	operate(SHADOW_OP_OFF, 101.06, 7);
	ok(!xen.open, "until its own end");
	tick.mono = now = 102;
	trace_follow(t, 8, true, &tick);
	operate(SHADOW_OP_ENABLE_LOGDIRTY, 102.1, 8);
	operate(SHADOW_OP_OFF, 102.2, 8);
	send(102.3, process(EVENT_PROCESS_END, 102.3, 8, getpid()));
	ok(xen.open, "the end of a migration leaves a probe alone");
	tick.mono = now = 102.4;
	trace_follow(t, 8, false, &tick);
	ok(!xen.open, "which ends when it is told to");
	end();
}

/* --- with a real clock --- */

static void
stop_loop(void *arg, uint32_t events, const struct tick *tick)
{
	(void) arg, (void) events, (void) tick;
	loop_stop(loop, 0);
}

static void
in_a_loop(void)
{
	uint64_t one = 1;
	struct tick tick;
	int timer;

	real_clock = true;
	ok(loop_new(&loop) == 0, "there is a loop");
	begin("10", "50");
	xen.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	tick = tick_now();
	trace_follow(t, 1, true, &tick);
	runs(0, tick.mono, 1);
	ok(write(xen.fd, &one, sizeof(one)) == (ssize_t) sizeof(one), "a buffer is half full");
	timer = loop_every(loop, 0.15, 1, stop_loop, NULL);
	ok(loop_run(loop) == 0, "the loop ran");
	loop_cancel(loop, timer);
	ok(xen.woken == 1, "the buffers were read when they were half full");
	ok(n_seen >= 2 && xen.started >= 3, "timers begin and end the windows: %zu of them", n_seen);
	tick = tick_now();
	trace_follow(t, 1, false, &tick);
	ok(!xen.open && loop_add(loop, xen.fd, 0, stop_loop, NULL) == 0, "afterwards nothing is waited for");
	end();
	loop_free(TAKE_PTR(loop));
	closep(&xen.fd);
	real_clock = false;
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERR);
	sampled();
	continuous();
	two_domains();
	not_followed();
	helper_without_enable();
	helper_dies();
	asked();
	in_a_loop();
	trace_free(NULL);
	return done_testing();
}
