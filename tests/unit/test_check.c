/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What check_xenscope makes of thresholds and of the agent's answers. */
#include <config.h>

#include <errno.h>
#include <math.h>

#include "base/util.h"
#include "plugin/nagios/checks.h"
#include "tests/tap.h"

#define LIVE "\"source\":\"live\",\"stale\":false,\"time_text\":\"2026-11-23T12:00:00Z\""

static void
test_ranges(void)
{
	/* the table of the guidelines, then what a range must not let through */
	static const struct {
		const char *text;
		double quiet[2], alert[2];
	} good[] = {
	    {"10", {0, 10}, {-0.001, 10.001}},
	    {"10:", {10, INFINITY}, {9.999, -1}},
	    {"~:10", {-INFINITY, 10}, {10.001, 11}},
	    {"10:20", {10, 20}, {9.999, 20.001}},
	    {"@10:20", {9.999, 20.001}, {10, 20}},
	    {"@10", {-0.001, 10.001}, {0, 10}},
	    {"0", {0, 0}, {-0.001, 1}},
	    {"-5:-2.5", {-5, -2.5}, {-5.1, -2.4}},
	    {"~:", {-1e300, 1e300}, {NAN, NAN}},
	    {"+.5:1.", {0.5, 1}, {0.4, 1.1}},
	};
	static const char *const bad[] = {"", "@", ":", ":5", "5:4", "a", "5a", "5:a", "1e3", "0x10", "inf", "nan", "~", "~5", "5:~",
	    "1:2:3", " 5", "5 ", "@@5", "1-2", "--5", "-5"};
	struct range r;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ok(range_parse(good[i].text, &r) == 0 && !range_alerts(&r, good[i].quiet[0]) &&
			!range_alerts(&r, good[i].quiet[1]) && (isnan(good[i].alert[0]) || range_alerts(&r, good[i].alert[0])) &&
			(isnan(good[i].alert[1]) || range_alerts(&r, good[i].alert[1])),
		    "%s alerts where the guidelines say so", good[i].text);
	ok(range_parse("0:1", &r) == 0 && !range_alerts(&r, NAN), "what is not known does not alert");
	ok(range_parse("@~:", &r) == 0 && !range_alerts(&r, NAN), "nor does it inside of everything");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(range_parse(bad[i], &r) == -EINVAL, "\"%s\" is no range", bad[i]);
}

static void
test_figures(void)
{
	static const struct figure first = {"first", "s", "1", "2"}, second = {"second", "", "5", NULL};
	struct thresholds t = {.n = 0};
	struct report r = {.service = "X", .thresholds = &t};
	char *bar = printable("a|b\nc\"'");

	ok(strcmp(bar, "a/b\\x0ac\"'") == 0, "no bar and no line end comes through: %s", bar);
	free(bar);
	ok(thresholds_add(&t, "10", STATE_WARNING) == 0 && thresholds_add(&t, "second=@3", STATE_CRITICAL) == 0 &&
		thresholds_add(&t, "secon=1", STATE_CRITICAL) == 0,
	    "thresholds have a figure's name or none");
	ok(thresholds_add(&t, "=1", STATE_WARNING) == -EINVAL && thresholds_add(&t, "a=", STATE_WARNING) == -EINVAL &&
		thresholds_add(&t, "a=b", STATE_WARNING) == -EINVAL,
	    "and a range");
	report_figure(&r, &first, 1.5);
	ok(r.state == STATE_OK && strcmp(r.perf.text, "first=1.5s;10;2;0") == 0, "the user's threshold is in the place of the check's: %s",
	    r.perf.text);
	report_figure(&r, &second, 3);
	ok(r.state == STATE_CRITICAL && strstr(r.perf.text, " second=3;5;@3;0"), "one by a name is of that figure: %s", r.perf.text);
	ok(report_unused(&r) == &t.item[2], "the one of no figure is found");
	report_figure(&r, &second, NAN);
	report_figure(&r, &second, 1e99);
	report_figure(&r, &second, -0.25);
	report_figure(&r, &second, 100);
	report_figure(&r, &second, 1e-9);
	ok(strstr(r.perf.text, " second=U;5;@3;0 second=1000000000000000;5;@3;0 second=-0.25;5;@3;0 second=100;5;@3;0 second=0;"),
	    "numbers have no exponents, what is not known is U: %s", r.perf.text);
	report_state(&r, STATE_WARNING);
	ok(r.state == STATE_CRITICAL, "the worst state stays");
	for (int i = 0; i < MAX_THRESHOLDS - 3; i++)
		(void) thresholds_add(&t, "1", STATE_WARNING);
	ok(thresholds_add(&t, "1", STATE_WARNING) == -E2BIG, "there is an end to thresholds");
	report_done(&r);
}

/* Judges an answer: whether the state, the text and what is behind it are these. */
static void
judge(const struct check *c, const char *answer, enum state state, const char *said, const char *perf, const char *claim)
{
	json_t *o = json_loads(answer, 0, NULL);
	struct thresholds t = {.n = 0};
	struct report r = {.service = "X", .thresholds = &t};

	check_answer(c, o, &r);
	ok(r.state == state && r.text.n && strstr(r.text.text, said) && strstr(r.perf.n ? r.perf.text : "", perf),
	    "%s: %u: %s | %s", claim, (unsigned) r.state, r.text.text, r.perf.n ? r.perf.text : "");
	report_done(&r);
	json_decref(o);
}

#define GUESTS ",\"domains\":[{\"kind\":\"pv\",\"features\":{\"smap\":{\"active\":\"no\"}}}," \
	"{\"kind\":\"hvm\",\"name\":\"a|b\",\"features\":{\"smap\":{\"exposed\":\"yes\",\"active\":\"no\"}}}," \
	"{\"kind\":\"pvh\",\"features\":{\"smap\":{\"active\":\"yes\"}}},{\"kind\":\"hvm\"}]"

static void
test_features(void)
{
	static const struct check smap = {.kind = CHECK_FEATURE, .feature = "smap"}, pml = {.kind = CHECK_PML};

	judge(&smap, "{" LIVE ",\"features\":{\"smap\":{\"xen\":\"yes\"}}" GUESTS "}", STATE_OK, "1 on, 1 off, 1 unknown",
	    "guests_off=1;;;0 guests_on=1;;;0 guests_unknown=1;;;0 xen=1;;;0", "a feature that is on");
	judge(&smap, "{" LIVE ",\"features\":{\"smap\":{\"xen\":\"no\",\"reason\":\"a|b\"}}}", STATE_CRITICAL, "off in Xen (a/b)",
	    "xen=0", "one that is off");
	judge(&smap, "{" LIVE ",\"features\":{\"smap\":{\"xen\":\"unknown\"}}}", STATE_UNKNOWN, "not known", "xen=U",
	    "one that nobody knows");
	judge(&smap, "{" LIVE ",\"features\":{\"smep\":{}}}", STATE_UNKNOWN, "it knows pml, smep", "", "one that does not exist");
	judge(&pml, "{" LIVE ",\"pml\":{\"state\":\"in_use\"}}", STATE_OK, "in use", "in_use=1", "PML in use");
	judge(&pml, "{" LIVE ",\"pml\":{\"state\":\"unsupported\"}}", STATE_WARNING, "unsupported", "in_use=0", "PML not there");
	judge(&pml, "{" LIVE ",\"pml\":{\"state\":\"unknown\"}}", STATE_UNKNOWN, "unknown", "in_use=U", "PML not known");
}

static void
test_migrations(void)
{
	static const struct check c = {.kind = CHECK_MIGRATIONS, .minutes = 60};

	judge(&c, "{" LIVE ",\"migrations\":[],\"truncated\":false,\"next\":null}", STATE_OK, "0 in 60 min",
	    "failed=0;;0;0 not_converging=0;0;;0 left_on=0;0;;0 migrations=0;;;0 running=0;;;0 rounds=U;;;0 downtime=U;;;0", "none");
	judge(&c, "{" LIVE ",\"migrations\":[{\"name\":\"a\",\"result\":\"completed\",\"stop_reason\":\"few_dirty\","
	    "\"rounds_begun\":3,\"downtime_seconds\":0.5},{\"result\":\"completed\",\"rounds_begun\":null},{\"direction\":\"probe\"}]}",
	    STATE_OK, "2 in 60 min, <= 3 rounds, <= 0.5 s down", "rounds=3;;;0 downtime=0.5s;;;0", "those that went well");
	judge(&c, "{" LIVE ",\"migrations\":[{\"name\":\"a\",\"result\":\"lost\"},{\"name\":\"b\",\"result\":\"failed\"}]}",
	    STATE_CRITICAL, "2 failed (a, ...)", "failed=2;;0;0", "failed ones, the newest by name");
	judge(&c, "{" LIVE ",\"migrations\":[{\"result\":\"completed\",\"stop_reason\":\"round_limit\"}]}", STATE_WARNING,
	    "1 not converging", "not_converging=1", "one that ended by the limit of rounds");
	judge(&c, "{" LIVE ",\"migrations\":[{\"result\":\"completed\",\"stop_reason\":\"long_round\"}]}", STATE_WARNING,
	    "1 not converging", "not_converging=1", "or by a round that took too long");
	judge(&c, "{" LIVE ",\"migrations\":[{\"result\":\"running\",\"rounds\":[{\"forecast\":{\"converges\":\"yes\"}},"
	    "{\"forecast\":{\"converges\":\"no\"}},{\"forecast\":null}]}]}", STATE_WARNING, "1 not converging, 1 running",
	    "not_converging=1", "one that runs and is not expected to");
	judge(&c, "{" LIVE ",\"migrations\":[{\"result\":\"running\",\"rounds\":[{\"forecast\":{\"converges\":\"no\"}},"
	    "{\"forecast\":{\"converges\":\"yes\"}}]}]}", STATE_OK, "1 running", "not_converging=0", "the last forecast counts");
	judge(&c, "{" LIVE ",\"migrations\":[{\"result\":\"completed\",\"tracking_left_on\":true}]}", STATE_WARNING, "left on by 1",
	    "left_on=1", "tracking that was left on");
	judge(&c, "{" LIVE ",\"migrations\":[],\"next\":\"7\"}", STATE_UNKNOWN, "--minutes", "", "more than one answer holds");
}

static void
test_others(void)
{
	static const struct check overhead = {.kind = CHECK_OVERHEAD}, agent = {.kind = CHECK_AGENT};

	judge(&overhead, "{" LIVE ",\"boots\":[{\"current\":false,\"modes\":[{\"overhead_ratio\":0.9}]},{\"current\":true,\"modes\":["
	    "{\"tracking_mode\":\"pml\",\"estimate\":false,\"overhead_ratio\":0.0125,\"harvest_seconds_per_round\":0.002},"
	    "{\"tracking_mode\":\"npt_wp\",\"estimate\":false,\"overhead_ratio\":null},"
	    "{\"tracking_mode\":\"ept_wp\",\"estimate\":true,\"overhead_ratio\":0.8}]}]}", STATE_OK, "1.25 % by pml",
	    "overhead=1.25%;;;0 harvest=0.002s;;;0", "what this boot measured, no estimates");
	judge(&overhead, "{" LIVE ",\"boots\":[]}", STATE_OK, "not measured", "overhead=U;", "nothing was measured");
	judge(&agent, "{" LIVE ",\"collectors\":[],\"step\":5,\"age_seconds\":2}", STATE_OK, "figures of 2.0 s ago", "age=2s;30;120;0",
	    "an agent that is well");
	judge(&agent, "{" LIVE ",\"collectors\":[{\"name\":\"xenstat\",\"error\":\"gone\"}],\"step\":10,\"age_seconds\":61}",
	    STATE_WARNING, "1 collector errors", "age=61s;60;240;0 collector_errors=1;0;;0", "a collector's error, and late figures");
	judge(&agent, "{" LIVE ",\"collectors\":[],\"age_seconds\":121}", STATE_CRITICAL, "121.0 s", "age=121s", "figures far too old");
	judge(&agent, "{\"source\":\"live\",\"stale\":true,\"collectors\":[]}", STATE_CRITICAL, "has gone", "", "an agent that has gone");
	judge(&overhead, "{\"source\":\"live\",\"stale\":true,\"boots\":[]}", STATE_UNKNOWN, "has gone", "", "which leaves the rest unknown");
	judge(&overhead, "{\"source\":\"replay\",\"boots\":[]}", STATE_OK, "REPLAY", "", "a replay says that it is one");
	judge(&overhead, "{}", STATE_UNKNOWN, "not xenscoped", "", "an answer of something else");
	judge(&overhead, "[]", STATE_UNKNOWN, "not xenscoped", "", "and one that is no object");
}

static void
test_paths(void)
{
	static const char uuid[] = "00000000-0000-4000-8000-000000000001";
	static const struct {
		struct check check;
		const char *path;
	} paths[] = {
	    {{CHECK_MIGRATIONS, NULL, 60, NULL}, "/api/v1/migrations?since=-3600&limit=1000"},
	    {{CHECK_MIGRATIONS, NULL, 1, uuid}, "/api/v1/migrations?since=-60&limit=1000&uuid=00000000-0000-4000-8000-000000000001"},
	    {{CHECK_OVERHEAD, NULL, 60, uuid}, "/api/v1/overhead?uuid=00000000-0000-4000-8000-000000000001"},
	    {{CHECK_AGENT, NULL, 60, NULL}, "/api/v1/host"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char *path = check_path(&paths[i].check);

		ok(strcmp(path, paths[i].path) == 0, "it asks %s", path);
		free(path);
	}
}

int
main(void)
{
	test_ranges();
	test_figures();
	test_features();
	test_migrations();
	test_others();
	test_paths();
	return done_testing();
}
