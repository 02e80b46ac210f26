/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "observe/trace_decode.h"

/* A file that xentrace wrote: pieces of the CPUs' records, each behind a header with the CPU and
 * its length. Read at several places at once, so that the CPUs' records come in the order of their
 * stamps: no pipe. */
struct trace_file;

struct trace_file_facts {
	unsigned cpus;		/* that have records */
	uint64_t pieces;	/* whose headers are records too */
	uint64_t bytes;		/* of the file */
	uint64_t skipped_bytes; /* that belong to no piece, or to a CPU beyond TRACE_MAX_CPUS, or
				   are half a record */
	bool truncated;		/* its last piece is shorter than announced */
};

/* -errno, and *ret_why says what is the matter, static text: -ESPIPE not a plain file, -EBADMSG
 * nothing that xentrace wrote. */
int trace_file_open(const char *path, struct trace_file **ret, const char **ret_why);
void trace_file_close(struct trace_file *f);
void trace_file_closep(struct trace_file **f);

/* Decodes all of it, with at most 512 KiB of buffers. -errno: reading failed. */
int trace_file_decode(struct trace_file *f, struct trace_decoder *d);

/* All of it is known once the file was decoded. */
const struct trace_file_facts *trace_file_facts(const struct trace_file *f);

#endif
