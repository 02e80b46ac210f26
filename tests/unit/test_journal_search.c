/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <signal.h>

#include "store/journal_index.h"
#include "tests/unit/journalled.h"

#define RECORDS 3000u

/* The numbers of the records found, joined into one. */
struct found {
	uint64_t sum;
	size_t n, limit;
	unsigned first, last; /* of what came */
	uint64_t next;
	const struct journal_search *search;
};

static bool
on_line(void *arg, const char *line, size_t n)
{
	struct found *f = arg;
	unsigned i;

	if (f->limit && f->n == f->limit) {
		f->next = f->search->at + n + 1;
		return false;
	}
	i = (unsigned) strtoul(line + strlen("{\"id\":\"m"), NULL, 10);
	if (f->n++ == 0)
		f->first = i;
	f->last = i;
	f->sum = f->sum * 31 + i;
	return true;
}

/* A page of what fits; before: 0 for the first one. */
static struct found
search(const char *criterion, const char *text, uint64_t before, size_t limit)
{
	struct journal_filter filter;
	struct journal_search s = {.filter = &filter, .before = before ? before : UINT64_MAX};
	struct found f = {.limit = limit, .search = &s};
	char error[256];
	int r;

	journal_filter_init(&filter);
	if (criterion && journal_filter_set(&filter, criterion, text, 0, error, sizeof(error)) < 0)
		ok(0, "%s", error);
	r = journal_search(dir, &s, on_line, &f);
	if (r != 0)
		ok(0, "a search ends well: %d", r);
	return f;
}

static const char *const asked[][2] = {{"uuid", "00000000-0000-0000-0000-000000000004"}, {"name", "vm \"6\""},
    {"result", "failed"}, {"direction", "probe,save"}, {"toolstack", "libvirt"}, {"since", "1290000"},
    {"until", "1000100"}, {NULL, NULL}};

/* All searches at once. */
static uint64_t
all(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		sum = sum * 1000003 + search(asked[i][0], asked[i][1], 0, 0).sum;
	return sum;
}

static void
test_search(void)
{
	_cleanup_(freep) char *index = path_of("migrations.index");
	struct journal *j;
	struct found f;
	struct stat st;
	uint64_t want;

	append(0, RECORDS);
	want = all();
	f = search("uuid", asked[0][1], 0, 0);
	ok(f.n == 428 && f.first == 2999 - 2999 % 7 + 4 - 7 && f.last == 4, "without an index the lines are read");
	ok(search("result", "failed", 0, 0).n == 1000 && search("toolstack", "libvirt", 0, 0).n == 0 &&
	    search("until", "1000100", 0, 0).n == 2, "and all that fits is found");
	j = open_journal();
	ok(counts_are(j, RECORDS - 273, 1000 - 91), "an agent that starts counts them");
	journal_close(j);
	ok(stat(index, &st) == 0 && st.st_size == RECORDS * 64 && (st.st_mode & 07777) == 0640,
	    "and makes an index that is not for others");
	ok(all() == want, "with it the same is found");
	j = open_journal();
	ok(counts_are(j, RECORDS - 273, 1000 - 91), "by it the same is counted");
	append(RECORDS, RECORDS + 20);
	want = all();
	ok(search(NULL, NULL, 0, 1).first == RECORDS + 19 && search("toolstack", "xl", 0, 1).first == RECORDS + 19,
	    "what it lacks yet is found in the lines");
	journal_close(j);
	j = open_journal();
	ok(stat(index, &st) == 0 && st.st_size == (RECORDS + 20) * 64 && all() == want, "until the next start adds it");
	journal_close(j);
	(void) unlink(index);
	ok(all() == want, "and the same is found without it");
}

static void
test_pages(void)
{
	struct journal *j;
	struct migration_record r;
	uint64_t whole, sum = 0, next = 0;
	struct found f;
	unsigned i = RECORDS, pages = 0;

	clear();
	append(0, RECORDS);
	j = open_journal();
	for (size_t k = 0; k < ARRAY_SIZE(asked); k++) {
		whole = search(asked[k][0], asked[k][1], 0, 0).sum;
		sum = next = 0;
		do {
			f = search(asked[k][0], asked[k][1], next, 137);
			for (size_t n = 0; n < f.n; n++)
				sum *= 31;
			sum += f.sum;
			next = f.next;
			if (pages++ < 3) {
				make_record(&r, i++);
				(void) journal_finish(j, &r);
			}
		} while (next);
		ok(sum == whole, "the pages of %s are the whole, while new records come",
		    asked[k][0] ? asked[k][0] : "all");
	}
	ok(search("uuid", asked[0][1], 1, 0).n == 0 && search(NULL, NULL, 1, 0).n == 0,
	    "before the first record there is none");
	ok(search("direction", "out", UINT64_MAX / 2, 1).first == i - 1, "a cursor beyond the end is the end");
	f = search(NULL, NULL, 0, 10);
	ok(search("direction", "out", f.next - 5, 1).n == 1 && search(NULL, NULL, f.next - 5, 1).n == 1,
	    "and one in the middle of a line is the line before");
	journal_close(j);
}

/* Whatever the index says, what is found is the same. */
static void
test_damage(void)
{
	_cleanup_(freep) char *path = path_of("migrations.index"), *index = NULL, *journal = NULL;
	_cleanup_(freep) struct journal_entry *entry = NULL;
	struct journal *j;
	size_t n, size;
	uint64_t want;

	clear();
	append(0, 2000);
	want = all();
	journal_close(open_journal());
	index = get("migrations.index", &n);
	entry = xmalloc(n);
	for (int damage = 0; damage < 8; damage++) {
		memcpy(entry, index, n);
		size = n;
		switch (damage) {
		case 0: /* a write that was cut off */
			size = n / 2 - 7;
			break;
		case 1: /* a hole, as a power cut may leave it */
			memset(entry + 1000, 0, 500 * sizeof(*entry));
			break;
		case 2: /* another format */
			entry[1500].format++;
			break;
		case 3: /* out of order */
			entry[700].at = entry[900].at;
			break;
		case 4: /* longer than any */
			entry[1].n = UINT32_MAX;
			break;
		case 5: /* of a longer journal */
			entry[1999].at += 50;
			break;
		case 6: /* no room */
			size = 0;
			break;
		default:
			size = 63;
		}
		put("migrations.index", entry, size, false);
		ok(all() == want, "a reader is not misled by damage %d", damage);
		j = open_journal();
		ok(counts_are(j, 2000 - 182, 667 - 61) && all() == want, "nor is an agent that starts");
		journal_close(j);
		put("migrations.index.new", "", 0, false);
		free(journal);
		journal = get("migrations.index", &size);
		ok(size == n && memcmp(journal, index, n) == 0, "which repairs it");
	}

	clear();
	append(100, 2100);
	want = all();
	put("migrations.index", index, n, false);
	j = open_journal();
	ok(all() == want, "the index of another journal is made anew");
	journal_close(j);
	(void) unlink(path);
	(void) mkdir(path, 0700);
	j = open_journal();
	ok(j && counts_are(j, 2000 - 181, 666 - 60) && all() == want, "without a place for the index there is none");
	journal_close(j);
	(void) rmdir(path);
}

/* Of long lines, mostly holes, so that it costs no disk. */
static void
test_patience(void)
{
	_cleanup_(freep) char *path = path_of("migrations.jsonl");
	struct journal_filter filter;
	struct journal_search s = {.filter = &filter, .before = UINT64_MAX};
	struct found f = {.search = &s};
	char error[64];
	FILE *file;

	clear();
	append(0, 1);
	file = fopen(path, "a");
	for (int i = 1; i <= 15; i++)
		if (!file || fprintf(file, "{\"id\":\"m%d\"", i) < 0 || fflush(file) != 0 ||
		    ftruncate(fileno(file), (off_t) i * (5 << 20)) < 0 || fputs("}\n", file) < 0)
			ok(0, "the test can write %s", path);
	if (file)
		(void) fclose(file);
	journal_filter_init(&filter);
	(void) journal_filter_set(&filter, "toolstack", "xapi", 0, error, sizeof(error));
	ok(journal_search(dir, &s, on_line, &f) == 1 && f.n == 0, "a search without an index gives up");
	s.before = s.at;
	ok(journal_search(dir, &s, on_line, &f) == 0 && f.n == 1, "and goes on from there");
	journal_close(open_journal());
	s.before = UINT64_MAX;
	ok(journal_search(dir, &s, on_line, &f) == 0 && f.n == 2, "with one it does not");
}

static void
test_full(void)
{
	struct journal *j;
	struct migration_record r;
	size_t n;

	clear();
	append(1, 2);
	(void) signal(SIGXFSZ, SIG_IGN);
	limit_files(32);
	j = open_journal();
	limit_files(RLIM_INFINITY);
	ok(j && counts_are(j, 1, 0) && search("toolstack", "xl", 0, 0).n == 1,
	    "on a full disk the journal is counted and searched without an index");
	make_record(&r, 3);
	ok(journal_finish(j, &r) == 0 && counts_are(j, 2, 1) && search("toolstack", "xl", 0, 0).n == 2,
	    "what comes is counted once");
	journal_close(j);
	j = open_journal();
	free(get("migrations.index", &n));
	ok(n == 2 * 64 && counts_are(j, 2, 1), "if there is room at the next start the index has it all");
	append(5, 7);
	make_record(&r, 7);
	ok(journal_finish(j, &r) == 0, "a record is finished behind two that the index lacks");
	free(get("migrations.index", &n));
	ok(n == 5 * 64 && counts_are(j, 5, 2), "and it gets all three");
	journal_close(j);
}

int
main(void)
{
	begin("test_journal_search");
	test_search();
	test_pages();
	test_damage();
	test_patience();
	test_full();
	return finish();
}
