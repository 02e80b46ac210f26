/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One probe: what it refuses, what it measures, and every way in which it ends. */
#include <config.h>

#include "tests/unit/probing.h"

static void
test_whole(void)
{
	struct probing x;

	probing_init(&x);
	ok(start(&x, 3) == 0 && x.begun == 1 && tracked(&x), "a probe turns tracking on");
	ok(has_file(&x), "and has written down that it did");
	ok(x.followed == 1 && x.follows == 1, "the trace follows the domain");
	pass(&x, 0.5);
	ok(x.intervals == 0, "half a second is no interval");
	pass(&x, 0.5);
	ok(x.intervals == 1 && x.last.pages == 100 && fabs(x.last.seconds - 1) < 1e-9 &&
		x.last.n == 0,
	    "after a second it tells what was dirtied, without what Xen had counted before");
	pass(&x, 1);
	ok(tracked(&x) && x.record.result == RESULT_RUNNING && x.record.n_rounds == 3,
	    "its record is under way, with an interval that runs");
	pass(&x, 1);
	ok(x.intervals == 3 && x.pages == 300 && x.ended == 1 && x.last.result == RESULT_COMPLETED,
	    "after three seconds it is complete");
	ok(!tracked(&x) && offs(&x) == 1 && !has_file(&x) && x.follows == 0 && !probe_runs(x.probe),
	    "tracking is off, nothing is left");
	ok(x.records_ended == 1 && x.record.direction == DIRECTION_PROBE &&
		x.record.n_rounds == 3 && x.record.round[2].pages_dirtied == 100 &&
		x.record.round[2].n == 2 && fabs(x.record.round[2].seconds - 1) < 1e-6 &&
		!x.record.tracking_left_on && x.record.rounds_source == SOURCE_PROBE &&
		x.record.rounds_begun == 3 && x.record.rounds_unseen == 0 &&
		x.record.tracking_mode == TRACKING_PML &&
		fabs(x.record.ended - x.record.started - 3) < 1e-6 &&
		strcmp(x.record.name, "vm-1") == 0,
	    "its record has the intervals as rounds");
	ok(strncmp(x.last.id, x.record.id, RECORD_ID_SIZE) == 0, "whose id was told");
	ok(start(&x, 1) == 0, "then the next one may begin");
	probing_done(&x);
}

static void
refuses(struct probing *x, int error, const char *word, const char *what)
{
	int r = start(x, 3);

	ok(r == error && strstr(x->why, word) && fake_hv_domain(x->fake, GUEST)->enables == 0 &&
		x->records_ended == 0 && !has_file(x) && x->follows == 0,
	    "refused: %s", what);
	if (r != error || !strstr(x->why, word))
		printf("# %d %s\n", r, x->why);
	(void) x->begun;
}

static void
test_configured(void)
{
	struct probing x;

	probing_init(&x);
	(void) config_set(&x.config, "probe", "no");
	refuses(&x, -EPERM, "\"probe = yes\" in ",
	    "the option says no, and its name and file are told");
	(void) config_set(&x.config, "probe", "yes");
	refuses(&x, -EPERM, "unsafe-without-lock", "the option says yes, and there is no xapi");
	(void) config_set(&x.config, "probe", "perhaps");
	refuses(&x, -EPERM, "none of no, yes", "the option says something else");
	probing_done(&x);
}

static void
test_domains(void)
{
	struct probing x;
	struct fake_domain *d;

	probing_init(&x);
	d = fake_hv_domain(x.fake, GUEST);
	d->d.dying = true;
	refuses(&x, -ESRCH, "does not run", "a domain that dies");
	d->d.dying = false;
	d->d.shutdown = true;
	refuses(&x, -ESRCH, "does not run", "one that is suspended or shut down");
	d->d.shutdown = false;
	d->d.paused = true;
	refuses(&x, -EAGAIN, "paused", "one that is paused");
	d->d.paused = false;
	d->d.hvm = false;
	refuses(&x, -EOPNOTSUPP, "shadow", "a PV guest where Xen has no shadow paging");
	d->d.hvm = true;
	str_copy(d->name, sizeof(d->name), "vm-1--incoming");
	refuses(&x, -EBUSY, "migrated", "one whose name says that it is being received");
	str_copy(d->name, sizeof(d->name), "vm-1");
	d->d.uuid[0] ^= 1;
	refuses(&x, -ESRCH, "gone", "another that has its number now");
	d->d.uuid[0] ^= 1;
	(void) migrations_find(x.m, "0", &x.guest);
	refuses(&x, -EINVAL, "Dom0", "Dom0");
	(void) migrations_find(x.m, "vm-1", &x.guest);
	x.fake->error[FAKE_domain_list] = -EACCES;
	refuses(&x, -EACCES, "does not tell", "what Xen does not list");
	x.fake->error[FAKE_domain_list] = 0;
	x.fake->physinfo.shadow = true;
	d->d.hvm = false;
	ok(start(&x, 1) == 0, "a PV guest can be probed where Xen has shadow paging");
	probing_done(&x);
}

static void
test_busy(void)
{
	struct probing x;
	struct event helper = {.kind = EVENT_PROCESS_BEGIN,
	    .source = SOURCE_PROCESS,
	    .seconds = NAN,
	    .pid = OTHER,
	    .domid = GUEST,
	    .role = ROLE_UNKNOWN};

	probing_init(&x);
	helper.at = host_time;
	hand_over(&x, &helper);
	refuses(&x, -EBUSY, "migrated or saved", "a domain for which a helper lives");
	helper.kind = EVENT_PROCESS_END;
	hand_over(&x, &helper);
	put_file(&x, "proc/265/comm", "xenguest\n", 0644);
	put_file(&x, "proc/265/stat",
	    "265 (xenguest) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n", 0644);
	put_file(&x, "proc/265/cmdline", "xenguest -domid 1 -mode listen", 0644);
	{
		_cleanup_(freep) char *path = xasprintf("%s/proc/265/cmdline", x.dir);
		FILE *f = fopen(path, "w");

		(void) fwrite("xenguest\0-mode\0listen\0-domid\0001\0", 1, 31, f);
		(void) fclose(f);
	}
	refuses(
	    &x, -EBUSY, "process 265", "one for which a helper is found that no observer told of");
	{
		_cleanup_(freep) char *path = xasprintf("%s/proc/265/comm", x.dir);

		(void) unlink(path);
	}
	fake_hv_domain(x.fake, GUEST)->tracked = true;
	hand_over(&x, &(struct event){.kind = EVENT_SHADOW_OP,
			  .source = SOURCE_BPF,
			  .at = host_time,
			  .seconds = 1e-4,
			  .pid = 77,
			  .domid = GUEST,
			  .op = SHADOW_OP_ENABLE_LOGDIRTY,
			  .comm = "a-tool"});
	refuses(&x, -EALREADY, "untrack", "one that was seen to be tracked");
	hand_over(&x, &(struct event){.kind = EVENT_SHADOW_OP,
			  .source = SOURCE_BPF,
			  .at = host_time,
			  .seconds = NAN,
			  .pid = 77,
			  .domid = GUEST,
			  .op = SHADOW_OP_OFF,
			  .comm = "a-tool"});
	host_time++;
	ok(start(&x, 3) == -EINVAL && strstr(x.why, "is on already") && !x.begun && !has_file(&x) &&
		offs(&x) == 0 && tracked(&x) && x.follows == 0,
	    "and one of which only Xen knows that it is: it stays so");
	probing_done(&x);
}

static void
test_unseen(void)
{
	struct probing x;

	probing_init(&x);
	migrations_covered(x.m, SOURCE_BPF, INFINITY);
	refuses(&x, -ENODATA, "not seen", "no kernel's probe shows what others do");
	migrations_covered(x.m, SOURCE_BPF, 0);
	x.blind = true;
	refuses(
	    &x, -ENODATA, "not seen", "there is one, and it does not show even our own operations");
	x.blind = false;
	x.fake->logdirty_error[HV_LOGDIRTY_ENABLE] = -EOPNOTSUPP;
	ok(start(&x, 1) == -EOPNOTSUPP && strstr(x.why, "this kind of guest") && !has_file(&x),
	    "refused: Xen cannot track this guest");
	x.fake->logdirty_error[HV_LOGDIRTY_ENABLE] = -ENOMEM;
	ok(start(&x, 1) == -ENOMEM && !has_file(&x), "refused: Xen has no memory for it");
	x.fake->logdirty_error[HV_LOGDIRTY_ENABLE] = 0;
	fake_hv_domain(x.fake, GUEST)->enables = 0;
	x.fake->error[FAKE_boot_id] = -EIO;
	refuses(&x, -EIO, "boot", "the boot's id is not to be had");
	x.fake->error[FAKE_boot_id] = 0;
	(void) config_set(&x.config, "state_dir", "/nonexistent");
	agent_ends(&x);
	agent_begins(&x);
	refuses(&x, -ENOENT, "state_dir", "what it is about to change cannot be written down");
	probing_done(&x);
}

static void
test_one_at_a_time(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 3);
	ok(start(&x, 3) == -EBUSY && strstr(x.why, "one at a time"), "refused: another one runs");
	probe_stop(x.probe, "cancelled");
	pass(&x, 0.3);
	ok(x.ended == 1 && x.last.result == RESULT_ABORTED && strcmp(x.text, "cancelled") == 0 &&
		!tracked(&x) && !has_file(&x) && x.intervals == 1 &&
		fabs(x.record.round[0].seconds - 0.3) < 1e-6 && x.record.n_rounds == 1,
	    "a cancelled probe tells its last, shorter interval and turns tracking off");
	probe_stop(x.probe, "again");
	pass(&x, 0.3);
	ok(x.ended == 1, "what does not run cannot be stopped");
	probing_done(&x);
}

static void
test_count(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 3);
	x.fake->logdirty_error[HV_LOGDIRTY_PEEK] = -EBUSY;
	pass(&x, 1);
	ok(x.intervals == 0 && probe_runs(x.probe),
	    "while another operation is under way no count is taken");
	x.fake->logdirty_error[HV_LOGDIRTY_PEEK] = 0;
	pass(&x, 1);
	ok(x.intervals == 1 && fabs(x.last.seconds - 2) < 1e-9, "the next one covers both seconds");
	x.fake->logdirty_error[HV_LOGDIRTY_PEEK] = -EBUSY;
	pass(&x, 1);
	ok(x.ended == 1 && !tracked(&x) && x.last.result == RESULT_COMPLETED,
	    "at the end it does not wait for one");
	x.fake->logdirty_error[HV_LOGDIRTY_PEEK] = 0;
	(void) start(&x, 3);
	x.fake->logdirty_error[HV_LOGDIRTY_PEEK] = -ENOMEM;
	pass(&x, 1);
	ok(x.last.result == RESULT_FAILED && !tracked(&x) && strstr(x.text, "how many pages"),
	    "a count that cannot be had ends the probe, and tracking");
	x.fake->logdirty_error[HV_LOGDIRTY_PEEK] = 0;
	(void) start(&x, 3);
	fake_hv_domain(x.fake, GUEST)->dirty = 3;
	pass(&x, 1);
	ok(x.last.result == RESULT_ABORTED && tracked(&x) && x.last.left_on &&
		strstr(x.text, "unseen"),
	    "a count that fell is another's harvest: tracking is left to it");
	probing_done(&x);
}

static void
test_domain_ends(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 5);
	fake_hv_domain(x.fake, GUEST)->d.crashed = true;
	pass(&x, 1);
	ok(x.last.result == RESULT_ABORTED && !tracked(&x) && strstr(x.text, "crashed"),
	    "the domain crashes: tracking is turned off");
	fake_hv_domain(x.fake, GUEST)->d.crashed = false;
	(void) start(&x, 5);
	fake_hv_domain(x.fake, GUEST)->d.dying = true;
	pass(&x, 1);
	ok(x.last.result == RESULT_ABORTED && offs(&x) == 1 && !x.last.left_on &&
		strstr(x.text, "gone") && !has_file(&x),
	    "the domain dies: there is nothing to turn off");
	fake_hv_domain(x.fake, GUEST)->d.dying = false;
	fake_hv_domain(x.fake, GUEST)->tracked = false;
	(void) start(&x, 5);
	fake_hv_remove(x.fake, GUEST);
	pass(&x, 1);
	ok(x.last.result == RESULT_ABORTED && !x.last.left_on && x.follows == 0,
	    "the domain is gone");
	probing_done(&x);
}

static void
test_refused_off(void)
{
	struct probing x;

	probing_init(&x);
	(void) start(&x, 1);
	x.fake->logdirty_error[HV_LOGDIRTY_OFF] = -EACCES;
	pass(&x, 1);
	ok(x.last.result == RESULT_FAILED && x.last.left_on && strstr(x.text, "left on") &&
		has_file(&x) && x.record.tracking_left_on,
	    "Xen refuses to turn it off: it was left on, and is said to be");
	ok(strstr(changes_note(probe_changes(x.probe)), "xenscope untrack 1"), "with the way out");
	ok(start(&x, 1) == -EBUSY && strstr(x.why, "untrack"), "which comes before the next probe");
	x.fake->logdirty_error[HV_LOGDIRTY_OFF] = 0;
	fake_hv_remove(x.fake, GUEST);
	ok(!*changes_note(probe_changes(x.probe)) && !has_file(&x),
	    "it is forgotten with its domain");
	probing_done(&x);
}

/* The nth call of the hypervisor fails: tracking is never on with nobody knowing. */
static void
test_nth(void)
{
	unsigned bad = 0, left = 0;

	for (unsigned nth = 1; nth < 24; nth++) {
		struct probing x;

		probing_init(&x);
		fake_hv_forget_calls(x.fake);
		x.fake->fail_nth = nth;
		x.fake->fail_error = -EFAULT;
		(void) start(&x, 2);
		for (int i = 0; i < 4; i++)
			pass(&x, 1);
		bad += tracked(&x) && !(x.last.left_on && has_file(&x));
		bad += !tracked(&x) && has_file(&x);
		bad += x.follows != 0 || probe_runs(x.probe);
		left += tracked(&x);
		probing_done(&x);
	}
	ok(bad == 0 && left == 1, "whichever call fails, tracking is off at the end, or known to "
				  "be on where OFF itself failed");
}

static void
test_find(void)
{
	struct probing x;
	struct guest_id g;

	probing_init(&x);
	(void) fake_hv_add(x.fake, 7);
	str_copy(fake_hv_add(x.fake, 8)->name, 8, "vm-7");
	str_copy(fake_hv_add(x.fake, 9)->name, 8, "7");
	host_time++;
	probing_tick(&x);
	ok(migrations_find(x.m, "vm-1", &g) == 0 && g.domid == 1, "a domain is found by its name");
	ok(migrations_find(x.m, "1", &g) == 0 && g.domid == 1, "by its number");
	ok(migrations_find(x.m, "F0000000-0000-0000-0000-000000000001", &g) == 0 && g.domid == 1,
	    "by its uuid");
	ok(migrations_find(x.m, "vm-7", &g) == -ENOTUNIQ, "a name that two have fits none");
	ok(migrations_find(x.m, "7", &g) == -ENOTUNIQ, "nor a number that is another's name");
	ok(migrations_find(x.m, "vm", &g) == -ENOENT && migrations_find(x.m, "", &g) == -ENOENT &&
		migrations_find(x.m, "4294967296", &g) == -ENOENT,
	    "nor the beginning of a name, nothing, or a number beyond all");
	probing_done(&x);
}

int
main(void)
{
	test_whole();
	test_configured();
	test_domains();
	test_busy();
	test_unseen();
	test_one_at_a_time();
	test_count();
	test_domain_ends();
	test_refused_off();
	test_nth();
	test_find();
	return done_testing();
}
