/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef REMOVE_TREE_H
#define REMOVE_TREE_H

#include <ftw.h>
#include <stdio.h>

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) type;
	(void) ftw;
	return remove(path);
}

/* The directory of a test, and all below it. */
static inline void
remove_tree(const char *top)
{
	(void) nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
