/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <jansson.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "store/notice_log.h"
#include "tests/tap.h"

static char dir[] = "/tmp/xenscope-events-XXXXXX";
static const char *note;

static struct notice_log *
start(void)
{
	struct notice_log *l = NULL;

	ok(notice_log_open(dir, getgid(), &l, &note) == 0, "the file of events opens");
	return l;
}

/* The number it got; 0: it could not be written. */
static uint64_t
add(struct notice_log *l, const char *text)
{
	_cleanup_(freep) char *json = NULL;
	struct notice n;
	int r;

	notice_init(&n, NOTICE_STARTED, 1793870100);
	notice_say(&n, "%s", text);
	r = notice_log_add(l, &n, &json);
	return r < 0 ? 0 : n.seq;
}

static char *
path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
append(const char *name, const char *text)
{
	_cleanup_(freep) char *path = path_of(name);
	FILE *f = fopen(path, "a");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		ok(0, "the test can write %s", path);
}

static off_t
size_of(const char *name)
{
	_cleanup_(freep) char *path = path_of(name);
	struct stat st;

	return stat(path, &st) < 0 ? -1 : st.st_size;
}

struct seen {
	uint64_t first, last, n, stop;
	bool json;
};

static bool
on_line(void *arg, uint64_t seq, const char *line, size_t n)
{
	struct seen *x = arg;
	json_t *o = json_loadb(line, n, 0, NULL);

	x->first = x->n == 0 ? seq : x->first;
	x->last = seq;
	x->json = (x->n == 0 || x->json) && json_integer_value(json_object_get(o, "seq")) == (json_int_t) seq;
	json_decref(o);
	return ++x->n != x->stop;
}

static struct seen
all(uint64_t stop)
{
	struct seen x = {.stop = stop};

	if (notice_log_read(dir, on_line, &x) < 0)
		x.n = UINT64_MAX;
	return x;
}

static void
test_numbers(void)
{
	struct notice_log *l;
	struct seen x;

	ok(all(0).n == 0, "before the first event there is none");
	l = start();
	ok(add(l, "one") == 1 && add(l, "two") == 2 && add(l, "three") == 3, "events are counted from 1");
	x = all(0);
	ok(x.n == 3 && x.first == 3 && x.last == 1 && x.json, "they are read the newest first");
	ok(all(2).n == 2, "until the reader has enough");
	notice_log_close(l);
	l = start();
	ok(!note && add(l, "four") == 4, "the next agent counts on");
	notice_log_close(l);
	append("events.jsonl", "{\"seq\":5,\"ti");
	l = start();
	ok(note && size_of("events.jsonl.torn") > 0 && add(l, "five") == 5, "a torn last line is set aside and said so");
	append("events.jsonl", "no event\n{\"seq\":x}\n{\"seq\":99999999999999999999999,\"a\":1}\n{\"seq\":7}\n");
	x = all(0);
	ok(x.n == 5 && x.first == 5 && x.json, "lines that are no events are passed over");
	notice_log_close(l);
}

/* Events that follow on the last one, until the file is nearly full; the number of the last. */
static uint64_t
fill(uint64_t seq)
{
	_cleanup_(freep) char *path = path_of("events.jsonl");
	off_t size = size_of("events.jsonl");
	FILE *f = fopen(path, "a");

	while (f && size < (1 << 20) - 600)
		size += fprintf(f, "{\"seq\":%llu,\"text\":\"%0500d\"}\n", (unsigned long long) ++seq, 0);
	if (!f || fclose(f) != 0)
		abort();
	return seq;
}

static void
test_rotation(void)
{
	struct notice_log *l;
	uint64_t seq = fill(5);
	struct seen x;

	l = start();
	for (int i = 0; i < 4; i++)
		seq = add(l, "more");
	ok(size_of("events.jsonl.1") <= 1 << 20 && size_of("events.jsonl.1") > 1000000,
	    "a full file makes room for a new one");
	x = all(0);
	ok(x.first == seq && x.last == 1 && x.n == seq && x.json, "and is still read");
	notice_log_close(l);
	seq = fill(seq);
	l = start();
	for (int i = 0; i < 4; i++)
		seq = add(l, "more");
	x = all(0);
	ok(x.first == seq && x.last > 1 && x.n == seq - x.last + 1, "with the next one the oldest events go");
	notice_log_close(l);
}

static void
test_twice(void)
{
	_cleanup_(freep) char *from = path_of("events.jsonl"), *to = path_of("events.jsonl.1");
	struct notice_log *l;
	uint64_t seq;
	struct seen x = all(0);

	(void) unlink(to);
	ok(link(from, to) == 0 && all(0).first == x.first && all(0).n < x.n,
	    "a file that becomes the old one while it is read is not read twice");
	(void) unlink(from);
	l = start();
	seq = add(l, "more");
	ok(seq == x.first + 1, "an agent that was killed in between counts on as well");
	notice_log_close(l);
}

static void
test_trouble(void)
{
	_cleanup_(freep) char *path = path_of("events.jsonl");
	struct rlimit limit, small;
	struct notice_log *l = start();
	uint64_t seq = add(l, "before");

	(void) signal(SIGXFSZ, SIG_IGN);
	(void) getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = (rlim_t) size_of("events.jsonl") + 10;
	(void) setrlimit(RLIMIT_FSIZE, &small);
	ok(add(l, "full") == 0, "an event for which there is no room is not written");
	(void) setrlimit(RLIMIT_FSIZE, &limit);
	ok(add(l, "after") == seq + 2 && all(1).json, "the next one is, whole, and has the number after that");
	notice_log_close(l);
	(void) unlink(path);
	ok(mkdir(path, 0700) == 0 && notice_log_open(dir, getgid(), &l, &note) < 0, "a directory of that name is none");
	ok(all(0).n == UINT64_MAX, "nor read");
	(void) rmdir(path);
	ok(notice_log_open("/nonexistent", getgid(), &l, &note) == -ENOENT, "without a directory there is no file");
}

int
main(void)
{
	char *clean;

	if (!mkdtemp(dir))
		abort();
	test_numbers();
	test_rotation();
	test_twice();
	test_trouble();
	clean = xasprintf("rm -r %s", dir);
	ok(system(clean) == 0, "the test clears up");
	free(clean);
	return done_testing();
}
