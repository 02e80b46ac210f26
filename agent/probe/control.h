/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>

#include "base/loop.h"
#include "probe/control_wire.h"

/* The socket by which root asks. Nobody else gets in: its mode is 0600 and the peer's uid is asked
 * for. The serving half has no part in it. */
struct control;

/* A whole request of a client that may ask; client: its number, for control_reply. The domain is
 * ended by NUL. */
typedef void control_request_fn(void *arg, int client, const struct control_request *r);
/* It has gone without having had its last reply. */
typedef void control_gone_fn(void *arg, int client);

/* Listens on path, where a socket that nobody answers may be in the way. Who may ask: root, and the
 * user that the agent runs as. -errno; -EADDRINUSE: somebody answers there; -EEXIST: something that
 * is no socket. */
int control_new(const char *path, struct loop *loop, control_request_fn *request,
    control_gone_fn *gone, void *arg, struct control **ret);

/* Closes all connections and takes the socket away; nobody is called. */
void control_free(struct control *c);

/* Fills in magic and version. last: closes the connection. A client that does not read is taken for
 * gone (not told by the callback if last). */
void control_reply(struct control *c, int client, struct control_reply *r, bool last);

/* What is due: connections without a request, timed out. The loop's timer calls it. */
void control_step(struct control *c, const struct tick *now);

#endif
