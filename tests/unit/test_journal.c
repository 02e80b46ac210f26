/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <signal.h>

#include "store/lines.h"
#include "tests/unit/journalled.h"

static struct migration_record *
make(const char *id, enum record_result result)
{
	static struct migration_record r;

	record_init(&r);
	str_copy(r.id, sizeof(r.id), id);
	str_copy(r.name, sizeof(r.name), "\"result\":\"completed\" \"id\":\"z\"");
	r.result = result;
	return &r;
}

struct seen {
	char text[1024]; /* ids, or ids and rounds */
	size_t n, stop;
};

static void
on_open(void *arg, struct migration_record *r)
{
	struct seen *seen = arg;
	size_t n = strlen(seen->text);

	(void) snprintf(seen->text + n, sizeof(seen->text) - n, "%s/%d ", r->id, r->rounds_begun);
	seen->n++;
	record_done(r);
}

static bool
on_line(void *arg, const char *line, size_t n)
{
	struct seen *seen = arg;
	size_t at = strlen(seen->text);
	struct migration_record r;

	if (record_parse(line, n, &r) < 0)
		(void) snprintf(seen->text + at, sizeof(seen->text) - at, "bad%zu ", n);
	else {
		(void) snprintf(seen->text + at, sizeof(seen->text) - at, "%s ", r.id);
		record_done(&r);
	}
	return ++seen->n != seen->stop;
}

static struct journal *
start(struct seen *seen, const char **ret_note)
{
	struct journal *j = NULL;
	int r;

	memset(seen, 0, sizeof(*seen));
	*ret_note = NULL;
	r = journal_open(dir, getgid(), on_open, seen, &j, ret_note);
	ok(r == 0, "the journal opens");
	return j;
}

static const char *
all(struct seen *seen, size_t stop)
{
	memset(seen, 0, sizeof(*seen));
	seen->stop = stop;
	return journal_read(dir, on_line, seen) == 0 ? seen->text : "failed";
}

static void
test_life(void)
{
	_cleanup_(freep) char *jsonl = path_of("migrations.jsonl");
	struct seen seen;
	uint64_t ended, failed;
	const char *note;
	struct journal *j;
	struct stat st;

	clear();
	ok(strcmp(all(&seen, 0), "") == 0, "a journal that is not there yet is empty");
	j = start(&seen, &note);
	ok(!note && seen.n == 0, "a new journal has nothing to tell");
	ok(stat(jsonl, &st) == 0 && (st.st_mode & 07777) == 0640, "its file is not for others");
	ok(journal_note(j, make("a", RESULT_RUNNING)) == 0 &&
		journal_note(j, make("b", RESULT_RUNNING)) == 0,
	    "what is under way is noted");
	ok(journal_finish(j, make("a", RESULT_COMPLETED)) == 0 &&
		journal_finish(j, make("a", RESULT_FAILED)) == 0,
	    "a record can be finished twice");
	ok(strcmp(all(&seen, 0), "a ") == 0, "and is there once");
	journal_close(j);
	j = start(&seen, &note);
	ok(strcmp(seen.text, "b/0 ") == 0, "after a restart only the other is open: %s", seen.text);
	ok(journal_finish(j, make("a", RESULT_FAILED)) == 0 && strcmp(all(&seen, 0), "a ") == 0,
	    "the finished one is remembered");
	ok(journal_finish(j, make("b", RESULT_LOST)) == 0 &&
		journal_finish(j, make("c", RESULT_COMPLETED)) == 0,
	    "more are finished");
	journal_counts(j, &ended, &failed);
	ok(ended == 3 && failed == 1, "those that ended and those that failed are counted");
	ok(strcmp(all(&seen, 0), "c b a ") == 0, "readers get the newest first");
	ok(strcmp(all(&seen, 2), "c b ") == 0, "and no more than they want");
	journal_close(j);
	j = start(&seen, &note);
	journal_counts(j, &ended, &failed);
	ok(ended == 3 && failed == 1 && seen.n == 0,
	    "a restart counts the same, whatever the guests' names say");
	journal_close(j);
	journal_close(NULL);
}

/* A kill can come between any two system calls: each state they leave behind is tried. */
static void
test_killed(void)
{
	struct seen seen;
	const char *note;
	struct journal *j;
	struct migration_record *r;
	char *open, *torn;

	clear();
	j = start(&seen, &note);
	r = make("a", RESULT_RUNNING);
	(void) journal_note(j, r);
	record_add_round(r);
	(void) journal_note(j, r);
	record_done(r);
	journal_close(j);
	open = get("migrations.open", NULL);
	j = start(&seen, &note);
	ok(strcmp(seen.text, "a/1 ") == 0 && !note, "the newest note counts: %s", seen.text);
	(void) journal_finish(j, make("a", RESULT_COMPLETED));
	journal_close(j);
	put("migrations.open", open, strlen(open), false);
	j = start(&seen, &note);
	ok(seen.n == 0,
	    "killed after the record was finished and before it was forgotten: it is not open");
	journal_close(j);

	clear();
	put("migrations.open", open, strlen(open) - 9, false);
	j = start(&seen, &note);
	ok(strcmp(seen.text, "a/0 ") == 0 && note && strstr(note, "migrations.open"),
	    "a torn note gives way to the one before: %s", note);
	journal_close(j);
	torn = get("migrations.open.torn", NULL);
	ok(strncmp(torn, "{\"id\":\"a\"", 9) == 0 && strlen(torn) < strlen(open) / 2,
	    "and is set aside: it had what was new only");
	free(torn);

	clear();
	put("migrations.jsonl",
	    "{\"id\":\"x\",\"rounds\":[],\"result\":\"completed\"}\n{\"id\":\"y\",\"rou", 58,
	    false);
	ok(strcmp(all(&seen, 0), "x ") == 0, "a reader passes over a torn line");
	j = start(&seen, &note);
	ok(note && strstr(note, "migrations.jsonl.torn"), "a torn line is said: %s", note);
	torn = get("migrations.jsonl.torn", NULL);
	ok(strcmp(torn, "{\"id\":\"y\",\"rou\n") == 0, "and set aside");
	free(torn);
	ok(journal_finish(j, make("y", RESULT_COMPLETED)) == 0 &&
		strcmp(all(&seen, 0), "y x ") == 0,
	    "what is written next stands on a line of its own");
	journal_close(j);

	clear();
	put("migrations.jsonl", "no line at all", 14, false);
	j = start(&seen, &note);
	ok(note && journal_finish(j, make("y", RESULT_COMPLETED)) == 0 &&
		strcmp(all(&seen, 0), "y ") == 0,
	    "a journal without any line end is set aside too");
	journal_close(j);
	free(open);
}

static void
test_limits(void)
{
	static const char foreign[] = "{\"id\":\"m\",\"rounds\":7}\n\n[]\n"
				      "{\"id\":\"l\",\"rounds_from\":3,\"rounds\":[]}\n{\"id\":"
				      "\"0123456789012345678901234567890123456789x\"}\n";
	_cleanup_(freep) char *huge = xmalloc(MAX_RECORD_JSON + 9);
	_cleanup_(freep) char *path = path_of("migrations.open");
	struct migration_record *r;
	struct seen seen;
	const char *note;
	struct journal *j;
	struct stat st = {.st_size = 0};
	uint64_t ended, failed;
	off_t largest = 0;

	clear();
	memset(huge, 'x', MAX_RECORD_JSON + 9);
	huge[MAX_RECORD_JSON + 8] = '\n';
	put("migrations.jsonl", "{\"id\":\"p\",\"rounds\":[]}\n", 23, true);
	put("migrations.jsonl", huge, MAX_RECORD_JSON + 9, true);
	put("migrations.jsonl", "\n{\"id\":\"q\",\"rounds\":[]}\n", 24, true);
	ok(strcmp(all(&seen, 0), "q bad0 p ") == 0, "a line without end is passed over: %s",
	    seen.text);
	put("migrations.jsonl", huge, MAX_RECORD_JSON + 8, false);
	ok(strcmp(all(&seen, 0), "") == 0, "also when there is no other");

	clear();
	put("migrations.open", foreign, sizeof(foreign) - 1, false);
	j = start(&seen, &note);
	ok(seen.n == 0 && note && strstr(note, "not to be read"),
	    "notes that are none of ours are left out: %s", note);
	r = make("long", RESULT_RUNNING);
	for (int i = 0; i < 500; i++)
		record_add_round(r);
	for (int i = 0; i < 100; i++) {
		(void) journal_note(j, r);
		(void) stat(path, &st);
		largest = MAX(largest, st.st_size);
	}
	record_done(r);
	ok(st.st_size > 0 && largest < 3 << 20, "notes do not pile up");
	(void) journal_note(j, make("other", RESULT_RUNNING));
	(void) journal_finish(j, make("gone", RESULT_COMPLETED));
	journal_close(j);
	j = start(&seen, &note);
	ok(strcmp(seen.text, "long/500 other/0 ") == 0, "nor are they lost: %s", seen.text);
	(void) journal_finish(j, make("long", RESULT_FAILED));
	(void) journal_note(j, make("n1499", RESULT_RUNNING));
	journal_close(j);
	for (int i = 0; i < 1500; i++) {
		char line[64];

		(void) snprintf(
		    line, sizeof(line), "{\"id\":\"n%d\",\"rounds\":[],\"result\":\"lost\"}\n", i);
		put("migrations.jsonl", line, strlen(line), true);
	}
	j = start(&seen, &note);
	journal_counts(j, &ended, &failed);
	ok(ended == 1502 && failed == 1501, "many are counted");
	ok(strcmp(seen.text, "other/0 ") == 0, "none of them is open: %s", seen.text);
	(void) journal_finish(j, make("n1499", RESULT_FAILED));
	journal_counts(j, &ended, &failed);
	ok(ended == 1502, "the newest of many is still known after a restart");
	(void) all(&seen, 3);
	ok(strcmp(seen.text, "n1499 n1498 n1497 ") == 0, "the newest of many come first: %s",
	    seen.text);
	journal_close(j);
}

/* The write fails in mid-line. */
static void
limit_growth(const char *name, off_t more)
{
	_cleanup_(freep) char *path = path_of(name);
	struct stat st = {.st_size = 0};

	(void) stat(path, &st);
	limit_files((rlim_t) (st.st_size + more));
}

static void
test_full(void)
{
	struct seen seen;
	const char *note;
	struct journal *j;
	char *before, *after;
	int r;

	clear();
	(void) signal(SIGXFSZ, SIG_IGN);
	j = start(&seen, &note);
	(void) journal_note(j, make("b", RESULT_RUNNING));
	(void) journal_finish(j, make("a", RESULT_COMPLETED));
	(void) journal_finish(j, make("c", RESULT_COMPLETED));
	before = get("migrations.jsonl", NULL);
	limit_growth("migrations.jsonl", 100);
	r = journal_finish(j, make("b", RESULT_COMPLETED));
	limit_files(RLIM_INFINITY);
	after = get("migrations.jsonl", NULL);
	ok(r == -EFBIG && strcmp(before, after) == 0,
	    "a line that does not fit is said and not begun");
	free(before);
	free(after);
	journal_close(j);
	j = start(&seen, &note);
	ok(!note && strcmp(seen.text, "b/0 ") == 0, "its record stays open");
	ok(journal_finish(j, make("b", RESULT_COMPLETED)) == 0 &&
		strcmp(all(&seen, 0), "b c a ") == 0,
	    "and is finished when there is room again");
	limit_growth("migrations.open", 10);
	r = journal_note(j, make("d", RESULT_RUNNING));
	limit_files(RLIM_INFINITY);
	ok(r == -EFBIG, "a note that does not fit is said");
	(void) journal_note(j, make("e", RESULT_RUNNING));
	journal_close(j);
	j = start(&seen, &note);
	ok(!note && strcmp(seen.text, "e/0 ") == 0, "and leaves no piece behind: %s", seen.text);
	journal_close(j);
}

static void
test_no_room(void)
{
	_cleanup_(freep) char *jsonl = path_of("migrations.jsonl");
	struct journal *j = NULL;
	struct seen seen;
	const char *note;
	char *was;

	clear();
	(void) mkdir(jsonl, 0700);
	ok(journal_open(dir, getgid(), on_open, &seen, &j, &note) < 0 && !j,
	    "a directory in the journal's place is refused");
	ok(journal_read(dir, on_line, &seen) == -EINVAL, "readers refuse it too");
	(void) rmdir(jsonl);
	(void) mkfifo(jsonl, 0600);
	ok(journal_open(dir, getgid(), on_open, &seen, &j, &note) == -EINVAL && !j,
	    "a FIFO is refused without waiting");
	clear();
	(void) symlink("/dev/null", jsonl);
	ok(journal_open(dir, getgid(), on_open, &seen, &j, &note) == -ELOOP,
	    "a link is not followed");
	clear();
	was = xstrdup(dir);
	(void) snprintf(dir, sizeof(dir), "%.40s/none", was);
	ok(journal_open(dir, getgid(), on_open, &seen, &j, &note) == -ENOENT,
	    "a directory that is missing is said");
	ok(strcmp(all(&seen, 0), "") == 0, "readers find nothing there");
	str_copy(dir, sizeof(dir), was);
	free(was);
}

static bool
count(void *arg, const char *line, size_t n, off_t at)
{
	size_t *sum = arg;

	(void) at;
	(void) line;
	*sum += n + 1;
	return true;
}

/* Lines of all lengths around the size of a block come back whole, whatever the blocks' borders. */
static void
test_lines(void)
{
	_cleanup_(freep) char *path = path_of("migrations.jsonl");
	_cleanup_(closep) int fd = -1, null = -1;
	uint32_t seed = 1;
	size_t sum = 0, forwards = 0;
	off_t size = 0;

	clear();
	fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	for (int i = 0; i < 60; i++) {
		char line[70000];
		size_t n;

		seed = seed * 1103515245 + 12345;
		n = i % 7 ? seed >> 16 & 0xff : 65500 + (size_t) i;
		memset(line, 'a', n);
		line[n] = '\n';
		size += (off_t) n + 1;
		(void) lines_append(fd, line, n + 1, false);
	}
	ok(lines_backwards(fd, 0, size, 100000, count, &sum) == 0 && sum == (size_t) size,
	    "all lines are handed over whole");
	ok(lines_forwards(fd, 0, size, 100000, count, &forwards) == 0 && forwards == sum, "forwards, too");
	sum = forwards = 0;
	ok(lines_backwards(fd, 0, size - 1, 1000, count, &sum) == 0 && sum > 1000 && sum < 60 * 256,
	    "only those that are not too long, and not the last without its end");
	ok(lines_forwards(fd, 0, size - 1, 1000, count, &forwards) == 0 && forwards == sum, "as forwards");
	ok(lines_backwards(fd, 0, size * 2, 1000, count, &sum) == 0,
	    "a file that was cut meanwhile is no error");
	ok(lines_forwards(fd, 0, size * 2, 100000, count, &sum) == 0, "nor is it forwards");
	null = open("/dev/null", O_WRONLY);
	ok(lines_copy(fd, 0, size, null) == 0 && lines_copy(fd, 0, size * 2, null) == -ESTALE,
	    "but when it is copied");
	ok(lines_backwards(-1, 0, 10, 1000, count, &sum) == -EBADF &&
		lines_forwards(-1, 0, 10, 1000, count, &sum) == -EBADF, "one that cannot be read is");
	ok(lines_repair(-1, path, &size) == -EBADF && lines_append(-1, "\n", 1, true) == -EBADF,
	    "nor can it be written");
}

int
main(void)
{
	begin("test_journal");
	test_life();
	test_killed();
	test_limits();
	test_full();
	test_no_room();
	test_lines();
	return finish();
}
