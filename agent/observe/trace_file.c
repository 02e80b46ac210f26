/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "observe/trace_record.h"

#define PIECE_HEAD 0x2001f003u /* TRACE_EV_CPU_CHANGE with two words, and no stamp */
#define PIECE_HEAD_BYTES 12
#define SEARCH_BYTES 4096u

/* Bytes of the file that are there at a time, of all CPUs and of one. The file is mapped, which takes half the time of
 * reading it, and let go of when so much of it was touched: not at each window, as that costs more than what is
 * read. For many CPUs small parts are read, since the kernel maps more than the byte that is touched: 64 KiB around
 * it, or a large page. */
#define MAX_WINDOWS (512u << 10)
#define MAX_WINDOW (256u << 10)
#define MIN_MAPPED (64u << 10)
#define LARGE_PAGE (2 << 20)

struct piece {
	uint32_t cpu;
	off_t at, end;
};

/* Where the reading of one CPU is. */
struct cursor {
	off_t at, end; /* of its piece: what is still to be seen */
	off_t ahead;   /* begin of its next piece, if another's search came by it; 0: not known */
	uint64_t left; /* pieces to come */
	uint8_t *window;
	off_t from; /* of the window */
	size_t n;
};

struct trace_file {
	int fd;
	off_t size;
	off_t scout; /* each piece before this was read, or is the ahead of its CPU */
	struct trace_file_facts facts;
	size_t room; /* of a window */
	uint8_t *map;	 /* the file; NULL: windows are read */
	off_t low, high; /* what is there of it lies between, or nearly */
	size_t touched;	 /* so many bytes of it */
	struct cursor *cursor; /* by CPU, TRACE_MAX_CPUS of which n may be used */
	struct trace_span *span;
	unsigned n;
};

/* The next header at or after an offset. Usually it is there; where it is not, the file was
 * damaged. */
static int
find_head(const struct trace_file *f, off_t from, off_t *ret_at)
{
	static const uint8_t head[4] = {0x03, 0xf0, 0x01, 0x20};
	uint8_t buf[SEARCH_BYTES];
	ssize_t n;

	for (;; from += n - (ssize_t) sizeof(head) + 1) {
		const uint8_t *p;

		n = read_at(f->fd, buf, sizeof(buf), from);
		if (n < 0)
			return (int) n;
		if (n < PIECE_HEAD_BYTES)
			return -ENODATA;
		p = memmem(buf, (size_t) n, head, sizeof(head));
		if (p) {
			*ret_at = from + (p - buf);
			return 0;
		}
	}
}

/* Often it is in a part that is there. */
static ssize_t
read_head(const struct trace_file *f, off_t from, uint8_t *head)
{
	if (!f->map || from < f->low || from > f->high || from + PIECE_HEAD_BYTES > f->size)
		return read_at(f->fd, head, PIECE_HEAD_BYTES, from);
	(void) memcpy(head, f->map + from, PIECE_HEAD_BYTES);
	return PIECE_HEAD_BYTES;
}

/* The piece whose header is at or after this offset. -ENODATA: no more. */
static int
find_piece(const struct trace_file *f, off_t from, struct piece *ret)
{
	uint8_t head[PIECE_HEAD_BYTES];
	ssize_t n = read_head(f, from, head);
	int r;

	if (n < 0)
		return (int) n;
	if (n < PIECE_HEAD_BYTES)
		return -ENODATA;
	if (trace_load32(head) != PIECE_HEAD) {
		r = find_head(f, from, &from);
		if (r < 0)
			return r;
		n = read_at(f->fd, head, sizeof(head), from);
		if (n < PIECE_HEAD_BYTES)
			return n < 0 ? (int) n : -ENODATA;
	}
	ret->cpu = trace_load32(head + 4);
	ret->at = from + PIECE_HEAD_BYTES;
	ret->end = ret->at + (off_t) trace_load32(head + 8);
	return 0;
}

/* Which CPUs there are, and how many pieces of each. */
static int
survey(struct trace_file *f)
{
	off_t at = 0;
	struct piece p;
	int r;

	while ((r = find_piece(f, at, &p)) == 0) {
		f->facts.skipped_bytes += (uint64_t) (p.at - PIECE_HEAD_BYTES - at);
		if (p.end > f->size) {
			f->facts.truncated = true;
			p.end = f->size;
		}
		if (p.cpu >= TRACE_MAX_CPUS) {
			f->facts.skipped_bytes += (uint64_t) (p.end - p.at) + PIECE_HEAD_BYTES;
		} else {
			f->n = MAX(f->n, p.cpu + 1);
			f->facts.cpus += f->cursor[p.cpu].left++ == 0;
			f->facts.pieces++;
		}
		at = p.end;
	}
	f->facts.skipped_bytes += (uint64_t) (f->size - at);
	return r == -ENODATA ? 0 : r;
}

static const char *
why_not(const uint8_t *head, ssize_t n)
{
	if (n == 0)
		return "is empty";
	if (n >= 2 && head[0] == 0x1f && head[1] == 0x8b)
		return "is compressed: gzip -d first";
	if (n >= 4 && (memcmp(head, "\xfd\x37zX", 4) == 0 || memcmp(head, "(\xb5/\xfd", 4) == 0 ||
			  memcmp(head, "BZh", 3) == 0))
		return "is compressed: unpack it first";
	return "is nothing that xentrace wrote";
}

static int
open_plain(struct trace_file *f, const char *path, const char **ret_why)
{
	struct stat st;
	int r;

	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		r = -errno;
		*ret_why = strerror(-r);
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		*ret_why = "is no plain file: let xentrace write into one first";
		return -ESPIPE;
	}
	f->size = st.st_size;
	f->facts.bytes = (uint64_t) st.st_size;
	return 0;
}

int
trace_file_open(const char *path, struct trace_file **ret, const char **ret_why)
{
	_cleanup_(trace_file_closep) struct trace_file *f = xcalloc(1, sizeof(*f));
	uint8_t head[4];
	ssize_t n;
	int r;

	f->cursor = xcalloc(TRACE_MAX_CPUS, sizeof(*f->cursor));
	r = open_plain(f, path, ret_why);
	if (r < 0)
		return r;
	n = read_at(f->fd, head, sizeof(head), 0);
	r = n < 0 ? (int) n : survey(f);
	if (r < 0) {
		*ret_why = strerror(-r);
		return r;
	}
	if (f->facts.cpus == 0) {
		*ret_why = why_not(head, n);
		return -EBADMSG;
	}
	f->span = xcalloc(f->n, sizeof(*f->span));
	f->room = MIN(MAX_WINDOW, MAX_WINDOWS / f->facts.cpus);
	if (f->room >= MIN_MAPPED)
		f->map = mmap(NULL, (size_t) f->size, PROT_READ, MAP_SHARED, f->fd, 0);
	if (f->map == MAP_FAILED)
		f->map = NULL;
	f->low = f->size;
	*ret = TAKE_PTR(f);
	return 0;
}

void
trace_file_close(struct trace_file *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < f->n && !f->map; i++)
		free(f->cursor[i].window);
	if (f->map)
		(void) munmap(f->map, (size_t) f->size);
	free(f->cursor);
	free(f->span);
	closep(&f->fd);
	free(f);
}

void
trace_file_closep(struct trace_file **f)
{
	trace_file_close(*f);
}

/* Goes to this CPU's next piece. What the scout comes by of others is left for them, one piece for
 * each; where one is further behind than that, this CPU goes on alone. */
static int
next_piece(struct trace_file *f, struct cursor *c)
{
	off_t at = c->ahead ? c->ahead - PIECE_HEAD_BYTES : MAX(f->scout, c->end);
	bool scouting = at == f->scout;
	struct piece p;
	int r;

	c->ahead = 0;
	while ((r = find_piece(f, at, &p)) == 0) {
		struct cursor *of = p.cpu < f->n ? &f->cursor[p.cpu] : NULL;

		at = p.end;
		if (scouting && of && of != c && p.at > of->end) { /* else it was read */
			scouting = of->ahead == 0;
			if (scouting)
				of->ahead = p.at;
		}
		if (scouting)
			f->scout = at;
		if (of == c)
			break;
	}
	if (r < 0 || at > f->size)
		c->left = 1; /* its last */
	c->left--;
	c->at = r < 0 ? f->size : p.at;
	c->end = r < 0 ? f->size : MIN(p.end, f->size);
	return r == -ENODATA ? 0 : r;
}

static bool
has_record(const struct trace_span *s)
{
	return s->n >= TRACE_HEAD_BYTES && s->n >= trace_bytes_of(trace_load32(s->bytes));
}

static void
touch(struct trace_file *f, off_t from, off_t end)
{
	f->low = MIN(f->low, from);
	f->high = MAX(f->high, end);
	f->touched += (size_t) (end - from);
}

/* What spans still have comes back when it is used. */
static void
let_go(struct trace_file *f)
{
	off_t from = MAX(f->low - f->low % LARGE_PAGE - LARGE_PAGE, 0);
	off_t end = MIN(f->high + 2 * LARGE_PAGE, f->size);

	(void) madvise(f->map + from, (size_t) (end - from), MADV_DONTNEED);
	f->low = f->size;
	f->high = 0;
	for (unsigned i = 0; i < f->n; i++) {
		const struct trace_span *s = &f->span[i];

		if (s->n > 0)
			touch(f, s->bytes - f->map, s->bytes - f->map + (off_t) s->n);
	}
	f->touched = 0;
}

/* Moves the window so that it begins at this offset of the piece. */
static int
open_window(struct trace_file *f, struct cursor *c, off_t at)
{
	size_t n = (size_t) MIN((off_t) f->room, c->end - at);
	ssize_t r;

	c->from = at;
	c->n = n;
	if (f->map) {
		if (f->touched >= MAX_WINDOWS)
			let_go(f);
		touch(f, at, at + (off_t) n);
		c->window = f->map + at;
		return 0;
	}
	if (!c->window)
		c->window = xmalloc(f->room);
	r = read_at(f->fd, c->window, n, at);
	if (r >= 0 && (size_t) r < n)
		return -EIO; /* it was cut short meanwhile */
	return r < 0 ? (int) r : 0;
}

/* Goes on until there is a whole record, or nothing is left. */
static int
fill(struct trace_file *f, struct cursor *c, struct trace_span *s)
{
	while (!has_record(s) && s->more) {
		off_t at = c->at - (off_t) s->n; /* where the record begins */
		int r;

		if (c->at >= c->end) { /* it does not go on in another piece */
			f->facts.skipped_bytes += s->n;
			r = next_piece(f, c);
			if (r < 0)
				return r;
			at = c->at;
			s->n = 0;
		}
		s->more = c->at < c->end || c->left > 0;
		if (at >= c->end)
			continue;
		if (!c->window || at < c->from ||
		    MIN(c->end, at + (off_t) TRACE_MAX_RECORD) > c->from + (off_t) c->n) {
			r = open_window(f, c, at);
			if (r < 0)
				return r;
		}
		c->at = MIN(c->end, c->from + (off_t) c->n);
		s->bytes = c->window + (at - c->from);
		s->n = (size_t) (c->at - at);
		s->more = c->at < c->end || c->left > 0;
	}
	return 0;
}

int
trace_file_decode(struct trace_file *f, struct trace_decoder *d)
{
	bool more;

	for (unsigned i = 0; i < f->n; i++)
		f->span[i].more = f->cursor[i].left > 0;
	do {
		more = false;
		for (unsigned i = 0; i < f->n; i++) {
			int r = fill(f, &f->cursor[i], &f->span[i]);

			if (r < 0)
				return r;
			more |= f->span[i].more;
		}
		trace_decode(d, f->span, f->n, UINT64_MAX);
	} while (more);
	for (unsigned i = 0; i < f->n; i++)
		f->facts.skipped_bytes += f->span[i].n;
	return 0;
}

const struct trace_file_facts *
trace_file_facts(const struct trace_file *f)
{
	return &f->facts;
}
