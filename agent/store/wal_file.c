/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/wal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"

#define PART "store"
#define MAGIC "xswal001"

void
wal_head_make(struct wal_head *h)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	for (enum rrd_kind k = 0; k < RRD_KINDS; k++) {
		const struct metric_scope_info *scope = &metric_scopes[rrd_kinds[k].scope];

		for (enum metric_id id = scope->first; id < scope->end; id++)
			if (*metric_table[id].ds)
				str_copy(
				    h->column[k][h->n[k]++], RRD_NAME_SIZE, metric_table[id].ds);
	}
}

/* Where the columns of a file, which an older agent may have written, belong in our table. */
static bool
map_columns(struct wal_file *f)
{
	if (memcmp(f->head.magic, MAGIC, sizeof(f->head.magic)) != 0)
		return false;
	memset(f->row, -1, sizeof(f->row));
	for (enum rrd_kind k = 0; k < RRD_KINDS; k++) {
		const struct metric_scope_info *scope = &metric_scopes[rrd_kinds[k].scope];

		if (f->head.n[k] > MAX_SOURCES)
			return false;
		for (size_t c = 0; c < f->head.n[k]; c++)
			for (enum metric_id id = scope->first; id < scope->end; id++)
				if (strncmp(f->head.column[k][c], metric_table[id].ds,
					RRD_NAME_SIZE) == 0)
					f->row[k][c] = (signed char) (id - scope->first);
	}
	return true;
}

size_t
wal_row_size(const struct wal_file *f, enum rrd_kind kind)
{
	return WAL_UUID_SIZE + f->head.n[kind] * sizeof(double);
}

static bool
is_sound(const struct wal_file *f, const struct wal_record *r)
{
	size_t size = sizeof(*r);

	for (enum rrd_kind k = 0; k < RRD_KINDS && r->type == WAL_TICK && r->n[k] < WAL_MAX_RECORD;
	     k++)
		size += r->n[k] * wal_row_size(f, k);
	return r->size >= sizeof(*r) && r->size <= WAL_MAX_RECORD && r->size % 8 == 0 &&
	       (r->type == WAL_TICK ? r->size == size : r->type == WAL_STATES);
}

void
wal_file_close(struct wal_file *f)
{
	closep(&f->fd);
	for (size_t i = 0; i < f->n; i++)
		free(f->tick[i].window);
	free(f->tick);
	*f = (struct wal_file){.fd = -1};
}

void
wal_file_scan(struct wal_file *f)
{
	struct wal_record r;
	struct stat st;

	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return;
	while (st.st_size - f->end >= (off_t) sizeof(r) &&
	       read_at(f->fd, &r, sizeof(r), f->end) == sizeof(r) && is_sound(f, &r) &&
	       st.st_size - f->end >= (off_t) r.size) {
		if (r.type == WAL_TICK) {
			if (f->n % WAL_MAX_TICKS == 0)
				f->tick =
				    xrealloc(f->tick, (f->n + WAL_MAX_TICKS) * sizeof(*f->tick));
			f->tick[f->n] =
			    (struct wal_tick){.at = r.at, .begins = r.begins, .boot = r.boot};
			f->tick[f->n].offset = f->end + (off_t) sizeof(r);
			memcpy(f->tick[f->n++].n, r.n, sizeof(f->tick->n));
		}
		f->last = f->end;
		f->end += (off_t) r.size;
	}
}

int
wal_file_open(struct wal_file *f, const char *dir, const char *name, int flags)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);
	ssize_t n;

	*f = (struct wal_file){.fd = open(path, flags | O_CLOEXEC | O_NOCTTY)};
	if (f->fd < 0)
		return -errno;
	n = read_at(f->fd, &f->head, sizeof(f->head), 0);
	if (n == sizeof(f->head) && map_columns(f)) {
		f->end = sizeof(f->head);
		return 0;
	}
	closep(&f->fd);
	return n < 0 ? (int) n : -EBADMSG;
}

int
wal_record_read(const struct wal_file *f, struct wal_record **ret)
{
	_cleanup_(freep) struct wal_record *r = xmalloc(sizeof(*r));
	uint32_t size;

	if (read_at(f->fd, r, sizeof(*r), f->end) != sizeof(*r) || !is_sound(f, r))
		return -EBADMSG;
	size = r->size;
	r = xrealloc(r, size);
	if (read_at(f->fd, r, size, f->end) != (ssize_t) size ||
	    r->crc != crc32(0, (const Bytef *) &r->size, size - sizeof(r->crc)))
		return -EBADMSG;
	*ret = TAKE_PTR(r);
	return 0;
}

int
wal_file_check(struct wal_file *f, const char *name, uint32_t boot)
{
	struct wal_record *r;
	struct stat st;

	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return 0;
	wal_file_scan(f);
	/* a kill tears nothing but what was being written, a power cut all that was not on disk */
	f->end = f->n > 0 && f->tick[f->n - 1].boot == boot ? f->last : (off_t) sizeof(f->head);
	while (wal_record_read(f, &r) == 0) {
		f->end += (off_t) r->size;
		free(r);
	}
	if (f->end < st.st_size) {
		log_warn(PART,
		    "%s: the log ends after %lld of %lld bytes: what is behind was not written "
		    "whole",
		    name, (long long) f->end, (long long) st.st_size);
		if (ftruncate(f->fd, f->end) < 0)
			return -errno;
		f->end = sizeof(f->head);
		f->n = 0;
		wal_file_scan(f);
	}
	return 0;
}

/* Reads n rows, from row first on, into t->window. */
static int
window_read(
    const struct wal_file *f, struct wal_tick *t, enum rrd_kind kind, size_t first, size_t n)
{
	size_t size = wal_row_size(f, kind);
	off_t at = t->offset + (off_t) (first * size);

	for (enum rrd_kind k = 0; k < kind; k++)
		at += (off_t) (t->n[k] * wal_row_size(f, k));
	t->window = xrealloc(t->window, n * size + 1);
	t->kind = kind;
	t->first = first;
	t->n_window = n;
	if (read_at(f->fd, t->window, n * size, at) == (ssize_t) (n * size))
		return 0;
	t->n_window = 0;
	return -EIO;
}

/* The row at a place, by the window; NULL: there is none. */
static const char *
row_at(const struct wal_file *f, struct wal_tick *t, enum rrd_kind kind, size_t where)
{
	if (where >= t->n[kind])
		return NULL;
	if ((t->kind != kind || where < t->first || where - t->first >= t->n_window) &&
	    window_read(f, t, kind, where, MIN(t->n[kind] - where, WAL_NEIGHBOURS)) < 0)
		return NULL;
	return t->window + (where - t->first) * wal_row_size(f, kind);
}

const char *
wal_row_find(const struct wal_file *f, struct wal_tick *t, enum rrd_kind kind, const uint8_t *uuid,
    size_t *where)
{
	const char *row = row_at(f, t, kind, *where);
	size_t size = wal_row_size(f, kind), n = t->n[kind], i = 0;

	if ((row && memcmp(row, uuid, WAL_UUID_SIZE) == 0) || n == 0)
		return row;
	if (window_read(f, t, kind, 0, n) < 0)
		return NULL;
	while (i < n && memcmp(t->window + i * size, uuid, WAL_UUID_SIZE) != 0)
		i++;
	t->n_window = 0; /* too much to be kept */
	t->window = xrealloc(t->window, 1);
	if (i == n)
		return NULL;
	*where = i;
	return row_at(f, t, kind, i);
}

void
wal_row_values(const struct wal_file *f, enum rrd_kind kind, const char *row, double *ret)
{
	for (size_t i = 0; i < MAX_SOURCES; i++)
		ret[i] = NAN;
	for (size_t c = 0; c < f->head.n[kind]; c++)
		if (f->row[kind][c] >= 0)
			memcpy(&ret[f->row[kind][c]], row + WAL_UUID_SIZE + c * sizeof(double),
			    sizeof(double));
}
