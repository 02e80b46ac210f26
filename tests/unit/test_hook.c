/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "notify/hook.h"
#include "tests/tap.h"

#define PATIENCE 5.0 /* seconds */

static char dir[] = "/tmp/xenscope-hook-XXXXXX";
static struct loop *loop;
static struct hook *hook;
static bool (*until)(void);
static double give_up;

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

/* The whole of it; "" where there is none. */
static char *
get(const char *name)
{
	_cleanup_(freep) char *path = path_of(name);
	char *text = NULL;

	return file_read(path, 1 << 20, &text, NULL) < 0 ? xstrdup("") : text;
}

/* A command that says where its output goes in $out. */
static char *
script(const char *name, mode_t mode, const char *lines)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "#!/bin/sh\nout=%s\n%s\n", dir, lines) < 0 || fclose(f) != 0 || chmod(path, mode) < 0)
		abort();
	return path;
}

static void
on_child(void *arg, uint32_t number, const struct tick *now)
{
	(void) arg;
	(void) number;
	(void) now;
	if (hook)
		hook_child_ended(hook);
}

static void
on_look(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	if (until() || now->mono > give_up)
		loop_stop(loop, until() ? 0 : 1);
}

static bool
comes(bool (*what)(void))
{
	int timer = loop_every(loop, 0.005, 0.005, on_look, NULL);
	int r;

	until = what;
	give_up = tick_now().mono + PATIENCE;
	r = loop_run(loop);
	loop_cancel(loop, timer);
	return r == 0;
}

static void
run(uint64_t seq)
{
	struct notice n;
	_cleanup_(freep) char *json = NULL;

	notice_init(&n, NOTICE_LEFT_ON, 1793870100);
	n.seq = seq;
	notice_say(&n, "a 'b' $(c) \"d\"");
	json = notice_json(&n);
	hook_run(hook, &n, json);
}

/* --- whether it may be run --- */

static bool
is_refused(const char *path, const char *part)
{
	const char *why = hook_check(path);

	return why && strstr(why, part);
}

static void
test_check(void)
{
	_cleanup_(freep) char *good = script("good", 0700, ""), *dull = script("dull", 0600, ""),
			      *open_to_all = script("open", 0702, ""), *link = path_of("link");
	_cleanup_(freep) char *gone = path_of("gone");

	ok(hook_check(good) == NULL, "a command of this user's alone may be run");
	ok(is_refused("bin/true", "absolute"), "one without its whole path may not");
	ok(is_refused(gone, "No such file"), "nor one that is not there");
	ok(is_refused(dull, "executable") && is_refused(dir, "executable"), "nor what is not executable, or no file");
	ok(is_refused(open_to_all, "others"), "nor what others may write");
	(void) symlink(open_to_all, link);
	ok(is_refused(link, "others"), "nor by a link to it");
	(void) chmod(dir, 0777);
	ok(is_refused(good, "others"), "nor what others may replace");
	(void) chmod(dir, 0700);
	if (geteuid() == 0) {
		(void) chown(good, 1234, 0);
		ok(is_refused(good, "root's"), "nor another user's");
	}
}

/* --- running it --- */

static bool
has_run(void)
{
	_cleanup_(freep) char *text = get("done");

	return *text;
}

static void
test_run(void)
{
	_cleanup_(freep) char *path = script("tell", 0700,
	    "printf '%s|%s|%s|%s|%s\\n' \"$#\" \"$1\" \"$2\" \"$3\" \"$PWD\" > $out/arguments\n"
	    "tr '\\0' '\\n' < /proc/$$/environ > $out/environment\n"
	    "ls /proc/$$/fd > $out/descriptors\n"
	    "exec 8>&1; readlink /proc/$$/fd/0 /proc/$$/fd/8 /proc/$$/fd/2 > $out/files\n"
	    "grep -E '^Sig(Blk|Ign)' /proc/self/status > $out/signals\n"
	    "echo > $out/done");
	_cleanup_(freep) char *arguments = NULL, *environment = NULL, *files = NULL, *signals = NULL, *open_ones = NULL;
	unsigned long long blocked = 1, ignored = 1;
	int leak = open("/dev/zero", O_RDONLY), high = fcntl(leak, F_DUPFD, 77);

	(void) signal(SIGPIPE, SIG_IGN);
	(void) setenv("SECRET", "x", 1);
	hook = hook_new(path, HOOK_SECONDS, loop);
	run(12);
	ok(comes(has_run), "the command is run");
	arguments = get("arguments");
	ok(strncmp(arguments, "3|tracking_left_on|12|{\"seq\":12,", 32) == 0 && strstr(arguments, "}|/\n") &&
		strstr(arguments, "a 'b' $(c) \\\"d\\\""),
	    "with the kind, the number and the event itself, in /, and no shell reads them");
	environment = get("environment");
	ok(strstr(environment, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n") && !strstr(environment, "SECRET"),
	    "in an environment of its own");
	files = get("files");
	ok(strcmp(files, "/dev/null\n/dev/null\n/dev/null\n") == 0, "with nowhere to read from or write to");
	open_ones = get("descriptors");
	ok(!strstr(open_ones, "77"), "and no descriptor of the agent's");
	signals = get("signals");
	/* 32 and 33 are the C library's, which lets nobody change them */
	ok(sscanf(signals, "SigBlk:\t%llx\nSigIgn:\t%llx", &blocked, &ignored) == 2 && blocked == 0 &&
		(ignored & ~0x180000000ull) == 0,
	    "and every signal as it should be");
	hook_free(TAKE_PTR(hook));
	(void) close(leak);
	(void) close(high);
}

static bool
has_three(void)
{
	_cleanup_(freep) char *text = get("order");

	return strcmp(text, "begin 1\nend 1\nbegin 2\nend 2\nbegin 3\nend 3\n") == 0;
}

static void
test_order(void)
{
	_cleanup_(freep) char *path =
	    script("slow", 0700, "echo begin $2 >> $out/order\nsleep 0.02\necho end $2 >> $out/order\nexit 3");

	hook = hook_new(path, HOOK_SECONDS, loop);
	for (uint64_t i = 1; i <= 3; i++)
		run(i);
	ok(comes(has_three), "one runs after the other, each for its event, whatever its status");
	hook_free(TAKE_PTR(hook));
}

static bool
has_next(void)
{
	_cleanup_(freep) char *text = get("hung");

	return strstr(text, "2\n") != NULL;
}

/* True if that process has gone. */
static bool
has_ended(const char *name)
{
	_cleanup_(freep) char *text = get(name);
	int pid = 0;

	for (int i = 0; i < 100 && sscanf(text, "%d", &pid) == 1 && kill(pid, 0) == 0; i++) {
		_cleanup_(freep) char *status = NULL, *path = xasprintf("/proc/%d/stat", pid);

		if (file_read(path, 4096, &status, NULL) == 0 && strstr(status, ") Z ")) /* nobody's init reaps it here */
			return true;
		(void) usleep(10000);
	}
	return pid > 0 && (kill(pid, 0) < 0);
}

static void
test_hang(void)
{
	_cleanup_(freep) char *path = script("hang", 0700,
	    "echo $2 >> $out/hung\nif [ $2 = 1 ]; then sleep 60 & echo $! > $out/child; sleep 60; fi");

	hook = hook_new(path, 0.2, loop);
	run(1);
	run(2);
	ok(comes(has_next), "one that hangs is killed, and the next one runs");
	ok(has_ended("child"), "and so is what it began");
	run(1);
	hook_free(TAKE_PTR(hook));
	ok(has_ended("child"), "as is all when the agent ends");
}

static bool
has_left(void)
{
	_cleanup_(freep) char *text = get("next");

	return *text;
}

static void
test_left_behind(void)
{
	_cleanup_(freep) char *path =
	    script("leave", 0700, "[ $2 = 1 ] && { sleep 60 & echo $! > $out/left; } || echo > $out/next");

	hook = hook_new(path, HOOK_SECONDS, loop);
	run(1);
	run(2);
	ok(comes(has_left) && has_ended("left"), "what one leaves running ends with it");
	hook_free(TAKE_PTR(hook));
}

static bool
has_last(void)
{
	_cleanup_(freep) char *text = get("flood"), *last = xasprintf("\n%d\n", MAX_HOOK_QUEUE + 1);

	return strstr(text, last) != NULL;
}

static void
test_flood(void)
{
	_cleanup_(freep) char *path = script("flood-it", 0700, "echo $2 >> $out/flood");

	hook = hook_new(path, HOOK_SECONDS, loop);
	for (uint64_t i = 1; i <= MAX_HOOK_QUEUE + 11; i++)
		run(i);
	ok(hook_dropped(hook) == 10, "one runs and %d wait; the rest is dropped and counted", MAX_HOOK_QUEUE);
	ok(comes(has_last), "those that waited all come");
	hook_free(TAKE_PTR(hook));
}

static void
test_refused(void)
{
	_cleanup_(freep) char *path = script("later", 0700, "echo > $out/later-ran"), *ran = NULL;

	hook = hook_new(path, HOOK_SECONDS, loop);
	(void) chmod(path, 0777);
	run(1);
	ran = get("later-ran");
	ok(!*ran && hook_dropped(hook) == 0, "one that others may write by now is not run");
	(void) unlink(path);
	run(2);
	ok(hook_dropped(hook) == 0, "nor one that has gone, and nothing waits for it");
	hook_free(TAKE_PTR(hook));
	hook = hook_new("/bin/false", HOOK_SECONDS, loop);
	hook_child_ended(hook);
	hook_free(TAKE_PTR(hook));
	hook_free(NULL);
}

int
main(void)
{
	static const int signals[] = {SIGCHLD, 0};
	char *clean;

	log_set_level(LOG_LEVEL_ERR);
	if (!mkdtemp(dir) || loop_new(&loop) < 0 || loop_signals(loop, signals, on_child, NULL) < 0)
		abort();
	test_check();
	test_run();
	test_order();
	test_hang();
	test_left_behind();
	test_flood();
	test_refused();
	loop_free(loop);
	clean = xasprintf("rm -r %s", dir);
	ok(system(clean) == 0, "the test clears up");
	free(clean);
	return done_testing();
}
