/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xcp-rrdd's clients ask for; tests/system/rrd_readers.py reads it as they do. */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "serve/answer.h"
#include "serve/columns.h"
#include "serve/host_uuid.h"
#include "serve/rrdd_text.h"
#include "store/store.h"
#include "tests/made_up.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"

#define HOST "5a0c9b3e-0f6d-4a38-9d6e-1d2f3a4b5c6d"
#define VM(i) "00000000-0000-0000-0000-00000000000" #i

static char dir[] = "/tmp/xenscope-rrdd-XXXXXX";
static struct view view = {.dir = dir, .step = 5};
static struct reply reply;

/* True if the path is answered so. */
static bool
says(unsigned status, const char *path, const char *name, const char *value, const char *part)
{
	struct request q = {.view = &view, .now = tick_now(), .method = "GET", .path = path};

	q.parameter[0] = (struct parameter){"start", "-60"};
	q.parameter[1] = (struct parameter){name, value};
	if (strcmp(path, "/rrd_updates") != 0)
		q.parameter[0] = q.parameter[1];
	q.n_parameters = !name ? 0 : q.parameter[0].name == name ? 1 : 2;
	reply_done(&reply);
	answer(&q, &reply);
	return reply.status == status && strstr(reply.body.text, part);
}

static void
test_text(void)
{
	struct request q = {.view = &view};
	struct reply r = {.status = 200};
	struct rrdd_text t = rrdd_begin(&q, &r);

	rrdd_open(&t, "a", NULL, '{');
	for (int i = 0; i < 5; i++)
		rrdd_value(&t, ((const double[]){NAN, INFINITY, -INFINITY, -0.0, 0.1})[i]);
	rrdd_close(&t, "a", '{');
	ok(strstr(r.body.text, "<a><v>NaN</v><v>Infinity</v><v>-Infinity</v><v>0.0</v><v>0.1</v></a>") &&
		strcmp(r.type, "text/xml") == 0,
	    "numbers are spelled as xcp-rrdd spells them");
	reply_done(&r);
	q.accept = "application/json";
	ok(rrdd_begin(&q, &r).json, "JSON may be asked for by Accept");
	q.n_parameters = 1;
	q.parameter[0] = (struct parameter){"json", "false"};
	ok(!rrdd_begin(&q, &r).json, "json=false is XML all the same");
	reply_done(&r);
}

static void
store_some(void)
{
	struct sample *s = sample_copy(view.sample);
	struct store *store;

	if (store_open(dir, 5, getegid(), &store) < 0)
		abort();
	for (int i = 6; i >= 0; i--) {
		s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = 3;
		s->at.real = view.sample->at.real - 5 * i;
		(void) store_write(store, s);
	}
	store_close(store);
	sample_free(s);
}

static void
test_updates(void)
{
	ok(says(404, "/rrd_updates", "host", "true", "nothing is stored"), "before anything is stored: not found");
	ok(says(404, "/host_rrd", NULL, NULL, "nothing is stored"), "nor is there a file of the host");
	store_some();
	ok(says(200, "/rrd_updates", "host", "true", "<entry>AVERAGE:host:" VM(0) ":domains</entry>"),
	    "a replay's host has no UUID");
	view.sample->replay = false;
	ok(says(200, "/rrd_updates", "host", "true", "<entry>MIN:host:" HOST ":domains</entry>"),
	    "a host is named by its own");
	ok(strstr(reply.body.text, "<v>3</v>"), "values come with it");
	ok(strstr(reply.body.text, "AVERAGE:vm:" VM(0) ":vcpus") && strstr(reply.body.text, "MAX:vm:" VM(2) ":vcpus") &&
		!strstr(reply.body.text, "MIN:vm:"),
	    "all domains are told, without MIN, which is not kept of them");
	ok(strstr(reply.body.text, "AVERAGE:vm:" VM(2) ":rounds") && !strstr(reply.body.text, VM(1) ":rounds"),
	    "what is known of tracking is a domain's, too");
	ok(says(200, "/rrd_updates", "vm_uuid", VM(1), VM(1)) && !strstr(reply.body.text, VM(2)), "or one is");
	ok(says(200, "/rrd_updates", "sr_uuid", "none", "<xport>") && says(200, "/rrd_updates", "session_id", "x", "<xport>"),
	    "what has no meaning here is no error");
	ok(says(400, "/rrd_updates", "cf", "LAST", "cf takes") &&
		says(400, "/rrd_updates", "vm_uuid", "../x", "vm_uuid takes") &&
		says(400, "/rrd_updates", "host", "perhaps", "host takes") &&
		says(400, "/rrd_updates", "interval", "1e9", "interval takes") &&
		says(400, "/host_rrd", "json", "xml", "json takes"),
	    "what is wrong is refused");
	ok(says(404, "/rrd_updates", "vm_uuid", "none", "nothing is stored"), "of nobody there is nothing");
	ok(says(200, "/services/plugin/xenscope/host_rrd", "json", "", "{\"version\":\"0003\",\"step\":\"5\""),
	    "the host's file, also as JSON");
	ok(says(200, "/vm_rrd", "uuid", VM(2), "<name>pages_dirtied</name>"), "a domain's, with what is known of tracking");
	ok(says(404, "/vm_rrd", "uuid", VM(9), "nothing is stored") && says(400, "/vm_rrd", NULL, NULL, "uuid must be"),
	    "none of whom is not there, or not named");
}

static void
test_limit(void)
{
	enum metric_id id[METRIC_COUNT];
	size_t n = columns_stored("", id);
	struct span span = {dir, "MAX", view.sample->at.real - 1700, view.sample->at.real, 0};
	struct columns c = {.n = 0};
	int r = 0, times = 0;

	while (r == 0 && times++ < 10000)
		r = columns_add(&c, &span, "", id, n);
	ok(r == -E2BIG && c.n_values <= MAX_COLUMN_VALUES, "an answer has no more values than its limit");
	columns_done(&c);
	c = (struct columns){.n = 0};
	r = columns_add(&c, &span, "", id, n);
	span.step = 60;
	ok(r == 0 && columns_add(&c, &span, "", id, n) == -EXDEV, "and one step");
	columns_done(&c);
	for (enum metric_id a = M_DOMAIN_FIRST; a < M_DOMAIN_END; a++)
		for (enum metric_id b = M_TRACKING_FIRST; b < M_TRACKING_END; b++)
			times += *metric_table[a].ds && strcmp(metric_table[a].ds, metric_table[b].ds) == 0 ? 100000 : 0;
	ok(times < 100000, "a domain's two files have no name in common");
}

static void
write_file(const char *path, const char *text)
{
	_cleanup_(freep) char *name = xasprintf("%s%s", dir, path);
	FILE *f = fopen(name, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static void
make_dirs(void)
{
	static const char *const parts[] = {"/etc", "/sys", "/sys/class", "/sys/class/dmi", "/sys/class/dmi/id"};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_(freep) char *name = xasprintf("%s%s", dir, parts[i]);

		(void) mkdir(name, 0755);
	}
}

static void
test_uuid(void)
{
	char uuid[UUID_SIZE];

	host_uuid_read(dir, uuid);
	ok(strcmp(uuid, "") == 0, "without a source the host has no UUID");
	make_dirs();
	write_file("/sys/class/dmi/id/product_uuid", "5A0C9B3E-0F6D-4A38-9D6E-1D2F3A4B5C6D\n");
	host_uuid_read(dir, uuid);
	ok(strcmp(uuid, HOST) == 0, "its firmware's is one");
	write_file("/etc/xensource-inventory", "PRODUCT_BRAND='XCP-ng'\nINSTALLATION_UUID='no'\n");
	host_uuid_read(dir, uuid);
	ok(strcmp(uuid, HOST) == 0, "also beside an inventory that cannot be read");
	write_file("/etc/xensource-inventory", "A='b'\nINSTALLATION_UUID='" VM(7) "'\nC='d'\n");
	host_uuid_read(dir, uuid);
	ok(strcmp(uuid, VM(7)) == 0, "xapi's is better");
}

int
main(void)
{

	if (!mkdtemp(dir))
		return 1;
	test_text();
	ok(says(503, "/rrd_updates", "host", "true", "no sample yet") && says(503, "/host_rrd", NULL, NULL, "no sample yet") &&
		says(503, "/vm_rrd", NULL, NULL, "no sample yet"),
	    "before the first sample they say so");
	view_set_sample(&view, made_up_sample(3));
	str_copy(view.host_uuid, sizeof(view.host_uuid), HOST);
	test_updates();
	test_limit();
	test_uuid();
	reply_done(&reply);
	view_done(&view);
	remove_tree(dir);
	return done_testing();
}
