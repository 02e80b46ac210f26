/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRAW_H
#define DRAW_H

#include "base/strbuf.h"
#include "serve/picture.h"

/* Draws a request that picture_bytes has found good, by librrd: a PNG or an SVG is appended. librrd draws only what
 * is in a file: the values go into one that has no name any more when it is drawn. -errno; -EIO: librrd says no, and
 * rrd_get_error() why. */
int draw(const struct picture *p, const double *values, struct strbuf *ret);

#endif
