/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/kept.h"

#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "serve/flow.h"
#include "serve/gzip.h"
#include "serve/headers.h"

#define MAX_KEPT 96 /* dashboard files and the routes' answers; beyond that the oldest one goes */

struct form {
	struct MHD_Response *response, *unchanged; /* NULL: not made yet */
	char etag[ETAG_SIZE];
};

struct body {
	char key[KEPT_KEY];
	uint64_t generation;
	struct reply reply; /* its headers; the text belongs to the plain form's response */
	const void *data;
	size_t n;
	struct form plain, gzip;
	bool incompressible;
	bool current;
	unsigned users; /* exchanges that send it */
};

struct kept {
	struct body *body[MAX_KEPT]; /* oldest first */
	size_t n;
	size_t old_bytes;
	uint64_t life; /* tells this process's tags from those of one before it */
};

struct kept *
kept_new(void)
{
	struct kept *k = xcalloc(1, sizeof(*k));
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	k->life = (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
	return k;
}

static void
form_done(struct form *f)
{
	if (f->response)
		MHD_destroy_response(f->response);
	if (f->unchanged)
		MHD_destroy_response(f->unchanged);
}

static void
body_free(struct body *b)
{
	form_done(&b->plain);
	form_done(&b->gzip);
	free(b);
}

/* It is current no more; whoever is still being sent it keeps it alive. */
static void
drop(struct kept *k, size_t i)
{
	struct body *b = k->body[i];

	memmove(k->body + i, k->body + i + 1, (--k->n - i) * sizeof(*k->body));
	b->current = false;
	if (b->users)
		k->old_bytes += b->n;
	else
		body_free(b);
}

void
kept_free(struct kept *k)
{
	while (k && k->n > 0)
		drop(k, k->n - 1);
	free(k);
}

struct body *
kept_find(struct kept *k, const char *key, uint64_t generation)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->body[i]->key, key) == 0)
			return k->body[i]->reply.page || k->body[i]->generation == generation ? k->body[i]
												: NULL;
	return NULL;
}

size_t
kept_forget(struct kept *k, const char *key)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->body[i]->key, key) == 0) {
			size_t n = k->body[i]->n;

			drop(k, i);
			return n;
		}
	return 0;
}

size_t
kept_bytes(const struct kept *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		n += k->body[i]->n;
	return n;
}

size_t
kept_old_bytes(const struct kept *k)
{
	return k->old_bytes;
}

static struct MHD_Response *
unchanged(const struct reply *reply, const char *etag)
{
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(0, (void *) (uintptr_t) "", MHD_RESPMEM_PERSISTENT);

	if (r)
		headers_add(r, reply, etag, false);
	return r;
}

/* Takes over data where own is set. */
static bool
form_make(struct form *f, const struct reply *reply, void *data, size_t n, bool own, bool gzip)
{
	f->response = MHD_create_response_from_buffer(
	    n, data, own ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!f->response)
		return false;
	headers_add(f->response, reply, f->etag, gzip);
	return true;
}

void
kept_tag(const struct kept *k, const char *key, uint64_t generation, bool gzip, char ret[ETAG_SIZE])
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */

	for (const char *c = key; *c; c++)
		hash = (hash ^ (unsigned char) *c) * 1099511628211u;
	(void) snprintf(ret, ETAG_SIZE, "\"%llx-%llx-%llx%s\"", (unsigned long long) k->life,
	    (unsigned long long) generation, (unsigned long long) hash, gzip ? "-g" : "");
}

struct body *
kept_add(struct kept *k, const char *key, uint64_t generation, struct reply *reply)
{
	const struct page *page = reply->page;
	struct body *b = xcalloc(1, sizeof(*b));

	str_copy(b->key, sizeof(b->key), key);
	b->generation = page ? 0 : generation; /* a page never changes */
	b->reply = *reply;
	b->reply.body = (struct strbuf){NULL, 0, 0};
	b->data = page ? page->data : reply->body.text;
	b->n = page ? page->n : reply->body.n;
	kept_tag(k, key, b->generation, false, b->plain.etag);
	kept_tag(k, key, b->generation, true, b->gzip.etag);
	if (!form_make(&b->plain, reply, (void *) (uintptr_t) b->data, b->n, !page, false)) {
		free(b);
		return NULL;
	}
	reply->body = (struct strbuf){NULL, 0, 0};
	b->current = true;
	if (k->n == MAX_KEPT)
		drop(k, 0);
	k->body[k->n++] = b;
	return b;
}

/* The form that such a client gets. */
static struct form *
form_for(struct body *b, bool gzip)
{
	size_t n;
	void *data;

	if (!gzip || b->incompressible || b->n < MIN_GZIP)
		return &b->plain;
	if (b->gzip.response)
		return &b->gzip;
	data = gzip_whole(b->data, b->n, &n);
	b->incompressible = !data || !form_make(&b->gzip, &b->reply, data, n, true, true);
	return b->incompressible ? &b->plain : &b->gzip;
}

struct MHD_Response *
body_use(struct body *b, bool gzip)
{
	b->users++;
	return form_for(b, gzip)->response;
}

void
body_release(struct kept *k, struct body *b)
{
	if (--b->users > 0 || b->current)
		return;
	k->old_bytes -= b->n;
	body_free(b);
}

const char *
body_etag(struct body *b, bool gzip)
{
	return form_for(b, gzip)->etag;
}

struct MHD_Response *
body_unchanged(struct body *b, bool gzip)
{
	struct form *f = form_for(b, gzip);

	if (!f->unchanged)
		f->unchanged = unchanged(&b->reply, f->etag);
	return f->unchanged;
}
