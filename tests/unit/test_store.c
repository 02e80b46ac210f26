/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <rrd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/util.h"
#include "store/rrd_schema.h"
#include "store/store.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"
#include "tests/unit/read_one.h"

#define GUEST "5a0c9b3e-0f6d-4a38-9d6e-1d2f3a4b5c6d"
#define DOM0 "00000000-0000-0000-0000-000000000000"
#define T0 1700000003.7 /* not at the edge of a step */

static char top[] = "/tmp/test_store.XXXXXX";
static char dir[64];

/* A directory of its own for each test. */
static struct store *
begin(const char *name, unsigned step)
{
	struct store *s = NULL;

	(void) snprintf(dir, sizeof(dir), "%s/%s", top, name);
	ok(store_open(dir, step, getgid(), &s) == 0, "%s: opened in a directory that was not there",
	    name);
	return s;
}

static const char *
in_dir(const char *name)
{
	static char path[256];

	(void) snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct sample *
sample_at(double real)
{
	struct tick at = {real - 1600000000, real};
	struct sample *s = sample_new(&at);

	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = 2;
	s->host.value[METRIC_AT(M_HOST_FREE, HOST)] = 1e9;
	return s;
}

static void
add_domain(struct sample *s, const char *uuid, double cpu)
{
	struct sample_domain *d = sample_add_domain(s);

	str_copy(d->uuid, sizeof(d->uuid), uuid);
	d->value[METRIC_AT(M_DOMAIN_CPU, DOMAIN)] = cpu;
	d->value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = 268435456;
}

static void
add_tracking(struct sample *s, const char *uuid, double dirtied, double seconds)
{
	struct sample_tracking *t = sample_add_tracking(s);

	str_copy(t->uuid, sizeof(t->uuid), uuid);
	t->value[METRIC_AT(M_TRACKING_DIRTIED, TRACKING)] = dirtied;
	t->value[METRIC_AT(M_TRACKING_SECONDS, TRACKING)] = seconds;
}

/* Writes it, also into the files, and lets it go. */
static int
put(struct store *s, struct sample *sample)
{
	int r = store_write(s, sample), flushed = store_flush(s);

	sample_free(sample);
	return r < 0 ? r : flushed;
}

/* The sum of rate x step of all that is known since T0. */
static double
sum(const char *uuid, enum metric_id id, double end, size_t *ret_unknown)
{
	struct series x = {0, 0, 0, NULL};
	double total = 0;

	*ret_unknown = 0;
	if (read_one(dir, uuid, id, "AVERAGE", T0 - 60, end, 0, &x) < 0)
		return NAN;
	for (size_t i = 0; i < x.n; i++)
		if (isnan(x.values[i]))
			(*ret_unknown)++;
		else
			total += x.values[i] * x.step;
	free(x.values);
	return total;
}

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * (1 + fabs(b));
}

static void
test_counters(void)
{
	struct store *s = begin("counters", 5);
	double dirtied = 0, seconds = 0, cpu = 12345.678, first_cpu = cpu, at = T0;
	size_t unknown;
	int r = 0;

	for (int i = 0; i < 100; i++) {
		struct sample *x = sample_at(at);

		add_domain(x, DOM0, cpu);
		dirtied += i == 0 ? 4262 : i % 7 * 1117;
		seconds += i % 3 * 1.375;
		add_tracking(x, GUEST, dirtied, seconds);
		r |= put(s, x);
		at += 5 + (i % 5 - 2) * 0.21; /* ticks come a little early and late */
		cpu += 1.25;
	}
	at = ceil(at / 5) * 5;
	for (int i = 0; i < 2; i++, at += 5, cpu += 1.25) {
		struct sample *x = sample_at(at);

		add_domain(x, DOM0, cpu);
		add_tracking(x, GUEST, dirtied, seconds);
		r |= put(s, x);
	}
	ok(r == 0, "100 ticks were written");
	ok(near(sum(GUEST, M_TRACKING_DIRTIED, at, &unknown), dirtied),
	    "pages: rate x step over the finest archive is the count of all pages (%.3f)", dirtied);
	ok(near(sum(GUEST, M_TRACKING_SECONDS, at, &unknown), seconds),
	    "fractions of seconds add up, too");
	ok(unknown <= 60 / 5 + 1, "nothing is unknown from the first tick on");
	ok(fabs(sum(DOM0, M_DOMAIN_CPU, at, &unknown) - (cpu - first_cpu)) < 2.5,
	    "a counter that was running before is stored from the second tick on");
	ok(near(sum(GUEST, M_TRACKING_ROUNDS, at, &unknown), 0) && unknown > 100,
	    "a value that is absent stays unknown");
	store_close(s);
}

static void
test_gauges(void)
{
	struct store *s = begin("gauges", 5);
	struct series x;
	double end = 1700000400;
	bool same = true;
	int r = 0;

	for (int i = 0; i <= 80; i++) {
		struct sample *p = sample_at(end - 400 + i * 5);

		p->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = i;
		p->host.value[METRIC_AT(M_HOST_FREE, HOST)] = INFINITY;
		r |= put(s, p);
	}
	ok(r == 0 && read_one(dir, NULL, M_HOST_DOMAINS, "AVERAGE", end - 300, end, 0, &x) == 0,
	    "host.rrd is read back");
	ok(x.step == 5 && x.start == end - 300 && x.n == 60,
	    "at the finest step, from the time that was asked for to the last");
	for (size_t i = 0; i < x.n; i++)
		same = same && x.values[i] == 21 + (double) i;
	ok(same, "each value is the one that was written for its step");
	free(x.values);

	ok(read_one(dir, NULL, M_HOST_DOMAINS, "MAX", end - 300, end, 6, &x) == 0 &&
		x.step == 60 && x.values[x.n - 1] > 68 && x.values[x.n - 1] <= 80,
	    "a step above the finest takes the next archive, MAX");
	free(x.values);
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "MIN", end - 300, end, 60, &x) == 0 && x.n >= 5,
	    "MIN is kept of the host");
	free(x.values);
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "AVERAGE", end - 100000, end, 0, &x) == 0 &&
		x.step == 900 && x.start <= end - 100000,
	    "a start beyond a day takes the archive that reaches there");
	free(x.values);
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "AVERAGE", 0, 4e9, 0, &x) == 0 &&
		x.step == 86400 && x.n < 2100,
	    "all of time is cut to what is kept");
	free(x.values);
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "AVERAGE", end + 50, end + 90, 0, &x) == 0 &&
		x.n == 0,
	    "the future holds no values");
	free(x.values);
	ok(read_one(dir, NULL, M_HOST_FREE, "AVERAGE", end - 60, end, 0, &x) == 0 &&
		isnan(x.values[5]),
	    "infinity is not a value");
	free(x.values);
	store_close(s);
}

static void
test_refusals(void)
{
	struct series x;

	ok(read_one(dir, GUEST, M_DOMAIN_CPU, "AVERAGE", 1, 2, 0, &x) == -ENOENT,
	    "a domain without a file: not found");
	ok(read_one(dir, NULL, M_HOST_MEMORY, "AVERAGE", 1, 2, 0, &x) == -ENOENT,
	    "a metric that is not in the RRDs: not found");
	ok(read_one(dir, NULL, METRIC_COUNT, "AVERAGE", 1, 2, 0, &x) == -ENOENT,
	    "no metric: not found");
	ok(read_one(dir, "../../etc/passwd", M_DOMAIN_CPU, "AVERAGE", 1, 2, 0, &x) == -EINVAL,
	    "a name that is no UUID never becomes a path");
	ok(read_one(dir, NULL, M_DOMAIN_CPU, "AVERAGE", 1, 2, 0, &x) == -EINVAL,
	    "a domain's metric needs a UUID");
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "LAST", 1, 2, 0, &x) == -EINVAL,
	    "an unknown consolidation is refused");
	ok(read_one(dir, GUEST, M_DOMAIN_CPU, "MIN", 1, 2, 0, &x) == -EINVAL,
	    "MIN is only kept of the host");
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "AVERAGE", 2, 2, 0, &x) == -EINVAL,
	    "an empty range is refused");
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "AVERAGE", NAN, 2, 0, &x) == -EINVAL,
	    "a start that is no number is refused");
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "AVERAGE", 1, 2, -1, &x) == -EINVAL,
	    "a negative step is refused");
}

/* The agent ends and begins again while a guest is tracked; each agent counts from zero. */
static void
test_restart(double away, const char *name)
{
	struct store *s = begin(name, 5);
	double at = T0, total = 0;
	size_t unknown;
	int r = 0;

	for (int agent = 0; agent < 2; agent++) {
		for (int i = 1; i <= 10; i++, at += 5) {
			struct sample *x = sample_at(at);

			add_tracking(x, GUEST, i * 333, i);
			r |= put(s, x);
		}
		total += 3330;
		store_close(s);
		at += away - 5;
		r |= store_open(dir, 5, getgid(), &s);
	}
	at = ceil(at / 5) * 5;
	for (int i = 0; i < 2; i++, at += 5) {
		struct sample *x = sample_at(at);

		add_tracking(x, GUEST, 0, 0);
		r |= put(s, x);
	}
	ok(r == 0 && near(sum(GUEST, M_TRACKING_DIRTIED, at, &unknown), total),
	    "an agent that was away for %.0f s: no page is lost, none is counted twice (%.3f of "
	    "%.0f)",
	    away, sum(GUEST, M_TRACKING_DIRTIED, at, &unknown), total);
	store_close(s);
}

static void
test_resets(void)
{
	static const double cpu[] = {100, 105, 3, 8, NAN, 20, 25};
	struct store *s = begin("resets", 5);
	size_t unknown;
	int r = 0;

	for (int i = 0; i < 7; i++) {
		struct sample *x = sample_at(1700000005 + i * 5);

		add_domain(x, GUEST, cpu[i]);
		add_domain(x, GUEST, 77); /* the same domain arriving here from this host */
		add_tracking(x, GUEST, i < 3 ? 10 : 4 + i, 1);
		r |= put(s, x);
	}
	ok(r == 0 && near(sum(GUEST, M_DOMAIN_CPU, 1700000100, &unknown), 15),
	    "a counter that went back, or came back, is unknown until its second value");
	ok(near(sum(GUEST, M_TRACKING_DIRTIED, 1700000100, &unknown), 10 + 10),
	    "a count of tracking that went back has begun again at zero");
	ok(put(s, sample_at(1700000040)) == 0, "a domain that is gone is not missed");
	store_close(s);
}

/* A host.rrd as an older agent made it: one metric less, another order, and one that is not known
 * any more. */
static int
make_old(const char *path, time_t last_up, int n_archives)
{
	const char *argv[] = {"DS:domains:GAUGE:15:0:U", "DS:forgotten:GAUGE:15:-5:U",
	    "DS:free_bytes:GAUGE:15:0:U", "DS:migrations:ABSOLUTE:15:0:U", "RRA:AVERAGE:0.5:1:360",
	    "RRA:AVERAGE:0.5:12:1440", "RRA:AVERAGE:0.5:180:672", "RRA:AVERAGE:0.5:720:2160",
	    "RRA:AVERAGE:0.5:17280:1830", "RRA:MAX:0.5:1:360", "RRA:MAX:0.5:12:1440",
	    "RRA:MAX:0.5:180:672", "RRA:MAX:0.5:720:2160", "RRA:MAX:0.5:17280:1830",
	    "RRA:MIN:0.5:1:360", "RRA:MIN:0.5:12:1440", "RRA:MIN:0.5:180:672",
	    "RRA:MIN:0.5:720:2160", "RRA:MIN:0.5:17280:1830"};

	rrd_clear_error();
	return rrd_create_r(path, 5, last_up, 4 + n_archives, argv);
}

static size_t
count_files(const char *pattern)
{
	glob_t g;
	size_t n;

	n = glob(in_dir(pattern), 0, NULL, &g) == 0 ? g.gl_pathc : 0;
	globfree(&g);
	return n;
}

static void
fill_old(const char *path, time_t from, int n)
{
	for (int i = 1; i <= n; i++) {
		char line[128];
		const char *argv[] = {line};

		(void) snprintf(line, sizeof(line), "%ld.25:%d:%d:%d:%d", (long) from + i * 5,
		    i % 9, i, i * 1000, i % 4);
		(void) rrd_update_r(path, NULL, 1, argv);
	}
}

static bool
same_series(const char *other, enum metric_id id, const char *cf, double start, double end,
    double step)
{
	struct series a = {0, 0, 0, NULL}, b = {0, 0, 0, NULL};
	bool same = read_one(dir, NULL, id, cf, start, end, step, &a) == 0 &&
	    read_one(other, NULL, id, cf, start, end, step, &b) == 0 && a.n == b.n &&
	    a.n > 10 && memcmp(a.values, b.values, a.n * sizeof(double)) == 0;

	free(a.values);
	free(b.values);
	return same;
}

static void
test_schema_change(void)
{
	double start = 1700000000, end = start + 2000 * 5;
	struct store *s = begin("new", 5);
	struct rrd_shape shape;
	const char *coarse[] = {"DS:domains:GAUGE:15:0:U", "RRA:AVERAGE:0.5:12:1440"};
	struct series x;
	char other[128];

	(void) snprintf(other, sizeof(other), "%s/old", top);
	(void) mkdir(other, 0755);
	(void) make_old(in_dir("host.rrd"), (time_t) start, 15);
	fill_old(in_dir("host.rrd"), (time_t) start, 2000);
	(void) make_old(in_dir("../old/host.rrd"), (time_t) start, 15);
	fill_old(in_dir("../old/host.rrd"), (time_t) start, 2000);

	ok(put(s, sample_at(end + 5)) == 0, "a file of an older agent is written");
	ok(rrd_shape_read(in_dir("host.rrd"), &shape) == 0 &&
		rrd_shape_find(&shape, "smap_active") < shape.n_sources,
	    "it has the new data source");
	ok(rrd_shape_find(&shape, "forgotten") < shape.n_sources &&
		shape.source[rrd_shape_find(&shape, "forgotten")].min == -5,
	    "it still has the one that the table has lost");
	ok(same_series(other, M_HOST_DOMAINS, "AVERAGE", end - 1700, end, 0),
	    "the finest archive is the same, bit for bit");
	ok(same_series(other, M_HOST_FREE, "MAX", start, end - 60, 60),
	    "so is a coarse one of MAX");
	ok(same_series(other, M_HOST_MIGRATIONS, "MIN", start - 86400, end - 900, 900),
	    "and one of MIN");
	for (int i = 2; i < 40; i++) {
		struct sample *p = sample_at(end + i * 5);

		p->host.value[METRIC_AT(M_HOST_SMAP, HOST)] = 1;
		(void) put(s, p);
	}
	ok(read_one(dir, NULL, M_HOST_SMAP, "AVERAGE", end - 60, end + 150, 0, &x) == 0 &&
		isnan(x.values[0]) && x.values[x.n - 1] == 1,
	    "the new one is unknown before and known after");
	free(x.values);
	ok(count_files("host.rrd*") == 1, "nothing else is left in the directory");
	store_close(s);

	s = begin("archives", 5);
	(void) make_old(in_dir("host.rrd"), (time_t) start, 4);
	ok(put(s, sample_at(start + 5)) == 0 && put(s, sample_at(start + 10)) == 0 &&
		rrd_shape_read(in_dir("host.rrd"), &shape) == 0 && shape.n_sources == 4 &&
		shape.last_up == start + 10,
	    "a file with other archives is kept as it is, and written");
	ok(read_one(dir, NULL, M_HOST_SMAP, "AVERAGE", start, start + 10, 0, &x) == -ENOENT,
	    "what it has no source for is not found");
	store_close(s);
	(void) rrd_create_r(in_dir("host.rrd"), 5, (time_t) start, 2, coarse);
	ok(read_one(dir, NULL, M_HOST_DOMAINS, "MIN", start - 600, start, 0, &x) == -EIO,
	    "nor what it has no archive for");
}

static void
write_text(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	(void) write_all(fd, text, n);
	(void) close(fd);
}

static void
test_damage(void)
{
	struct store *s = begin("damage", 5);
	struct rrd_shape shape;
	char *text = NULL;
	size_t n = 0;

	write_text(in_dir("host.rrd"), "not an RRD", 10);
	ok(put(s, sample_at(T0)) == 0 && rrd_shape_read(in_dir("host.rrd"), &shape) == 0,
	    "a file that is no RRD is set aside and a new one begun");
	ok(count_files("host.rrd.corrupt-1700000003") == 1 &&
		file_read(in_dir("host.rrd.corrupt-1700000003"), 100, &text, &n) == 0 && n == 10,
	    "with all that was in it");
	free(text);
	store_close(s);

	ok(truncate(in_dir("host.rrd"), 5000) == 0 && store_open(dir, 5, getgid(), &s) == 0 &&
		put(s, sample_at(T0 + 5)) == 0 && count_files("host.rrd.corrupt-*") == 2,
	    "so is one that was cut");
	ok(truncate(in_dir("host.rrd"), 0) == 0 && put(s, sample_at(T0 + 10)) < 0,
	    "damage that comes while it is written is an error of that tick");
	ok(put(s, sample_at(T0 + 15)) == 0 && count_files("host.rrd.corrupt-*") == 3,
	    "and is set aside in the next");
	ok(unlink(in_dir("host.rrd")) == 0 && put(s, sample_at(T0 + 20)) < 0 &&
		put(s, sample_at(T0 + 25)) == 0,
	    "a file that somebody deleted is made again");
	store_close(s);

	(void) store_open(dir, 10, getgid(), &s);
	ok(put(s, sample_at(T0 + 30)) == 0 && count_files("host.rrd.other-step-*") == 1,
	    "a file of another step is set aside");
	write_text(in_dir("host.rrd.new"), "half", 4);
	write_text(in_dir("vm/" GUEST ".rrd.newXh2jk"), "half", 4);
	store_close(s);
	(void) store_open(dir, 10, getgid(), &s);
	ok(count_files("*.new*") == 0 && count_files("vm/*.new*") == 0,
	    "what a killed agent had begun to make is swept away");
	store_close(s);
}

static void
test_clock(void)
{
	struct store *s = begin("clock", 5);
	struct rrd_shape a, b;

	ok(put(s, sample_at(T0)) == 0 && put(s, sample_at(T0 + 5)) == 0, "two ticks");
	(void) rrd_shape_read(in_dir("host.rrd"), &a);
	ok(put(s, sample_at(T0 - 3600)) == 0 && put(s, sample_at(T0 - 3595)) == 0,
	    "a clock that was set back is no error");
	(void) rrd_shape_read(in_dir("host.rrd"), &b);
	ok(memcmp(&a.last_up, &b.last_up, sizeof(a.last_up)) == 0, "nothing is written meanwhile");
	ok(put(s, sample_at(T0 + 10)) == 0 && rrd_shape_read(in_dir("host.rrd"), &b) == 0 &&
		near(b.last_up, T0 + 10),
	    "it goes on when the time has come");
	store_close(s);
	(void) store_open(dir, 5, getgid(), &s);
	ok(put(s, sample_at(T0)) == 0, "nor is a file that is ahead when the agent starts");
	store_close(s);
}

static void
test_trouble(void)
{
	struct store *s;
	struct sample *x;
	struct rrd_shape shape;

	(void) snprintf(dir, sizeof(dir), "%s/trouble", top);
	(void) mkdir(dir, 0755);
	write_text(in_dir("file"), "", 0);
	ok(store_open(in_dir("file/below"), 5, getgid(), &s) == -ENOTDIR,
	    "a directory that cannot be made is an error");
	ok(store_open(dir, 5, getgid(), &s) == 0, "one that can is not");
	(void) rmdir(in_dir("vm"));
	write_text(in_dir("vm"), "", 0);
	x = sample_at(T0);
	add_domain(x, GUEST, 1);
	add_domain(x, "no uuid", 1);
	ok(put(s, x) < 0, "domains whose files cannot be made: an error");
	ok(rrd_shape_read(in_dir("host.rrd"), &shape) == 0,
	    "the host's file is written all the same");
	(void) unlink(in_dir("vm"));
	(void) mkdir(in_dir("vm"), 0750);
	x = sample_at(T0 + 5);
	add_domain(x, GUEST, 1);
	ok(put(s, x) == 0 && count_files("vm/" GUEST ".rrd") == 1,
	    "when it is over the file is made");
	store_close(s);
	store_close(NULL);
}

/* As the serve half does: another user, another root, nothing to write. */
static void
test_unprivileged(void)
{
	struct store *s = begin("serve", 5);
	struct stat st;
	int status = -1;
	pid_t pid;

	for (int i = 0; i < 10; i++) {
		struct sample *x = sample_at(1700000000 + i * 5);

		add_domain(x, GUEST, i);
		(void) put(s, x);
	}
	store_close(s);
	ok(stat(in_dir("host.rrd"), &st) == 0 && (st.st_mode & 07777) == 0640, "files are 0640");
	ok(stat(in_dir("vm"), &st) == 0 && (st.st_mode & 07777) == 0750, "directories are 0750");
	pid = fork();
	if (pid == 0) {
		struct series x = {0, 0, 0, NULL};
		int r;

		if (geteuid() == 0 && (chroot(dir) < 0 || chdir("/") < 0 || setuid(65534) < 0))
			_exit(2);
		r = read_one(geteuid() == 65534 ? "." : dir, GUEST, M_DOMAIN_CPU, "AVERAGE",
		    1700000010, 1700000040, 0, &x);
		_exit(r == 0 && x.n == 6 && near(x.values[3], 0.2) ? 0 : 1);
	}
	ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0,
	    "the group reads them in a chroot, without rights");
}

static void
test_many(void)
{
	struct store *s = begin("many", 60);
	int r = 0;
	size_t n[3];

	for (int tick = 0; tick < 3; tick++) {
		struct sample *x = sample_at(T0 + tick * 60);

		for (int i = 0; i < 40; i++) {
			char uuid[37];

			(void) snprintf(uuid, sizeof(uuid), "00000000-0000-0000-0000-%012d",
			    tick == 2 ? 39 - i : i);
			add_domain(x, uuid, i);
		}
		r |= store_write(s, x);
		sample_free(x);
		n[tick] = count_files("vm/*.rrd");
	}
	ok(r == 0 && n[0] == 31 && n[1] == 40 && n[2] == 40,
	    "files of many domains are made over several ticks");
	ok(rrd_archive_step(0, 60) == 60 && rrd_archive_step(1, 60) == 900 &&
		rrd_archive_step(4, 60) == 0,
	    "with a step of a minute there is one archive less");
	ok(rrd_archive_step(1, 7) == 63 && rrd_archive_step(4, 7) % 7 == 0,
	    "a step that does not divide a minute gives a little more than a minute");
	store_close(s);
}

int
main(void)
{
	if (!mkdtemp(top))
		return 1;
	test_counters();
	test_gauges();
	test_refusals();
	test_restart(7, "restart");
	test_restart(300, "outage");
	test_resets();
	test_schema_change();
	test_damage();
	test_clock();
	test_trouble();
	test_unprivileged();
	test_many();
	remove_tree(top);
	return done_testing();
}
