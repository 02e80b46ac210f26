/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/parse.h"
#include "base/util.h"
#include "observe/helper_name.h"
#include "observe/observer.h"
#include "observe/proc_events.h"
#include "observe/proc_helper.h"

#define MAX_HELPERS 256
#define MAX_PROCESSES 65536
#define MAX_STAT 1024
#define MAX_CMDLINE 4096
#define CHECK_SECONDS 5.0 /* between two looks at the helpers, of which the kernel tells the end */
#define SETTLE_SECONDS                                                                             \
	2.0 /* so long a process may still execute another program after its fork                  \
	     */

/* A process that a scan saw. The inode of its directory tells a pid that was used again. */
struct seen {
	pid_t pid;
	bool settled; /* it is no helper and will be none */
	ino_t inode;
	double first;
};

struct proc_watch {
	struct observer observer;
	DIR *proc;
	int events; /* the kernel's process events; -1: they are not to be had, scan at each read */
	bool scan_due; /* with events: at the start, and when some were lost */
	bool ends;     /* the filter lets ends through */
	double checked; /* the helpers were; 0: they are to be */
	struct proc_helper helper[MAX_HELPERS];
	struct proc_helper ended; /* the newest: its toolstack's end may have killed it, and be told after its own */
	double ended_at;	  /* CLOCK_MONOTONIC */
	bool end_known;		  /* by the kernel's word, with its status */
	size_t helpers;
	struct seen *seen; /* by pid */
	size_t seen_n;
	uint64_t lost;
};

/* A read under way. */
struct watch_call {
	struct proc_watch *o;
	const struct tick *now;
	event_fn *fn;
	void *arg;
};

static void
proc_close(struct observer *observer)
{
	struct proc_watch *o = (struct proc_watch *) observer;

	proc_events_close(o->events);
	(void) closedir(o->proc);
	free(o->seen);
	free(o);
}

static int
proc_fd(struct observer *observer)
{
	return ((struct proc_watch *) observer)->events;
}

static uint64_t
proc_lost(struct observer *observer)
{
	return ((struct proc_watch *) observer)->lost;
}

/* Reads a file of a process's directory, at most n - 1 bytes, terminated. The length, or -errno. */
static ssize_t
read_file(int proc, pid_t pid, const char *file, char *to, size_t n)
{
	_cleanup_(closep) int fd = -1;
	char path[64];
	size_t length = 0;

	(void) snprintf(path, sizeof(path), "%d/%s", (int) pid, file);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (length < n - 1) {
		ssize_t got = read(fd, to + length, n - 1 - length);

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t) got;
	}
	to[length] = '\0';
	return (ssize_t) length;
}

static int
read_stat(int proc, pid_t pid, struct proc_stat *ret)
{
	char text[MAX_STAT];
	ssize_t n = read_file(proc, pid, "stat", text, sizeof(text));

	return n < 0 ? (int) n : proc_stat_parse(text, ret);
}

/* True if this process runs on: a zombie waits for its parent and does nothing more. */
static bool
runs(int proc, pid_t pid, uint64_t started)
{
	struct proc_stat s;

	return read_stat(proc, pid, &s) == 0 && s.started == started && !strchr("ZXx", s.state) &&
	       helper_find(s.comm) != HELPERS;
}

/* Any user could give a process such a name; what moves domains is root's (or ours, in a test). */
static bool
is_trusted(int proc, pid_t pid)
{
	char path[32];
	struct stat st;

	(void) snprintf(path, sizeof(path), "%d", (int) pid);
	return fstatat(proc, path, &st, 0) == 0 && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* A starttime on the monotonic clock: it counts on the boot clock, in ticks of 1/100 s. */
static double
began_at(uint64_t started, const struct tick *now)
{
	long hz = sysconf(_SC_CLK_TCK);
	double asleep = 0, at;
	struct timespec boot;

	if (clock_gettime(CLOCK_BOOTTIME, &boot) == 0)
		asleep = (double) boot.tv_sec + (double) boot.tv_nsec / 1e9 - tick_now().mono;
	at = (double) started / (double) (hz > 0 ? hz : 100) - asleep;
	return at < now->mono ? at : now->mono;
}

static struct event
event_of(const struct proc_helper *h, enum event_kind kind, double at)
{
	struct event e;

	memset(&e, 0, sizeof(e));
	e.kind = kind;
	e.source = SOURCE_PROCESS;
	e.at = at;
	e.seconds = NAN;
	e.pid = h->pid;
	e.domid = h->domid;
	e.role = h->role;
	e.toolstack = h->toolstack;
	e.started = h->started;
	str_copy(e.comm, sizeof(e.comm), h->comm);
	return e;
}

static bool
is_known(const struct proc_watch *o, pid_t pid, uint64_t started)
{
	for (size_t i = 0; i < o->helpers; i++)
		if (o->helper[i].pid == pid && o->helper[i].started == started)
			return true;
	return false;
}

/* Ends are worth waking up for only while there is a helper, or was one a moment ago. */
static void
follow_ends(struct proc_watch *o, double now)
{
	bool ends = o->helpers > 0 || now < o->ended_at + SETTLE_SECONDS;

	if (o->events >= 0 && ends != o->ends && proc_events_filter(o->events, ends) == 0)
		o->ends = ends;
}

/* Looks whether the process is a helper that is not known yet, and tells it. */
static void
look(const struct watch_call *c, pid_t pid)
{
	struct proc_watch *o = c->o;
	int proc = dirfd(o->proc);
	char comm[32], cmdline[MAX_CMDLINE];
	struct proc_stat s, parent;
	struct proc_helper h;
	struct event e;
	ssize_t n;

	n = read_file(proc, pid, "comm", comm, sizeof(comm)); /* cheaper than stat */
	if (n <= 0 || helper_find(comm) == HELPERS || read_stat(proc, pid, &s) < 0 ||
	    strchr("ZXx", s.state) || is_known(o, pid, s.started) || !is_trusted(proc, pid))
		return;
	n = read_file(proc, pid, "cmdline", cmdline, sizeof(cmdline));
	if (n <= 0)
		return;
	if (read_stat(proc, s.parent, &parent) < 0)
		parent.comm[0] = '\0';
	memset(&h, 0, sizeof(h));
	if (proc_helper_parse(cmdline, (size_t) n, parent.comm, &h) < 0)
		return;
	if (o->helpers == MAX_HELPERS) {
		o->lost++;
		return;
	}
	h.pid = pid;
	h.started = s.started;
	h.parent = s.parent;
	str_copy(h.comm, sizeof(h.comm), s.comm);
	str_copy(h.parent_comm, sizeof(h.parent_comm), parent.comm);
	o->helper[o->helpers++] = h;
	o->checked = 0;
	follow_ends(o, c->now->mono);
	e = event_of(&h, EVENT_PROCESS_BEGIN, began_at(s.started, c->now));
	c->fn(c->arg, &e);
}

/* Tells the end of helper i, which is forgotten; status: -1 unknown. */
static void
end(const struct watch_call *c, size_t i, double at, int status)
{
	struct proc_watch *o = c->o;
	struct event e = event_of(&o->helper[i], EVENT_PROCESS_END, at);

	e.result = MAX(status, 0);
	o->ended = o->helper[i];
	o->ended_at = at;
	o->end_known = status >= 0;
	o->helper[i] = o->helper[--o->helpers];
	c->fn(c->arg, &e);
}

static void
tell_orphan(const struct watch_call *c, const struct proc_helper *h, const struct proc_event_seen *seen)
{
	struct event e = event_of(h, EVENT_TOOLSTACK_END, seen->at);

	e.result = seen->status;
	str_copy(e.comm, sizeof(e.comm), h->parent_comm);
	c->fn(c->arg, &e);
}

static void
tell_status(const struct watch_call *c, const struct proc_event_seen *seen)
{
	struct event e = event_of(&c->o->ended, EVENT_PROCESS_END, seen->at);

	e.result = seen->status;
	c->o->end_known = true;
	c->fn(c->arg, &e);
}

/* A process has ended: a helper, or one that had started helpers and was ended by a signal. */
static void
process_ended(const struct watch_call *c, const struct proc_event_seen *seen)
{
	struct proc_watch *o = c->o;

	for (size_t i = o->helpers; i-- > 0;) {
		if (o->helper[i].parent == seen->pid && WIFSIGNALED(seen->status))
			tell_orphan(c, &o->helper[i], seen);
		if (o->helper[i].pid == seen->pid)
			end(c, i, seen->at, seen->status);
	}
	if (o->ended.pid == seen->pid && !o->end_known) /* we had looked before it was told */
		tell_status(c, seen);
	if (o->ended.parent == seen->pid && WIFSIGNALED(seen->status) &&
	    seen->at < o->ended_at + SETTLE_SECONDS)
		tell_orphan(c, &o->ended, seen);
}

/* Asks after each helper: an end may have come before the filter let it through, or have been lost. */
static void
check_helpers(const struct watch_call *c)
{
	struct proc_watch *o = c->o;

	if (o->events >= 0 && c->now->mono - o->checked < CHECK_SECONDS)
		return;
	o->checked = c->now->mono;
	for (size_t i = o->helpers; i-- > 0;)
		if (!runs(dirfd(o->proc), o->helper[i].pid, o->helper[i].started))
			end(c, i, c->now->mono, -1);
}

static int
by_pid(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The processes that there are, by pid. -errno. */
static int
list(struct proc_watch *o, double now, struct seen **ret, size_t *ret_n)
{
	size_t n = 0, room = o->seen_n + 64;
	struct seen *s = xcalloc(room, sizeof(*s));
	bool sorted = true;
	struct dirent *e;

	rewinddir(o->proc);
	while (errno = 0, n < MAX_PROCESSES && (e = readdir(o->proc))) {
		uint64_t pid;

		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    parse_u64(e->d_name, 1, INT32_MAX, &pid) < 0)
			continue;
		if (n == room) {
			room *= 2;
			s = xrealloc(s, room * sizeof(*s));
		}
		s[n].pid = (pid_t) pid;
		s[n].inode = e->d_ino;
		s[n].first = now;
		s[n].settled = false;
		sorted = sorted && (n == 0 || s[n - 1].pid < s[n].pid);
		n++;
	}
	if (errno) {
		int r = -errno;

		free(s);
		return r;
	}
	if (!sorted) /* the kernel's /proc is */
		qsort(s, n, sizeof(*s), by_pid);
	*ret = s;
	*ret_n = n;
	return 0;
}

/* Looks at the processes that are new, and once more when they have settled. */
static int
scan(const struct watch_call *c)
{
	struct proc_watch *o = c->o;
	struct seen *s = NULL;
	size_t n = 0, old = 0;
	int r = list(o, c->now->mono, &s, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		while (old < o->seen_n && o->seen[old].pid < s[i].pid)
			old++;
		if (old < o->seen_n && o->seen[old].pid == s[i].pid &&
		    o->seen[old].inode == s[i].inode)
			s[i] = o->seen[old];
		if (s[i].settled)
			continue;
		look(c, s[i].pid);
		s[i].settled = c->now->mono - s[i].first > SETTLE_SECONDS;
	}
	free(o->seen);
	o->seen = s;
	o->seen_n = n;
	return 0;
}

static int
read_events(const struct watch_call *c)
{
	struct proc_watch *o = c->o;
	struct proc_event_seen seen;
	int r;

	while ((r = proc_events_next(o->events, &seen)) != 0) {
		if (r == -ENOBUFS) {
			o->lost++;
			o->scan_due = true;
			o->checked = 0;
			continue;
		}
		if (r < 0)
			return r;
		if (seen.ended)
			process_ended(c, &seen);
		else
			look(c, seen.pid);
	}
	return 0;
}

static int
proc_read(struct observer *observer, const struct tick *now, event_fn *fn, void *arg)
{
	struct proc_watch *o = (struct proc_watch *) observer;
	struct watch_call c = {.o = o, .now = now, .fn = fn, .arg = arg};
	int r = o->events < 0 ? 0 : read_events(&c);

	if (r == 0 && (o->events < 0 || o->scan_due)) {
		r = scan(&c);
		o->scan_due = r < 0;
	}
	check_helpers(&c);
	follow_ends(o, now->mono);
	return r;
}

static const struct observer_ops proc_ops = {
    .name = "process",
    .source = SOURCE_PROCESS,
    .fd = proc_fd,
    .read = proc_read,
    .lost = proc_lost,
    .close = proc_close,
};

int
proc_watch_open(const char *root, struct observer **ret, const char **ret_why)
{
	_cleanup_(freep) char *path = xasprintf("%s/proc", root);
	DIR *proc = opendir(path);
	struct proc_watch *o;

	if (!proc) {
		int r = -errno;

		*ret_why = "/proc cannot be read: is it mounted?";
		return r;
	}
	o = xcalloc(1, sizeof(*o));
	o->observer.ops = &proc_ops;
	o->observer.since = tick_now().mono;
	o->proc = proc;
	o->ended_at = -INFINITY;
	o->events = *root == '\0' ? proc_events_open() : -1;
	o->events = MAX(o->events, -1);
	o->scan_due = true;
	*ret = &o->observer;
	return 0;
}

bool
proc_watch_alive(const char *root, pid_t pid, uint64_t started)
{
	_cleanup_(freep) char *path = xasprintf("%s/proc", root);
	_cleanup_(closep) int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return proc >= 0 && runs(proc, pid, started);
}
