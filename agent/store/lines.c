/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"

#define BLOCK ((size_t) 64 << 10)

int
lines_open(const char *path, int flags, gid_t gid, int *ret_fd)
{
	_cleanup_(closep) int fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0640);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_gid != gid && fchown(fd, (uid_t) -1, gid) < 0) || fchmod(fd, 0640) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* The n bytes of the file from pos on: what was read and not handed over yet. */
struct window {
	char *text;
	size_t n, room;
	off_t pos;
	bool skip; /* its last line is not to be handed over: torn, or too long and in part
		      forgotten */
};

static void
window_done(struct window *w)
{
	free(w->text);
}

static void
make_room(struct window *w, size_t more)
{
	if (w->n + more > w->room) {
		w->room = MAX(w->room * 2, w->n + more);
		w->text = xrealloc(w->text, w->room);
	}
}

/* As much more before what is there, so that a long line is not moved for each of its blocks. */
static int
grow(struct window *w, int fd, off_t from, size_t max)
{
	size_t more = (size_t) MIN((off_t) MAX(BLOCK, w->n), w->pos - from);
	ssize_t got;

	if (w->n > max) {
		w->n = 0;
		w->skip = true;
	}
	make_room(w, more);
	memmove(w->text + more, w->text, w->n);
	w->pos -= (off_t) more;
	got = read_at(fd, w->text, more, w->pos);
	if (got < 0)
		return (int) got;
	if ((size_t) got < more)
		return -ESTALE;
	w->n += more;
	return 0;
}

/* False when fn has had enough. */
static bool
hand_over(struct window *w, size_t start, size_t max, line_fn *fn, void *arg)
{
	size_t n = w->n - start;
	bool skip = w->skip || n > max;

	w->skip = false;
	w->n = start;
	return skip || fn(arg, w->text + start, n, w->pos + (off_t) start);
}

int
lines_backwards(int fd, off_t from, off_t to, size_t max, line_fn *fn, void *arg)
{
	_cleanup_(window_done) struct window w = {.pos = to, .skip = true};
	int r;

	for (;;) {
		char *end = w.n ? memrchr(w.text, '\n', w.n) : NULL;

		if (!end && w.pos <= from)
			break;
		if (!end) {
			r = grow(&w, fd, from, max);
			if (r < 0)
				return r == -ESTALE ? 0 : r;
			continue;
		}
		if (!hand_over(&w, (size_t) (end - w.text) + 1, max, fn, arg))
			return 0;
		w.n--; /* the line end before it */
	}
	if (w.n > 0)
		(void) hand_over(&w, 0, max, fn, arg);
	return 0;
}

/* Hands over the whole lines of the window and keeps the rest. False when fn has had enough. */
static bool
hand_over_whole(struct window *w, size_t max, line_fn *fn, void *arg)
{
	char *line = w->text, *end;
	bool more = true;

	while (more && (end = memchr(line, '\n', w->n - (size_t) (line - w->text))) != NULL) {
		if (!w->skip && (size_t) (end - line) <= max)
			more = fn(arg, line, (size_t) (end - line), w->pos + (line - w->text));
		w->skip = false;
		line = end + 1;
	}
	w->n -= (size_t) (line - w->text);
	w->pos += line - w->text;
	memmove(w->text, line, w->n);
	return more;
}

int
lines_forwards(int fd, off_t from, off_t to, size_t max, line_fn *fn, void *arg)
{
	_cleanup_(window_done) struct window w = {.pos = from};

	while (w.pos + (off_t) w.n < to) {
		size_t more = (size_t) MIN((off_t) MAX(BLOCK, w.n), to - w.pos - (off_t) w.n);
		ssize_t got;

		make_room(&w, more);
		got = read_at(fd, w.text + w.n, more, w.pos + (off_t) w.n);
		if (got < 0)
			return (int) got;
		w.n += (size_t) got;
		if (!hand_over_whole(&w, max, fn, arg) || (size_t) got < more)
			break;
		if (w.n > max) {
			w.pos += (off_t) w.n;
			w.n = 0;
			w.skip = true;
		}
	}
	return 0;
}

int
lines_whole(int fd, off_t size, off_t *ret_whole)
{
	char block[4096];

	while (size > 0) {
		size_t n = (off_t) sizeof(block) < size ? sizeof(block) : (size_t) size;
		ssize_t got = read_at(fd, block, n, size - (off_t) n);
		char *end;

		if (got < 0)
			return (int) got;
		end = memrchr(block, '\n', (size_t) got);
		if (end) {
			size = size - (off_t) n + (end - block) + 1;
			break;
		}
		size -= (off_t) n;
	}
	*ret_whole = size;
	return 0;
}

int
lines_copy(int fd, off_t from, off_t to, int out)
{
	_cleanup_(freep) char *block = xmalloc(BLOCK);

	while (from < to) {
		size_t n = (size_t) MIN((off_t) BLOCK, to - from);
		ssize_t got = read_at(fd, block, n, from);
		int r = got < 0 ? (int) got : write_all(out, block, (size_t) got);

		if (r < 0)
			return r;
		if ((size_t) got < n)
			return -ESTALE;
		from += got;
	}
	return 0;
}

/* The bytes of fd from start to end, appended to path. */
static int
set_aside(int fd, off_t start, off_t end, const char *path)
{
	_cleanup_(closep) int to =
	    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	int r = to < 0 ? -errno : lines_copy(fd, start, end, to);

	if (r < 0)
		return r;
	if (write_all(to, "\n", 1) < 0 || fdatasync(to) < 0)
		return -errno;
	return 0;
}

int
lines_repair(int fd, const char *path, off_t *ret_size)
{
	_cleanup_(freep) char *torn = xasprintf("%s.torn", path);
	struct stat st;
	off_t whole;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	r = lines_whole(fd, st.st_size, &whole);
	if (r < 0)
		return r;
	*ret_size = whole;
	if (whole == st.st_size)
		return 0;
	r = set_aside(fd, whole, st.st_size, torn);
	if (r < 0)
		return r;
	return ftruncate(fd, whole) < 0 || fdatasync(fd) < 0 ? -errno : 1;
}

int
lines_append(int fd, const char *text, size_t n, bool sync)
{
	struct stat st;
	off_t whole;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* An append that failed and could not be taken back has left a piece. */
	r = lines_whole(fd, st.st_size, &whole);
	if (r < 0)
		return r;
	if (whole != st.st_size && ftruncate(fd, whole) < 0)
		return -errno;
	r = write_all(fd, text, n);
	if (r == 0 && sync && fdatasync(fd) < 0)
		r = -errno;
	if (r < 0 && ftruncate(fd, whole) < 0)
		return r; /* the next one takes the piece away */
	return r;
}
