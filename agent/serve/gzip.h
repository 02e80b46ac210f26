/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GZIP_H
#define GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

/* gzip as every answer is packed with it. */

/* Readies z, which is zero but for its input, for deflate; the caller ends it with deflateEnd. False: no memory. */
bool gzip_begin(z_stream *z);

/* The bytes packed, to be freed; NULL: no memory, or they got no fewer. */
void *gzip_whole(const void *data, size_t n, size_t *ret_n);

#endif
