/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/link.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/log.h"
#include "base/util.h"
#include "serve/wire.h"

#define MAX_QUEUED 64 /* records of different migrations that wait; then one is dropped */
#define MAX_PARTS 6

/* A run of elements of one kind; data is NULL for an end mark. */
struct part {
	enum wire_kind kind;
	const char *data;
	size_t count;
};

struct link_writer {
	struct loop *loop;
	int fd;
	bool watched, waiting, gone;

	struct sample *next;			   /* the newest sample, not begun */
	struct migration_record queue[MAX_QUEUED]; /* oldest first */
	size_t n_queued;
	uint64_t dropped;
	struct trouble full;

	/* what is being sent: n_parts is 0 when nothing is */
	struct sample *sample, sample_head;
	struct migration_record record, record_head;
	struct part part[MAX_PARTS];
	size_t n_parts, at_part, at;
};

static void
add_part(struct link_writer *w, enum wire_kind kind, const void *data, size_t count)
{
	w->part[w->n_parts++] = (struct part){.kind = kind, .data = data, .count = count};
}

static void
begin_sample(struct link_writer *w)
{
	struct sample *s = w->sample = TAKE_PTR(w->next);

	w->sample_head = *s;
	w->sample_head.domain = NULL;
	w->sample_head.tracking = NULL;
	w->sample_head.migration = NULL;
	w->sample_head.trace_cpu = NULL;
	add_part(w, WIRE_SAMPLE, &w->sample_head, 1);
	add_part(w, WIRE_DOMAINS, s->domain, s->n_domains);
	add_part(w, WIRE_TRACKING, s->tracking, s->n_tracking);
	add_part(w, WIRE_MIGRATIONS, s->migration, s->n_migrations);
	add_part(w, WIRE_TRACE_CPUS, s->trace_cpu, s->n_trace_cpus);
	add_part(w, WIRE_SAMPLE_END, NULL, 0);
}

static void
begin_record(struct link_writer *w)
{
	w->record = w->queue[0];
	w->n_queued--;
	memmove(w->queue, w->queue + 1, w->n_queued * sizeof(*w->queue));
	w->record_head = w->record;
	w->record_head.round = NULL;
	add_part(w, WIRE_RECORD, &w->record_head, 1);
	add_part(w, WIRE_ROUNDS, w->record.round, w->record.n_rounds);
	add_part(w, WIRE_RECORD_END, NULL, 0);
}

static void
end_message(struct link_writer *w)
{
	sample_free(TAKE_PTR(w->sample));
	record_done(&w->record);
	w->n_parts = w->at_part = w->at = 0;
}

/* Nothing waits any more: tells what it has cost, if it has. */
static void
say_drained(struct link_writer *w)
{
	if (w->dropped > 0)
		log_info("link",
		    "the serving process keeps up again; %llu states of migrations were dropped",
		    (unsigned long long) w->dropped);
	w->dropped = 0;
	w->full.said = false;
}

/* Sends the next datagram of the message. -EAGAIN: the socket is full. */
static int
send_batch(struct link_writer *w)
{
	struct part *p = &w->part[w->at_part];
	const struct wire_kind_info *info = &wire_kinds[p->kind];
	size_t n = MIN(p->count - w->at, (size_t) info->batch);
	struct wire_head head = {
	    .magic = WIRE_MAGIC, .kind = (uint16_t) p->kind, .count = (uint16_t) n};
	struct iovec iov[] = {{.iov_base = &head, .iov_len = sizeof(head)},
	    {.iov_base = n > 0 ? (void *) (p->data + w->at * info->size) : NULL,
		.iov_len = n * info->size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n > 0 ? 2 : 1};

	if ((n > 0 || info->batch == 0) && sendmsg(w->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EINTR ? 0 : -errno;
	w->at += n;
	if (w->at == p->count) {
		w->at = 0;
		w->at_part++;
	}
	if (w->at_part == w->n_parts)
		end_message(w);
	return 0;
}

/* The reader is gone: the owner hears of it as of any child; nothing is sent any more. */
static void
give_up(struct link_writer *w)
{
	w->gone = true;
	if (w->watched)
		loop_remove(w->loop, w->fd);
	w->watched = false;
	end_message(w);
	sample_free(TAKE_PTR(w->next));
	while (w->n_queued > 0)
		record_done(&w->queue[--w->n_queued]);
}

static void
wait_for_room(struct link_writer *w, bool wait)
{
	if (w->waiting == wait)
		return;
	w->waiting = wait;
	(void) loop_modify(w->loop, w->fd, wait ? EPOLLOUT : 0);
}

static void
pump(struct link_writer *w)
{
	int r = 0;

	while (!w->gone && r == 0) {
		if (w->n_parts == 0 && w->n_queued > 0)
			begin_record(w);
		else if (w->n_parts == 0 && w->next)
			begin_sample(w);
		if (w->n_parts == 0) {
			say_drained(w);
			break;
		}
		r = send_batch(w);
	}
	if (w->gone)
		return;
	if (r < 0 && r != -EAGAIN && r != -ENOBUFS)
		give_up(w);
	else
		wait_for_room(w, r < 0);
}

static void
on_socket(void *arg, uint32_t events, const struct tick *now)
{
	struct link_writer *w = arg;

	(void) now;
	if (events & (EPOLLHUP | EPOLLERR))
		give_up(w);
	else
		pump(w);
}

struct link_writer *
link_writer_new(struct loop *loop, int fd)
{
	struct link_writer *w = xcalloc(1, sizeof(*w));

	w->loop = loop;
	w->fd = fd;
	w->watched = loop_add(loop, fd, 0, on_socket, w) == 0;
	return w;
}

void
link_writer_free(struct link_writer *w)
{
	if (!w)
		return;
	give_up(w);
	free(w);
}

void
link_send_sample(struct link_writer *w, const struct sample *s)
{
	if (w->gone)
		return;
	sample_free(w->next);
	w->next = sample_copy(s);
	pump(w);
}

/* The oldest of a migration under way, since of that more will come; else the oldest. */
static size_t
least_needed(const struct link_writer *w)
{
	for (size_t i = 0; i < w->n_queued; i++)
		if (w->queue[i].result == RESULT_RUNNING)
			return i;
	return 0;
}

/* Room at the end of the queue. A newer state of the same migration takes the place of the older
 * one. */
static struct migration_record *
queue_slot(struct link_writer *w, const char *id)
{
	for (size_t i = 0; i < w->n_queued; i++)
		if (strcmp(w->queue[i].id, id) == 0) {
			record_done(&w->queue[i]);
			return &w->queue[i];
		}
	if (w->n_queued == MAX_QUEUED) {
		size_t i = least_needed(w);

		record_done(&w->queue[i]);
		w->n_queued--;
		memmove(w->queue + i, w->queue + i + 1, (w->n_queued - i) * sizeof(*w->queue));
		w->dropped++;
		complain(&w->full, "link",
		    "the serving process is slow: states of migrations are dropped");
	}
	return &w->queue[w->n_queued++];
}

void
link_send_record(struct link_writer *w, const struct migration_record *r)
{
	if (w->gone)
		return;
	record_copy(queue_slot(w, r->id), r);
	pump(w);
}
