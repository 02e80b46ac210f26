/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <jansson.h>
#include <stdbool.h>

#include "base/util.h"
#include "cli/terminal.h"
#include "cli/watch_view.h"
#include "tests/tap.h"

#define ROUND(n, seconds, sent, dirtied)                                                                              \
	"{\"n\":" #n ",\"started\":100,\"seconds\":" #seconds ",\"pages_sent\":" #sent ",\"pages_dirtied\":" #dirtied "}"
#define HEAD                                                                                                          \
	"\"id\":\"a\",\"name\":\"vm\\u001b[2J\",\"domid\":3,\"direction\":\"out\",\"toolstack\":\"xl\","              \
	"\"tracking_mode\":\"pml\",\"started\":100,\"rounds_begun\":2,"
#define OLD "{\"id\":\"b\",\"name\":\"old\",\"domid\":9,\"result\":\"failed\",\"reason\":\"it died\",\"started\":1,\"ended\":9}"

static const char idle[] = "{\"source\":\"live\",\"migrations\":[" OLD "]}";
static const char begun[] = "{\"source\":\"live\",\"migrations\":[{" HEAD "\"result\":\"running\",\"rounds\":[" ROUND(
    0, null, null, null) "],\"forecast\":[]}," OLD "]}";
static const char going[] = "{\"source\":\"live\",\"migrations\":[{" HEAD "\"result\":\"running\",\"rounds\":[" ROUND(
    0, 10, null, 4000) "," ROUND(1, 0.5, 4000, 1000) "," ROUND(2, null, 1000, null) "],\"forecast\":[{\"converges\":"
    "\"yes\",\"rounds\":5,\"total_seconds\":12,\"remaining_seconds\":1,\"downtime_seconds\":0.25}]}," OLD "]}";
static const char ended[] = "{\"source\":\"live\",\"migrations\":[{" HEAD "\"result\":\"completed\",\"ended\":112,"
    "\"downtime_seconds\":0.25,\"rounds\":[" ROUND(0, 10, null, 4000) "," ROUND(1, 0.5, 4000, 1000) "," ROUND(
    2, 0.2, 1000, 500) "],\"forecast\":[{\"rounds\":5}]}," OLD "]}";

static char *
page(const char *answer, struct watch_form form, const char *trouble)
{
	json_t *m = json_loads(answer, 0, NULL), *host = json_pack("{s:s}", "xen_version", "4.17.7");
	const struct watch_look look = {.host = host, .migrations = m, .trouble = trouble, .now = 111};
	struct strbuf b = {NULL, 0, 0};

	watch_page(&b, &look, &form);
	json_decref(m);
	json_decref(host);
	return b.text;
}

static char *
lines(const char *answer, const char *before)
{
	json_t *m = json_loads(answer, 0, NULL), *was = before ? json_loads(before, 0, NULL) : NULL;
	struct strbuf b = {NULL, 0, 0};

	strbuf_str(&b, "");
	watch_lines(&b, m, was, 111);
	json_decref(m);
	json_decref(was);
	return b.text;
}

/* It fits, and its lines end. */
static bool
fits(const char *page, unsigned columns, unsigned rows)
{
	unsigned n = 0;

	for (; *page; page += strcspn(page, "\n") + 1, n++) {
		_cleanup_(freep) char *line = xasprintf("%.*s", (int) strcspn(page, "\n"), page);

		if (characters(line) > columns || !strchr(page, '\n'))
			return false;
	}
	return n <= rows;
}

static void
test_page(void)
{
	const struct watch_form plain = {.columns = 80, .rows = 24};
	struct watch_form blocks = plain, coloured = plain;
	char *p = page(going, plain, NULL);

	ok(strstr(p, "1 under way  Xen 4.17.7  PML unknown") && strstr(p, "vm\\x1b[2J (domain 3)  out by xl, tracking pml, 11 s\n"),
	    "what is under way is told, harmless");
	ok(strstr(p, "     0   10.00 s") == NULL && strstr(p, "     0      10 s               -      4000      400 ##########") &&
		strstr(p, "     1    0.50 s            4000      1000     2000 #######\n"),
	    "with a bar for each round, all on one scale");
	ok(strstr(p, "     2      11 s            1000         -        - under way\n"), "and the round that goes on");
	ok(strstr(p, "Dirties     2000 pages/s (7.8 MiB/s), 25 % of 8000 sent (31.2 MiB/s)\n"), "the rates");
	ok(strstr(p, "Forecast    converging: 5 rounds, 12 s in all, 1 s left, 0.25 s down\n"), "and the forecast");
	ok(strstr(p, "old (domain 9)") && strstr(p, "it died") && !strchr(p, '\033') && fits(p, 80, 24), "then what has ended");
	free(p);
	blocks.blocks = true;
	p = page(going, blocks, NULL);
	ok(strstr(p, "███████▎\n"), "blocks are finer");
	free(p);
	coloured.colours = true;
	p = page(going, coloured, "no agent answers");
	ok(strstr(p, "\033[32mForecast") && strstr(p, "\033[31mSTALE: no agent answers\033[0m\n"), "colours and trouble are told");
	free(p);
	p = page(begun, plain, NULL);
	ok(strstr(p, "Forecast    after round 1\n") && !strstr(p, "Dirties"), "before a round has ended nothing is made up");
	free(p);
	p = page(ended, plain, NULL);
	ok(strstr(p, "No migration is under way. The last one:\nvm") && strstr(p, "Ended       completed after 12 s, 2 rounds, 0.25 s down\n"),
	    "the last one stays");
	free(p);
	p = page("{}", plain, NULL);
	ok(strstr(p, "No migration is under way.\n"), "or there is none");
	free(p);
}

static void
test_sizes(void)
{
	unsigned bad = 0;

	for (unsigned columns = 1; columns < 130; columns += 3)
		for (unsigned rows = 1; rows < 30; rows++) {
			char *p = page(going, (struct watch_form){.columns = columns, .rows = rows, .blocks = true}, NULL);

			bad += !fits(p, columns, rows) || !*p;
			free(p);
		}
	ok(bad == 0, "a page fits each terminal");
}

static void
test_lines(void)
{
	char *l = lines(idle, NULL);

	ok(strstr(l, "xenscope: no migration is under way, waiting\n") && !strstr(l, "old"), "a pipe is told that it waits");
	free(l);
	l = lines(begun, idle);
	ok(strstr(l, " vm\\x1b[2J (domain 3): out by xl begins, tracking pml\n") && !strstr(l, "round"), "then of a beginning");
	free(l);
	l = lines(going, begun);
	ok(strstr(l, "round 0: 10.00 s, - sent, 4000 pages dirtied, 400 per s\n") && strstr(l, "round 1: 0.50 s, 4000 pages sent") &&
		strstr(l, "forecast: converging: 5 rounds") && !strstr(l, "begins") && !strstr(l, "round 2"),
	    "of rounds that have ended, and the forecast");
	free(l);
	l = lines(going, going);
	ok(strcmp(l, "") == 0, "nothing twice");
	free(l);
	l = lines(ended, going);
	ok(strstr(l, "round 2: 0.20 s") && strstr(l, ": completed after 12 s, 2 rounds, 0.25 s down\n") && !strstr(l, "forecast"),
	    "and of the end");
	free(l);
	l = lines(ended, ended);
	ok(strcmp(l, "") == 0, "once");
	free(l);
	l = lines(ended, idle);
	ok(strstr(l, "begins") && strstr(l, "completed"), "one that came and went between two looks is told whole");
	free(l);
}

int
main(void)
{
	test_page();
	test_sizes();
	test_lines();
	return done_testing();
}
