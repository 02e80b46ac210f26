/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RRD_SCHEMA_H
#define RRD_SCHEMA_H

#include "metrics/metric.h"
#include "store/rrd_file.h"

/* What the RRD files hold, from the metric table alone: the rows of a scope that name a data
 * source, and the archives of the design, section 4.
 *
 * Gauges are GAUGE. Counters are ABSOLUTE, written as increases (metric_text.h says why) and read
 * as rates by second, so that the sum of rate x step over an archive is the increase again. That
 * holds to the last page in vm/UUID.tracking.rrd, where each file begins at the edge of a step and
 * nothing that was counted falls into an unknown step. */
enum rrd_kind { RRD_HOST, RRD_VM, RRD_TRACKING, RRD_KINDS };

struct rrd_kind_info {
	enum metric_scope scope;
	const char *suffix; /* of the file's name */
	const char *xff;    /* unknown part of an archive's step that is allowed */
	bool minimum;	    /* archives of MIN too */
	bool from_zero; /* a counter is 0 when its object appears, and when it goes back it is a new
			   one */
	bool late; /* the file is made when it is to get what the log has of it, not in its object's
		      first tick: that is in a migration, and costs more than the rest of it */
};

extern const struct rrd_kind_info rrd_kinds[RRD_KINDS];

#define RRD_PATH_SIZE 512

/* DIR/host.rrd, DIR/vm/UUID.rrd or DIR/vm/UUID.tracking.rrd; uuid is NULL for the host's. -EINVAL:
 * not a UUID; -ENAMETOOLONG. */
int rrd_path(char *ret, const char *dir, enum rrd_kind kind, const char *uuid);

/* The kind of file whose scope holds the metric; RRD_KINDS if it is in none. */
enum rrd_kind rrd_kind_of(enum metric_id id);

/* Seconds between two values of archive i, the finest first, in a file of this step; 0: there is no
 * archive i. A length that is not a multiple of step is rounded up to one. */
unsigned long rrd_archive_step(size_t i, unsigned long step);
/* How many values that archive keeps. */
unsigned long rrd_archive_rows(size_t i, unsigned long step);

/* The edge of a step that is at least one step before. */
double rrd_edge_before(double at, unsigned long step);

/* Makes an empty file at path, which must not be in use. Its sources are those of the table, then
 * those of old that the table does not have (old may be NULL). last_up: seconds since 1970; the
 * first value must be later. -errno, and rrd_get_error() has a text unless it is -E2BIG: too many
 * sources. */
int rrd_make(const char *path, enum rrd_kind kind, unsigned step, double last_up,
    const struct rrd_shape *old);

/* The shape of the file that rrd_make makes without an old one. */
void rrd_shape_of(enum rrd_kind kind, unsigned long step, double last_up, struct rrd_shape *ret);

/* What such a file has under way: as rrd_underway_read. */
void rrd_underway_of(enum rrd_kind kind, const struct rrd_shape *shape, unsigned long steps,
    struct rrd_underway *ret);

#endif
