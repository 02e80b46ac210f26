/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRAWINGS_H
#define DRAWINGS_H

#include <microhttpd.h>

#include "base/loop.h"
#include "serve/answer.h"

/* The pictures that clients wait for, drawn one after the other by the drawer (drawer.h), and the last ones that were
 * drawn. Who asks for what another waits for, or has got, waits for the same or gets it: the request, values and all,
 * is a picture's name. */
struct drawings;
struct drawing;

#define MAX_DRAWINGS_WAITED 8		   /* pictures that are not yet drawn */
#define MAX_DRAWINGS_KEPT 16		   /* that are */
#define MAX_DRAWINGS_BYTES (3u << 20) /* of those, with their requests */

/* drawn: connections that waited go on as soon as libmicrohttpd is run. */
typedef void drawings_fn(void *arg, const struct tick *now);

/* The drawer's socket is its own from then on. Without one, 0, all pictures are refused. -errno of the loop. */
int drawings_new(struct loop *loop, int drawer, drawings_fn *drawn, void *arg, struct drawings **ret);
/* Lets all connections go on, with a problem: before libmicrohttpd is stopped. Both accept NULL. */
void drawings_stop(struct drawings *d);
void drawings_free(struct drawings *d);

/* Puts the picture that a reply asks for into it, or a problem. x: NULL at first, then what is kept for this request.
 * False: it is being drawn, and the connection suspended; when libmicrohttpd asks again, so does the caller, with an
 * empty reply. */
bool drawings_reply(struct drawings *d, struct MHD_Connection *c, const struct request *q, struct drawing **x,
    struct reply *ret);

/* The request has ended. */
void drawing_release(struct drawings *d, struct drawing *x); /* accepts NULL */

#endif
