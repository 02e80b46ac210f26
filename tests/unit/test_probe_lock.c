/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xapi's lock, with a made xe that keeps the VM's blocked operations in a file. */
#include <config.h>

#define PROBING_DIR "/tmp/xenscope-probe.XXXXXX" /* programs are run from it */

#include <time.h>

#include "probe/command.h"
#include "probe/lock.h"
#include "tests/unit/probing.h"

/* The blocked operations are the file "blocked", the current ones "current", what was called
 * "calls". A file "fail" holds the name of a subcommand that fails, "hang" of one that never ends.
 */
static const char xe_script[] =
    "#!/bin/sh\n"
    "dir=${0%/opt/xensource/bin/xe}\n"
    "echo \"$*\" >> $dir/calls\n"
    "[ \"$2\" = uuid=f0000000-0000-0000-0000-000000000001 ] || { echo 'The uuid you supplied was "
    "invalid.' >&2; exit 1; }\n"
    "[ \"$1\" = \"$(cat $dir/hang 2>/dev/null)\" ] && exec sleep 60\n"
    "[ \"$1\" = \"$(cat $dir/fail 2>/dev/null)\" ] && { echo 'Lost connection to the server.' >&2; "
    "exit 1; }\n"
    "case $1 in\n"
    "vm-param-get) name=${3#param-name=}; name=${name%-operations}\n"
    "    sep=; while read -r l; do printf '%s%s' \"$sep\" \"$l\"; sep='; '; done < $dir/$name; "
    "echo;;\n"
    "vm-param-add) grep -q \"^${4%%=*}: \" $dir/blocked && exit 1; echo \"${4%%=*}: ${4#*=}\" >> "
    "$dir/blocked;;\n"
    "vm-param-remove) key=${4#param-key=}; sed -i \"/^$key: /d\" $dir/blocked;;\n"
    "*) exit 2;;\n"
    "esac\n";

static char *
slurp(const struct probing *x, const char *name)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", x->dir, name);
	char *text = NULL;

	return file_read(path, 65536, &text, NULL) < 0 ? xstrdup("") : text;
}

static bool
holds(const struct probing *x, const char *name, const char *text)
{
	_cleanup_(freep) char *got = slurp(x, name);

	if (strcmp(got, text) != 0)
		printf("# %s: %s\n", name, got);
	return strcmp(got, text) == 0;
}

static bool
mentions(const struct probing *x, const char *name, const char *text)
{
	_cleanup_(freep) char *got = slurp(x, name);

	return strstr(got, text) != NULL;
}

static void
xapi_init(struct probing *x)
{
	probing_init(x);
	put_file(x, "opt/xensource/bin/xe", xe_script, 0755);
	put_file(x, "var/lib/xcp/xapi", "", 0644);
	put_file(x, "blocked", "", 0644);
	put_file(x, "current", "", 0644);
	(void) config_set(&x->config, "probe", "yes");
}

/* In real time, since xe is a process: until the phase is over. */
static void
wait_for(struct probing *x, bool (*over)(const struct probing *))
{
	const struct timespec moment = {0, 2000000};

	for (int i = 0; i < 5000 && !over(x); i++) {
		(void) nanosleep(&moment, NULL);
		probe_step(x->probe);
	}
}

static bool
is_begun(const struct probing *x)
{
	return x->begun > 0 || x->ended > 0;
}

static bool
is_ended(const struct probing *x)
{
	return !probe_runs(x->probe);
}

#define ALL                                                                                        \
	"pool_migrate: xenscope_probe\nmigrate_send: xenscope_probe\nsuspend: "                    \
	"xenscope_probe\ncheckpoint: xenscope_probe\n"

static void
test_lock(void)
{
	struct probing x;

	xapi_init(&x);
	ok(start(&x, 1) == 0 && !x.begun && probe_waits(x.probe) && !tracked(&x) && has_file(&x),
	    "on a host with xapi the lock comes first, and is written down before");
	wait_for(&x, is_begun);
	ok(x.begun && tracked(&x) && holds(&x, "blocked", ALL), "then the probe begins");
	ok(mentions(&x, "calls",
	       "vm-param-add uuid=f0000000-0000-0000-0000-000000000001 "
	       "param-name=blocked-operations "
	       "pool_migrate=xenscope_probe"),
	    "xe was asked in its own words");
	pass(&x, 1);
	ok(!tracked(&x) && !x.ended && has_file(&x),
	    "at its end tracking goes off before the lock");
	wait_for(&x, is_ended);
	ok(x.ended == 1 && x.last.result == RESULT_COMPLETED && holds(&x, "blocked", "") &&
		!has_file(&x),
	    "which is given back before the end is told");
	probing_done(&x);
}

static void
test_others_blocks(void)
{
	struct probing x;

	xapi_init(&x);
	put_file(&x, "blocked", "suspend: never; ever\nclean_shutdown: xenscope_probe\n", 0644);
	(void) start(&x, 1);
	wait_for(&x, is_begun);
	ok(x.begun && mentions(&x, "blocked", "suspend: never; ever\n") &&
		mentions(&x, "blocked", "checkpoint: xenscope"),
	    "an operation that the administrator has blocked stays blocked by him");
	probe_stop(x.probe, "cancelled");
	probe_step(x.probe);
	wait_for(&x, is_ended);
	ok(holds(&x, "blocked", "suspend: never; ever\nclean_shutdown: xenscope_probe\n"),
	    "and is not given free with ours");
	probing_done(&x);
}

static void
test_current(void)
{
	struct probing x;

	xapi_init(&x);
	put_file(&x, "current", "clean_reboot\npool_migrate\n", 0644);
	(void) start(&x, 1);
	wait_for(&x, is_ended);
	ok(!x.begun && x.ended == 1 && x.last.result == RESULT_FAILED &&
		strstr(x.text, "pool_migrate") && fake_hv_domain(x.fake, GUEST)->enables == 0 &&
		holds(&x, "blocked", "") && !has_file(&x) && !x.records_ended,
	    "refused: xapi had begun to migrate it before the lock");
	put_file(&x, "current", "clean_reboot\npool_migrate_x\n", 0644);
	x.ended = 0;
	(void) start(&x, 1);
	wait_for(&x, is_begun);
	ok(x.begun == 1, "an operation of another name is none");
	probing_done(&x);
}

static void
fails_by(const char *file, const char *what, const char *word, const char *claim)
{
	struct probing x;

	xapi_init(&x);
	put_file(&x, file, what, 0644);
	(void) start(&x, 1);
	wait_for(&x, is_ended);
	ok(!x.begun && x.ended == 1 && strstr(x.text, word) &&
		fake_hv_domain(x.fake, GUEST)->enables == 0,
	    "%s", claim);
	if (!strstr(x.text, word))
		printf("# %s\n", x.text);
	probing_done(&x);
}

static void
test_failures(void)
{
	struct probing x;

	fails_by("fail", "vm-param-get\n", "Lost connection",
	    "refused: xapi does not answer, and xe's words are told");
	fails_by("fail", "vm-param-add\n", "Lost connection",
	    "refused: it does not let itself be locked");
	xapi_init(&x);
	x.guest.uuid[35] = '2';
	fake_hv_domain(x.fake, GUEST)->d.uuid[15] = 2;
	(void) start(&x, 1);
	wait_for(&x, is_ended);
	ok(!x.begun && strstr(x.text, "uuid you supplied"), "refused: xapi does not know this VM");
	probing_done(&x);

	xapi_init(&x);
	put_file(&x, "opt/xensource/bin/xe", "#!/nonexistent\n", 0755);
	(void) start(&x, 1);
	wait_for(&x, is_ended);
	ok(!x.begun && strstr(x.text, "cannot be run"), "refused: xe cannot be run");
	probing_done(&x);
}

static void
test_hang(void)
{
	struct probing x;

	xapi_init(&x);
	put_file(&x, "hang", "vm-param-get\n", 0644);
	(void) start(&x, 1);
	probe_step(x.probe);
	for (int i = 0; i < 200 && probe_runs(x.probe); i++) { /* it hangs at the end once more */
		const struct timespec moment = {0, 2000000};

		(void) nanosleep(&moment, NULL);
		pass(&x, 10);
	}
	ok(!x.begun && x.ended && strstr(x.text, "in time"), "refused: xe hangs, and is ended");
	probing_done(&x);
}

static void
test_unlock_fails(void)
{
	struct probing x;

	xapi_init(&x);
	(void) start(&x, 1);
	wait_for(&x, is_begun);
	put_file(&x, "fail", "vm-param-remove\n", 0644);
	pass(&x, 1);
	wait_for(&x, is_ended);
	ok(x.ended == 1 && !tracked(&x) && has_file(&x) && holds(&x, "blocked", ALL),
	    "a lock that stays is kept in mind");
	ok(start(&x, 1) == -EBUSY && strstr(x.why, "restart"), "the next probe waits for it");
	put_file(&x, "fail", "", 0644);
	agent_ends(&x);
	agent_begins(&x);
	wait_for(&x, is_ended);
	ok(holds(&x, "blocked", "") && !has_file(&x), "and the next agent gives it back");
	probing_done(&x);
}

static void
test_crash(void)
{
	struct probing x;

	xapi_init(&x);
	(void) start(&x, 9);
	wait_for(&x, is_begun);
	agent_crashes(&x);
	put_file(&x, "blocked", ALL "clean_shutdown: mine\n", 0644);
	agent_begins(&x);
	wait_for(&x, is_ended);
	ok(holds(&x, "blocked", "clean_shutdown: mine\n") && has_file(&x) && tracked(&x) &&
		*changes_note(probe_changes(x.probe)),
	    "after a crash the lock is given back, and tracking is not touched");
	probing_done(&x);
}

static void
test_agent_ends(void)
{
	struct probing x;

	xapi_init(&x);
	(void) start(&x, 9);
	wait_for(&x, is_begun);
	probe_free(TAKE_PTR(x.probe));
	ok(!tracked(&x) && holds(&x, "blocked", "") && !has_file(&x),
	    "at the agent's end both are given back");
	probing_done(&x);

	xapi_init(&x);
	(void) start(&x, 9);
	probe_stop(x.probe, "cancelled");
	probe_step(x.probe);
	wait_for(&x, is_ended);
	ok(x.ended == 1 && !x.begun && holds(&x, "blocked", "") && !has_file(&x),
	    "a probe that waits can be cancelled");
	probing_done(&x);
}

/* Runs a shell's line to its end. */
static int
run(const char *line, double seconds, struct command **ret)
{
	const struct timespec moment = {0, 2000000};
	const char *argv[] = {"/bin/sh", "-c", line, NULL};
	struct tick now = tick_now();
	int r = command_start(argv, seconds, &now, ret);

	while (r == 0 && (r = command_poll(*ret, &now)) == -EAGAIN) {
		(void) nanosleep(&moment, NULL);
		now = tick_now();
		r = 0;
	}
	return r;
}

static void
test_command(void)
{
	static const char *const missing[] = {"/nonexistent", NULL};
	struct command *c = NULL;
	struct tick now = tick_now();

	ok(run("echo out; echo err >&2; exit 3", 5, &c) == 3 &&
		strcmp(command_output(c), "out\nerr\n") == 0,
	    "a command's exit status and both of its outputs are told");
	ok(command_poll(c, &now) == 3, "again, if asked again");
	command_free(c);
	ok(run("kill -9 $$", 5, &c) == -EINTR, "so is its end by a signal");
	command_free(c);
	ok(run("yes x | head -c 100000; cat", 5, &c) == 0 &&
		strlen(command_output(c)) == MAX_COMMAND_OUTPUT,
	    "more output than there is room for is dropped, and its input is empty");
	command_free(c);
	ok(run("sleep 60 & sleep 60", 0.05, &c) == -ETIMEDOUT, "what takes too long is ended");
	command_free(c);
	ok(run("env", 5, &c) == 0 && !strstr(command_output(c), "HOME="),
	    "it does not get our environment");
	command_free(c);
	c = NULL;
	ok(command_start(missing, 5, &now, &c) < 0 && !c, "what is not there cannot be started");
	command_free(c); /* NULL; under valgrind posix_spawn does not tell */
}

int
main(void)
{
	test_command();
	test_lock();
	test_others_blocks();
	test_current();
	test_failures();
	test_hang();
	test_unlock_fails();
	test_crash();
	test_agent_ends();
	return done_testing();
}
