/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>

#include <errno.h>

#include "base/utf8.h"
#include "store/store.h"
#include "tests/unit/asking.h"

static void
test_before(void)
{
	static const char *const paths[] = {"/healthz", "/metrics", "/api/v1/host",
	    "/api/v1/features", "/api/v1/domains",
	    "/api/v1/domains/00000000-0000-0000-0000-000000000001", "/api/v1/migrations",
	    "/api/v1/migrations/m-1", "/api/v1/overhead", "/api/v1/history"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		(void) ask(paths[i], "");
		ok(is_problem(503, "no sample yet"), "before the first sample %s says so",
		    paths[i]);
	}
	ok(ask("/api/v1/metrics-reference", "") == 200, "the reference needs none");
}

static void
test_host(void)
{
	ok(ask("/api/v1/host", "") == 200 && is_text(at("source", NULL), "replay"),
	    "an answer names its source");
	ok(json_is_number(at("time", NULL)) && json_string_length(at("time_text", NULL)) == 20 &&
		json_number_value(at("age_seconds", NULL)) >= 0 &&
		json_number_value(at("age_seconds", NULL)) < 60,
	    "and the time and age of its figures");
	ok(is_text(at("command_line", NULL), "smap=hvm") && json_is_null(at("boot_id", NULL)),
	    "what is known is told, what is not is null");
	ok(is_text(at("notes", "#1", NULL), "second note") &&
		json_array_size(at("notes", NULL)) == 2,
	    "notes are a list");
	ok(json_integer_value(at("metrics", "xenscope_host_cpus", NULL)) == 4 &&
		json_is_null(at("metrics", "xenscope_host_memory_bytes", NULL)),
	    "metrics have the table's names, the absent are null");
	ok(is_text(at("collectors", "#1", "error", NULL), "not there") &&
		json_is_null(at("collectors", "#0", "error", NULL)),
	    "collectors tell their errors");
	ok(ask(PATH_PREFIX "/api/v1/host", "") == 200 &&
		is_text(at("command_line", NULL), "smap=hvm"),
	    "the same below xapi's path");
	ok(ask("/healthz", "") == 200 && is_text(at("status", NULL), "ok"), "the agent is healthy");
	view.sample->at.mono -= 100;
	(void) ask("/healthz", "");
	ok(is_problem(503, "the agent hangs"), "it is not when its sample is old");
	view.sample->at.mono += 100;
	ok(ask("/api/v1/metrics-reference", "") == 200 &&
		json_array_size(at("metrics", NULL)) == METRIC_COUNT,
	    "the reference has every metric");
}

static void
test_domains(void)
{
	ok(ask("/api/v1/domains", "") == 200 && json_array_size(at("domains", NULL)) == 3,
	    "all domains are listed");
	ok(is_text(at("domains", "#1", "name", NULL),
	       "a\"b\\c</script><b>\xc3\xa9" UTF8_REPLACEMENT "\x01'"),
	    "a hostile name is valid JSON and what is not UTF-8 is replaced");
	ok(is_text(at("domains", "#1", "features", "smap", "active", NULL), "yes") &&
		is_text(at("domains", "#1", "features", "smep", "exposed", NULL), "unknown"),
	    "with their features");
	ok(json_number_value(
	       at("domains", "#1", "metrics", "xenscope_domain_cpu_seconds_total", NULL)) == 1.1 &&
		json_is_null(at("domains", "#1", "metrics", "xenscope_domain_memory_bytes", NULL)),
	    "and their values");
	ok(json_is_null(at("domains", "#1", "cr4_read", NULL)),
	    "a CR4 that was never read has no time");
	ok(json_integer_value(
	       at("domains", "#2", "metrics", "xenscope_tracking_rounds_total", NULL)) == 3 &&
		!at("domains", "#1", "metrics", "xenscope_tracking_rounds_total", NULL),
	    "a tracked one has the values of tracking");
	ok(ask("/api/v1/domains/00000000-0000-0000-0000-000000000002", "") == 200 &&
		json_integer_value(at("domain", "domid", NULL)) == 2,
	    "one is found by its UUID");
	(void) ask("/api/v1/domains/00000000-0000-0000-0000-000000000009", "");
	ok(is_problem(404, "no domain"), "one that is not there: 404");
	(void) ask("/api/v1/domains/vm1", "");
	ok(is_problem(400, "UUID"), "a name is no UUID: 400");
	ok(ask("/api/v1/features", "") == 200 &&
		is_text(at("features", "smap", "xen", NULL), "no") &&
		is_text(at("features", "smap", "reason", NULL), "smap=hvm on Xen's command line"),
	    "features have states and reasons");
	ok(is_text(at("pml", "state", NULL), "in_use") &&
		is_text(at("pml", "source", NULL), "console_ring") &&
		json_is_null(at("pml", "reason", NULL)),
	    "so has PML");
	ok(is_text(at("speculation", "text", NULL), view.sample->features.speculation) &&
		is_text(at("ept_ad", NULL), "unknown"),
	    "the console's block is told as it was");
	ok(is_text(at("domains", "#2", "features", "smap", "active", NULL), "no"),
	    "and each guest's");
}

static void
write_journal(const char *text)
{
	char *path = xasprintf("%s/migrations.jsonl", dir);
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
	free(path);
}

static void
test_migrations(void)
{
	struct migration_record *r = xmalloc(sizeof(*r));

	ok(ask("/api/v1/migrations", "") == 200 && json_array_size(at("migrations", NULL)) == 0,
	    "no journal is an empty list");
	write_journal(
	    "{\"id\":\"m-1\",\"uuid\":\"00000000-0000-0000-0000-000000000001\",\"name\":\"x\"}\n"
	    "{\"id\":\"m-2\",\"uuid\":\"00000000-0000-0000-0000-000000000002\",\"name\":"
	    "\"\\\"id\\\":\\\"m-9\\\"\"}\n"
	    "{\"id\":\"m-3\",\"uuid\":\n"
	    "{\"id\":\"m-4\",\"uuid\":\"00000000-0000-0000-0000-000000000001\"}\n"
	    "{\"id\":\"m-7\",\"uuid\":\"00000000-0000-0000-0000-000000000002\"}\n");
	made_up_record(r, 7, 3);
	view_set_record(&view, r);
	ok(ask("/api/v1/migrations", "") == 200 && json_array_size(at("migrations", NULL)) == 4,
	    "a line that is not JSON is left out");
	ok(is_text(at("migrations", "#0", "id", NULL), "m-7"),
	    "those under way come first, and once");
	ok(is_text(at("migrations", "#1", "id", NULL), "m-4") &&
		is_text(at("migrations", "#3", "id", NULL), "m-1"),
	    "then the newest");
	ok(ask("/api/v1/migrations", "limit=2") == 200 &&
		json_array_size(at("migrations", NULL)) == 2,
	    "the limit holds");
	ok(ask("/api/v1/migrations", "uuid=00000000-0000-0000-0000-000000000001") == 200 &&
		json_array_size(at("migrations", NULL)) == 2,
	    "and the UUID");
	ok(ask("/api/v1/migrations", "uuid=00000000-0000-0000-0000-000000000002") == 200 &&
		json_array_size(at("migrations", NULL)) == 2,
	    "those under way too");
	(void) ask("/api/v1/migrations", "limit=0");
	ok(is_problem(400, "1 to 1000"), "a limit of 0 is refused");
	(void) ask("/api/v1/migrations", "limit=1001");
	ok(is_problem(400, "1 to 1000"), "so is one beyond the limit of limits");
	(void) ask("/api/v1/migrations", "uuid=x");
	ok(is_problem(400, "UUID"), "and what is no UUID");
	ok(ask("/api/v1/migrations/m-2", "") == 200 && is_text(at("migration", "id", NULL), "m-2"),
	    "one is found by its id");
	ok(ask("/api/v1/migrations/m-7", "") == 200 && is_text(at("migration", "id", NULL), "m-7"),
	    "also while it is under way");
	ok(ask("/api/v1/migrations", "fields=name,id") == 200 && json_object_size(at("migrations", "#0", NULL)) == 2 &&
		is_text(at("migrations", "#0", "id", NULL), "m-7") && json_object_size(at("migrations", "#1", NULL)) == 1 &&
		is_text(at("migrations", "#2", "name", NULL), "\"id\":\"m-9\""),
	    "of records those members that are asked for, if they are there");
	ok(ask("/api/v1/migrations", "fields=rounds,started,overhead") == 200 &&
		json_object_size(at("migrations", "#0", NULL)) == 4 && json_is_string(at("migrations", "#0", "started_text", NULL)) &&
		json_array_size(at("migrations", "#0", "rounds", NULL)) == 3 && json_object_size(at("migrations", "#3", NULL)) == 0,
	    "a time as a text, too, and whole what has members itself");
	ok(ask("/api/v1/migrations/m-2", "fields=uuid") == 200 && json_object_size(at("migration", NULL)) == 1 &&
		is_text(at("migration", "uuid", NULL), "00000000-0000-0000-0000-000000000002"),
	    "of one as well");
	(void) ask("/api/v1/migrations", "fields=id,speed");
	ok(is_problem(400, "no member \"speed\"") && is_problem(400, ",rounds,"), "what is no member is refused by its name");
	(void) ask("/api/v1/migrations/m-2", "fields=");
	ok(is_problem(400, "no member \"\""), "and no name at all");
	(void) ask("/api/v1/migrations/m-9", "");
	ok(is_problem(404, "m-9"), "a name that looks like an id finds nothing");
	(void) ask("/api/v1/migrations/a\"b", "");
	ok(is_problem(400, "not the id"), "what cannot be an id is refused");

	r = xmalloc(sizeof(*r));
	made_up_record(r, 7, 4);
	r->result = RESULT_COMPLETED;
	view_set_record(&view, r);
	ok(view.n_running == 0, "one that ended is not under way any more");
	for (unsigned i = 0; i < MAX_RUNNING + 2; i++) {
		r = xmalloc(sizeof(*r));
		made_up_record(r, 100 + i, 1);
		view_set_record(&view, r);
	}
	ok(view.n_running == MAX_RUNNING && strcmp(view.running[0]->id, "m-102") == 0,
	    "their list is bounded");
}

/* Lines as the journal has them, and such as it should not have. */
/* The ids of the answer, in their order. */
static int
has_ids(const char *want)
{
	char got[256] = "";
	const json_t *v;

	for (size_t i = 0; (v = json_array_get(at("migrations", NULL), i)) != NULL; i++)
		(void) snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
		    json_string_value(json_object_get(v, "id")));
	return strcmp(got, want) == 0;
}

static void
test_search(void)
{
	static const char journal[] =
	    "{\"id\":\"s-1\",\"name\":\"web\",\"direction\":\"out\",\"toolstack\":\"xl\",\"started\":100,\"ended\":200,"
	    "\"result\":\"failed\"}\n"
	    "{\"id\":\"s-2\",\"name\":\"web\",\"direction\":\"save\",\"toolstack\":\"xl\",\"started\":300,\"ended\":400,"
	    "\"result\":\"completed\"}\n"
	    "{\"id\":\"s-3\",\"name\":\"db\",\"direction\":\"out\",\"toolstack\":\"xapi\",\"started\":500,\"ended\":600,"
	    "\"result\":\"completed\"}\n";
	static const struct {
		const char *query, *ids;
	} cases[] = {{"", "s-3 s-2 s-1"}, {"name=web", "s-2 s-1"}, {"since=1970-01-01T00:05:00Z", "s-3 s-2"},
	    {"until=300", "s-2 s-1"}, {"since=150&until=250", "s-1"}, {"result=completed,lost", "s-3 s-2"},
	    {"direction=save", "s-2"}, {"toolstack=xapi", "s-3"}, {"name=web&result=failed", "s-1"}, {"name=none", ""}};
	char *path = xasprintf("%s/migrations.index", dir), query[64];
	char *longer = xasprintf("{\"dropped_bytes\":0,\"dropped_ended\":0,\"dropped_failed\":0}\n%s{\"id\":\"s-4\"}\n",
	    journal);

	ok(symlink("/dev/zero", path) == 0, "the test makes an index that must not be read");
	write_journal(journal);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ok(ask("/api/v1/migrations", cases[i].query) == 200 && has_ids(cases[i].ids) &&
			json_is_null(at("next", NULL)) && json_is_false(at("truncated", NULL)),
		    "migrations?%s are %s", cases[i].query, cases[i].ids);
	ok(ask("/api/v1/migrations", "limit=1") == 200 && has_ids("s-3") && json_is_string(at("next", NULL)),
	    "a page tells where the next one begins");
	(void) snprintf(query, sizeof(query), "limit=2&cursor=%s", json_string_value(at("next", NULL)));
	write_journal(longer);
	ok(ask("/api/v1/migrations", query) == 200 && has_ids("s-2 s-1") && json_is_null(at("next", NULL)),
	    "also when another has ended, or the journal was written anew");
	(void) ask("/api/v1/migrations", "cursor=0");
	ok(is_problem(400, "cursor takes"), "what is no cursor is refused");
	(void) ask("/api/v1/migrations", "since=today");
	ok(is_problem(400, "since takes a time like"), "and what is no time");
	(void) ask("/api/v1/migrations", "until=1&since=5");
	ok(is_problem(400, "since must not be after until") && ask("/api/v1/migrations", "since=5&until=5") == 200,
	    "and a time that ends before it begins");
	(void) ask("/api/v1/migrations", "result=bad");
	ok(is_problem(400, "of: running, completed"), "and what is no result, with those that there are");
	ok(ask("/api/v1/migrations/s-2", "") == 200 && is_text(at("migration", "id", NULL), "s-2"),
	    "one is found by its id");
	(void) unlink(path);
	free(path);
	path = xasprintf("%s/migrations.jsonl", dir);
	(void) unlink(path);
	free(path);
	free(longer);
}

static void
test_overhead(void)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *line;
	struct migration_record r;
	char *text;
	size_t n = 0;

	made_up_record(&r, 1, 2);
	str_copy(r.boot_id, sizeof(r.boot_id), "00000000-0000-0000-0000-0000000000aa");
	str_copy(r.cpu_model, sizeof(r.cpu_model), "Made-up CPU");
	str_copy(r.xen_version, sizeof(r.xen_version), "4.17.7");
	r.result = RESULT_COMPLETED;
	record_gen(g, &r);
	(void) yajl_gen_get_buf(g, &line, &n);
	write_journal("");
	ok(ask("/api/v1/overhead", "") == 200 && is_text(at("source", NULL), "replay") &&
		json_array_size(at("boots", NULL)) == 0 && json_is_null(at("uuid", NULL)),
	    "nothing was measured: no boots");
	text = xasprintf("%.*s\n{\"id\":7}\n\xff\n[]\n\n{\"id\":\"m\",\"rounds\":[{\"overhead\":3}]"
			 "}\n%.*s\n{\"id\"",
	    (int) n, line, (int) n, line);
	write_journal(text);
	ok(ask("/api/v1/overhead", "") == 200 && json_integer_value(at("records", NULL)) >= 6 &&
		json_integer_value(at("unreadable", NULL)) ==
		    json_integer_value(at("records", NULL)) - 2,
	    "lines that are no records are counted and cost no others");
	ok(json_integer_value(at("boots", "#0", "modes", "#0", "migrations", NULL)) == 2 &&
		is_text(at("boots", "#0", "cpu_model", NULL), "Made-up CPU") &&
		is_text(at("boots", "#0", "vms", "#0", "name", NULL), r.name) &&
		json_is_false(at("truncated", NULL)),
	    "records are in their boot's rows");
	(void) ask("/api/v1/overhead", "");
	ok(json_integer_value(at("boots", "#0", "modes", "#0", "migrations", NULL)) == 2,
	    "asked again, the same is told");
	ok(ask("/api/v1/overhead", "uuid=00000000-0000-0000-0000-000000000001") == 200 &&
		json_array_size(at("boots", NULL)) == 0,
	    "of another guest there are none");
	(void) ask("/api/v1/overhead", "uuid=vm");
	ok(is_problem(400, "UUID"), "what is no UUID is refused");
	record_done(&r);
	yajl_gen_free(g);
	free(text);
	write_journal("");
}

/* Two samples a step apart, the second of now. */
static void
store_two(void)
{
	struct sample *s = sample_copy(view.sample);
	struct store *store;

	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = 3;
	if (store_open(dir, 5, getegid(), &store) < 0)
		abort();
	s->at.real -= 5;
	(void) store_write(store, s);
	s->at.real += 5;
	(void) store_write(store, s);
	store_close(store);
	sample_free(s);
}

static int
has_value(double v)
{
	const json_t *values = at("columns", "#0", "values", NULL);

	for (size_t i = 0; i < json_array_size(values); i++)
		/* rrdtool weighs the parts of a step */
		if (fabs(json_number_value(json_array_get(values, i)) - v) < 1e-6)
			return 1;
	return 0;
}

static void
test_history(void)
{
	static const struct {
		const char *query, *part;
	} bad[] = {
	    {"", "metric is missing"},
	    {"metric=xenscope_nothing", "no metric of this name"},
	    {"metric=xenscope_host_cpus", "not stored"},
	    {"metric=xenscope_host_domains,", "no metric of this name"},
	    {"metric=xenscope_host_domains,xenscope_domain_vcpus", "give its uuid"},
	    {"metric=xenscope_domain_vcpus&cf=MIN&uuid=00000000-0000-0000-0000-000000000001", "only kept of the host"},
	    {"metric=xenscope_host_domains&points=0", "points takes"},
	    {"metric=xenscope_host_domains&uuid=00000000-0000-0000-0000-000000000001",
		"leave uuid out"},
	    {"metric=xenscope_domain_vcpus", "give its uuid"},
	    {"metric=xenscope_host_domains&cf=LAST", "AVERAGE"},
	    {"metric=xenscope_host_domains&start=x", "start takes"},
	    {"metric=xenscope_host_domains&end=x", "end takes"},
	    {"metric=xenscope_host_domains&step=-1", "step takes"},
	    {"metric=xenscope_host_domains&start=2000&end=1000", "start must be before end"},
	    {"metric=xenscope_host_domains&start=0", "ten years"},
	    {"metric=xenscope_host_domains&start=99999999999", "future"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void) ask("/api/v1/history", bad[i].query);
		ok(is_problem(400, bad[i].part), "history?%s is refused: %s", bad[i].query,
		    bad[i].part);
	}
	(void) ask("/api/v1/history", "metric=xenscope_host_domains");
	ok(is_problem(404, "nothing is stored"), "before anything is stored: 404");
	store_two();
	ok(ask("/api/v1/history", "metric=xenscope_host_domains&start=-60&cf=MAX") == 200 &&
		json_array_size(at("columns", NULL)) == 1 && !at("values", NULL) &&
		is_text(at("columns", "#0", "metric", NULL), "xenscope_host_domains") &&
		is_text(at("cf", NULL), "MAX") && json_is_false(at("columns", "#0", "per_second", NULL)),
	    "what is stored is told, with what it is");
	ok(json_number_value(at("step", NULL)) == 5 && json_array_size(at("columns", "#0", "values", NULL)) >= 10 &&
		has_value(3) && json_is_null(at("columns", "#0", "values", "#0", NULL)),
	    "step by step, null where nothing is known");
	ok(ask("/api/v1/history", "metric=xenscope_domain_cpu_seconds_total&uuid=00000000-0000-"
				  "0000-0000-000000000001&start=-60") == 200 &&
		json_is_true(at("columns", "#0", "per_second", NULL)) && is_text(at("columns", "#0", "unit", NULL), "seconds"),
	    "a domain's too; a counter as its rate");
	(void) ask("/api/v1/history",
	    "metric=xenscope_domain_vcpus&uuid=00000000-0000-0000-0000-000000000077");
	ok(is_problem(404, "nothing is stored"), "a domain of which nothing is stored: 404");
}

#define GUEST2 "uuid=00000000-0000-0000-0000-000000000002"

static void
test_columns(void)
{
	char *many = xstrdup("metric=xenscope_host_domains"), *more;

	ok(ask("/api/v1/history", "metric=xenscope_domain_vcpus,xenscope_tracking_rounds_total,"
				  "xenscope_domain_memory_bytes&cf=MAX&start=-60&" GUEST2) == 200 &&
		json_array_size(at("columns", NULL)) == 3,
	    "several metrics are columns");
	ok(is_text(at("columns", "#0", "metric", NULL), "xenscope_domain_vcpus") &&
		is_text(at("columns", "#1", "metric", NULL), "xenscope_tracking_rounds_total") &&
		json_is_true(at("columns", "#1", "per_second", NULL)) &&
		is_text(at("columns", "#2", "unit", NULL), "bytes"),
	    "in the order of the question, also of two files, each with what it is");
	ok(json_number_value(at("step", NULL)) == 5 && json_array_size(at("columns", "#0", "values", NULL)) >= 10 &&
		json_array_size(at("columns", "#0", "values", NULL)) ==
		    json_array_size(at("columns", "#1", "values", NULL)),
	    "on one grid");
	ok(ask("/api/v1/history", "metric=xenscope_domain_vcpus,xenscope_tracking_rounds_total&"
				  "uuid=00000000-0000-0000-0000-000000000001&start=-60") == 200 &&
		json_is_null(at("columns", "#1", "values", "#1", NULL)),
	    "what was never stored of a domain is null beside what was");
	ok(ask("/api/v1/history", "metric=xenscope_host_domains&start=-300&points=4") == 200 &&
		json_array_size(at("columns", "#0", "values", NULL)) <= 4 &&
		json_number_value(at("step", NULL)) >= 75 && has_value(3),
	    "no more points than are wanted, of what is known");
	ok(ask("/api/v1/history", "metric=xenscope_host_domains&start=-300&cf=MIN&points=2") == 200 && has_value(3) &&
		ask("/api/v1/history", "metric=xenscope_host_domains&start=-300&cf=MAX&points=2") == 200 &&
		has_value(3),
	    "the least and the greatest, too");
	ok(ask("/api/v1/history", "metric=xenscope_host_domains&start=2001-09-09T01:46:40Z&end=1000003600") == 200,
	    "times may be written as RFC 3339 has them");
	for (int i = 0; i < 32; i++) {
		more = xasprintf("%s,xenscope_host_domains", many);
		free(many);
		many = more;
	}
	(void) ask("/api/v1/history", many);
	ok(is_problem(400, "32 names"), "not more names than there may be");
	free(many);
}

static void
test_requests(void)
{
	char path[MAX_PATH + 10], query[MAX_QUERY + 10];

	(void) ask("/api/v1/hosts", "");
	ok(is_problem(404, "/openapi.json tells"), "an unknown path: 404 with the way to the known ones");
	(void) ask("/api/v1/domains/a/b", "");
	ok(is_problem(404, "nothing at this path"), "a path too deep: 404");
	(void) ask("/api/v1/host", "x=1");
	ok(is_problem(400, "\"x\"") && is_problem(400, "takes none"),
	    "an unknown parameter: 400 with its name");
	ok(is_text(at("parameter", NULL), "x"), "and as a member of its own");
	(void) ask("/api/v1/migrations", "limit=5&limit=6");
	ok(is_problem(400, "twice"), "one given twice: 400");
	(void) ask("/api/v1/host", "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q");
	ok(is_problem(400, "at most 16") && !at("parameter", NULL), "more than there is room for: 400");
	(void) ask_as("POST", "/api/v1/host", "", NULL);
	ok(is_problem(405, "GET and HEAD") && strcmp(reply.allow, "GET, HEAD") == 0,
	    "POST: 405 with what is allowed");
	ok(ask_as("HEAD", "/api/v1/host", "", NULL) == 200, "HEAD is answered like GET");
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	(void) ask(path, "");
	ok(is_problem(414, "512"), "a path too long: 414");
	memset(query, 'a', sizeof(query) - 1);
	query[sizeof(query) - 1] = '\0';
	(void) ask("/api/v1/host", query);
	ok(is_problem(414, "ask for less"), "a query too long: 414");
	(void) ask("/\xff\"", "");
	ok(is_problem(404, "") && json_is_string(at("instance", NULL)),
	    "a path that is not UTF-8 is told as JSON");
	ok(ask(PATH_PREFIX, "") == 301 && strcmp(reply.location, PATH_PREFIX "/") == 0,
	    "the bare prefix leads to its page");
	(void) ask(PATH_PREFIX "x/api/v1/host", "");
	ok(is_problem(404, ""), "what only begins like the prefix is not it");
}

static void
test_accept(void)
{
	static const struct {
		const char *accept;
		int openmetrics;
		const char *what;
	} rows[] = {
	    {NULL, 0, "nobody"},
	    {"*/*", 0, "curl"},
	    {"application/openmetrics-text;version=1.0.0;q=0.5,application/"
	     "openmetrics-text;version=0.0.1;q=0.4,"
	     "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		1, "Prometheus"},
	    {"text/plain;q=0.9, application/openmetrics-text;q=0.1", 0, "who prefers text"},
	    {"application/openmetrics-text;q=0", 0, "who excludes OpenMetrics"},
	    {"APPLICATION/OpenMetrics-Text", 1, "who shouts"},
	    {"application/openmetrics-textual", 0, "who means another type"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ok(ask_as("GET", "/metrics", "", rows[i].accept) == 200 &&
			(strncmp(reply.type, "application/openmetrics-text; version=1.0.0", 43) ==
			    0) == rows[i].openmetrics,
		    "%s gets %s", rows[i].what, reply.type);
}

static void
put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
	free(path);
}

static void
test_pages(void)
{
	char *path = xasprintf("%s/link.html", dir);

	ok(ask("/", "") == 200 && strstr(reply.body.text, "<a href=\"api/v1/host\">") &&
		strncmp(reply.type, "text/html", 9) == 0,
	    "without a dashboard the first page lists the paths");
	put("index.html", "<!DOCTYPE html>");
	put("app.js", "1");
	put(".secret", "1");
	put("with space", "1");
	ok(symlink("/etc/passwd", path) == 0 && pages_read(&view.pages, dir) == 0,
	    "the dashboard is read");
	ok(ask("/", "") == 200 && reply.page && strcmp(reply.page->data, "<!DOCTYPE html>") == 0,
	    "it is the first page then");
	ok(ask("/app.js", "") == 200 && reply.page &&
		strncmp(reply.type, "text/javascript", 15) == 0,
	    "a file has the type of its suffix");
	ok(ask(PATH_PREFIX "/app.js", "") == 200 && reply.page, "also below xapi's path");
	ok(ask("/.secret", "") == 404 && ask("/with space", "") == 404,
	    "names that begin with a dot or have a space are not read");
	ok(ask("/link.html", "") == 404, "nor is what a link points to");
	ok(ask("/../etc/passwd", "") == 404, "a path that climbs finds nothing");
	(void) unlink(path);
	free(path);
	{
		struct pages none = {.n = 0};

		ok(pages_read(&none, "/nothing/here") == 0 && pages_read(&none, "") == 0 &&
			none.n == 0,
		    "no directory is no dashboard");
		ok(pages_read(&none, "/etc/passwd") < 0, "a file is not a directory");
		put("big.txt", "1");
		path = xasprintf("%s/big.txt", dir);
		ok(truncate(path, MAX_PAGES_BYTES + 1) == 0 && pages_read(&none, dir) == -EFBIG &&
			!pages_find(&none, "big.txt"),
		    "one that is too large is left out");
		free(path);
		pages_done(&none);
	}
}

int
main(void)
{
	char *clean;

	if (!mkdtemp(dir))
		abort();
	test_before();
	view_set_sample(&view, made_up_sample(3));
	test_host();
	test_domains();
	test_search();
	test_migrations();
	test_overhead();
	test_history();
	test_columns();
	test_requests();
	test_accept();
	test_pages();
	view_done(&view);
	json_decref(body);
	reply_done(&reply);
	clean = xasprintf("rm -r %s", dir);
	ok(system(clean) == 0, "the test clears up");
	free(clean);
	return done_testing();
}
