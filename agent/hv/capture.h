/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "hv/hv.h"
#include "metrics/event.h"

/* The lines of a capture: docs/capture-format.md. hv_record.c writes them, hv_replay.c reads them;
 * both by the tables of capture.c, so that a new call is a row there. */

#define CAPTURE_VERSION 1
#define MAX_CAPTURE_LINE (32u << 20)  /* bytes: a console ring with each byte escaped */
#define MAX_CAPTURE_ANSWERS 16384     /* different questions in one capture */
#define MAX_CAPTURE_HELD (256u << 20) /* bytes of answers that a replay keeps at a time */
#define MAX_CAPTURE_SECONDS 1e9

enum capture_call {
	CALL_VERSION,
	CALL_CMDLINE,
	CALL_PHYSINFO,
	CALL_FEATURESET,
	CALL_CONSOLE_RING,
	CALL_DOMAIN_LIST,
	CALL_DOMAIN_POLICY,
	CALL_VCPU_CR4,
	CALL_DOMAIN_NAME,
	CALL_CHANGE,
	CALL_XENSTAT,
	CALL_CPU_MODEL,
	CALL_BOOT_ID,
	CALL_CONSOLE_LOG,
	CALL_COUNT
};

enum field_type {
	FIELD_UINT, /* of size 4 or 8 */
	FIELD_INT,  /* of size 4 or 8 */
	FIELD_BOOL,
	FIELD_SECONDS, /* double; NAN is zero */
	FIELD_TEXT,    /* char[size] */
	FIELD_UUID,    /* uint8_t[16] */
	FIELD_NAME,    /* an enum of size 4 or 8, written as one of names */
	FIELD_ERRNO,   /* uint32_t, positive */
	FIELD_PATH,    /* of struct capture_line: path when written, its hash in arg[0] when read */
	FIELD_ROWS,    /* the answer's array of structs */
	FIELD_WORDS,   /* the answer's array of uint32_t */
	FIELD_BYTES,   /* the answer's text */
};

/* A member of a line's object and the member of the struct that holds it. */
struct capture_field {
	const char *name;
	enum field_type type;
	bool optional; /* left out where it is zero */
	uint16_t offset, size;
	const char *const *names;
	size_t n_names;
};

struct capture_fields {
	const struct capture_field *field;
	size_t n;
};

/* What a call takes and answers. */
struct capture_call_info {
	struct capture_fields args; /* in struct capture_line */
	struct capture_fields data; /* its answer's struct, or one of FIELD_ROWS, _WORDS, _BYTES */
	struct capture_fields row;  /* of the structs within FIELD_ROWS */
	size_t size;		    /* of the struct, of a row, of a word; 1 for bytes */
	size_t max;		    /* rows, words or bytes; 1 for a struct */
};

enum capture_kind { LINE_UNKNOWN, LINE_HEADER, LINE_ANSWER, LINE_EVENT };

/* One line. */
struct capture_line {
	enum capture_kind kind;
	double t; /* seconds since the capture's begin */
	/* LINE_HEADER */
	uint32_t version;
	double recorded; /* CLOCK_REALTIME */
	char agent[32], xen[64];
	/* LINE_ANSWER */
	enum capture_call call;
	uint64_t arg[2];
	const char *path; /* written only */
	uint32_t error;	  /* positive errno, and then no data */
	void *data; /* n structs, rows, words or bytes; after reading the line's owner frees it */
	size_t n;
	/* LINE_EVENT: its time is on the capture's clock */
	struct event event;
};

/* The members of capture_line_fields. */
enum capture_member { MEMBER_T, MEMBER_CALL, MEMBER_EVENT, MEMBER_ERROR };

extern const struct capture_call_info capture_calls[CALL_COUNT];
extern const struct capture_fields capture_header_fields, capture_line_fields, capture_event_fields;

/* True where data are rows, words or bytes: their field's struct is the line itself. */
static inline bool
capture_in_line(const struct capture_call_info *info)
{
	return info->data.field[0].type >= FIELD_ROWS;
}

/* errno to "EACCES" and back; -EINVAL. Rare ones are "errno 123". */
void capture_error_name(uint32_t error, char *buf, size_t n);
int capture_error_parse(const char *text, uint32_t *ret_error);

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
uint64_t capture_hash(const char *data, size_t n);

/* Appends the line with its line end. *ret_body: where what follows the time begins. */
void capture_write(struct strbuf *b, const struct capture_line *line, size_t *ret_body);

/* Reads a capture as a stream, one line at a time. */
struct capture_reader;

/* -errno; -EBADMSG: not a regular file. */
int capture_reader_open(const char *path, struct capture_reader **ret);
void capture_reader_free(struct capture_reader *in);

/* The next line; its data are the caller's. A line with words that this version does not know is
 * LINE_UNKNOWN. -ENODATA: the end; -EBADMSG: not a line of a capture; -errno. */
int capture_read(struct capture_reader *in, struct capture_line *ret);

/* Back to the first line. Once the end was reached, what the file grew by is not read. */
void capture_rewind(struct capture_reader *in);

/* The last line had no end and was dropped. */
bool capture_torn(const struct capture_reader *in);

#endif
