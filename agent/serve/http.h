/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_H
#define HTTP_H

#include "base/loop.h"
#include "serve/serve.h"
#include "serve/view.h"

/* libmicrohttpd on our loop: connections in, answer() called, replies of a known length out. */
struct http;

/* Serves on all sockets, which are its own from then on. The view must outlive it. -ENOMEM,
 * -errno of the loop. */
int http_new(
    struct loop *loop, struct serve_sockets *sockets, const struct view *view, struct http **ret);
void http_free(struct http *h);

/* Adds to a sample what the serve half knows of itself. */
void http_show(const struct http *h, struct sample *s);

#endif
