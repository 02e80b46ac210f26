/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <rrd.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <zlib.h>

#include "base/file.h"
#include "base/util.h"
#include "store/store.h"
#include "store/wal.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"
#include "tests/unit/read_one.h"

#define T0 1700000003.7 /* not at the edge of a step */
#define GUESTS 3
#define MANY 70 /* files are more than are made in a tick and when it is closed */
#define WAL_HEAD_SIZE (8 + 4 * sizeof(uint32_t) + RRD_KINDS * MAX_SOURCES * RRD_NAME_SIZE)
#define KILLS 12 /* XENSCOPE_KILLS: more of them */

static char top[] = "/tmp/test_wal.XXXXXX";

static const char *
in(const char *dir, const char *name)
{
	static char path[4][256];
	static unsigned next;
	char *p = path[next++ % 4];

	(void) snprintf(p, sizeof(path[0]), "%s/%s%s%s", top, dir, *name ? "/" : "", name);
	return p;
}

static struct store *
open_store(const char *dir)
{
	struct store *s = NULL;

	if (store_open(in(dir, ""), 5, getgid(), &s) < 0)
		exit(1);
	return s;
}

static const char *
guest(int i)
{
	static char uuid[37];

	(void) snprintf(uuid, sizeof(uuid), "5a0c9b3e-0f6d-4a38-9d6e-%012d", i);
	return uuid;
}

/* Ticks come a little early and late, and some do not come: for longer than librrd waits, too. */
static double
time_of(int tick)
{
	return T0 + tick * 5 + (tick % 7 - 3) * 0.31 + tick / 50 * 5 + tick / 220 * 40;
}

#define PERIOD 1117

/* Pages found in all ticks before this one: in each tick another number below the period, which is prime. Thousands of
 * kills go on for half a million ticks. */
static double
found_before(int tick, int i)
{
	static double sum[PERIOD + 1];

	for (int k = 0; k < PERIOD && sum[PERIOD] <= 0; k++)
		sum[k + 1] = sum[k] + k * 7919 % PERIOD;
	return sum[PERIOD] * (tick / PERIOD) + sum[tick % PERIOD] + (double) tick * i;
}

/* A tick whose values follow from its number. Counts of tracking are those of an agent that began
 * at first. */
static struct sample *
sample_of(int tick, int first)
{
	struct tick at = {tick * 5, time_of(tick)};
	struct sample *s = sample_new(&at);

	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = GUESTS + tick % 3;
	s->host.value[METRIC_AT(M_HOST_FREE, HOST)] = tick % 11 ? 1e9 + tick * 4096.25 : NAN;
	for (int i = 0; i < GUESTS; i++) {
		struct sample_domain *d;

		if (i == 1 && tick % 40 > 30) /* a guest that comes and goes */
			continue;
		d = sample_add_domain(s);
		str_copy(d->uuid, sizeof(d->uuid), guest(i));
		d->value[METRIC_AT(M_DOMAIN_CPU, DOMAIN)] = tick * (1.25 + i) + 1000;
		d->value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = tick % 13 * 1048576.0;
	}
	for (int i = 0; i < 2; i++) {
		struct sample_tracking *t = sample_add_tracking(s);

		str_copy(t->uuid, sizeof(t->uuid), guest(i));
		t->value[METRIC_AT(M_TRACKING_DIRTIED, TRACKING)] = found_before(tick + 1, i) - found_before(first, i);
	}
	return s;
}

static int
put(struct store *s, int tick, int first)
{
	struct sample *x = sample_of(tick, first);
	int r = store_write(s, x);

	sample_free(x);
	return r;
}

/* What readers see in two directories, from the finest to the coarsest archive; bits: to the last
 * one. */
static bool
same_of(const char *a, const char *b, const char *uuid, enum metric_id id, const char *cf,
    double end, bool bits)
{
	static const double step[] = {0, 60, 900, 3600, 86400};
	bool same = true;

	for (size_t i = 0; i < ARRAY_SIZE(step) && same; i++) {
		struct series x = {.n = 0}, y = {.n = 0};
		double scale = 0; /* librrd cuts times to microseconds */
		int r = read_one(
		    in(a, ""), uuid, id, cf, end - MAX(step[i], 5) * 300, end, step[i], &x);
		int q = read_one(
		    in(b, ""), uuid, id, cf, end - MAX(step[i], 5) * 300, end, step[i], &y);

		for (size_t k = 0; k < y.n; k++)
			scale = MAX(scale, isnan(y.values[k]) ? 0 : fabs(y.values[k]));
		same = r == q && x.n == y.n && x.start == y.start && x.step == y.step;
		for (size_t k = 0; k < x.n && same; k++)
			same = isnan(x.values[k])
				   ? isnan(y.values[k])
				   : fabs(x.values[k] - y.values[k]) <= (bits ? 0 : 1e-6 * scale);
		if (!same)
			printf("# %s of %s, %s, step %.0f: %zu and %zu values, %d, %d\n",
			    metric_table[id].ds, uuid ? uuid : "the host", cf, step[i], x.n, y.n, r,
			    q);
		free(x.values);
		free(y.values);
	}
	return same;
}

static bool
same(const char *a, const char *b, double end, bool bits)
{
	bool same = same_of(a, b, NULL, M_HOST_FREE, "AVERAGE", end, bits) &&
		    same_of(a, b, NULL, M_HOST_DOMAINS, "MIN", end, bits) &&
		    same_of(a, b, NULL, M_HOST_DOMAINS, "MAX", end, bits);

	for (int i = 0; i < GUESTS && same; i++)
		same =
		    same_of(a, b, guest(i), M_DOMAIN_CPU, "AVERAGE", end, bits) &&
		    same_of(a, b, guest(i), M_DOMAIN_MEMORY, "MAX", end, bits) &&
		    (i >= 2 || same_of(a, b, guest(i), M_TRACKING_DIRTIED, "AVERAGE", end, bits));
	return same;
}

static double
last_up(const char *dir, const char *name)
{
	struct rrd_shape shape;

	return rrd_shape_read(in(dir, name), &shape) == 0 ? shape.last_up : NAN;
}

static bool
near_to(double a, double b)
{
	return fabs(a - b) < 1e-5;
}

static const char *
guest_file(int i)
{
	static char name[64];

	(void) snprintf(name, sizeof(name), "vm/%s.rrd", guest(i));
	return name;
}

static void
patch(const char *path, off_t at, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY);

	if (pwrite(fd, data, n, at) != (ssize_t) n)
		exit(1);
	(void) close(fd);
}

static void
test_reading(void)
{
	struct store *batched = open_store("batched"), *direct = open_store("direct");
	double behind = 0;
	bool alike = true;
	int r = 0;

	for (int i = 0; i < 800; i++) {
		r |= put(batched, i, 0);
		r |= put(direct, i, 0);
		r |= store_flush(direct);
		behind = MAX(behind, time_of(i) - last_up("batched", "host.rrd"));
		if (i % 23 == 22 || i > 790)
			alike = alike && same("batched", "direct", time_of(i), false);
	}
	ok(r == 0 && behind > 5 * WAL_BATCH / 2 && behind < 5 * WAL_BATCH * 2,
	    "a file lags, but gets its ticks at least %d at a time (%.0f s)", WAL_BATCH, behind);
	ok(alike, "who reads sees what is in the log as if it were in the files, in all archives");
	store_close(batched);
	store_close(direct);
	ok(last_up("batched", "host.rrd") == last_up("direct", "host.rrd"),
	    "when the agent ends the files have all");
	ok(same("batched", "direct", time_of(800), true),
	    "and are what those are that got each tick at once, to the last bit");
}

/* The agent, until it is killed. Each goes on where the log ends. */
static void
agent(volatile int *done)
{
	struct store *s = open_store("killed");
	struct wal *w;
	int tick = 0, first;

	if (wal_open_to_read(in("killed", ""), &w) < 0)
		_exit(1);
	while (wal_newest(w) > time_of(tick) - 0.01)
		tick++;
	wal_close(w);
	if (tick < *done) /* one that was written is not there */
		_exit(2);
	for (first = tick;; tick++) {
		if (put(s, tick, first) < 0)
			_exit(3);
		*done = tick + 1;
	}
}

static void
test_kills(int kills)
{
	int ticks = 0, status, lost = 0, fd = open(in("", "done"), O_RDWR | O_CREAT, 0600);
	volatile int *done;
	struct store *s;

	(void) ftruncate(fd, sizeof(int));
	done = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (int i = 0; i < kills; i++) {
		pid_t pid = fork();

		if (pid == 0)
			agent(done);
		/* most when they are at work, some while they take up what there is */
		for (int ms = 0, before = *done; ms < 5000 && i % 3 && *done == before; ms++)
			(void) usleep(1000);
		(void) usleep((unsigned) (i * 7919 % 15000));
		(void) kill(pid, SIGKILL);
		(void) waitpid(pid, &status, 0);
		lost += !WIFSIGNALED(status);
	}
	ok(lost == 0 && *done > kills,
	    "killed %d times within %d ticks it lost no tick that it had written", kills, *done);
	s = open_store("killed");
	store_close(s);
	s = open_store("whole");
	while (time_of(ticks) <= last_up("killed", "host.rrd") + 0.01)
		(void) put(s, ticks++, 0);
	store_close(s);
	ok(ticks >= *done && ticks <= *done + 1 && same("killed", "whole", time_of(ticks), true),
	    "the files are those of an agent that was left alone, to the last bit (%d ticks)",
	    ticks);
}

/* --- a log that is not as it was left --- */

static void
append(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	(void) write_all(fd, data, n);
	(void) close(fd);
}

static size_t
count(const char *pattern)
{
	glob_t g;
	size_t n = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0;

	globfree(&g);
	return n;
}

/* Leaves a store as a kill does: whatever is not in the files stays so. */
static void
run_and_kill(const char *dir, int begin, int end)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct store *s = open_store(dir);

		for (int i = begin; i < end; i++)
			(void) put(s, i, begin);
		_exit(0);
	}
	(void) waitpid(pid, &status, 0);
}

static void
test_torn(void)
{
	struct stat st;

	run_and_kill("torn", 0, 10);
	append(in("torn", "ticks.wal"), "\1\2\3\4\0\20\0\0half a record", 21);
	store_close(open_store("torn"));
	ok(near_to(last_up("torn", "host.rrd"), time_of(9)),
	    "half a record at the end of the log is cut off, and all before it is used");

	run_and_kill("torn", 10, 20);
	(void) stat(in("torn", "ticks.wal"), &st);
	patch(in("torn", "ticks.wal"), st.st_size - 5, "\x55", 1);
	store_close(open_store("torn"));
	ok(near_to(last_up("torn", "host.rrd"), time_of(18)),
	    "a record whose checksum is wrong is not used");

	run_and_kill("torn", 20, 30);
	patch(in("torn", "ticks.wal"), 0, "no log", 6);
	store_close(open_store("torn"));
	ok(last_up("torn", "host.rrd") < time_of(29) &&
		count(in("torn", "ticks.wal.corrupt-*")) == 1,
	    "what is no log is set aside");
	run_and_kill("torn", 30, 35);
	store_close(open_store("torn"));
	ok(near_to(last_up("torn", "host.rrd"), time_of(34)), "and another one is begun");
}

/* The names of the columns stand behind the magic number and a count for each kind. */
static void
test_older(void)
{
	struct series x = {.n = 0};
	char *text = NULL, *name;
	size_t n = 0;

	run_and_kill("older", 0, 10);
	(void) file_read(in("older", "ticks.wal"), 1 << 20, &text, &n);
	name = memmem(text, n, "free_bytes", 10);
	ok(name != NULL, "the log names its columns");
	patch(in("older", "ticks.wal"), name - text, "forgotten\0", 10);
	free(text);
	store_close(open_store("older"));
	ok(near_to(last_up("older", "host.rrd"), time_of(9)) &&
		read_one(in("older", ""), NULL, M_HOST_DOMAINS, "AVERAGE", time_of(4), time_of(9),
		    0, &x) == 0 &&
		x.n > 2 && x.values[1] >= GUESTS,
	    "the log of another table is read by these names");
	free(x.values);
	x.n = 0;
	ok(read_one(
	       in("older", ""), NULL, M_HOST_FREE, "AVERAGE", time_of(4), time_of(9), 0, &x) == 0 &&
		x.n > 2 && isnan(x.values[1]),
	    "what it has no column for is unknown");
	free(x.values);
	run_and_kill("older", 10, 12);
	store_close(open_store("older"));
	ok(near_to(last_up("older", "host.rrd"), time_of(11)),
	    "and it is followed by one of this table");
}

/* Makes a log one of another boot: its field in each record, and the checksum. */
static void
another_boot(const char *path)
{
	char *text = NULL;
	size_t n = 0;

	(void) file_read(path, 1 << 24, &text, &n);
	for (size_t at = WAL_HEAD_SIZE; at < n;) {
		uint32_t word[8]; /* checksum, size, type, begins, at, boot */

		memcpy(word, text + at, sizeof(word));
		text[at + 24] ^= 1;
		word[0] = (uint32_t) crc32(0, (const Bytef *) text + at + 4, word[1] - 4);
		memcpy(text + at, word, 4);
		at += word[1];
	}
	patch(path, 0, text, n);
	free(text);
}

/* As after a power cut: of the updates of the last minute the disk has some pages, and some not. */
static void
test_power_cut(void)
{
	char *before = NULL, *after = NULL;
	size_t n = 0, half = 16384;

	run_and_kill("power", 0, 20);
	store_close(open_store("power"));
	(void) file_read(in("power", "host.rrd"), 1 << 24, &before, &n);
	run_and_kill("power", 20, 30);
	store_close(open_store("power"));
	(void) file_read(in("power", "host.rrd"), 1 << 24, &after, &n);

	patch(in("power", "host.rrd"), (off_t) half, before + half, n - half);
	store_close(open_store("power"));
	free(TAKE_PTR(before));
	(void) file_read(in("power", "host.rrd"), 1 << 24, &before, &n);
	ok(memcmp(before, after, n) != 0, "in the same boot a file is taken as it is");
	another_boot(in("power", "ticks.wal"));
	store_close(open_store("power"));
	free(TAKE_PTR(before));
	(void) file_read(in("power", "host.rrd"), 1 << 24, &before, &n);
	ok(memcmp(before, after, n) == 0,
	    "after a power cut the updates of the last minute are done again");
	free(before);
	free(after);
}

static void
test_no_log(void)
{
	struct store *s, *whole = open_store("not-full");
	int r;

	(void) mkdir(in("full", ""), 0700);
	(void) mkdir(in("full", "ticks.wal.new"), 0700); /* in the way of a log */
	s = open_store("full");
	r = put(s, 0, 0);
	ok(r == 0 && access(in("full", "ticks.wal"), F_OK) < 0 &&
		near_to(last_up("full", "host.rrd"), time_of(0)),
	    "while there can be no log each tick goes into the files at once");
	for (int i = 1; i < 10; i++)
		r |= put(s, i, 0);
	(void) rmdir(in("full", "ticks.wal.new"));
	for (int i = 10; i < 20; i++)
		r |= put(s, i, 0);
	for (int i = 0; i < 20; i++)
		r |= put(whole, i, 0);
	ok(r == 0 && access(in("full", "ticks.wal"), F_OK) == 0 &&
		last_up("full", "host.rrd") < time_of(10),
	    "when there can be one the files lag again");
	store_close(s);
	store_close(whole);
	ok(same("full", "not-full", time_of(20), true), "and nothing was lost");
}

static void
test_gone(void)
{
	struct store *s = open_store("gone");
	struct sample *x;

	for (int i = 0; i < 31; i++)
		(void) put(s, i, 0);
	ok(last_up("gone", guest_file(1)) < time_of(29), "the file of a guest that is there lags");
	x = sample_of(31, 0); /* guest 1 is gone */
	(void) store_write(s, x);
	sample_free(x);
	ok(near_to(last_up("gone", guest_file(1)), time_of(30)),
	    "that of one that is gone has all");
	store_close(s);
}

static bool
is_settled(const char *dir)
{
	struct wal *w = NULL;
	bool settled = wal_open(in(dir, ""), getgid(), &w) == 0 && wal_is_settled(w);

	wal_close(w);
	return settled;
}

static void
test_settled(void)
{
	struct sample *many = sample_of(7, 0);
	struct store *s;

	run_and_kill("settled", 0, 5);
	ok(!is_settled("settled"), "what was killed has not settled its log");
	store_close(open_store("settled"));
	ok(is_settled("settled"), "what was closed has");
	(void) unlink(in("settled", guest_file(0)));
	s = open_store("settled");
	ok(access(in("settled", guest_file(0)), F_OK) < 0, "no file is looked at then when it is opened");
	ok(put(s, 5, 0) == 0 && access(in("settled", guest_file(0)), F_OK) == 0, "but with the first tick");
	store_close(s);
	ok(is_settled("settled") && near_to(last_up("settled", guest_file(0)), time_of(5)) &&
		near_to(last_up("settled", guest_file(2)), time_of(5)),
	    "after which all have all");
	for (int i = GUESTS; i < MANY; i++)
		str_copy(sample_add_domain(many)->uuid, sizeof(many->domain->uuid), guest(i));
	s = open_store("settled");
	(void) store_write(s, many);
	store_close(s);
	ok(!is_settled("settled"), "while files are still to be made it does not settle");
	s = open_store("settled");
	ok(access(in("settled", guest_file(MANY - 1)), F_OK) == 0, "and they are made when it is opened again");
	store_close(s);
	ok(is_settled("settled"), "which settles it");
	sample_free(many);
}

/* Where the file has the time of its newest value. */
static off_t
live_at(const char *text, size_t n)
{
	time_t when = (time_t) time_of(4);
	const char *p = memmem(text, n, &when, sizeof(when));

	return p ? p - text : 0;
}

static void
test_states(void)
{
	struct rrd_state *state = NULL, *none = NULL;
	char *before = NULL, *after = NULL;
	size_t n = 0;

	run_and_kill("state", 0, 5);
	store_close(open_store("state"));
	(void) file_read(in("state", "host.rrd"), 1 << 24, &before, &n);
	ok(rrd_state_read(in("state", "host.rrd"), &state) == 0 && state->packed > 0 &&
		near_to(state->last_up, time_of(4)),
	    "the state of a file is read");
	patch(in("state", "host.rrd"), live_at(before, n), "\1\2\3", 3);
	ok(rrd_state_restore(in("state", "host.rrd"), state) == 0 &&
		file_read(in("state", "host.rrd"), 1 << 24, &after, &n) == 0 &&
		memcmp(before, after, n) == 0,
	    "and put back");
	ok(rrd_state_restore(in("state", guest_file(0)), state) == -ESTALE,
	    "but not to another file");
	state->packed--;
	ok(rrd_state_restore(in("state", "host.rrd"), state) == -ESTALE,
	    "nor one that is not whole");
	ok(rrd_state_read(in("state", "ticks.wal"), &none) == -EBADMSG &&
		rrd_state_read(in("state", "none"), &none) == -ENOENT,
	    "what is no RRD file has none");
	free(state);
	free(before);
	free(after);
}

int
main(void)
{
	const char *kills = getenv("XENSCOPE_KILLS");

	if (!mkdtemp(top))
		return 1;
	test_reading();
	test_kills(kills ? atoi(kills) : KILLS);
	test_torn();
	test_older();
	test_power_cut();
	test_no_log();
	test_gone();
	test_states();
	test_settled();
	remove_tree(top);
	return done_testing();
}
