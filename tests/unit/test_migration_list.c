/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of migrations on its way to a client, part by part, while the journal grows or goes. */
#include <config.h>

#include <unistd.h>

#include "tests/unit/asking.h"

#define LINES 300
#define MAX_PART (32u * 1024) /* bytes: one of 16 KiB, and a line */
#define NOTE "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static char *path;

static void
append(unsigned from, unsigned to)
{
	FILE *f = fopen(path, "a");

	for (unsigned i = from; f && i < to; i++)
		(void) fprintf(f,
		    "{\"id\":\"m-%u\",\"name\":\"%s\",\"started\":%u,\"result\":\"completed\",\"reason\":\"" NOTE NOTE
		    "}{][,\\\"\\\\" NOTE NOTE "\",\"rounds\":[{\"n\":0,\"seconds\":[\"id\",{\"id\":\"x\"}]}]}\n",
		    i, i % 2 ? "odd" : "even", i);
	if (!f || fclose(f) != 0)
		abort();
}

static void
begin(const char *name, const char *value)
{
	struct request q = {.view = &view, .now = tick_now(), .method = "GET", .path = "/api/v1/migrations"};

	q.parameter[0] = (struct parameter){"limit", "1000"};
	q.parameter[1] = (struct parameter){name, value};
	q.n_parameters = name ? 2 : 1;
	reply_done(&reply);
	answer(&q, &reply);
}

/* Up to so many parts more. The largest. */
static size_t
go_on(unsigned parts)
{
	size_t largest = reply.body.n;

	for (bool more = true; reply.stream && more && parts-- > 0;) {
		size_t before = reply.body.n;

		more = reply.stream->more(reply.stream, &reply.body);
		largest = MAX(largest, reply.body.n - before);
		if (!more)
			stream_free(TAKE_PTR(reply.stream));
	}
	if (!reply.stream) {
		json_decref(body);
		body = json_loadb(reply.body.text, reply.body.n, 0, NULL);
	}
	return largest;
}

/* True if the list is m-from, m-(from - step)...: n of them. */
static bool
lists(unsigned from, unsigned step, size_t n)
{
	for (unsigned i = 0; i < n; i++) {
		char id[16];

		(void) snprintf(id, sizeof(id), "m-%u", from - i * step);
		if (!is_text(json_object_get(json_array_get(at("migrations", NULL), i), "id"), id))
			return false;
	}
	return json_array_size(at("migrations", NULL)) == n;
}

/* Of the list's i-th id. */
static unsigned
number(size_t i)
{
	const char *id = json_string_value(json_object_get(json_array_get(at("migrations", NULL), i), "id"));

	return id ? (unsigned) atoi(id + 2) : UINT32_MAX;
}

static void
run(unsigned id)
{
	struct migration_record *r = xmalloc(sizeof(*r));

	made_up_record(r, id, 2);
	view_set_record(&view, r);
}

static void
test_parts(void)
{
	append(0, LINES);
	begin(NULL, NULL);
	ok(reply.stream && reply.stream->bytes < 2 * MAX_PART && go_on(UINT32_MAX) < MAX_PART && reply.body.n > 4 * MAX_PART,
	    "a long list has several parts, and none that is large");
	ok(lists(LINES - 1, 1, LINES) && json_is_null(at("next", NULL)) && json_is_false(at("truncated", NULL)),
	    "together they are all of it");
	begin("name", "odd");
	ok(go_on(UINT32_MAX) < MAX_PART && lists(LINES - 1, 2, LINES / 2), "also of what is selected");
	begin("fields", "id");
	ok(go_on(2) < MAX_PART && !reply.stream && lists(LINES - 1, 1, LINES) &&
		json_object_size(at("migrations", "#7", NULL)) == 1,
	    "of the ids alone one part has all, whatever stands in texts and beneath");
	begin(NULL, NULL);
	reply_done(&reply);
	ok(!reply.stream, "one that nobody takes is dropped");
}

static void
test_changes(void)
{
	run(1000);
	begin(NULL, NULL);
	(void) go_on(2);
	append(1000, 1001);
	append(LINES, LINES + 50);
	view_done(&view);
	view.sample = made_up_sample(1);
	(void) go_on(UINT32_MAX);
	ok(is_text(at("migrations", "#0", "id", NULL), "m-1000") && number(1) == LINES - 1 &&
		json_array_size(at("migrations", NULL)) == LINES + 1,
	    "what ends meanwhile is told neither twice nor after what is newer");
}

static void
test_lost(void)
{
	char *aside = xasprintf("%s.aside", path), cursor[32];
	unsigned first, last;

	begin(NULL, NULL);
	(void) go_on(2);
	ok(rename(path, aside) == 0 && symlink("/dev/zero", path) == 0, "the journal is taken away");
	(void) go_on(UINT32_MAX);
	ok(json_is_true(at("truncated", NULL)) && json_is_string(at("next", NULL)),
	    "a list that cannot go on ends, and says where");
	last = number(json_array_size(at("migrations", NULL)) - 1);
	(void) snprintf(cursor, sizeof(cursor), "%s", json_string_value(at("next", NULL)));
	begin("cursor", cursor);
	(void) go_on(1);
	ok(is_problem(500, "the journal"), "one that cannot begin is an error");
	ok(unlink(path) == 0 && rename(aside, path) == 0, "it comes back");
	begin("cursor", cursor);
	(void) go_on(UINT32_MAX);
	first = number(0);
	ok(first + 1 == last && json_is_null(at("next", NULL)) && number(json_array_size(at("migrations", NULL)) - 1) == 0,
	    "and the rest follows what was there");
	free(aside);
}

int
main(void)
{
	if (!mkdtemp(dir))
		abort();
	path = xasprintf("%s/migrations.jsonl", dir);
	view_set_sample(&view, made_up_sample(1));
	test_parts();
	test_changes();
	test_lost();
	(void) unlink(path);
	(void) rmdir(dir);
	free(path);
	json_decref(body);
	reply_done(&reply);
	view_done(&view);
	return done_testing();
}
