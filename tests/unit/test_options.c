/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>

#include "base/strbuf.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/csv_tables.h"
#include "cli/history.h"
#include "cli/options.h"
#include "cli/query.h"
#include "cli/table.h"
#include "tests/tap.h"

static char said[256];

/* What a command line comes to: -1 to run it; what is complained of goes into said, the rest nowhere. */
static int
parse(struct options *o, const char *a, const char *b, const char *c, const char *d)
{
	char *argv[] = {(char *) "xenscope", (char *) a, (char *) b, (char *) c, (char *) d, NULL};
	int argc = 1 + !!a + !!b + !!c + !!d, err = dup(STDERR_FILENO), out = dup(STDOUT_FILENO), r;
	_cleanup_(fclosep) FILE *f = tmpfile();
	ssize_t n;

	(void) fflush(NULL);
	if (!f || dup2(fileno(f), STDERR_FILENO) < 0 || !freopen("/dev/null", "w", stdout))
		abort();
	r = options_parse(argc, argv, o);
	(void) fflush(NULL);
	(void) dup2(err, STDERR_FILENO);
	(void) dup2(out, STDOUT_FILENO);
	(void) close(err);
	(void) close(out);
	n = pread(fileno(f), said, sizeof(said) - 1, 0);
	said[MAX(n, 0)] = '\0';
	return r;
}

static void
test_parse(void)
{
	struct options o;

	ok(parse(&o, "history", "m", "--csv", "vm") == -1 && o.command == COMMAND_history && o.value[OPT_csv] &&
		strcmp(o.argument[0], "m") == 0 && strcmp(o.argument[1], "vm") == 0,
	    "options may stand between arguments");
	options_done(&o);
	ok(parse(&o, "migrations", "--log", "a", "b") == -1 && o.n_logs == 2 && strcmp(o.log[1], "b") == 0 && !o.argument[0],
	    "--log takes all names that follow");
	options_done(&o);
	ok(parse(&o, "record", "-o", "f", NULL) == -1 && strcmp(o.value[OPT_output], "f") == 0, "-o is --output");
	options_done(&o);
	ok(parse(&o, "status", "--limit=1", NULL, NULL) == EXIT_USAGE && parse(&o, "domains", "--csv", "--json", NULL) == EXIT_USAGE,
	    "what a command does not take is refused");
	ok(parse(&o, "advice", NULL, NULL, NULL) == EXIT_USAGE && parse(&o, "history", "a", "b", "c") == EXIT_USAGE,
	    "and too few or too many arguments");
	ok(parse(&o, "probe", "vm", "--host=https://b:9966", NULL) == EXIT_USAGE &&
		parse(&o, "probe", "vm", "--url=http://127.0.0.1:1", NULL) == EXIT_USAGE &&
		parse(&o, "untrack", "vm", "--host=https://b:9966", NULL) == EXIT_USAGE &&
		strstr(said, "--host is not for untrack"),
	    "a guest of another host is not probed, nor the local one of its name");
	ok(parse(&o, "watch", "--frobnicate", NULL, NULL) == EXIT_USAGE && strstr(said, "See xenscope help watch\n"),
	    "an option that is none: the command's help has them");
	ok(parse(&o, "--frobnicate", "watch", NULL, NULL) == EXIT_USAGE && strstr(said, "See xenscope help\n"),
	    "or the help of all");
	ok(parse(&o, "watch", "--help", NULL, NULL) == EXIT_OK && parse(&o, "--help", NULL, NULL, NULL) == EXIT_OK &&
		parse(&o, "--version", NULL, NULL, NULL) == EXIT_OK && parse(&o, NULL, NULL, NULL, NULL) == EXIT_USAGE,
	    "help is help");
}

static void
test_tables_of_options(void)
{
	char *out = NULL;
	unsigned bad = 0;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	for (size_t i = 0; i < OPT_COUNT; i++)
		for (size_t k = 0; k < i; k++)
			bad += strcmp(option_table[i].name, option_table[k].name) == 0;
	ok(bad == 0, "no option is there twice");
	for (enum command_id id = 0; id < COMMAND_COUNT; id++)
		if (option_table[OPT_csv].commands & UINT32_C(1) << id)
			bad += !csv_of(id)->column || !csv_of(id)->rows;
	ok(bad == 0, "each command that takes --csv has its columns");
	ok(print_completion("bash", f) == 0 && print_completion("zsh", f) == 0 && print_completion("fish", f) == -EINVAL,
	    "two shells are known");
	fclose(f);
	ok(strstr(out, "--export) words='jsonl csv'") && strstr(out, "'--export=[") && strstr(out, "_files"),
	    "they get words and files");
	free(out);
}

static char *
csv(const struct csv *c, const char *answer)
{
	json_t *a = json_loads(answer, 0, NULL);
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	csv_answer(c, a, f);
	fclose(f);
	json_decref(a);
	return out;
}

static void
test_csv(void)
{
	static const char *const columns[] = {"a", "in.b", "c", NULL}, *const named[] = {"#", "a", NULL};
	const struct csv flat = {"list", columns}, deep = {"list/more", columns}, object = {"list", named},
			 within = {"list/more", named};
	char *out = csv(&flat, "{\"list\":[{\"a\":\"x,\\\"y\\\"\\n\",\"in\":{\"b\":1.5},\"c\":true},{\"a\":null,\"in\":7}],\"c\":2}");

	ok(strcmp(out, "a,in.b,c\n\"x,\"\"y\"\"\n\",1.5,true\n,,2\n") == 0,
	    "CSV quotes, goes into members, and takes from the answer what a row has not");
	free(out);
	out = csv(&deep, "{\"list\":[{\"c\":1,\"more\":[{\"a\":1},{\"a\":2}]},{\"c\":2,\"more\":[{\"a\":\"=3\"}]},5]}");
	ok(strcmp(out, "a,in.b,c\n1,,1\n2,,1\n'=3,,2\n") == 0, "lists of lists are rows with what they are in");
	free(out);
	out = csv(&object, "{\"list\":{\"smap\":{\"a\":1},\"smep\":{\"a\":2}}}");
	ok(strcmp(out, "name,a\nsmap,1\nsmep,2\n") == 0, "an object's rows have names");
	free(out);
	out = csv(&within, "{\"list\":{\"more\":[{\"a\":1}]}}");
	ok(strcmp(out, "name,a\n,1\n") == 0, "a list may be in an object");
	free(out);
	out = csv(&flat, "{\"list\":7}");
	ok(strcmp(out, "a,in.b,c\n") == 0, "whatever an answer lacks");
	free(out);
}

static char *
table(unsigned width)
{
	static const char *const titles[] = {"!RESULT", "~NAME", "?ID", "+NOTE", NULL};
	struct table *t = table_new(titles);
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	table_cell(t, "failed");
	table_cell(t, "a name that is long");
	table_cell(t, "20260101");
	table_cell(t, "the helper died in the midst of it");
	table_print(t, width, f);
	fclose(f);
	table_free(t);
	return out;
}

static void
test_table(void)
{
	static const struct {
		unsigned width;
		const char *out, *what;
	} rows[] = {
	    {0, "RESULT  NAME                 ID        NOTE\n"
		"failed  a name that is long  20260101  the helper died in the midst of it\n",
		"a table that fits is one line a row"},
	    {60, "RESULT  NAME                 ID        NOTE\n"
		 "failed  a name that is long  20260101  the helper died in\n"
		 "                                       the midst of it\n",
		"a text goes on beside the others"},
	    {40, "RESULT  NAME                 ID\n"
		 "failed  a name that is long  20260101\n"
		 "    the helper died in the midst of it\n",
		"or below them"},
	    {30, "RESULT  NAME\n"
		 "failed  a name that is long\n"
		 "    the helper died in the\n"
		 "    midst of it\n",
		"then what matters less is left out"},
	    {20, "RESULT  NAME\n"
		 "failed  a name that~\n"
		 "    the helper died\n"
		 "    in the midst of\n"
		 "    it\n",
		"then names are cut"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *out = table(rows[i].width);

		ok(strcmp(out, rows[i].out) == 0, "%s", rows[i].what);
		free(out);
	}
}

static void
test_history(void)
{
	static const char one[] = "{\"start\":100,\"step\":60,\"columns\":[{\"metric\":\"xenscope_host_free_bytes\","
				  "\"unit\":\"bytes\",\"values\":[null,1073741824]}]}";
	static const char two[] = "{\"start\":100,\"step\":60,\"columns\":[{\"metric\":\"a\",\"per_second\":true,\"values\":"
				  "[1.5,2]},{\"metric\":\"b\\u001b\",\"unit\":\"ratio\",\"values\":[0.25]}]}";
	const char *const answers[] = {one, two};
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);
	struct strbuf path = {NULL, 0, 0};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		json_t *a = json_loads(answers[i], 0, NULL);

		show_history(a, 80, f);
		history_csv(a, f);
		json_decref(a);
	}
	fclose(f);
	ok(strstr(out, "  host_free_bytes\n") && strstr(out, "               -\n") && strstr(out, "      1.0 GiB\n"),
	    "a metric is a column of values with their unit");
	ok(strstr(out, "time,xenscope_host_free_bytes\n100,\n160,1073741824\n"), "as CSV whole");
	ok(strstr(out, "1.500/s  25.00 %\n") && strstr(out, "      2/s        -\n") && strstr(out, "b\\x1b"),
	    "several are several, harmless, each with its own values");
	free(out);
	add_parameter(&path, "a", "x&y=\xc3\xa9");
	add_parameter(&path, "b", "1");
	ok(strcmp(path.text, "?a=x%26y%3D%C3%A9&b=1") == 0, "what is asked for is escaped");
	strbuf_done(&path);
}

int
main(void)
{
	test_parse();
	test_tables_of_options();
	test_csv();
	test_table();
	test_history();
	return done_testing();
}
