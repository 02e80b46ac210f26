/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LINK_H
#define LINK_H

#include "base/loop.h"
#include "metrics/record.h"
#include "metrics/sample.h"

/* The one-way link from the root half to the serve half: records of fixed sizes over a SOCK_SEQPACKET
 * socket pair. The writer never waits: when the reader is slow, the newest sample replaces the one that has
 * not been begun. */

/* Root half. */
struct link_writer;

struct link_writer *link_writer_new(struct loop *loop, int fd);
void link_writer_free(struct link_writer *w);
/* Hands over a sample (copied) or a record (copied) as soon as the socket takes it. */
void link_send_sample(struct link_writer *w, const struct sample *s);
void link_send_record(struct link_writer *w, const struct migration_record *r);

/* Serve half: assembles what arrives. A sample or record is handed over only when it is whole. Both belong to
 * the callee. -EPIPE: the root half is gone; -EBADMSG: not a record of ours. */
typedef void link_sample_fn(void *arg, struct sample *s);
typedef void link_record_fn(void *arg, struct migration_record *r);

struct link_reader;

struct link_reader *link_reader_new(int fd, link_sample_fn *sample_fn, link_record_fn *record_fn, void *arg);
void link_reader_free(struct link_reader *r);
int link_read(struct link_reader *r);

#endif
