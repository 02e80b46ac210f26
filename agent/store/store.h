/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORE_H
#define STORE_H

#include "metrics/sample.h"

/* RRD files below dir: host.rrd, vm/UUID.rrd, vm/UUID.tracking.rrd. The writer belongs to the root half;
 * the files are root:gid 0640, the directories 0750, so that the serve half can read them. Built without rrdtool
 * (no_rrd.c) it takes every sample and keeps none. */
struct store;

/* step: seconds between two samples. -errno. */
int store_open(const char *dir, unsigned step, gid_t gid, struct store **ret);
void store_close(struct store *s);

/* Logs one sample (wal.h), and brings some of the files to where the log is: each at least every WAL_BATCH samples, and
 * those of objects that are gone; all of them while the log cannot be written. Creates files that are missing, sets
 * aside those that are corrupt (renamed to NAME.corrupt-TIME), skips what is ahead of the clock. Each trouble is said
 * once. Returns 0, or the -errno of the last file that failed. */
int store_write(struct store *s, const struct sample *sample);

/* Brings all files to where the log is; store_close does so, too, and store_open what a killed process left to do. */
int store_flush(struct store *s);

/* For the readers, in any process: the files below dir, and the log of the newest ticks, which is looked through when
 * it is opened: once for all that one answer tells. -errno; -ENOSYS: built without rrdtool. */
struct stored;
int stored_open(const char *dir, struct stored **ret);
void stored_close(struct stored *s); /* accepts NULL */

/* One series of a file: values[i] is that of the step that ends at
 * start + (i + 1) * step. */
struct series {
	double start, step; /* seconds since 1970; seconds */
	size_t n;
	double *values; /* NAN: unknown */
};

/* The data sources of n metrics of one scope, by one look into the object's file, between two times at the best
 * resolution that reaches back to start, but not finer than step seconds (0: the finest). ret[i] is id[i]'s; all have
 * the same start, step and n; one that the file has no source for is unknown. uuid: the domain, NULL for the host.
 * cf: "AVERAGE", "MIN" or "MAX". -ENOENT: no file, or none of these metrics in it; -EINVAL. The caller drops ret[n]
 * with series_free. */
int store_read(struct stored *s, const char *uuid, const enum metric_id *id, size_t n, const char *cf, double start,
    double end, double step, struct series *ret);
void series_free(struct series *series, size_t n);

#endif
