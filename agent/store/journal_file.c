/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/journal_file.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "store/lines.h"

#define HEADER "{\"dropped_bytes\":%" PRIu64 ",\"dropped_ended\":%" PRIu64 ",\"dropped_failed\":%" PRIu64 "}\n"
#define SCAN_HEADER \
	"{\"dropped_bytes\":%" SCNu64 ",\"dropped_ended\":%" SCNu64 ",\"dropped_failed\":%" SCNu64 "}"
#define MAX_HEADER 128
#define MAX_DROPPED ((uint64_t) 1 << 60) /* more was never written */

int
journal_file_header(const struct journal_file *f, char *buf, size_t n)
{
	return snprintf(buf, n, HEADER, f->dropped, f->ended, f->failed);
}

int
journal_file_begin(struct journal_file *f)
{
	struct journal_file x = {.fd = f->fd};
	char text[MAX_HEADER], again[MAX_HEADER];
	ssize_t n = read_at(f->fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return (int) n;
	text[n] = '\0';
	if (sscanf(text, SCAN_HEADER, &x.dropped, &x.ended, &x.failed) == 3 && x.dropped < MAX_DROPPED) {
		x.header = journal_file_header(&x, again, sizeof(again));
		if (strncmp(text, again, (size_t) x.header) == 0) {
			*f = x;
			return 0;
		}
	}
	*f = (struct journal_file){.fd = f->fd};
	return 0;
}

int
journal_file_end(const struct journal_file *f, uint64_t *ret_at)
{
	struct stat st;
	off_t whole;
	int r;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	r = lines_whole(f->fd, st.st_size, &whole);
	if (r < 0)
		return r;
	*ret_at = journal_file_at(f, MAX(whole, f->header));
	return 0;
}

int
journal_file_line(const struct journal_file *f, uint64_t at, size_t n, char **ret_line)
{
	_cleanup_(freep) char *line = xmalloc(n + 1);
	ssize_t got = read_at(f->fd, line, n + 1, journal_file_offset(f, at));

	if (got < 0)
		return (int) got;
	if ((size_t) got < n + 1 || line[n] != '\n' || memchr(line, '\n', n))
		return -ESTALE;
	*ret_line = TAKE_PTR(line);
	return 0;
}
