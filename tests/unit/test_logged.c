/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "observe/log_files.h"
#include "tests/tap.h"
#include "tests/unit/world.h"

#define LATEST 1793880000 /* 2026-11-05 12:00 UTC: when the replays' last lines were written */
#define MAX_TEXT (1u << 20)

extern char **environ;

/* -- what logs of each toolstack make -- */

struct told {
	struct migration_record record[32];
	size_t n;
};

static void
keep(void *arg, enum record_change change, const struct migration_record *r, const struct round *round)
{
	struct told *t = arg;
	size_t i = 0;

	(void) round;
	(void) change;
	while (i < t->n && strcmp(t->record[i].id, r->id) != 0)
		i++;
	if (i == ARRAY_SIZE(t->record))
		abort();
	if (i == t->n)
		t->n++;
	else
		record_done(&t->record[i]);
	record_copy(&t->record[i], r);
}

static void
put_number(struct strbuf *b, const char *name, double v)
{
	if (!isnan(v))
		strbuf_printf(b, " %s=%.3f", name, v);
}

static void
put_count(struct strbuf *b, const char *name, int64_t v)
{
	if (v != UNSEEN)
		strbuf_printf(b, " %s=%lld", name, (long long) v);
}

/* A line for the record and one for each round that was seen; what is not known is left out. */
static void
describe(struct strbuf *b, const struct migration_record *r)
{
	strbuf_printf(b, "domain %u %s %s %s", r->domid, direction_name(r->direction), toolstack_name(r->toolstack),
	    record_result_name(r->result));
	if (*r->uuid)
		strbuf_printf(b, " uuid=%s", r->uuid);
	put_number(b, "started", r->started);
	put_number(b, "ended", r->ended);
	put_count(b, "begun", r->rounds_begun);
	put_count(b, "unseen", r->rounds_unseen);
	put_number(b, "asked", r->final.requested);
	put_number(b, "paused", r->final.started);
	put_number(b, "sent", r->final.sent);
	put_number(b, "downtime", r->downtime_seconds);
	put_count(b, "pages_sent", r->pages_sent);
	put_count(b, "frames_sent", r->frames_sent);
	strbuf_printf(b, " stop=%d source=%s%s%s%s\n", r->stop_reason, event_source_name(r->rounds_source),
	    r->origin == ORIGIN_LOG ? "" : " NOT FROM A LOG", *r->reason ? ": " : "", r->reason);
	for (size_t i = 0; i < r->n_rounds; i++) {
		const struct round *x = &r->round[i];

		if (!x->seen)
			continue;
		strbuf_printf(b, "  round %d", x->n);
		put_number(b, "started", x->started);
		put_number(b, "seconds", x->seconds);
		put_count(b, "pages", x->pages_sent);
		put_count(b, "frames", x->frames_sent);
		put_count(b, "dirtied", x->pages_dirtied);
		strbuf_str(b, "\n");
	}
}

static int
read_logs(char **path, size_t n, struct strbuf *b)
{
	struct told t = {.n = 0};
	struct log_files_count count;
	size_t bad;
	int r = log_files_read(path, n, keep, &t, &count, &bad);

	strbuf_str(b, "");
	for (size_t i = 0; i < t.n; i++) {
		describe(b, &t.record[i]);
		record_done(&t.record[i]);
	}
	return r;
}

/* A copy, changed at that time. */
static char *
copy(const char *dir, const char *from, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	const struct timespec times[2] = {{.tv_sec = LATEST}, {.tv_sec = LATEST}};
	char *to = xasprintf("%s/%s", dir, name);
	_cleanup_(closep) int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = 0;

	if (fd < 0 || file_read(from, MAX_TEXT, &text, &n) < 0 || write_all(fd, text, n) < 0 || futimens(fd, times) < 0)
		printf("# %s cannot be copied to %s\n", from, to);
	return to;
}

static char *
golden(const char *name)
{
	const char *srcdir = getenv("srcdir");

	return xasprintf("%s/tests/golden/logs/replay/%s", srcdir ? srcdir : ".", name);
}

static void
same(const char *got, const char *expected, bool update, const char *name)
{
	_cleanup_(freep) char *want = NULL;

	if (update) {
		_cleanup_(fclosep) FILE *f = fopen(expected, "we");

		ok(f && fputs(got, f) >= 0, "%s is written", expected);
		return;
	}
	(void) file_read(expected, MAX_TEXT, &want, NULL);
	ok(want && strcmp(got, want) == 0, "the logs of %s make the right records", name);
	if (want && strcmp(got, want) != 0)
		printf("# got:\n%s# expected:\n%s", got, want);
}

static const struct replay {
	const char *name, *expected, *log[2];
} replays[] = {
    {"xenserver-8", "expected", {"daemon.log", "xensource.log"}},
    {"xenserver-8", "daemon.expected", {"daemon.log", NULL}},
    {"xcp-ng-8.2", "expected", {"daemon.log", NULL}},
    {"xcp-ng-8.3", "expected", {"daemon.log", "xensource.log"}},
    {"xl", "expected", {"xl.log", NULL}},
    {"libvirt", "expected", {"libxl-driver.log", NULL}},
};

static void
replay(const char *dir, const struct replay *x, bool update)
{
	_cleanup_(freep) char *name = xasprintf("%s/%s", x->name, x->expected), *expected = golden(name);
	struct strbuf b = {NULL, 0, 0};
	char *path[2];
	size_t n = 0;

	for (; n < 2 && x->log[n]; n++) {
		_cleanup_(freep) char *file = xasprintf("%s/%s", x->name, x->log[n]), *from = golden(file);

		path[n] = copy(dir, from, x->log[n]);
	}
	ok(read_logs(path, n, &b) == 0, "%s: the logs are read", x->name);
	same(b.text, expected, update, name);
	for (size_t i = 0; i < n; i++) {
		(void) unlink(path[i]);
		free(path[i]);
	}
	strbuf_done(&b);
}

/* -- rotated, compressed and broken logs -- */

static void
gzip(const char *path)
{
	char *argv[] = {(char *) "gzip", (char *) "-n", (char *) path, NULL};
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, "gzip", NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0)
		printf("# gzip does not work\n");
}

/* The lines from..to of a file. */
static char *
cut(const char *dir, const char *from, const char *name, unsigned first, unsigned last)
{
	char *to = copy(dir, from, name);
	_cleanup_(fclosep) FILE *in = fopen(from, "re");
	_cleanup_(fclosep) FILE *out = fopen(to, "we");
	const struct timespec times[2] = {{.tv_sec = LATEST}, {.tv_sec = LATEST}};
	char line[1024];

	for (unsigned i = 1; in && out && fgets(line, sizeof(line), in); i++)
		if (i >= first && i <= last)
			(void) fputs(line, out);
	if (out && (fflush(out) != 0 || futimens(fileno(out), times) < 0))
		printf("# %s cannot be written\n", to);
	return to;
}

static void
rotated(const char *dir)
{
	_cleanup_(freep) char *daemon = golden("xenserver-8/daemon.log"), *source = golden("xenserver-8/xensource.log"),
			      *expected = golden("xenserver-8/expected");
	struct strbuf b = {NULL, 0, 0};
	char *path[4] = {copy(dir, source, "xensource.log"), cut(dir, daemon, "daemon.log", 13, 99),
	    cut(dir, daemon, "daemon.log.1", 7, 12), cut(dir, daemon, "daemon.log.2", 1, 6)};
	char *zipped = xasprintf("%s.gz", path[3]), *file[4] = {path[0], path[1], path[2], zipped};

	gzip(path[3]);
	ok(read_logs(file, 4, &b) == 0, "rotated and compressed logs are read, in any order");
	same(b.text, expected, false, "three days, newest first,");
	ok(truncate(zipped, 60) == 0, "a compressed log that is cut off");
	strbuf_done(&b);
	ok(read_logs(&zipped, 1, &b) == -EIO, "is said not to be readable");
	strbuf_done(&b);
	file[0] = (char *) "/nowhere/at/all";
	ok(read_logs(file, 1, &b) == -ENOENT, "a log that is not there, too");
	strbuf_done(&b);
	file[0] = (char *) dir;
	ok(read_logs(file, 1, &b) == -EISDIR, "a directory, too");
	strbuf_done(&b);
	for (size_t i = 0; i < 4; i++) {
		(void) unlink(path[i]);
		free(path[i]);
	}
	(void) unlink(zipped);
	free(zipped);
}

/* -- beside other sources, in a living agent -- */

#define UUID_LOG "5f1d2c3b-77a0-4e19-9b42-0c6d8e51f3aa"

static struct event
logged(double at, enum logged what, uint32_t number, uint64_t total)
{
	return (struct event){.kind = EVENT_LOGGED,
	    .source = SOURCE_LOG,
	    .at = at,
	    .seconds = 1,
	    .pid = HELPER,
	    .domid = 1,
	    .logged = what,
	    .toolstack = TOOLSTACK_XAPI,
	    .number = number,
	    .total = total};
}

static struct event
failure(double at, const char *text)
{
	struct event e = logged(at, LOGGED_FAILED, 0, 0);

	str_copy(e.text, sizeof(e.text), text);
	return e;
}

static void
xenguest(struct world *w, double at, uint32_t op, uint32_t dirty)
{
	struct event e = bpf(at, 1000, 1, op, 0, dirty);

	str_copy(e.comm, sizeof(e.comm), "xenguest");
	send(w, e);
}

static void
beside_bpf(void)
{
	struct world w;

	world_init(&w);
	migrations_covered(w.m, SOURCE_BPF, 0);
	tick(&w, 1, A1);
	xenguest(&w, 10, SHADOW_OP_ENABLE_LOGDIRTY, 0);
	send(&w, logged(10.2, LOGGED_ROUND, 0, FRAMES));
	xenguest(&w, 20, SHADOW_OP_CLEAN, 500);
	send(&w, logged(20.2, LOGGED_ROUND, 1, 501));
	ok(w.last.rounds_begun == 2 && w.last.round[1].frames_sent == 500 && w.last.round[0].frames_sent == FRAMES &&
		w.last.rounds_source == SOURCE_BPF && w.rounds == 2,
	    "where the operations are seen, the log's rounds do not count");
	send(&w, failure(21, "xenguest: Broken pipe"));
	xenguest(&w, 21.1, SHADOW_OP_OFF, 0);
	send(&w, process(21.2, EVENT_PROCESS_END, HELPER, 1, ROLE_UNKNOWN));
	tick(&w, 25, A1);
	ok(w.ended == 1 && w.done.result == RESULT_FAILED && strcmp(w.done.reason, "xenguest: Broken pipe") == 0,
	    "but why it failed does");
	send(&w, logged(20.9, LOGGED_ROUND, 2, 40));
	send(&w, logged(20.9, LOGGED_BEGUN, 0, 0));
	tick(&w, 30, A1);
	ok(w.begun == 1, "and what the log says late begins nothing");
	world_done(&w);
}

static void
log_only(void)
{
	struct world w;

	world_init(&w);
	tick(&w, 1, A1);
	send(&w, logged(10, LOGGED_ROUND, 0, FRAMES));
	ok(w.begun == 1 && w.last.direction == DIRECTION_OUT && w.last.toolstack == TOOLSTACK_XAPI &&
		w.last.rounds_source == SOURCE_LOG && strcmp(w.last.uuid, UUID_A) == 0 && w.last.origin == ORIGIN_LIVE,
	    "without better sources the log begins a record");
	send(&w, logged(20, LOGGED_ROUND, 1, 500));
	send(&w, logged(20, LOGGED_ROUND, 1, 500));
	ok(w.rounds == 2 && w.last.rounds_begun == 2 && w.last.round[0].pages_dirtied == 500 &&
		w.last.round[0].frames_sent == FRAMES && w.last.round[1].pages_sent == 500 &&
		migrations_tracked(w.m, 1),
	    "and its rounds, each once");
	send(&w, logged(25, LOGGED_ROUND, 4, 90));
	ok(w.last.rounds_begun == 5 && w.last.rounds_unseen == 1 && w.last.n_rounds == 5 && w.last.round[4].n == 4 &&
		w.last.round[4].pages_sent == 90 && !w.last.round[2].seen && w.last.round[1].pages_dirtied == UNSEEN,
	    "rounds whose lines were lost are counted, not invented");
	send(&w, logged(26, LOGGED_SUSPENDED, 0, 0));
	send(&w, logged(26.5, LOGGED_SENT, 0, 0));
	ok(w.finals == 1 && w.last.final.begun && !migrations_tracked(w.m, 1) && w.ended == 0,
	    "the log tells of the suspend and of the last page");
	tick(&w, 30, A2);
	ok(w.ended == 1 && w.done.result == RESULT_COMPLETED && w.done.downtime_source == DOWNTIME_SUSPEND_TO_SENT &&
		fabs(w.done.downtime_seconds - 0.5) < 1e-5 && !w.done.tracking_left_on,
	    "the domain that is gone, that it has completed");
	world_done(&w);
}

static void
called_off(void)
{
	struct event gone = logged(13, LOGGED_EXITED, 0, 0);
	struct world w;

	world_init(&w);
	tick(&w, 1, A1);
	send(&w, logged(10, LOGGED_ROUND, 0, FRAMES));
	send(&w, logged(12, LOGGED_ABORTED, 0, 0));
	gone.result = 2;
	gone.domid = NO_DOMID;
	gone.pid = 4711; /* emu-manager's, of which no line spoke */
	send(&w, gone);
	tick(&w, 15, A1);
	ok(w.ended == 1 && w.done.result == RESULT_ABORTED && *w.done.reason && !w.done.tracking_left_on,
	    "what was called off is aborted, not failed");
	world_done(&w);
}

/* An agent that was away takes from the log what it missed. */
static void
after_restart(void)
{
	struct migration_record r;
	struct world w;

	world_init(&w);
	send(&w, logged(10, LOGGED_ROUND, 0, FRAMES));
	send(&w, logged(20, LOGGED_ROUND, 1, 500));
	record_copy(&r, &w.last);
	world_done(&w);
	world_init(&w);
	w.now = (struct tick){.mono = 30, .real = 30 + EPOCH};
	migrations_resume(w.m, &r, true, &w.now);
	migrations_covered(w.m, SOURCE_BPF, 30);
	send(&w, logged(20, LOGGED_ROUND, 1, 500));
	ok(w.rounds == 0, "what was known already is not told again");
	send(&w, logged(25, LOGGED_ROUND, 2, 120));
	send(&w, logged(27, LOGGED_ROUND, 3, 60));
	ok(w.last.rounds_begun == 4 && w.last.rounds_unseen == 0 && w.last.round[1].pages_dirtied == 120 &&
		w.last.round[2].pages_sent == 120 && w.last.round[3].pages_sent == 60,
	    "rounds of the time in which nobody watched are taken from the log");
	world_done(&w);
}

static void
names(void)
{
	struct event e = logged(10, LOGGED_NAMED, 0, 0);
	struct world w;

	world_init(&w);
	migrations_by_log(w.m);
	send(&w, logged(9, LOGGED_ROUND, 0, FRAMES));
	str_copy(e.uuid, sizeof(e.uuid), UUID_LOG);
	send(&w, e);
	ok(strcmp(w.last.uuid, UUID_LOG) == 0, "a uuid that is told late is taken over");
	for (uint32_t i = 2; i < 500; i++) {
		e.domid = i;
		send(&w, e);
	}
	migrations_log_time(w.m, 9 + 4000);
	ok(w.ended == 1 && w.done.result == RESULT_LOST, "an hour of silence: the record is lost");
	migrations_log_time(w.m, INFINITY);
	world_done(&w);
}

static void
without_direction(void)
{
	struct event e = logged(10, LOGGED_BEGUN, 0, 0);
	struct world w;

	world_init(&w);
	migrations_by_log(w.m);
	e.toolstack = TOOLSTACK_LIBVIRT;
	e.seconds = NAN;
	send(&w, e);
	ok(w.begun == 1 && w.changed == 0 && w.last.direction == DIRECTION_SAVE && isnan(w.last.started),
	    "what libvirt sends is a save from its first word on, and began nobody knows when");
	e.logged = LOGGED_FAILURE;
	str_copy(e.text, sizeof(e.text), "Save failed (28 = No space left on device): Internal error");
	send(&w, e);
	ok(w.last.direction == DIRECTION_SAVE, "a full disk proves nothing else");
	str_copy(e.text, sizeof(e.text), "Save failed (32 = Broken pipe): Internal error");
	send(&w, e);
	ok(w.last.direction == DIRECTION_OUT, "a receiver that went away proves a migration");
	world_done(&w);
}

int
main(int argc, char **argv)
{
	bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
	char template[] = "/tmp/xenscope-logged-XXXXXX";
	const char *dir = mkdtemp(template);

	(void) setenv("TZ", "UTC", 1);
	if (!dir)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(replays); i++)
		replay(dir, &replays[i], update);
	rotated(dir);
	(void) rmdir(dir);
	beside_bpf();
	log_only();
	called_off();
	after_restart();
	names();
	without_direction();
	return done_testing();
}
