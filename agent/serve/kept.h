/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KEPT_H
#define KEPT_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/answer.h"

/* Bodies that were made at the first request after a change and are given again to all later ones, until what they
 * were made of changes. */
struct kept;

#define KEPT_KEY (MAX_PATH + 8)

/* One body; it lives as long as it is current or somebody is sent it. */
struct body;

struct kept *kept_new(void);
void kept_free(struct kept *k);

/* NULL if there is none of this generation. */
struct body *kept_find(struct kept *k, const char *key, uint64_t generation);

/* Forgets the body of this key, of whatever generation, before the next one is made: the two need not have room side by
 * side. Returns its bytes, about which the next one will have, too; 0: there was none. */
size_t kept_forget(struct kept *k, const char *key);

/* Takes over the reply's body, which becomes the current one of its key, which has none. NULL: no memory for it, the
 * reply is untouched. */
struct body *kept_add(struct kept *k, const char *key, uint64_t generation, struct reply *reply);

/* Bytes of those that are current, before compression. */
size_t kept_bytes(const struct kept *k);
/* Bytes of bodies that are no longer current and still being sent. */
size_t kept_old_bytes(const struct kept *k);

/* To be sent: plain, or gzip if the client takes that. Every use is given back by body_release. */
struct MHD_Response *body_use(struct body *b, bool gzip);
void body_release(struct kept *k, struct body *b);

/* The entity tag of what has that name and generation, with its quotes, in a form of its own for gzip. */
#define ETAG_SIZE 56
void kept_tag(const struct kept *k, const char *key, uint64_t generation, bool gzip, char ret[ETAG_SIZE]);
/* That of the body's form. */
const char *body_etag(struct body *b, bool gzip);
/* The answer to who has it already. */
struct MHD_Response *body_unchanged(struct body *b, bool gzip);

#endif
