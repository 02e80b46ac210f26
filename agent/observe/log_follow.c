/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/log_follow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "observe/line_buffer.h"
#include "observe/log_line.h"

#define TAIL 64 /* bytes by which a file is known again: a log's last line has its time and its text */

struct followed_log {
	char *path;
	const char *name; /* within its directory */
	int fd;		  /* -1: it is not there */
	dev_t dev;
	ino_t inode;
	off_t at;	  /* read up to here */
	char tail[TAIL];  /* what was before that */
	size_t tail_n;
	int dir_watch, watch, next_watch; /* of the directory, of fd, of the new file of this name; -1 */
	bool due;	  /* something happened to it */
	struct line_buffer lines;
};

struct log_follow {
	int epoll, inotify;
	int more; /* eventfd: there is something to read although nothing new happened */
	bool more_set;
	struct followed_log log[MAX_LOGS];
	size_t n;
	size_t next; /* whose turn it is */
};

int
log_follow_new(struct log_follow **ret)
{
	struct log_follow *f = xcalloc(1, sizeof(*f));
	struct epoll_event e = {.events = EPOLLIN};
	int r = 0;

	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	f->more = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->epoll < 0 || f->inotify < 0 || f->more < 0 ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->inotify, &e) < 0 ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->more, &e) < 0)
		r = -errno;
	if (r < 0)
		log_follow_free(f);
	else
		*ret = f;
	return r;
}

void
log_follow_free(struct log_follow *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		closep(&f->log[i].fd);
		line_buffer_done(&f->log[i].lines);
		free(f->log[i].path);
	}
	closep(&f->more);
	closep(&f->inotify);
	closep(&f->epoll);
	free(f);
}

int
log_follow_fd(const struct log_follow *f)
{
	return f->epoll;
}

uint64_t
log_follow_lost(const struct log_follow *f)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < f->n; i++)
		lost += f->log[i].lines.too_long;
	return lost;
}

/* -- one file -- */

static int
watch(struct log_follow *f, const char *path)
{
	return inotify_add_watch(f->inotify, path, IN_MODIFY);
}

/* inotify gives one file one number, whatever it is called. */
static void
unwatch(struct log_follow *f, int *watch_id)
{
	size_t users = 0;

	for (size_t i = 0; i < f->n; i++)
		users += (f->log[i].watch == *watch_id) + (f->log[i].next_watch == *watch_id);
	if (*watch_id >= 0 && users == 1)
		(void) inotify_rm_watch(f->inotify, *watch_id);
	*watch_id = -1;
}

static int
open_regular(const char *path, struct stat *ret_st)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return -ENODEV;
	r = fd;
	fd = -1;
	return r;
}

static void
take_file(struct followed_log *x, int fd, const struct stat *st, off_t at)
{
	closep(&x->fd);
	x->fd = fd;
	x->dev = st->st_dev;
	x->inode = st->st_ino;
	x->at = at;
}

static void
begin_anew(struct followed_log *x)
{
	x->at = 0;
	x->tail_n = 0;
	line_buffer_reset(&x->lines);
}

/* The file of this name, from its beginning. */
static void
open_next(struct log_follow *f, struct followed_log *x)
{
	int next = watch(f, x->path); /* first, so that nothing grows unseen */
	struct stat st;
	int fd = open_regular(x->path, &st);

	if (next != x->watch)
		unwatch(f, &x->watch);
	x->watch = next;
	x->next_watch = -1;
	begin_anew(x);
	if (fd >= 0)
		take_file(x, fd, &st, 0);
	else
		closep(&x->fd);
}

/* The file still has before x->at what was read there. */
static bool
is_known(const struct followed_log *x, int fd, off_t size)
{
	char tail[TAIL];

	return size >= x->at && read_at(fd, tail, x->tail_n, x->at - (off_t) x->tail_n) == (ssize_t) x->tail_n &&
	       memcmp(tail, x->tail, x->tail_n) == 0;
}

/* It was cut to nothing, and may have grown again. If there is a copy, the rest of that comes first: from here
 * on it is the old file of a rotation. */
static void
after_truncation(struct followed_log *x)
{
	_cleanup_(freep) char *path = xasprintf("%s.1", x->path);
	struct stat st;
	int fd = open_regular(path, &st);

	if (fd >= 0 && x->tail_n > 0 && is_known(x, fd, st.st_size)) {
		take_file(x, fd, &st, x->at);
		return;
	}
	closep(&fd);
	begin_anew(x);
}

static void
check_truncation(struct followed_log *x)
{
	struct stat st;

	if (fstat(x->fd, &st) == 0 && !is_known(x, x->fd, st.st_size))
		after_truncation(x);
}

static void
keep_tail(struct followed_log *x, const char *data, size_t n)
{
	size_t kept = n < TAIL ? MIN(x->tail_n, TAIL - n) : 0, added = MIN(n, TAIL);

	memmove(x->tail, x->tail + x->tail_n - kept, kept);
	memcpy(x->tail + kept, data + n - added, added);
	x->tail_n = kept + added;
}

/* At most *budget bytes. 1: its end was reached. */
static int
read_lines(struct followed_log *x, unsigned log, size_t *budget, log_line_fn *fn, void *arg)
{
	while (*budget > 0) {
		size_t room, n;
		char *to = line_buffer_room(&x->lines, &room);
		ssize_t got = read_at(x->fd, to, MIN(room, *budget), x->at);
		const char *line;

		if (got <= 0)
			return got < 0 ? (int) got : 1;
		keep_tail(x, to, (size_t) got);
		x->at += got;
		*budget -= (size_t) got;
		line_buffer_added(&x->lines, (size_t) got);
		while (line_buffer_next(&x->lines, &line, &n))
			fn(arg, log, line, n);
	}
	return 0;
}

/* At the end of the open file: true if another one has its name and is written to, so that nobody writes to
 * this one any more. */
static bool
is_over(struct log_follow *f, struct followed_log *x)
{
	struct stat st;

	if (stat(x->path, &st) < 0 || (st.st_dev == x->dev && st.st_ino == x->inode))
		return false;
	if (st.st_size > 0)
		return true;
	if (x->next_watch < 0)
		x->next_watch = watch(f, x->path);
	/* it may have grown before it was watched */
	return stat(x->path, &st) == 0 && st.st_size > 0;
}

static int
read_log(struct log_follow *f, size_t i, size_t *budget, log_line_fn *fn, void *arg)
{
	struct followed_log *x = &f->log[i];
	int r = 1;

	if (x->fd < 0)
		open_next(f, x);
	else
		check_truncation(x);
	while (r == 1 && x->fd >= 0) {
		r = read_lines(x, (unsigned) i, budget, fn, arg);
		if (r != 1)
			break;
		if (!is_over(f, x)) {
			x->due = false;
			break;
		}
		r = read_lines(x, (unsigned) i, budget, fn, arg); /* what came between its end and the look */
		if (r == 1)
			open_next(f, x);
	}
	x->due = x->due && x->fd >= 0 && r >= 0;
	return MIN(r, 0);
}

/* -- all of them -- */

/* Where the line begins in which the file ends, or its end. */
static off_t
line_begin(int fd, off_t at)
{
	char text[4096];
	off_t from = at - MIN(at, (off_t) sizeof(text));
	ssize_t n = read_at(fd, text, (size_t) (at - from), from);

	while (n > 0 && text[n - 1] != '\n')
		n--;
	return n > 0 ? from + n : from == 0 ? 0 : at;
}

static int
watch_directory(struct log_follow *f, const char *path)
{
	_cleanup_(freep) char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int r;

	if (!slash)
		return -EINVAL;
	slash[slash == dir] = '\0';
	r = inotify_add_watch(f->inotify, dir, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	return r < 0 ? -errno : r;
}

int
log_follow_add(struct log_follow *f, const char *path)
{
	struct followed_log *x = &f->log[f->n];
	struct stat st;
	int dir_watch, fd;

	if (f->n == MAX_LOGS)
		return -E2BIG;
	dir_watch = watch_directory(f, path);
	if (dir_watch < 0)
		return dir_watch;
	memset(x, 0, sizeof(*x));
	x->path = xstrdup(path);
	x->name = strrchr(x->path, '/') + 1;
	x->dir_watch = dir_watch;
	x->next_watch = -1;
	x->watch = watch(f, path);
	x->fd = -1;
	line_buffer_init(&x->lines);
	fd = open_regular(path, &st);
	if (fd >= 0) {
		off_t at = line_begin(fd, st.st_size);

		x->tail_n = (size_t) MIN(at, TAIL);
		if (read_at(fd, x->tail, x->tail_n, at - (off_t) x->tail_n) != (ssize_t) x->tail_n)
			x->tail_n = 0;
		take_file(x, fd, &st, at);
	}
	x->due = true;
	return (int) f->n++;
}

static void
mark(struct log_follow *f, const struct inotify_event *e)
{
	for (size_t i = 0; i < f->n; i++) {
		struct followed_log *x = &f->log[i];

		if (e->mask & IN_Q_OVERFLOW)
			x->due = true;
		else if (e->wd == x->dir_watch && e->len > 0)
			x->due = x->due || strcmp(e->name, x->name) == 0;
		else if (e->wd == x->watch || e->wd == x->next_watch)
			x->due = true;
	}
}

static void
read_events(struct log_follow *f)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(f->inotify, buf, sizeof(buf))) > 0)
		for (const char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *) (const void *) p;

			mark(f, e);
			p += sizeof(*e) + e->len;
		}
}

static void
set_more(struct log_follow *f, bool more)
{
	uint64_t n = 1;

	if (more == f->more_set)
		return;
	f->more_set = more;
	if ((more ? write(f->more, &n, sizeof(n)) : read(f->more, &n, sizeof(n))) < 0)
		f->more_set = !more; /* tried again at the next call */
}

int
log_follow_read(struct log_follow *f, log_line_fn *fn, void *arg)
{
	size_t budget = FOLLOW_BYTES;
	bool more = false;
	int r = 0;

	read_events(f);
	for (size_t k = 0; k < f->n && budget > 0; k++) { /* each in turn is the first */
		size_t i = (f->next + k) % f->n;

		if (f->log[i].due)
			r = MIN(r, read_log(f, i, &budget, fn, arg));
	}
	f->next = f->n ? (f->next + 1) % f->n : 0;
	for (size_t i = 0; i < f->n; i++)
		more = more || f->log[i].due;
	set_more(f, more);
	return r;
}

void
log_follow_look(struct log_follow *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->log[i].due = true;
}
