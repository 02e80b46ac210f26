/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/gzip.h"

#include <stdint.h>
#include <string.h>

#include "base/util.h"

#define LEVEL 1	  /* a fifth of the size at a third of the time of the default level */
#define WINDOW 31 /* zlib's: 15 bits, and gzip's header */
#define MEMORY 8  /* zlib's default */

bool
gzip_begin(z_stream *z)
{
	return deflateInit2(z, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
}

void *
gzip_whole(const void *data, size_t n, size_t *ret_n)
{
	z_stream z = {.next_in = (Bytef *) (uintptr_t) data, .avail_in = (uInt) n};
	uLong room;
	void *out, *ret = NULL;

	if (n > UINT32_MAX || !gzip_begin(&z))
		return NULL;
	room = deflateBound(&z, (uLong) n);
	out = xmalloc(room);
	z.next_out = out;
	z.avail_out = (uInt) room;
	if (deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < n) {
		*ret_n = z.total_out;
		ret = xmalloc(*ret_n); /* the end of what was cut off would lie between others for ever */
		memcpy(ret, out, *ret_n);
	}
	(void) deflateEnd(&z);
	free(out);
	return ret;
}
