/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/parse.h"
#include "base/util.h"

int
file_read(const char *path, size_t max, char **ret_text, size_t *ret_n)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : file_read_fd(fd, max, ret_text, ret_n);
}

int
file_read_fd(int fd, size_t max, char **ret_text, size_t *ret_n)
{
	_cleanup_(freep) char *text = NULL;
	size_t n = 0, room = 0;

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
sync_directory(const char *path)
{
	_cleanup_(freep) char *dir = xstrdup(path);
	_cleanup_(closep) int fd = -1;
	char *slash = strrchr(dir, '/');

	if (slash)
		*slash = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int
replace(const char *path, const char *text, mode_t mode)
{
	_cleanup_(freep) char *draft = xasprintf("%s.new", path);
	_cleanup_(closep) int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r < 0) {
		(void) unlink(draft);
		return r;
	}
	return sync_directory(path);
}

int
file_replace(const char *path, const char *text)
{
	return replace(path, text, 0600);
}

int
file_publish(const char *path, const char *text)
{
	return replace(path, text, 0666);
}

/* /dev/random and /dev/urandom, from which a library may read where no file can be opened any more (GnuTLS before
 * 3.6). */
static bool
is_random(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       (st.st_rdev == makedev(1, 8) || st.st_rdev == makedev(1, 9));
}

static bool
is_kept(const int *keep, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++)
		if (keep[i] == fd)
			return true;
	return fd <= STDERR_FILENO || is_random(fd);
}

void
close_others(const int *keep, size_t n)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	uint64_t fd;

	if (d) {
		while ((e = readdir(d)) != NULL)
			if (parse_u64(e->d_name, 0, INT32_MAX, &fd) == 0 && (int) fd != dirfd(d) &&
			    !is_kept(keep, n, (int) fd))
				(void) close((int) fd);
		(void) closedir(d);
		return;
	}
	for (long i = sysconf(_SC_OPEN_MAX); i-- > 0;)
		if (!is_kept(keep, n, (int) i))
			(void) close((int) i);
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
