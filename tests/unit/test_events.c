/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The route of events, from the file to the answer. */
#include <config.h>

#include <jansson.h>
#include <sys/stat.h>

#include "base/util.h"
#include "serve/answer.h"
#include "store/notice_log.h"
#include "tests/made_up.h"
#include "tests/tap.h"

#define GUEST "00000000-0000-0000-0000-000000000002"

static char dir[] = "/tmp/xenscope-events-XXXXXX";
static struct view view = {.dir = dir, .step = 5};
static struct reply reply;
static json_t *body, *list;

static unsigned
ask(const char *name, const char *value)
{
	struct request q = {.view = &view, .now = tick_now(), .method = "GET", .path = "/api/v1/events"};

	if (name) {
		q.parameter[0] = (struct parameter){name, value};
		q.n_parameters = 1;
	}
	json_decref(body);
	reply_done(&reply);
	answer(&q, &reply);
	body = reply.body.text ? json_loadb(reply.body.text, reply.body.n, 0, NULL) : NULL;
	list = json_object_get(body, "events");
	return reply.status;
}

static bool
is_problem(const char *name, const char *value, const char *part)
{
	const char *detail = ask(name, value) == 400 ? json_string_value(json_object_get(body, "detail")) : NULL;

	return detail && strstr(detail, part);
}

/* The numbers of the events in the answer are these, and it says whether there are more. */
static bool
lists(const char *numbers, bool truncated)
{
	char text[256] = "";

	for (size_t i = 0; i < json_array_size(list); i++)
		(void) snprintf(text + strlen(text), sizeof(text) - strlen(text), "%lld ",
		    (long long) json_integer_value(json_object_get(json_array_get(list, i), "seq")));
	return strcmp(text, numbers) == 0 &&
	       json_is_true(json_object_get(body, "truncated")) == truncated;
}

static void
add(struct notice_log *l, enum notice_kind kind, const char *uuid)
{
	_cleanup_(freep) char *json = NULL;
	struct notice n;

	notice_init(&n, kind, 1793870100);
	n.replay = true;
	str_copy(n.uuid, sizeof(n.uuid), uuid);
	utf8_clean(n.name, sizeof(n.name), HOSTILE_NAME);
	notice_say(&n, "\"kind\":\"feature_changed\" of %s", HOSTILE_NAME);
	notice_number(&n, "rounds", 5);
	if (notice_log_add(l, &n, &json) < 0)
		abort();
}

static void
test_answers(void)
{
	const char *note;
	struct notice_log *l;
	FILE *f;
	char *path = xasprintf("%s/events.jsonl", dir);

	ok(ask(NULL, "") == 200 && lists("", false), "before the first event the list is empty");
	if (notice_log_open(dir, getgid(), &l, &note) < 0)
		abort();
	add(l, NOTICE_FEATURE_CHANGED, "");
	add(l, NOTICE_STARTED, GUEST);
	add(l, NOTICE_COMPLETED, GUEST);
	f = fopen(path, "a");
	if (!f || fputs("{\"seq\":4,\"kind\":]\n{\"seq\":5,\"kind\":7,\"uuid\":7}\n", f) < 0 || fclose(f) != 0)
		abort();
	ok(ask(NULL, "") == 200 && lists("5 3 2 1 ", false), "events are listed newest first, without what is no JSON");
	ok(strcmp(json_string_value(json_object_get(body, "source")), "replay") == 0, "the answer names its source");
	ok(json_integer_value(json_object_get(json_object_get(json_array_get(list, 1), "details"), "rounds")) == 5,
	    "an event has its details");
	ok(ask("since", "2") == 200 && lists("5 3 ", false), "since: only those after it");
	ok(ask("since", "9") == 200 && lists("", false), "none are after the newest");
	ok(ask("limit", "2") == 200 && lists("5 3 ", true), "limit: and it says that there are more");
	ok(ask("limit", "4") == 200 && lists("5 3 2 1 ", false), "or that there are none");
	ok(ask("limit", "2") == 200 && json_integer_value(json_object_get(body, "next")) == 3,
	    "next: before which number the following page begins");
	ok(ask("before", "3") == 200 && lists("2 1 ", false) && json_is_null(json_object_get(body, "next")),
	    "before: that page, which is the last one");
	ok(ask("before", "1") == 200 && lists("", false), "nothing is before the first");
	ok(ask("kind", "feature_changed") == 200 && lists("1 ", false), "kind: and no text passes for one");
	ok(ask("kind", "migration_started,feature_changed") == 200 && lists("2 1 ", false), "several kinds");
	ok(ask("uuid", GUEST) == 200 && lists("3 2 ", false), "uuid: only that guest's");
	ok(is_problem("since", "x", "since takes"), "since takes a number");
	ok(is_problem("limit", "0", "limit takes") && is_problem("before", "x", "before takes"), "as limit and before do");
	ok(is_problem("kind", "other", "tracking_left_on"), "another kind is refused, and all are listed");
	ok(is_problem("uuid", "x", "uuid takes"), "as is what is no uuid");
	notice_log_close(l);
	(void) unlink(path);
	(void) mkdir(path, 0700);
	ok(ask(NULL, "") == 500, "what cannot be read is an error");
	(void) rmdir(path);
	free(path);
}

int
main(void)
{
	char *clean;

	if (!mkdtemp(dir))
		abort();
	ok(ask(NULL, "") == 503, "before the first sample there is no answer");
	view_set_sample(&view, made_up_sample(1));
	test_answers();
	view_done(&view);
	json_decref(body);
	reply_done(&reply);
	clean = xasprintf("rm -r %s", dir);
	ok(system(clean) == 0, "the test clears up");
	free(clean);
	return done_testing();
}
