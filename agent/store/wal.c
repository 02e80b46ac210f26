/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/wal.h"

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <zlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "store/wal_file.h"

#define PART "store"
#define NAME "ticks.wal"
#define OLD_NAME NAME ".old"
#define FILE_MODE 0640
#define SYNC_INTERVAL 25.0 /* seconds: a power cut takes no more than 30 */
#define RECENT 60.0	   /* seconds after which the kernel has written down what was changed */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define MAX_BOOT_ID 64

struct wal {
	char *dir;
	gid_t gid;
	uint32_t boot;	      /* checksum of the kernel's name for it */
	struct wal_head head; /* of what is written */
	struct wal_file old, now;
	struct strbuf record; /* that is being made */
	struct aiocb sync;
	double synced; /* the tick at which it was asked for */
};

/* --- reading --- */

int
wal_open_to_read(const char *dir, struct wal **ret)
{
	struct wal *w = xcalloc(1, sizeof(*w));
	int r;

	w->old.fd = w->now.fd = -1;
	/* the new one first: if it becomes the old one meanwhile its ticks are there twice, not
	 * missing */
	r = wal_file_open(&w->now, dir, NAME, O_RDONLY);
	if (r == 0 || r == -ENOENT)
		r = wal_file_open(&w->old, dir, OLD_NAME, O_RDONLY);
	if (r < 0 && r != -ENOENT) {
		wal_close(w);
		return r;
	}
	wal_file_scan(&w->old);
	wal_file_scan(&w->now);
	*ret = w;
	return 0;
}

static const struct wal_tick *
newest(const struct wal *w)
{
	const struct wal_file *f = w->now.n ? &w->now : &w->old;

	return f->n ? &f->tick[f->n - 1] : NULL;
}

double
wal_newest(const struct wal *w)
{
	return newest(w) ? newest(w)->at : -INFINITY;
}

static void
reverse(struct wal_rows *rows)
{
	for (size_t i = 0; i < rows->n / 2; i++) {
		struct wal_row *a = &rows->row[i], *b = &rows->row[rows->n - 1 - i], c = *a;

		*a = *b;
		*b = c;
	}
}

void
wal_rows(struct wal *w, enum rrd_kind kind, const uint8_t *uuid, double since, bool all,
    size_t *where, struct wal_rows *ret)
{
	size_t left;

	wal_file_scan(&w->now);
	left = w->old.n + w->now.n;
	*ret = (struct wal_rows){0, xmalloc((left + 1) * sizeof(*ret->row))};
	while (left-- > 0) {
		struct wal_file *f = left < w->old.n ? &w->old : &w->now;
		struct wal_tick *t = &f->tick[f == &w->old ? left : left - w->old.n];
		struct wal_row *row = &ret->row[ret->n];
		const char *found;

		if (t->at < since && ret->n == 0)
			break;
		if (ret->n > 0 && t->at >= row[-1].at) /* twice in what is read, see above */
			continue;
		found = wal_row_find(f, t, kind, uuid, where);
		if (!found && ret->n > 0)
			row[-1].fresh = true;
		if (t->at < since || (!found && !all))
			break;
		if (found) {
			wal_row_values(f, kind, found, row->value);
			row->at = t->at;
			row->fresh = t->begins && rrd_kinds[kind].from_zero;
			ret->n++;
		}
	}
	reverse(ret);
}

/* --- writing --- */

static bool
is_syncing(const struct wal *w)
{
	return w->sync.aio_fildes > 0 && aio_error(&w->sync) == EINPROGRESS;
}

static void
sync_wait(const struct wal *w)
{
	const struct aiocb *list[] = {&w->sync};

	while (is_syncing(w))
		(void) aio_suspend(list, 1, NULL);
}

/* Down to the disk, by a thread of the C library's: that may take long. */
static void
sync_begin(struct wal *w)
{
	if (is_syncing(w))
		return;
	w->sync =
	    (struct aiocb){.aio_fildes = w->now.fd, .aio_sigevent = {.sigev_notify = SIGEV_NONE}};
	if (aio_fsync(O_DSYNC, &w->sync) < 0)
		w->sync.aio_fildes = 0;
	w->synced = wal_newest(w);
}

void
wal_close(struct wal *w)
{
	if (!w)
		return;
	sync_wait(w);
	wal_file_close(&w->now);
	wal_file_close(&w->old);
	strbuf_done(&w->record);
	free(w->dir);
	free(w);
}

/* Begins another file; the one that there was becomes the old one. */
static int
rotate(struct wal *w)
{
	_cleanup_(freep) char *path = xasprintf("%s/" NAME, w->dir),
			      *old = xasprintf("%s/" OLD_NAME, w->dir);
	_cleanup_(freep) char *temporary = xasprintf("%s.new", path);
	_cleanup_(closep) int fd =
	    open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	int r;

	if (fd < 0 || fchown(fd, (uid_t) -1, w->gid) < 0 || fchmod(fd, FILE_MODE) < 0)
		return -errno;
	r = write_all(fd, &w->head, sizeof(w->head));
	if (r < 0)
		return r;
	if (w->now.fd >= 0) {
		if (rename(path, old) < 0)
			return -errno;
		if (w->sync.aio_fildes == w->old.fd)
			sync_wait(w);
		sync_begin(w);
		wal_file_close(&w->old);
		w->old = w->now;
		w->now = (struct wal_file){.fd = -1};
	}
	if (rename(temporary, path) < 0)
		return -errno;
	return wal_file_open(&w->now, w->dir, NAME, O_RDWR | O_APPEND);
}

/* What is no log is kept under another name. */
static int
open_or_set_aside(struct wal *w, struct wal_file *f, const char *name)
{
	int r = wal_file_open(f, w->dir, name, O_RDWR | O_APPEND);

	if (r == -EBADMSG) {
		_cleanup_(freep) char *path = xasprintf("%s/%s", w->dir, name);
		_cleanup_(freep) char *aside =
		    xasprintf("%s.corrupt-%lld", path, (long long) time(NULL));

		log_warn(PART, "%s is no log of ticks: it is kept as %s", path, aside);
		r = rename(path, aside) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = wal_file_check(f, name, w->boot);
	return r == -ENOENT ? 0 : r;
}

int
wal_open(const char *dir, gid_t gid, struct wal **ret)
{
	struct wal *w = xcalloc(1, sizeof(*w));
	_cleanup_(freep) char *boot = NULL;
	size_t n = 0;
	int r;

	w->dir = xstrdup(dir);
	w->gid = gid;
	wal_head_make(&w->head);
	if (file_read(BOOT_ID, MAX_BOOT_ID, &boot, &n) == 0)
		w->boot = (uint32_t) crc32(0, (const Bytef *) boot, (unsigned) n);
	w->old.fd = w->now.fd = -1;
	r = open_or_set_aside(w, &w->old, OLD_NAME);
	if (r == 0)
		r = open_or_set_aside(w, &w->now, NAME);
	if (r == 0 && w->now.fd < 0)
		(void) rotate(w); /* if that fails the next tick says so */
	w->synced = wal_newest(w);
	if (r == 0)
		*ret = w;
	else
		wal_close(w);
	return r;
}

bool
wal_is_settled(const struct wal *w)
{
	struct wal_record r;

	return w->now.end > (off_t) sizeof(w->now.head) &&
	       read_at(w->now.fd, &r, sizeof(r), w->now.last) == sizeof(r) && r.type == WAL_STATES &&
	       r.size == sizeof(r) && r.boot == w->boot;
}

/* What is done with the states of files. A kill can only break off the updates that came after the
 * last of them; a power cut may have left half of each that the kernel had not written down. */
struct recovery {
	double since;  /* -INFINITY: only the last states count */
	double oldest; /* what came after an older state is not in the log */
	struct wal_file last; /* ends where these begin; no descriptor: there are none */
	wal_object_fn *fn;
	void *arg;
};

static void
recover_states(const struct recovery *v, const struct wal_record *r)
{
	const char *p = (const char *) (r + 1), *end = (const char *) r + r->size;

	while ((size_t) (end - p) >= sizeof(struct wal_state_of) + sizeof(struct rrd_state)) {
		const struct wal_state_of *of = (const void *) p;
		const struct rrd_state *state = (const void *) (of + 1);

		p = (const char *) state->word;
		if (of->kind >= RRD_KINDS ||
		    state->packed > (size_t) (end - p) / sizeof(state->word[0]))
			break;
		p = (const char *) (state->word + state->packed);
		if (state->last_up >= v->oldest)
			v->fn(v->arg, (enum rrd_kind) of->kind, of->uuid, state);
	}
}

static int
recover_file(struct recovery *v, const struct wal_file *f)
{
	struct wal_file at = *f;
	struct wal_record head, *r;

	for (at.end = sizeof(at.head); at.end < f->end; at.end += (off_t) head.size) {
		if (read_at(at.fd, &head, sizeof(head), at.end) != sizeof(head) ||
		    head.size < sizeof(head))
			return -EIO;
		if (head.type != WAL_STATES || head.at < v->since)
			continue;
		if (isinf(v->since)) {
			v->last = at;
		} else if (wal_record_read(&at, &r) == 0) {
			recover_states(v, r);
			free(r);
		}
	}
	return 0;
}

static int
recover_tick(const struct wal_file *f, const struct wal_tick *t, wal_object_fn *fn, void *arg)
{
	_cleanup_(freep) char *rows = NULL;
	off_t at = t->offset;

	for (enum rrd_kind k = 0; k < RRD_KINDS; k++) {
		size_t size = wal_row_size(f, k);

		rows = xrealloc(rows, t->n[k] * size + 1);
		if (read_at(f->fd, rows, t->n[k] * size, at) != (ssize_t) (t->n[k] * size))
			return -EIO;
		for (size_t i = 0; i < t->n[k]; i++)
			fn(arg, k, (const uint8_t *) rows + i * size, NULL);
		at += (off_t) (t->n[k] * size);
	}
	return 0;
}

int
wal_recover(struct wal *w, wal_object_fn *fn, void *arg)
{
	bool same_boot = newest(w) && newest(w)->boot == w->boot;
	struct recovery v = {
	    .since = same_boot ? -INFINITY : wal_newest(w) - RECENT,
	    .oldest = w->old.n > 0 ? w->old.tick[0].at : -INFINITY,
	    .last = {.fd = -1},
	    .fn = fn,
	    .arg = arg,
	};
	_cleanup_(freep) struct wal_record *last = NULL;
	size_t n = w->old.n + w->now.n;
	int r = recover_file(&v, &w->old);

	if (r == 0)
		r = recover_file(&v, &w->now);
	if (v.last.fd >= 0 && wal_record_read(&v.last, &last) == 0)
		recover_states(&v, last);
	for (size_t i = n > 2 ? n - 2 : 0; i < n && r == 0; i++)
		r = i < w->old.n ? recover_tick(&w->old, &w->old.tick[i], fn, arg)
				 : recover_tick(&w->now, &w->now.tick[i - w->old.n], fn, arg);
	return r;
}

static void
begin(struct wal *w, uint32_t type, double at)
{
	struct wal_record r = {.type = type, .at = at, .boot = w->boot};

	w->record.n = 0;
	strbuf_add(&w->record, (const char *) &r, sizeof(r));
}

/* Appends it whole or not at all. */
static int
end(struct wal *w)
{
	struct wal_record *r = (void *) w->record.text;
	int e;

	r->size = (uint32_t) w->record.n;
	r->crc = (uint32_t) crc32(0, (const Bytef *) &r->size, r->size - (unsigned) sizeof(r->crc));
	e = write_all(w->now.fd, r, r->size);
	if (e < 0 && ftruncate(w->now.fd, w->now.end) < 0)
		return -errno;
	wal_file_scan(&w->now);
	return e;
}

int
wal_tick_begin(struct wal *w, double at, bool begins)
{
	begin(w, WAL_TICK, at);
	((struct wal_record *) (void *) w->record.text)->begins = begins;
	if (w->now.fd < 0 || w->now.n >= WAL_MAX_TICKS ||
	    memcmp(&w->head, &w->now.head, sizeof(w->head)) != 0)
		return rotate(w);
	return 0;
}

void
wal_tick_add(struct wal *w, enum rrd_kind kind, const uint8_t *uuid, const double *value)
{
	const struct wal_file *f = &w->now;
	double column[MAX_SOURCES];

	for (size_t c = 0; c < f->head.n[kind]; c++)
		column[c] = value[f->row[kind][c]];
	strbuf_add(&w->record, (const char *) uuid, WAL_UUID_SIZE);
	strbuf_add(&w->record, (const char *) column, f->head.n[kind] * sizeof(*column));
	((struct wal_record *) (void *) w->record.text)->n[kind]++;
}

int
wal_tick_end(struct wal *w)
{
	int r = end(w);

	if (r == 0 && wal_newest(w) - w->synced >= SYNC_INTERVAL)
		sync_begin(w);
	return r;
}

void
wal_states_begin(struct wal *w)
{
	begin(w, WAL_STATES, wal_newest(w));
}

void
wal_states_add(
    struct wal *w, enum rrd_kind kind, const uint8_t *uuid, const struct rrd_state *state)
{
	struct wal_state_of of = {.kind = kind};

	memcpy(of.uuid, uuid, sizeof(of.uuid));
	strbuf_add(&w->record, (const char *) &of, sizeof(of));
	strbuf_add(&w->record, (const char *) state,
	    sizeof(*state) + state->packed * sizeof(state->word[0]));
}

int
wal_states_end(struct wal *w)
{
	return w->now.fd < 0 ? -ENOENT : end(w);
}
