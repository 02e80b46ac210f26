/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An agent is killed in the middle of a probe; what the next one makes of it, and untrack. */
#include <config.h>

#include <fcntl.h>

#include "probe/untrack.h"
#include "store/journal.h"
#include "tests/unit/probing.h"

static int
ask(struct probing *x)
{
	x->why[0] = '\0';
	return untrack_allowed(
	    &x->hooks, &x->fake->hv, x->guard, x->probe, &x->guest, x->why, sizeof(x->why));
}

static int
turn_off(struct probing *x)
{
	x->why[0] = '\0';
	return untrack(
	    &x->hooks, &x->fake->hv, x->guard, x->probe, &x->guest, x->why, sizeof(x->why));
}

static const char *
note(struct probing *x)
{
	return changes_note(probe_changes(x->probe));
}

static void
test_crash(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 9);
	pass(&x, 1);
	agent_crashes(&x);
	host_time += 30;
	agent_begins(&x);
	ok(tracked(&x) && strstr(note(&x), "domain 1 (vm-1)") && strstr(note(&x), "untrack 1"),
	    "after a crash tracking is not turned off, but said to be on, with the way out");
	ok(start(&x, 1) == -EBUSY && strstr(x.why, "untrack 1"),
	    "which comes before the next probe");
	ok(ask(&x) == 0 && strstr(x.why, "left on by a probe") && tracked(&x),
	    "untrack tells what it would do");
	ok(turn_off(&x) == 0 && !tracked(&x) && !*note(&x) && !has_file(&x), "and does it");
	ok(ask(&x) == -ENODATA && turn_off(&x) == -ENODATA,
	    "once: nothing is known to be on any more");
	ok(start(&x, 1) == 0, "then a probe can run again");
	probing_done(&x);
}

static void
test_other_boot(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 9);
	agent_crashes(&x);
	str_copy(x.fake->boot_id, sizeof(x.fake->boot_id), "00000000-0000-0000-0000-000000000002");
	agent_begins(&x);
	ok(!*note(&x) && !has_file(&x), "a restart of the host ended the tracking too");
	probing_done(&x);

	probing_init(&x);
	(void) start(&x, 9);
	agent_crashes(&x);
	fake_hv_domain(x.fake, GUEST)->d.uuid[0] ^= 1;
	agent_begins(&x);
	ok(!*note(&x) && !has_file(&x), "so did the end of its domain");
	probing_done(&x);

	probing_init(&x);
	(void) start(&x, 9);
	agent_crashes(&x);
	x.fake->error[FAKE_boot_id] = -EIO;
	x.fake->error[FAKE_domain_list] = -EIO;
	agent_begins(&x);
	ok(*note(&x) && has_file(&x), "where neither can be asked for, it is on");
	probing_done(&x);
}

static void
test_damaged(void)
{
	static const char *const texts[] = {"", "xenscope-probe 2 domid=1", "garbage\n",
	    "xenscope-probe 1 domid=1 uuid=x boot=y locked=1 tracked=1 name=z\n",
	    "xenscope-probe 1 domid=1 uuid=f0000000-0000-0000-0000-000000000001 "
	    "boot=00000000-0000-0000-0000-"
	    "000000000001 locked=1 tracked"};
	unsigned bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct probing x;

		probing_init(&x);
		agent_ends(&x);
		put_file(&x, "probe.state", texts[i], 0600);
		agent_begins(&x);
		bad += *note(&x) || probe_runs(x.probe) || offs(&x) > 0;
		probing_done(&x);
	}
	ok(bad == 0,
	    "a state file that is not understood is said to be, and nothing is done by it");
}

static void
test_successor(void)
{
	struct probing x;
	struct event e;

	probing_init(&x);
	(void) start(&x, 9);
	agent_crashes(&x);
	host_time += 30;
	agent_begins(&x);
	e = (struct event){.kind = EVENT_PROCESS_BEGIN,
	    .source = SOURCE_PROCESS,
	    .at = host_time,
	    .seconds = NAN,
	    .pid = OTHER,
	    .domid = GUEST,
	    .role = ROLE_LIVE_SAVE};
	hand_over(&x, &e);
	ok(ask(&x) == -EBUSY && turn_off(&x) == -EBUSY && tracked(&x),
	    "untrack is refused while a sender lives");
	other_enables(&x);
	probing_look(&x);
	ok(!*note(&x) && !has_file(&x) && tracked(&x), "a migration takes over what was left on");
	ok(turn_off(&x) == -EBUSY && tracked(&x), "and untrack leaves it alone");
	probing_done(&x);
}

static void
test_untrack_by_others(void)
{
	struct probing x;

	probing_init(&x);
	ok(ask(&x) == -ENODATA && strstr(x.why, "nobody has seen"),
	    "what is not known to be on is not turned off");
	x.left_on = true;
	ok(ask(&x) == 0 && strstr(x.why, "journal"),
	    "the journal may tell that a migration left it on");
	fake_hv_domain(x.fake, GUEST)->tracked = true;
	ok(turn_off(&x) == 0 && !tracked(&x) && ask(&x) == -ENODATA,
	    "which counts until it was turned off");
	x.left_on = false;
	fake_hv_domain(x.fake, GUEST)->tracked = true;
	host_time++;
	{
		struct event e = operation(GUEST, SHADOW_OP_ENABLE_LOGDIRTY, 0);

		str_copy(e.comm, sizeof(e.comm), "a-tool");
		hand_over(&x, &e);
	}
	ok(ask(&x) == 0 && strstr(x.why, "another program"),
	    "so does what the kernel's probe saw go on");
	put_file(&x, "proc/265/comm", "libxl-save-helpe\n", 0644);
	put_file(&x, "proc/265/stat",
	    "265 (libxl-save-helpe) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n", 0644);
	{
		static const char line[] = "libxl-save-helper\0--save-domain\0"
					   "8\0"
					   "0\0"
					   "1\0"
					   "1\0"
					   "12\0"
					   "0";
		_cleanup_(freep) char *path = xasprintf("%s/proc/265/cmdline", x.dir);
		FILE *f = fopen(path, "w");

		(void) fwrite(line, 1, sizeof(line), f);
		(void) fclose(f);
	}
	put_file(&x, "proc/265/comm", "libxl-save-help\n", 0644);
	put_file(&x, "proc/265/stat",
	    "265 (libxl-save-help) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n", 0644);
	ok(turn_off(&x) == -EBUSY && strstr(x.why, "process 265") && tracked(&x),
	    "refused: a sender that no observer told of lives");
	{
		_cleanup_(freep) char *path = xasprintf("%s/proc/265/comm", x.dir);

		(void) unlink(path);
	}
	x.fake->logdirty_error[HV_LOGDIRTY_OFF] = -EACCES;
	ok(turn_off(&x) == -EACCES && strstr(x.why, "Xen refuses"), "Xen's refusal is told");
	x.fake->logdirty_error[HV_LOGDIRTY_OFF] = -EBUSY;
	ok(turn_off(&x) == -EBUSY && strstr(x.why, "another program"),
	    "one that another operation is under way too");
	x.fake->logdirty_error[HV_LOGDIRTY_OFF] = 0;
	x.meanwhile = other_enables;
	x.at = HV_LOGDIRTY_OFF;
	x.before = true;
	ok(turn_off(&x) == 0 && tracked(&x),
	    "a migration that begins at this very moment gets its tracking back");
	probing_done(&x);
}

static void
test_untrack_refused(void)
{
	struct probing x;

	probing_init(&x);
	x.left_on = true;
	(void) start(&x, 5);
	ok(ask(&x) == -EBUSY && strstr(x.why, "probe is running"), "refused: a probe is running");
	probe_stop(x.probe, "cancelled");
	pass(&x, 1);
	ok(untrack_allowed(&x.hooks, NULL, x.guard, x.probe, &x.guest, x.why, sizeof(x.why)) ==
		-EROFS,
	    "refused: there is no hypervisor");
	x.fake->error[FAKE_domain_list] = -EACCES;
	ok(ask(&x) == -EACCES, "refused: Xen does not list it");
	x.fake->error[FAKE_domain_list] = 0;
	fake_hv_remove(x.fake, GUEST);
	ok(ask(&x) == -ESRCH && strstr(x.why, "gone"), "refused: the domain is gone");
	probing_done(&x);
}

/* What the journal holds of an earlier agent's probe. */
static void
test_resumed(void)
{
	struct probing x;
	struct migration_record r;
	struct tick now;

	probing_init(&x);
	(void) start(&x, 9);
	pass(&x, 1);
	record_copy(&r, &x.record);
	agent_crashes(&x);
	x.records_ended = 0;
	host_time += 30;
	x.m = migrations_new(on_record, &x);
	x.hooks.migrations = x.m;
	now = probing_clock();
	migrations_resume(x.m, &r, false, &now);
	probing_tick(&x);
	ok(x.records_ended == 1 && x.record.result == RESULT_ABORTED && x.record.tracking_left_on &&
		strstr(x.record.reason, "in the midst") &&
		fabs(x.record.ended - x.record.started - 1) < 1e-3,
	    "the record of the probe ends with tracking left on, at the last that was seen");
	ok(migrations_tracked(x.m, GUEST), "and the domain counts as tracked");
	migrations_free(x.m);
	record_copy(&r, &x.record);
	r.result = RESULT_RUNNING;
	x.m = migrations_new(on_record, &x);
	migrations_resume(x.m, &r, false, &now);
	fake_hv_remove(x.fake, GUEST);
	probing_tick(&x);
	ok(x.records_ended == 2 && x.record.result == RESULT_LOST && !x.record.tracking_left_on,
	    "or, its domain gone, as lost");
	probing_done(&x);
}

/* The journal does not count probes, and knows the newest record of a domain. */
static void
test_journal(void)
{
	struct probing x;
	struct migration_record r;
	struct journal *j = NULL;
	const char *why = NULL;
	uint64_t ended = 9, failed = 9;
	static const char uuid[] = "f0000000-0000-0000-0000-000000000001";
	static const char boot[] = "00000000-0000-0000-0000-000000000001";

	probing_init(&x);
	(void) start(&x, 1);
	x.lost++;
	pass(&x, 1);
	record_copy(&r, &x.record);
	(void) journal_open(x.dir, getegid(), NULL, NULL, &j, &why);
	ok(!journal_left_on(x.dir, uuid, GUEST, boot), "an empty journal tells of nothing left on");
	(void) journal_finish(j, &r);
	journal_counts(j, &ended, &failed);
	ok(ended == 0 && failed == 0, "a probe is no migration that ended");
	journal_close(j);
	(void) journal_open(x.dir, getegid(), NULL, NULL, &j, &why);
	journal_counts(j, &ended, &failed);
	ok(ended == 0 && failed == 0, "nor after a restart");
	ok(journal_left_on(x.dir, uuid, GUEST, boot),
	    "the journal tells that tracking was left on");
	ok(!journal_left_on(x.dir, uuid, 2, boot) &&
		!journal_left_on(x.dir, uuid, GUEST, "other") &&
		!journal_left_on(x.dir, "f0000000-0000-0000-0000-000000000002", GUEST, boot),
	    "of this domain in this boot, of no other");
	str_copy(r.id, sizeof(r.id), "newer");
	r.tracking_left_on = false;
	(void) journal_finish(j, &r);
	ok(!journal_left_on(x.dir, uuid, GUEST, boot), "its newest record decides");
	journal_close(j);
	record_done(&r);
	probing_done(&x);
}

int
main(void)
{
	test_crash();
	test_other_boot();
	test_damaged();
	test_successor();
	test_untrack_by_others();
	test_untrack_refused();
	test_resumed();
	test_journal();
	return done_testing();
}
