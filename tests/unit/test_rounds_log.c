/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "observe/observer.h"
#include "tests/tap.h"

static struct event seen[16], last;
static size_t n_seen, n_told;

static void
on_event(void *arg, const struct event *e)
{
	(void) arg;
	last = *e;
	n_told++;
	if (n_seen < ARRAY_SIZE(seen))
		seen[n_seen++] = *e;
}

/* A line of xenguest with the stamp of that time, which syslog cuts to seconds. */
static char *
new_line(double real, const char *message)
{
	time_t t = (time_t) floor(real);
	char stamp[32] = "";
	struct tm tm;

	(void) strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", localtime_r(&t, &tm));
	return xasprintf("%s host xenguest-7-emp[700]: %s\n", stamp, message);
}

static void
append(const char *path, const char *text)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
		abort();
}

static void
write_line(const char *path, double real, const char *message)
{
	_cleanup_(freep) char *line = new_line(real, message);

	append(path, line);
}

static void
read_at_time(struct observer *o, const struct tick *now)
{
	n_seen = n_told = 0;
	(void) o->ops->read(o, now, on_event, NULL);
}

static bool
is_near(double a, double b)
{
	return fabs(a - b) < 1e-5;
}

static void
following(const char *dir)
{
	_cleanup_(freep) char *daemon = xasprintf("%s/daemon.log", dir);
	const char *path[] = {daemon, "/nowhere/at/all/xensource.log"};
	struct tick now = {.mono = 1000.25, .real = 1793880000.25};
	struct observer *o = NULL;
	const char *why = "";

	write_line(daemon, now.real, "waiting for suspend");
	ok(rounds_log_open(path, 2, NAN, &o, &why) == 0, "a log is followed, one without a directory is left out");
	ok(strcmp(o->ops->name, "log") == 0 && o->ops->source == SOURCE_LOG && o->ops->fd(o) >= 0, "it says what it is");
	read_at_time(o, &now);
	ok(n_seen == 0, "what was there before is none of its business");
	write_line(daemon, now.real, "Checking live policy.  12 / 34 for 5");
	write_line(daemon, now.real, "of no interest");
	read_at_time(o, &now);
	ok(n_seen == 1 && seen[0].logged == LOGGED_ROUND && seen[0].domid == 7 && seen[0].number == 5,
	    "a line becomes an event");
	ok(is_near(seen[0].at, now.mono), "of the moment in which it was read, if its stamp allows that");
	write_line(daemon, now.real - 10, "suspend was received");
	write_line(daemon, now.real - 7200, "suspend was received");
	write_line(daemon, now.real + 7200, "suspend was received");
	read_at_time(o, &now);
	ok(n_seen == 3 && is_near(seen[0].at, now.mono - 9.25), "of its stamp, if it comes late");
	ok(n_seen == 3 && is_near(seen[1].at, now.mono) && is_near(seen[2].at, now.mono),
	    "and of now, if the stamp is of another time zone");
	now.mono += 40;
	now.real += 40;
	read_at_time(o, &now);
	ok(n_seen == 0 && o->ops->lost(o) == 0, "a look without need finds nothing");
	o->ops->close(o);
	(void) unlink(daemon);
}

static void
after_absence(const char *dir)
{
	_cleanup_(freep) char *daemon = xasprintf("%s/daemon.log", dir), *rotated = xasprintf("%s.1", daemon);
	const char *path[] = {daemon};
	const struct tick now = tick_now();
	struct observer *o = NULL;
	const char *why = "";

	write_line(rotated, now.real - 500, "Checking live policy.  1 / 0 for 1");
	write_line(rotated, now.real - 90, "Checking live policy.  2 / 0 for 2");
	write_line(daemon, now.real - 50, "Checking live policy.  3 / 0 for 3");
	ok(rounds_log_open(path, 1, now.real - 100, &o, &why) == 0, "opened after an absence");
	write_line(daemon, now.real, "Checking live policy.  4 / 0 for 4");
	read_at_time(o, &now);
	ok(n_seen == 3 && seen[0].number == 2 && seen[1].number == 3 && seen[2].number == 4,
	    "it tells first what was written meanwhile, also in the log that was rotated");
	ok(n_seen == 3 && fabs(now.mono - seen[0].at - 90) < 1.01 && fabs(now.mono - seen[1].at - 50) < 1.01,
	    "as of the times of their stamps");
	read_at_time(o, &now);
	ok(n_seen == 0, "and once");
	o->ops->close(o);
	(void) unlink(daemon);
	(void) unlink(rotated);
}

/* More than is kept of it. */
static void
after_much(const char *dir)
{
	const unsigned lines = 20000;
	_cleanup_(freep) char *daemon = xasprintf("%s/daemon.log", dir);
	const char *path[] = {daemon};
	const struct tick now = tick_now();
	struct strbuf b = {NULL, 0, 0};
	struct observer *o = NULL;
	const char *why = "";

	for (unsigned i = 1; i <= lines; i++) {
		char message[64];
		_cleanup_(freep) char *line = NULL;

		(void) snprintf(message, sizeof(message), "Checking live policy.  %u / 0 for 1", i);
		line = new_line(now.real - 50, message);
		strbuf_str(&b, line);
	}
	append(daemon, b.text);
	(void) rounds_log_open(path, 1, now.real - 100, &o, &why);
	read_at_time(o, &now);
	ok(n_told > 0 && n_told < lines && last.total == lines && seen[0].total == lines - n_told + 1,
	    "of a long absence the newest count: %zu", n_told);
	o->ops->close(o);
	(void) unlink(daemon);
	strbuf_done(&b);
}

static int
compress(const char *path)
{
	_cleanup_(freep) char *command = xasprintf("gzip '%s'", path);

	return system(command); /* the directory's name is our own */
}

/* Rotated three times meanwhile; the last one is being compressed. */
static void
after_rotations(const char *dir)
{
	static const char *const suffix[] = {"", ".1", ".1.gz", ".2.gz", "-20261101.gz", ".junk"};
	_cleanup_(freep) char *daemon = xasprintf("%s/daemon.log", dir), *first = xasprintf("%s.1", daemon),
		*second = xasprintf("%s.2", daemon), *dated = xasprintf("%s-20261101", daemon),
		*junk = xasprintf("%s.junk", daemon), *twice = xasprintf("%s.1.gz", daemon);
	const char *path[] = {daemon};
	const struct tick now = tick_now();
	struct observer *o = NULL;
	const char *why = "";

	write_line(dated, now.real - 90, "Checking live policy.  1 / 0 for 1");
	write_line(second, now.real - 70, "Checking live policy.  2 / 0 for 2");
	write_line(first, now.real - 50, "Checking live policy.  3 / 0 for 3");
	write_line(daemon, now.real - 30, "Checking live policy.  4 / 0 for 4");
	write_line(twice, now.real - 50, "Checking live policy.  3 / 0 for 3");
	ok(compress(dated) == 0 && compress(second) == 0 && symlink("/dev/zero", junk) == 0 &&
		rounds_log_open(path, 1, now.real - 100, &o, &why) == 0,
	    "opened after an absence in which the log was rotated and compressed");
	read_at_time(o, &now);
	ok(n_seen == 4 && seen[0].number == 1 && seen[1].number == 2 && seen[2].number == 3 && seen[3].number == 4,
	    "each line of it is told once, in order: %zu lines", n_seen);
	o->ops->close(o);
	for (size_t i = 0; i < ARRAY_SIZE(suffix); i++) {
		_cleanup_(freep) char *name = xasprintf("%s%s", daemon, suffix[i]);

		(void) unlink(name);
	}
}

/* An option that names no log, where a file looks like what was rotated off it. */
static void
without_name(const char *dir)
{
	_cleanup_(freep) char *daemon = xasprintf("%s/daemon.log", dir), *stray = xasprintf("%s/-1", dir);
	_cleanup_(closep) int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *path[] = {daemon, ""};
	const struct tick now = tick_now();
	struct observer *o = NULL;
	const char *why = "";

	write_line(stray, now.real - 50, "Checking live policy.  1 / 0 for 1");
	ok(here >= 0 && chdir(dir) == 0 && rounds_log_open(path, 2, now.real - 100, &o, &why) == 0 && fchdir(here) == 0,
	    "opened with a log that has no name");
	read_at_time(o, &now);
	ok(n_told == 0, "files of the working directory are not its rotated ones");
	o->ops->close(o);
	(void) unlink(stray);
}

/* A rotated log that is no archive, in spite of its first bytes. */
static void
damaged(const char *dir)
{
	_cleanup_(freep) char *daemon = xasprintf("%s/daemon.log", dir), *rotated = xasprintf("%s.1.gz", daemon);
	_cleanup_(closep) int fd = open(rotated, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	const char *path[] = {daemon};
	const struct tick now = tick_now();
	struct observer *o = NULL;
	const char *why = "";

	ok(fd >= 0 && write_all(fd, "\x1f\x8b damaged", 10) == 0 &&
		rounds_log_open(path, 1, now.real - 100, &o, &why) == 0,
	    "a rotated log that cannot be unpacked does not keep the observer from its work");
	o->ops->close(o);
	(void) unlink(rotated);
}

int
main(void)
{
	const char *nowhere[] = {"/nowhere/at/all/daemon.log"};
	char template[] = "/tmp/xenscope-rounds-XXXXXX";
	const char *dir = mkdtemp(template), *why = "";
	struct observer *o = NULL;

	if (!dir)
		return 1;
	ok(rounds_log_open(nowhere, 1, NAN, &o, &why) == -ENOENT && !o && strstr(why, "log_daemon"),
	    "without a log it says which option names it");
	(void) setenv("TZ", "UTC", 1);
	after_absence(dir);
	after_much(dir);
	without_name(dir);
	after_rotations(dir);
	log_set_level(LOG_LEVEL_ERR);
	damaged(dir);
	following(dir);
	(void) rmdir(dir);
	return done_testing();
}
