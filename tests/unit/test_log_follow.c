/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "observe/log_follow.h"
#include "observe/log_line.h"
#include "tests/tap.h"

static char *dir;
static struct strbuf seen; /* "number:line," */
static unsigned long lines;

static void
on_line(void *arg, unsigned log, const char *line, size_t n)
{
	(void) arg;
	lines++;
	if (seen.n < 1000)
		strbuf_printf(&seen, "%u:%.*s,", log, (int) MIN(n, 20), line);
}

static char *
at(const char *name)
{
	static char path[4][300];
	static unsigned next;

	next = (next + 1) % ARRAY_SIZE(path);
	(void) snprintf(path[next], sizeof(path[next]), "%s/%s", dir, name);
	return path[next];
}

static void
add_to(const char *name, const char *text)
{
	_cleanup_(closep) int fd = open(at(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
		abort();
}

static bool
is_ready(const struct log_follow *f)
{
	struct pollfd p = {.fd = log_follow_fd(f), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* What a read hands over now. */
static bool
reads(struct log_follow *f, const char *want)
{
	strbuf_done(&seen);
	strbuf_str(&seen, "");
	(void) log_follow_read(f, on_line, NULL);
	if (strcmp(seen.text, want) == 0)
		return true;
	printf("# read \"%s\", not \"%s\"\n", seen.text, want);
	return false;
}

/* The same when it was said that there is something. */
static bool
wakes(struct log_follow *f, const char *want)
{
	bool ready = is_ready(f);

	return reads(f, want) && ready;
}

static struct log_follow *
follow(const char *name)
{
	struct log_follow *f = NULL;

	(void) unlink(at(name));
	(void) unlink(at("log.1"));
	add_to(name, "old\n");
	if (log_follow_new(&f) < 0 || log_follow_add(f, at(name)) != 0)
		abort();
	(void) log_follow_read(f, on_line, NULL);
	return f;
}

static void
growing(void)
{
	struct log_follow *f = follow("log");

	ok(!is_ready(f) && reads(f, ""), "what was there before is not read, and the descriptor is quiet");
	add_to("log", "one\ntwo\n");
	ok(wakes(f, "0:one,0:two,"), "new lines wake it");
	add_to("log", "thr");
	ok(wakes(f, ""), "half a line is not handed over");
	add_to("log", "ee\nfo");
	ok(wakes(f, "0:three,"), "nor its other half alone");
	add_to("log", "ur\n\n");
	ok(wakes(f, "0:four,0:,"), "an empty line is a line");
	ok(!is_ready(f) && reads(f, ""), "then it is quiet again");
	add_to("log.1", "x\n");
	add_to("log.2.gz", "x\n");
	add_to("logs", "x\n");
	(void) is_ready(f);
	ok(reads(f, "") && !is_ready(f), "its neighbours, compressed or not, are not read");
	log_follow_free(f);
}

static void
rotated(void)
{
	struct log_follow *f = follow("log");

	add_to("log", "a\n");
	ok(rename(at("log"), at("log.1")) == 0 && wakes(f, "0:a,"), "a log that was renamed is read to its end");
	add_to("log.1", "b\n");
	ok(wakes(f, "0:b,"), "and beyond, as long as there is none of its name");
	add_to("log", "");
	(void) is_ready(f);
	ok(reads(f, ""), "a new one that is empty changes nothing");
	add_to("log.1", "c\n");
	ok(wakes(f, "0:c,"), "the writer may still have the old one open");
	add_to("log.1", "d\n");
	add_to("log", "e\n");
	ok(wakes(f, "0:d,0:e,"), "when it writes to the new one, the old one's rest comes first");
	add_to("log", "f\n");
	ok(wakes(f, "0:f,"), "and then the new one grows");
	add_to("log", "half");
	(void) reads(f, "");
	(void) rename(at("log"), at("log.1"));
	add_to("log", "new\n");
	ok(wakes(f, "0:new,"), "half a line at the end of an old one does not spoil the first of the new");
	(void) unlink(at("log"));
	(void) reads(f, "");
	add_to("log", "again\n");
	ok(wakes(f, "0:again,"), "a log that was deleted and made anew is followed");
	log_follow_free(f);
}

static void
copy_to_1(void)
{
	_cleanup_(freep) char *text = NULL;

	(void) unlink(at("log.1"));
	if (file_read(at("log"), 1 << 20, &text, NULL) < 0)
		abort();
	add_to("log.1", text);
}

static void
truncated(void)
{
	struct log_follow *f = follow("log");

	add_to("log", "a\n");
	(void) reads(f, "0:a,");
	ok(truncate(at("log"), 0) == 0 && wakes(f, ""), "a log that was cut to nothing");
	add_to("log", "b\n");
	ok(wakes(f, "0:b,"), "is read from its beginning");
	add_to("log", "a longer one that ends alike\nc\n");
	(void) log_follow_read(f, on_line, NULL);
	(void) truncate(at("log"), 0);
	add_to("log", "d, that has grown beyond where it was, and ends otherwise\ne\n");
	ok(wakes(f, "0:d, that has grown be,0:e,"), "also when it has grown beyond the old length meanwhile");
	add_to("log", "f\n");
	copy_to_1();
	(void) truncate(at("log"), 0);
	add_to("log", "g\n");
	ok(wakes(f, "0:f,0:g,"), "copied and cut: what was not read yet is read from the copy");
	add_to("log", "h\n");
	ok(wakes(f, "0:h,"), "and then it goes on");
	copy_to_1();
	add_to("log.1", "not ours\n");
	(void) unlink(at("log.1"));
	add_to("log.1", "some other file that is longer than it\n");
	(void) truncate(at("log"), 0);
	add_to("log", "i\n");
	ok(wakes(f, "0:i,"), "another file of the copy's name is not read");
	log_follow_free(f);
}

static void
long_lines(void)
{
	struct log_follow *f = follow("log");
	_cleanup_(freep) char *text = xmalloc(3 * MAX_LOG_LINE + 1);

	memset(text, 'x', 3 * MAX_LOG_LINE);
	text[3 * MAX_LOG_LINE] = '\0';
	add_to("log", text);
	add_to("log", "\nafter\n");
	ok(wakes(f, "0:after,") && log_follow_lost(f) == 1, "a line that is too long is left out and counted");
	for (int i = 0; i < 40; i++) {
		add_to("log", text);
		(void) log_follow_read(f, on_line, NULL);
	}
	add_to("log", "\nafter that\n");
	ok(wakes(f, "0:after that,") && log_follow_lost(f) == 2, "also when it comes in many pieces");
	text[MAX_LOG_LINE] = '\0';
	add_to("log", text);
	add_to("log", "\n");
	ok(wakes(f, "0:xxxxxxxxxxxxxxxxxxxx,"), "the longest line is a line");
	log_follow_free(f);
}

static double
resident(void)
{
	struct rusage u;

	(void) getrusage(RUSAGE_SELF, &u);
	return (double) u.ru_maxrss;
}

static void
burst(void)
{
	struct log_follow *f = follow("log");
	struct strbuf b = {NULL, 0, 0};
	unsigned calls = 0;
	double before;

	for (int i = 0; i < 10000; i++)
		strbuf_printf(&b, "%d a line of a burst\n", i);
	for (int i = 0; i < 100; i++)
		add_to("log", b.text);
	strbuf_done(&b);
	lines = 0;
	before = resident();
	while (is_ready(f) && calls++ < 1000)
		(void) log_follow_read(f, on_line, NULL);
	ok(lines == 1000000, "of a burst of a million lines none is lost");
	ok(calls > 4 && calls < 40, "one call does a part of it: %u calls", calls);
	ok(resident() - before < 1024, "and memory does not grow with it");
	log_follow_free(f);
	(void) unlink(at("log"));
}

static void
beginnings(void)
{
	struct log_follow *f = NULL;

	add_to("a", "first\nsec");
	ok(log_follow_new(&f) == 0 && log_follow_add(f, at("a")) == 0 && reads(f, ""), "a log is begun at its end");
	add_to("a", "ond\nthird\n");
	ok(wakes(f, "0:second,0:third,"), "or where its last line begins, if that is not whole yet");
	ok(log_follow_add(f, at("b")) == 1, "a log need not be there");
	ok(log_follow_add(f, at("no/b")) == -ENOENT, "but its directory");
	ok(log_follow_add(f, "b") == -EINVAL, "and it has one");
	(void) reads(f, "");
	add_to("b", "x\n");
	ok(wakes(f, "1:x,"), "a log that comes to be is read from its beginning");
	ok(mkdir(at("d"), 0700) == 0 && mkfifo(at("p"), 0600) == 0 && log_follow_add(f, at("d")) == 2 &&
		log_follow_add(f, at("p")) == 3 && reads(f, "") && !is_ready(f),
	    "what is no file is left alone, and does not block");
	add_to("a", "fourth\n");
	log_follow_look(f);
	ok(reads(f, "0:fourth,"), "a look needs no inotify");
	log_follow_free(f);
	log_follow_free(NULL);
}

int
main(void)
{
	char template[] = "/tmp/xenscope-follow-XXXXXX";
	static const char *const names[] = {"log", "log.1", "log.2.gz", "logs", "a", "b", "p"};

	dir = mkdtemp(template);
	if (!dir)
		return 1;
	growing();
	rotated();
	truncated();
	long_lines();
	burst();
	beginnings();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void) unlink(at(names[i]));
	(void) rmdir(at("d"));
	(void) rmdir(dir);
	strbuf_done(&seen);
	return done_testing();
}
