/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/unix_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/util.h"

static int
fail(const char **ret_why, int error, const char *why)
{
	*ret_why = why;
	return error;
}

static int
make_parent(const char *path, const char **ret_why)
{
	_cleanup_(freep) char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int r;

	if (slash == dir)
		return 0;
	*slash = '\0';
	r = mkdir_parents(dir, 0755);
	return r < 0 ? fail(ret_why, r, "its directory cannot be made") : 0;
}

static int
clear_stale(const struct sockaddr_un *a, int type, const char **ret_why)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : fail(ret_why, -errno, "what is there cannot be looked at");
	if (!S_ISSOCK(st.st_mode))
		return fail(ret_why, -EEXIST, "there is something that is not a socket");
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(ret_why, -errno, "no socket of this kind");
	if (connect(fd, (const struct sockaddr *) a, sizeof(*a)) == 0 || errno != ECONNREFUSED)
		return fail(ret_why, -EADDRINUSE, "another program answers there");
	return unlink(a->sun_path) < 0 && errno != ENOENT
		   ? fail(ret_why, -errno, "what is there cannot be replaced")
		   : 0;
}

int
unix_listen(const char *path, int type, unsigned mode, int backlog, const char **ret_why)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	_cleanup_(closep) int fd = -1;
	int listening, r;
	mode_t mask;

	if (path[0] != '/' || strlen(path) >= sizeof(a.sun_path))
		return fail(ret_why, -EINVAL, "not the full path of a socket");
	str_copy(a.sun_path, sizeof(a.sun_path), path);
	r = make_parent(path, ret_why);
	if (r == 0)
		r = clear_stale(&a, type, ret_why);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(ret_why, -errno, "no socket of this kind");
	mask = umask(0777 & ~mode);
	r = bind(fd, (const struct sockaddr *) &a, sizeof(a)) < 0 ? -errno : 0;
	(void) umask(mask);
	if (r == 0 && listen(fd, backlog) < 0) {
		r = -errno;
		(void) unlink(path);
	}
	if (r < 0)
		return fail(ret_why, r, "it cannot be listened on");
	listening = fd;
	fd = -1;
	return listening;
}
