/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <inttypes.h>
#include <math.h>

#include "base/util.h"
#include "observe/uprobe_text.h"
#include "tests/tap.h"

#define MAX_SEEN 64

struct seen {
	struct event e[MAX_SEEN];
	size_t n;
};

static void
collect(void *arg, const struct event *e)
{
	struct seen *s = arg;

	if (s->n < MAX_SEEN)
		s->e[s->n] = *e;
	s->n++;
}

/* trace_pipe of kernel 6.1 during a migration, most steps left out. */
static const char migration[] =
    " libxl-save-help-265     [000] DNZff    41.293063: single: (0x7f4d570959f0) text=\"Start of "
    "stream\"\n"
    " libxl-save-help-265     [000] DNZff    41.294445: shadow: (0x7f4d5708b6f0) dom=1 sop=2\n"
    " libxl-save-help-265     [000] DNZff    41.294546: shadow_ret: (0x7f4d570c7d14 <- "
    "0x7f4d5708b6f0) ret=0\n"
    " libxl-save-help-265     [000] DNZff    41.294566: prefix: (0x7f4d570959e0) text=\"Frames "
    "iteration 0\"\n"
    " libxl-save-help-265     [000] DNZff    41.301882: step: (0x7f4d57095a30) done=16384 "
    "total=1044480\n"
    " libxl-save-help-265     [000] DNZff    51.090307: logdirty: (0x7f4d5708b870) dom=1 sop=11 "
    "pages=1044480 mode=0\n"
    " libxl-save-help-265     [000] DNZff    51.092448: logdirty_ret: (0x7f4d570c7f5b <- "
    "0x7f4d5708b870) ret=1044480 "
    "fault=0 dirty=4262\n"
    " libxl-save-help-265     [000] DNZff    51.092469: prefix: (0x7f4d570959e0) text=\"Frames "
    "iteration 1\"\n"
    " libxl-save-help-265     [000] DNZff    52.172235: prefix: (0x7f4d570959e0) text=(fault)\n"
    " libxl-save-help-265     [000] DNZff    52.210828: single: (0x7f4d570959f0) text=\"Domain now "
    "suspended\"\n"
    " libxl-save-help-265     [000] DNZff    52.210889: logdirty: (0x7f4d5708b870) dom=1 sop=11 "
    "pages=1044480 mode=1\n"
    " libxl-save-help-265     [000] DNZff    52.211129: logdirty_ret: (0x7f4d570c7f5b <- "
    "0x7f4d5708b870) ret=1044480 "
    "fault=0 dirty=517\n"
    " libxl-save-help-265     [000] DNZff    52.386268: single: (0x7f4d570959f0) text=\"End of "
    "stream\"\n"
    " libxl-save-help-265     [000] DNZff    52.413792: single: (0x7f4d570959f0) "
    "text=\"Complete\"\n"
    " libxl-save-help-265     [000] DNZff    52.414030: shadow: (0x7f4d5708b6f0) dom=1 sop=0\n"
    " libxl-save-help-265     [000] DNZff    52.414179: shadow_ret: (0x7f4d570c7d14 <- "
    "0x7f4d5708b6f0) ret=0\n";

static uint64_t
feed(const char *text, size_t n, size_t piece, struct seen *s)
{
	struct uprobe_text *u = uprobe_text_new();
	uint64_t lost;

	s->n = 0;
	for (size_t at = 0; at < n; at += piece)
		uprobe_text_feed(u, text + at, MIN(piece, n - at), collect, s);
	lost = uprobe_text_lost(u);
	uprobe_text_free(u);
	return lost;
}

static uint64_t
feed_text(const char *text, struct seen *s)
{
	return feed(text, strlen(text), 4096, s);
}

static size_t
count(const char *text)
{
	struct seen s;

	(void) feed_text(text, &s);
	return s.n;
}

static int
is_op(const struct event *e, uint32_t op, uint32_t mode, uint32_t dirty)
{
	return e->kind == EVENT_SHADOW_OP && e->source == SOURCE_UPROBE && e->pid == 265 &&
	       e->domid == 1 && e->op == op && e->mode == mode && e->result == 0 &&
	       e->dirty == dirty;
}

static void
test_migration(void)
{
	struct seen s, cut;
	const struct event *e = s.e;
	unsigned different = 0;

	ok(feed_text(migration, &s) == 0 && s.n == 11,
	    "a migration makes 11 events (%u), none lost", (unsigned) s.n);
	ok(e[0].kind == EVENT_STAGE && e[0].stage == STAGE_START_OF_STREAM &&
		fabs(e[0].at - 41.293063) < 1e-9 && strcmp(e[0].comm, "libxl-save-help") == 0 &&
		isnan(e[0].seconds),
	    "the stream starts, at its time");
	ok(is_op(&e[1], SHADOW_OP_ENABLE_LOGDIRTY, 0, 0) && fabs(e[1].at - 41.294546) < 1e-9 &&
		fabs(e[1].seconds - 0.000101) < 1e-9,
	    "log-dirty is switched on, at the time of the return");
	ok(e[2].kind == EVENT_ROUND_NAMED && e[2].number == 0 && e[2].pid == 265, "round 0 begins");
	ok(e[3].kind == EVENT_STEP && e[3].done == 16384 && e[3].total == 1044480, "and goes on");
	ok(is_op(&e[4], SHADOW_OP_CLEAN, 0, 4262) && e[4].pages == 1044480 &&
		fabs(e[4].seconds - 0.002141) < 1e-9,
	    "a harvest finds 4262 pages in 2 ms");
	ok(e[5].kind == EVENT_ROUND_NAMED && e[5].number == 1,
	    "round 1 begins; its end without a text says nothing");
	ok(e[6].kind == EVENT_STAGE && e[6].stage == STAGE_SUSPENDED, "the guest is suspended");
	ok(is_op(&e[7], SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 517), "the last harvest is final");
	ok(e[8].stage == STAGE_END_OF_STREAM && e[9].stage == STAGE_COMPLETE, "the stream ends");
	ok(is_op(&e[10], SHADOW_OP_OFF, 0, 0) && e[10].pages == 0, "log-dirty is switched off");
	for (size_t piece = 1; piece < 600; piece += piece < 40 ? 1 : 97) {
		(void) feed(migration, strlen(migration), piece, &cut);
		different += cut.n != s.n || memcmp(cut.e, s.e, s.n * sizeof(*s.e)) != 0;
	}
	ok(different == 0, "wherever the lines are cut, the events are the same");
}

static void
test_kernels(void)
{
	struct seen s;
	static const char old[] =
	    "        xenguest-12345 [001] ....  1234.567890: step: (0x7f01) done=0 total=4262\n";
	static const char tgid[] = "        xenguest-12345   (  12340) [011] d..21 1234.567890: "
				   "step: (0x7f01) done=0 total=7\n";
	static const char none[] =
	    "        xenguest-12345 [001]  1234.567890: step: (0x7f01) done=0 total=8\n";
	static const char unknown[] =
	    "           <...>-12345   [001] .....  1234.567890: step: (0x7f01) done=0 total=9\n";

	ok(feed_text(old, &s) == 0 && s.n == 1 && s.e[0].total == 4262 && s.e[0].pid == 12345 &&
		strcmp(s.e[0].comm, "xenguest") == 0,
	    "kernel 4.19 has narrower columns");
	ok(feed_text(tgid, &s) == 0 && s.n == 1 && s.e[0].total == 7,
	    "the option print-tgid adds one");
	ok(feed_text(none, &s) == 0 && s.n == 1 && s.e[0].total == 8,
	    "the flags may be switched off");
	ok(feed_text(unknown, &s) == 0 && s.n == 1 && strcmp(s.e[0].comm, "<...>") == 0,
	    "a process may have no name");
}

#define LINE(fields) " libxl-save-help-265     [000] DNZff    41.293063: " fields "\n"
#define LINE_OF(pid, time, fields)                                                                 \
	" libxl-save-help-" pid "     [000] DNZff    " time ": " fields "\n"

static void
test_calls(void)
{
	struct uprobe_text *u = uprobe_text_new();
	struct seen s = {.n = 0};
	char line[256];

	ok(count(LINE("shadow_ret: (0x1 <- 0x2) ret=0")) == 0,
	    "a return without its entry is no operation");
	ok(count(LINE("shadow: (0x1) dom=1 sop=2") LINE("shadow: (0x1) dom=1 sop=0") LINE(
	       "shadow_ret: (0x1 <- 0x2) ret=0") LINE("shadow_ret: (0x1 <- 0x2) ret=0")) == 1,
	    "an entry whose return was not seen is forgotten");
	(void) feed_text(
	    LINE_OF("7", "1.000000", "logdirty: (0x1) dom=3 sop=11 pages=10 mode=0")
		LINE_OF("8", "1.500000", "logdirty: (0x1) dom=4 sop=11 pages=10 mode=1")
		    LINE_OF("7", "2.000000", "logdirty_ret: (0x1 <- 0x2) ret=10 dirty=30")
			LINE_OF("8", "2.250000", "logdirty_ret: (0x1 <- 0x2) ret=-1 dirty=0"),
	    &s);
	ok(s.n == 2 && s.e[0].domid == 3 && s.e[0].dirty == 30 && s.e[0].seconds == 1.0 &&
		s.e[1].domid == 4 && s.e[1].result == -1 && s.e[1].pages == 0 &&
		s.e[1].seconds == 0.75,
	    "two migrations are told apart, a failure from success");
	(void) feed_text(LINE_OF("7", "2.000000", "shadow: (0x1) dom=3 sop=0")
			     LINE_OF("7", "1.000000", "shadow_ret: (0x1 <- 0x2) ret=0"),
	    &s);
	ok(s.n == 1 && isnan(s.e[0].seconds), "a time that runs backwards is no duration");
	ok(count(LINE("logdirty: (0x1) dom=1 sop=11 pages=1 mode=0")
		   LINE("logdirty_ret: (0x1 <- 0x2) ret=1 dirty=(fault)")) == 0,
	    "a harvest whose count could not be read is none");
	s.n = 0;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(line, sizeof(line),
		    " libxl-save-help-%u     [000] DNZff    1.000000: shadow: (0x1) dom=%u sop=0\n",
		    i + 1, i);
		uprobe_text_feed(u, line, strlen(line), collect, &s);
	}
	for (unsigned i = 0; i < 200; i++) {
		snprintf(line, sizeof(line),
		    " libxl-save-help-%u     [000] DNZff    1.000000: shadow_ret: (0x1 <- 0x2) "
		    "ret=0\n",
		    i + 1);
		uprobe_text_feed(u, line, strlen(line), collect, &s);
	}
	ok(s.n == 64 && s.e[63].domid == 199, "of very many calls under way the last are kept");
	uprobe_text_free(u);
}

static void
test_lost(void)
{
	static const char lost[] =
	    "CPU:0 [LOST 123 EVENTS]\nCPU:11 [LOST EVENTS]\nCPU:0 [FOUND 5 EVENTS]\n";
	struct seen s;

	ok(feed(lost, strlen(lost), 7, &s) == 124 && s.n == 0,
	    "events that the kernel lost are counted");
}

static void
test_hostile(void)
{
	static const char *const lines[] = {
	    "\n",
	    "\n\n \n",
	    "x\n",
	    "                -\n",
	    "                -1\n",
	    "                -1 [\n",
	    "                -1 [0]\n",
	    "                -1 [0] .... \n",
	    "                -1 [0] .... 1\n",
	    "                -1 [0] .... 1.5:\n",
	    "                -1 [0] .... 1.5: step\n",
	    "                -1 [0] .... 1.5: step: (\n",
	    "                -1 [0] .... 1.9999999: step: (0x1) done=0 total=0\n",
	    "                -99999999999 [0] .... 1.5: step: (0x1) done=0 total=0\n",
	    "                -1 [0] .... 99999999999.5: step: (0x1) done=0 total=0\n",
	    "libxl-save-help-265     [000] DNZff    41.293063: step: (0x1) done=0 "
	    "total=1\n", /* not
			    at
			    column
			    16
			  */
	    LINE("step: (0x1) done=0"),
	    LINE("step: (0x1) done=x total=1"),
	    LINE("step: (0x1) done=1x total=1"),
	    LINE("step: (0x1) done=99999999999999999999 total=1"),
	    LINE("step: (0x1)done=0 total=1"),
	    LINE("stop: (0x1) done=0 total=1"),
	    LINE("shadow: (0x1) dom=99999999999 sop=0") LINE("shadow_ret: (0x1 <- 0x2) ret=0"),
	    LINE("shadow: (0x1) dom=0") LINE("shadow_ret: (0x1 <- 0x2) ret=0"),
	    LINE("shadow: (0x1) dom=0 sop=0") LINE("shadow_ret: (0x1 <- 0x2)"),
	    LINE("prefix: (0x1) text=\"Frames\""),
	    LINE("prefix: (0x1) text=\"Frames iteration \""),
	    LINE("prefix: (0x1) text=\"Frames iteration -1\""),
	    LINE("prefix: (0x1) text=\"Frames iteration 1x\""),
	    LINE("prefix: (0x1) text=\"Frames iteration 99999999999\""),
	    LINE("prefix: (0x1) text=\"Frames iteration 1"),
	    LINE("prefix: (0x1) text=\""),
	    LINE("prefix: (0x1)"),
	    LINE("single: (0x1) text=(fault)"),
	};
	struct seen s;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (count(lines[i]) != 0)
			ok(0, "not an event: %s", lines[i]);
	ok(count(LINE("single: (0x1) text=\"Something else\"")) == 1,
	    "a stage of another name is another stage");
	ok(feed("\0\n" LINE("step: (0x1) done=0 total=1"),
	       2 + strlen(LINE("step: (0x1) done=0 total=1")), 4096, &s) == 0 &&
		s.n == 1,
	    "a line with a NUL does not harm the next");
}

static void
test_long(void)
{
	static const char good[] = LINE("step: (0x1) done=0 total=1");
	struct uprobe_text *u = uprobe_text_new();
	struct seen s = {.n = 0};

	for (size_t i = 0; i < 100000; i++)
		uprobe_text_feed(u, "abcdefghij", 10, collect, &s);
	uprobe_text_feed(u, "\n", 1, collect, &s);
	uprobe_text_feed(u, good, strlen(good), collect, &s);
	ok(s.n == 1 && s.e[0].kind == EVENT_STEP,
	    "a line without end is passed over, and the next is read");
	uprobe_text_free(u);
}

/* Bytes of a real text changed at random, always the same ones; the sanitizers watch. */
static void
test_mutations(void)
{
	uint32_t state = 1;
	unsigned bad = 0;

	for (unsigned run = 0; run < 2000; run++) {
		_cleanup_(freep) char *text = xstrdup(migration);
		struct seen s;

		for (unsigned i = 0; i < 1 + run % 40; i++) {
			static const char interesting[] = "\n\0 -:.([\"=<9\xff";

			state = state * 1664525 + 1013904223;
			text[(state >> 8) % (sizeof(migration) - 1)] =
			    interesting[(state >> 4) % (sizeof(interesting) - 1)];
		}
		(void) feed(text, sizeof(migration) - 1, 1 + run % 100, &s);
		for (size_t i = 0; i < MIN(s.n, MAX_SEEN); i++)
			bad += strlen(s.e[i].comm) >= sizeof(s.e[i].comm) ||
			       s.e[i].source != SOURCE_UPROBE;
	}
	ok(bad == 0, "damaged lines give no damaged event");
}

int
main(void)
{
	test_migration();
	test_kernels();
	test_calls();
	test_lost();
	test_hostile();
	test_long();
	test_mutations();
	return done_testing();
}
