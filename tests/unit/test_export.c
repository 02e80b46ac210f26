/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/migrations.h"
#include "tests/tap.h"

static const char *const pages[] = {
    "{\"migrations\":[{\"id\":\"a\",\"name\":\"x\",\"rounds\":[{\"n\":0}]},{\"id\":\"b\"}],\"next\":\"700\"}",
    "{\"migrations\":[{\"id\":\"c\"}],\"next\":\"50\"}",
    "{\"migrations\":[],\"next\":null}"};

/* The agent's part: its pages, and what it was asked. */
struct agent {
	size_t n, fail_at; /* fail_at: from 1, 0 never */
	char asked[1024];
};

static int
ask(void *arg, const char *path, json_t **ret)
{
	struct agent *a = arg;
	size_t n = strlen(a->asked);

	(void) snprintf(a->asked + n, sizeof(a->asked) - n, "%s\n", path);
	if (++a->n == a->fail_at)
		return EXIT_ANSWER;
	*ret = json_loads(pages[MIN(a->n, ARRAY_SIZE(pages)) - 1], 0, NULL);
	return EXIT_OK;
}

/* What the command wrote; the caller frees it. */
static char *
run(const struct migrations_options *o, int *ret_status)
{
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	*ret_status = migrations_command(o, f);
	(void) fclose(f);
	return out;
}

static void
test_pages(void)
{
	struct agent a = {.n = 0};
	struct migrations_options o = {.form = EXPORT_JSONL, .ask = ask, .arg = &a};
	int status;
	char *out = run(&o, &status);

	ok(status == EXIT_OK && strcmp(out, "{\"id\":\"a\",\"name\":\"x\",\"rounds\":[{\"n\":0}]}\n{\"id\":\"b\"}\n"
	    "{\"id\":\"c\"}\n") == 0, "JSON lines are the records of all pages");
	ok(strcmp(a.asked, "/api/v1/migrations?limit=1000\n/api/v1/migrations?limit=1000&cursor=700\n"
	    "/api/v1/migrations?limit=1000&cursor=50\n") == 0, "asked for one after the other");
	free(out);
	a = (struct agent){.n = 0};
	o.limit = 2;
	out = run(&o, &status);
	ok(status == EXIT_OK && a.n == 1 && strstr(a.asked, "limit=2\n"), "no more than are wanted");
	free(out);
	a = (struct agent){.fail_at = 2};
	o.limit = 0;
	out = run(&o, &status);
	ok(status == EXIT_ANSWER && a.n == 2, "an error ends it and is told");
	free(out);
}

static void
test_criteria(void)
{
	struct agent a = {.n = 0};
	struct migrations_options o = {.ask = ask, .arg = &a, .limit = 5, .json = true,
	    .criterion = {[1] = "a&b \xc3\xa9", [2] = "2026-11-03T12:00:00+01:00", [4] = "failed,lost"}};
	int status;
	char *out = run(&o, &status);

	ok(strcmp(a.asked, "/api/v1/migrations?name=a%26b%20%C3%A9&since=2026-11-03T12%3A00%3A00%2B01%3A00"
	    "&result=failed%2Clost&limit=5\n") == 0, "what is asked for is escaped");
	ok(status == EXIT_OK && strstr(out, "\"next\": \"700\""), "the answer is shown as it is");
	free(out);
	a = (struct agent){.n = 0};
	o.criterion[4] = "fail";
	out = run(&o, &status);
	ok(status == EXIT_USAGE && a.n == 0, "what is no criterion is not asked");
	free(out);
}

static void
test_logs(void)
{
	_cleanup_(freep) char *log = xasprintf("%s/tests/golden/logs/replay/xenserver-8/daemon.log", getenv("srcdir"));
	char *const logs[] = {log};
	struct migrations_options o = {.log = logs, .n_logs = 1, .form = EXPORT_JSONL};
	int status;
	char *all = run(&o, &status), *some;
	size_t lines = 0;

	for (const char *c = all; *c; c++)
		lines += *c == '\n';
	ok(status == EXIT_OK && lines > 1, "records from logs are exported, too");
	o.criterion[5] = "save";
	some = run(&o, &status);
	ok(status == EXIT_OK && strstr(some, "\"direction\":\"save\"") && !strstr(some, "\"direction\":\"out\"") &&
	    strstr(all, "\"direction\":\"out\""), "and searched");
	free(some);
	o.criterion[5] = NULL;
	o.limit = 1;
	some = run(&o, &status);
	ok(strchr(some, '\n') == some + strlen(some) - 1, "and limited");
	free(some);
	free(all);
}

static void
test_csv(void)
{
	static const char record[] = "{\"id\":\"=1\",\"uuid\":null,\"name\":\"a \\\"b\\\", c\",\"domid\":3,\"direction\":\"-\","
				     "\"started\":0.1,\"ended\":1795413561.7460203,\"tracking_left_on\":true,\"rounds\":[1]}";
	static const char want[] = "'=1,,\"a \"\"b\"\", c\",3,'-,,,,,0.1,1795413561.7460203,";
	json_t *r = json_loads(record, 0, NULL);
	char *out = NULL, *line;
	enum export form;
	size_t n, commas[2] = {0, 0};
	FILE *f = open_memstream(&out, &n);

	export_begin(EXPORT_CSV, f);
	export_record(EXPORT_CSV, r, f);
	(void) fclose(f);
	line = strchr(out, '\n') + 1;
	ok(strncmp(out, "id,uuid,name,domid,direction,", 29) == 0, "CSV begins with the names");
	ok(strncmp(line, want, strlen(want)) == 0,
	    "texts are quoted, and none is a formula; numbers are exact, null is empty");
	ok(strstr(line, ",true,"), "flags are words");
	for (const char *c = out; *c; c++)
		commas[c >= line] += *c == ',';
	ok(commas[1] == commas[0] + 1, "each name has its value");
	free(out);
	json_decref(r);
	ok(export_parse("csv", &form) == 0 && form == EXPORT_CSV && export_parse("jsonl", &form) == 0 &&
	    form == EXPORT_JSONL, "the forms have names");
	ok(export_parse("xml", &form) == -EINVAL && export_parse("", &form) == -EINVAL && form == EXPORT_JSONL,
	    "there are no others");
}

int
main(void)
{
	test_pages();
	test_criteria();
	test_logs();
	test_csv();
	return done_testing();
}
