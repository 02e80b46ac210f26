/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <zlib.h>

#include "tests/unit/asking.h"

/* The parameters of the query that the document has at the path, joined by commas. */
static const char *
described(const char *path)
{
	static char names[256];
	const json_t *list = at("paths", path, "get", "parameters", NULL);
	size_t n = 0;

	names[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);

		if (is_text(json_object_get(p, "in"), "query"))
			n += (size_t) snprintf(
			    names + n, sizeof(names) - n, "%s%s", n ? "," : "", json_string_value(json_object_get(p, "name")));
	}
	return names;
}

static void
test_openapi(void)
{
	static const char *const paths[] = {
#define ROUTE(path, ...) path,
#include "serve/routes.def"
	};
	static const char *const parameters[] = {
#define ROUTE(path, parameters, ...) parameters,
#include "serve/routes.def"
	};
	const json_t *schemas;
	bool all = true;

	ok(ask("/openapi.json", "") == 200 && is_text(at("openapi", NULL), "3.1.0"),
	    "the API is described");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		all &= json_is_string(at("paths", paths[i], "get", "operationId", NULL));
	ok(all, "each path");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		ok(strcmp(described(paths[i]), parameters[i]) == 0, "with what %s takes: %s", paths[i], parameters[i]);
	schemas = at("components", "schemas", NULL);
	ok(is_text(json_object_get(json_object_get(json_object_get(json_object_get(schemas, "HostValues"),
		       "properties"), "xenscope_host_cpus"), "description"), metric_table[M_HOST_CPUS].help) &&
		json_object_get(json_object_get(json_object_get(schemas, "Round"), "properties"), "started_text"),
	    "with the members of the tables");
}

/* How many domains the query selects, and the first of them is this one. */
static bool
selects(const char *query, size_t n, unsigned domid)
{
	return ask("/api/v1/domains", query) == 200 && json_array_size(at("domains", NULL)) == n &&
	       (n == 0 || json_integer_value(at("domains", "#0", "domid", NULL)) == domid);
}

static void
test_selection(void)
{
	const json_t *one;

	ok(selects("uuid=00000000-0000-0000-0000-000000000002", 1, 2) && selects("name=vm2", 1, 2) &&
		selects("name=" HOSTILE_NAME, 1, 1) && selects("name=vm2&uuid=00000000-0000-0000-0000-000000000000", 0, 0),
	    "domains are selected by UUID and name");
	ok(selects("limit=2", 2, 0) && json_integer_value(at("next", NULL)) == 1 && selects("limit=2&after=1", 1, 2) &&
		json_is_null(at("next", NULL)) && selects("after=0", 2, 1) && selects("after=2", 0, 0) &&
		selects("limit=3", 3, 0) && json_is_null(at("next", NULL)),
	    "and read page by page");
	ok(selects("name=vm0&limit=1", 1, 0) && json_is_null(at("next", NULL)), "of what is selected");
	(void) ask("/api/v1/domains", "fields=uuid,xenscope_domain_vcpus,domid&uuid=00000000-0000-0000-0000-000000000002");
	one = at("domains", "#0", NULL);
	ok(json_object_size(one) == 3 && json_object_size(json_object_get(one, "metrics")) == 1 &&
		json_integer_value(at("domains", "#0", "metrics", "xenscope_domain_vcpus", NULL)) == 2,
	    "of each only the fields that are asked for");
	(void) ask("/api/v1/domains/00000000-0000-0000-0000-000000000002", "fields=metrics");
	ok(json_object_size(at("domain", NULL)) == 1 &&
		json_object_size(at("domain", "metrics", NULL)) ==
		    (M_DOMAIN_END - M_DOMAIN_FIRST) + (M_TRACKING_END - M_TRACKING_FIRST),
	    "also of one domain");
	(void) ask("/api/v1/domains", "fields=uuid,xenscope_host_cpus");
	ok(is_problem(400, "\"xenscope_host_cpus\": fields takes") && is_problem(400, "uuid,name,domid,") && is_text(at("parameter", NULL), "fields"), "a metric of others is none");
	(void) ask("/api/v1/domains", "fields=");
	ok(is_problem(400, "fields takes"), "nor is no name");
	(void) ask("/api/v1/domains", "limit=0");
	ok(is_problem(400, "from 1 to"), "a page has at least one");
	(void) ask("/api/v1/domains", "after=x");
	ok(is_problem(400, "whole number"), "and begins after a number");
}

/* What is sent of an answer in pieces of n bytes; the caller frees it. */
static char *
in_pieces(const char *query, size_t n, bool gzip, size_t *ret_n)
{
	struct request q = {.view = &view, .now = tick_now(), .method = "GET", .path = "/api/v1/domains"};
	struct reply r;
	struct strbuf b = {NULL, 0, 0};
	struct flow *f;
	char piece[4096];
	size_t got;

	q.parameter[0] = (struct parameter){"after", query};
	q.n_parameters = *query != '\0';
	answer(&q, &r);
	f = flow_new(&r, gzip);
	while ((got = flow_read(f, piece, n)) > 0)
		strbuf_add(&b, piece, got);
	flow_free(f);
	reply_done(&r);
	*ret_n = b.n;
	return b.text;
}

static void
test_stream(void)
{
	struct sample *before = sample_share(view.sample);
	struct request q = {.view = &view, .now = tick_now(), .method = "GET", .path = "/api/v1/domains"};
	char *whole, *text, *packed, unpacked[200000];
	z_stream z = {.next_out = (Bytef *) unpacked, .avail_out = sizeof(unpacked)};
	struct reply r;
	size_t n, packed_n;

	view_set_sample(&view, made_up_sample(100));
	ok(ask("/api/v1/domains", "") == 200 && reply.body.n > 65536, "an answer of several parts");
	whole = xstrdup(reply.body.text);
	text = in_pieces("", 1000, false, &n);
	ok(n == strlen(whole) && memcmp(text, whole, n) == 0, "is the same in pieces");
	packed = in_pieces("", 100, true, &packed_n);
	z.next_in = (Bytef *) packed;
	z.avail_in = (uInt) packed_n;
	ok(inflateInit2(&z, 31) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == strlen(whole) &&
		memcmp(unpacked, whole, z.total_out) == 0,
	    "and through gzip, %zu bytes of %zu", packed_n, n);
	(void) inflateEnd(&z);
	answer(&q, &r);
	view_set_sample(&view, before);
	(void) flow_drain(&r, false);
	ok(r.body.n == strlen(whole) && memcmp(r.body.text, whole, r.body.n) == 0,
	    "what has begun is told to its end of the same sample");
	reply_done(&r);
	answer(&q, &r);
	ok(r.stream->more(r.stream, &r.body) == false, "a short one has one part");
	reply_done(&r);
	answer(&q, &r);
	reply_done(&r);
	free(whole);
	free(text);
	free(packed);
}

int
main(void)
{
	view_set_sample(&view, made_up_sample(3));
	test_openapi();
	test_selection();
	test_stream();
	json_decref(body);
	reply_done(&reply);
	view_done(&view);
	return done_testing();
}
