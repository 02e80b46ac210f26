/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef JOURNAL_TRIM_H
#define JOURNAL_TRIM_H

#include "store/journal.h"
#include "store/journal_index.h"

/* Retention. The records to be kept are copied into another file, a piece at each tick, while the journal goes on;
 * when the copy has caught up it takes the journal's place. Readers go on in the one that they have. */

struct journal_trim {
	struct tick asked;	 /* when it was last looked whether something can go; 0: never */
	struct journal_file to;	 /* what is being written; fd -1: nothing is */
	uint64_t copied;	 /* place in the old one */
};

/* Takes away what a killed agent left half written. path: the journal's. */
void journal_trim_init(struct journal_trim *t, const char *path);
/* Gives up what is being written. */
void journal_trim_done(struct journal_trim *t, const char *path);

/* Begins, goes on or does nothing. When it is through *f is the new file. -errno: nothing is
 * lost, and an hour later it begins again. */
int journal_trim(struct journal_trim *t, const struct journal_limits *limits, const struct tick *now,
    const char *path, gid_t gid, struct journal_file *f, struct journal_index *x);

#endif
