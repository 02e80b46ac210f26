/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <yajl/yajl_parse.h>

#include "base/util.h"
#include "hv/capture_store.h"

#define CHUNK (64 * 1024)
#define MAX_DEPTH 8 /* of what a later version may have added; ours is 3 */

/* A set of members that may come, where they go and which came. */
struct members {
	const struct capture_fields *fields;
	void *base;
	uint64_t seen;
};

enum members_of { OF_HEADER, OF_LINE, OF_ARGS, OF_DATA, OF_ROW, MEMBERS };
enum where { BEFORE, IN_LINE, IN_ROWS, IN_ROW, IN_WORDS, AFTER };

struct capture_reader {
	int fd;
	char *buf; /* CHUNK */
	size_t at, filled;
	off_t end, whole; /* bytes that may be read; up to the last whole line */
	off_t position;	  /* of the line that is read */
	bool torn;

	/* the line */
	yajl_handle parser;
	struct capture_line line;
	struct members members[MEMBERS];
	enum where where;
	const struct capture_field *field; /* whose value comes; NULL: one that we do not know */
	char *value;			   /* and where it goes */
	size_t room;			   /* of the line's data */
	unsigned skip;			   /* depth within a value that we do not know */
	bool unknown;			   /* it has a word that we do not know */
};

static bool
complete(const struct members *m)
{
	for (size_t i = 0; m->fields && i < m->fields->n; i++)
		if (!m->fields->field[i].optional && !(m->seen >> i & 1))
			return false;
	return true;
}

static bool
has(const struct capture_reader *in, enum capture_member member)
{
	return in->members[OF_LINE].seen >> member & 1;
}

static void
expect(
    struct capture_reader *in, enum members_of of, const struct capture_fields *fields, void *base)
{
	in->members[of] = (struct members){fields, base, 0};
}

static void
begin_line(struct capture_reader *in)
{
	memset(&in->line, 0, sizeof(in->line));
	in->line.recorded = in->line.event.at = in->line.event.seconds = NAN;
	for (int i = 0; i < MEMBERS; i++)
		expect(in, i, NULL, NULL);
	expect(in, OF_HEADER, &capture_header_fields, &in->line);
	expect(in, OF_LINE, &capture_line_fields, &in->line);
	in->where = BEFORE;
	in->field = NULL;
	in->skip = 0;
	in->room = 0;
	in->unknown = false;
}

/* "call" or "event" was read: now its members may come. */
static bool
begin_kind(struct capture_reader *in)
{
	const struct capture_call_info *info;

	if (in->line.kind != LINE_UNKNOWN)
		return false;
	if (has(in, MEMBER_EVENT)) {
		in->line.kind = LINE_EVENT;
		expect(in, OF_DATA, &capture_event_fields, &in->line.event);
		return true;
	}
	info = &capture_calls[in->line.call];
	in->line.kind = LINE_ANSWER;
	expect(in, OF_ARGS, &info->args, &in->line);
	expect(in, OF_DATA, &info->data, &in->line);
	if (!capture_in_line(info)) {
		in->line.data = in->members[OF_DATA].base = xcalloc(1, info->size);
		in->line.n = 1;
	}
	return true;
}

/* Room for one more row or word; NULL beyond the limit. */
static void *
add_item(struct capture_reader *in)
{
	const struct capture_call_info *info = &capture_calls[in->line.call];
	char *item;

	if (in->line.n == info->max)
		return NULL;
	if (in->line.n == in->room) {
		in->room = in->room ? in->room * 2 : 4;
		in->line.data = xrealloc(in->line.data, in->room * info->size);
	}
	item = (char *) in->line.data + in->line.n++ * info->size;
	memset(item, 0, info->size);
	return item;
}

static int
on_key(void *arg, const unsigned char *key, size_t n)
{
	struct capture_reader *in = arg;
	int first = in->where == IN_ROW ? OF_ROW : OF_HEADER,
	    last = in->where == IN_ROW ? OF_ROW : OF_DATA;

	if (in->skip)
		return 1;
	in->field = NULL;
	for (int of = first; of <= last; of++) {
		struct members *m = &in->members[of];

		for (size_t i = 0; m->fields && i < m->fields->n; i++) {
			const struct capture_field *f = &m->fields->field[i];

			if (strlen(f->name) != n || memcmp(f->name, key, n) != 0)
				continue;
			if (m->seen >> i & 1)
				return 0; /* twice */
			m->seen |= 1ull << i;
			in->field = f;
			in->value = (char *) m->base + f->offset;
			return 1;
		}
	}
	return 1;
}

/* After a value: whether the parser goes on. */
static int
stored(struct capture_reader *in, int r)
{
	const struct capture_field *f = in->field;

	in->field = NULL;
	if (r == -ENOENT) {
		in->unknown = true;
		return 1;
	}
	if (r < 0)
		return 0;
	if (f == &capture_line_fields.field[MEMBER_CALL] ||
	    f == &capture_line_fields.field[MEMBER_EVENT])
		return begin_kind(in);
	return 1;
}

static bool
ignored(const struct capture_reader *in)
{
	return in->skip || ((in->where == IN_LINE || in->where == IN_ROW) && !in->field);
}

static int
on_number(void *arg, const char *s, size_t n)
{
	static const struct capture_field word = {
	    "", FIELD_UINT, false, 0, sizeof(uint32_t), NULL, 0};
	struct capture_reader *in = arg;

	if (ignored(in))
		return 1;
	if (in->where == IN_WORDS) {
		char *item = add_item(in);

		return item && capture_store_number(&word, item, s, n) == 0;
	}
	return in->field && stored(in, capture_store_number(in->field, in->value, s, n));
}

static int
on_bool(void *arg, int v)
{
	struct capture_reader *in = arg;

	if (ignored(in))
		return 1;
	return in->field && stored(in, capture_store_bool(in->field, in->value, v));
}

static int
on_null(void *arg)
{
	return ignored(arg);
}

static int
on_string(void *arg, const unsigned char *s, size_t n)
{
	struct capture_reader *in = arg;

	if (ignored(in))
		return 1;
	if (!in->field)
		return 0;
	if (in->field->type == FIELD_BYTES) {
		if (n > capture_calls[in->line.call].max)
			return 0;
		in->line.data = xmalloc(n + 1);
		in->line.n = n;
		memcpy(in->line.data, s, n);
		((char *) in->line.data)[n] = '\0';
		return stored(in, 0);
	}
	return stored(in, capture_store_text(in->field, in->value, (const char *) s, n));
}

static int
on_open(struct capture_reader *in, bool map)
{
	if (in->skip)
		return ++in->skip <= MAX_DEPTH;
	if (map && in->where == BEFORE) {
		in->where = IN_LINE;
	} else if (map && in->where == IN_ROWS) {
		void *row = add_item(in);

		if (!row)
			return 0;
		expect(in, OF_ROW, &capture_calls[in->line.call].row, row);
		in->where = IN_ROW;
	} else if ((in->where == IN_LINE || in->where == IN_ROW) && !in->field) {
		in->skip = 1;
	} else if (!map && in->where == IN_LINE && in->field->type == FIELD_ROWS) {
		in->where = IN_ROWS;
	} else if (!map && in->where == IN_LINE && in->field->type == FIELD_WORDS) {
		in->where = IN_WORDS;
	} else {
		return 0;
	}
	in->field = NULL;
	return 1;
}

static int
on_map(void *arg)
{
	return on_open(arg, true);
}

static int
on_array(void *arg)
{
	return on_open(arg, false);
}

/* The whole object was read: is all there that makes a line? */
static bool
end_line(struct capture_reader *in)
{
	struct capture_line *line = &in->line;

	in->where = AFTER;
	if (in->unknown || (line->kind == LINE_UNKNOWN && !(in->members[OF_HEADER].seen & 1))) {
		line->kind = LINE_UNKNOWN;
		return true;
	}
	if (line->kind == LINE_UNKNOWN) {
		line->kind = LINE_HEADER;
		return line->version == CAPTURE_VERSION;
	}
	if (!has(in, MEMBER_T) || line->t < 0 || line->t > MAX_CAPTURE_SECONDS ||
	    !complete(&in->members[OF_ARGS]))
		return false;
	if (line->kind == LINE_EVENT && isnan(line->event.at))
		line->event.at = line->t;
	if (line->error) {
		free(TAKE_PTR(line->data));
		line->n = 0;
		return true;
	}
	return complete(&in->members[OF_DATA]);
}

static int
on_close(void *arg)
{
	struct capture_reader *in = arg;

	if (in->skip) {
		in->skip--;
		return 1;
	}
	switch (in->where) {
	case IN_LINE:
		return end_line(in);
	case IN_ROW:
		in->where = IN_ROWS;
		return complete(&in->members[OF_ROW]);
	default:
		in->where = IN_LINE;
		return 1;
	}
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

static void
new_parser(struct capture_reader *in)
{
	if (in->parser)
		yajl_free(in->parser);
	in->parser = yajl_alloc(&callbacks, NULL, in);
	if (!in->parser)
		abort();
	(void) yajl_config(in->parser, yajl_allow_multiple_values, 1);
}

int
capture_reader_open(const char *path, struct capture_reader **ret)
{
	/* not to wait for the other end of a pipe */
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct capture_reader *in;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	in = xcalloc(1, sizeof(*in));
	in->fd = fd;
	fd = -1;
	in->end = st.st_size;
	in->buf = xmalloc(CHUNK);
	new_parser(in);
	*ret = in;
	return 0;
}

void
capture_reader_free(struct capture_reader *in)
{
	if (!in)
		return;
	closep(&in->fd);
	yajl_free(in->parser);
	free(in->buf);
	free(in);
}

/* 1: there is something to read. 0: the end. -errno. */
static int
fill(struct capture_reader *in)
{
	off_t left = in->end - in->position;
	ssize_t got;

	if (in->at < in->filled)
		return 1;
	do
		got =
		    left > 0 ? pread(in->fd, in->buf, MIN(CHUNK, (size_t) left), in->position) : 0;
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	in->at = 0;
	in->filled = (size_t) got;
	return got > 0;
}

/* Feeds one line to the parser. -ENODATA: it has no end, whatever is in it. */
static int
feed(struct capture_reader *in)
{
	size_t length = 0;
	bool good = true;

	for (;;) {
		char *from, *newline;
		size_t n;
		int r = fill(in);

		if (r < 0)
			return r;
		if (r == 0)
			return -ENODATA;
		from = in->buf + in->at;
		newline = memchr(from, '\n', in->filled - in->at);
		n = newline ? (size_t) (newline - from) + 1 : in->filled - in->at;
		in->at += n;
		in->position += (off_t) n;
		length += n;
		if (length > MAX_CAPTURE_LINE)
			return -EBADMSG;
		good = good &&
		       yajl_parse(in->parser, (const unsigned char *) from, n) == yajl_status_ok;
		if (newline)
			return good && (in->where == AFTER || in->where == BEFORE) ? 0 : -EBADMSG;
	}
}

int
capture_read(struct capture_reader *in, struct capture_line *ret)
{
	int r;

	do {
		begin_line(in);
		r = feed(in);
		if (r == 0)
			in->whole = in->position;
	} while (r == 0 && in->where == BEFORE); /* an empty line */
	if (r == 0) {
		*ret = in->line;
		return 0;
	}
	free(TAKE_PTR(in->line.data));
	if (r == -ENODATA) {
		in->torn = in->torn || in->whole < in->end;
		in->end = in->whole;
	}
	return r;
}

void
capture_rewind(struct capture_reader *in)
{
	in->at = in->filled = 0;
	in->position = in->whole = 0;
	new_parser(in);
}

bool
capture_torn(const struct capture_reader *in)
{
	return in->torn;
}
