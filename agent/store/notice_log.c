/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/notice_log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/util.h"
#include "store/lines.h"

#define NAME "events.jsonl"
#define OLD_NAME "events.jsonl.1"
#define MAX_FILE (1 << 20) /* bytes; some 2000 notices */
#define MAX_LINE (16 << 10)

struct notice_log {
	char *path, *old_path;
	gid_t gid;
	int fd;
	uint64_t seq; /* the last that was given */
};

static int
open_file(struct notice_log *l)
{
	return lines_open(l->path, O_APPEND, l->gid, &l->fd);
}

static bool
take_newest(void *arg, uint64_t seq, const char *line, size_t n)
{
	(void) line;
	(void) n;
	*(uint64_t *) arg = seq;
	return false;
}

int
notice_log_open(const char *dir, gid_t gid, struct notice_log **ret, const char **ret_note)
{
	struct notice_log *l = xcalloc(1, sizeof(*l));
	off_t size;
	int r;

	l->path = xasprintf("%s/" NAME, dir);
	l->old_path = xasprintf("%s/" OLD_NAME, dir);
	l->gid = gid;
	l->fd = -1;
	r = open_file(l);
	if (r == 0)
		r = lines_repair(l->fd, l->path, &size);
	*ret_note = r > 0 ? "the last event was torn: set aside in " NAME ".torn" : NULL;
	if (r >= 0)
		r = notice_log_read(dir, take_newest, &l->seq);
	if (r < 0) {
		notice_log_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

void
notice_log_close(struct notice_log *l)
{
	if (!l)
		return;
	closep(&l->fd);
	free(l->path);
	free(l->old_path);
	free(l);
}

/* Once the file cannot take n more bytes. A new one that cannot be opened is tried again with the next notice. */
static int
rotate(struct notice_log *l, size_t n)
{
	struct stat st;

	if (l->fd >= 0) {
		if (fstat(l->fd, &st) < 0)
			return -errno;
		if ((size_t) st.st_size + n <= MAX_FILE)
			return 0;
		if (rename(l->path, l->old_path) < 0)
			return -errno;
		closep(&l->fd);
	}
	return open_file(l);
}

int
notice_log_add(struct notice_log *l, struct notice *n, char **ret_json)
{
	_cleanup_(freep) char *line = NULL;
	size_t size;
	int r;

	n->seq = ++l->seq;
	*ret_json = notice_json(n);
	line = xasprintf("%s\n", *ret_json);
	size = strlen(line);
	r = rotate(l, size);
	return r < 0 ? r : lines_append(l->fd, line, size, true);
}

/* --- readers --- */

struct reading {
	notice_line_fn *fn;
	void *arg;
	uint64_t last; /* the number of the line before */
	bool enough;
};

/* The number that notice_json writes first; 0: no such line. */
static uint64_t
line_seq(const char *line, size_t n)
{
	static const char begin[] = "{\"seq\":";
	size_t i = sizeof(begin) - 1;
	uint64_t seq = 0;

	if (n < i || memcmp(line, begin, i) != 0)
		return 0;
	for (; i < n && isdigit((unsigned char) line[i]) && seq < UINT64_MAX / 16; i++)
		seq = seq * 10 + (uint64_t) (line[i] - '0');
	return i < n && line[i] == ',' ? seq : 0;
}

/* While it is read the file may become the old one, so that its lines come twice. */
static bool
on_line(void *arg, const char *line, size_t n, off_t at)
{
	struct reading *x = arg;
	uint64_t seq = line_seq(line, n);

	(void) at;
	if (seq == 0 || seq >= x->last)
		return true;
	x->last = seq;
	x->enough = !x->fn(x->arg, seq, line, n);
	return !x->enough;
}

static int
read_file(const char *dir, const char *name, struct reading *x)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? lines_backwards(fd, 0, st.st_size, MAX_LINE, on_line, x) : -EINVAL;
}

int
notice_log_read(const char *dir, notice_line_fn *fn, void *arg)
{
	struct reading x = {.fn = fn, .arg = arg, .last = UINT64_MAX};
	int r = read_file(dir, NAME, &x);

	return r < 0 || x.enough ? r : read_file(dir, OLD_NAME, &x);
}
