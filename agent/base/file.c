/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/util.h"

int
file_read(const char *path, size_t max, char **ret_text, size_t *ret_n)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_(freep) char *text = NULL;
	size_t n = 0, room = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t got;

		if (n == room) {
			room = room ? room * 2 : 4096;
			text = xrealloc(text, room + 1);
		}
		got = read(fd, text + n, room - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t) got;
		if (n > max)
			return -EFBIG;
	}
	text[n] = '\0';
	*ret_text = TAKE_PTR(text);
	if (ret_n)
		*ret_n = n;
	return 0;
}

ssize_t
read_at(int fd, void *buf, size_t n, off_t at)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (char *) buf + done, n - done, at + (off_t) done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t) got;
	}
	return (ssize_t) done;
}

int
write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t) done;
	}
	return 0;
}

int
mkdir_parents(const char *path, unsigned mode)
{
	_cleanup_(freep) char *p = xstrdup(path);

	for (char *slash = p + 1; *slash; slash++)
		if (*slash == '/') {
			*slash = '\0';
			if (mkdir(p, mode) < 0 && errno != EEXIST)
				return -errno;
			*slash = '/';
		}
	return mkdir(p, mode) < 0 && errno != EEXIST ? -errno : 0;
}
