/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef JOURNAL_FILTER_H
#define JOURNAL_FILTER_H

#include "metrics/record.h"

/* Which records are asked for: by the serve half of the journal and of what is under way, by xenscope(1) of what it
 * reads from logs. */

#define MAX_NAME_JSON (NAME_SIZE * 6) /* a character may become \u001f */

/* What a record can be found by. Plain data of 64 bytes: the index holds one for each line. */
struct journal_entry {
	uint64_t at; /* where the line begins, see journal_file.h */
	uint32_t n;  /* its bytes without the line end */
	uint8_t format, direction, toolstack, result; /* UNKNOWN_WORD */
	uint64_t id, name; /* hashes */
	uint8_t uuid[16];  /* zeros: none */
	double started, ended; /* seconds since 1970; NAN */
};

#define JOURNAL_ENTRY_FORMAT 1 /* another one is made anew */
#define UNKNOWN_WORD 0xff

/* Of a line as record_gen writes it, without parsing the whole of it. False: it is none. */
bool journal_entry_of(const char *line, size_t n, struct journal_entry *ret);

/* ret_id[RECORD_ID_SIZE]: the id of such a line, its first member. False: it has none. */
bool journal_line_id(const char *line, size_t n, char *ret_id);

/* When it ended; began, if nobody saw that; or NAN. */
double journal_entry_time(const struct journal_entry *e);

struct journal_filter {
	bool some;			/* it lets not everything through */
	bool by_id, by_uuid, by_name, by_time;
	uint64_t id_hash, name_hash;
	char id[RECORD_ID_SIZE];
	uint8_t uuid[16];
	char name[MAX_NAME_JSON];	/* as it stands in the JSON */
	double since, until;		/* what was under way at some time between them */
	uint32_t result, direction, toolstack; /* sets */
};

/* Lets everything through. */
void journal_filter_init(struct journal_filter *f);

/* The criteria: the API's parameters and the client's options of these names. */
#define JOURNAL_CRITERIA 7
extern const char *const journal_criteria[JOURNAL_CRITERIA];

/* Sets one of them from its text; all that are set must fit. now: seconds since 1970. -EINVAL, and for a person in
 * error[n] what it takes. */
int journal_filter_set(struct journal_filter *f, const char *criterion, const char *text, double now, char *error,
    size_t n);

/* Only the record of this id. */
void journal_filter_id(struct journal_filter *f, const char *id);

/* True if a line of such an entry may fit: what is hashed may be something else. */
bool journal_filter_entry(const struct journal_filter *f, const struct journal_entry *e);

/* True if the line fits. */
bool journal_filter_line(const struct journal_filter *f, const char *line, size_t n);

#endif
