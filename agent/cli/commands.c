/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/commands.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>

#include "base/tokens.h"
#include "base/util.h"
#include "cli/ask.h"
#include "cli/csv_tables.h"
#include "cli/discover.h"
#include "cli/doctor.h"
#include "cli/graph.h"
#include "cli/history.h"
#include "cli/migrations.h"
#include "cli/options.h"
#include "cli/probe.h"
#include "cli/show.h"
#include "cli/terminal.h"
#include "cli/trace.h"
#include "cli/watch.h"
#include "probe/lock.h"

#define ID_CHARACTERS "0123456789-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define MAX_SECONDS 86400
#define DEFAULT_RECORD_SECONDS 60

/* A command at work. */
struct cli {
	const struct options *o;
	struct asker asker;
};

typedef void show_fn(const json_t *answer, unsigned width, FILE *f);

static bool
given(const struct cli *c, enum cli_option id)
{
	return c->o->value[id] != NULL;
}

/* In the form that was asked for; the exit status. */
static int
show_answer(const struct cli *c, const json_t *answer, show_fn *show)
{
	if (given(c, OPT_json)) {
		if (json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 || puts("") < 0)
			return EXIT_ANSWER;
	} else if (given(c, OPT_csv)) {
		csv_answer(csv_of(c->o->command), answer, stdout);
	} else {
		show(answer, terminal_width(stdout), stdout);
	}
	return EXIT_OK;
}

static int
show_one(struct cli *c, const char *path, show_fn *show)
{
	json_t *answer = NULL;
	int status = ask(&c->asker, path, &answer);

	if (status == EXIT_OK)
		status = show_answer(c, answer, show);
	json_decref(answer);
	return status;
}

static int
run_features(struct cli *c)
{
	return show_one(c, "/api/v1/features", show_features);
}

static int
run_domains(struct cli *c)
{
	return show_one(c, "/api/v1/domains", show_domains);
}

static int
run_migration(struct cli *c)
{
	_cleanup_(freep) char *path = xasprintf("/api/v1/migrations/%s", c->o->argument[0]);

	if (!c->o->n_logs && strspn(c->o->argument[0], ID_CHARACTERS) == strlen(c->o->argument[0]))
		return show_one(c, path, show_migration);
	(void) fprintf(stderr, "xenscope: not the id of a migration; xenscope migrations --csv lists them\n");
	return EXIT_USAGE;
}

static int
run_migrations(struct cli *c)
{
	struct migrations_options m = {.json = given(c, OPT_json),
	    .csv = given(c, OPT_csv),
	    .log = c->o->log,
	    .n_logs = c->o->n_logs,
	    .ask = ask,
	    .arg = &c->asker};

	if (c->o->argument[0])
		return run_migration(c);
	if (given(c, OPT_export) && export_parse(c->o->value[OPT_export], &m.form) < 0) {
		(void) fprintf(stderr, "xenscope: --export takes jsonl or csv\n");
		return EXIT_USAGE;
	}
	if (!options_number(c->o, OPT_limit, UINT32_MAX, &m.limit))
		return EXIT_USAGE;
	for (size_t i = 0; i < JOURNAL_CRITERIA; i++)
		for (enum cli_option id = 0; id < OPT_COUNT; id++)
			if (strcmp(journal_criteria[i], option_table[id].name) == 0)
				m.criterion[i] = c->o->value[id];
	return migrations_command(&m, stdout);
}

static int
run_watch(struct cli *c)
{
	uint64_t interval = 1;

	if (!options_number(c->o, OPT_interval, 3600, &interval))
		return EXIT_USAGE;
	return watch_command(&c->asker, (unsigned) interval, stdout);
}

static int
run_advice(struct cli *c)
{
	char uuid[37], path[96];
	int status = ask_uuid(&c->asker, c->o->argument[0], uuid);

	if (status != EXIT_OK)
		return status;
	(void) snprintf(path, sizeof(path), "/api/v1/domains/%s/advice", uuid);
	return show_one(c, path, show_advice);
}

static int
run_events(struct cli *c)
{
	char path[64];
	uint64_t limit = 0;

	if (!options_number(c->o, OPT_limit, 1000, &limit))
		return EXIT_USAGE;
	(void) snprintf(path, sizeof(path), limit ? "/api/v1/events?limit=%llu" : "/api/v1/events",
	    (unsigned long long) limit);
	return show_one(c, path, show_events);
}

static int
run_overhead(struct cli *c)
{
	return show_one(c, "/api/v1/overhead", given(c, OPT_all) ? show_overhead_all : show_overhead);
}

static int
run_history(struct cli *c)
{
	_cleanup_(freep) char *path = NULL;
	json_t *answer = NULL;
	int status;

	if (!c->o->argument[0])
		return show_one(c, "/api/v1/metrics-reference", show_stored);
	path = history_path(&c->asker, c->o, &status);
	if (!path)
		return status;
	if (!given(c, OPT_csv))
		return show_one(c, path, show_history);
	status = ask(&c->asker, path, &answer);
	if (status == EXIT_OK)
		history_csv(answer, stdout);
	json_decref(answer);
	return status;
}

static int
run_graph(struct cli *c)
{
	struct graph_options g = {.metric = c->o->argument[0],
	    .since = c->o->value[OPT_since],
	    .until = c->o->value[OPT_until],
	    .output = c->o->value[OPT_output],
	    .json = given(c, OPT_json),
	    .blocks = terminal_blocks(),
	    .ask = ask,
	    .fetch = ask_body,
	    .arg = &c->asker};
	char uuid[37];
	int status = c->o->argument[1] ? ask_uuid(&c->asker, c->o->argument[1], uuid) : EXIT_OK;

	g.uuid = c->o->argument[1] ? uuid : NULL;
	return status == EXIT_OK ? graph_command(&g, stdout) : status;
}

static int
run_status(struct cli *c)
{
	static const char *const names[] = {"host", "features", "migrations"};
	static const char *const paths[] = {"/api/v1/host", "/api/v1/features", "/api/v1/migrations?limit=5"};
	json_t *all = json_object();
	int status = EXIT_OK;

	for (size_t i = 0; i < ARRAY_SIZE(paths) && status == EXIT_OK; i++) {
		json_t *answer = NULL;

		status = ask(&c->asker, paths[i], &answer);
		if (answer)
			(void) json_object_set_new(all, names[i], answer);
	}
	if (status == EXIT_OK)
		status = show_answer(c, all, show_status);
	json_decref(all);
	return status;
}

static int
run_doctor(struct cli *c)
{
	const struct doctor_options d = {.root = "", .config = c->o->value[OPT_config], .asker = &c->asker};
	json_t *answer = NULL;
	int status = doctor_look(&d, &answer), r;

	if (!answer)
		return status;
	r = show_answer(c, answer, show_doctor);
	json_decref(answer);
	return r != EXIT_OK ? r : status;
}

/* The daemon of the same build or installation, then any: it alone talks to Xen. */
static int
run_record(struct cli *c)
{
	static const char *const beside[] = {"xenscoped", "../sbin/xenscoped"};
	char self[512], path[600];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	_cleanup_(freep) char *output = NULL, *time = NULL;
	char *argv[] = {(char *) "xenscoped", NULL, NULL, NULL};
	uint64_t seconds = DEFAULT_RECORD_SECONDS;

	if (!options_number(c->o, OPT_seconds, MAX_SECONDS, &seconds))
		return EXIT_USAGE;
	if (!given(c, OPT_output)) {
		(void) fprintf(stderr, "xenscope: record needs -o FILE\n");
		return EXIT_USAGE;
	}
	argv[1] = output = xasprintf("--record=%s", c->o->value[OPT_output]);
	argv[2] = time = xasprintf("--seconds=%llu", (unsigned long long) seconds);
	self[MAX(n, 0)] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(beside) && strrchr(self, '/'); i++) {
		(void) snprintf(
		    path, sizeof(path), "%.*s/%s", (int) (strrchr(self, '/') - self), self, beside[i]);
		(void) execv(path, argv);
	}
	(void) execvp(argv[0], argv);
	(void) fprintf(stderr, "xenscope: xenscoped cannot be run: %s\n", strerror(errno));
	return EXIT_UNREACHABLE;
}

static int
run_trace(struct cli *c)
{
	_cleanup_(freep) char *json = NULL;
	const char *rate = c->o->value[OPT_cpu_hz], *file = c->o->argument[0];
	double hz = 0;
	json_t *answer;
	size_t n = 0;
	FILE *f;
	int status;

	if (rate && parse_hz(rate, &hz) < 0) {
		(void) fprintf(stderr, "xenscope: --cpu-hz takes a processor's rate, like 2.6G\n");
		return EXIT_USAGE;
	}
	if (!given(c, OPT_csv))
		return show_trace(file, hz, given(c, OPT_json), terminal_width(stdout), stdout);
	f = open_memstream(&json, &n);
	if (!f)
		abort();
	status = show_trace(file, hz, true, 0, f);
	(void) fclose(f);
	answer = json_loadb(json, n, 0, NULL);
	if (status == EXIT_OK)
		csv_answer(csv_of(COMMAND_trace), answer, stdout);
	json_decref(answer);
	return status;
}

/* The record that a probe made, quietly: an agent that ends answers no more. */
static json_t *
fetch_record(void *arg, const char *id)
{
	struct cli *c = arg;
	_cleanup_(freep) char *path = xasprintf("/api/v1/migrations/%s", id);
	json_t *answer = NULL, *record;

	c->asker.quiet = true;
	(void) ask(&c->asker, path, &answer);
	record = json_incref(json_object_get(answer, "migration"));
	json_decref(answer);
	return record;
}

/* False: the exit status is EXIT_USAGE, the reason said. */
static bool
probe_options(struct cli *c, struct probe_options *ret)
{
	*ret =
	    (struct probe_options){.control = given(c, OPT_control) ? c->o->value[OPT_control] : CONTROL_SOCKET,
		.domain = c->o->argument[0],
		.json = given(c, OPT_json),
		.yes = given(c, OPT_yes),
		.fetch = fetch_record,
		.arg = c};
	return options_number(c->o, OPT_seconds, MAX_SECONDS, &ret->seconds);
}

static int
run_probe(struct cli *c)
{
	struct probe_options p;

	return probe_options(c, &p) ? probe_command(&p, stdout) : EXIT_USAGE;
}

static int
run_untrack(struct cli *c)
{
	struct probe_options p;

	return probe_options(c, &p) ? untrack_command(&p, stdin, stdout) : EXIT_USAGE;
}

static int
run_discover(struct cli *c)
{
	_cleanup_(freep) char *xe = lock_find_xe("");
	struct discover_options d = {.list = c->o->argument[0],
	    .output = c->o->value[OPT_output],
	    .xe = xe,
	    .xapi = given(c, OPT_xapi)};

	if (!options_number(c->o, OPT_port, UINT16_MAX, &d.port))
		return EXIT_USAGE;
	return discover_command(&d, stdout);
}

static int
run_token(struct cli *c)
{
	char token[TOKEN_TEXT], line[TOKEN_LINE];
	int r = token_new(c->o->argument[0], token, line);

	if (r == -EINVAL)
		(void) fprintf(stderr, "xenscope: a token's name has 1 to 32 letters, digits, dots, _ and -\n");
	else if (r < 0)
		(void) fprintf(stderr, "xenscope: no token can be made: %s\n",
		    r == -ENOSYS ? "built without GnuTLS" : strerror(-r));
	if (r < 0)
		return r == -EINVAL ? EXIT_USAGE : EXIT_ANSWER;
	(void) fprintf(
	    stderr, "The token, which is kept nowhere, and its line for the file of the option tokens:\n");
	(void) printf("%s\n%s\n", token, line);
	return EXIT_OK;
}

static int
run_completion(struct cli *c)
{
	if (print_completion(c->o->argument[0], stdout) == 0)
		return EXIT_OK;
	(void) fprintf(stderr, "xenscope: completion takes bash or zsh\n");
	return EXIT_USAGE;
}

static int
run_help(struct cli *c)
{
	enum command_id command;

	if (!c->o->argument[0]) {
		help_all(stdout);
		return EXIT_OK;
	}
	command = command_find(c->o->argument[0]);
	if (command == COMMAND_COUNT)
		return EXIT_USAGE;
	help_command(command, stdout);
	return EXIT_OK;
}

static int (*const runs[COMMAND_COUNT])(struct cli *c) = {
#define COMMAND(name, ...) run_##name,
#include "cli/commands.def"
};

int
xenscope_main(int argc, char **argv)
{
	struct options o;
	struct cli c = {.o = &o};
	int status = options_parse(argc, argv, &o);

	if (status < 0) {
		status = asker_init(&c.asker, &o);
		if (status == EXIT_OK)
			status = runs[o.command](&c);
		if (status == EXIT_OK && c.asker.stale)
			status = EXIT_ANSWER;
		asker_done(&c.asker);
	}
	options_done(&o);
	if (fflush(stdout) != 0 && status == EXIT_OK)
		status = EXIT_ANSWER;
	return status;
}
