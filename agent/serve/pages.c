/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/pages.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"

static const struct {
	const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *
type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(types); i++)
		if (strcmp(dot, types[i].suffix) == 0)
			return types[i].type;
	return "application/octet-stream";
}

static bool
is_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char) *c) && !strchr("._-", *c))
			return false;
	return *name != '.' && strlen(name) < sizeof(((struct page *) NULL)->name);
}

static void
closedirp(DIR **d)
{
	if (*d)
		(void) closedir(*d);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct page *) a)->name, ((const struct page *) b)->name);
}

static int
read_page(struct pages *p, const char *dir, const char *name, size_t *room)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", dir, name);
	struct page *page = &p->page[p->n];
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (p->n == MAX_PAGES)
		return -EFBIG;
	r = file_read(path, *room, &page->data, &page->n);
	if (r < 0)
		return r;
	*room -= page->n;
	str_copy(page->name, sizeof(page->name), name);
	page->type = type_of(name);
	p->n++;
	return 0;
}

int
pages_read(struct pages *p, const char *dir)
{
	_cleanup_(closedirp) DIR *d = *dir ? opendir(dir) : NULL;
	size_t room = MAX_PAGES_BYTES;
	struct dirent *e;
	int status = 0;

	if (!d)
		return !*dir || errno == ENOENT ? 0 : -errno;
	while ((e = readdir(d)) != NULL)
		if (is_name(e->d_name)) {
			int r = read_page(p, dir, e->d_name, &room);

			if (r < 0)
				status = r;
		}
	qsort(p->page, p->n, sizeof(*p->page), by_name);
	return status;
}

void
pages_done(struct pages *p)
{
	while (p->n > 0)
		free(p->page[--p->n].data);
}

const struct page *
pages_find(const struct pages *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->page[i].name, name) == 0)
			return &p->page[i];
	return NULL;
}
