/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <dirent.h>
#include <expat.h>
#include <regex.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "cli/export.h"
#include "cli/show.h"
#include "notify/derive.h"
#include "plugin/xapi/xmlrpc.h"
#include "serve/openmetrics.h"
#include "store/notice_log.h"
#include "store/store.h"
#include "tests/unit/asking.h"
#include "tests/unit/collected.h"

/* Names that a guest's owner may choose, from xenstore to each output. */

#define LONG 10000

static const char *const names[] = {"quote\"s and 'others' and back\\slash\\", "line\nbreak\r\n# EOF\nxenscope_host_cpus 99\n",
    "</script><script>alert(1)</script>", "a|b;c,d{e}f[g]:h", "%s%n%d ${HOME} $(reboot) `reboot`", "../../../../etc/passwd",
    "-rf", "\x01\x02\x07\x08\x1b[31mred\x7f", "\xff\xfe\xc3\x28 broken", "\xc0\xaf\xe0\x80\xaf overlong", "\xed\xa0\x80 surrogate",
    "\xf4\x90\x80\x80 beyond Unicode", "cut \xf0\x9f\x90", "\xe2\x80\xae right to left \xe5\xae\xbf",
    "=HYPERLINK(\"x\")",     "{\"uuid\":\"x\"}", "\"id\":\"m-1\"", "NaN", "null", " ", "\t"};
static char longest[2][LONG + 1]; /* one of letters, one that is not UTF-8 */

#define NAMES (ARRAY_SIZE(names) + ARRAY_SIZE(longest))

static const char *
name_of(size_t i)
{
	return i < ARRAY_SIZE(names) ? names[i] : longest[i - ARRAY_SIZE(names)];
}

/* A sample of a host whose guests have these names. */
static void
collect(void)
{
	memset(longest[0], 'a', LONG);
	memset(longest[1], 0xe2, LONG);
	begin("guest_cr4", "no");
	for (unsigned i = 0; i < NAMES; i++)
		str_copy(fake_hv_add(f, i)->name, MAX_HV_NAME, name_of(i));
	tick(100);
	ok(s->n_domains == NAMES, "all guests are there");
	view_set_sample(&view, sample_copy(s));
}

/* Not longer than its field, UTF-8, nothing that a terminal obeys. */
static bool
is_harmless(const char *text)
{
	size_t step;

	if (!text || strlen(text) >= NAME_SIZE)
		return false;
	for (; *text; text += step) {
		step = utf8_length(text);
		if (step == 0 || (unsigned char) *text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static void
test_json(void)
{
	char query[NAME_SIZE + 8];
	size_t found = 0;
	bool good = true;

	(void) ask("/api/v1/domains", "");
	ok(json_array_size(at("domains", NULL)) == NAMES, "JSON has them all");
	for (size_t i = 0; i < NAMES; i++)
		good &= is_harmless(json_string_value(json_object_get(json_array_get(at("domains", NULL), i), "name")));
	ok(good, "each with a name that does no harm");
	for (size_t i = 0; i < NAMES; i++) {
		if (strchr(s->domain[i].name, '&'))
			continue;
		(void) snprintf(query, sizeof(query), "name=%s", s->domain[i].name);
		found += ask("/api/v1/domains", query) == 200 && json_array_size(at("domains", NULL)) >= 1;
	}
	ok(found == NAMES, "by which it is found");
	ok(ask("/api/v1/features", "") == 200 && json_array_size(at("domains", NULL)) == NAMES,
	    "the answer about features is JSON, too");
}

static void
test_problem(void)
{
	bool good = true;

	for (size_t i = 0; i < NAMES; i++) {
		struct request q = {.view = &view, .now = tick_now(), .method = "GET", .path = "/api/v1/domains"};

		json_decref(body);
		reply_done(&reply);
		q.parameter[0] = (struct parameter){name_of(i), name_of(i)};
		q.n_parameters = 1;
		answer(&q, &reply);
		body = json_loadb(reply.body.text, reply.body.n, 0, NULL);
		good &= reply.status == 400 && body;
	}
	ok(good, "a problem that names them is JSON");
}

static void
test_migrations(void)
{
	for (unsigned i = 0; i < NAMES; i++) {
		struct migration_record *r = xmalloc(sizeof(*r));

		made_up_record(r, i, 1);
		utf8_clean(r->name, sizeof(r->name), name_of(i)); /* as the state machine does */
		utf8_clean(r->reason, sizeof(r->reason), name_of(i));
		view_set_record(&view, r);
	}
	ok(ask("/api/v1/migrations", "") == 200 && json_array_size(at("migrations", NULL)) == NAMES,
	    "migrations of them are JSON");
}

/* A line of RFC 4180 with line feeds: how many fields it has, and the third one, which is the name. */
static size_t
csv_fields(const char **text, struct strbuf *third)
{
	const char *p = *text;
	size_t n = 1;
	bool quoted = false;

	third->n = 0;
	strbuf_str(third, "");
	for (; *p && (quoted || *p != '\n'); p++) {
		if (*p == '"' && quoted && p[1] == '"')
			p++;
		else if (*p == '"') {
			quoted = !quoted;
			continue;
		} else if (*p == ',' && !quoted) {
			n++;
			continue;
		}
		if (n == 3)
			strbuf_add(third, p, 1);
	}
	*text = *p ? p + 1 : p;
	return quoted ? 0 : n;
}

/* A spreadsheet takes what begins with one of these for a formula; the export puts a ' before it. */
static bool
is_same_name(const char *written, const char *name)
{
	return strcmp(written, name) == 0 || (*written == '\'' && strchr("=+-@", *name) && strcmp(written + 1, name) == 0);
}

/* Of the answer that test_migrations asked for. */
static void
test_export(enum export form)
{
	struct strbuf third = {NULL, 0, 0};
	char *text = NULL;
	const char *rest;
	size_t n = 0, columns, good = 0;
	FILE *out = open_memstream(&text, &n);

	export_begin(form, out);
	for (size_t i = 0; i < NAMES; i++)
		export_record(form, json_array_get(at("migrations", NULL), i), out);
	(void) fclose(out);
	rest = text;
	columns = form == EXPORT_CSV ? csv_fields(&rest, &third) : 0;
	for (size_t i = 0; i < NAMES; i++) {
		const json_t *r = json_array_get(at("migrations", NULL), i);
		size_t length = strcspn(rest, "\n");
		json_t *line = form == EXPORT_JSONL ? json_loadb(rest, length, 0, NULL) : NULL;

		if (form == EXPORT_JSONL)
			rest += length + 1;
		good += form == EXPORT_JSONL ? json_equal(line, (json_t *) (uintptr_t) r)
					     : csv_fields(&rest, &third) == columns &&
						   is_same_name(third.text, json_string_value(json_object_get(r, "name")));
		json_decref(line);
	}
	ok(good == NAMES && !*rest, "exported as %s each has its line, and its name", form == EXPORT_CSV ? "CSV" : "JSON");
	strbuf_done(&third);
	free(text);
}

/* What a terminal gets of an answer: lines of harmless text. */
static void
test_terminal(const char *what, void (*show)(const json_t *, unsigned, FILE *), const json_t *answer)
{
	char *text = NULL, *rest, *line;
	size_t n = 0, lines = 0;
	bool good = true;
	FILE *out = open_memstream(&text, &n);

	show(answer, 0, out);
	(void) fclose(out);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL && rest; lines++)
		for (size_t step; *line; line += step) {
			step = utf8_length(line);
			good &= step > 0 && (unsigned char) *line >= ' ' && *line != 0x7f;
			step = MAX(step, (size_t) 1);
		}
	ok(good && lines > NAMES, "a terminal is shown %s without a control character: %zu lines", what, lines);
	free(text);
}

static bool
add_event(void *arg, uint64_t seq, const char *line, size_t n)
{
	json_t *event = json_loadb(line, n, 0, NULL);
	size_t *good = arg;

	(void) seq;
	*good += is_harmless(json_string_value(json_object_get(event, "name"))) &&
		 !strchr(json_string_value(json_object_get(event, "text")), '\n');
	json_decref(event);
	return true;
}

/* To the file of events, syslog's sentence, and the API. */
static void
test_events(void)
{
	struct notice_log *l = NULL;
	const char *note = NULL;
	size_t good = 0;

	if (notice_log_open(dir, getegid(), &l, &note) < 0)
		abort();
	for (unsigned i = 0; i < NAMES; i++) {
		struct migration_record r;
		struct notice n;
		char *line = NULL;

		made_up_record(&r, i, 1);
		utf8_clean(r.name, sizeof(r.name), name_of(i));
		utf8_clean(r.reason, sizeof(r.reason), name_of(i));
		derive_record(NOTICE_FAILED, &r, 1e9, &n);
		(void) notice_log_add(l, &n, &line);
		free(line);
		record_done(&r);
	}
	notice_log_close(l);
	ok(notice_log_read(dir, add_event, &good) == 0 && good == NAMES, "events of them are a line of JSON each");
	ok(ask("/api/v1/events", "") == 200 && json_array_size(at("events", NULL)) == NAMES, "as they are in the API");
	test_terminal("events", show_events, body);
}

static void XMLCALL
on_text(void *arg, const XML_Char *text, int n)
{
	strbuf_add(arg, text, (size_t) n);
}

/* True if it is XML; its text without markup in ret. */
static bool
is_xml(const char *text, size_t n, struct strbuf *ret)
{
	XML_Parser p = XML_ParserCreate("UTF-8");
	bool good;

	XML_SetUserData(p, ret);
	XML_SetCharacterDataHandler(p, on_text);
	good = XML_Parse(p, text, (int) n, 1) == XML_STATUS_OK;
	XML_ParserFree(p);
	return good;
}

/* xapi's plugin hands the whole answer over as one string. */
static void
test_plugin(void)
{
	struct strbuf b = {NULL, 0, 0}, text = {NULL, 0, 0};
	json_t *inside;

	(void) ask("/api/v1/domains", "");
	xmlrpc_success(&b, reply.body.text);
	ok(is_xml(b.text, b.n, &text), "the plugin's reply is XML");
	inside = text.text && strchr(text.text, '{') ? json_loads(strchr(text.text, '{'), JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	ok(json_equal(inside, body), "with the same answer in it");
	json_decref(inside);
	strbuf_done(&b);
	strbuf_done(&text);
	for (size_t i = 0; i < NAMES; i++) {
		const char *words[] = {"XENSCOPE_BAD_ARGUMENT", name_of(i)};

		strbuf_done(&b);
		xmlrpc_failure(&b, words, 2);
		if (!is_xml(b.text, b.n, &text))
			break;
	}
	ok(is_xml(b.text, b.n, &text), "so is one that refuses them as they are");
	strbuf_done(&b);
	strbuf_done(&text);
}

/* xcp-rrdd's formats name domains by UUID alone. */
static void
test_rrdd(void)
{
	_cleanup_(freep) char *uuid = xasprintf("uuid=%s", s->domain[1].uuid);
	const struct {
		const char *path, *query;
	} asked[] = {{"/rrd_updates", "host=true&start=-60"}, {"/host_rrd", ""}, {"/vm_rrd", uuid}};

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		struct strbuf text = {NULL, 0, 0};
		char *json = xasprintf("%s%sjson=true", asked[i].query, *asked[i].query ? "&" : "");

		ok(ask(asked[i].path, asked[i].query) == 200 && is_xml(reply.body.text, reply.body.n, &text) &&
			!strstr(reply.body.text, "script") && !strstr(reply.body.text, "passwd"),
		    "%s is XML without a name of theirs", asked[i].path);
		ok(ask(asked[i].path, json) == 200 && body, "and JSON");
		strbuf_done(&text);
		free(json);
	}
}

/* Each line is a comment or a sample whose labels are quoted and escaped. */
static void
test_metrics(bool openmetrics)
{
	static const char sample[] = "^[a-z_]+(\\{([a-z_]+=\"([^\"\\\n]|\\\\[\\n\"])*\"[,}])+)? [-+0-9.eEaNInf]+$";
	struct strbuf b = {NULL, 0, 0};
	size_t infos = 0, wrong = 0;
	regex_t re;
	char *rest, *line;

	if (regcomp(&re, sample, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	openmetrics_write(&b, s, openmetrics, SHOW_DEVICES);
	rest = b.text;
	while ((line = strsep(&rest, "\n")) != NULL && rest) {
		bool comment = strncmp(line, "# TYPE ", 7) == 0 || strncmp(line, "# HELP ", 7) == 0 ||
			       (openmetrics && strncmp(line, "# UNIT ", 7) == 0) ||
			       (openmetrics && strcmp(line, "# EOF") == 0 && !*rest);

		if (!comment && regexec(&re, line, 0, NULL, 0) != 0) {
			printf("# %s\n", line);
			wrong++;
		}
		infos += strncmp(line, "xenscope_domain_info{", 21) == 0;
	}
	ok(wrong == 0 && infos == NAMES, "%s is whole, with a line for each of them",
	    openmetrics ? "OpenMetrics" : "Prometheus' text");
	regfree(&re);
	strbuf_done(&b);
}

/* Files in the directory; each is named by a UUID if that is wanted. */
static size_t
count_files(const char *path, bool uuids)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char uuid[UUID_SIZE];
	size_t n = 0;

	while (d && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (uuids && strlen(e->d_name) >= UUID_SIZE - 1) {
			e->d_name[UUID_SIZE - 1] = '\0';
			n += parse_uuid(e->d_name, uuid) < 0 ? 1000 : 0;
		}
	}
	if (d)
		(void) closedir(d);
	return n;
}

static void
test_files(void)
{
	char *clean = xasprintf("rm -r %s", dir), *vm = xasprintf("%s/vm", dir);
	struct store *store;

	if (store_open(dir, 5, getegid(), &store) < 0)
		abort();
	(void) store_write(store, s);
	store_close(store);
	test_rrdd();
	ok(count_files(vm, true) == NAMES, "RRD files are named by UUIDs: %zu", count_files(vm, true));
	ok(system(clean) == 0, "the test clears up");
	free(clean);
	free(vm);
}

int
main(void)
{
	if (!mkdtemp(dir))
		abort();
	collect();
	test_json();
	test_problem();
	test_migrations();
	test_export(EXPORT_CSV);
	test_export(EXPORT_JSONL);
	test_terminal("migrations", show_migrations, body);
	(void) ask("/api/v1/domains", "");
	test_terminal("domains", show_domains, body);
	test_events();
	test_plugin();
	test_metrics(true);
	test_metrics(false);
	test_files();
	view_done(&view);
	json_decref(body);
	reply_done(&reply);
	end();
	return done_testing();
}
