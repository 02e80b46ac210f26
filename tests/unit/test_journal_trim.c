/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <signal.h>

#include "store/journal_file.h"
#include "tests/unit/journalled.h"

#define DAY 86400.0
#define RECORDS 1000u

/* When so much of an agent's life has passed; record i ended a day before its beginning, and each hour 36 more are a
 * day old. */
static struct tick
tick_of(double mono, unsigned i)
{
	return (struct tick){.mono = mono, .real = 1000050 + i * 100.0 + DAY + mono};
}

struct span {
	unsigned newest, oldest;
	size_t n;
};

static bool
on_line(void *arg, const char *line, size_t n)
{
	struct span *s = arg;
	struct migration_record r;

	if (record_parse(line, n, &r) < 0) {
		s->n += 1000000;
		return true;
	}
	s->oldest = (unsigned) strtoul(r.id + 1, NULL, 10);
	if (s->n++ == 0)
		s->newest = s->oldest;
	record_done(&r);
	return true;
}

static bool
has(unsigned oldest, unsigned newest)
{
	struct span s = {.n = 0};

	if (journal_read(dir, on_line, &s) != 0 || s.oldest != oldest || s.newest != newest ||
	    s.n != newest - oldest + 1) {
		printf("# %zu from %u to %u\n", s.n, s.oldest, s.newest);
		return false;
	}
	return true;
}

/* Found by the index. */
static size_t
count(const char *criterion, const char *text)
{
	struct journal_filter filter;
	struct journal_search search = {.filter = &filter, .before = UINT64_MAX};
	struct span s = {.n = 0};
	char error[256];

	journal_filter_init(&filter);
	(void) journal_filter_set(&filter, criterion, text, 0, error, sizeof(error));
	return journal_search(dir, &search, on_line, &s) == 0 ? s.n : 0;
}

static void
test_age(void)
{
	const struct journal_limits day = {.days = 1}, never = {.days = 0};
	struct tick t;
	struct journal *j;
	struct migration_record r;

	clear();
	append(0, RECORDS);
	j = open_journal();
	t = tick_of(0, 127);
	ok(journal_keep(j, &day, &t) == 0 && has(0, 999), "nothing goes when an agent has just started");
	t = tick_of(3599, 127);
	ok(journal_keep(j, &day, &t) == 0 && has(0, 999), "nor before an hour has passed");
	t = tick_of(3600, 127);
	ok(journal_keep(j, &never, &t) == 0 && has(0, 999), "nor without a limit");
	t = tick_of(7200, 27);
	(void) journal_keep(j, &day, &t);
	t = tick_of(10800, 127);
	ok(journal_keep(j, &day, &t) == 0 && has(0, 999), "nor in an hour in which the clock was set");
	t = tick_of(14400, 127);
	ok(journal_keep(j, &day, &t) == 0 && has(271, 999), "else what ended before the limit goes");
	t = tick_of(18000, 127);
	ok(journal_keep(j, &day, &t) == 0 && has(271, 999), "unless it is less than a tenth");
	ok(counts_are(j, 1000 - 91, 334 - 31), "and stays counted");
	make_record(&r, 1000);
	ok(journal_finish(j, &r) == 0 && journal_finish(j, &r) == 0 && has(271, 1000), "the journal goes on");
	ok(count("toolstack", "xl") == 365 && count("until", "1027200") == 2, "and is searched");
	journal_close(j);
	j = open_journal();
	ok(counts_are(j, 1001 - 91, 334 - 31) && has(271, 1000) && count("toolstack", "xl") == 365,
	    "a restart finds it so");
	ok(journal_finish(j, &r) == 0 && has(271, 1000), "and remembers what it has");
	t = tick_of(0, 0);
	(void) journal_keep(j, &day, &t);
	t = tick_of(0, 0);
	t.mono = 3600;
	t.real += 3600 + 40 * 365 * DAY;
	ok(journal_keep(j, &day, &t) == 0 && has(271, 1000), "a clock that went wrong drops nothing");
	t.mono += 3600;
	t.real += 3600;
	ok(journal_keep(j, &day, &t) == 0 && count("result", "completed,failed") == 0 && counts_are(j, 910, 303),
	    "all may go");
	make_record(&r, 1003);
	ok(journal_finish(j, &r) == 0 && has(1003, 1003) && counts_are(j, 911, 303), "and others come");
	journal_close(j);
	j = open_journal();
	ok(has(1003, 1003) && counts_are(j, 911, 303), "also after a restart");
	journal_close(j);
}

struct page {
	struct journal_search search;
	uint64_t at;
	char *line;
};

static bool
on_newest(void *arg, const char *line, size_t n)
{
	struct page *p = arg;

	p->at = p->search.at + n + 1;
	free(p->line);
	p->line = xasprintf("%.*s", (int) n, line);
	return false;
}

/* Larger than what one tick copies: records that come meanwhile are not lost, nor is a place. */
static void
test_size(void)
{
	_cleanup_(freep) char *path = path_of("migrations.jsonl"), *new = path_of("migrations.jsonl.new");
	_cleanup_(freep) char *line = NULL;
	const struct journal_limits limits = {.bytes = 8 << 20};
	struct page p = {.search = {.before = UINT64_MAX}};
	struct tick t = tick_of(5, 0);
	struct migration_record r;
	struct journal *j;
	struct stat st;
	unsigned n = 20000, ticks = 0;

	clear();
	append(0, n);
	(void) stat(path, &st);
	ok(st.st_size > 8 << 20 && st.st_size < 16 << 20, "the journal is larger than the limit");
	j = open_journal();
	(void) journal_search(dir, &p.search, on_newest, &p);
	line = TAKE_PTR(p.line);
	(void) journal_keep(j, &limits, &t);
	t = tick_of(3605, 0);
	while (journal_keep(j, &limits, &t) == 0 && stat(new, &st) == 0 && ticks < 10) {
		ok(has(0, n - 1), "while it is copied it is whole");
		make_record(&r, n++);
		(void) journal_finish(j, &r);
		t.mono += 5;
		t.real += 5;
		ticks++;
	}
	(void) stat(path, &st);
	ok(ticks == 1 && st.st_size < (off_t) limits.bytes && st.st_size > (off_t) (limits.bytes * 8 / 10),
	    "then it is within the limit, with some room");
	ok(count("toolstack", "xl,xapi") > 9000 && counts_are(j, n - (n + 10) / 11, (n + 2) / 3 - (n + 32) / 33),
	    "with what came meanwhile");
	p.search.before = p.at;
	(void) journal_search(dir, &p.search, on_newest, &p);
	ok(p.line && strcmp(p.line, line) == 0, "a cursor from before leads to the same record");
	p.search.before = 1000;
	free(TAKE_PTR(p.line));
	ok(journal_search(dir, &p.search, on_newest, &p) == 0 && !p.line, "one of a dropped record to none");
	journal_close(j);
	free(p.line);
}

struct interrupted {
	struct journal *j;
	struct tick t;
	struct span span;
};

static bool
trim_meanwhile(void *arg, const char *line, size_t n)
{
	const struct journal_limits day = {.days = 1};
	struct interrupted *x = arg;

	if (x->span.n == 5)
		(void) journal_keep(x->j, &day, &x->t);
	return on_line(&x->span, line, n);
}

/* A kill can come between any two system calls: each state they leave behind is tried. */
static void
test_killed(void)
{
	_cleanup_(freep) char *old_index = NULL, *new_index = NULL, *part = NULL, *path = path_of("migrations.jsonl.new");
	const struct journal_limits day = {.days = 1};
	struct journal_filter filter;
	struct journal_search search = {.filter = &filter, .before = UINT64_MAX};
	struct interrupted x = {.t = tick_of(3600, 364)};
	struct tick t = tick_of(0, 364);
	struct stat st;
	size_t n_old, n_new;
	char error[64];

	clear();
	append(0, RECORDS);
	part = get("migrations.jsonl", &n_old);
	put("migrations.jsonl.new", part, n_old / 3, false);
	x.j = open_journal();
	ok(has(0, 999) && stat(path, &st) < 0, "half a copy is taken away");
	old_index = get("migrations.index", &n_old);
	(void) journal_keep(x.j, &day, &t);
	journal_filter_init(&filter);
	(void) journal_filter_set(&filter, "toolstack", "xl", 0, error, sizeof(error));
	ok(journal_search(dir, &search, trim_meanwhile, &x) == 0 && x.span.n == 500 && has(400, 999),
	    "who reads while the journal is replaced reads the old one to its end");
	journal_close(x.j);
	new_index = get("migrations.index", &n_new);
	ok(n_old == RECORDS * 64 && n_new == 600 * 64, "the index goes with it");

	put("migrations.index", old_index, n_old, false);
	ok(count("toolstack", "xl") == 300, "with the new journal and the old index the same is found");
	x.j = open_journal();
	ok(counts_are(x.j, 909, 334 - 31) && count("toolstack", "xl") == 300, "and the same is counted");
	journal_close(x.j);
	put("migrations.jsonl", part, strlen(part), false);
	put("migrations.index", new_index, n_new, false);
	ok(count("toolstack", "xl") == 500, "with the old journal and the new index, too");
	x.j = open_journal();
	ok(counts_are(x.j, 909, 334 - 31) && count("toolstack", "xl") == 500 && has(0, 999), "and all is counted");
	journal_close(x.j);
}

static void
test_full(void)
{
	_cleanup_(freep) char *path = path_of("migrations.jsonl.new");
	const struct journal_limits day = {.days = 1};
	struct tick t = tick_of(0, 364);
	struct journal *j;
	struct stat st;

	clear();
	append(0, RECORDS);
	j = open_journal();
	(void) journal_keep(j, &day, &t);
	(void) signal(SIGXFSZ, SIG_IGN);
	limit_files(100000);
	t = tick_of(3600, 364);
	ok(journal_keep(j, &day, &t) == -EFBIG && has(0, 999) && stat(path, &st) < 0,
	    "without room for the copy all stays as it is");
	limit_files(RLIM_INFINITY);
	t = tick_of(3605, 364);
	ok(journal_keep(j, &day, &t) == 0 && has(0, 999), "for an hour");
	(void) mkdir(path, 0700);
	t = tick_of(7200, 364);
	ok(journal_keep(j, &day, &t) < 0 && has(0, 999), "so it does if there is something else in the copy's place");
	(void) rmdir(path);
	t = tick_of(10800, 364);
	ok(journal_keep(j, &day, &t) == 0 && has(472, 999), "then it is tried again");
	journal_close(j);
}

static void
test_header(void)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
	    {"{\"dropped_bytes\":5,\"dropped_ended\":6,\"dropped_failed\":7}\n", true},
	    {"{\"dropped_bytes\":5,\"dropped_ended\":6,\"dropped_failed\":7}", false},
	    {"{\"dropped_bytes\":-5,\"dropped_ended\":6,\"dropped_failed\":7}\n", false},
	    {"{\"dropped_bytes\":5,\"dropped_ended\":6}\n", false},
	    {"{\"dropped_bytes\":9999999999999999999,\"dropped_ended\":6,\"dropped_failed\":7}\n", false},
	    {"", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *path = path_of("migrations.jsonl");
		struct journal_file f;

		put("migrations.jsonl", cases[i].text, strlen(cases[i].text), false);
		f.fd = open(path, O_RDONLY);
		ok(journal_file_begin(&f) == 0 && (f.header > 0) == cases[i].good && (f.dropped == 5) == cases[i].good &&
		    (f.failed == 7) == cases[i].good, "first line %zu is%s one of ours", i, cases[i].good ? "" : " not");
		(void) close(f.fd);
	}
}

int
main(void)
{
	begin("test_journal_trim");
	test_age();
	test_size();
	test_killed();
	test_full();
	test_header();
	return finish();
}
