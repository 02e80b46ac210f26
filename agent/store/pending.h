/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PENDING_H
#define PENDING_H

#include "base/strbuf.h"
#include "store/wal.h"

/* From what the log has of an object to what its RRD file is to be given. */

/* How far a file is, and what its next values are counted from. */
struct progress {
	double last_up;
	size_t where;		     /* among the objects of a tick, as far as is known */
	bool counting;		     /* counter[] is as of last_up */
	double counter[MAX_SOURCES]; /* of each source; NAN: unknown */
};

/* Which of the scope's rows the file's sources are. Their order is the file's own: an older file
 * has them in an older table's order, and may have some that the table has lost. */
struct sources {
	enum rrd_kind kind;
	unsigned long step;
	size_t n;
	signed char row[MAX_SOURCES]; /* -1: not in the table */
};

/* The values of a file's sources for one moment: of counters what they grew by; NAN: unknown. */
struct update {
	double at;
	double value[MAX_SOURCES];
};

struct updates {
	size_t n;
	struct update *update; /* the caller frees it */
};

void sources_of(enum rrd_kind kind, const struct rrd_shape *shape, struct sources *ret);

/* True if the source is stored as what it grew by. */
bool source_is_counter(const struct sources *s, size_t i);

/* The updates that bring a file from *p to where the log is, and then to the row more (NULL: none);
 * *p is then there. all: see wal_rows. */
void pending_read(struct wal *w, const struct sources *s, const uint8_t *uuid, bool all,
    const struct wal_row *more, struct progress *p, struct updates *ret);

/* When a file must begin for all that the log has of the object to be behind its beginning. */
double pending_begin(
    struct wal *w, enum rrd_kind kind, const uint8_t *uuid, bool all, unsigned step);

/* What librrd takes, a terminated line for each update. */
void updates_text(const struct updates *u, size_t n_sources, struct strbuf *b);

#endif
