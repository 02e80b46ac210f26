/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KEEPER_H
#define KEEPER_H

#include "config/config.h"
#include "metrics/record.h"
#include "metrics/sample.h"
#include "observe/migration.h"

/* What the agent keeps: the directory that the serve half is shut into, the RRD files and the journal in it. Only one
 * agent writes there at a time. */
struct keeper;

struct keeper *keeper_new(void);
/* Writes what could not be written yet, if it can be now. */
void keeper_free(struct keeper *k);

/* Opens all of it below the configured directory, and hands m what an earlier agent left open there and what ended
 * lately; records that m ends at once are kept, too. -errno, said in the log. */
int keeper_open(struct keeper *k, const struct config *config, struct migrations *m);

/* The file that the agent keeps locked; the caller frees it. */
char *keeper_lock_path(const struct config *config);

/* A record that has changed: noted, or finished. One that cannot be written is kept in memory, up to a limit, and
 * tried again with each sample. */
void keeper_record(struct keeper *k, enum record_change change, const struct migration_record *r);
/* A sample goes into the RRD files. */
void keeper_sample(struct keeper *k, const struct sample *s);

/* Seconds since 1970: up to when an earlier agent saw what it left open; NAN: it left nothing. */
double keeper_last_seen(const struct keeper *k);

/* For journal_left_on and its like, and whose group may read there. */
const char *keeper_dir(const struct keeper *k);
gid_t keeper_gid(const struct keeper *k);

#endif
