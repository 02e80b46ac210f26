/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include "base/file.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/graph.h"
#include "tests/tap.h"

/* xenscope graph, with answers made up here. */

static const char *body;	/* that the agent gives, NULL: an error */
static char asked[256];		/* the last path */
static char *out;

static int
give(void *arg, const char *path, json_t **ret)
{
	(void) arg;
	str_copy(asked, sizeof(asked), path);
	*ret = body ? json_loads(body, 0, NULL) : NULL;
	return *ret ? EXIT_OK : EXIT_ANSWER;
}

static int
give_picture(void *arg, const char *path, char **ret_body, size_t *ret_n)
{
	(void) arg;
	str_copy(asked, sizeof(asked), path);
	if (!body)
		return EXIT_ANSWER;
	*ret_body = xstrdup(body);
	*ret_n = strlen(body);
	return EXIT_OK;
}

static struct graph_options
options(const char *metric)
{
	return (struct graph_options){.metric = metric, .blocks = true, .ask = give, .fetch = give_picture};
}

/* The exit status; what it printed is in out. */
static int
run(const struct graph_options *o)
{
	size_t n;
	FILE *f;
	int status;

	free(out);
	f = open_memstream(&out, &n);
	status = graph_command(o, f);
	(void) fclose(f);
	return status;
}

static void
test_blocks(void)
{
	struct graph_options o = options("a");

	body = "{\"source\":\"live\",\"start\":0,\"step\":5,\"columns\":[{\"metric\":\"a\",\"unit\":\"bytes\","
	       "\"per_second\":false,\"values\":[0,1024,null,2048,512]}]}";
	ok(run(&o) == EXIT_OK && strstr(out, "\xe2\x96\x81\xe2\x96\x85 \xe2\x96\x88\xe2\x96\x83\n"),
	    "0 is the lowest block, the highest value the highest, what is unknown none");
	ok(strstr(out, "a, bytes\n") && strstr(out, "last 512, mean 896, least 0, most 2 Ki\n") &&
		strstr(out, "a block is 5 s"),
	    "name, unit and figures are told");
	ok(strcmp(asked, "/api/v1/history?metric=a&points=72") == 0, "as many points as there are blocks: %s", asked);
	o.blocks = false;
	ok(run(&o) == EXIT_OK && strstr(out, "\n.+ @-\n"), "where the terminal has no blocks it is signs");
	o.blocks = true;
	body = "{\"source\":\"replay\",\"start\":0,\"step\":60,\"columns\":[{\"metric\":\"a\",\"unit\":null,"
	       "\"per_second\":true,\"values\":[1500,0]},{\"metric\":\"\\u001b[2J\",\"unit\":\"seconds\",\"per_second\":true,"
	       "\"values\":[null,null]}]}";
	o.uuid = "x&y";
	o.since = "-60";
	o.until = "2026-11-03T12:00:00+01:00";
	ok(run(&o) == EXIT_OK && strstr(out, "REPLAY") && strstr(out, "a, per second\n") && strstr(out, "most 1.5 k\n"),
	    "each of several metrics has its line");
	ok(strstr(out, "\\x1b[2J, seconds per second\nno values\n"), "without any value that is said, and no text plays");
	ok(strcmp(asked, "/api/v1/history?metric=a&uuid=x%26y&start=-60&end=2026-11-03T12%3A00%3A00%2B01%3A00&points=72") == 0,
	    "parameters are escaped: %s", asked);
	body = "{\"columns\":[{\"metric\":\"a\",\"values\":[0,0,-1]}]}";
	ok(run(&o) == EXIT_OK && strstr(out, "\xe2\x96\x81\xe2\x96\x81\xe2\x96\x81\n"), "nothing but zeros is a flat line");
	o.json = true;
	ok(run(&o) == EXIT_OK && strstr(out, "\"metric\": \"a\""), "with --json it is the answer itself");
	o.json = false;
	body = "{}";
	ok(run(&o) == EXIT_OK && strstr(out, "a block is"), "an answer without members is no crash");
	body = NULL;
	ok(run(&o) == EXIT_ANSWER && !*out, "an error is one");
}

static void
test_file(void)
{
	char dir[] = "/tmp/xenscope-cli-graph-XXXXXX", *text = NULL;
	struct graph_options o = options("a,b");

	if (!mkdtemp(dir) || chdir(dir) < 0)
		abort();
	body = "picture";
	o.output = "x.png";
	ok(run(&o) == EXIT_OK && !*out && strcmp(asked, "/graph/history.png?metric=a%2Cb") == 0, "a PNG is asked for: %s",
	    asked);
	ok(file_read("x.png", 100, &text, NULL) == 0 && strcmp(text, "picture") == 0, "and put into the file");
	free(text);
	o.output = "x.svg";
	ok(run(&o) == EXIT_OK && strcmp(asked, "/graph/history.svg?metric=a%2Cb") == 0, "an SVG likewise");
	o.output = "x.gif";
	ok(run(&o) == EXIT_USAGE, "no other form");
	o.output = "nowhere/x.png";
	ok(run(&o) == EXIT_ANSWER, "a file that cannot be made is said");
	if (access("/dev/full", W_OK) == 0 && symlink("/dev/full", "full.png") == 0) {
		o.output = "full.png";
		ok(run(&o) == EXIT_ANSWER && access("full.png", F_OK) < 0, "nor is half a picture left over");
	}
	body = NULL;
	(void) unlink("x.png");
	o.output = "x.png";
	ok(run(&o) == EXIT_ANSWER && access("x.png", F_OK) < 0, "where the agent has none no file is made");
	(void) unlink("x.svg");
	if (chdir("/") == 0)
		(void) rmdir(dir);
}

int
main(void)
{
	test_blocks();
	test_file();
	free(out);
	return done_testing();
}
