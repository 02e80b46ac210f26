/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/dom0_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/util.h"

#define MAX_LINES 64 /* of cpuinfo: the first CPU's have the model */

int
dom0_cpu_model(const char *path, char *buf, size_t n)
{
	_cleanup_(fclosep) FILE *f = fopen(path, "re");
	char line[1024];

	if (!f)
		return -errno;
	for (int i = 0; i < MAX_LINES && fgets(line, sizeof(line), f); i++) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", strlen("model name")) != 0 || !value)
			continue;
		value += strspn(value, ": \t");
		value[strcspn(value, "\n")] = '\0';
		str_copy(buf, n, value);
		return 0;
	}
	return ferror(f) ? -EIO : -ENODATA;
}

int
dom0_boot_id(const char *path, char *ret_boot_id)
{
	_cleanup_(freep) char *text = NULL;
	int r = file_read(path, 64, &text, NULL);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	return parse_uuid(text, ret_boot_id) < 0 ? -EBADMSG : 0;
}

int
dom0_file_tail(const char *path, size_t max, char **ret_text, size_t *ret_n)
{
	/* not to wait for the other end of a pipe */
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	_cleanup_(freep) char *text = NULL;
	struct stat st;
	size_t room;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	room = st.st_size > (off_t) max ? max : (size_t) st.st_size;
	text = xmalloc(room + 1);
	n = read_at(fd, text, room, st.st_size - (off_t) room);
	if (n < 0)
		return (int) n;
	text[n] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_n = (size_t) n;
	return 0;
}
