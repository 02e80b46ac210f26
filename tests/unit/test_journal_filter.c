/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>

#include "store/journal_filter.h"
#include "tests/unit/journalled.h"

#define NOW 1000000.0

static const struct {
	const char *criterion, *text;
	bool fits; /* record 3: m3, VM 3, out, xl, failed, 1000300 to 1000350 */
} cases[] = {
    {"uuid", "00000000-0000-0000-0000-000000000003", true},
    {"uuid", "00000000-0000-0000-0000-000000000002", false},
    {"name", "vm \"3\"", true},
    {"name", "vm \"3", false},
    {"name", "vm", false},
    {"since", "1000350", true},
    {"since", "1000351", false},
    {"since", "-1", true},
    {"since", "1970-01-12T13:52:31Z", false},
    {"until", "1000300", true},
    {"until", "1000299", false},
    {"result", "failed", true},
    {"result", "aborted,failed", true},
    {"result", "completed,aborted,lost,running", false},
    {"direction", "out", true},
    {"direction", "in,local,save,probe", false},
    {"toolstack", "xl,xapi", true},
    {"toolstack", "unknown,libvirt", false},
};

static const struct {
	const char *criterion, *text, *error;
} refused[] = {
    {"uuid", "3", "uuid takes a UUID"},
    {"since", "yesterday", "since takes a time like"},
    {"until", "", "until takes a time like"},
    {"result", "failed,", "result takes one or more, joined by commas, of: running, completed, failed, aborted, lost"},
    {"direction", "sideways", "direction takes one or more"},
    {"toolstack", "XL", "toolstack takes one or more"},
    {"size", "1", "no criterion size"},
};

static bool
passes(const char *criterion, const char *text, const struct migration_record *r)
{
	_cleanup_(freep) char *line = line_of(r);
	struct journal_filter f;
	struct journal_entry e;
	char error[256] = "";
	size_t n = strlen(line) - 1;
	bool by_line, by_entry;

	journal_filter_init(&f);
	if (criterion && journal_filter_set(&f, criterion, text, NOW, error, sizeof(error)) < 0)
		ok(0, "%s", error);
	by_line = journal_filter_line(&f, line, n);
	by_entry = journal_entry_of(line, n, &e) && journal_filter_entry(&f, &e);
	if (by_line != by_entry)
		ok(0, "line and entry agree on %s", text);
	return by_line;
}

static void
test_criteria(void)
{
	struct migration_record r;
	char error[256];

	make_record(&r, 3);
	ok(passes(NULL, NULL, &r), "without a criterion all records fit");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ok(passes(cases[i].criterion, cases[i].text, &r) == cases[i].fits, "%s=%s %s", cases[i].criterion,
		    cases[i].text, cases[i].fits ? "fits" : "does not fit");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct journal_filter f;

		journal_filter_init(&f);
		ok(journal_filter_set(&f, refused[i].criterion, refused[i].text, NOW, error, sizeof(error)) == -EINVAL &&
		    strstr(error, refused[i].error), "%s=%s is refused: %s", refused[i].criterion, refused[i].text, error);
	}
}

static void
test_times(void)
{
	struct migration_record r;

	make_record(&r, 3);
	r.started = NAN;
	ok(passes("until", "1000350", &r) && !passes("until", "1000349", &r), "an unseen begin counts as the end");
	make_record(&r, 3);
	r.ended = NAN;
	ok(passes("since", "1000300", &r) && !passes("since", "1000301", &r), "and an unseen end as the begin");
	r.result = RESULT_RUNNING;
	ok(passes("since", "2000000", &r), "what is under way has no end");
	r.result = RESULT_LOST;
	r.started = NAN;
	ok(!passes("since", "0", &r) && passes("result", "lost", &r), "what has no time fits none");
}

static void
test_lines(void)
{
	static const char bare[] = "{\"id\":\"x\",\"rounds\":[{\"started\":5}],\"result\":7}";
	struct migration_record r;
	struct journal_entry e;
	struct journal_filter f;

	make_record(&r, 3);
	str_copy(r.name, sizeof(r.name), "\",\"uuid\":\"00000000-0000-0000-0000-000000000009\",\"result\":\"lost\"");
	ok(passes("uuid", "00000000-0000-0000-0000-000000000003", &r) && passes("result", "failed", &r) &&
	    passes("name", r.name, &r), "a guest's name cannot pretend to be members");
	str_copy(r.name, sizeof(r.name), "a\\");
	ok(passes("name", "a\\", &r) && passes("toolstack", "xl", &r), "nor can a backslash at its end");
	*r.name = *r.uuid = '\0';
	ok(passes("name", "", &r) && !passes("uuid", "00000000-0000-0000-0000-000000000003", &r),
	    "a domain may have neither name nor UUID");
	ok(journal_entry_of(bare, sizeof(bare) - 1, &e) && isnan(e.started) && isnan(e.ended) &&
	    e.result == UNKNOWN_WORD && e.toolstack == UNKNOWN_WORD && e.name == 0,
	    "members that are missing are unknown, and those of rounds are not the record's");
	ok(!journal_entry_of("{}", 2, &e) && !journal_entry_of("{\"id\":", 6, &e) &&
	    !journal_entry_of("{\"dropped_bytes\":1}", 19, &e), "other lines are no records");
	for (size_t n = 0; n < sizeof(bare); n++)
		(void) journal_entry_of(bare, n, &e);
	journal_filter_init(&f);
	journal_filter_id(&f, "x");
	ok(journal_filter_line(&f, bare, sizeof(bare) - 1), "a record is found by its id");
	journal_filter_id(&f, "y");
	ok(!journal_filter_line(&f, bare, sizeof(bare) - 1), "and only that one");
}

int
main(void)
{
	test_criteria();
	test_times();
	test_lines();
	return done_testing();
}
