/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/journal_index.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/util.h"
#include "store/lines.h"

#define SIZE sizeof(struct journal_entry)

ssize_t
journal_index_read(int fd, uint64_t i, struct journal_entry *ret, size_t n)
{
	ssize_t got = read_at(fd, ret, n * SIZE, (off_t) (i * SIZE));

	return got < 0 ? got : got / (ssize_t) SIZE;
}

bool
journal_entry_fits(const struct journal_entry *e, uint64_t from, uint64_t to)
{
	return e->format == JOURNAL_ENTRY_FORMAT && e->n <= MAX_RECORD_JSON && e->at >= from && e->at < to &&
	    journal_entry_end(e) <= to;
}

void
journal_entry_count(const struct journal_entry *e, uint64_t *ended, uint64_t *failed)
{
	if (e->direction == DIRECTION_PROBE)
		return;
	++*ended;
	*failed += e->result != RESULT_COMPLETED;
}

static int
each_entry(const struct journal_index *x, uint64_t n, journal_entry_fn *fn, void *arg)
{
	_cleanup_(freep) struct journal_entry *block = xmalloc(INDEX_BLOCK * SIZE);

	for (uint64_t i = 0; i < n;) {
		ssize_t got = journal_index_read(x->fd, i, block, (size_t) MIN(n - i, INDEX_BLOCK));

		if (got <= 0)
			return (int) got;
		for (ssize_t k = 0; k < got; k++)
			if (!fn(arg, &block[k]))
				return 0;
		i += (uint64_t) got;
	}
	return 0;
}

struct living {
	uint64_t dropped;
	journal_entry_fn *fn;
	void *arg;
};

static bool
pass_living(void *arg, const struct journal_entry *e)
{
	const struct living *l = arg;

	return e->at < l->dropped || l->fn(l->arg, e);
}

int
journal_index_each(const struct journal_index *x, const struct journal_file *f, journal_entry_fn *fn, void *arg)
{
	struct living l = {f->dropped, fn, arg};

	return each_entry(x, x->n, pass_living, &l);
}

/* --- what is there --- */

struct loading {
	struct journal_index *x;
	const struct journal_file *f;
	uint64_t last; /* the file's end */
	uint64_t end;  /* of the entry before */
	struct journal_entry first, newest; /* of those that live */
	bool living;
};

static bool
load_entry(void *arg, const struct journal_entry *e)
{
	struct loading *l = arg;

	if (!journal_entry_fits(e, l->end, l->last))
		return false;
	l->end = journal_entry_end(e);
	l->x->n++;
	if (e->at < l->f->dropped)
		return true;
	if (!l->living)
		l->first = *e;
	l->living = true;
	l->newest = *e;
	journal_entry_count(e, &l->x->ended, &l->x->failed);
	return true;
}

static bool
is_true(const struct journal_file *f, const struct journal_entry *e)
{
	_cleanup_(freep) char *line = NULL;
	struct journal_entry read;

	return journal_file_line(f, e->at, e->n, &line) == 0 && journal_entry_of(line, e->n, &read) &&
	    read.id == e->id;
}

/* Takes the entries that fit, and none if the first or the last is of another line, or the oldest are missing. */
static void
load(struct journal_index *x, const struct journal_file *f, uint64_t last)
{
	struct loading l = {.x = x, .f = f, .last = last};

	if (each_entry(x, UINT64_MAX, load_entry, &l) < 0 ||
	    (l.living && (l.first.at > f->dropped || !is_true(f, &l.first) || !is_true(f, &l.newest))))
		x->n = x->ended = x->failed = l.end = 0;
	x->end = x->counted = MAX(l.end, f->dropped);
	if (ftruncate(x->fd, (off_t) (x->n * SIZE)) < 0)
		closep(&x->fd); /* rather none than one that says what is not so */
}

/* --- what is new --- */

struct extending {
	struct journal_index *x;
	const struct journal_file *f;
	struct journal_entry *entry; /* not written yet */
	size_t n;
	int error;
};

static void
flush(struct extending *e)
{
	size_t bytes = e->n * SIZE;
	ssize_t done = 0;

	if (e->n > 0 && e->error == 0) {
		done = pwrite(e->x->fd, e->entry, bytes, (off_t) (e->x->n * SIZE));
		e->error = done < 0 ? -errno : (size_t) done < bytes ? -ENOSPC : 0;
	}
	if (e->n > 0 && e->error == 0) {
		e->x->n += e->n;
		e->x->end = journal_entry_end(&e->entry[e->n - 1]);
	}
	e->n = 0;
}

static bool
add_line(void *arg, const char *line, size_t n, off_t offset)
{
	struct extending *e = arg;
	struct journal_entry *entry = &e->entry[e->n];

	if (!journal_entry_of(line, n, entry))
		return true;
	entry->at = journal_file_at(e->f, offset);
	if (entry->at >= e->x->counted) {
		journal_entry_count(entry, &e->x->ended, &e->x->failed);
		e->x->counted = journal_entry_end(entry);
	}
	if (++e->n == INDEX_BLOCK)
		flush(e);
	return true;
}

/* ret_error: why entries could not be written. */
static int
extend(struct journal_index *x, const struct journal_file *f, uint64_t last, int *ret_error)
{
	_cleanup_(freep) struct journal_entry *block = xmalloc(INDEX_BLOCK * SIZE);
	struct extending e = {.x = x, .f = f, .entry = block};
	uint64_t from = x->fd < 0 ? x->counted : x->end;
	int r = lines_forwards(f->fd, journal_file_offset(f, from), journal_file_offset(f, last), MAX_RECORD_JSON,
	    add_line, &e);

	flush(&e);
	if (r == 0 && e.error == 0)
		x->end = last;
	*ret_error = e.error;
	return r;
}

int
journal_index_extend(struct journal_index *x, const struct journal_file *f)
{
	uint64_t last;
	int error = 0, r = journal_file_end(f, &last);

	if (r == 0)
		r = extend(x, f, last, &error);
	return r < 0 ? r : error;
}

int
journal_index_open(struct journal_index *x, const char *dir, gid_t gid, const struct journal_file *f)
{
	uint64_t last;
	int error = 0, r = journal_file_end(f, &last);

	*x = (struct journal_index){.fd = -1, .path = xasprintf("%s/" JOURNAL_INDEX, dir)};
	if (r < 0)
		return r;
	x->end = x->counted = f->dropped;
	if (lines_open(x->path, 0, gid, &x->fd) == 0)
		load(x, f, last);
	r = extend(x, f, last, &error);
	if (error < 0) { /* none until the next start, rather than so long a journal read again with each record */
		closep(&x->fd);
		x->n = 0;
	}
	return r;
}

void
journal_index_close(struct journal_index *x)
{
	closep(&x->fd);
	free(TAKE_PTR(x->path));
}

/* --- without what was dropped --- */

struct writing {
	int fd, error;
	struct journal_entry *entry;
	size_t n;
	uint64_t total;
};

static bool
write_entry(void *arg, const struct journal_entry *e)
{
	struct writing *w = arg;

	w->entry[w->n++] = *e;
	w->total++;
	if (w->n == INDEX_BLOCK) {
		w->error = write_all(w->fd, w->entry, w->n * SIZE);
		w->n = 0;
	}
	return w->error == 0;
}

int
journal_index_trim(struct journal_index *x, gid_t gid, const struct journal_file *f)
{
	_cleanup_(freep) struct journal_entry *block = xmalloc(INDEX_BLOCK * SIZE);
	_cleanup_(freep) char *path = xasprintf("%s.new", x->path);
	_cleanup_(closep) int fd = -1;
	struct writing w = {.entry = block};
	int r = lines_open(path, O_TRUNC, gid, &fd);

	w.fd = fd;
	if (r == 0)
		r = journal_index_each(x, f, write_entry, &w);
	if (r == 0 && w.error == 0)
		w.error = write_all(fd, w.entry, w.n * SIZE);
	if (r == 0)
		r = w.error;
	if (r == 0 && rename(path, x->path) < 0)
		r = -errno;
	if (r < 0) {
		(void) unlink(path);
		return r;
	}
	closep(&x->fd);
	x->fd = fd;
	fd = -1;
	x->n = w.total;
	return 0;
}
