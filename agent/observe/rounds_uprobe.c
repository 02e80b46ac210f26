/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "observe/elf_symbol.h"
#include "observe/observer.h"
#include "observe/uprobe_library.h"
#include "observe/uprobe_text.h"

#define GROUP "xenscope"
#define MAX_AGENTS 4		   /* that observe side by side: the daemon, recorders */
#define MAX_LIBRARY (64u << 20)
#define MAX_DEFINITIONS (1u << 20) /* of uprobe_events, other people's among them */
#define MAX_LEFT 4096		   /* events of an earlier agent */
#define BUFFER_KB "128"		   /* a CPU: about 1000 events, should the agent be away */
#define READ_SIZE 16384

/* A probe: at the entry ('p') or the return ('r') of a function of libxenctrl. */
struct probe {
	char type;
	const char *name, *function, *fields;
	const char *filter; /* NULL: every hit */
};

/* Up to five digits and nothing behind them: a text with a line's end in it could pretend to be a
 * line of the trace. */
#define ROUND(digits) "text ~ \"Frames iteration " digits "\""
#define D "[0-9]"

static const struct probe progress[] = {
    {'p', "prefix", "xc_set_progress_prefix", "text=+0(%si):string",
	ROUND(D) " || " ROUND(D D) " || " ROUND(D D D) " || " ROUND(D D D D) " || " ROUND(
	    D D D D D)},
    {'p', "single", "xc_report_progress_single", "text=+0(%si):string",
	"text == \"Start of stream\" || text == \"Domain now suspended\" || "
	"text == \"End of stream\" || text == \"Complete\""},
    /* libxc tells each 1024 pages, and the end of a pass; this lets the begin through, one in 256 MiB, and an end that
     * is no such multiple: the kernel's text of each costs more than ours */
    {'p', "step", "xc_report_progress_step", "done=%si:u64 total=%dx:u64", "!(done & 65535) || (done & 1023)"},
};

/* From 4.16 on: stats is the seventh argument, on the stack; when the function has returned, the
 * stack pointer is at it. */
static const struct probe operations[] = {
    {'p', "logdirty", "xc_logdirty_control", "dom=%si:u32 sop=%dx:u32 pages=%r8:u64 mode=%r9:u32",
	"sop == 11"},
    {'r', "logdirty_ret", "xc_logdirty_control", "ret=$retval:s64 dirty=+4(+0(%sp)):u32", NULL},
    {'p', "shadow", "xc_shadow_control", "dom=%si:u32 sop=%dx:u32",
	"sop == 0 || sop == 2 || sop == 32"},
    {'r', "shadow_ret", "xc_shadow_control", "ret=$retval:s32", NULL},
};

/* Up to 4.15 one function does it all, with mode and stats as seventh and eighth argument. By the
 * ABI and the source; not run. */
static const struct probe operations_4_15[] = {
    {'p', "logdirty", "xc_shadow_control", "dom=%si:u32 sop=%dx:u32 pages=%r8:u64 mode=+8(%sp):u32",
	"sop == 0 || sop == 2 || sop == 11 || sop == 32"},
    {'r', "logdirty_ret", "xc_shadow_control", "ret=$retval:s64 dirty=+4(+8(%sp)):u32", NULL},
};

struct rounds_uprobe {
	struct observer observer;
	char *tracing;	/* where tracefs is */
	char *group;	/* of our probes, and the name of our instance */
	char *instance; /* ours in it */
	int lock;	/* on its directory: an agent that lives holds it */
	int pipe;
	struct uprobe_text *text;
	struct event *left;
	size_t left_n;
	uint64_t left_lost;
};

/* Writes a text into a control file of tracefs. -errno. */
static int
put(const char *directory, const char *file, int flags, const char *text)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", directory, file);
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC | flags);

	return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

/* One command for uprobe_events: appended, as truncation would remove everybody's probes. */
static int
define(const struct rounds_uprobe *o, const char *command)
{
	return put(o->tracing, "uprobe_events", O_APPEND, command);
}

/* Removes the probes of our group and of no other. */
static void
undefine(const struct rounds_uprobe *o)
{
	_cleanup_(freep) char *path = xasprintf("%s/uprobe_events", o->tracing), *text = NULL;
	char *line, *next;

	if (file_read(path, MAX_DEFINITIONS, &text, NULL) < 0)
		return;
	for (line = text; *line; line = next) {
		_cleanup_(freep) char *command = NULL;
		char *name = strchr(line, ':');

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (!name || strncmp(name + 1, o->group, strlen(o->group)) != 0 ||
		    name[1 + strlen(o->group)] != '/')
			continue;
		name[strcspn(name, " ")] = '\0';
		command = xasprintf("-%s\n", name);
		(void) define(o, command);
	}
}

static int
enable(const struct rounds_uprobe *o, const char *on)
{
	_cleanup_(freep) char *file = xasprintf("events/%s/enable", o->group);

	return put(o->instance, file, 0, on);
}

/* An instance cannot go while its pipe is open, nor a probe while an instance has it enabled. */
static void
clear(struct rounds_uprobe *o)
{
	(void) enable(o, "0");
	closep(&o->pipe);
	closep(&o->lock);
	(void) rmdir(o->instance);
	undefine(o);
}

static void
done(struct rounds_uprobe *o)
{
	closep(&o->pipe);
	closep(&o->lock);
	uprobe_text_free(o->text);
	free(o->tracing);
	free(o->group);
	free(o->instance);
	free(o->left);
	free(o);
}

static void
donep(struct rounds_uprobe **o)
{
	if (*o)
		done(*o);
}

static void
uprobe_close(struct observer *observer)
{
	struct rounds_uprobe *o = (struct rounds_uprobe *) observer;

	clear(o);
	done(o);
}

static int
uprobe_fd(struct observer *observer)
{
	return ((struct rounds_uprobe *) observer)->pipe;
}

static uint64_t
uprobe_lost(struct observer *observer)
{
	const struct rounds_uprobe *o = (const struct rounds_uprobe *) observer;

	return o->left_lost + uprobe_text_lost(o->text);
}

static int
pipe_open(struct rounds_uprobe *o)
{
	_cleanup_(freep) char *path = xasprintf("%s/trace_pipe", o->instance);

	o->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return o->pipe < 0 ? -errno : 0;
}

/* All that is in the buffer now. */
static int
drain(struct rounds_uprobe *o, event_fn *fn, void *arg)
{
	char text[READ_SIZE];

	for (;;) {
		ssize_t n = read(o->pipe, text, sizeof(text));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return 0;
		uprobe_text_feed(o->text, text, (size_t) n, fn, arg);
	}
}

static int
uprobe_read(struct observer *observer, const struct tick *now, event_fn *fn, void *arg)
{
	struct rounds_uprobe *o = (struct rounds_uprobe *) observer;

	(void) now;
	for (size_t i = 0; i < o->left_n; i++)
		fn(arg, &o->left[i]);
	o->left_n = 0;
	free(o->left);
	o->left = NULL;
	return drain(o, fn, arg);
}

static void
keep_left(void *arg, const struct event *e)
{
	struct rounds_uprobe *o = arg;

	if (o->left_n == MAX_LEFT) {
		o->left_lost++;
		return;
	}
	if (o->left_n % 256 == 0)
		o->left = xrealloc(o->left, (o->left_n + 256) * sizeof(*o->left));
	o->left[o->left_n++] = *e;
}

/* Takes the nth name: the daemon and a recorder may observe side by side. */
static void
use_name(struct rounds_uprobe *o, unsigned n)
{
	free(o->group);
	free(o->instance);
	o->group = n ? xasprintf(GROUP "%u", n) : xstrdup(GROUP);
	o->instance = xasprintf("%s/instances/%s", o->tracing, o->group);
}

/* -EWOULDBLOCK: the instance belongs to an agent that lives; -ENOENT: there is none. */
static int
lock(struct rounds_uprobe *o)
{
	closep(&o->lock);
	o->lock = open(o->instance, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->lock < 0 || flock(o->lock, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return 0;
}

/* What agents that were killed left behind: their probes went on, and what they saw is told first. */
static void
take_over(struct rounds_uprobe *o)
{
	for (unsigned n = 0; n < MAX_AGENTS; n++) {
		int r;

		use_name(o, n);
		r = lock(o);
		if (r == -EWOULDBLOCK)
			continue;
		if (r == 0 && pipe_open(o) == 0) {
			(void) enable(o, "0");
			o->observer.continues = drain(o, keep_left, o) == 0;
		}
		clear(o);
	}
}

/* Agents that start at the same time come one by one: until the returned descriptor is closed. */
static int
gate(const struct rounds_uprobe *o)
{
	_cleanup_(freep) char *path = xasprintf("%s/instances", o->tracing);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void) flock(fd, LOCK_EX);
	return fd;
}

/* The first name that no other agent has. -EBUSY. */
static int
find_name(struct rounds_uprobe *o)
{
	for (unsigned n = 0; n < MAX_AGENTS; n++) {
		use_name(o, n);
		if (access(o->instance, F_OK) < 0)
			return 0;
	}
	return -EBUSY;
}

static int
tracing_find(const char *root, char **ret)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_(freep) char *file = xasprintf("%s%s/uprobe_events", root, places[i]);

		if (access(file, F_OK) == 0) {
			*ret = xasprintf("%s%s", root, places[i]);
			return 0;
		}
	}
	return -ENOENT;
}

/* The library that is probed. */
struct library {
	char *path, *image;
	size_t n;
};

static void
library_done(struct library *l)
{
	free(l->path);
	free(l->image);
}

static int
probe_define(const struct rounds_uprobe *o, const struct probe *p, const struct library *l,
    const char **ret_why)
{
	_cleanup_(freep) char *command = NULL, *directory = NULL;
	uint64_t offset;
	int r = elf_symbol_offset(l->image, l->n, p->function, &offset);

	if (r < 0) {
		*ret_why = "libxenctrl has not the functions that tell of a migration: is it Xen "
			   "4.13 or later for x86-64?";
		return r;
	}
	command = xasprintf("%c:%s/%s %s:0x%llx %s\n", p->type, o->group, p->name, l->path,
	    (unsigned long long) offset, p->fields);
	r = define(o, command);
	if (r < 0) {
		*ret_why = r == -EPERM || r == -EACCES
			       ? "uprobes are refused: run as root, and without kernel lockdown"
			       : "the kernel does not take the uprobes on libxenctrl: see "
				 "tracing/error_log";
		return r;
	}
	directory = xasprintf("%s/events/%s/%s", o->instance, o->group, p->name);
	r = p->filter ? put(directory, "filter", O_TRUNC, p->filter) : 0;
	if (r < 0)
		*ret_why = "the kernel does not take the filters of the uprobes on libxenctrl";
	return r;
}

static int
probes_define(const struct rounds_uprobe *o, const char *root, const char **ret_why)
{
	_cleanup_(library_done) struct library l = {.path = NULL};
	const struct probe *p = operations;
	size_t n = ARRAY_SIZE(operations);
	uint64_t offset;
	int r = uprobe_library_find(root, &l.path);

	if (r == 0)
		r = file_read(l.path, MAX_LIBRARY, &l.image, &l.n);
	if (r < 0) {
		*ret_why = "libxenctrl.so was not found in the library directories";
		return r;
	}
	if (elf_symbol_offset(l.image, l.n, "xc_logdirty_control", &offset) == -ENOENT) {
		p = operations_4_15;
		n = ARRAY_SIZE(operations_4_15);
	}
	for (size_t i = 0; i < ARRAY_SIZE(progress) && r == 0; i++)
		r = probe_define(o, &progress[i], &l, ret_why);
	for (size_t i = 0; i < n && r == 0; i++)
		r = probe_define(o, &p[i], &l, ret_why);
	return r;
}

/* Everything but the enabling: the buffer is small, its clock ours, and each event wakes the
 * reader. */
static int
instance_set_up(struct rounds_uprobe *o, const char *root, const char **ret_why)
{
	int r;

	if (mkdir(o->instance, 0700) < 0) {
		r = -errno;
		*ret_why = "no tracing instance can be made below instances/ of tracefs";
		return r;
	}
	(void) lock(o);
	r = put(o->instance, "trace_clock", O_TRUNC, "mono");
	if (r < 0) {
		*ret_why = "the kernel's tracing has no clock \"mono\"";
		return r;
	}
	(void) put(o->instance, "buffer_size_kb", O_TRUNC, BUFFER_KB);
	(void) put(o->instance, "buffer_percent", O_TRUNC, "0"); /* 5.0; before, it is always so */
	r = probes_define(o, root, ret_why);
	if (r < 0)
		return r;
	r = pipe_open(o);
	if (r < 0)
		*ret_why = "trace_pipe of the tracing instance cannot be opened";
	return r;
}

static const struct observer_ops uprobe_ops = {
    .name = "uprobe",
    .source = SOURCE_UPROBE,
    .fd = uprobe_fd,
    .read = uprobe_read,
    .lost = uprobe_lost,
    .close = uprobe_close,
};

int
rounds_uprobe_open(const char *root, struct observer **ret, const char **ret_why)
{
	_cleanup_(donep) struct rounds_uprobe *o = xcalloc(1, sizeof(*o));
	_cleanup_(closep) int passed = -1;
	struct rounds_uprobe *opened;
	int r;

	o->observer.ops = &uprobe_ops;
	o->pipe = o->lock = -1;
	o->text = uprobe_text_new();
	r = tracing_find(root, &o->tracing);
	if (r < 0) {
		*ret_why = "there is no tracefs with uprobes: mount -t tracefs nodev "
			   "/sys/kernel/tracing (the kernel needs CONFIG_UPROBE_EVENTS)";
		return r;
	}
	passed = gate(o);
	take_over(o);
	r = find_name(o);
	if (r < 0) {
		*ret_why = "other agents on this host observe libxenctrl already: end one of them";
		return r;
	}
	r = instance_set_up(o, root, ret_why);
	if (r == 0) {
		r = enable(o, "1");
		if (r < 0)
			*ret_why = "the uprobes on libxenctrl cannot be enabled";
	}
	if (r < 0) {
		clear(o);
		return r;
	}
	o->observer.since = tick_now().mono;
	if (uprobe_lost(&o->observer) > 0)
		o->observer.continues = false;
	opened = TAKE_PTR(o);
	*ret = &opened->observer;
	return 0;
}
