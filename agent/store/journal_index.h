/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef JOURNAL_INDEX_H
#define JOURNAL_INDEX_H

#include "store/journal_file.h"
#include "store/journal_filter.h"

/* migrations.index: a struct journal_entry for each record of the journal, in its order. It only saves reading: what
 * it lacks is found in the lines behind its last entry, what does not fit is made anew when the agent starts, and
 * readers look at the line itself before they believe an entry. Entries of dropped records may still be there. */
struct journal_index {
	int fd;
	char *path;
	uint64_t n;		/* entries */
	uint64_t end;		/* the records before this place have theirs */
	uint64_t counted, ended, failed; /* migrations before that place, and those that did not complete */
};

/* Opens or creates it and brings it up to the file's end, reading lines where it does not fit. Only a journal that
 * cannot be read is an error; an index that cannot be written is none until the next start, and records are counted
 * all the same. -errno. */
int journal_index_open(struct journal_index *x, const char *dir, gid_t gid, const struct journal_file *f);
void journal_index_close(struct journal_index *x);

/* Adds the records that lie between its end and the file's. -errno: it ends before. */
int journal_index_extend(struct journal_index *x, const struct journal_file *f);

/* Writes it anew without the records that f has dropped. -errno: the old one stays, which serves as well. */
int journal_index_trim(struct journal_index *x, gid_t gid, const struct journal_file *f);

/* For readers. Entries from number i on, up to n: how many there are. -errno. */
#define INDEX_BLOCK 1024
ssize_t journal_index_read(int fd, uint64_t i, struct journal_entry *ret, size_t n);

/* True if e is an entry that lies between these places. */
bool journal_entry_fits(const struct journal_entry *e, uint64_t from, uint64_t to);

/* Behind its line. */
static inline uint64_t
journal_entry_end(const struct journal_entry *e)
{
	return e->at + e->n + 1;
}

/* Adds one to those that ended and, if it did not complete, to those that failed; probes are no migrations. */
void journal_entry_count(const struct journal_entry *e, uint64_t *ended, uint64_t *failed);

/* Calls fn with each entry that is not of a dropped record, until it returns false. -errno. */
typedef bool journal_entry_fn(void *arg, const struct journal_entry *e);
int journal_index_each(const struct journal_index *x, const struct journal_file *f, journal_entry_fn *fn, void *arg);

#endif
