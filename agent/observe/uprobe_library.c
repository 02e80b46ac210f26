/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/uprobe_library.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/util.h"

#define NAME "libxenctrl.so."

static const char *const directories[] = {
    "/usr/local/lib64",
    "/usr/local/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib",
    "/lib64",
    "/lib/x86_64-linux-gnu",
    "/lib",
};

struct version {
	unsigned major, minor;
};

struct search {
	struct version running; /* 0.0: unknown */
	struct version best;
	char *path; /* of best */
};

/* Of a name like libxenctrl.so.4.17 or libxenctrl.so.4.17.0. */
static bool
version_of(const char *name, struct version *ret)
{
	struct version v;
	int end = 0;

	if (strncmp(name, NAME, strlen(NAME)) != 0 ||
	    sscanf(name + strlen(NAME), "%4u.%4u%n", &v.major, &v.minor, &end) != 2)
		return false;
	name += strlen(NAME) + end;
	if (name[strspn(name, ".0123456789")] != '\0')
		return false;
	*ret = v;
	return true;
}

static bool
is(const struct version *a, const struct version *b)
{
	return a->major == b->major && a->minor == b->minor;
}

/* Earlier directories win among equals, as they do for the dynamic linker. */
static bool
is_better(const struct search *s, const struct version *v)
{
	if (!s->path)
		return true;
	if (is(&s->best, &s->running) || is(v, &s->running))
		return !is(&s->best, &s->running);
	return v->major > s->best.major || (v->major == s->best.major && v->minor > s->best.minor);
}

/* A path with these characters would be taken apart by uprobe_events. */
static bool
is_plain(const char *path)
{
	return strpbrk(path, " :\t\n") == NULL;
}

static void
offer(struct search *s, const char *path, const struct version *v)
{
	char *resolved = is_better(s, v) ? realpath(path, NULL) : NULL;

	if (resolved && is_plain(resolved)) {
		free(s->path);
		s->path = TAKE_PTR(resolved);
		s->best = *v;
	}
	free(resolved);
}

static void
search_directory(struct search *s, const char *directory)
{
	DIR *d = opendir(directory);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		_cleanup_(freep) char *path = NULL;
		struct version v;

		if (!version_of(e->d_name, &v))
			continue;
		path = xasprintf("%s/%s", directory, e->d_name);
		offer(s, path, &v);
	}
	if (d)
		(void) closedir(d);
}

static unsigned
version_part(const char *root, const char *part)
{
	_cleanup_(freep) char *path = xasprintf("%s/sys/hypervisor/version/%s", root, part),
			      *text = NULL;
	uint64_t v;

	if (file_read(path, 64, &text, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, 0, 9999, &v) < 0 ? 0 : (unsigned) v;
}

static int
own_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *base = strrchr(info->dlpi_name, '/');
	struct search *s = arg;
	struct version v;

	(void) size;
	if (base && version_of(base + 1, &v))
		offer(s, info->dlpi_name, &v);
	return 0;
}

int
uprobe_library_find(const char *root, char **ret_path)
{
	struct search s = {.path = NULL};

	s.running.major = version_part(root, "major");
	s.running.minor = version_part(root, "minor");
	if (*root == '\0')
		(void) dl_iterate_phdr(own_library, &s);
	if (s.path && s.running.major == 0)
		s.running = s.best; /* a domctl of another version would have been refused */
	if (!s.path || !is(&s.best, &s.running))
		for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
			_cleanup_(freep) char *directory = xasprintf("%s%s", root, directories[i]);

			search_directory(&s, directory);
		}
	if (!s.path)
		return -ENOENT;
	*ret_path = s.path;
	return 0;
}
