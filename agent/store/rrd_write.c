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
#include "store/rrd_schema.h"

#define PART "store"
#define FILE_MODE 0640
#define DIR_MODE 0750
#define MAX_MADE 32 /* files made in a tick: each is about a megabyte and an fsync */
#define NEW_SUFFIX ".new"

/* One RRD file that is being written. The order of its sources is its own: an older file has them
 * in an older table's order, and may have some that the table has lost. */
struct file {
	char uuid[UUID_SIZE]; /* "" of the host */
	bool known;	      /* the rest is so; else the file is to be looked at first */
	double seen;	      /* the tick that had its object */
	double last_up;
	size_t n_sources;
	signed char row[MAX_SOURCES]; /* of its scope; -1: not in the table */
	double counter[MAX_SOURCES];  /* as of last_up; NAN: unknown */
};

struct files {
	struct file **file;
	size_t n, room, next;
};

struct store {
	char *dir;
	unsigned step;
	gid_t gid;
	struct files files[RRD_KINDS];
	unsigned made; /* in this tick */
	bool ahead;    /* a file is, of the clock */
	struct trouble write, clock;
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

int
store_open(const char *dir, unsigned step, gid_t gid, struct store **ret)
{
	_cleanup_(freep) char *vm = xasprintf("%s/vm", dir);
	struct store *s;
	int r = own_directory(dir, gid);

	if (r == 0)
		r = own_directory(vm, gid);
	if (r < 0)
		return r;
	s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(dir);
	s->step = step;
	s->gid = gid;
	*ret = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	for (enum rrd_kind k = 0; k < RRD_KINDS; k++) {
		for (size_t i = 0; i < s->files[k].n; i++)
			free(s->files[k].file[i]);
		free(s->files[k].file);
	}
	strbuf_done(&s->text);
	free(s->dir);
	free(s);
}

/* Objects come in the same order tick after tick: the search begins where the last one ended. */
static struct file *
file_get(struct files *all, const char *uuid)
{
	struct file *f;

	for (size_t i = 0; i < all->n; i++) {
		size_t at = (all->next + i) % all->n;

		if (strcmp(all->file[at]->uuid, uuid) == 0) {
			all->next = at + 1;
			return all->file[at];
		}
	}
	if (all->n == all->room) {
		all->room = MAX(all->room * 2, 8);
		all->file = xrealloc(all->file, all->room * sizeof(*all->file));
	}
	f = xcalloc(1, sizeof(*f));
	str_copy(f->uuid, sizeof(f->uuid), uuid);
	for (size_t i = 0; i < MAX_SOURCES; i++)
		f->counter[i] = NAN;
	all->file[all->n++] = f;
	all->next = all->n;
	return f;
}

/* The files of objects that this tick did not have. When they come back they begin anew. */
static void
files_forget(struct files *all, double now)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->file[i]->seen == now)
			all->file[kept++] = all->file[i];
		else
			free(all->file[i]);
	all->n = kept;
	all->next = 0;
}

static const char *
reason(int r)
{
	const char *text = rrd_test_error() ? rrd_get_error() : NULL;

	return text && *text ? text : strerror(-r);
}

/* The edge of a step that is at least one step before the tick. */
static double
edge_before(double at, unsigned step)
{
	return floor(at / step) * step - step;
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
adopt(struct file *f, enum rrd_kind kind, const struct rrd_shape *shape)
{
	const struct metric_scope_info *scope = &metric_scopes[rrd_kinds[kind].scope];

	f->n_sources = shape->n_sources;
	for (size_t i = 0; i < shape->n_sources; i++)
		f->row[i] = -1;
	for (enum metric_id id = scope->first; id < scope->end; id++) {
		size_t i = rrd_shape_find(shape, metric_table[id].ds);

		if (*metric_table[id].ds && i < shape->n_sources)
			f->row[i] = (signed char) (id - scope->first);
	}
	f->last_up = shape->last_up;
	f->known = true;
}

/* What is there. -ENOENT: nothing, or nothing any more. */
static int
examine(const struct store *s, const char *path, double now, struct rrd_shape *ret)
{
	int r = rrd_shape_read(path, ret);

	if (r == -EBADMSG)
		r = is_corrupt(path) ? set_aside(path, "corrupt", "is damaged", now) : -ENOTSUP;
	else if (r == 0 && ret->step != s->step)
		r = set_aside(path, "other-step", "was made for another step", now);
	else
		return r;
	return r == 0 ? -ENOENT : r;
}

/* A new file, or one with the table's new sources in the place of old; its shape. */
static int
renew(struct store *s, enum rrd_kind kind, const char *path, double now,
    const struct rrd_shape *old, struct rrd_shape *ret)
{
	int r = create(s, kind, path, old ? old->last_up : edge_before(now, s->step), old);

	if (r < 0 && !old)
		return r;
	if (r < 0) /* what it has no source for is not kept, the rest is */
		complain(&s->write, PART, "%s: adding data sources: %s", path, reason(r));
	return rrd_shape_read(path, ret);
}

/* Makes the file fit to be written. -EBUSY: not in this tick. */
static int
prepare(struct store *s, enum rrd_kind kind, struct file *f, const char *path, double now)
{
	struct rrd_shape old, shape;
	int r = examine(s, path, now, &old);

	if (r == 0 && !lacks_source(kind, &old)) {
		adopt(f, kind, &old);
		return 0;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	if (s->made++ >= MAX_MADE)
		return -EBUSY;
	r = renew(s, kind, path, now, r == 0 ? &old : NULL, &shape);
	if (r == 0)
		adopt(f, kind, &shape);
	return r;
}

/* What a counter grew by. One that went back is another counter: of a kind that begins at zero all
 * of it is new, of the others nobody knows. */
static double
increase(double before, double v, bool from_zero)
{
	if (isnan(before) || v < before)
		return from_zero ? v : NAN;
	return v - before;
}

static void
add_value(struct strbuf *b, double v)
{
	char text[32] = ":U";
	int n = 2;

	if (v == floor(v) && fabs(v) < 1e15) /* most are, and this is the cheap way */
		n = snprintf(text, sizeof(text), ":%lld", (long long) v);
	else if (isfinite(v))
		n = snprintf(text, sizeof(text), ":%.17g", v);
	strbuf_add(b, text, (size_t) n);
}

static bool
is_counter(const struct file *f, enum rrd_kind kind, size_t i)
{
	const struct metric *rows = &metric_table[metric_scopes[rrd_kinds[kind].scope].first];

	return f->row[i] >= 0 && rows[f->row[i]].type == MT_COUNTER;
}

/* A line for librrd in which all counters stand still (grown: "0") or are unknown ("U"). */
static void
add_idle(struct strbuf *b, const struct file *f, enum rrd_kind kind, double at, const char *grown)
{
	strbuf_printf(b, "%.0f", at);
	for (size_t i = 0; i < f->n_sources; i++) {
		strbuf_str(b, ":");
		strbuf_str(b, is_counter(f, kind, i) ? grown : "U");
	}
	strbuf_add(b, "", 1);
}

/* After a gap librrd would take the whole time since the newest value as unknown, and with it what
 * is being counted. Of a kind that begins at zero nothing may be lost: the step that broke off ends
 * with what it had, the gap is unknown, and what was counted since stands behind it. */
static unsigned
add_gap(struct strbuf *b, const struct file *f, enum rrd_kind kind, double at, unsigned step)
{
	double broken = ceil(f->last_up / step) * step, again = edge_before(at, step);
	unsigned lines = 0;

	if (!rrd_kinds[kind].from_zero || at - f->last_up <= 3 * step)
		return 0;
	if (broken > f->last_up) {
		add_idle(b, f, kind, broken, "0");
		lines++;
	}
	if (again > broken) {
		add_idle(b, f, kind, again, "U");
		lines++;
	}
	return lines;
}

static int
update(struct store *s, enum rrd_kind kind, struct file *f, const char *path, const double *value,
    double at)
{
	bool from_zero = rrd_kinds[kind].from_zero;
	const char *argv[3];
	unsigned lines;

	s->text.n = 0;
	lines = add_gap(&s->text, f, kind, at, s->step);
	strbuf_printf(&s->text, "%.6f", at);
	for (size_t i = 0; i < f->n_sources; i++) {
		double v = f->row[i] < 0 ? NAN : value[f->row[i]];

		if (is_counter(f, kind, i))
			v = increase(f->counter[i], v, from_zero);
		add_value(&s->text, v);
	}
	argv[0] = s->text.text;
	for (unsigned i = 1; i <= lines; i++)
		argv[i] = argv[i - 1] + strlen(argv[i - 1]) + 1;
	if (rrd_update_r(path, NULL, (int) lines + 1, argv) < 0)
		return access(path, W_OK) < 0 ? -errno : -EIO;
	for (size_t i = 0; i < f->n_sources; i++) {
		double v = f->row[i] < 0 ? NAN : value[f->row[i]];

		if (!from_zero || !isnan(v))
			f->counter[i] = v;
	}
	f->last_up = at;
	return 0;
}

static int
write_object(struct store *s, enum rrd_kind kind, const char *uuid, const double *value, double at)
{
	char path[RRD_PATH_SIZE];
	struct file *f;
	int r = rrd_path(path, s->dir, kind, uuid);

	if (r < 0) {
		complain(&s->write, PART, "no file for domain %s: %s", uuid, strerror(-r));
		return r;
	}
	f = file_get(&s->files[kind], uuid ? uuid : "");
	/* a domain that migrates to its own host is there twice: the first counts */
	if (f->seen == at)
		return 0;
	f->seen = at;
	rrd_clear_error();
	r = f->known ? 0 : prepare(s, kind, f, path, at);
	if (r == -EBUSY)
		return 0;
	if (r == 0 && at <= f->last_up) {
		s->ahead = true;
		complain(&s->clock, PART, "%s is %.0f s ahead of the clock: not written until then",
		    path, f->last_up - at);
		return 0;
	}
	if (r == 0)
		r = update(s, kind, f, path, value, at);
	if (r < 0) {
		complain(&s->write, PART, "%s: %s", path, reason(r));
		f->known = false;
	}
	rrd_clear_error();
	return r;
}

int
store_write(struct store *s, const struct sample *sample)
{
	double at = sample->at.real;
	int r, failed = 0;

	s->made = 0;
	s->ahead = false;
	r = write_object(s, RRD_HOST, NULL, sample->host.value, at);
	failed = r < 0 ? r : failed;
	for (size_t i = 0; i < sample->n_tracking; i++) {
		const struct sample_tracking *t = &sample->tracking[i];

		r = write_object(s, RRD_TRACKING, t->uuid, t->value, at);
		failed = r < 0 ? r : failed;
	}
	for (size_t i = 0; i < sample->n_domains; i++) {
		const struct sample_domain *d = &sample->domain[i];

		r = write_object(s, RRD_VM, d->uuid, d->value, at);
		failed = r < 0 ? r : failed;
	}
	for (enum rrd_kind k = 0; k < RRD_KINDS; k++)
		files_forget(&s->files[k], at);
	if (failed == 0)
		complain_over(&s->write, PART, s->dir);
	if (!s->ahead)
		complain_over(&s->clock, PART, s->dir);
	return failed;
}
