/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/rrd_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/util.h"

/* The layout of version 0003, which rrd_create writes for our kinds of sources and archives in all
 * of 1.4 to 1.9: head, sources, archives, time of the newest value, what is prepared for each
 * source, for each source of each archive, the archives' newest rows, then the archives, row by
 * row. In the machine's own byte order and alignment (rrdtool src/rrd_format.h). */
#define COOKIE 8.642135E130

union unit {
	unsigned long count;
	double value;
};

struct head {
	char magic[4], version[5];
	double cookie;
	unsigned long n_sources, n_archives, step;
	union unit unused[10];
};

struct source {
	char name[RRD_NAME_SIZE], type[RRD_NAME_SIZE];
	union unit heartbeat, min, max, unused[7];
};

struct archive {
	char function[RRD_NAME_SIZE];
	unsigned long rows, steps;
	union unit unused[10];
};

struct live {
	time_t last_up;
	long microseconds;
};

struct prepared_step {
	char last[30];
	union unit scratch[10];
};

struct prepared_row {
	union unit scratch[10];
};

/* Of the unions above (rrd_format.h's enums *_par_en). */
enum { ARCHIVE_XFF = 0, STEP_UNKNOWN = 0, STEP_SUM = 1, ROW_VALUE = 0, ROW_UNKNOWN = 1 };

struct layout {
	const struct head *head;
	const struct source *source;
	const struct archive *archive;
	struct live *live;
	struct prepared_step *step;
	struct prepared_row *row; /* [archive][source] */
	unsigned long *newest;
	double *value; /* [archive][row][source] */
	size_t size;   /* of the whole file */
};

#define MAX_HEAD                                                                                   \
	(sizeof(struct head) + MAX_SOURCES * sizeof(struct source) +                               \
	    MAX_ARCHIVES * sizeof(struct archive) + sizeof(struct live))
#define MAX_ROWS (1ul << 24) /* of an archive; keeps the sums below from overflowing */

static bool
archive_is_sound(const struct archive *a)
{
	return a->rows > 0 && a->rows <= MAX_ROWS && a->steps > 0 && a->steps <= MAX_ROWS &&
	       memchr(a->function, '\0', sizeof(a->function)) != NULL;
}

/* Finds the parts in what begins with at least MAX_HEAD bytes, or with the whole file. */
static int
layout_find(void *file, struct layout *ret)
{
	const struct head *h = file;
	size_t rows = 0;

	if (memcmp(h->magic, "RRD", 4) != 0 || memcmp(h->version, "0003", 5) != 0 ||
	    h->cookie != COOKIE || h->step == 0 || h->n_sources == 0 ||
	    h->n_sources > MAX_SOURCES || h->n_archives == 0 || h->n_archives > MAX_ARCHIVES)
		return -EBADMSG;
	ret->head = h;
	ret->source = (const void *) (h + 1);
	ret->archive = (const void *) (ret->source + h->n_sources);
	ret->live = (void *) (ret->archive + h->n_archives);
	ret->step = (void *) (ret->live + 1);
	ret->row = (void *) (ret->step + h->n_sources);
	ret->newest = (void *) (ret->row + h->n_archives * h->n_sources);
	ret->value = (void *) (ret->newest + h->n_archives);
	for (size_t i = 0; i < h->n_sources; i++)
		if (!memchr(ret->source[i].name, '\0', RRD_NAME_SIZE) ||
		    !memchr(ret->source[i].type, '\0', RRD_NAME_SIZE))
			return -EBADMSG;
	for (size_t i = 0; i < h->n_archives; i++) {
		if (!archive_is_sound(&ret->archive[i]))
			return -EBADMSG;
		rows += ret->archive[i].rows;
	}
	ret->size = (size_t) ((char *) ret->value - (char *) file) +
		    rows * h->n_sources * sizeof(*ret->value);
	return 0;
}

/* A file whose description has been read. */
struct description {
	int fd;
	char *head;
	struct layout layout; /* points into head */
	struct stat st;
};

static void
description_done(struct description *d)
{
	closep(&d->fd);
	free(d->head);
}

/* underway: what comes between the description and the archives is in head, too. */
static int
describe(const char *path, int flags, bool underway, struct description *d)
{
	size_t n = MAX_HEAD;

	*d = (struct description){.fd = open(path, flags | O_CLOEXEC | O_NOCTTY)};
	if (d->fd < 0 || fstat(d->fd, &d->st) < 0)
		return -errno;
	d->head = xcalloc(1, n);
	if (!S_ISREG(d->st.st_mode) || pread(d->fd, d->head, n, 0) < (ssize_t) sizeof(struct head))
		return -EBADMSG;
	if (layout_find(d->head, &d->layout) < 0 || (size_t) d->st.st_size != d->layout.size)
		return -EBADMSG;
	if (!underway)
		return 0;
	n = (size_t) ((char *) d->layout.value - d->head);
	d->head = xrealloc(d->head, n);
	return pread(d->fd, d->head, n, 0) == (ssize_t) n ? layout_find(d->head, &d->layout)
							  : -EBADMSG;
}

static double
last_up(const struct live *live)
{
	return (double) live->last_up + (double) live->microseconds / 1e6;
}

int
rrd_shape_read(const char *path, struct rrd_shape *ret)
{
	_cleanup_(description_done) struct description d;
	int r = describe(path, O_RDONLY, false, &d);

	if (r < 0)
		return r;
	ret->step = d.layout.head->step;
	ret->last_up = last_up(d.layout.live);
	ret->n_sources = d.layout.head->n_sources;
	for (size_t i = 0; i < ret->n_sources; i++) {
		const struct source *s = &d.layout.source[i];
		struct rrd_source *to = &ret->source[i];

		memcpy(to->name, s->name, sizeof(to->name));
		memcpy(to->type, s->type, sizeof(to->type));
		to->heartbeat = s->heartbeat.count;
		to->min = s->min.value;
		to->max = s->max.value;
	}
	return 0;
}

size_t
rrd_shape_find(const struct rrd_shape *shape, const char *name)
{
	size_t i = 0;

	while (i < shape->n_sources && strcmp(shape->source[i].name, name) != 0)
		i++;
	return i;
}

struct mapping {
	void *p;
	size_t n;
};

static void
unmap(struct mapping *m)
{
	if (m->p != MAP_FAILED)
		(void) munmap(m->p, m->n);
}

static int
map(const char *path, bool writable, struct mapping *ret, struct layout *ret_layout)
{
	_cleanup_(closep) int fd =
	    open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((size_t) st.st_size < MAX_HEAD)
		return -EBADMSG;
	ret->n = (size_t) st.st_size;
	/* private: a layout can be written through, and what is only read must stay as it is */
	ret->p =
	    mmap(NULL, ret->n, PROT_READ | PROT_WRITE, writable ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (ret->p == MAP_FAILED)
		return -errno;
	if (layout_find(ret->p, ret_layout) < 0 || ret_layout->size != ret->n)
		return -EBADMSG;
	return 0;
}

static bool
matches(const struct layout *a, const struct layout *b)
{
	if (a->head->step != b->head->step || a->head->n_archives != b->head->n_archives ||
	    a->live->last_up != b->live->last_up)
		return false;
	for (size_t i = 0; i < a->head->n_archives; i++)
		if (a->archive[i].rows != b->archive[i].rows ||
		    a->archive[i].steps != b->archive[i].steps ||
		    strcmp(a->archive[i].function, b->archive[i].function) != 0)
			return false;
	return true;
}

/* Source i of from becomes source j of to. */
static void
copy_source(const struct layout *from, size_t i, struct layout *to, size_t j)
{
	size_t n = from->head->n_sources, m = to->head->n_sources, rows = 0;

	to->step[j] = from->step[i];
	for (size_t a = 0; a < from->head->n_archives; a++) {
		to->row[a * m + j] = from->row[a * n + i];
		rows += from->archive[a].rows;
	}
	for (size_t r = 0; r < rows; r++)
		to->value[r * m + j] = from->value[r * n + i];
}

int
rrd_graft(const char *from, const char *to)
{
	_cleanup_(unmap) struct mapping source = {MAP_FAILED, 0}, target = {MAP_FAILED, 0};
	struct layout a = {.size = 0}, b = {.size = 0};
	int r;

	r = map(from, false, &source, &a);
	if (r == 0)
		r = map(to, true, &target, &b);
	if (r < 0)
		return r;
	if (!matches(&a, &b))
		return -EINVAL;
	*b.live = *a.live;
	memcpy(b.newest, a.newest, a.head->n_archives * sizeof(*a.newest));
	for (size_t i = 0; i < a.head->n_sources; i++)
		for (size_t j = 0; j < b.head->n_sources; j++)
			if (strcmp(a.source[i].name, b.source[j].name) == 0)
				copy_source(&a, i, &b, j);
	return 0;
}

/* --- what is under way --- */

#define MASK_WORDS 64

static size_t
pack(const uint64_t *word, size_t n, uint64_t *ret)
{
	size_t used = 0, mask = 0;

	for (size_t i = 0; i < n; i++) {
		if (i % MASK_WORDS == 0)
			ret[mask = used++] = 0;
		if (word[i] == 0)
			continue;
		ret[mask] |= UINT64_C(1) << i % MASK_WORDS;
		ret[used++] = word[i];
	}
	return used;
}

static bool
unpack(const uint64_t *packed, size_t used, uint64_t *ret, size_t n)
{
	uint64_t mask = 0;
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (i % MASK_WORDS == 0)
			mask = at < used ? packed[at++] : 0;
		ret[i] = 0;
		if (mask >> i % MASK_WORDS & 1) {
			if (at == used)
				return false;
			ret[i] = packed[at++];
		}
	}
	return at == used;
}

static size_t
state_words(const struct layout *l)
{
	return (size_t) ((char *) l->value - (char *) l->live) / sizeof(uint64_t);
}

int
rrd_state_read(const char *path, struct rrd_state **ret)
{
	_cleanup_(description_done) struct description d;
	int r = describe(path, O_RDONLY, true, &d);
	size_t n;

	if (r < 0)
		return r;
	n = state_words(&d.layout);
	*ret = xcalloc(1, sizeof(**ret) + (n + n / MASK_WORDS + 1) * sizeof((*ret)->word[0]));
	(*ret)->inode = d.st.st_ino;
	(*ret)->last_up = last_up(d.layout.live);
	(*ret)->packed = pack((const uint64_t *) (const void *) d.layout.live, n, (*ret)->word);
	return 0;
}

int
rrd_state_restore(const char *path, const struct rrd_state *state)
{
	_cleanup_(description_done) struct description d;
	_cleanup_(freep) uint64_t *word = NULL;
	int r = describe(path, O_RDWR, false, &d);
	size_t n, size;

	if (r < 0)
		return r;
	n = state_words(&d.layout);
	size = n * sizeof(*word);
	word = xmalloc(size);
	if (state->inode != d.st.st_ino || !unpack(state->word, state->packed, word, n))
		return -ESTALE;
	return pwrite(d.fd, word, size, (char *) d.layout.live - d.head) == (ssize_t) size ? 0
											   : -EIO;
}

int
rrd_underway_read(const char *path, const char *cf, unsigned long steps, struct rrd_underway *ret)
{
	_cleanup_(description_done) struct description d;
	int r = describe(path, O_RDONLY, true, &d);
	const struct layout *l = &d.layout;
	size_t a = 0, n;

	if (r < 0)
		return r;
	n = l->head->n_sources;
	while (a < l->head->n_archives &&
	       (strcmp(l->archive[a].function, cf) != 0 || l->archive[a].steps != steps))
		a++;
	if (a == l->head->n_archives)
		return -ENOENT;
	for (size_t i = 0; i < n; i++)
		ret[i] = (struct rrd_underway){
		    .last_up = last_up(l->live),
		    .unknown = (double) l->step[i].scratch[STEP_UNKNOWN].count,
		    .sum = l->step[i].scratch[STEP_SUM].value,
		    .row = l->row[a * n + i].scratch[ROW_VALUE].value,
		    .unknown_steps = l->row[a * n + i].scratch[ROW_UNKNOWN].count,
		    .steps = steps,
		    .xff = l->archive[a].unused[ARCHIVE_XFF].value,
		};
	return 0;
}
