/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "base/tick.h"
#include "store/journal_filter.h"

/* migrations.jsonl: a finished record a line, appended whole and synced; migrations.index tells what stands where in
 * it. migrations.open: what is under way, a line for each change of a record, with what has become another since the
 * line before, so that a killed agent loses at most the last one. */
struct journal;

/* A record that was open when the agent ended. Takes over what *r owns. */
typedef void journal_open_fn(void *arg, struct migration_record *r);

/* Opens or creates both below dir; files root:gid 0640. Drops a torn last line of either (and keeps it in
 * NAME.torn). Calls fn for each open record whose id is not among the finished ones. ret_note: static text when
 * something was repaired, else NULL. -errno. */
int journal_open(const char *dir, gid_t gid, journal_open_fn *fn, void *arg, struct journal **ret,
    const char **ret_note);
void journal_close(struct journal *j);

/* Notes the state of a record that is under way. -errno. */
int journal_note(struct journal *j, const struct migration_record *r);

/* Appends the finished record, syncs, then forgets that it was open. A record whose id is there already is not
 * written again. -errno: nothing is forgotten. */
int journal_finish(struct journal *j, const struct migration_record *r);

/* Migrations and saves that ended, and those of them that did not complete; probes are not among them. */
void journal_counts(const struct journal *j, uint64_t *ret_ended, uint64_t *ret_failed);

/* To be called at each tick: drops finished records, oldest first, that are older than the limit or beyond the size;
 * hourly at most, and if a tenth of the journal can go. The counts stay what they are. -errno: nothing is lost. */
struct journal_limits {
	uint64_t days, bytes; /* 0: no limit */
};
int journal_keep(struct journal *j, const struct journal_limits *limits, const struct tick *now);

/* For readers, in any process: calls fn with each line (without its line end) of dir/migrations.jsonl, newest
 * first, until it returns false. -errno; 0 also when there is no file yet. */
typedef bool journal_line_fn(void *arg, const char *line, size_t n);
int journal_read(const char *dir, journal_line_fn *fn, void *arg);

/* The same with those lines only that the filter lets through. 1: without an index it would take too long; those from
 * search.at on have been looked at. */
struct journal_search {
	const struct journal_filter *filter; /* NULL: all */
	uint64_t before; /* only lines that end before this place; UINT64_MAX: all */
	uint64_t at;	 /* the place of the line that is handed over */
	size_t looked_at; /* bytes of lines without an index, those of the answer's searches before this one, too */
};
int journal_search(const char *dir, struct journal_search *s, journal_line_fn *fn, void *arg);

/* For readers: what is another when the file that journal_read reads has changed; all 0 when there is none yet.
 * -errno. */
struct journal_state {
	uint64_t device, inode, size, changed;
};
int journal_state(const char *dir, struct journal_state *ret);
/* True if the newest record of this domain says that its dirty tracking was left on, in this boot of the host. */
bool journal_left_on(const char *dir, const char *uuid, uint32_t domid, const char *boot_id);

#endif
