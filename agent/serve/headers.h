/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HEADERS_H
#define HEADERS_H

#include <microhttpd.h>
#include <stdbool.h>

#include "serve/answer.h"

/* The headers of a reply. None has a colon in its value: xapi's proxy drops such lines. etag: NULL for what is
 * made for one request only. */
void headers_add(struct MHD_Response *r, const struct reply *reply, const char *etag, bool gzip);

/* True if the list of an Accept-Encoding header takes gzip (RFC 9110, 12.5.3). */
bool headers_take_gzip(const char *accept_encoding);

/* True if an If-None-Match header has this tag, or * (RFC 9110, 13.1.2). */
bool headers_match(const char *if_none_match, const char *etag);

#endif
