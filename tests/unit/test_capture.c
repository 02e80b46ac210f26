/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/capture.h"

#include <errno.h>
#include <math.h>

#include "base/file.h"
#include "base/util.h"
#include "hv/answers.h"
#include "hv/dom0_files.h"
#include "tests/tap.h"

#define HEADER "{\"xenscope_capture\":1,\"agent\":\"0\"}\n"
#define BOOT_ID(t, text) "{\"t\":" t ",\"call\":\"boot_id\",\"text\":\"" text "\"}\n"
#define VERSION_BUT(members)                                                                       \
	HEADER "{\"t\":0,\"call\":\"version\"," members                                            \
	       "\"minor\":17,\"extra\":\"\",\"changeset\":\"\","                                   \
	       "\"capabilities\":\"\"}\n"

static FILE *
file_with(const char *text, char path[64])
{
	FILE *f = tmpfile();

	(void) write_all(fileno(f), text, strlen(text));
	(void) snprintf(path, 64, "/proc/self/fd/%d", fileno(f));
	return f;
}

/* Opens a capture with this text. */
static int
open_text(const char *text, struct hv **ret_hv, const char **ret_note)
{
	char path[64];
	FILE *f = file_with(text, path);
	struct tick t = {100, 0};
	int r = hv_replay_open(path, &t, ret_hv, ret_note);

	(void) fclose(f); /* the replay has the file open on its own */
	return r;
}

static void
test_refused(void)
{
	static const struct {
		const char *what, *text;
	} bad[] = {
	    {"nothing", ""},
	    {"an empty line", "\n"},
	    {"words", "hello\n"},
	    {"a number", "17\n"},
	    {"an array", "[1,2]\n"},
	    {"a later version", "{\"xenscope_capture\":2}\n"},
	    {"a header of the wrong kind", "{\"xenscope_capture\":\"1\"}\n"},
	    {"answers without a header", BOOT_ID("0", "x")},
	    {"a line that is not JSON", HEADER "nonsense\n" BOOT_ID("0", "x")},
	    {"a line without a time", HEADER "{\"call\":\"boot_id\",\"text\":\"x\"}\n"},
	    {"a negative time", HEADER BOOT_ID("-1", "x")},
	    {"an endless time", HEADER BOOT_ID("1e300", "x")},
	    {"an infinite time", HEADER BOOT_ID("1e999", "x")},
	    {"a time of the wrong kind", HEADER BOOT_ID("\"0\"", "x")},
	    {"a time that is null", HEADER BOOT_ID("null", "x")},
	    {"a number of 400 digits", HEADER
		"{\"t\":0,\"call\":\"vcpu_cr4\",\"domid\":1,\"vcpu\":0,\"cr4\":"
		"11111111111111111111111111111111111111111111111111111111111111111111111111111111"
		"11111111111111111111111111111111111111111111111111111111111111111111111111111111"
		"11111111111111111111111111111111111111111111111111111111111111111111111111111111"
		"11111111111111111111111111111111111111111111111111111111111111111111111111111111"
		"11111111111111111111111111111111111111111111111111111111111111111111111111111111}"
		"\n"},
	    {"a number of more than 64 bits", HEADER "{\"t\":0,\"call\":\"vcpu_cr4\",\"domid\":1,"
						     "\"vcpu\":0,\"cr4\":18446744073709551616}\n"},
	    {"a negative number where there is none", VERSION_BUT("\"major\":-4,")},
	    {"a fraction where there is none", VERSION_BUT("\"major\":4.5,")},
	    {"a number of more than 32 bits where there are 32",
		VERSION_BUT("\"major\":4294967296,")},
	    {"a text where a number belongs", VERSION_BUT("\"major\":\"4\",")},
	    {"a boolean where a number belongs", VERSION_BUT("\"major\":true,")},
	    {"an object where a number belongs", VERSION_BUT("\"major\":{},")},
	    {"an array where a number belongs", VERSION_BUT("\"major\":[4],")},
	    {"a missing member", VERSION_BUT("")},
	    {"a member that comes twice", VERSION_BUT("\"major\":4,\"major\":4,")},
	    {"an answer before its call", HEADER "{\"t\":0,\"text\":\"x\",\"call\":\"boot_id\"}\n"},
	    {"an answer without its argument",
		HEADER "{\"t\":0,\"call\":\"domain_name\",\"text\":\"x\"}\n"},
	    {"a call that is an event too",
		HEADER "{\"t\":0,\"call\":\"boot_id\",\"event\":\"stage\",\"source\":\"bpf\","
		       "\"text\":\"x\"}\n"},
	    {"a text that is too long",
		HEADER BOOT_ID("0", "0123456789012345678901234567890123456")},
	    {"a text that is a number", HEADER "{\"t\":0,\"call\":\"boot_id\",\"text\":1}\n"},
	    {"a text that is an array", HEADER "{\"t\":0,\"call\":\"boot_id\",\"text\":[]}\n"},
	    {"words that are no numbers",
		HEADER "{\"t\":0,\"call\":\"featureset\",\"set\":\"raw\",\"words\":[\"1\"]}\n"},
	    {"words in an object",
		HEADER "{\"t\":0,\"call\":\"featureset\",\"set\":\"raw\",\"words\":{}}\n"},
	    {"words within words",
		HEADER "{\"t\":0,\"call\":\"featureset\",\"set\":\"raw\",\"words\":[[1]]}\n"},
	    {"a word of more than 32 bits", HEADER
		"{\"t\":0,\"call\":\"featureset\",\"set\":\"raw\",\"words\":[4294967296]}\n"},
	    {"65 words", HEADER "{\"t\":0,\"call\":\"featureset\",\"set\":\"raw\",\"words\":[1,1,1,"
				"1,1,1,1,1,1,1,1,1,1,1,1,1,"
				"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
				"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}\n"},
	    {"a domain that is a number",
		HEADER "{\"t\":0,\"call\":\"xenstat\",\"domains\":[1]}\n"},
	    {"a domain without an id", HEADER "{\"t\":0,\"call\":\"xenstat\",\"domains\":[{}]}\n"},
	    {"a flag that is a number", HEADER
		"{\"t\":0,\"call\":\"xenstat\",\"domains\":[{\"domid\":1,\"has_net\":1}]}\n"},
	    {"a broken UUID",
		HEADER "{\"t\":0,\"call\":\"domain_list\",\"first\":0,\"domains\":[{\"domid\":1,"
		       "\"uuid\":\"00112233445566778899aabbccddeeff\"}]}\n"},
	    {"an endless UUID",
		HEADER "{\"t\":0,\"call\":\"domain_list\",\"first\":0,\"domains\":[{\"domid\":1,"
		       "\"uuid\":\"00112233-4455-6677-8899-aabbccddeeff00112233\"}]}\n"},
	    {"an event without a source", HEADER "{\"t\":0,\"event\":\"stage\",\"pid\":1}\n"},
	    {"a pid beyond its type",
		HEADER "{\"t\":0,\"event\":\"stage\",\"source\":\"bpf\",\"pid\":2147483648}\n"},
	    {"a name of a process that is too long", HEADER
		"{\"t\":0,\"event\":\"stage\",\"source\":\"bpf\",\"comm\":\"0123456789abcdef\"}\n"},
	    {"two objects on a line", HEADER "{} {}\n"},
	    {"an object on two lines", HEADER "{\"t\":0,\n\"call\":\"boot_id\",\"text\":\"x\"}\n"},
	    {"bytes that are not UTF-8", HEADER BOOT_ID("0", "\xff")},
	    {"members nested without end", HEADER "{\"t\":0,\"x\":[[[[[[[[[[]]]]]]]]]]}\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct hv *hv = NULL;
		const char *note = NULL;

		ok(open_text(bad[i].text, &hv, &note) == -EBADMSG && !hv && !note, "%s: refused",
		    bad[i].what);
	}
}

static void
test_accepted(void)
{
	struct hv *hv = NULL;
	const char *note = "";
	char id[37];
	struct tick t = {100, 0};

	ok(open_text(HEADER, &hv, &note) == 0 && !note && hv_replay_length(hv) == 0,
	    "a header alone is a capture");
	ok(hv->ops->boot_id(hv, id) == -ENODATA, "what it does not hold is not invented");
	hv_closep(&hv);

	ok(open_text(HEADER "{\"t\":0,\"call\":\"boot_id\",\"later\":{\"a\":[null,1,{}]},\"text\":"
			    "\"x\",\"more\":null}\n",
	       &hv, &note) == 0 &&
		hv->ops->boot_id(hv, id) == 0 && strcmp(id, "x") == 0,
	    "members of a later version are ignored");
	hv_closep(&hv);

	ok(open_text(VERSION_BUT("\"major\":4,"), &hv, &note) == 0,
	    "what all those lines were but for one thing is accepted");
	hv_closep(&hv);

	ok(open_text(HEADER BOOT_ID("0", "x") "{\"t\":0,\"call\":\"later\",\"text\":1}\n"
					      "{\"t\":0,\"event\":\"later\"}\n{\"t\":0,\"call\":"
					      "\"boot_id\",\"error\":\"ELATER\"}\n{}\n\n",
	       &hv, &note) == 0 &&
		hv->ops->boot_id(hv, id) == 0 && strcmp(id, "x") == 0,
	    "lines with its words too");
	hv_closep(&hv);

	ok(open_text(HEADER BOOT_ID("0", "x")
			 BOOT_ID("1", "y") "{\"t\":1,\"call\":\"boot_id\",\"err",
	       &hv, &note) == 0 &&
		note,
	    "a torn last line is left out, with a note: %s", note);
	t.mono = 101;
	hv_replay_seek(hv, &t);
	ok(hv->ops->boot_id(hv, id) == 0 && strcmp(id, "y") == 0,
	    "and what came before it is played");
	hv_closep(&hv);

	ok(open_text(HEADER BOOT_ID("0", "x") "\x01\x02 after a power cut", &hv, &note) == 0 &&
		note,
	    "whatever is in it");
	hv_closep(&hv);

	ok(open_text(HEADER "{\"t\":0,\"call\":\"boot_id\",\"text\":\"x\",\"error\":\"EIO\"}\n",
	       &hv, &note) == 0 &&
		hv->ops->boot_id(hv, id) == -EIO,
	    "an error is an answer");
	hv_closep(&hv);
}

/* Two captures in one: the host was booted anew. */
static void
test_joined(void)
{
	struct hv *hv = NULL;
	const char *note;
	char id[37], cmdline[MAX_CMDLINE];
	struct tick t = {107, 0};
	struct event e;

	ok(open_text(
	       HEADER BOOT_ID(
		   "0", "first") "{\"t\":5,\"call\":\"cmdline\",\"text\":\"smap=0\"}\n" HEADER
		   BOOT_ID("0",
		       "second") "{\"t\":2,\"event\":\"stage\",\"source\":\"bpf\",\"at\":1.5}\n",
	       &hv, &note) == 0,
	    "captures may be joined");
	ok(hv_replay_length(hv) == 7, "the second begins when the first ends");
	ok(hv->ops->boot_id(hv, id) == 0 && strcmp(id, "first") == 0, "the first boot");
	hv_replay_seek(hv, &t);
	ok(hv->ops->boot_id(hv, id) == 0 && strcmp(id, "second") == 0, "is followed by the second");
	ok(hv->ops->cmdline(hv, cmdline) == -ENODATA, "which knows nothing of the first");
	ok(hv_replay_next_event(hv, &e) == 0 && fabs(e.at - 106.5) < 1e-9,
	    "its events' stamps move with it");
	hv_closep(&hv);
}

static void
test_limits(void)
{
	struct answers a = {NULL, 0, 0};
	struct strbuf b = {NULL, 0, 0};
	struct hv *hv = NULL;
	const char *note;
	struct event e;
	size_t n = 0;
	uint32_t order = 7;

	for (size_t i = 0; i < MAX_CAPTURE_ANSWERS; i++) {
		order = order * 5 + 1; /* each of the numbers below 2^14 once, out of order */
		n += answers_add(&a, CALL_DOMAIN_NAME, order % MAX_CAPTURE_ANSWERS, 0) != NULL;
	}
	ok(n == MAX_CAPTURE_ANSWERS && a.n == n && !answers_add(&a, CALL_VERSION, 0, 0),
	    "there is a limit to the questions");
	ok(answers_add(&a, CALL_DOMAIN_NAME, 77, 0) == answers_find(&a, CALL_DOMAIN_NAME, 77, 0) &&
		!answers_find(&a, CALL_DOMAIN_NAME, 77, 1),
	    "those that are there are found");
	ok(answers_find_below(&a, CALL_DOMAIN_NAME, 1u << 20)->arg[0] == MAX_CAPTURE_ANSWERS - 1 &&
		!answers_find_below(&a, CALL_DOMAIN_LIST, 1u << 20),
	    "the greatest below a number too");
	answers_done(&a);

	strbuf_str(&b, HEADER);
	for (int i = 0; i < 70000; i++)
		strbuf_printf(
		    &b, "{\"t\":%d,\"event\":\"step\",\"source\":\"bpf\",\"done\":%d}\n", i, i);
	ok(open_text(b.text, &hv, &note) == 0, "a capture with 70000 events is played");
	hv_replay_seek(hv, &(struct tick){1e6, 0});
	for (n = 0; hv_replay_next_event(hv, &e) == 0; n++)
		;
	ok(n == 65536 && e.done == 69999, "and if nobody fetches them the oldest are dropped");
	hv_closep(&hv);
	strbuf_done(&b);

	strbuf_str(&b, HEADER);
	for (int i = 0; i <= MAX_CAPTURE_ANSWERS; i++)
		strbuf_printf(
		    &b, "{\"t\":0,\"call\":\"domain_name\",\"domid\":%d,\"text\":\"x\"}\n", i);
	ok(open_text(b.text, &hv, &note) == -EBADMSG,
	    "more different questions than the limit are refused");
	strbuf_done(&b);
}

static void
test_errors(void)
{
	struct hv *hv = NULL;
	const char *note;
	struct tick t = {0, 0};
	char name[32];
	uint32_t e = 0;

	ok(hv_replay_open("/nonexistent", &t, &hv, &note) == -ENOENT,
	    "a capture that is not there is said to be so");
	ok(hv_replay_open("/dev/zero", &t, &hv, &note) == -EBADMSG,
	    "an endless file is no capture");
	ok(hv_replay_open("/", &t, &hv, &note) == -EBADMSG, "nor is a directory");
	capture_error_name(EACCES, name, sizeof(name));
	ok(strcmp(name, "EACCES") == 0 && capture_error_parse(name, &e) == 0 && e == EACCES,
	    "an errno has a name");
	capture_error_name(EMLINK, name, sizeof(name));
	ok(strcmp(name, "errno 31") == 0 && capture_error_parse(name, &e) == 0 && e == EMLINK,
	    "a rare one its number");
	ok(capture_error_parse("errno 0", &e) < 0 && capture_error_parse("errno 4096", &e) < 0 &&
		capture_error_parse("EWHAT", &e) < 0 && e == EMLINK,
	    "others are none");
}

static void
test_dom0_files(void)
{
	char path[64], model[16], id[37], *text = NULL;
	size_t n;
	FILE *f =
	    file_with("processor\t: 0\nmodel name\t: A processor of great length @ 2 GHz\n", path);

	ok(dom0_cpu_model(path, model, sizeof(model)) == 0 && strcmp(model, "A processor of ") == 0,
	    "the CPU's model is found, and cut");
	ok(dom0_boot_id(path, id) == -EBADMSG, "what is no UUID is no boot id");
	ok(dom0_file_tail(path, 6, &text, &n) == 0 && n == 6 && strcmp(text, "2 GHz\n") == 0,
	    "the end of a file is read");
	free(text);
	ok(dom0_file_tail(path, 4096, &text, &n) == 0 && strncmp(text, "processor", 9) == 0,
	    "a short file is read whole");
	free(text);
	(void) fclose(f);
	f = file_with("01234567-89AB-cdef-0123-456789abcdef\n", path);
	ok(dom0_boot_id(path, id) == 0 && strcmp(id, "01234567-89ab-cdef-0123-456789abcdef") == 0,
	    "the boot id is found");
	ok(dom0_cpu_model(path, model, sizeof(model)) == -ENODATA,
	    "a file without a model has none");
	(void) fclose(f);
	ok(dom0_file_tail("/dev/zero", 10, &text, &n) == -EINVAL,
	    "an endless file has no end to read");
	ok(dom0_file_tail("/nonexistent", 10, &text, &n) == -ENOENT &&
		dom0_boot_id("/nonexistent", id) == -ENOENT &&
		dom0_cpu_model("/nonexistent", model, sizeof(model)) == -ENOENT,
	    "a missing file is said to be missing");
}

int
main(void)
{
	test_refused();
	test_accepted();
	test_joined();
	test_limits();
	test_errors();
	test_dom0_files();
	return done_testing();
}
