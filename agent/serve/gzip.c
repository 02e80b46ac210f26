/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/gzip.h"

#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/util.h"

#define LEVEL 1	  /* a fifth of the size at a third of the time of the default level */
#define WINDOW 31 /* zlib's: 15 bits, and gzip's header */
#define MEMORY 8  /* zlib's default */
#define CHUNK 16384

bool
gzip_begin(z_stream *z)
{
	return deflateInit2(z, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
}

void *
gzip_whole(const void *data, size_t n, size_t *ret_n)
{
	z_stream z = {.next_in = (Bytef *) (uintptr_t) data, .avail_in = (uInt) n};
	struct strbuf out = {NULL, 0, 0};
	void *ret = NULL;
	int status;

	if (n > UINT32_MAX || !gzip_begin(&z))
		return NULL;
	do {
		strbuf_grow(&out, CHUNK); /* deflateBound()'s room would be as large as the data */
		z.next_out = (Bytef *) out.text + out.n;
		z.avail_out = (uInt) (out.room - out.n);
		status = deflate(&z, Z_FINISH);
		out.n = z.total_out;
	} while (status == Z_OK && out.n < n);
	if (status == Z_STREAM_END && out.n < n) {
		*ret_n = out.n;
		ret = xmalloc(*ret_n); /* the end of what was cut off would lie between others for ever */
		memcpy(ret, out.text, *ret_n);
	}
	(void) deflateEnd(&z);
	strbuf_done(&out);
	return ret;
}
