/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/loop.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/util.h"
#include "config/config.h"
#include "tests/tap.h"

static void
test_parse(void)
{
	uint64_t v = 7;
	double s;
	bool yes;
	char uuid[37], again[37];
	uint8_t bytes[16];

	ok(parse_u64("42", 0, 100, &v) == 0 && v == 42, "a number is read");
	ok(parse_u64("101", 0, 100, &v) == -ERANGE && v == 42, "one outside its range is refused and changes nothing");
	ok(parse_u64("-1", 0, 100, &v) == -EINVAL, "a sign is refused");
	ok(parse_u64("", 0, 100, &v) == -EINVAL, "an empty text is refused");
	ok(parse_u64("1 ", 0, 100, &v) == -EINVAL, "what follows a number is refused");
	ok(parse_u64("99999999999999999999999", 0, UINT64_MAX, &v) == -ERANGE, "a number too large for 64 bits is refused");
	ok(parse_bool("on", &yes) == 0 && yes, "on is yes");
	ok(parse_bool("maybe", &yes) == -EINVAL, "maybe is neither");
	ok(parse_seconds("-1.5", &s) == 0 && s == -1.5, "seconds may be negative");
	ok(parse_seconds("1e999", &s) == -EINVAL, "infinite seconds are refused");
	ok(parse_seconds("nan", &s) == -EINVAL, "NaN seconds are refused");
	ok(parse_uuid("0123456F-89AB-cdef-0123-456789abcdef", uuid) == 0 &&
	    strcmp(uuid, "0123456f-89ab-cdef-0123-456789abcdef") == 0, "a UUID is read and made lower case");
	uuid_bytes(uuid, bytes);
	uuid_format(bytes, again);
	ok(bytes[3] == 0x6f && strcmp(again, uuid) == 0, "its bytes give it again");
	ok(parse_uuid("../../../../../../../../etc/passwd-x", uuid) == -EINVAL, "a path of 36 characters is no UUID");
}

static bool
is_time(const char *text, double want)
{
	double t = -1;

	return parse_time(text, 1000, &t) == 0 && fabs(t - want) < 1e-6;
}

static void
test_times(void)
{
	static const char *const bad[] = {"", "now", "2026-11-03", "2026-11-03T12:00:00", "2026-02-29T12:00:00Z",
	    "2026-13-01T12:00:00Z", "2026-11-03T24:00:00Z", "2026-11-03T12:00:00Zx", "2026-11-03T12:00:00+0100",
	    "2026-11-03T12:00:00.Z", "26-11-03T12:00:00Z", "1969-12-31T23:59:59Z", "0x10", "1 "};
	double t = 7;

	ok(is_time("1793870100.5", 1793870100.5) && is_time("0", 0), "a time is a number of seconds");
	ok(is_time("-60", 940), "a negative one is before now");
	ok(is_time("2026-11-03T12:00:00Z", 1793707200) && is_time("2026-11-03 12:00:00z", 1793707200),
	    "RFC 3339 has it in UTC");
	ok(is_time("2026-11-03T12:00:00.25+01:30", 1793701800.25) && is_time("2026-11-03T12:00:00-00:30", 1793709000),
	    "and with an offset and a fraction");
	ok(is_time("2026-11-03T12:00:00 01:00", 1793703600), "a plus that a query made a space is one");
	ok(is_time("2024-02-29T23:59:60Z", 1709251200), "leap days and leap seconds are there");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(parse_time(bad[i], 1000, &t) == -EINVAL && t == 7, "\"%s\" is no time", bad[i]);
}

static void
test_words(void)
{
	static const char *const word[] = {"out", NULL, "in", "save"};
	static const struct words words = {word, ARRAY_SIZE(word)};
	char list[32], cut[9];
	uint32_t set = 0;

	ok(parse_words("save,out", &words, &set) == 0 && set == 9, "words make a set");
	ok(parse_words("sav", &words, &set) == -EINVAL && parse_words("saver", &words, &set) == -EINVAL &&
	    parse_words("", &words, &set) == -EINVAL && parse_words("in,", &words, &set) == -EINVAL && set == 9,
	    "others are refused and change nothing");
	words_list(&words, list, sizeof(list));
	words_list(&words, cut, sizeof(cut));
	ok(strcmp(list, "out, in, save") == 0 && strcmp(cut, "out, in,") == 0, "they are listed");
}

static void
test_text(void)
{
	struct strbuf b = {NULL, 0, 0};
	char name[8];

	utf8_clean(name, sizeof(name), "a\n\xff\xc3\xa9");
	ok(strcmp(name, "a??\xc3\xa9") == 0, "control characters and broken UTF-8 become question marks");
	utf8_clean(name, sizeof(name), "abcdef\xe2\x82\xac");
	ok(strcmp(name, "abcdef") == 0, "a cut falls between two characters");
	ok(utf8_length("\xed\xa0\x80") == 0, "a surrogate is not UTF-8");
	ok(utf8_length("\xc0\x80") == 0, "an overlong form is not UTF-8");
	strbuf_label(&b, "a\"b\\c\nd\x01\xff");
	ok(strcmp(b.text, "a\\\"b\\\\c\\nd" UTF8_REPLACEMENT UTF8_REPLACEMENT) == 0, "a label's value is escaped");
	strbuf_done(&b);
	strbuf_number(&b, 0.1);
	strbuf_str(&b, " ");
	strbuf_number(&b, 1e15);
	strbuf_str(&b, " ");
	strbuf_number(&b, NAN);
	ok(strcmp(b.text, "0.1 1e+15 NaN") == 0, "numbers are short and exact: %s", b.text);
	strbuf_done(&b);
	strbuf_integer(&b, 0);
	strbuf_integer(&b, INT64_MIN);
	strbuf_integer(&b, INT64_MAX);
	ok(strcmp(b.text, "0-92233720368547758089223372036854775807") == 0, "integers are written whole: %s", b.text);
	strbuf_done(&b);
}

/* As printf writes them, with the fewest digits of 15, 16 and 17 that read back. */
static bool
is_shortest(double v)
{
	struct strbuf b = {NULL, 0, 0};
	char text[32];
	bool same;

	for (int digits = 15; digits <= 17; digits++) {
		(void) snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	strbuf_number(&b, v);
	same = strcmp(b.text, text) == 0;
	if (!same)
		ok(0, "%s is written as %s", text, b.text);
	strbuf_done(&b);
	return same;
}

static void
test_numbers(void)
{
	static const double some[] = {0, -0.0, 1, -1, 0.5, 1e-4, 9.9999999999999991e-05, 0.00013259, 999999999999999,
	    1e15, 8192, 4503599627370496.5, 2600000000, 1795426259.5699444, 7.673493385314941, 0.1 + 0.2, -1795426259.5,
	    5e-324, DBL_MAX, DBL_MIN, 1.0 / 3, 2.0 / 3e4, 0.30000000000000004, 123456789012345.67};
	uint64_t state = 88172645463325252u; /* xorshift, so that each run has the same */
	bool same = true;

	for (size_t i = 0; i < ARRAY_SIZE(some); i++)
		same = is_shortest(some[i]) && same;
	ok(same, "a number is written as printf does, if that took the fewest digits");
	for (int e = -20; e < 60 && same; e++) /* on both sides of each power of two, where doubles lie unevenly */
		same = is_shortest(ldexp(1, e)) && is_shortest(nextafter(ldexp(1, e), 0)) &&
		    is_shortest(-nextafter(ldexp(1, e), 1e300));
	ok(same, "around the powers of two");
	for (int i = 0; i < 30000 && same; i++) {
		double v;

		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		v = (double) (state >> 11) * 0x1p-53;
		same = is_shortest(1.8e9 + v * 1e6) && is_shortest(v * 10) && is_shortest(v / 100) &&
		    is_shortest(v * 1e15) && is_shortest((double) (state >> 40) / 1e6) &&
		    is_shortest((double) (state >> 14) / 1e9);
	}
	ok(same, "times, durations and others at random");
}

static void
test_config(void)
{
	struct config c;
	char why[256];

	config_init(&c);
	ok(config_number(&c, OPTION_step) == 5, "options have defaults");
	ok(config_set(&c, "step", "10") == 0 && config_number(&c, OPTION_step) == 10, "an option is set");
	ok(config_set(&c, "step", "0") == -ERANGE && config_number(&c, OPTION_step) == 10, "a value outside the range is refused");
	ok(config_set(&c, "stepp", "1") == -ENOENT, "an unknown option is refused");
	config_explain("stepp", -ENOENT, why, sizeof(why));
	ok(strstr(why, "\"stepp\"") && strstr(why, "--dump-config"), "and the message names it and the way out: %s", why);
	config_done(&c);
}

static struct loop *loop;
static int fd, calls;

static void
take_a_rest(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg, (void) events, (void) now;
	calls++;
	loop_rest(loop, fd, 0.05);
	loop_rest(loop, fd, 0.001); /* it rests already */
}

static void
stop(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg, (void) events, (void) now;
	loop_stop(loop, 7);
}

static void
count(void *arg, uint32_t events, const struct tick *now)
{
	(void) events, (void) now;
	(*(int *) arg)++;
}

static void
test_timers(void)
{
	int n = 0, id, timer;

	ok(loop_new(&loop) == 0, "there is a loop for timers");
	id = loop_every(loop, 0.001, 0, count, &n);
	timer = loop_every(loop, 0.05, 1, stop, NULL);
	ok(loop_run(loop) == 7 && n == 1, "a timer without a period comes once: %d", n);
	loop_again(loop, id, 0.001);
	loop_again(loop, -1, 0);
	loop_again(loop, timer, 0.05);
	ok(loop_run(loop) == 7 && n == 2, "and again when it is told to: %d", n);
	loop_free(loop);
}

static void
test_ticks(void)
{
	char text[TIME_TEXT_SIZE];
	double due = 0;

	ok(tick_delay(&due, 5, 100) == 0 && due == 105, "the first tick begins the grid");
	ok(tick_delay(&due, 5, 105.5) == 0.5 && due == 110, "one that comes late does not move it");
	ok(tick_delay(&due, 5, 109.9) == 0 && due == 115, "none is early");
	ok(tick_delay(&due, 5, 127) == 12 && due == 130, "those that were missed do not come");
	time_text(1793873472.9, text);
	ok(strcmp(text, "2026-11-05T10:11:12Z") == 0, "a time as RFC 3339 has it: %s", text);
	time_text(NAN, text);
	ok(!*text, "no time is no text");
	time_text(1e300, text);
	ok(!*text, "nor is one that no calendar has");
	time_text(-1, text);
	ok(!*text, "or one before 1970");
}

static void
test_rest(void)
{
	int timer;

	ok(loop_new(&loop) == 0, "there is a loop");
	fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); /* readable for good */
	ok(loop_add(loop, fd, EPOLLIN, take_a_rest, NULL) == 0, "a descriptor is watched");
	timer = loop_every(loop, 0.13, 1, stop, NULL);
	ok(loop_run(loop) == 7 && calls >= 2 && calls <= 3, "one that rests is not called all the time: %d", calls);
	loop_remove(loop, fd);
	calls = 0;
	loop_cancel(loop, timer);
	timer = loop_every(loop, 0.08, 1, stop, NULL);
	ok(loop_run(loop) == 7 && calls == 0, "removed while it rests it is not called again");
	loop_rest(loop, fd, 1);
	loop_rest(loop, -1, 1);
	loop_cancel(loop, timer);
	loop_free(loop);
	closep(&fd);
}

int
main(void)
{
	test_parse();
	test_times();
	test_words();
	test_text();
	test_numbers();
	test_config();
	test_timers();
	test_ticks();
	test_rest();
	return done_testing();
}
