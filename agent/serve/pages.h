/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>

#define MAX_PAGES 64
#define MAX_PAGES_BYTES (4u << 20) /* of all together */

/* The dashboard's files, read into memory before the chroot. What is asked for is looked up by name
 * in this list; no path from the network ever meets the file system. */
struct page {
	char name[64];
	const char *type; /* of its content, by its suffix */
	char *data;
	size_t n;
};

struct pages {
	struct page page[MAX_PAGES]; /* by name */
	size_t n;
};

/* Reads each regular file directly in dir whose name has letters, digits and "._-" and no leading
 * dot. 0 also where there is no such directory. -EFBIG: too much, what fitted is kept. -errno. */
int pages_read(struct pages *p, const char *dir);
void pages_done(struct pages *p);

/* NULL if there is none. */
const struct page *pages_find(const struct pages *p, const char *name);

#endif
