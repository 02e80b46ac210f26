/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/util.h"
#include "store/journal.h"
#include "store/journal_index.h"
#include "store/lines.h"

/* Reading the journal, in any process: while the agent appends to it, or puts another in its place. */

#define MAX_UNINDEXED ((size_t) 64 << 20) /* bytes of lines that are looked at for one answer: 0.1 s */

static int
open_to_read(const char *dir, const char *name)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = fd;
	fd = -1;
	return r;
}

struct reading {
	struct journal_search *search;
	const struct journal_file *file;
	journal_line_fn *fn;
	void *arg;
	bool enough;
	bool gave_up;
};

static bool
hand_over(struct reading *x, const char *line, size_t n, uint64_t at)
{
	x->search->at = at;
	x->enough = !x->fn(x->arg, line, n);
	return !x->enough;
}

static bool
look_at_line(void *arg, const char *line, size_t n, off_t offset)
{
	struct reading *x = arg;
	const struct journal_filter *f = x->search->filter;
	uint64_t at = journal_file_at(x->file, offset);

	if (!f || !f->some)
		return hand_over(x, line, n, at);
	if (x->search->looked_at > MAX_UNINDEXED) {
		x->search->at = at + n + 1;
		x->gave_up = x->enough = true;
		x->search->looked_at = 0;
		return false;
	}
	x->search->looked_at += n;
	return !journal_filter_line(f, line, n) || hand_over(x, line, n, at);
}

static int
read_lines(struct reading *x, uint64_t from, uint64_t to)
{
	if (x->enough || from >= to)
		return 0;
	return lines_backwards(x->file->fd, journal_file_offset(x->file, from), journal_file_offset(x->file, to),
	    MAX_RECORD_JSON, look_at_line, x);
}

static int
look_at_entry(struct reading *x, const struct journal_entry *e)
{
	_cleanup_(freep) char *line = NULL;
	int r;

	if (!journal_filter_entry(x->search->filter, e))
		return 0;
	r = journal_file_line(x->file, e->at, e->n, &line);
	if (r == 0 && journal_filter_line(x->search->filter, line, e->n))
		(void) hand_over(x, line, e->n, e->at);
	return r == -ESTALE ? 0 : r;
}

/* How many entries' lines end before that place; they ascend. */
static uint64_t
count_before(int index, uint64_t n, uint64_t before)
{
	uint64_t low = 0, high = n;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct journal_entry e;

		if (journal_index_read(index, middle, &e, 1) == 1 && journal_entry_end(&e) <= before)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The n entries of a block, from the last to the first. *low: the records from there on have been looked at. False
 * when there is no more to look at by the index. */
static bool
read_block(struct reading *x, const struct journal_entry *block, size_t n, uint64_t *low, int *ret_error)
{
	while (n-- > 0 && !x->enough && *ret_error == 0) {
		const struct journal_entry *e = &block[n];

		if (!journal_entry_fits(e, x->file->dropped, *low))
			return false;
		*ret_error = look_at_entry(x, e);
		*low = e->at;
	}
	return !x->enough && *ret_error == 0;
}

/* By the index as far as it reaches, and the lines that it lacks. */
static int
read_indexed(struct reading *x, int index, uint64_t to)
{
	_cleanup_(freep) struct journal_entry *block = xmalloc(INDEX_BLOCK * sizeof(*block));
	struct stat st = {.st_size = 0};
	uint64_t low = to, n;
	bool more = true;
	int r = 0;

	(void) fstat(index, &st);
	n = count_before(index, (uint64_t) st.st_size / sizeof(*block), to);
	if (n > 0 && journal_index_read(index, n - 1, block, 1) == 1 &&
	    journal_entry_fits(block, x->file->dropped, to)) {
		low = journal_entry_end(block);
		r = read_lines(x, low, to);
	}
	while (n > 0 && more && r == 0 && !x->enough) {
		size_t want = (size_t) MIN(n, INDEX_BLOCK);

		n -= want;
		more = journal_index_read(index, n, block, want) == (ssize_t) want &&
		    read_block(x, block, want, &low, &r);
	}
	return r < 0 ? r : read_lines(x, x->file->dropped, low);
}

int
journal_search(const char *dir, struct journal_search *s, journal_line_fn *fn, void *arg)
{
	/* the index first: one that is older than the journal lacks only what is newest */
	_cleanup_(closep) int index = s->filter && s->filter->some ? open_to_read(dir, JOURNAL_INDEX) : -1;
	_cleanup_(closep) int fd = open_to_read(dir, JOURNAL_FILE);
	struct journal_file file = {.fd = fd};
	struct reading x = {.search = s, .file = &file, .fn = fn, .arg = arg};
	uint64_t end;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = journal_file_begin(&file);
	if (r == 0)
		r = journal_file_end(&file, &end);
	if (r < 0)
		return r;
	end = MIN(end, s->before);
	r = index >= 0 ? read_indexed(&x, index, end) : read_lines(&x, file.dropped, end);
	return r < 0 ? r : x.gave_up;
}

int
journal_read(const char *dir, journal_line_fn *fn, void *arg)
{
	struct journal_search all = {.before = UINT64_MAX};

	return journal_search(dir, &all, fn, arg);
}

int
journal_state(const char *dir, struct journal_state *ret)
{
	_cleanup_(freep) char *path = xasprintf("%s/" JOURNAL_FILE, dir);
	struct stat st;

	*ret = (struct journal_state){.size = 0};
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret = (struct journal_state){.device = st.st_dev,
	    .inode = st.st_ino,
	    .size = (uint64_t) st.st_size,
	    .changed =
		(uint64_t) st.st_mtim.tv_sec * 1000000000u + (uint64_t) st.st_mtim.tv_nsec};
	return 0;
}

struct left_on {
	const char *boot_id;
	uint32_t domid;
	bool yes;
};

/* The newest that can be read decides. */
static bool
look_if_left_on(void *arg, const char *line, size_t n)
{
	struct left_on *x = arg;
	struct migration_record r;

	if (record_parse(line, n, &r) < 0)
		return true;
	x->yes = r.tracking_left_on && r.domid == x->domid && strcmp(r.boot_id, x->boot_id) == 0;
	record_done(&r);
	return false;
}

bool
journal_left_on(const char *dir, const char *uuid, uint32_t domid, const char *boot_id)
{
	struct left_on x = {.boot_id = boot_id, .domid = domid};
	struct journal_filter filter;
	struct journal_search search = {.filter = &filter, .before = UINT64_MAX};
	char error[128];

	journal_filter_init(&filter);
	if (journal_filter_set(&filter, "uuid", uuid, 0, error, sizeof(error)) == 0)
		(void) journal_search(dir, &search, look_if_left_on, &x);
	return x.yes;
}
