/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HALF_H
#define HALF_H

#include "serve/serve.h"
#include "serve/view.h"

/* The life of the serve half, after its rights are gone: answers from the view until the link is
 * closed. The sockets and the link are its own. The exit status: 0 when the root half ended. */
int half_run(struct view *view, struct serve_sockets *sockets, int link);

#endif
