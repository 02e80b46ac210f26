/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/flow.h"

#include "base/util.h"
#include "serve/gzip.h"

#define DRAIN (64u * 1024)

struct flow {
	struct stream *stream; /* NULL: part is the last one */
	struct strbuf part;
	size_t taken; /* of it */
	bool gzip, ended;
	z_stream z;
};

struct flow *
flow_new(struct reply *reply, bool gzip)
{
	struct flow *f = xcalloc(1, sizeof(*f));

	if (gzip && !gzip_begin(&f->z)) {
		free(f);
		return NULL;
	}
	f->gzip = gzip;
	f->stream = TAKE_PTR(reply->stream);
	f->part = reply->body;
	reply->body = (struct strbuf){NULL, 0, 0};
	return f;
}

void
flow_free(struct flow *f)
{
	if (!f)
		return;
	if (f->gzip)
		(void) deflateEnd(&f->z);
	stream_free(f->stream);
	strbuf_done(&f->part);
	free(f);
}

/* Has the next part made when all of this one is taken. False: there is none. */
static bool
refill(struct flow *f)
{
	while (f->taken == f->part.n) {
		if (!f->stream)
			return false;
		f->part.n = f->taken = 0;
		if (!f->stream->more(f->stream, &f->part))
			stream_free(TAKE_PTR(f->stream));
	}
	return true;
}

static size_t
read_plain(struct flow *f, char *buf, size_t n)
{
	if (!refill(f))
		return 0;
	n = MIN(n, f->part.n - f->taken);
	memcpy(buf, f->part.text + f->taken, n);
	f->taken += n;
	return n;
}

static size_t
read_gzip(struct flow *f, char *buf, size_t n)
{
	f->z.next_out = (Bytef *) buf;
	f->z.avail_out = (uInt) MIN(n, DRAIN);
	while (f->z.avail_out > 0 && !f->ended) {
		bool more = refill(f);

		f->z.next_in = more ? (Bytef *) f->part.text + f->taken : NULL;
		f->z.avail_in = more ? (uInt) MIN(f->part.n - f->taken, DRAIN) : 0;
		f->taken += f->z.avail_in;
		f->ended = deflate(&f->z, more ? Z_NO_FLUSH : Z_FINISH) == Z_STREAM_END;
		f->taken -= f->z.avail_in; /* what is left comes again */
	}
	return (size_t) (f->z.next_out - (Bytef *) buf);
}

size_t
flow_read(struct flow *f, char *buf, size_t n)
{
	return f->gzip ? read_gzip(f, buf, n) : read_plain(f, buf, n);
}

bool
flow_drain(struct reply *reply, bool gzip)
{
	_cleanup_(freep) char *buf = NULL;
	struct flow *f;
	size_t n;

	if (!gzip) { /* without a copy */
		while (reply->stream)
			if (!reply->stream->more(reply->stream, &reply->body))
				stream_free(TAKE_PTR(reply->stream));
		return true;
	}
	f = flow_new(reply, true);
	if (!f)
		return false;
	buf = xmalloc(DRAIN);
	while ((n = flow_read(f, buf, DRAIN)) > 0)
		strbuf_add(&reply->body, buf, n);
	flow_free(f);
	return true;
}
