/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include "base/strbuf.h"

#define AGENT_SOCKET "/run/xenscope/http.sock"
#define MAX_AGENT_REPLY (8u << 20) /* bytes, headers included */

/* Asks the agent on its UNIX socket: GET target (a path with query, already in the form that HTTP
 * wants), waiting at most `seconds` for the whole reply. ret_status: HTTP's; *body, which is empty
 * before: what came. -errno of the socket; -ETIMEDOUT; -EFBIG: longer than MAX_AGENT_REPLY;
 * -EPROTO: not a whole HTTP reply. */
int agent_get(const char *socket_path, const char *target, double seconds, unsigned *ret_status,
    struct strbuf *body);

/* The second half of agent_get, for n bytes that were read until the agent closed the connection.
 * -EPROTO. */
int agent_reply_parse(const char *reply, size_t n, unsigned *ret_status, struct strbuf *body);

#endif
