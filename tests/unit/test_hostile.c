/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <dirent.h>
#include <regex.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "serve/openmetrics.h"
#include "store/store.h"
#include "tests/unit/asking.h"
#include "tests/unit/collected.h"

/* Names that a guest's owner may choose, from xenstore to each output. */

#define LONG 10000

static const char *const names[] = {"quote\"s and 'others' and back\\slash\\", "line\nbreak\r\n# EOF\nxenscope_host_cpus 99\n",
    "</script><script>alert(1)</script>", "a|b;c,d{e}f[g]:h", "%s%n%d ${HOME} $(reboot) `reboot`", "../../../../etc/passwd",
    "-rf", "\x01\x02\x07\x08\x1b[31mred\x7f", "\xff\xfe\xc3\x28 broken", "\xc0\xaf\xe0\x80\xaf overlong", "\xed\xa0\x80 surrogate",
    "\xf4\x90\x80\x80 beyond Unicode", "cut \xf0\x9f\x90", "\xe2\x80\xae right to left \xe5\xae\xbf",
    "{\"uuid\":\"x\"}", "\"id\":\"m-1\"", "NaN", "null", " ", "\t"};
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
	openmetrics_write(&b, s, openmetrics);
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
	test_metrics(true);
	test_metrics(false);
	test_files();
	view_done(&view);
	json_decref(body);
	reply_done(&reply);
	end();
	return done_testing();
}
