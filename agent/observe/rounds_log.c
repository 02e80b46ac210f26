/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/observer.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/util.h"
#include "observe/log_files.h"
#include "observe/log_follow.h"
#include "observe/log_line.h"

#define LOOK_SECONDS 30	 /* between two looks at all logs, in case that inotify is silent */
#define LATE_SECONDS 120 /* a line that is read later than its stamp says is of another time zone */
#define MAX_MISSED_FILES 32 /* logs and their rotated ones that are read for that */
#define MAX_MISSED 16384 /* events of an absence; of a longer one the newest count */

struct rounds_log {
	struct observer observer;
	struct log_follow *follow;
	struct log_lines lines[MAX_LOGS];
	double looked; /* CLOCK_MONOTONIC */

	/* what was written while no agent was there; at is in seconds since 1970 until it is handed over */
	struct event *missed;
	size_t n_missed; /* counts those, too, that newer ones took the place of */
	double since, until; /* seconds since 1970 */
};

struct log_call {
	struct rounds_log *o;
	const struct tick *now;
	event_fn *fn;
	void *arg;
};

/* When it happened, CLOCK_MONOTONIC: now, unless the stamp says that it was earlier; a stamp of whole seconds
 * says no more than that it was within one. */
static double
moment(const struct tick *now, const struct event *e)
{
	double stamp = e->at - (now->real - now->mono);

	if (isnan(e->at) || stamp > now->mono || now->mono > stamp + LATE_SECONDS)
		return now->mono;
	return MIN(now->mono, stamp + e->seconds);
}

static void
on_line(void *arg, unsigned log, const char *line, size_t n)
{
	struct log_call *c = arg;
	struct event e;

	if (!log_line_read(&c->o->lines[log], line, n, &e))
		return;
	e.at = moment(c->now, &e);
	c->fn(c->arg, &e);
}

static void
tell_missed(const struct log_call *c)
{
	struct rounds_log *o = c->o;

	for (size_t i = o->n_missed - MIN(o->n_missed, MAX_MISSED); i < o->n_missed; i++) {
		struct event *e = &o->missed[i % MAX_MISSED];

		e->at = MIN(e->at - (c->now->real - c->now->mono), c->now->mono);
		c->fn(c->arg, e);
	}
	free(TAKE_PTR(o->missed));
	o->n_missed = 0;
}

static int
rounds_read(struct observer *observer, const struct tick *now, event_fn *fn, void *arg)
{
	struct rounds_log *o = (struct rounds_log *) observer;
	struct log_call c = {o, now, fn, arg};

	if (o->n_missed)
		tell_missed(&c);
	if (now->mono > o->looked + LOOK_SECONDS) {
		o->looked = now->mono;
		log_follow_look(o->follow);
	}
	return log_follow_read(o->follow, on_line, &c);
}

static int
rounds_fd(struct observer *observer)
{
	return log_follow_fd(((struct rounds_log *) observer)->follow);
}

static uint64_t
rounds_lost(struct observer *observer)
{
	return log_follow_lost(((struct rounds_log *) observer)->follow);
}

static void
rounds_close(struct observer *observer)
{
	struct rounds_log *o = (struct rounds_log *) observer;

	log_follow_free(o->follow);
	free(o->missed);
	free(o);
}

static const struct observer_ops rounds_ops = {
    .name = "log",
    .source = SOURCE_LOG,
    .fd = rounds_fd,
    .read = rounds_read,
    .lost = rounds_lost,
    .close = rounds_close,
};

/* -- what was written before -- */

static void
keep_missed(void *arg, const struct event *e)
{
	struct rounds_log *o = arg;

	if (e->at < o->since || e->at > o->until || isnan(e->seconds))
		return;
	if (o->n_missed < MAX_MISSED && (o->n_missed & (o->n_missed - 1)) == 0)
		o->missed = xrealloc(o->missed, MAX(o->n_missed * 2, 1) * sizeof(*o->missed));
	o->missed[o->n_missed++ % MAX_MISSED] = *e;
}

struct missed_files {
	char *name[MAX_MISSED_FILES];
	size_t n;
};

static void
add_file(struct missed_files *files, const char *name, double since)
{
	struct stat st;

	if (files->n < MAX_MISSED_FILES && stat(name, &st) == 0 && S_ISREG(st.st_mode) && (double) st.st_mtime >= since)
		files->name[files->n++] = xstrdup(name);
}

/* One that is being compressed is there twice. */
static bool
is_twice(const char *name)
{
	_cleanup_(freep) char *plain = xstrdup(name);
	char *dot = strrchr(plain, '.');

	if (!dot || (strcmp(dot, ".gz") != 0 && strcmp(dot, ".bz2") != 0 && strcmp(dot, ".xz") != 0 &&
	    strcmp(dot, ".zst") != 0))
		return false;
	*dot = '\0';
	return access(plain, F_OK) == 0;
}

/* A log and what was rotated off it since then, by whatever name and compressed or not: daemon.log.1, daemon.log.2.gz,
 * daemon.log-20261123.xz. */
static void
add_log(struct missed_files *files, const char *path, double since)
{
	_cleanup_(freep) char *pattern = xasprintf("%s[.-]*", path);
	glob_t found;

	add_file(files, path, since);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (!is_twice(found.gl_pathv[i]))
			add_file(files, found.gl_pathv[i], since);
	globfree(&found);
}

static void
read_missed(struct rounds_log *o, const char *const *path, size_t n, double since)
{
	struct missed_files files = {.n = 0};
	struct log_files_count count;
	size_t bad;
	int r;

	o->since = floor(since);
	o->until = tick_now().real;
	for (size_t i = 0; i < n; i++)
		if (*path[i])
			add_log(&files, path[i], o->since);
	r = log_files_events(files.name, files.n, keep_missed, o, &count, &bad);
	if (r < 0)
		log_warn("observe", "%s: what it says of migrations while no agent was there is left out: %s",
		    files.name[bad], strerror(-r));
	while (files.n > 0)
		free(files.name[--files.n]);
}

int
rounds_log_open(
    const char *const *path, size_t n, double since, struct observer **ret, const char **ret_why)
{
	struct rounds_log *o = xcalloc(1, sizeof(*o));
	int r = log_follow_new(&o->follow);
	size_t followed = 0;

	for (size_t i = 0; r >= 0 && i < MIN(n, MAX_LOGS); i++) {
		if (log_follow_add(o->follow, path[i]) < 0)
			continue; /* no such program here, if not even its directory is */
		log_lines_init(&o->lines[followed++], INFINITY);
	}
	if (r >= 0 && followed == 0)
		r = -ENOENT;
	if (r < 0) {
		*ret_why = r == -ENOENT
			       ? "no log to follow: set log_daemon and log_xensource to where the toolstack writes"
			       : "no log can be followed: is a limit of inotify reached (fs.inotify)?";
		log_follow_free(o->follow);
		free(o);
		return r;
	}
	o->observer.ops = &rounds_ops;
	o->observer.since = tick_now().mono;
	o->looked = o->observer.since;
	if (isfinite(since))
		read_missed(o, path, MIN(n, MAX_LOGS), since);
	*ret = &o->observer;
	return 0;
}
