/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A migration begins while a probe runs. Whatever the moment: its tracking stays on. */
#include <config.h>

#include "tests/unit/probing.h"

static void
test_overtaken(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 5);
	pass(&x, 1);
	other_enables(&x);
	host_time += 0.4;
	probing_look(&x);
	ok(x.ended == 1 && x.last.result == RESULT_ABORTED &&
		strstr(x.text, "libxl-save-help (pid 265)") && tracked(&x) && offs(&x) == 0 &&
		!x.last.left_on,
	    "a migration takes the tracking over: the probe ends at once and leaves it alone");
	ok(x.intervals == 1 && x.record.n_rounds == 2 &&
		x.record.round[1].pages_dirtied == UNSEEN &&
		fabs(x.record.round[1].seconds - 0.4) < 1e-6,
	    "its last interval has no count");
	ok(!has_file(&x) && x.follows == 0, "nothing is left to do");
	pass(&x, 10);
	ok(offs(&x) == 0 && tracked(&x), "not later either");
	probing_done(&x);
}

static void
test_foreign_off(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 5);
	fake_hv_domain(x.fake, GUEST)->tracked = false;
	queue(&x, operation(GUEST, SHADOW_OP_OFF, 0));
	pass(&x, 1);
	ok(x.last.result == RESULT_ABORTED && offs(&x) == 0 && !x.last.left_on,
	    "another program turns tracking off: it is no more the probe's");
	host_time++;
	(void) start(&x, 5);
	queue(&x, operation(GUEST, SHADOW_OP_CLEAN, 0));
	pass(&x, 1);
	ok(x.last.result == RESULT_ABORTED && offs(&x) == 0 && tracked(&x),
	    "another program harvests: it believes that tracking is its own");
	probing_done(&x);

	probing_init(&x);
	(void) start(&x, 1);
	queue(&x, operation(7, SHADOW_OP_ENABLE_LOGDIRTY, 0));
	queue(&x, operation(GUEST, SHADOW_OP_PEEK, 0));
	pass(&x, 1);
	ok(x.last.result == RESULT_COMPLETED && !tracked(&x),
	    "another domain's operations and a count that another program reads change nothing");
	probing_done(&x);
}

static struct event
helper(enum event_kind kind)
{
	return (struct event){.kind = kind,
	    .source = SOURCE_PROCESS,
	    .at = host_time,
	    .seconds = NAN,
	    .pid = OTHER,
	    .domid = GUEST,
	    .role = ROLE_LIVE_SAVE,
	    .started = 4711,
	    .comm = "libxl-save-help"};
}

static void
test_helper(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 2);
	queue(&x, helper(EVENT_PROCESS_BEGIN));
	pass(&x, 1);
	ok(x.yields == 1 && probe_runs(x.probe) && tracked(&x) && offs(&x) == 0,
	    "a helper comes: the probe touches nothing more and waits");
	pass(&x, 5);
	ok(probe_runs(x.probe) && x.intervals == 0 && offs(&x) == 0, "beyond its time, if need be");
	other_enables(&x);
	pass(&x, 0.1);
	ok(x.ended == 1 && tracked(&x) && offs(&x) == 0 && x.last.result == RESULT_ABORTED &&
		!x.last.left_on,
	    "until the helper takes the tracking over");
	probing_done(&x);

	probing_init(&x);
	(void) start(&x, 2);
	queue(&x, helper(EVENT_PROCESS_BEGIN));
	pass(&x, 1);
	queue(&x, helper(EVENT_PROCESS_END));
	pass(&x, 1);
	ok(probe_runs(x.probe) && tracked(&x),
	    "it is gone without a word: its record is not judged yet");
	for (int i = 0; i < 4; i++) {
		host_time += 5;
		probing_tick(&x);
	}
	ok(x.ended == 1 && !tracked(&x) && offs(&x) == 1 && strstr(x.text, "came for it and went"),
	    "then tracking is the probe's to turn off");
	probing_done(&x);
}

static void
test_gave_up(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 2);
	queue(&x, operation(GUEST, SHADOW_OP_ENABLE_LOGDIRTY, -EINVAL));
	pass(&x, 1);
	ok(x.yields == 1 && strstr(x.text, "pid 265"),
	    "an ENABLE that failed: somebody will try again");
	pass(&x, 5);
	ok(probe_runs(x.probe) && offs(&x) == 0, "it is waited for");
	pass(&x, 6);
	ok(x.ended == 1 && x.last.left_on && tracked(&x) && offs(&x) == 0 && has_file(&x) &&
		x.record.tracking_left_on,
	    "and where it never comes, tracking is left on and said to be");
	host_time++;
	queue(&x, operation(GUEST, SHADOW_OP_ENABLE_LOGDIRTY, -EINVAL));
	probing_look(&x);
	ok(*changes_note(probe_changes(x.probe)), "an attempt changes nothing in that");
	queue(&x, operation(GUEST, SHADOW_OP_OFF, 0));
	probing_look(&x);
	ok(!*changes_note(probe_changes(x.probe)) && !has_file(&x),
	    "somebody's OFF does: the next migration cleans up");
	probing_done(&x);
}

static void
test_lost(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 2);
	x.lost++;
	pass(&x, 1);
	ok(x.ended == 1 && x.last.result == RESULT_FAILED && x.last.left_on && offs(&x) == 0 &&
		strstr(x.text, "missed"),
	    "an operation was lost, which may have been a migration's ENABLE: tracking is not "
	    "turned off");
	probing_done(&x);
}

static void
test_agent_ends(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 9);
	pass(&x, 1);
	host_time += 0.5;
	probe_free(TAKE_PTR(x.probe));
	ok(!tracked(&x) && x.record.result == RESULT_ABORTED &&
		strstr(x.text, "the agent was ended") && x.intervals == 2 && !has_file(&x),
	    "at the agent's end tracking is turned off");
	probing_done(&x);

	probing_init(&x);
	(void) start(&x, 9);
	queue(&x, helper(EVENT_PROCESS_BEGIN));
	pass(&x, 1);
	probe_free(TAKE_PTR(x.probe));
	ok(tracked(&x) && offs(&x) == 0 && has_file(&x) && x.record.tracking_left_on,
	    "but not while another program begins to track: the next agent says that it may be on");
	probing_done(&x);
}

/* --- a migration at every moment --- */

/* As libxc turns tracking on; each call is one step. What it does is seen `delay` looks later. */
static struct {
	unsigned calls;	    /* of the hypervisor, so far */
	unsigned from, gap; /* the first step comes at this call, the others so many calls later */
	unsigned step;
	unsigned delay;
	bool owns;   /* it has turned tracking on */
	bool broken; /* and then found it off after the agent had seen what it did */
	struct event hidden[MAX_QUEUED];
	unsigned n_hidden, wait[MAX_QUEUED];
} mover;

static void
mover_did(uint32_t op, int result)
{
	mover.hidden[mover.n_hidden] = operation(GUEST, op, result);
	mover.wait[mover.n_hidden++] = mover.delay;
}

static void
mover_enables(struct fake_domain *d)
{
	if (d->tracked) {
		mover_did(SHADOW_OP_ENABLE_LOGDIRTY, -EINVAL);
		return;
	}
	d->tracked = mover.owns = true;
	mover_did(SHADOW_OP_ENABLE_LOGDIRTY, 0);
}

static void
mover_steps(struct probing *x)
{
	struct fake_domain *d = fake_hv_domain(x->fake, GUEST);

	if (mover.owns || !d)
		return;
	if (mover.step++ % 2 == 0)
		mover_enables(d);
	else {
		d->tracked = false;
		mover_did(SHADOW_OP_OFF, 0);
	}
}

static void
mover_at_call(struct probing *x)
{
	unsigned call = ++mover.calls;

	if (call < mover.from)
		return;
	if (mover.gap == 0)
		for (int i = 0; i < 3; i++)
			mover_steps(x);
	else if ((call - mover.from) % mover.gap == 0 && mover.step < 3)
		mover_steps(x);
}

static void
before_call(void *arg, uint32_t domid, enum hv_logdirty op)
{
	(void) domid, (void) op;
	mover_at_call(arg);
}

static void
after_call(void *arg, uint32_t domid, enum hv_logdirty op, int result)
{
	on_logdirty(arg, domid, op, result);
	mover_at_call(arg);
}

static void
look_late(void *arg)
{
	struct probing *x = arg;
	unsigned kept = 0;

	for (unsigned i = 0; i < mover.n_hidden; i++)
		if (mover.wait[i] == 0)
			queue(x, mover.hidden[i]);
		else {
			mover.wait[kept] = mover.wait[i] - 1;
			mover.hidden[kept++] = mover.hidden[i];
		}
	mover.n_hidden = kept;
	probing_look(arg);
}

/* True if the migration has what it believes to have. */
static bool
migration_at(unsigned from, unsigned gap, unsigned delay)
{
	struct probing x;
	bool good;

	memset(&mover, 0, sizeof(mover));
	probing_init(&x);
	mover.from = from;
	mover.gap = gap;
	mover.delay = delay;
	x.fake->before_logdirty = before_call;
	x.fake->on_logdirty = after_call;
	x.hooks.look = look_late;
	(void) start(&x, 3);
	for (int i = 0; i < 5; i++)
		pass(&x, 1);
	for (int i = 0; i < 4; i++)
		mover_steps(
		    &x); /* if it has not had the chance: it goes on after the probe's end */
	for (int i = 0; i < 20; i++) {
		host_time += 1;
		probing_tick(&x);
	}
	good = mover.owns && tracked(&x) && x.follows == 0 && !probe_runs(x.probe);
	if (!good)
		printf("# from %u gap %u delay %u: owns %d tracked %d: %s\n", from, gap, delay,
		    mover.owns, tracked(&x), x.text);
	probing_done(&x);
	return good;
}

static void
test_every_moment(void)
{
	unsigned bad = 0, all = 0;

	for (unsigned from = 1; from < 16; from++)
		for (unsigned gap = 0; gap < 4; gap++)
			for (unsigned delay = 0; delay < 4; delay++, all++)
				bad += !migration_at(from, gap, delay);
	ok(bad == 0, "a migration at any of %u moments keeps its tracking", all);
}

/* The same, exactly between the last look and OFF. */
static void
test_put_back(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 1);
	x.meanwhile = other_enables;
	x.at = HV_LOGDIRTY_OFF;
	x.before = true;
	pass(&x, 1);
	ok(x.ended == 1 && tracked(&x) && offs(&x) == 1 &&
		fake_hv_domain(x.fake, GUEST)->enables == 2,
	    "an ENABLE between the last look and OFF: tracking is turned on again");
	x.meanwhile = NULL;
	host_time += 5;
	other_enables(&x);
	probing_look(&x);
	ok(fake_hv_domain(x.fake, GUEST)->enables == 2, "a later one is left alone");
	probing_done(&x);

	probing_init(&x);
	(void) start(&x, 1);
	x.meanwhile = other_enables;
	x.at = HV_LOGDIRTY_OFF;
	x.before = true;
	x.fake->logdirty_error[HV_LOGDIRTY_ENABLE] = -ENOMEM;
	pass(&x, 1);
	ok(x.ended == 1 && !tracked(&x),
	    "where that fails, the log says which migration is to be ended");
	probing_done(&x);
}

int
main(void)
{
	test_overtaken();
	test_foreign_off();
	test_helper();
	test_gave_up();
	test_lost();
	test_agent_ends();
	test_put_back();
	test_every_moment();
	return done_testing();
}
