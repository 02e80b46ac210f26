/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WAL_H
#define WAL_H

#include <sys/types.h>

#include "store/rrd_file.h"
#include "store/rrd_schema.h"

/* The log of the newest ticks: each is here, whole, before an RRD file gets any of it, and stays
 * until every file has it. Two files, DIR/ticks.wal and DIR/ticks.wal.old: when the first is full
 * it takes the place of the second. One process writes, any may read meanwhile. In the machine's
 * own byte order, as RRD files are. */
#define WAL_BATCH 120	 /* ticks: at least so often a file gets what the log has of it */
#define WAL_NEIGHBOURS 8 /* objects that are best read one after the other */
#define WAL_UUID_SIZE 16

struct wal;

/* One object's values in a tick, in the order of its scope's rows; NAN: absent. */
struct wal_row {
	double at;  /* seconds since 1970 */
	bool fresh; /* the object was not in the tick before: its counters are others */
	double value[MAX_SOURCES];
};

struct wal_rows {
	size_t n;
	struct wal_row *row; /* oldest first, and room for one more; the caller frees it */
};

/* For the writer: opens or makes the log, and cuts off what an interruption left half written.
 * Files root:gid 0640. -errno. */
int wal_open(const char *dir, gid_t gid, struct wal **ret);
/* For readers. A log that is not there is empty. -errno. */
int wal_open_to_read(const char *dir, struct wal **ret);
void wal_close(struct wal *w);

/* The time of the newest tick; -INFINITY: there is none. */
double wal_newest(const struct wal *w);

/* True if the last record of all says that no updates are under way, as a store writes when it is closed and every file
 * has what the log has, and the machine has run ever since. */
bool wal_is_settled(const struct wal *w);

/* Hands out files' states before updates that may be there by half, oldest first, and then the
 * objects of the last two ticks (state is NULL): all that may have something in the log that its
 * file has not. -errno. */
typedef void wal_object_fn(
    void *arg, enum rrd_kind kind, const uint8_t *uuid, const struct rrd_state *state);
int wal_recover(struct wal *w, wal_object_fn *fn, void *arg);

/* A tick: begun, each kind's objects added, kind after kind, and appended. begins: the first one of
 * an agent. -errno: nothing of it is in the log. */
int wal_tick_begin(struct wal *w, double at, bool begins);
void wal_tick_add(struct wal *w, enum rrd_kind kind, const uint8_t *uuid, const double *value);
int wal_tick_end(struct wal *w);

/* The states of the files that are updated next, in one record, too. None: the updates that were
 * begun are done. */
void wal_states_begin(struct wal *w);
void wal_states_add(
    struct wal *w, enum rrd_kind kind, const uint8_t *uuid, const struct rrd_state *state);
int wal_states_end(struct wal *w);

/* The object's rows, none older than since: all, or only those without a break up to the newest
 * tick. *where: its place among the objects of a tick, at first a guess. */
void wal_rows(struct wal *w, enum rrd_kind kind, const uint8_t *uuid, double since, bool all,
    size_t *where, struct wal_rows *ret);

#endif
