/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/line_buffer.h"

#include <string.h>

#include "base/util.h"
#include "observe/log_line.h"

#define ROOM 65536
#define SIZE (ROOM + MAX_LOG_LINE)

void
line_buffer_init(struct line_buffer *b)
{
	memset(b, 0, sizeof(*b));
	b->data = xmalloc(SIZE);
}

void
line_buffer_done(struct line_buffer *b)
{
	free(TAKE_PTR(b->data));
}

void
line_buffer_reset(struct line_buffer *b)
{
	b->begin = b->end = 0;
	b->skipping = false;
}

char *
line_buffer_room(struct line_buffer *b, size_t *ret_n)
{
	size_t n = b->end - b->begin;

	if (n > MAX_LOG_LINE) {
		b->skipping = true;
		n = 0;
	} else
		memmove(b->data, b->data + b->begin, n);
	b->begin = 0;
	b->end = n;
	*ret_n = SIZE - n;
	return b->data + n;
}

void
line_buffer_added(struct line_buffer *b, size_t n)
{
	b->end += n;
}

bool
line_buffer_next(struct line_buffer *b, const char **ret_line, size_t *ret_n)
{
	for (;;) {
		char *line = b->data + b->begin, *stop = memchr(line, '\n', b->end - b->begin);

		if (!stop)
			return false;
		b->begin += (size_t) (stop - line) + 1;
		if (!b->skipping && stop - line <= MAX_LOG_LINE) {
			*ret_line = line;
			*ret_n = (size_t) (stop - line);
			return true;
		}
		b->skipping = false;
		b->too_long++;
	}
}

bool
line_buffer_last(struct line_buffer *b, const char **ret_line, size_t *ret_n)
{
	size_t n = b->end - b->begin;

	*ret_line = b->data + b->begin;
	*ret_n = n;
	b->begin = b->end;
	return n > 0 && n <= MAX_LOG_LINE && !b->skipping;
}
