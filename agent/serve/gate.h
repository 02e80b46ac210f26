/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GATE_H
#define GATE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "serve/answer.h"
#include "serve/secrets.h"

/* Who may ask, and how often. An address that other hosts reach is served by TLS; there a token or a certificate is
 * asked for, and each address has its rate. On 127.0.0.1 and [::1] a name of this host, and a token where local_token
 * says so; on a UNIX socket the file's mode is the guard. */
struct gate;

/* The secrets must outlive it. The caller owns the result. */
struct gate *gate_new(const struct secrets *secrets, bool local_token, unsigned rate);
void gate_free(struct gate *g); /* accepts NULL */

/* libmicrohttpd's flags and options for a socket that other hosts reach. The last option is MHD_OPTION_END. */
#define GATE_OPTIONS 6
unsigned gate_flags(void);
void gate_options(const struct gate *g, struct MHD_OptionItem ret[GATE_OPTIONS]);

/* Whether a connection from this address is taken at all: not from one that goes on beyond its rate. */
bool gate_admits(struct gate *g, const struct sockaddr *from, const struct tick *now);

/* Whether this address keeps to its rate with one request more. */
bool gate_paces(struct gate *g, const struct sockaddr *from, const struct tick *now);

/* Whether a header Host names this host by an address or as localhost, with or without a port. */
bool gate_is_own_name(const char *host);

/* Whether this request is answered; if not the problem is in *ret: 401, 421 or 429. */
bool gate_allows(struct gate *g, struct MHD_Connection *c, const struct request *q, struct reply *ret);

#endif
