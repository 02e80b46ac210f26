/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/tick.h"
#include "base/utf8.h"
#include "base/util.h"
#include "plugin/xapi/methods.h"
#include "plugin/xapi/page.h"
#include "plugin/xapi/xmlrpc.h"
#include "tests/tap.h"

#define SESSION "<param><value>OpaqueRef:1</value></param>"
#define CALL(method, members)                                                                      \
	"<methodCall><methodName>" method "</methodName><params>" SESSION                          \
	"<param><value><struct>" members "</struct></value></param></params></methodCall>"
#define MEMBER(name, value) "<member><name>" name "</name><value>" value "</value></member>"

static char *
golden(const char *name)
{
	_cleanup_(freep) char *path =
	    xasprintf("%s/tests/golden/xapi-plugin/%s", getenv("srcdir"), name);
	char *text;

	if (file_read(path, MAX_CALL, &text, NULL) < 0) {
		printf("Bail out! cannot read %s\n", path);
		exit(1);
	}
	return text;
}

static int
parse(const char *text, struct xmlrpc_call *call, char why[160])
{
	*call = (struct xmlrpc_call){.method = NULL};
	why[0] = '\0';
	return xmlrpc_parse(text, strlen(text), call, why, 160);
}

static void
test_golden_calls(void)
{
	static const struct {
		const char *file, *method;
		size_t n;
	} calls[] = {
	    {"success.request.xml", "main", 2},
	    {"success-no-arguments.request.xml", "main", 0},
	    {"success-python-request.request.xml", "main", 2},
	    {"exception.request.xml", "bad", 2},
	    {"failure-own-code.request.xml", "fail", 2},
	    {"unknown-function.request.xml", "nosuch", 2},
	    {"value-not-a-string.request.xml", "notstr", 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		_cleanup_(freep) char *text = golden(calls[i].file);
		_cleanup_(xmlrpc_call_done) struct xmlrpc_call c;
		char why[160];
		int r = parse(text, &c, why);

		ok(r == 0 && strcmp(c.method, calls[i].method) == 0 && c.n_arguments == calls[i].n,
		    "%s is read: %s", calls[i].file, why);
		if (r == 0 && c.n_arguments == 2)
			ok(strcmp(c.argument[0].name, "a") == 0 &&
				strcmp(c.argument[0].value, "1") == 0 &&
				strcmp(c.argument[1].name, "empty") == 0 &&
				strcmp(c.argument[1].value, "") == 0,
			    "its arguments are 1 and the empty string");
	}
}

static void
same_as_golden(const char *file, struct strbuf *b)
{
	_cleanup_(freep) char *want = golden(file);

	ok(strcmp(want, b->text) == 0, "%s is written byte for byte as XenAPIPlugin.py prints it",
	    file);
	strbuf_done(b);
}

static void
test_golden_replies(void)
{
	static const char *const exception[] = {
	    "XENAPI_PLUGIN_FAILURE", "bad", "ValueError", "boom"};
	static const char *const own[] = {"MY_CODE", "p1", "p2"};
	static const char *const unknown[] = {"UNKNOWN_XENAPI_PLUGIN_FUNCTION", "nosuch"};
	struct strbuf b = {NULL, 0, 0};

	xmlrpc_success(&b, "hello <&> [('a', '1'), ('empty', '')]");
	same_as_golden("success.response.xml", &b);
	xmlrpc_success(&b, "hello <&> []");
	same_as_golden("success-no-arguments.response.xml", &b);
	xmlrpc_failure(&b, exception, ARRAY_SIZE(exception));
	same_as_golden("exception.response.xml", &b);
	xmlrpc_failure(&b, own, ARRAY_SIZE(own));
	same_as_golden("failure-own-code.response.xml", &b);
	xmlrpc_failure(&b, unknown, ARRAY_SIZE(unknown));
	same_as_golden("unknown-function.response.xml", &b);
	xmlrpc_success(&b, "a\x01\xff\xed\xa0\x80\xef\xbf\xbf\xc3\xa9");
	ok(strstr(b.text, "<string>a" UTF8_REPLACEMENT UTF8_REPLACEMENT),
	    "a reply is UTF-8 whatever it is given");
	ok(strstr(b.text, "\xc3\xa9</string>"), "and what is UTF-8 stays");
	strbuf_done(&b);
}

static void
test_forms(void)
{
	_cleanup_(xmlrpc_call_done) struct xmlrpc_call c;
	char why[160];

	ok(parse(CALL("f", MEMBER("n", "a&lt;&#65;<![CDATA[&]]><!-- c -->b")), &c, why) == 0 &&
		strcmp(c.argument[0].value, "a<A&b") == 0,
	    "entities, CDATA and comments are read: %s", why);
	xmlrpc_call_done(&c);
	ok(parse(CALL("f", MEMBER("n", " \n<string> x </string>\n")), &c, why) == 0 &&
		strcmp(c.argument[0].value, " x ") == 0,
	    "white space around <string> is none of the value's: %s", why);
	xmlrpc_call_done(&c);
	ok(parse(CALL("f", MEMBER("n", " x ")), &c, why) == 0 &&
		strcmp(c.argument[0].value, " x ") == 0,
	    "but white space in a bare value is");
	xmlrpc_call_done(&c);
	ok(parse(CALL("f", "<member><value/><name>n</name></member>"), &c, why) == 0 &&
		c.argument[0].value[0] == '\0',
	    "an empty element is the empty string");
}

static void
test_refused(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
	    {"", "no element found"},
	    {"hello", "syntax error"},
	    {"<methodCall>", "no element found"},
	    {"<methodResponse/>", "<methodResponse> stands where"},
	    {"<methodCall/>", "names no function"},
	    {"<methodCall><methodName></methodName></methodCall>", "names no function"},
	    {"<methodCall><methodName>f</methodName></methodCall>", "session and a struct"},
	    {"<methodCall><methodName>f</methodName><params>" SESSION "</params></methodCall>",
		"session and a struct"},
	    {"<methodCall><methodName>f</methodName><params>" SESSION SESSION
	     "</params></methodCall>",
		"session and a struct"},
	    {"<methodCall><methodName>f</methodName><params><param><value><struct/></value></param>"
	     "<param><value><struct/></value></param></params></methodCall>",
		"session and a struct"},
	    {"<methodCall><methodName>f</methodName><methodName>g</methodName></methodCall>",
		"<methodName> is given twice"},
	    {CALL("f", MEMBER("n", "<boolean>1</boolean>")), "an argument is a <boolean>"},
	    {CALL("f", MEMBER("n", "<struct/>")), "an argument is a <struct>"},
	    {CALL("f", MEMBER("n", "x<string>y</string>")), "more than one thing"},
	    {CALL("f", MEMBER("n", "<string>y</string>x")), "text stands where"},
	    {CALL("f", MEMBER("n", "<string>x</string><string>y</string>")), "more than one thing"},
	    {CALL("f", MEMBER("n", "1") MEMBER("n", "2")), "\"n\" is given twice"},
	    {CALL("f", "<member><name>n</name></member>"), "no name or no value"},
	    {CALL("f", "<member><name>n</name><name>m</name><value/></member>"),
		"<name> is given twice"},
	    {CALL("f", "<member><name>n</name><value>1</value><value>2</value></member>"),
		"<value> is given twice"},
	    {CALL("f", "text"), "text stands where"},
	    {CALL("f", "<member a='1'/>"), "<member> has attributes"},
	    {CALL("f", MEMBER("n", "\xff")), "not well-formed"},
	    {CALL("f", MEMBER("n", "&nosuch;")), "undefined entity"},
	    {CALL("f", MEMBER("n", "&#0;")), "reference to invalid character"},
	    {CALL("f", "") "<methodCall/>", "junk after document"},
	    {"<!DOCTYPE methodCall>" CALL("f", ""), "DOCTYPE"},
	    {"<!DOCTYPE m [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
	     "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>" CALL("f", MEMBER("n", "&c;&c;&c;&c;")),
		"DOCTYPE"},
	    {"<!DOCTYPE m SYSTEM \"file:///etc/passwd\">" CALL("f", ""), "DOCTYPE"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct xmlrpc_call c;
		char why[160];

		ok(parse(bad[i].text, &c, why) == -EBADMSG && strstr(why, bad[i].why) && !c.method,
		    "a bad call (%zu) is refused: %s", i, why);
	}
}

static void
test_limits(void)
{
	_cleanup_(strbuf_done) struct strbuf b = {NULL, 0, 0};
	_cleanup_(freep) char *large = xmalloc(MAX_CALL + 2);
	struct xmlrpc_call c;
	char why[160];

	strbuf_str(
	    &b, "<methodCall><methodName>f</methodName><params>" SESSION "<param><value><struct>");
	for (int i = 0; i <= MAX_CALL_ARGUMENTS; i++)
		strbuf_printf(&b, "<member><name>n%d</name><value/></member>", i);
	ok(parse(b.text, &c, why) == -EBADMSG && strstr(why, "more than 32 arguments"),
	    "the arguments are bounded: %s", why);
	memset(large, 'x', MAX_CALL + 1);
	large[MAX_CALL + 1] = '\0';
	ok(parse(large, &c, why) == -EMSGSIZE, "the call is bounded: %s", why);
	strbuf_done(&b);
	strbuf_printf(&b, "<methodCall><methodName>%.65s", large);
	ok(parse(b.text, &c, why) == -EBADMSG && strstr(why, "longer than 64"),
	    "the function's name is bounded: %s", why);
	strbuf_done(&b);
	strbuf_printf(&b,
	    "<methodCall><methodName>f</methodName><params>" SESSION
	    "<param><value><struct><member><name>n</name><value>%.4097s",
	    large);
	ok(parse(b.text, &c, why) == -EBADMSG && strstr(why, "longer than 4096"),
	    "a value is bounded: %s", why);
	strbuf_done(&b);
	for (int i = 0; i < 8000; i++)
		strbuf_str(&b, "<methodCall>");
	ok(parse(b.text, &c, why) == -EBADMSG && strstr(why, "stands where"),
	    "the depth is bounded: %s", why);
}

/* The reply's words in their order, after `call` was answered with no agent there. */
static void
fails_with(const char *call, const char *code, const char *word, const char *claim)
{
	_cleanup_(strbuf_done) struct strbuf b = {NULL, 0, 0};
	_cleanup_(freep) char *want =
	    xasprintf("<value><array><data>\n<value><string>%s</string></value>\n", code);

	plugin_answer(call, strlen(call), "/nonexistent/http.sock", 0.2, &b);
	ok(strstr(b.text, want) && strstr(b.text, word), "%s: %s", claim, code);
}

static void
test_methods(void)
{
	_cleanup_(strbuf_done) struct strbuf b = {NULL, 0, 0};

	plugin_answer(CALL("version", ""), strlen(CALL("version", "")), "/nonexistent", 0.2, &b);
	ok(strstr(b.text, "Success") && strstr(b.text, PACKAGE_VERSION), "version needs no agent");
	strbuf_done(&b);
	plugin_answer(CALL("help", ""), strlen(CALL("help", "")), "/nonexistent", 0.2, &b);
	ok(strstr(b.text, "Success") && strstr(b.text, "\"limit\""),
	    "help lists functions and their arguments");
	fails_with(CALL("nosuch", ""), "UNKNOWN_XENAPI_PLUGIN_FUNCTION", "nosuch",
	    "an unknown function is named");
	fails_with(CALL("features", MEMBER("x", "1")), "XENSCOPE_BAD_ARGUMENT", "fn=help",
	    "an unknown argument is refused");
	fails_with(
	    CALL("version", MEMBER("x", "1")), "XENSCOPE_BAD_ARGUMENT", "<string>x<", "and named");
	fails_with(CALL("migrations", MEMBER("uuid", "../..")), "XENSCOPE_BAD_ARGUMENT", "no UUID",
	    "a UUID is checked");
	fails_with(CALL("migrations", MEMBER("limit", "0")), "XENSCOPE_BAD_ARGUMENT",
	    "from 1 to 1000", "a number is checked");
	fails_with(CALL("domain", ""), "XENSCOPE_BAD_ARGUMENT", "needs it", "what must be given is asked for");
	fails_with(CALL("migration", MEMBER("id", "a/b")), "XENSCOPE_BAD_ARGUMENT", "no id", "an id is checked");
	fails_with(CALL("version", MEMBER("page", "1")), "XENSCOPE_BAD_ARGUMENT", "fn=help", "what needs no agent has no pages");
	fails_with(CALL("features", MEMBER("version", "xyz")), "XENSCOPE_BAD_ARGUMENT", "first page", "a version is checked");
	fails_with(CALL("features", ""), "XENSCOPE_AGENT_DOWN", "systemctl start",
	    "no agent, and what to do");
	fails_with("<x/>", "XENSCOPE_BAD_REQUEST", "&lt;x&gt; stands where",
	    "what is no call is a failure, too");
}

/* The page of an answer, NULL with *ret_error set. */
static char *
page_of(const char *text, uint64_t number, const char *version, int *ret_error)
{
	struct strbuf b = {NULL, 0, 0};

	*ret_error = page_add(&b, text, strlen(text), &(struct page){number, version});
	return b.text;
}

static void
test_pages(void)
{
	char *whole = xmalloc(MAX_VALUE + 2), *first, *second;
	char version[VERSION_DIGITS + 1] = "";
	unsigned pages = 0;
	int r;

	memset(whole, '"', MAX_VALUE + 1);
	whole[MAX_VALUE + 1] = '\0';
	memcpy(whole + PAGE_BYTES - 2, "\xe2\x82\xac", 3); /* would be cut */
	first = page_of(whole, 1, NULL, &r);
	ok(r == 0 && sscanf(first, "{\"page\":1,\"pages\":%u,\"version\":\"%16[0-9a-f]\",", &pages, version) == 2 && pages == 2,
	    "an answer over 100 kB has pages");
	ok(strlen(first) > PAGE_BYTES * 2 && strcmp(first + strlen(first) - 4, "\\\"\"}") == 0,
	    "a page ends before the character that would be cut, and is quoted");
	second = page_of(whole, 2, version, &r);
	ok(r == 0 && strstr(second, "\"text\":\"\xe2\x82\xac\\\""), "the next one begins with it");
	ok(!page_of(whole, 3, version, &r) && r == -ERANGE, "behind the last there is none");
	ok(!page_of(whole, 2, NULL, &r) && r == -EINVAL, "a later page is not given without the version");
	whole[5] = 'x';
	ok(!page_of(whole, 2, version, &r) && r == -ESTALE, "nor of an answer that has changed");
	whole[MAX_VALUE] = '\0';
	free(first);
	first = page_of(whole, 1, NULL, &r);
	ok(r == 0 && strcmp(first, whole) == 0, "a shorter answer comes as it is");
	free(first);
	free(second);
	free(whole);
}

/* One that lets clients in and then says nothing. */
static void
test_silent_agent(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_(strbuf_done) struct strbuf b = {NULL, 0, 0};
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double began = tick_now().mono;

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/tmp/xenscope-test.%d", (int)getpid());
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1) < 0) {
		printf("Bail out! cannot listen on %s\n", sa.sun_path);
		exit(1);
	}
	plugin_answer(CALL("features", ""), strlen(CALL("features", "")), sa.sun_path, 0.1, &b);
	ok(strstr(b.text, "did not answer within 0.1 s") && tick_now().mono - began < 5,
	    "an agent that says nothing is not waited for longer than asked, and the reply says so");
	(void)unlink(sa.sun_path);
}

int
main(void)
{
	test_golden_calls();
	test_golden_replies();
	test_forms();
	test_refused();
	test_limits();
	test_methods();
	test_pages();
	test_silent_agent();
	return done_testing();
}
