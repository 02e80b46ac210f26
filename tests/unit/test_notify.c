/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an agent tells, from what it sees to its file of events. */
#include <config.h>

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <syslog.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "notify/boot_memory.h"
#include "notify/notify.h"
#include "store/notice_log.h"
#include "tests/fake_hv.h"
#include "tests/made_up.h"
#include "tests/tap.h"

#define BOOT_A "aaaaaaaa-0000-0000-0000-000000000001"
#define BOOT_B "bbbbbbbb-0000-0000-0000-000000000001"
#define XEN_VIOLATION "(XEN) Xen SMAP violation\n"
#define GUEST_VIOLATION "(XEN) d3v0 fatal SMEP violation\n"

static char dir[] = "/tmp/xenscope-notify-XXXXXX";
static struct config config;
static struct notifier *t;
static struct fake_hv *fake;
static struct sample *s;
static double now = 1000; /* CLOCK_MONOTONIC */
static uint64_t read_up_to;
static char news[2048]; /* the kinds and texts of what is new in the file, oldest first */

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
put(const char *name, const char *text, const char *how)
{
	_cleanup_(freep) char *path = path_of(name);
	FILE *f = fopen(path, how);

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static bool
on_line(void *arg, uint64_t seq, const char *line, size_t n)
{
	char *line_of_it;
	json_t *o = json_loadb(line, n, 0, NULL);

	if (seq <= read_up_to) {
		json_decref(o);
		return false;
	}
	*(uint64_t *) arg = *(uint64_t *) arg ? *(uint64_t *) arg : seq;
	line_of_it = xasprintf("%s: %s\n%s", json_string_value(json_object_get(o, "kind")),
	    json_string_value(json_object_get(o, "text")), news);
	str_copy(news, sizeof(news), line_of_it);
	free(line_of_it);
	json_decref(o);
	return true;
}

static const char *
told(void)
{
	uint64_t newest = 0;

	*news = '\0';
	(void) notice_log_read(dir, on_line, &newest);
	read_up_to = newest ? newest : read_up_to;
	return news;
}

static void
begin(bool replay)
{
	t = notifier_new(&config, replay, NULL);
	ok(notifier_open(t, dir, getgid()) == 0, "an agent begins");
}

static void
end(void)
{
	notifier_free(TAKE_PTR(t));
}

/* A tick so many seconds after the last one, in this boot. */
static void
tick(double seconds, const char *boot_id)
{
	now += seconds;
	s->at = (struct tick){.mono = now, .real = 1793870100 + now};
	str_copy(s->host.boot_id, sizeof(s->host.boot_id), boot_id);
	notifier_sample(t, &fake->hv, s);
}

/* A record of a migration that runs, which does not converge: told already. */
static void
test_restarts(const struct migration_record *r)
{
	begin(false);
	notifier_record(t, false, r);
	ok(!*told(), "an agent that is restarted meanwhile does not tell it again");
	end();
	t = notifier_new(&config, false, NULL);
	notifier_record(t, false, r);
	ok(notifier_open(t, dir, getgid()) == 0 && !*told(), "nor one that sees the record before the file is open");
	notifier_record(t, false, r);
	ok(!*told(), "or later");
	end();
}

static void
test_records(void)
{
	struct migration_record r;

	made_up_record(&r, 1, 1);
	str_copy(r.name, sizeof(r.name), "web");
	t = notifier_new(&config, false, NULL);
	notifier_record(t, true, &r);
	ok(notifier_open(t, dir, getgid()) == 0 && strcmp(told(), "migration_started: Migration of \"web\" (domain 2) "
								  "began.\n") == 0,
	    "what is seen before the file is open is told then");
	notifier_record(t, false, &r);
	ok(!*told(), "nothing is told twice");
	r.round[0].forecast.made = true;
	r.round[0].forecast.outlook = OUTLOOK_DIVERGES;
	r.round[0].forecast.downtime_seconds = 0.9;
	notifier_record(t, false, &r);
	ok(!*told(), "a migration that will not converge is nothing to warn of where its pause is short");
	r.round[0].forecast.downtime_seconds = 1.1;
	notifier_record(t, false, &r);
	ok(strstr(told(), "migration_not_converging: "), "it is told while it runs where the pause is longer than downtime_limit");
	end();
	test_restarts(&r);
	begin(false);
	r.result = RESULT_FAILED;
	r.tracking_left_on = true;
	notifier_record(t, false, &r);
	ok(strcmp(told(), "migration_failed: Migration of \"web\" (domain 2) failed.\n"
			  "tracking_left_on: Migration of \"web\" (domain 2) left dirty tracking on, which costs the "
			  "guest time; to end it: xenscope untrack 2, or migrate or save it again.\n") == 0,
	    "one that an earlier agent saw begin ends once, and leaves tracking on");
	for (unsigned i = 0; i < 100; i++) {
		(void) snprintf(r.id, sizeof(r.id), "many-%u", i);
		notifier_record(t, true, &r);
	}
	(void) told();
	notifier_record(t, true, &r);
	ok(!*told(), "of many the newest are remembered");
	record_done(&r);
	end();
}

/* --- what syslog and the command are given --- */

static char logged[512];
static int logged_at;

static void __attribute__((format(printf, 2, 0)))
take_line(int priority, const char *format, va_list ap)
{
	logged_at = priority;
	(void) vsnprintf(logged, sizeof(logged), format, ap);
}

/* In the C library's place, also where it is asked for with checks. */
void __attribute__((format(printf, 2, 3)))
syslog(int priority, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	take_line(priority, format, ap);
	va_end(ap);
}

void __syslog_chk(int priority, int flag, const char *format, ...) __attribute__((format(printf, 3, 4)));

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	(void) flag;
	va_start(ap, format);
	take_line(priority, format, ap);
	va_end(ap);
}

static void
test_syslog(void)
{
	char expected[512];

	begin(false);
	notifier_trace(t, "Somebody else %s reads it.");
	(void) told();
	(void) snprintf(expected, sizeof(expected),
	    "XENSCOPE-T003 tracing_unavailable seq=%llu: Somebody else %%s reads it.",
	    (unsigned long long) read_up_to);
	ok(strcmp(logged, expected) == 0 && logged_at == LOG_WARNING,
	    "a line in syslog begins with the id that stays, and has the kind, the number and the sentence");
	end();
	*logged = '\0';
	begin(true);
	notifier_trace(t, "Again.");
	ok(strstr(told(), "Again.") && !*logged, "a replay is not in syslog");
	end();
}

static void
test_command(void)
{
	_cleanup_(freep) char *command = path_of("command"), *ran = path_of("ran"), *text = NULL;
	struct loop *loop;

	put("command", "#!/bin/sh\necho $1 > ", "w");
	put("command", ran, "a");
	(void) chmod(command, 0700);
	if (loop_new(&loop) < 0 || config_set(&config, "event_hook", command) < 0)
		abort();
	for (int replay = 1; replay >= 0; replay--) {
		t = notifier_new(&config, replay, loop);
		(void) notifier_open(t, dir, getgid());
		notifier_trace(t, "Gone.");
		for (int i = 0; i < (replay ? 5 : 500) && (!text || !*text); i++) {
			(void) usleep(10000);
			notifier_child_ended(t);
			free(TAKE_PTR(text));
			(void) file_read(ran, 100, &text, NULL);
		}
		ok(replay ? !text : text && strcmp(text, "tracing_unavailable\n") == 0, "%s",
		    replay ? "a replay runs no command" : "the administrator's command is run for an event");
		end();
	}
	(void) config_set(&config, "event_hook", "no/path");
	t = notifier_new(&config, false, loop);
	notifier_trace(t, "Gone.");
	ok(notifier_open(t, dir, getgid()) == 0, "one that may not be run hinders nothing");
	end();
	(void) config_set(&config, "event_hook", "");
	loop_free(loop);
	(void) told();
}

static void
test_trace(void)
{
	begin(false);
	notifier_trace(t, "");
	notifier_trace(t, "Somebody else reads it.");
	notifier_trace(t, "Somebody else reads it still.");
	ok(strcmp(told(), "tracing_unavailable: Somebody else reads it.\n") == 0, "that there is no trace is told once");
	notifier_trace(t, "");
	notifier_trace(t, "Again.");
	ok(strcmp(told(), "tracing_unavailable: Again.\n") == 0, "and again when it had been there meanwhile");
	end();
}

static void
test_features(void)
{
	struct feature_state *smap = &s->features.feature[FEATURE_SMAP];

	str_copy(s->collector[0].name, sizeof(s->collector[0].name), "features");
	begin(false);
	tick(5, BOOT_A);
	ok(!*told(), "the first boot is compared with none");
	end();
	begin(false);
	smap->xen = YES;
	tick(5, BOOT_A);
	ok(!*told(), "an agent that knows more of the same boot tells no change");
	end();
	begin(false);
	smap->xen = NO;
	str_copy(s->collector[0].error, sizeof(s->collector[0].error), "later");
	tick(5, BOOT_B);
	tick(5, "");
	ok(!*told(), "nothing is compared before all is known");
	*s->collector[0].error = '\0';
	tick(5, BOOT_B);
	ok(strcmp(told(), "feature_changed: smap changed from one boot to the next: xen yes before, xen no now "
			  "(smap=hvm on Xen's command line).\n") == 0,
	    "a feature that changed from one boot to the next is told");
	ok(s->notice[NOTICE_FEATURE_CHANGED].value[METRIC_AT(M_NOTICE_TOLD, NOTICE)] == 1 &&
		s->notice[NOTICE_STARTED].value[METRIC_AT(M_NOTICE_TOLD, NOTICE)] == 0,
	    "and counted");
	tick(5, BOOT_B);
	smap->xen = YES;
	tick(5, BOOT_A);
	ok(strstr(told(), "xen no before, xen yes now") != NULL, "as from one capture to the next");
	end();
	begin(false);
	put("boot.state", "{\"boot_id\":7}", "w");
	smap->xen = NO;
	tick(5, BOOT_B);
	ok(!*told(), "with a file that is none of ours nothing is compared");
	end();
}

static void
test_ring(void)
{
	begin(false);
	fake->ring = "(XEN) all is well\n" GUEST_VIOLATION;
	fake_hv_forget_calls(fake);
	tick(60, BOOT_B);
	ok(strcmp(told(), "supervisor_violation: Xen ended domain 3 for a violation of SMEP, says Xen's console ring: "
			  "d3v0 fatal SMEP violation\n") == 0,
	    "a violation in Xen's console ring is told");
	tick(30, BOOT_B);
	ok(fake->calls[FAKE_console_ring] == 1, "the ring is not looked at with every tick");
	fake->ring = GUEST_VIOLATION GUEST_VIOLATION GUEST_VIOLATION;
	tick(40, BOOT_B);
	ok(strcmp(told(), "supervisor_violation: Xen ended domain 3 for a violation of SMEP, says Xen's console ring: "
			  "d3v0 fatal SMEP violation\nsupervisor_violation: Xen ended domain 3 for a violation of SMEP, says "
			  "Xen's console ring: d3v0 fatal SMEP violation\n") == 0,
	    "two more are two more");
	end();
	begin(false);
	tick(60, BOOT_B);
	ok(!*told(), "the next agent tells none of them again");
	fake->ring = GUEST_VIOLATION;
	tick(60, BOOT_B);
	fake->ring = GUEST_VIOLATION GUEST_VIOLATION;
	tick(60, BOOT_B);
	ok(*told(), "but what comes after the ring has lost some");
	fake->error[FAKE_console_ring] = -EACCES;
	tick(60, BOOT_B);
	ok(!*told(), "a ring that cannot be read tells nothing");
	fake->error[FAKE_console_ring] = 0;
	fake->ring = NULL;
	end();
}

static void
test_saved_log(void)
{
	put("hypervisor.log", XEN_VIOLATION "(XEN) Xen version 4.17.7 (x)\n" GUEST_VIOLATION, "w");
	begin(false);
	tick(60, BOOT_B);
	ok(!*told(), "of this boot the ring tells, not the saved log");
	end();
	put("hypervisor.log", GUEST_VIOLATION "(XEN) Xen version 4.17.7 (x)\n" GUEST_VIOLATION, "a");
	begin(false);
	tick(60, BOOT_A);
	ok(strstr(told(), "SMEP, says ") && strstr(news, "hypervisor.log: d3v0 fatal"), "of the boot before the log does");
	ok(strchr(news, '\n') == strrchr(news, '\n'), "what was added to it, up to this boot");
	end();
	put("hypervisor.log", XEN_VIOLATION, "w");
	begin(false);
	tick(60, BOOT_B);
	ok(strstr(told(), "Xen itself crashed by a violation of SMAP, says ") != NULL,
	    "one that was cut is read from its beginning, all of it where no boot begins");
	end();
}

static void
test_crash(void)
{
	_cleanup_(freep) char *crash = path_of("crash"), *one = path_of("crash/20261123-100000-UTC"),
			      *odd = path_of("crash/odd"), *link = path_of("crash/odd/xen.log");

	(void) mkdir(crash, 0700);
	(void) mkdir(one, 0700);
	(void) mkdir(odd, 0700);
	(void) symlink("/etc/passwd", link);
	put("crash/20261123-100000-UTC/xen.log", "  Console Ring:\n    " GUEST_VIOLATION "    " XEN_VIOLATION, "w");
	begin(false);
	tick(60, BOOT_B);
	ok(strstr(told(), "Xen itself crashed by a violation of SMAP, says ") && strstr(news, "UTC/xen.log: Xen SMAP"),
	    "a crash log tells why Xen crashed");
	ok(strchr(news, '\n') == strrchr(news, '\n'), "what it went on after was told before");
	end();
	begin(false);
	tick(60, BOOT_A);
	ok(!*told(), "it is read once");
	end();
}

static void
test_replay(void)
{
	put("hypervisor.log", XEN_VIOLATION, "a");
	begin(true);
	fake->ring = GUEST_VIOLATION;
	tick(60, BOOT_B);
	ok(strstr(told(), "console ring") && !strstr(news, "hypervisor.log"),
	    "a replay tells what its capture holds, not what this host's files do");
	fake->ring = NULL;
	end();
}

static void
test_memory(void)
{
	_cleanup_(freep) char *path = path_of("boot.state"), *nowhere = path_of("no/boot.state");
	struct boot_memory m = {.ring_violations = 3, .log_inode = 4, .log_read = 5, .crash_time = 6}, back;

	str_copy(m.boot_id, sizeof(m.boot_id), BOOT_A);
	m.features.feature[FEATURE_SMEP][PLACE_PV] = YES;
	m.features.feature[FEATURE_PKU][PLACE_CPU] = NO;
	m.features.pml = PML_DISABLED;
	ok(boot_memory_write(path, &m) == 0 && boot_memory_read(path, &back) == 0 && memcmp(&m, &back, sizeof(m)) == 0,
	    "what is remembered of a boot comes back");
	put("boot.state", "{\"boot_id\":\"" BOOT_A "\",\"features\":{\"smap\":{\"xen\":\"perhaps\"},\"smep\":7},"
			  "\"pml\":[],\"ring_violations\":-1}",
	    "w");
	ok(boot_memory_read(path, &back) == 0 && back.features.feature[FEATURE_SMAP][PLACE_XEN] == UNKNOWN &&
		back.features.pml == PML_UNKNOWN && back.ring_violations == 0,
	    "what is none of its words is unknown");
	put("boot.state", "[", "w");
	ok(boot_memory_read(path, &back) == -EBADMSG && !*back.boot_id, "what is no JSON is nothing");
	(void) unlink(path);
	ok(boot_memory_read(path, &back) == -ENOENT, "as is no file");
	ok(boot_memory_write(nowhere, &m) == -ENOENT, "without a directory nothing is remembered");
}

int
main(void)
{
	_cleanup_(freep) char *log_path = NULL, *crash = NULL, *clean = NULL;

	log_set_level(LOG_LEVEL_ERR);
	if (!mkdtemp(dir))
		abort();
	config_init(&config);
	log_path = path_of("hypervisor.log");
	crash = path_of("crash");
	if (config_set(&config, "state_dir", dir) < 0 || config_set(&config, "console_log", log_path) < 0 ||
	    config_set(&config, "crash_dir", crash) < 0)
		abort();
	fake = fake_hv_new();
	s = made_up_sample(1);
	s->features.feature[FEATURE_SMAP].xen = NO;
	test_records();
	test_trace();
	test_syslog();
	test_command();
	test_features();
	test_ring();
	test_saved_log();
	test_crash();
	test_replay();
	test_memory();
	notifier_free(NULL);
	sample_free(s);
	fake->hv.ops->close(&fake->hv);
	config_done(&config);
	clean = xasprintf("rm -r %s", dir);
	ok(system(clean) == 0, "the test clears up");
	return done_testing();
}
