/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/util.h"
#include "observe/log_line.h"
#include "tests/tap.h"

#define LATEST 1793880000.0 /* 2026-11-05 12:00 UTC: when the samples' last lines were written */
#define MAX_SAMPLE (1u << 20)

static const char *const words[] = {[LOGGED_NAMED] = "named", [LOGGED_BEGUN] = "begun", [LOGGED_ROUND] = "round",
    [LOGGED_PROGRESS] = "progress", [LOGGED_STEP] = "step", [LOGGED_STOPPING] = "stopping",
    [LOGGED_SUSPENDED] = "suspended", [LOGGED_SENT] = "sent", [LOGGED_SENDER] = "sender", [LOGGED_DONE] = "done",
    [LOGGED_FAILURE] = "failure", [LOGGED_FAILED] = "failed", [LOGGED_ABORTED] = "aborted",
    [LOGGED_EXITED] = "exited"};
static const char *const roles[] = {"unknown", "save", "live_save", "restore"};
static const char *const toolstacks[] = {"unknown", "xl", "xapi", "libvirt"};

/* What the line tells, as the golden files have it. */
static void
describe(struct strbuf *b, const struct event *e)
{
	strbuf_str(b, words[e->logged]);
	if (!isnan(e->at))
		strbuf_printf(b, " at=%.3f", e->at);
	strbuf_printf(b, " %s", toolstacks[e->toolstack]);
	if (e->domid != NO_DOMID)
		strbuf_printf(b, " domid=%u", e->domid);
	if (e->pid)
		strbuf_printf(b, " pid=%d", (int) e->pid);
	if (*e->uuid)
		strbuf_printf(b, " uuid=%s", e->uuid);
	if (e->logged == LOGGED_BEGUN)
		strbuf_printf(b, " role=%s", roles[e->role]);
	if (e->logged == LOGGED_ROUND || e->logged == LOGGED_STEP || e->logged == LOGGED_PROGRESS)
		strbuf_printf(b, " n=%u done=%llu total=%llu", e->number, (unsigned long long) e->done,
		    (unsigned long long) e->total);
	if (e->logged == LOGGED_EXITED)
		strbuf_printf(b, " status=%lld", (long long) e->result);
	if (*e->text)
		strbuf_printf(b, " text=%s", e->text);
}

/* One line of text for each line of the log: its number, and what it tells or "-". */
static char *
read_all(const char *log, size_t n)
{
	struct strbuf b = {NULL, 0, 0};
	struct log_lines l;
	unsigned number = 0;

	log_lines_init(&l, LATEST);
	for (const char *p = log, *end = log + n; p < end;) {
		const char *stop = memchr(p, '\n', (size_t) (end - p));
		struct event e;

		stop = stop ? stop : end;
		strbuf_printf(&b, "%u: ", ++number);
		if (log_line_read(&l, p, (size_t) (stop - p), &e))
			describe(&b, &e);
		else
			strbuf_str(&b, "-");
		strbuf_str(&b, "\n");
		p = stop + 1;
	}
	return b.text;
}

static void
golden(const char *name, bool update)
{
	const char *srcdir = getenv("srcdir");
	_cleanup_(freep) char *path = xasprintf("%s/tests/golden/logs/%s.log", srcdir ? srcdir : ".", name);
	_cleanup_(freep) char *expected = xasprintf("%s/tests/golden/logs/%s.expected", srcdir ? srcdir : ".", name);
	_cleanup_(freep) char *log = NULL, *want = NULL, *got = NULL;
	const char *g, *w;
	size_t n = 0;

	if (file_read(path, MAX_SAMPLE, &log, &n) < 0) {
		ok(false, "%s is there", path);
		return;
	}
	got = read_all(log, n);
	if (update) {
		_cleanup_(fclosep) FILE *f = fopen(expected, "we");

		ok(f && fputs(got, f) >= 0, "%s is written", expected);
		return;
	}
	ok(file_read(expected, MAX_SAMPLE, &want, NULL) == 0, "%s.expected is there", name);
	for (g = got, w = want ? want : ""; *g;) { /* a claim for each line */
		size_t of_g = strcspn(g, "\n"), of_w = strcspn(w, "\n");

		ok(of_g == of_w && memcmp(g, w, of_g) == 0, "%s, line %.*s", name, (int) of_g, g);
		g += of_g + (g[of_g] == '\n');
		w += of_w + (w[of_w] == '\n');
	}
	ok(*w == '\0', "%s: nothing else was expected", name);
}

static bool
stamped(const char *stamp, double latest, struct event *ret)
{
	_cleanup_(freep) char *line = xasprintf("%s h xenguest-1-emp[2]: waiting for suspend", stamp);
	struct log_lines l;

	log_lines_init(&l, latest);
	return log_line_read(&l, line, strlen(line), ret);
}

static void
stamps(void)
{
	struct event e;

	ok(stamped("Dec 31 23:59:59", 1798761600 + 5, &e) && e.at == 1798761599 && e.seconds == 1,
	    "a stamp of December in a log that ends in January is last year's");
	ok(stamped("Jan  1 00:00:01", 1798761600 + 5, &e) && e.at == 1798761601, "one of January is this year's");
	ok(stamped("Nov  6 11:00:00", LATEST, &e) && e.at == LATEST + 23 * 3600,
	    "a stamp may be up to a day after the log's last change: another time zone");
	ok(stamped("Nov  6 13:00:00", LATEST, &e) && e.at == LATEST + 25 * 3600 - 365 * 86400.0,
	    "one of later is last year's");
	ok(stamped("Feb 29 00:00:00", LATEST, &e) && e.at == 1709164800, "a leap day is the last there was");
	ok(stamped("Nov  4 09:00:00", INFINITY, &e) && e.at <= (double) time(NULL) + 86400,
	    "without a time of change a stamp lies before now");
	ok(stamped("2026-11-05T12:00:00Z", 0, &e) && e.at == LATEST && e.seconds == 1, "a stamp with its year needs none");
	ok(stamped("2026-11-05T14:00:00.25+02:00", 0, &e) && e.at == LATEST + 0.25 && e.seconds == 0.01,
	    "nor a zone, if it says one; its fraction tells how fine it is");
	ok(stamped("2026-11-05T12:00:00.5", 0, &e) && e.at == LATEST + 0.5, "without a zone it is local time");
	ok(!stamped("2026-13-05T12:00:00Z", 0, &e) && !stamped("2026-11-05T12:60:00Z", 0, &e) &&
		!stamped("Nox  5 09:00:00", LATEST, &e) && !stamped("anD 15 09:00:00", LATEST, &e) &&
		!stamped("Nov 15 09:0x:00", LATEST, &e),
	    "a stamp that is none makes no event");
}

static void
one_reader(void)
{
	static const char *const lines[] = {"Nov  5 09:00:01 h xenguest-1-emp[2]: waiting for suspend",
	    "Nov  5 09:59:02 h2 xenguest-1-emp[2]: waiting for suspend",
	    "Nov  5 10:00:03 h xenguest-1-emp[2]: waiting for suspend"};
	static const double want[] = {1793869201, 1793872742, 1793872803};
	struct log_lines l;
	struct event e;
	bool good = true;

	log_lines_init(&l, LATEST);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		good = good && log_line_read(&l, lines[i], strlen(lines[i]), &e) && e.at == want[i];
	ok(good, "what a reader keeps of a line does not change how it reads the next: hours, hosts");
}

/* Each beginning of a line: what is cut is read as less or as nothing, and nothing is read behind it. */
static void
cut(void)
{
	static const char line[] = "Nov  5 09:14:12 host-a xenguest-12-emp[4012]: libempserver:debug: replying to (0): "
				   "{ \"event\" : \"MIGRATION\", \"data\": {\"sent\": 5, \"remaining\": 6, \"iteration\": 1}}";
	struct log_lines l;
	struct event e;
	unsigned read = 0;

	log_lines_init(&l, LATEST);
	for (size_t n = 0; n < sizeof(line); n++) {
		char *part = xmalloc(n + 1);

		memcpy(part, line, n);
		part = xrealloc(part, MAX(n, 1)); /* so that a sanitizer sees a byte too many */
		read += log_line_read(&l, part, n, &e);
		free(part);
	}
	ok(read == 1, "a message that is cut off anywhere is none");
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"xenserver-daemon", "xenserver-xensource", "xl", "libvirt-libxl",
	    "xen-console", "forms"};
	bool update = argc > 1 && strcmp(argv[1], "--update") == 0;

	(void) setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		golden(names[i], update);
	stamps();
	one_reader();
	cut();
	return done_testing();
}
