/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <rrd.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "store/pending.h"

#define PART "store"
#define FILE_MODE 0640
#define DIR_MODE 0750
#define MAX_MADE 32 /* files made in a tick: each is about a megabyte and an fsync */
#define MAX_LOOKED 32 /* files looked at in a tick: an agent that has just started has other things to do */
#define MAX_DUE 32  /* files written at a stretch: what is pending of them is in memory */
#define NEW_SUFFIX ".new"

/* One RRD file that is being written. */
struct file {
	enum rrd_kind kind;
	char uuid[UUID_SIZE]; /* "" of the host */
	uint8_t bytes[WAL_UUID_SIZE];
	bool known; /* the sources and the progress are; else the file is to be looked at first */
	bool restored;	     /* at the start, to where it was before its last update */
	uint64_t due;	     /* the tick by which it gets what the log has */
	double seen;	     /* the tick that had its object */
	bool fresh;	     /* and was the first one that had it */
	const double *value; /* in that tick, while it is at hand and not in the log */
	struct sources sources;
	struct progress progress;
};

struct files {
	struct file **file;
	size_t n, room, next;
};

/* A file that is about to be updated. */
struct due {
	struct file *file;
	struct updates updates;
	struct progress progress; /* of the file then */
};

struct store {
	char *dir;
	unsigned step;
	gid_t gid;
	struct wal *wal;
	struct files files[RRD_KINDS];
	uint64_t ticks, turn;
	double now;    /* the newest tick */
	unsigned looked, made; /* in this tick */
	bool put_off;	       /* some were not */
	bool ahead;    /* a file is, of the clock */
	int failed;    /* -errno of what failed last */
	struct due due[MAX_DUE];
	size_t n_due;
	struct trouble write, clock, log;
	struct strbuf text;
};

/* Files that were being made when an agent was killed. */
static void
sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (strstr(e->d_name, ".rrd" NEW_SUFFIX))
			(void) unlinkat(dirfd(d), e->d_name, 0);
	(void) closedir(d);
}

static int
own_directory(const char *path, gid_t gid)
{
	int r = mkdir_parents(path, DIR_MODE);

	if (r < 0)
		return r;
	if (chown(path, (uid_t) -1, gid) < 0 || chmod(path, DIR_MODE) < 0)
		return -errno;
	sweep(path);
	return access(path, W_OK) < 0 ? -errno : 0;
}

/* Objects come in the same order tick after tick: the search begins where the last one ended. */
static struct file *
file_find(struct files *all, const char *uuid)
{
	for (size_t i = 0; i < all->n; i++) {
		size_t at = (all->next + i) % all->n;

		if (all->file[at]->uuid[0] == uuid[0] && strcmp(all->file[at]->uuid, uuid) == 0) {
			all->next = at + 1;
			return all->file[at];
		}
	}
	return NULL;
}

/* NULL: not a UUID. */
static struct file *
file_get(struct store *s, enum rrd_kind kind, const char *uuid)
{
	struct files *all = &s->files[kind];
	struct file *f = file_find(all, uuid);
	char text[UUID_SIZE] = "";

	if (f)
		return f;
	if (kind != RRD_HOST && parse_uuid(uuid, text) < 0)
		return NULL;
	if (strcmp(text, uuid) != 0)
		return file_get(s, kind, text);
	if (all->n == all->room) {
		all->room = MAX(all->room * 2, 8);
		all->file = xrealloc(all->file, all->room * sizeof(*all->file));
	}
	f = xcalloc(1, sizeof(*f));
	f->kind = kind;
	str_copy(f->uuid, sizeof(f->uuid), text);
	if (*text)
		uuid_bytes(text, f->bytes);
	f->due = s->ticks + (rrd_kinds[kind].late ? WAL_BATCH : 1 + s->turn++ / WAL_NEIGHBOURS % WAL_BATCH);
	f->progress.where = all->n; /* files are in the order of the tick that they were first in */
	all->file[all->n++] = f;
	all->next = all->n;
	return f;
}

static const char *
reason(int r)
{
	const char *text = rrd_test_error() ? rrd_get_error() : NULL;

	return text && *text ? text : strerror(-r);
}

/* Gives the finished file its rights and its name. Synced and dropped from the cache once: what
 * rrd_create wrote at a stretch sits in large folios, and each later update of some bytes would
 * dirty all of one. */
static int
publish(const struct store *s, const char *temporary, const char *path)
{
	_cleanup_(closep) int fd = open(temporary, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fchown(fd, (uid_t) -1, s->gid) < 0 || fchmod(fd, FILE_MODE) < 0 ||
	    fsync(fd) < 0)
		return -errno;
	(void) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return rename(temporary, path) < 0 ? -errno : 0;
}

/* Makes the file, with what old (its shape, or NULL) holds. */
static int
create(const struct store *s, enum rrd_kind kind, const char *path, double last_up,
    const struct rrd_shape *old)
{
	_cleanup_(freep) char *temporary = xasprintf("%s" NEW_SUFFIX, path);
	int r = rrd_make(temporary, kind, s->step, last_up, old);

	if (r == 0 && old)
		r = rrd_graft(path, temporary);
	if (r == 0)
		r = publish(s, temporary, path);
	if (r < 0)
		(void) unlink(temporary);
	return r;
}

/* Renames a file that cannot be written any more; nothing is ever deleted. */
static int
set_aside(const char *path, const char *suffix, const char *why, double now)
{
	_cleanup_(freep) char *aside = xasprintf("%s.%s-%.0f", path, suffix, floor(now));

	if (access(aside, F_OK) == 0)
		return -EEXIST;
	if (rename(path, aside) < 0)
		return -errno;
	log_warn(PART, "%s %s: it is kept as %s, and a new one is begun", path, why, aside);
	return 0;
}

/* librrd has the last word: a layout that is only unknown to us is not damage. */
static bool
is_corrupt(const char *path)
{
	time_t start = 1, end = 2;
	unsigned long step = 1, n;
	char **names;
	rrd_value_t *data;
	int r;

	rrd_clear_error();
	r = rrd_fetch_r(path, "AVERAGE", &start, &end, &step, &n, &names, &data);
	rrd_clear_error();
	if (r < 0)
		return true;
	for (size_t i = 0; i < n; i++)
		rrd_freemem(names[i]);
	rrd_freemem(names);
	rrd_freemem(data);
	return false;
}

static bool
lacks_source(enum rrd_kind kind, const struct rrd_shape *shape)
{
	const struct metric_scope_info *scope = &metric_scopes[rrd_kinds[kind].scope];

	for (enum metric_id id = scope->first; id < scope->end; id++)
		if (*metric_table[id].ds &&
		    rrd_shape_find(shape, metric_table[id].ds) == shape->n_sources)
			return true;
	return false;
}

static void
adopt(struct file *f, const struct rrd_shape *shape)
{
	sources_of(f->kind, shape, &f->sources);
	f->progress = (struct progress){.last_up = shape->last_up, .where = f->progress.where};
	f->known = true;
}

/* What is there. -ENOENT: nothing, or nothing any more. */
static int
examine(const struct store *s, const char *path, struct rrd_shape *ret)
{
	int r = rrd_shape_read(path, ret);

	if (r == -EBADMSG)
		r = is_corrupt(path) ? set_aside(path, "corrupt", "is damaged", s->now) : -ENOTSUP;
	else if (r == 0 && ret->step != s->step)
		r = set_aside(path, "other-step", "was made for another step", s->now);
	else
		return r;
	return r == 0 ? -ENOENT : r;
}

/* Its object is not in the newest tick, or there was none yet. */
static bool
is_gone(const struct store *s, const struct file *f)
{
	return f->seen != s->now;
}

/* A new file, or one with the table's new sources in the place of old; its shape. */
static int
renew(struct store *s, const struct file *f, const char *path, const struct rrd_shape *old,
    struct rrd_shape *ret)
{
	double begin =
	    old ? old->last_up : pending_begin(s->wal, f->kind, f->bytes, is_gone(s, f), s->step);
	int r =
	    create(s, f->kind, path, isinf(begin) ? rrd_edge_before(s->now, s->step) : begin, old);

	if (r < 0 && !old)
		return r;
	if (r < 0) /* what it has no source for is not kept, the rest is */
		complain(&s->write, PART, "%s: adding data sources: %s", path, reason(r));
	return rrd_shape_read(path, ret);
}

/* Makes the file fit to be written. -EBUSY: not in this tick. */
static int
prepare(struct store *s, struct file *f, const char *path)
{
	struct rrd_shape old, shape;
	int r = examine(s, path, &old);

	if (r == 0 && !lacks_source(f->kind, &old)) {
		adopt(f, &old);
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	if (s->made++ >= MAX_MADE && !is_gone(s, f))
		return -EBUSY;
	r = renew(s, f, path, r == 0 ? &old : NULL, &shape);
	if (r == 0)
		adopt(f, &shape);
	return r;
}

static int
update(struct store *s, const struct due *d)
{
	_cleanup_(freep) const char **argv = xmalloc(d->updates.n * sizeof(*argv));
	char path[RRD_PATH_SIZE];
	const char *line;
	int r = rrd_path(path, s->dir, d->file->kind, d->file->uuid);

	if (r < 0)
		return r;
	updates_text(&d->updates, d->file->sources.n, &s->text);
	line = s->text.text;
	for (size_t i = 0; i < d->updates.n; i++, line += strlen(line) + 1)
		argv[i] = line;
	rrd_clear_error();
	if (rrd_update_r(path, NULL, (int) d->updates.n, argv) < 0)
		return access(path, W_OK) < 0 ? -errno : -EIO;
	return 0;
}

static void
failed(struct store *s, struct file *f, int r)
{
	char path[RRD_PATH_SIZE] = "";

	(void) rrd_path(path, s->dir, f->kind, f->uuid);
	complain(&s->write, PART, "%s: %s", path, reason(r));
	rrd_clear_error();
	f->known = false;
	s->failed = r;
}

/* Updates the files that were found to be due. Their states go into the log first: an update that
 * is broken off leaves half of itself. */
static void
write_due(struct store *s)
{
	int r = s->n_due > 0 ? wal_states_end(s->wal) : 0;

	if (r < 0)
		complain(&s->log, PART, "log of ticks: %s", strerror(-r));
	for (size_t i = 0; i < s->n_due; i++) {
		struct due *d = &s->due[i];

		r = update(s, d);
		if (r < 0)
			failed(s, d->file, r);
		else
			d->file->progress = d->progress;
		free(d->updates.update);
	}
	s->n_due = 0;
	wal_states_begin(s->wal);
}

/* The file will be brought to where the log is, and then to this tick if it is not in the log. */
static int
add_due(struct store *s, struct file *f, const char *path)
{
	size_t n_rows = metric_scopes[rrd_kinds[f->kind].scope].end -
			metric_scopes[rrd_kinds[f->kind].scope].first;
	_cleanup_(freep) struct rrd_state *state = NULL;
	struct due *d = &s->due[s->n_due];
	struct wal_row row = {.at = s->now, .fresh = f->fresh};
	int r = 0;

	*d = (struct due){.file = f, .progress = f->progress};
	if (f->value)
		memcpy(row.value, f->value, n_rows * sizeof(*f->value));
	pending_read(s->wal, &f->sources, f->bytes, is_gone(s, f), f->value ? &row : NULL,
	    &d->progress, &d->updates);
	if (d->updates.n > 0)
		r = rrd_state_read(path, &state);
	if (state) {
		wal_states_add(s->wal, f->kind, f->bytes, state);
		s->n_due++;
	} else {
		free(d->updates.update);
	}
	if (r < 0)
		return r;
	if (f->due <= s->ticks)
		f->due = s->ticks + WAL_BATCH;
	if (d->progress.last_up > s->now + 1) {
		s->ahead = true;
		complain(&s->clock, PART, "%s is %.0f s ahead of the clock: not written until then",
		    path, d->progress.last_up - s->now);
	}
	return 0;
}

/* all: also if it is not the file's turn. */
static void
write_file(struct store *s, struct file *f, bool all)
{
	bool now = all || is_gone(s, f), due = now || s->ticks >= f->due;
	char path[RRD_PATH_SIZE];
	int r;

	if (!due && (f->known || rrd_kinds[f->kind].late))
		return;
	rrd_clear_error();
	r = rrd_path(path, s->dir, f->kind, f->uuid);
	if (r == 0 && !f->known)
		r = now || s->looked++ < MAX_LOOKED ? prepare(s, f, path) : -EBUSY;
	if (r == -EBUSY) {
		s->put_off = true;
		return;
	}
	if (r == 0 && due)
		r = add_due(s, f, path);
	if (r < 0)
		failed(s, f, r);
	rrd_clear_error();
	if (s->n_due == MAX_DUE)
		write_due(s);
}

/* Writes the files whose turn it is, or all. */
static int
write_files(struct store *s, bool all)
{
	s->looked = s->made = 0;
	s->put_off = s->ahead = false;
	wal_states_begin(s->wal);
	for (enum rrd_kind k = 0; k < RRD_KINDS; k++)
		for (size_t i = 0; i < s->files[k].n; i++)
			write_file(s, s->files[k].file[i], all);
	write_due(s);
	if (s->failed == 0)
		complain_over(&s->write, PART, s->dir);
	if (!s->ahead)
		complain_over(&s->clock, PART, s->dir);
	return s->failed;
}

/* The files of objects that are gone, or of all. When they come back they begin anew. */
static void
forget(struct store *s, bool all)
{
	for (enum rrd_kind k = 0; k < RRD_KINDS; k++) {
		struct files *files = &s->files[k];
		size_t kept = 0;

		for (size_t i = 0; i < files->n; i++) {
			files->file[i]->value = NULL;
			if (all || is_gone(s, files->file[i]))
				free(files->file[i]);
			else
				files->file[kept++] = files->file[i];
		}
		files->n = kept;
		files->next = 0;
	}
}

int
store_flush(struct store *s)
{
	s->failed = 0;
	return write_files(s, true);
}

/* Takes an object's values into the tick that is being logged. */
static void
take(struct store *s, enum rrd_kind kind, const char *uuid, const double *value)
{
	struct file *f = file_get(s, kind, uuid);

	if (!f) {
		complain(&s->write, PART, "no file for domain %s: it has no UUID", uuid);
		s->failed = -EINVAL;
		return;
	}
	/* a domain that migrates to its own host is there twice: the first counts */
	if (f->seen == s->now)
		return;
	f->fresh = f->seen == 0 && (s->ticks > 1 || rrd_kinds[kind].from_zero);
	f->seen = s->now;
	f->value = value;
	wal_tick_add(s->wal, kind, f->bytes, value);
}

static int
log_tick(struct store *s, const struct sample *sample)
{
	int r = wal_tick_begin(s->wal, s->now, s->ticks++ == 0);

	take(s, RRD_HOST, "", sample->host.value);
	for (size_t i = 0; i < sample->n_domains; i++)
		take(s, RRD_VM, sample->domain[i].uuid, sample->domain[i].value);
	for (size_t i = 0; i < sample->n_tracking; i++)
		take(s, RRD_TRACKING, sample->tracking[i].uuid, sample->tracking[i].value);
	return r < 0 ? r : wal_tick_end(s->wal);
}

int
store_write(struct store *s, const struct sample *sample)
{
	int r;

	s->failed = 0;
	if (sample->at.real <= s->now) {
		complain(&s->clock, PART,
		    "the newest tick is %.0f s ahead of the clock: nothing is stored until then",
		    s->now - sample->at.real);
		return 0;
	}
	s->now = sample->at.real;
	r = log_tick(s, sample);
	if (r < 0)
		complain(&s->log, PART, "log of ticks: %s: each goes into all files at once",
		    strerror(-r));
	else
		complain_over(&s->log, PART, "log of ticks");
	r = write_files(s, r < 0);
	forget(s, false);
	return r;
}

/* What the log has may be in no file yet. */
static void
recover(void *arg, enum rrd_kind kind, const uint8_t *uuid, const struct rrd_state *state)
{
	struct store *s = arg;
	char text[UUID_SIZE] = "", path[RRD_PATH_SIZE];
	struct file *f;

	if (kind != RRD_HOST)
		uuid_format(uuid, text);
	f = file_get(s, kind, text);
	if (f && state && !f->restored && rrd_path(path, s->dir, kind, text) == 0)
		f->restored = rrd_state_restore(path, state) == 0;
}

int
store_open(const char *dir, unsigned step, gid_t gid, struct store **ret)
{
	_cleanup_(freep) char *vm = xasprintf("%s/vm", dir);
	struct wal *wal = NULL;
	struct store *s;
	int r = own_directory(dir, gid);

	if (r == 0)
		r = own_directory(vm, gid);
	if (r == 0)
		r = wal_open(dir, gid, &wal);
	if (r < 0)
		return r;
	s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(dir);
	s->step = step;
	s->gid = gid;
	s->wal = wal;
	s->now = wal_newest(wal);
	if (!wal_is_settled(wal)) {
		r = wal_recover(wal, recover, s);
		if (r < 0)
			log_warn(PART, "%s: the log of ticks cannot be read: %s", dir, strerror(-r));
		(void) store_flush(s);
	}
	*ret = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	if (store_flush(s) == 0 && !s->put_off) {
		wal_states_begin(s->wal);
		(void) wal_states_end(s->wal);
	}
	forget(s, true);
	for (enum rrd_kind k = 0; k < RRD_KINDS; k++)
		free(s->files[k].file);
	wal_close(s->wal);
	strbuf_done(&s->text);
	free(s->dir);
	free(s);
}
