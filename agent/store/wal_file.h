/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WAL_FILE_H
#define WAL_FILE_H

#include "store/wal.h"

/* One file of the log, for wal.c alone: a head, then records. */
#define WAL_MAX_TICKS                                                                              \
	(WAL_BATCH + 15) /* of a file; states that are put back need ticks that are a batch older  \
			  */
#define WAL_MAX_RECORD (1u << 25) /* bytes; MAX_DOMAINS of each kind, all sources, are 5 MiB */

enum { WAL_TICK = 1, WAL_STATES };

struct wal_record {
	uint32_t crc;  /* of all that follows it in the record */
	uint32_t size; /* of the whole record, a multiple of 8 */
	uint32_t type;
	uint32_t begins;       /* of a tick: it is the first one of an agent */
	double at;	       /* of states: the newest tick's */
	uint32_t boot;	       /* which boot of the machine wrote it */
	uint32_t n[RRD_KINDS]; /* of a tick: its objects */
};

/* In a record of states, before the state of each file. */
struct wal_state_of {
	uint8_t uuid[WAL_UUID_SIZE];
	uint64_t kind;
};

/* The first bytes of each file: which columns the ticks' rows have. */
struct wal_head {
	char magic[8];
	uint32_t n[RRD_KINDS], unused;
	char column[RRD_KINDS][MAX_SOURCES][RRD_NAME_SIZE];
};

struct wal_tick {
	double at;
	bool begins;
	uint32_t boot, n[RRD_KINDS];
	off_t offset; /* of its rows */
	char *window; /* rows that were read: neighbours are written together */
	enum rrd_kind kind;
	size_t first, n_window;
};

struct wal_file {
	int fd; /* -1: there is none */
	struct wal_head head;
	signed char row[RRD_KINDS]
		       [MAX_SOURCES]; /* a column's place in the scope; -1: the table has lost it */
	off_t end;		      /* of the records that are known */
	off_t last;		      /* the newest of them */
	struct wal_tick *tick;
	size_t n;
};

/* The head of the files that we write. */
void wal_head_make(struct wal_head *h);

/* -ENOENT; -EBADMSG: no log. */
int wal_file_open(struct wal_file *f, const char *dir, const char *name, int flags);
void wal_file_close(struct wal_file *f);

/* Notes the ticks that were appended since. A record that is not whole is still being written. */
void wal_file_scan(struct wal_file *f);

/* Notes the ticks of a file that nobody writes, and cuts it where records end to be whole and
 * sound. -errno. */
int wal_file_check(struct wal_file *f, const char *name, uint32_t boot);

/* Reads the record at f->end whole; the caller frees it. -EBADMSG: there is none that is sound. */
int wal_record_read(const struct wal_file *f, struct wal_record **ret);

/* Bytes of a row: the UUID, and a number for each column. */
size_t wal_row_size(const struct wal_file *f, enum rrd_kind kind);

/* The object's row of a tick; *where: its place, at first a guess. NULL: it has none. It holds
 * until the next call. */
const char *wal_row_find(const struct wal_file *f, struct wal_tick *t, enum rrd_kind kind,
    const uint8_t *uuid, size_t *where);

/* Its values in the order of our table: MAX_SOURCES of them. */
void wal_row_values(const struct wal_file *f, enum rrd_kind kind, const char *row, double *ret);

#endif
