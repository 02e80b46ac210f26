/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RRD_FILE_H
#define RRD_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* What librrd's calls of all versions cannot do: tell a file's sources and step without reading all
 * of it, and give a file a new data source. (rrdtool 1.5 can, 1.4 cannot, and rrd_restore needs
 * libxml2 in Dom0.) */

#define RRD_NAME_SIZE 20
#define MAX_SOURCES 32
#define MAX_ARCHIVES 32

struct rrd_source {
	char name[RRD_NAME_SIZE], type[RRD_NAME_SIZE];
	unsigned long heartbeat; /* seconds */
	double min, max;	 /* NAN: no limit */
};

struct rrd_shape {
	unsigned long step; /* seconds */
	double last_up;	    /* time of the newest value, since 1970 */
	size_t n_sources;
	struct rrd_source source[MAX_SOURCES];
};

/* -errno of opening and reading; -EBADMSG: no RRD file, or a damaged one, or one whose layout we do
 * not know. */
int rrd_shape_read(const char *path, struct rrd_shape *ret);

/* The place of a source, or n_sources. */
size_t rrd_shape_find(const struct rrd_shape *shape, const char *name);

/* Copies the archives of from into to, source by source as they are named; the rest of to stays
 * unknown. Both must have the same step, last_up and archives. -errno; -EBADMSG as above; -EINVAL:
 * they do not match. */
int rrd_graft(const char *from, const char *to);

#endif
