/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NOTICE_H
#define NOTICE_H

#include <stdio.h>

#include "metrics/record.h"

/* What the agent tells people on its own, by notices.def. Plain data. */

enum notice_kind {
#define NOTICE(id, ...) NOTICE_##id,
#include "metrics/notices.def"
	NOTICE_COUNT
};

struct notice_info {
	const char *name;
	int severity; /* of syslog(3) */
	const char *message_id, *details, *help;
};

extern const struct notice_info notice_table[NOTICE_COUNT];

#define NOTICE_TEXT_SIZE 640
#define MAX_DETAILS 6
#define DETAIL_SIZE NOTE_SIZE

struct notice_detail {
	const char *name;
	double number; /* NAN: unknown, where it is no text */
	bool is_text;
	char text[DETAIL_SIZE]; /* "": unknown */
};

struct notice {
	enum notice_kind kind;
	uint64_t seq; /* counts all of this host from 1; 0: not given yet */
	double time;  /* seconds since 1970: when it happened, or was found */
	bool replay;
	char uuid[UUID_SIZE], name[NAME_SIZE]; /* of the domain; "": unknown, or of the host */
	uint32_t domid;			       /* NO_DOMID: likewise */
	char migration[RECORD_ID_SIZE];	       /* id of the record that it is about; "": none */
	char text[NOTICE_TEXT_SIZE];	       /* a sentence */
	struct notice_detail detail[MAX_DETAILS];
	size_t n_details;
};

void notice_init(struct notice *n, enum notice_kind kind, double time);

/* The sentence; what is no text of ours in it becomes harmless. */
void notice_say(struct notice *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a member of "details"; name is static. */
void notice_text(struct notice *n, const char *name, const char *text);
void notice_number(struct notice *n, const char *name, double number);

/* One JSON object in a line, without a line end, which begins with its number; null for what is unknown. The caller
 * frees it. */
char *notice_json(const struct notice *n);

/* NOTICE_COUNT if there is none of this name. */
enum notice_kind notice_find(const char *name);

/* "info", "warning", "err", "crit". */
const char *notice_severity(enum notice_kind kind);

/* The table as a list in mdoc, for the manual. */
void notice_dump(FILE *f);

#endif
