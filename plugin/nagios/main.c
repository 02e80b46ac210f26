/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_xenscope: a plugin of Nagios, Icinga and those that start the same plugins. */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>

#include "base/https_get.h"
#include "base/parse.h"
#include "base/tick.h"
#include "base/tokens.h"
#include "base/util.h"
#include "plugin/nagios/checks.h"

#define DEFAULT_URL "unix:/run/xenscope/http.sock"
#define DEFAULT_SECONDS 10
#define DEFAULT_MINUTES 60
#define MAX_MINUTES (366 * 24 * 60)
#define FEATURE_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define MAX_FEATURE 32
#define STATUS_UNAUTHORIZED 401

struct options {
	struct check check;
	struct thresholds thresholds;
	struct https_target target;
	const char *token_file;
	uint64_t seconds;
	unsigned verbose;
	char uuid[37];
};

static const char usage[] =
    "Usage: check_xenscope CHECK [OPTION]...\n"
    "Tells Nagios, Icinga and their like what the xenscope agent of a Xen host knows.\n\n"
    "Checks:\n"
    "  --feature NAME         smap, smep, ... or pml: critical if Xen runs without it; pml: warning\n"
    "  --migrations           failed: critical; not converging, dirty tracking left on: warning\n"
    "  --overhead             what dirty tracking cost the guests of their CPU time, in per cent\n"
    "  --agent                the agent itself: its age, errors of its collectors\n\n"
    "Options:\n"
    "  -w, --warning [FIGURE=]RANGE, -c, --critical [FIGURE=]RANGE\n"
    "                         of the check's first figure, or of this one; may be repeated\n"
    "  --minutes N            migrations: of the last N minutes (60)\n"
    "  --uuid UUID            migrations, overhead: only of this VM\n"
    "  -H, --host URL         https://HOST[:PORT], or " DEFAULT_URL " (default)\n"
    "  --token-file FILE      with the token for a host of https\n"
    "  --ca FILE              certificates to trust there, as PEM; else the system's\n"
    "  -t, --timeout N        seconds for all of it (10)\n"
    "  -v, --verbose          a line for each thing; -vv: and what was asked; -vvv: and the answer\n"
    "  -V, --version, -h, --help\n\n"
    "RANGE: [@]start:end, ~ is minus infinity; alerts outside of it, with @ inside.\n"
    "Exit status: 0 ok, 1 warning, 2 critical, 3 unknown. See check_xenscope(8).\n";

static const struct option option_list[] = {{"feature", required_argument, NULL, 'f'},
    {"migrations", no_argument, NULL, 'm'}, {"overhead", no_argument, NULL, 'o'}, {"agent", no_argument, NULL, 'a'},
    {"warning", required_argument, NULL, 'w'}, {"critical", required_argument, NULL, 'c'},
    {"minutes", required_argument, NULL, 'n'}, {"uuid", required_argument, NULL, 'u'},
    {"host", required_argument, NULL, 'H'}, {"token-file", required_argument, NULL, 'T'},
    {"ca", required_argument, NULL, 'C'}, {"timeout", required_argument, NULL, 't'},
    {"verbose", no_argument, NULL, 'v'}, {"version", no_argument, NULL, 'V'}, {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

static char late[128]; /* said by the alarm */

static void
on_alarm(int signal)
{
	(void) signal;
	(void) !write(STDOUT_FILENO, late, strlen(late));
	_exit(STATE_UNKNOWN);
}

/* Before a check is known to be one: Nagios shows what stands on standard output. */
static int __attribute__((format(printf, 1, 2)))
refuse(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void) fputs("XENSCOPE UNKNOWN: ", stdout);
	(void) vprintf(format, ap);
	(void) fputs("; check_xenscope --help\n", stdout);
	va_end(ap);
	return STATE_UNKNOWN;
}

static int
set_check(struct options *o, enum check_kind kind, const char *feature)
{
	if (o->check.kind)
		return refuse("one check at a time");
	if (feature && (!*feature || strlen(feature) > MAX_FEATURE ||
			   strspn(feature, FEATURE_CHARACTERS) != strlen(feature)))
		return refuse("--feature takes a name like smap or pml");
	o->check.kind = feature && strcmp(feature, "pml") == 0 ? CHECK_PML : kind;
	o->check.feature = feature;
	return -1;
}

static int
set_threshold(struct options *o, const char *text, enum state state)
{
	int r = thresholds_add(&o->thresholds, text, state);
	_cleanup_(freep) char *shown = printable(text);

	if (r < 0)
		return r == -E2BIG ? refuse("more than %d thresholds", MAX_THRESHOLDS)
				   : refuse("\"%s\" is no [FIGURE=]RANGE like 5, 10:, ~:20 or @1:2", shown);
	return -1;
}

/* -1: go on; else the exit status. */
static int
set_option(struct options *o, int c)
{
	uint64_t minutes;

	switch (c) {
	case 'f':
		return set_check(o, CHECK_FEATURE, optarg);
	case 'm':
		return set_check(o, CHECK_MIGRATIONS, NULL);
	case 'o':
		return set_check(o, CHECK_OVERHEAD, NULL);
	case 'a':
		return set_check(o, CHECK_AGENT, NULL);
	case 'w':
		return set_threshold(o, optarg, STATE_WARNING);
	case 'c':
		return set_threshold(o, optarg, STATE_CRITICAL);
	case 'n':
		if (parse_u64(optarg, 1, MAX_MINUTES, &minutes) < 0)
			return refuse("--minutes takes a number from 1 to %d", MAX_MINUTES);
		o->check.minutes = (unsigned) minutes;
		return -1;
	case 'u':
		if (parse_uuid(optarg, o->uuid) < 0)
			return refuse("--uuid takes the UUID of a VM");
		o->check.uuid = o->uuid;
		return -1;
	case 'H':
		o->target.url = optarg;
		return -1;
	case 'T':
		o->token_file = optarg;
		return -1;
	case 'C':
		o->target.ca = optarg;
		return -1;
	case 't':
		return parse_u64(optarg, 1, 600, &o->seconds) < 0 ? refuse("--timeout takes seconds, 1 to 600") : -1;
	case 'v':
		o->verbose++;
		return -1;
	case 'V':
		(void) puts("check_xenscope " PACKAGE_VERSION);
		return STATE_UNKNOWN;
	case 'h':
		(void) fputs(usage, stdout);
		return STATE_UNKNOWN;
	case ':':
		return refuse("an option lacks its value");
	default:
		return refuse("there is no such option");
	}
}

static int
parse_options(int argc, char **argv, struct options *o)
{
	int c, status = -1;

	opterr = 0;
	while (status < 0 && (c = getopt_long(argc, argv, ":w:c:H:t:vVh", option_list, NULL)) != -1)
		status = set_option(o, c);
	if (status >= 0)
		return status;
	if (optind < argc)
		return refuse("an argument that is no option");
	if (o->check.kind == CHECK_NONE)
		return refuse("no check: --feature NAME, --migrations, --overhead or --agent");
	if (o->check.uuid && o->check.kind != CHECK_MIGRATIONS && o->check.kind != CHECK_OVERHEAD)
		return refuse("--uuid is for --migrations and --overhead");
	return -1;
}

/* An agent that does not answer is what --agent is there for; else nothing is known of what was asked. */
static void
explain(const struct options *o, int error, const char *why, struct report *r)
{
	_cleanup_(freep) char *url = printable(o->target.url), *reason = printable(why);

	report_state(r, o->check.kind == CHECK_AGENT && error != -EINVAL && error != -EPERM && error != -EACCES &&
				error != -EKEYREJECTED && error != -ENOSYS
			    ? STATE_CRITICAL
			    : STATE_UNKNOWN);
	if (*reason)
		report_text(r, "%s: %s", url, reason);
	else if (error == -EINVAL || error == -EPERM)
		report_text(r, "%s: not https://HOST, unix:/PATH or http://127.0.0.1", url);
	else if (error == -ETIMEDOUT)
		report_text(r, "%s: no answer within %u s", url, (unsigned) o->seconds);
	else if (error == -EBADMSG || error == -ECONNRESET || error == -EFBIG)
		report_text(r, "%s: no whole answer of xenscoped", url);
	else if (error == -EACCES)
		report_text(r, "%s: not allowed: add this user to the group xenscope", url);
	else
		report_text(r, "%s: %s; is it running? systemctl status xenscoped", url, strerror(-error));
}

static void
explain_status(const struct options *o, unsigned status, const json_t *answer, struct report *r)
{
	const char *detail = json_string_value(json_object_get(answer, "detail"));
	_cleanup_(freep) char *said = printable(detail ? detail : "no reason given");

	report_state(r, o->check.kind == CHECK_AGENT && status >= 500 ? STATE_CRITICAL : STATE_UNKNOWN);
	if (status == STATUS_UNAUTHORIZED)
		report_text(r, "%s", o->token_file ? "the agent does not know the token in --token-file"
						  : "the agent wants a token: --token-file");
	else
		report_text(r, "the agent answers %u: %s", status, said);
}

static void
run(const struct options *o, struct report *r)
{
	_cleanup_(freep) char *path = check_path(&o->check), *body = NULL;
	double began = tick_now().mono;
	char why[HTTPS_WHY];
	unsigned status = 0;
	size_t n = 0;
	int error = https_get(&o->target, path, (double) o->seconds, &status, &body, &n, why);
	json_t *answer = error < 0 ? NULL : json_loadb(body, n, 0, NULL);

	if (error < 0)
		explain(o, error, why, r);
	else if (status != 200)
		explain_status(o, status, answer, r);
	else
		check_answer(&o->check, answer, r);
	if (o->verbose > 1)
		report_detail(r, "GET %s: %u, %zu bytes in %.3f s", path, status, n, tick_now().mono - began);
	if (o->verbose > 2 && body) {
		_cleanup_(freep) char *all = printable(body);

		strbuf_str(&r->details, all);
		strbuf_str(&r->details, "\n");
	}
	json_decref(answer);
}

/* A threshold of a figure that is not there would never alert. */
static void
check_thresholds(struct report *r)
{
	const struct threshold *t = report_unused(r);

	if (t && r->figures > 0) {
		_cleanup_(freep) char *name = printable(t->name);

		r->state = STATE_UNKNOWN; /* whatever the others say */
		report_text(r, "; there is no figure for the threshold \"%s\"", name);
	}
}

int
main(int argc, char **argv)
{
	struct options o = {
	    .target = {.url = DEFAULT_URL}, .seconds = DEFAULT_SECONDS, .check = {.minutes = DEFAULT_MINUTES}};
	char service[MAX_FEATURE + 1] = "", token[MAX_TOKEN + 1];
	struct report r = {.service = service, .thresholds = &o.thresholds};
	int status = parse_options(argc, argv, &o);
	const char *name;

	if (status >= 0)
		return status;
	name = o.check.feature                       ? o.check.feature
	       : o.check.kind == CHECK_MIGRATIONS ? "migrations"
	       : o.check.kind == CHECK_OVERHEAD   ? "overhead"
						  : "agent";
	for (size_t i = 0; name[i] && i < MAX_FEATURE; i++)
		service[i] = (char) toupper((unsigned char) name[i]);
	if (o.token_file) {
		int error = token_read(o.token_file, token);

		if (error < 0)
			return refuse("--token-file: %s", error == -EPERM     ? "others can read it: chmod 640"
							  : error == -EINVAL ? "its first line is no token"
									     : strerror(-error));
		o.target.token = token;
	}
	/* the resolver has a time of its own */
	(void) snprintf(late, sizeof(late), "%s UNKNOWN: no answer within %u s\n", service, (unsigned) o.seconds);
	(void) signal(SIGALRM, on_alarm);
	(void) alarm((unsigned) o.seconds + 1);
	run(&o, &r);
	check_thresholds(&r);
	status = report_print(&r, o.verbose > 0);
	report_done(&r);
	return status;
}
