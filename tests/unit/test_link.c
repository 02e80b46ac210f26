/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "serve/link.h"
#include "serve/wire.h"
#include "tests/made_up.h"
#include "tests/tap.h"

#define MAX_SEEN 512

static struct {
	struct sample *sample[8];
	size_t n_samples;
	struct migration_record *record[MAX_SEEN];
	size_t n_records;
	int status; /* of the last link_read */
} seen;

static struct loop *loop;
static struct link_writer *writer;
static struct link_reader *reader;
static int ends[2];

static void
on_sample(void *arg, struct sample *s)
{
	(void) arg;
	seen.sample[seen.n_samples++] = s;
}

static void
on_record(void *arg, struct migration_record *r)
{
	(void) arg;
	seen.record[seen.n_records++] = r;
}

static void
forget(void)
{
	while (seen.n_samples > 0)
		sample_free(seen.sample[--seen.n_samples]);
	while (seen.n_records > 0) {
		record_done(seen.record[--seen.n_records]);
		free(seen.record[seen.n_records]);
	}
	seen.status = 0;
}

static void
setup(void)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0 ||
	    loop_new(&loop) < 0)
		abort();
	writer = link_writer_new(loop, ends[0]);
	reader = link_reader_new(ends[1], on_sample, on_record, NULL);
}

static void
teardown(void)
{
	link_writer_free(writer);
	link_reader_free(reader);
	loop_free(loop);
	closep(&ends[0]);
	closep(&ends[1]);
	forget();
}

static int quiet; /* ticks in a row without anything to read */

static void
on_readable(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	(void) now;
	quiet = 0;
	seen.status = link_read(reader);
	if (seen.status < 0)
		loop_stop(loop, 0);
}

static void
on_tick(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	(void) now;
	if (++quiet == 3)
		loop_stop(loop, 0);
}

/* Both ends in one loop, until nothing comes any more. */
static void
exchange(void)
{
	int timer = loop_every(loop, 0.005, 0.005, on_tick, NULL);

	quiet = 0;
	(void) loop_add(loop, ends[1], EPOLLIN, on_readable, NULL);
	(void) loop_run(loop);
	loop_cancel(loop, timer);
	loop_remove(loop, ends[1]);
}

static void
test_sample(void)
{
	struct sample *s = made_up_sample(1000);
	struct sample *got;

	setup();
	link_send_sample(writer, s);
	exchange();
	got = seen.sample[0];
	ok(seen.n_samples == 1 && seen.status == 0, "a sample of 1000 domains arrives whole");
	ok(got && got->n_domains == 1000 &&
		memcmp(got->domain, s->domain, 1000 * sizeof(*s->domain)) == 0,
	    "its domains are the same");
	ok(got && memcmp(&got->host, &s->host, sizeof(s->host)) == 0 && got->replay &&
		got->at.real == s->at.real,
	    "so is what it says of the host");
	ok(got && memcmp(&got->features, &s->features, sizeof(s->features)) == 0,
	    "and of the features");
	ok(got && memcmp(got->collector, s->collector, sizeof(s->collector)) == 0 &&
		got->n_collectors == 2,
	    "and of the collectors");
	ok(got && got->n_tracking == 1 &&
		memcmp(got->tracking, s->tracking, sizeof(*s->tracking)) == 0 &&
		got->n_migrations == 1 &&
		memcmp(got->migration, s->migration, sizeof(*s->migration)) == 0,
	    "and of tracking and migrations");
	ok(got && got->n_trace_cpus == 1 && got->trace_cpu[0].cpu == 3, "and of the trace");
	teardown();
	sample_free(s);
}

static void
test_record(void)
{
	struct migration_record r, *got;

	made_up_record(&r, 7, MAX_ROUNDS);
	setup();
	link_send_record(writer, &r);
	exchange();
	got = seen.record[0];
	ok(seen.n_records == 1, "a record of %d rounds arrives whole", MAX_ROUNDS);
	ok(got && got->n_rounds == MAX_ROUNDS &&
		memcmp(got->round, r.round, MAX_ROUNDS * sizeof(*r.round)) == 0,
	    "its rounds are the same");
	ok(got && strcmp(got->id, "m-7") == 0 && strcmp(got->name, r.name) == 0 &&
		isnan(got->ended) && got->started == r.started &&
		got->tracking_mode == TRACKING_PML,
	    "so is the rest of it");
	teardown();
	record_done(&r);
}

static void
test_slow_reader(void)
{
	struct sample *s = made_up_sample(1000);
	struct migration_record r;
	bool newest = false;

	setup();
	for (unsigned i = 0; i < 5; i++) {
		s->host.value[0] = i;
		link_send_sample(writer, s);
	}
	for (unsigned i = 0; i < 100; i++) {
		made_up_record(&r, i, 1);
		link_send_record(writer, &r);
		record_done(&r);
	}
	made_up_record(&r, 99, 2);
	r.result = RESULT_COMPLETED;
	link_send_record(writer, &r);
	record_done(&r);
	exchange();
	ok(seen.n_samples == 2 && seen.sample[0]->host.value[0] == 0 &&
		seen.sample[1]->host.value[0] == 4,
	    "a slow reader gets the sample that was begun and the newest, none between");
	ok(seen.n_records == 64, "of the records that waited the newest 64 are kept: %zu",
	    seen.n_records);
	for (size_t i = 0; i < seen.n_records; i++)
		if (strcmp(seen.record[i]->id, "m-99") == 0)
			newest = !newest && seen.record[i]->result == RESULT_COMPLETED &&
				 seen.record[i]->n_rounds == 2;
	ok(newest, "a newer state of a migration takes the place of the older one");
	teardown();
	sample_free(s);
}

/* Nothing more comes of a migration that has ended, so a word of it that is lost leaves it under way for ever. */
static void
test_slow_reader_of_ends(void)
{
	struct sample *s = made_up_sample(1000);
	struct migration_record r;
	size_t ended = 0;

	setup();
	for (unsigned i = 0; i < 100; i++) {
		link_send_sample(writer, s);
		made_up_record(&r, i, 1);
		r.result = i >= 10 && i < 20 ? RESULT_COMPLETED : RESULT_RUNNING;
		link_send_record(writer, &r);
		record_done(&r);
	}
	exchange();
	for (size_t i = 0; i < seen.n_records; i++)
		ended += seen.record[i]->result == RESULT_COMPLETED;
	ok(ended == 10 && seen.n_records < 100, "a slow reader hears of each migration that has ended: %zu", ended);
	teardown();
	sample_free(s);
}

static void
test_end(void)
{
	struct sample *s = made_up_sample(1);

	setup();
	link_send_sample(writer, s);
	link_writer_free(TAKE_PTR(writer));
	closep(&ends[0]);
	exchange();
	ok(seen.n_samples == 1 && seen.status == -EPIPE,
	    "what was sent before the writer's end is read, then the reader hears of it");
	teardown();

	setup();
	closep(&ends[1]);
	link_send_sample(writer, s);
	link_send_sample(writer, s);
	ok(1, "a writer without a reader goes on");
	teardown();

	setup();
	closep(&ends[1]);
	{
		int timer = loop_every(loop, 0.005, 0.005, on_tick, NULL);

		quiet = 0;
		(void) loop_run(loop);
		loop_cancel(loop, timer);
	}
	link_send_sample(writer, s);
	ok(1, "also when its loop has told it so");
	teardown();
	sample_free(s);
}

/* What the reader says to one datagram. */
static int
tell(enum wire_kind kind, unsigned count, const void *data, size_t n)
{
	static char datagram[2 * MAX_DATAGRAM];
	struct wire_head head = {
	    .magic = WIRE_MAGIC, .kind = (uint16_t) kind, .count = (uint16_t) count};

	memcpy(datagram, &head, sizeof(head));
	if (n)
		memcpy(datagram + sizeof(head), data, n);
	if (send(ends[0], datagram, sizeof(head) + n, 0) < 0)
		abort();
	return link_read(reader);
}

static int
tell_alone(enum wire_kind kind, unsigned count, const void *data, size_t n)
{
	int r;

	setup();
	r = tell(kind, count, data, n);
	teardown();
	return r;
}

#define REFUSED(kind, x, member, v, what)                                                          \
	do {                                                                                       \
		__typeof__(x) y_ = (x);                                                            \
		memset(&y_.member, v, sizeof(y_.member));                                          \
		ok(tell_alone(kind, 1, &y_, sizeof(y_)) == -EBADMSG, what);                        \
	} while (0)

static void
test_hostile_content(void)
{
	struct sample *s = made_up_sample(1);
	struct sample head = *s;
	struct migration_record r;

	head.domain = NULL;
	head.tracking = NULL;
	head.migration = NULL;
	made_up_record(&r, 1, 0);
	ok(tell_alone(WIRE_SAMPLE, 1, &head, sizeof(head)) == 0, "a sample's head alone is taken");
	ok(tell_alone(WIRE_RECORD, 1, &r, sizeof(r)) == 0, "so is a record's");
	REFUSED(WIRE_SAMPLE, head, host.cpu_model, 'x', "a text without an end is refused");
	REFUSED(WIRE_SAMPLE, head, features.speculation, 'x', "also in the features");
	REFUSED(
	    WIRE_SAMPLE, head, features.feature[0].xen, 7, "a choice that there is not is refused");
	REFUSED(WIRE_SAMPLE, head, features.pml.state, 0xff, "so is a negative one");
	REFUSED(WIRE_SAMPLE, head, replay, 2, "a bool that is neither is refused");
	REFUSED(WIRE_SAMPLE, head, at.real, 0xff, "a time that is not a number is refused");
	REFUSED(WIRE_SAMPLE, head, n_domains, 0xff, "more domains than there may be are refused");
	REFUSED(
	    WIRE_SAMPLE, head, n_collectors, 0xff, "more collectors than there may be are refused");
	REFUSED(WIRE_SAMPLE, head, collector[1].error, 'x',
	    "a collector's text without an end is refused");
	REFUSED(WIRE_RECORD, r, name, 'x', "a record's text without an end is refused");
	REFUSED(WIRE_RECORD, r, direction, 9, "a direction that there is not is refused");
	REFUSED(WIRE_RECORD, r, final.begun, 3, "a record's bool that is neither is refused");
	REFUSED(WIRE_RECORD, r, evidence.away, 2, "so is one of the evidence");
	REFUSED(WIRE_RECORD, r, n_rounds, 0xff, "more rounds than there may be are refused");
	sample_free(s);
}

static void
test_hostile_order(void)
{
	struct sample *s = made_up_sample(2);
	struct sample head = *s;
	struct sample_domain many[65];
	static char long_one[MAX_DATAGRAM];
	struct sample_migration m = s->migration[0];
	struct sample_tracking t = s->tracking[0];
	struct migration_record r;
	struct round round;

	head.domain = NULL;
	head.tracking = NULL;
	head.migration = NULL;
	head.trace_cpu = NULL;
	memset(many, 0, sizeof(many));
	made_up_record(&r, 1, 1);
	round = r.round[0];
	free(TAKE_PTR(r.round));

	ok(tell_alone(WIRE_DOMAINS, 1, s->domain, sizeof(*s->domain)) == -EBADMSG,
	    "domains without a sample are refused");
	ok(tell_alone(WIRE_SAMPLE_END, 0, NULL, 0) == -EBADMSG, "so is an end without a beginning");
	ok(tell_alone(WIRE_RECORD_END, 0, NULL, 0) == -EBADMSG, "of a record too");
	ok(tell_alone(WIRE_DOMAINS, 65, many, sizeof(many)) == -EBADMSG,
	    "a batch that is too large is refused");
	ok(tell_alone(WIRE_DOMAINS, 0, NULL, 0) == -EBADMSG, "an empty batch is refused");
	ok(tell_alone(WIRE_SAMPLE, 1, &head, sizeof(head) - 1) == -EBADMSG,
	    "a datagram too short is refused");
	ok(tell_alone(WIRE_KINDS, 1, &head, sizeof(head)) == -EBADMSG,
	    "a kind that there is not is refused");
	ok(tell_alone(WIRE_SAMPLE, 1, long_one, MAX_DATAGRAM) == -EBADMSG,
	    "a datagram too long is refused");

	setup();
	ok(send(ends[0], "abc", 3, 0) == 3 && link_read(reader) == -EBADMSG,
	    "three bytes are no record");
	teardown();

	setup();
	(void) tell(WIRE_SAMPLE, 1, &head, sizeof(head));
	ok(tell(WIRE_DOMAINS, 2, s->domain, 2 * sizeof(*s->domain)) == 0,
	    "the domains that were announced are taken");
	ok(tell(WIRE_SAMPLE_END, 0, NULL, 0) == -EBADMSG && seen.n_samples == 0,
	    "a sample that lacks the rest is not handed over");
	teardown();

	setup();
	(void) tell(WIRE_SAMPLE, 1, &head, sizeof(head));
	ok(tell(WIRE_DOMAINS, 3, many, 3 * sizeof(*many)) == -EBADMSG,
	    "more domains than announced are refused");
	teardown();

	setup();
	(void) tell(WIRE_SAMPLE, 1, &head, sizeof(head));
	ok(tell(WIRE_RECORD, 1, &r, sizeof(r)) == -EBADMSG, "a record within a sample is refused");
	teardown();

	setup();
	(void) tell(WIRE_RECORD, 1, &r, sizeof(r));
	ok(tell(WIRE_RECORD_END, 0, NULL, 0) == -EBADMSG && seen.n_records == 0,
	    "a record that lacks a round is not handed over");
	teardown();

	setup();
	(void) tell(WIRE_RECORD, 1, &r, sizeof(r));
	memset(&round.seen, 2, sizeof(round.seen));
	ok(tell(WIRE_ROUNDS, 1, &round, sizeof(round)) == -EBADMSG,
	    "a round's bool that is neither is refused");
	teardown();

	memset(t.uuid, 'x', sizeof(t.uuid));
	ok(tell_alone(WIRE_TRACKING, 1, &t, sizeof(t)) == -EBADMSG,
	    "a UUID without an end is refused");
	memset(&m.direction, 0x55, sizeof(m.direction));
	ok(tell_alone(WIRE_MIGRATIONS, 1, &m, sizeof(m)) == -EBADMSG,
	    "a direction out of range is refused");
	many[0].feature[2].exposed = 3;
	ok(tell_alone(WIRE_DOMAINS, 1, many, sizeof(*many)) == -EBADMSG,
	    "a guest's feature out of range is refused");
	sample_free(s);
}

int
main(void)
{
	test_sample();
	test_record();
	test_slow_reader();
	test_slow_reader_of_ends();
	test_end();
	test_hostile_content();
	test_hostile_order();
	return done_testing();
}
