/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RRD_FILE_H
#define RRD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* All that an update changes in a file beside the rows of its archives: the time of the newest value, the steps that
 * are under way, which row each archive is at. Put back, it lets the file take the same values again. */
struct rrd_state {
	uint64_t inode; /* of the file that it is of */
	double last_up;
	uint64_t packed; /* words that follow: for each 64 a bit for each that is not 0, then those */
	uint64_t word[];
};

/* -errno as above. The caller frees *ret. */
int rrd_state_read(const char *path, struct rrd_state **ret);

/* -ESTALE: the state is not of this file. Otherwise as above. */
int rrd_state_restore(const char *path, const struct rrd_state *state);

/* What a file has of the steps under way, for one source and one archive. */
struct rrd_underway {
	double last_up;
	double sum, unknown;	     /* in the step of the file: value x seconds; seconds */
	double row;		     /* in the step of the archive: the sum, or the extreme */
	unsigned long unknown_steps; /* the file's steps of it that are unknown */
	unsigned long steps;	     /* of the file in one of the archive */
	double xff;
};

/* Of the archive of this consolidation and so many steps, of each source of the file in ret[MAX_SOURCES]. -ENOENT:
 * there is no such archive. Otherwise as above. */
int rrd_underway_read(const char *path, const char *cf, unsigned long steps, struct rrd_underway *ret);

/* Copies the archives of from into to, source by source as they are named; the rest of to stays
 * unknown. Both must have the same step, last_up and archives. -errno; -EBADMSG as above; -EINVAL:
 * they do not match. */
int rrd_graft(const char *from, const char *to);

#endif
