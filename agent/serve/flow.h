/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FLOW_H
#define FLOW_H

#include "serve/answer.h"

/* The bytes of a reply on their way to a client: its body, then what its stream makes, through gzip if that is wanted.
 * No more than one part of the stream is in memory. */
struct flow;

#define MIN_GZIP 1024		      /* bytes: a smaller body gains nothing */
#define FLOW_GZIP_BYTES (256u * 1024) /* that zlib takes for one */

/* Takes the reply's body and stream over. NULL: no memory for gzip, the reply is untouched. */
struct flow *flow_new(struct reply *reply, bool gzip);
void flow_free(struct flow *f);

/* Up to n bytes; how many, 0 at the end. */
size_t flow_read(struct flow *f, char *buf, size_t n);

/* All of them become the reply's body, for who must know the length before: xapi's proxy, and what is kept. False: no
 * memory for gzip. */
bool flow_drain(struct reply *reply, bool gzip);

#endif
