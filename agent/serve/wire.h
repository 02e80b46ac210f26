/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "metrics/record.h"
#include "metrics/sample.h"

/* What the two ends of the link agree on. A datagram is a head and `count` elements of its kind's
 * size, at most `batch` of them. Both ends are one program, so that the elements are its own
 * structs; pointers in them are NULL on the way and mean nothing. A sample is SAMPLE, then the
 * batches of its arrays, then SAMPLE_END; a record is RECORD, its ROUNDS, RECORD_END. The two are
 * never mixed. */

enum wire_kind {
	WIRE_SAMPLE,
	WIRE_DOMAINS,
	WIRE_TRACKING,
	WIRE_MIGRATIONS,
	WIRE_TRACE_CPUS,
	WIRE_SAMPLE_END,
	WIRE_RECORD,
	WIRE_ROUNDS,
	WIRE_RECORD_END,
	WIRE_KINDS
};

#define WIRE_MAGIC 0x78736c31u /* "xsl1" */
#define MAX_DATAGRAM (32 * 1024)

struct wire_head {
	uint32_t magic;
	uint16_t kind;
	uint16_t count;
};

struct wire_kind_info {
	size_t size;	/* of an element */
	unsigned batch; /* elements in a datagram at most; 0: it has none */
};

extern const struct wire_kind_info wire_kinds[WIRE_KINDS];

/* True if all texts end, all choices are among those there are, and the counts are within their
 * limits. Nothing but this is read of what has not passed. */
int wire_check(enum wire_kind kind, const void *element);

#endif
