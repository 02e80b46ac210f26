/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LINE_BUFFER_H
#define LINE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Cuts what is read of a log into lines, in a fixed piece of memory. */
struct line_buffer {
	char *data;
	size_t begin, end;
	bool skipping;	   /* within a line that is too long */
	uint64_t too_long; /* such lines */
};

void line_buffer_init(struct line_buffer *b);
void line_buffer_done(struct line_buffer *b);

/* Forgets what is in it. */
void line_buffer_reset(struct line_buffer *b);

/* Where at least 64 KiB more can be read to, after line_buffer_next returned false; line_buffer_added then says
 * how many bytes were. */
char *line_buffer_room(struct line_buffer *b, size_t *ret_n);
void line_buffer_added(struct line_buffer *b, size_t n);

/* The next whole line without its line end, in the buffer until the next call. Lines longer than MAX_LOG_LINE
 * are left out. */
bool line_buffer_next(struct line_buffer *b, const char **ret_line, size_t *ret_n);

/* What is left without a line end, at the end of a file that will not grow: as a last line. */
bool line_buffer_last(struct line_buffer *b, const char **ret_line, size_t *ret_n);

#endif
