/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/link.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/util.h"
#include "serve/wire.h"

#define MAX_READS 256 /* datagrams taken in one call, so that HTTP gets its turn */

/* An array that is being filled. */
struct filling {
	size_t size, announced, n;
	char *data;
};

struct link_reader {
	int fd;
	link_sample_fn *sample_fn;
	link_record_fn *record_fn;
	void *arg;

	struct sample *sample;		    /* NULL: none under way */
	struct migration_record *record;    /* NULL: none under way */
	struct filling filling[WIRE_KINDS]; /* by the kind of what fills it */

	/* an element begins at a multiple of 8 */
	union {
		struct wire_head head;
		double align;
		char bytes[MAX_DATAGRAM];
	} in;
};

_Static_assert(sizeof(struct wire_head) == sizeof(double), "elements are aligned");

struct link_reader *
link_reader_new(int fd, link_sample_fn *sample_fn, link_record_fn *record_fn, void *arg)
{
	struct link_reader *r = xcalloc(1, sizeof(*r));

	r->fd = fd;
	r->sample_fn = sample_fn;
	r->record_fn = record_fn;
	r->arg = arg;
	return r;
}

void
link_reader_free(struct link_reader *r)
{
	if (!r)
		return;
	for (size_t k = 0; k < WIRE_KINDS; k++)
		free(r->filling[k].data);
	free(r->sample);
	free(r->record);
	free(r);
}

static void
expect(struct link_reader *r, enum wire_kind kind, size_t n)
{
	struct filling *f = &r->filling[kind];

	f->announced = n;
	f->n = 0;
	f->data = xmalloc(n * wire_kinds[kind].size);
}

/* The whole array. NULL with *ret_n = 0 when elements are missing; they have then all been given
 * up. */
static void *
complete(struct link_reader *r, enum wire_kind kind, size_t *ret_n, int *whole)
{
	struct filling *f = &r->filling[kind];

	if (f->n != f->announced)
		*whole = 0;
	*ret_n = f->n;
	f->announced = f->n = 0;
	return TAKE_PTR(f->data);
}

static int
begin_sample(struct link_reader *r, const struct sample *head)
{
	struct sample *s;

	if (r->sample || r->record)
		return -EBADMSG;
	s = r->sample = xmalloc(sizeof(*s));
	memcpy(s, head, sizeof(*s));
	s->users = 0;
	s->domain = NULL;
	s->tracking = NULL;
	s->migration = NULL;
	s->trace_cpu = NULL;
	s->requests = NULL;
	s->n_requests = 0;
	expect(r, WIRE_DOMAINS, s->n_domains);
	expect(r, WIRE_TRACKING, s->n_tracking);
	expect(r, WIRE_MIGRATIONS, s->n_migrations);
	expect(r, WIRE_TRACE_CPUS, s->n_trace_cpus);
	return 0;
}

static int
end_sample(struct link_reader *r)
{
	struct sample *s = TAKE_PTR(r->sample);
	int whole = 1;

	if (!s)
		return -EBADMSG;
	s->domain = complete(r, WIRE_DOMAINS, &s->n_domains, &whole);
	s->tracking = complete(r, WIRE_TRACKING, &s->n_tracking, &whole);
	s->migration = complete(r, WIRE_MIGRATIONS, &s->n_migrations, &whole);
	s->trace_cpu = complete(r, WIRE_TRACE_CPUS, &s->n_trace_cpus, &whole);
	if (!whole) {
		sample_free(s);
		return -EBADMSG;
	}
	r->sample_fn(r->arg, s);
	return 0;
}

static int
begin_record(struct link_reader *r, const struct migration_record *head)
{
	if (r->sample || r->record)
		return -EBADMSG;
	r->record = xmalloc(sizeof(*r->record));
	memcpy(r->record, head, sizeof(*head));
	r->record->round = NULL;
	expect(r, WIRE_ROUNDS, head->n_rounds);
	return 0;
}

static int
end_record(struct link_reader *r)
{
	struct migration_record *record = TAKE_PTR(r->record);
	int whole = 1;

	if (!record)
		return -EBADMSG;
	record->round = complete(r, WIRE_ROUNDS, &record->n_rounds, &whole);
	if (!whole) {
		record_done(record);
		free(record);
		return -EBADMSG;
	}
	r->record_fn(r->arg, record);
	return 0;
}

static int
fill(struct link_reader *r, enum wire_kind kind, const char *data, size_t n)
{
	struct filling *f = &r->filling[kind];
	size_t size = wire_kinds[kind].size;

	if (n > f->announced - f->n)
		return -EBADMSG;
	memcpy(f->data + f->n * size, data, n * size);
	f->n += n;
	return 0;
}

/* One datagram of n bytes. */
static int
take(struct link_reader *r, size_t n)
{
	const struct wire_head *head = &r->in.head;
	const char *data = r->in.bytes + sizeof(*head);
	const struct wire_kind_info *info;

	if (n < sizeof(*head) || head->magic != WIRE_MAGIC || head->kind >= WIRE_KINDS)
		return -EBADMSG;
	info = &wire_kinds[head->kind];
	if (head->count > info->batch || (head->count == 0) != (info->batch == 0) ||
	    n != sizeof(*head) + head->count * info->size)
		return -EBADMSG;
	for (size_t i = 0; i < head->count; i++)
		if (!wire_check((enum wire_kind) head->kind, data + i * info->size))
			return -EBADMSG;
	switch ((enum wire_kind) head->kind) {
	case WIRE_SAMPLE:
		return begin_sample(r, (const struct sample *) data);
	case WIRE_SAMPLE_END:
		return end_sample(r);
	case WIRE_RECORD:
		return begin_record(r, (const struct migration_record *) data);
	case WIRE_RECORD_END:
		return end_record(r);
	default:
		return fill(r, (enum wire_kind) head->kind, data, head->count);
	}
}

int
link_read(struct link_reader *r)
{
	int status = 0;

	for (int i = 0; i < MAX_READS && status == 0; i++) {
		/* MSG_TRUNC: the true length, so that one that is too long is refused */
		ssize_t n = recv(r->fd, r->in.bytes, sizeof(r->in.bytes), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
		if (n == 0)
			return -EPIPE;
		status = (size_t) n > sizeof(r->in.bytes) ? -EBADMSG : take(r, (size_t) n);
	}
	return status;
}
