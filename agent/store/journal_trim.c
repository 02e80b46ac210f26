/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/journal_trim.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>

#include "base/file.h"
#include "base/util.h"
#include "store/lines.h"

#define EVERY 3600.0	       /* seconds between two looks */
#define MAX_JUMP 60.0	       /* seconds: a clock that went so far meanwhile was set */
#define WORTH 10	       /* per cent of the journal: for less it is not written anew */
#define STEP ((off_t) 4 << 20) /* bytes copied at a tick: 0.8 MiB/s */
#define DAY 86400.0

static char *
new_path(const char *path)
{
	return xasprintf("%s.new", path);
}

void
journal_trim_init(struct journal_trim *t, const char *path)
{
	_cleanup_(freep) char *left = new_path(path);

	*t = (struct journal_trim){.to = {.fd = -1}};
	(void) unlink(left);
}

void
journal_trim_done(struct journal_trim *t, const char *path)
{
	_cleanup_(freep) char *new = new_path(path);

	if (t->to.fd < 0)
		return;
	closep(&t->to.fd);
	(void) unlink(new);
}

/* Hourly. *steady: the clock was not set in this hour, so that ages can be told. */
static bool
is_time(struct journal_trim *t, const struct tick *now, bool *steady)
{
	struct tick passed = {now->mono - t->asked.mono, now->real - t->asked.real};

	if (t->asked.real == 0)
		t->asked = *now;
	else if (passed.mono >= EVERY) {
		t->asked = *now;
		*steady = fabs(passed.real - passed.mono) < MAX_JUMP;
		return true;
	}
	return false;
}

struct cutting {
	double oldest;	 /* seconds since 1970: what ended before may go; -INFINITY: nothing */
	uint64_t before; /* what lies before this place must go */
	struct journal_file cut;
};

/* From the oldest on, until one is to be kept. One without a time goes with its neighbours. */
static bool
cut_entry(void *arg, const struct journal_entry *e)
{
	struct cutting *c = arg;
	bool old = isfinite(c->oldest) && !(journal_entry_time(e) >= c->oldest);

	if (!old && e->at >= c->before)
		return false;
	c->cut.dropped = journal_entry_end(e);
	journal_entry_count(e, &c->cut.ended, &c->cut.failed);
	return true;
}

/* 1 if something is to go: *ret says what the new file will have dropped. */
static int
find_cut(const struct journal_limits *limits, double now, const struct journal_file *f, const struct journal_index *x,
    uint64_t end, struct journal_file *ret)
{
	uint64_t size = end - f->dropped;
	struct cutting c = {.oldest = limits->days ? now - (double) limits->days * DAY : -INFINITY, .cut = *f};
	int r;

	if (limits->bytes && size > limits->bytes)
		c.before = end - limits->bytes / 100 * (100 - WORTH);
	r = journal_index_each(x, f, cut_entry, &c);
	if (r < 0 || (c.cut.dropped - f->dropped) < size / 100 * WORTH || c.cut.dropped == f->dropped)
		return r;
	*ret = c.cut;
	return 1;
}

static int
begin(struct journal_trim *t, const struct journal_file *cut, const char *path, gid_t gid)
{
	_cleanup_(freep) char *new = new_path(path);
	char header[256];
	int r, fd = -1;

	t->to = *cut;
	t->to.header = journal_file_header(cut, header, sizeof(header));
	t->copied = cut->dropped;
	r = lines_open(new, O_TRUNC | O_APPEND, gid, &fd);
	t->to.fd = fd;
	return r < 0 ? r : write_all(fd, header, (size_t) t->to.header);
}

/* Down to the disk at each tick, so that no tick has to wait for all of it. */
static int
copy(struct journal_trim *t, const struct journal_file *f, uint64_t end)
{
	off_t from = journal_file_offset(f, t->copied);
	off_t to = MIN(journal_file_offset(f, end), from + STEP);
	int r = lines_copy(f->fd, from, to, t->to.fd);

	if (r == 0 && fdatasync(t->to.fd) < 0)
		r = -errno;
	if (r == 0)
		t->copied = journal_file_at(f, to);
	return r;
}

static int
replace(struct journal_trim *t, const char *path, gid_t gid, struct journal_file *f, struct journal_index *x)
{
	_cleanup_(freep) char *new = new_path(path);
	int r;

	if (fsync(t->to.fd) < 0 || rename(new, path) < 0)
		return -errno;
	closep(&f->fd);
	x->ended -= t->to.ended - f->ended;
	x->failed -= t->to.failed - f->failed;
	*f = t->to;
	t->to.fd = -1;
	r = sync_directory(path);
	(void) journal_index_trim(x, gid, f); /* an index with dropped records serves as well */
	return r;
}

int
journal_trim(struct journal_trim *t, const struct journal_limits *limits, const struct tick *now,
    const char *path, gid_t gid, struct journal_file *f, struct journal_index *x)
{
	struct journal_limits l = *limits;
	struct journal_file cut;
	bool steady = true;
	uint64_t end;
	int r;

	if (t->to.fd < 0 && !is_time(t, now, &steady))
		return 0;
	if (!steady)
		l.days = 0;
	r = journal_file_end(f, &end);
	if (r == 0 && t->to.fd < 0) {
		r = find_cut(&l, now->real, f, x, end, &cut);
		if (r <= 0)
			return r;
		r = begin(t, &cut, path, gid);
	}
	if (r == 0)
		r = copy(t, f, end);
	if (r == 0 && t->copied == end)
		r = replace(t, path, gid, f, x);
	if (r < 0)
		journal_trim_done(t, path);
	return r;
}
