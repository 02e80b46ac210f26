/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/commands.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/parse.h"
#include "base/tokens.h"
#include "base/util.h"
#include "base/http_get.h"
#include "cli/advice.h"
#include "cli/migrations.h"
#include "cli/probe.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/trace.h"

#define DEFAULT_SOCKET "/run/xenscope/http.sock"
#define DEFAULT_URL "http://127.0.0.1:9965"
#define ID_CHARACTERS "0123456789-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define MAX_RECORD_SECONDS 86400
#define DEFAULT_RECORD_SECONDS 60

struct options {
	bool json, all, yes;
	const char *target[2]; /* tried in this order, NULL for none */
	char *socket;	       /* owned: "unix:..." */
	const char *output;
	const char *argument; /* of a command that takes one */
	const char *control;
	uint64_t seconds; /* 0: not given */
	double cpu_hz;	  /* the same */
	char **log; /* files to read in the agent's stead, owned; the names are not */
	size_t n_logs;
	struct migrations_options migrations;
	bool asks_migrations; /* an option was given that only they have */
};

/* What keeps the answer from being read, said once all targets were tried. */
static int
explain(const struct options *o, const int *error, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void) fprintf(stderr, "xenscope: %s: %s\n", o->target[i],
		    error[i] == -EINVAL || error[i] == -EPERM
			? "not a socket or a loopback URL like " DEFAULT_URL
		    : error[i] == -EBADMSG || error[i] == -EFBIG
			? "what answers there is not xenscoped"
		    : error[i] == -ECONNRESET
			? "the answer broke off before its end"
			: strerror(-error[i]));
	if (error[n - 1] == -EINVAL || error[n - 1] == -EPERM)
		return EXIT_USAGE;
	if (error[n - 1] == -EBADMSG || error[n - 1] == -EFBIG || error[n - 1] == -ECONNRESET)
		return EXIT_ANSWER;
	(void) fprintf(
	    stderr, "xenscope: no agent answers. Is it running? systemctl status xenscope\n");
	return EXIT_UNREACHABLE;
}

static int
explain_answer(unsigned status, const char *body, size_t n)
{
	json_t *p = json_loadb(body, n, 0, NULL);
	const char *detail = json_string_value(json_object_get(p, "detail"));
	_cleanup_(freep) char *text = visible(detail ? detail : "no reason given");

	(void) fprintf(stderr, "xenscope: the agent answers %u: %s\n", status, text);
	json_decref(p);
	return EXIT_ANSWER;
}

/* Asks the first target that is there; the answer as an object. 0, or the exit status, the reason
 * said. */
static int
ask(const struct options *o, const char *path, json_t **ret)
{
	_cleanup_(freep) char *body = NULL;
	int error[ARRAY_SIZE(o->target)];
	unsigned status = 0;
	size_t n, i = 0;

	do
		error[i] = http_get(o->target[i], path, HTTP_GET_SECONDS, &status, &body, &n);
	while (error[i++] < 0 && i < ARRAY_SIZE(o->target) && o->target[i]);
	if (error[i - 1] < 0)
		return explain(o, error, i);
	if (status != 200)
		return explain_answer(status, body, n);
	*ret = json_loadb(body, n, 0, NULL);
	if (json_is_object(*ret))
		return EXIT_OK;
	json_decref(TAKE_PTR(*ret));
	(void) fprintf(stderr, "xenscope: what answers there is not xenscoped\n");
	return EXIT_ANSWER;
}

/* Of an answer, unless there is none; drops it. The exit status. */
static int
show_answer(const struct options *o, int status, json_t *answer, void (*show)(const json_t *, unsigned, FILE *))
{
	if (status == EXIT_OK && o->json)
		status = json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 ||
				 puts("") < 0
			     ? EXIT_ANSWER
			     : EXIT_OK;
	else if (status == EXIT_OK)
		show(answer, terminal_width(stdout), stdout);
	json_decref(answer);
	return status;
}

static int
show_one(const struct options *o, const char *path, void (*show)(const json_t *, unsigned, FILE *))
{
	json_t *answer = NULL;
	int status = ask(o, path, &answer);

	return show_answer(o, status, answer, show);
}

static int
run_features(const struct options *o)
{
	return show_one(o, "/api/v1/features", show_features);
}

static int
run_domains(const struct options *o)
{
	return show_one(o, "/api/v1/domains", show_domains);
}

static int
ask_for(void *arg, const char *path, json_t **ret)
{
	return ask(arg, path, ret);
}

static int
run_migrations(const struct options *o)
{
	struct migrations_options m = o->migrations;

	if (o->argument) {
		_cleanup_(freep) char *path = xasprintf("/api/v1/migrations/%s", o->argument);

		if (!o->n_logs && strspn(o->argument, ID_CHARACTERS) == strlen(o->argument))
			return show_one(o, path, show_migration);
		(void) fprintf(stderr, "xenscope: not the id of a migration\n");
		return EXIT_USAGE;
	}
	m.json = o->json;
	m.log = o->log;
	m.n_logs = o->n_logs;
	m.ask = ask_for;
	m.arg = (void *) (uintptr_t) o;
	return migrations_command(&m, stdout);
}

static int
run_advice(const struct options *o)
{
	const struct advice_options a = {o->argument, ask_for, (void *) (uintptr_t) o};
	json_t *answer = NULL;
	int status = advice_ask(&a, &answer);

	return show_answer(o, status, answer, show_advice);
}

static int
run_events(const struct options *o)
{
	return show_one(o, "/api/v1/events", show_events);
}

static int
run_overhead(const struct options *o)
{
	return show_one(o, "/api/v1/overhead", o->all ? show_overhead_all : show_overhead);
}

static int
run_status(const struct options *o)
{
	static const char *const names[] = {"host", "features", "migrations"};
	static const char *const paths[] = {
	    "/api/v1/host", "/api/v1/features", "/api/v1/migrations?limit=5"};
	json_t *answer[ARRAY_SIZE(paths)] = {NULL};
	int status = EXIT_OK;

	for (size_t i = 0; i < ARRAY_SIZE(paths) && status == EXIT_OK; i++)
		status = ask(o, paths[i], &answer[i]);
	if (status == EXIT_OK && o->json) {
		json_t *all = json_object();

		for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
			(void) json_object_set(all, names[i], answer[i]);
		(void) json_dumpf(all, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		(void) puts("");
		json_decref(all);
	} else if (status == EXIT_OK) {
		show_status(answer[0], answer[1], answer[2], terminal_width(stdout), stdout);
	}
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		json_decref(answer[i]);
	return status;
}

/* The daemon of the same build or installation, then any: it alone talks to Xen. */
static int
run_record(const struct options *o)
{
	static const char *const beside[] = {"xenscoped", "../sbin/xenscoped"};
	char self[512], path[600];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	_cleanup_(freep) char *output = NULL, *seconds = NULL;
	char *argv[] = {(char *) "xenscoped", NULL, NULL, NULL};

	if (!o->output) {
		(void) fprintf(stderr, "xenscope: record needs -o FILE\n");
		return EXIT_USAGE;
	}
	argv[1] = output = xasprintf("--record=%s", o->output);
	argv[2] = seconds = xasprintf("--seconds=%llu",
	    (unsigned long long) (o->seconds ? o->seconds : DEFAULT_RECORD_SECONDS));
	self[MAX(n, 0)] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(beside) && strrchr(self, '/'); i++) {
		(void) snprintf(path, sizeof(path), "%.*s/%s", (int) (strrchr(self, '/') - self),
		    self, beside[i]);
		(void) execv(path, argv);
	}
	(void) execvp(argv[0], argv);
	(void) fprintf(stderr, "xenscope: xenscoped cannot be run: %s\n", strerror(errno));
	return EXIT_UNREACHABLE;
}

static int
run_trace(const struct options *o)
{
	return show_trace(o->argument, o->cpu_hz, o->json, terminal_width(stdout), stdout);
}

/* The record that a probe made, quietly: an agent that ends answers no more. */
static json_t *
fetch_record(void *arg, const char *id)
{
	const struct options *o = arg;
	_cleanup_(freep) char *path = xasprintf("/api/v1/migrations/%s", id);
	json_t *answer = NULL, *record;

	for (size_t i = 0; i < ARRAY_SIZE(o->target) && o->target[i] && !answer; i++) {
		_cleanup_(freep) char *body = NULL;
		unsigned status = 0;
		size_t n;

		if (http_get(o->target[i], path, HTTP_GET_SECONDS, &status, &body, &n) == 0 && status == 200)
			answer = json_loadb(body, n, 0, NULL);
	}
	record = json_incref(json_object_get(answer, "migration"));
	json_decref(answer);
	return record;
}

static struct probe_options
probe_options(const struct options *o)
{
	return (struct probe_options){.control = o->control,
	    .domain = o->argument,
	    .seconds = o->seconds,
	    .json = o->json,
	    .yes = o->yes,
	    .fetch = fetch_record,
	    .arg = (void *) (uintptr_t) o};
}

static int
run_probe(const struct options *o)
{
	const struct probe_options p = probe_options(o);

	return probe_command(&p, stdout);
}

static int
run_untrack(const struct options *o)
{
	const struct probe_options p = probe_options(o);

	return untrack_command(&p, stdin, stdout);
}

static int
run_token(const struct options *o)
{
	char token[TOKEN_TEXT], line[TOKEN_LINE];
	int r = token_new(o->argument, token, line);

	if (r == -EINVAL)
		(void) fprintf(stderr, "xenscope: a token's name has 1 to 32 letters, digits, dots, _ and -\n");
	else if (r < 0)
		(void) fprintf(stderr, "xenscope: no token can be made: %s\n",
		    r == -ENOSYS ? "built without GnuTLS" : strerror(-r));
	if (r < 0)
		return r == -EINVAL ? EXIT_USAGE : EXIT_ANSWER;
	(void) fprintf(stderr, "The token, which is kept nowhere, and its line for the file of the option tokens:\n");
	(void) printf("%s\n%s\n", token, line);
	return EXIT_OK;
}

static const struct command {
	const char *name;
	const char *argument; /* what it takes, NULL for nothing; in brackets: may be left out */
	int (*run)(const struct options *o);
	const char *help;
} commands[] = {
    {"status", NULL, run_status, "the four answers in a few lines"},
    {"features", NULL, run_features,
	"SMAP, SMEP and their like in the CPU, in Xen, in the guests; PML"},
    {"domains", NULL, run_domains, "the domains of this host"},
    {"migrations", "[ID]", run_migrations,
	"migrations and saves, those under way first, or one: [--uuid UUID]...; of logs: --log FILE..."},
    {"advice", "DOMAIN", run_advice, "when to migrate a domain, and what to expect then and now: estimates"},
    {"events", NULL, run_events, "what happened, newest first: migrations, and what should not be"},
    {"overhead", NULL, run_overhead,
	"what dirty tracking cost, by tracking mode and by guest: [--all]"},
    {"probe", "DOMAIN", run_probe,
	"measure what dirty tracking costs a running guest: [--seconds N]; read xenscope(1) first"},
    {"untrack", "DOMAIN", run_untrack, "turn off dirty tracking that was left on: [--yes]"},
    {"token", "NAME", run_token, "make a token for a client on another host; see xenscoped(8), OTHER HOSTS"},
    {"record", NULL, run_record, "write a capture of what Xen answers: -o FILE [--seconds N]"},
    {"trace", "FILE", run_trace, "exits and their cycles in a file of xentrace; asks no agent"},
};

static void
help(FILE *f)
{
	(void) fprintf(f, "Usage: xenscope COMMAND [OPTION]...\n"
			  "Asks the xenscope agent of this host.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void) fprintf(f, "  %-10s %-7s %s\n", commands[i].name,
		    commands[i].argument ? commands[i].argument : "", commands[i].help);
	(void) fprintf(f,
	    "\n  --json             the agent's answer as it is\n"
	    "  --all              overhead: of every boot in the journal\n"
	    "  --socket PATH      where the agent listens (%s)\n"
	    "  --url URL          the same over loopback TCP (%s)\n"
	    "  --control PATH     where the agent listens to root, for probe and untrack (%s)\n"
	    "  --yes              untrack: do not ask\n"
	    "  -o, --output FILE  the capture that record writes\n"
	    "  --seconds N        how long record (%d) and probe (%d) go on\n"
	    "  --cpu-hz N         the rate of a trace's stamps, like 2.6G\n"
	    "  --log FILE...      logs of any host for migrations to read, without an agent\n"
	    "  --uuid UUID, --name NAME, --since TIME, --until TIME, --result WORD,...,\n"
	    "  --direction WORD,..., --toolstack WORD,...\n"
	    "                     only those migrations; a time like 2026-11-03T12:00:00Z, or -3600: an hour ago\n"
	    "  --limit N          at most so many migrations\n"
	    "  --export FORM      all migrations, or those asked for, as JSON lines (jsonl) or as csv\n"
	    "  --help, --version\n\n"
	    "Exit status: 0 success; 1 the agent's answer was an error, or FILE cannot be read;\n"
	    "2 the command line is wrong; 3 no agent answers.\n",
	    DEFAULT_SOCKET, DEFAULT_URL, CONTROL_SOCKET, DEFAULT_RECORD_SECONDS, DEFAULT_PROBE_SECONDS);
}

static void
add_log(struct options *o, char *path)
{
	o->log = xrealloc(o->log, (o->n_logs + 1) * sizeof(*o->log));
	o->log[o->n_logs++] = path;
}

static void
set_criterion(struct options *o, const char *name, const char *text)
{
	o->asks_migrations = true;
	for (size_t i = 0; i < JOURNAL_CRITERIA; i++)
		if (strcmp(journal_criteria[i], name) == 0)
			o->migrations.criterion[i] = text;
}

enum {
	OPT_JSON = 256,
	OPT_ALL,
	OPT_CONTROL,
	OPT_YES,
	OPT_SOCKET,
	OPT_URL,
	OPT_SECONDS,
	OPT_CPU_HZ,
	OPT_LOG,
	OPT_CRITERION,
	OPT_LIMIT,
	OPT_EXPORT,
	OPT_HELP,
	OPT_VERSION
};

static const struct option option_list[] = {{"json", no_argument, NULL, OPT_JSON},
    {"all", no_argument, NULL, OPT_ALL}, {"control", required_argument, NULL, OPT_CONTROL},
    {"yes", no_argument, NULL, OPT_YES}, {"socket", required_argument, NULL, OPT_SOCKET},
    {"url", required_argument, NULL, OPT_URL}, {"output", required_argument, NULL, 'o'},
    {"seconds", required_argument, NULL, OPT_SECONDS}, {"cpu-hz", required_argument, NULL, OPT_CPU_HZ},
    {"log", required_argument, NULL, OPT_LOG}, {"uuid", required_argument, NULL, OPT_CRITERION},
    {"name", required_argument, NULL, OPT_CRITERION}, {"since", required_argument, NULL, OPT_CRITERION},
    {"until", required_argument, NULL, OPT_CRITERION}, {"result", required_argument, NULL, OPT_CRITERION},
    {"direction", required_argument, NULL, OPT_CRITERION}, {"toolstack", required_argument, NULL, OPT_CRITERION},
    {"limit", required_argument, NULL, OPT_LIMIT}, {"export", required_argument, NULL, OPT_EXPORT},
    {"help", no_argument, NULL, OPT_HELP}, {"version", no_argument, NULL, OPT_VERSION}, {NULL, 0, NULL, 0}};

/* -1: go on; else the exit status. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	int c, row;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:h", option_list, &row)) != -1)
		switch (c) {
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_ALL:
			o->all = true;
			break;
		case OPT_CONTROL:
			o->control = optarg;
			break;
		case OPT_YES:
			o->yes = true;
			break;
		case OPT_SOCKET:
			free(o->socket);
			o->target[0] = o->socket = xasprintf("unix:%s", optarg);
			o->target[1] = NULL;
			break;
		case OPT_URL:
			o->target[0] = optarg;
			o->target[1] = NULL;
			break;
		case 'o':
			o->output = optarg;
			break;
		case OPT_SECONDS:
			if (parse_u64(optarg, 1, MAX_RECORD_SECONDS, &o->seconds) == 0)
				break;
			(void) fprintf(stderr,
			    "xenscope: --seconds takes a whole number from 1 to %d\n",
			    MAX_RECORD_SECONDS);
			return EXIT_USAGE;
		case OPT_CPU_HZ:
			if (parse_hz(optarg, &o->cpu_hz) == 0)
				break;
			(void) fprintf(stderr,
			    "xenscope: --cpu-hz takes a processor's rate, like 2.6G\n");
			return EXIT_USAGE;
		case OPT_LOG:
			add_log(o, optarg);
			break;
		case OPT_CRITERION:
			set_criterion(o, option_list[row].name, optarg);
			break;
		case OPT_LIMIT:
			o->asks_migrations = true;
			if (parse_u64(optarg, 1, UINT32_MAX, &o->migrations.limit) == 0)
				break;
			(void) fprintf(stderr, "xenscope: --limit takes a whole number\n");
			return EXIT_USAGE;
		case OPT_EXPORT:
			o->asks_migrations = true;
			if (export_parse(optarg, &o->migrations.form) == 0)
				break;
			(void) fprintf(stderr, "xenscope: --export takes jsonl or csv\n");
			return EXIT_USAGE;
		case 'h':
		case OPT_HELP:
			help(stdout);
			return EXIT_OK;
		case OPT_VERSION:
			(void) printf("xenscope %s\n", PACKAGE_VERSION);
			return EXIT_OK;
		default:
			(void) fprintf(stderr, "xenscope: --help tells what there is\n");
			return EXIT_USAGE;
		}
	return -1;
}

static int
run_command(int argc, char **argv, struct options *o)
{
	const struct command *c = NULL;
	int given;

	if (optind == argc) {
		help(stderr);
		return EXIT_USAGE;
	}
	for (size_t k = 0; k < ARRAY_SIZE(commands) && !c; k++)
		if (strcmp(commands[k].name, argv[optind]) == 0)
			c = &commands[k];
	if (!c) {
		(void) fprintf(
		    stderr, "xenscope: no command \"%s\"; --help lists them\n", argv[optind]);
		return EXIT_USAGE;
	}
	if ((o->n_logs || o->asks_migrations) && c->run != run_migrations) {
		(void) fprintf(stderr, o->n_logs ? "xenscope: only migrations reads logs\n"
						 : "xenscope: only migrations can be searched and exported\n");
		return EXIT_USAGE;
	}
	for (; o->n_logs && optind + 1 < argc; argc--) /* --log takes all names that follow */
		add_log(o, argv[argc - 1]);
	given = argc - optind - 1;
	if (given != (c->argument ? 1 : 0) && (given != 0 || *c->argument != '[')) {
		(void) fprintf(stderr, "xenscope: %s takes %s\n", c->name,
		    c->argument ? c->argument : "no argument");
		return EXIT_USAGE;
	}
	o->argument = given ? argv[optind + 1] : NULL;
	return c->run(o);
}

int
xenscope_main(int argc, char **argv)
{
	struct options o = {
	    .target = {"unix:" DEFAULT_SOCKET, DEFAULT_URL}, .control = CONTROL_SOCKET};
	int status = parse_options(argc, argv, &o);

	if (status < 0)
		status = run_command(argc, argv, &o);
	free(o.socket);
	free(o.log);
	if (fflush(stdout) != 0 && status == EXIT_OK)
		status = EXIT_ANSWER;
	return status;
}
