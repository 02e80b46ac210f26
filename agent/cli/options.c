/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/options.h"

#include <getopt.h>

#include "base/parse.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/terminal.h"

#define FIRST_LONG 256 /* what getopt_long returns for the first option */
#define HELP_COLUMN 29

#define ON(command) (UINT32_C(1) << COMMAND_##command)
#define TABLES                                                                                                 \
	(ON(features) | ON(domains) | ON(migrations) | ON(migration) | ON(advice) | ON(events) |               \
	    ON(overhead) | ON(history) | ON(trace) | ON(doctor))
#define ASKS ((TABLES & ~ON(trace)) | ON(status) | ON(watch) | ON(graph) | ON(probe))
#define ASKS_AFAR (ASKS & ~ON(probe)) /* a probe is asked for by the local control socket */
#define EVERY (~UINT32_C(0))

const struct command command_table[COMMAND_COUNT] = {
#define COMMAND(name, arguments, help) {#name, arguments, help},
#include "cli/commands.def"
};

const struct option_row option_table[OPT_COUNT] = {
#define OPTION(id, name, argument, commands, help) {name, argument, help, commands},
#include "cli/options.def"
};

_Static_assert(COMMAND_COUNT <= 32, "a command is a bit of option_row.commands");

bool
argument_optional(const char *arguments)
{
	return *arguments == '[' || *arguments == '\0';
}

static enum command_id
command_named(const char *name)
{
	enum command_id id = 0;

	while (id < COMMAND_COUNT && strcmp(command_table[id].name, name) != 0)
		id++;
	return id;
}

enum command_id
command_find(const char *name)
{
	_cleanup_(freep) char *shown = visible(name);
	enum command_id id = command_named(name);

	if (id == COMMAND_COUNT)
		(void) fprintf(stderr, "xenscope: no command \"%s\"; xenscope help lists them\n", shown);
	return id;
}

static void
help_option(const struct option_row *row, unsigned width, FILE *f)
{
	size_t n = strlen(row->name) + strlen(row->argument) + 5;

	(void) fprintf(f, "  --%s%s%s", row->name, *row->argument ? " " : "", row->argument);
	(void) fprintf(f, "%*s", (int) (n < HELP_COLUMN ? HELP_COLUMN - n + !*row->argument : 1), "");
	print_wrapped(row->help, MAX(n, HELP_COLUMN), HELP_COLUMN, width, f);
}

void
help_command(enum command_id id, FILE *f)
{
	const struct command *c = &command_table[id];
	unsigned width = terminal_width(f);

	(void) fprintf(
	    f, "Usage: xenscope %s%s%s [OPTION]...\n", c->name, *c->arguments ? " " : "", c->arguments);
	print_wrapped(c->help, 0, 0, width, f);
	(void) fputc('\n', f);
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (option_table[i].commands & UINT32_C(1) << id && option_table[i].commands != EVERY)
			help_option(&option_table[i], width, f);
	help_option(&option_table[OPT_help], width, f);
	(void) fprintf(f, "\nMore: man xenscope\n");
}

void
help_all(FILE *f)
{
	unsigned width = terminal_width(f);

	(void) fprintf(f, "Usage: xenscope COMMAND [OPTION]...\n"
			  "Asks the xenscope agent of this host, or with --host URL that of another one.\n\n");
	for (enum command_id id = 0; id < COMMAND_COUNT; id++) {
		const struct command *c = &command_table[id];
		int n = fprintf(f, "  %s %s", c->name, c->arguments);

		(void) fprintf(f, "%*s", MAX(HELP_COLUMN - n, 1), "");
		print_wrapped(c->help, (size_t) MAX(HELP_COLUMN, n + 1), HELP_COLUMN, width, f);
	}
	(void) fprintf(f,
	    "\nxenscope COMMAND --help tells its options.\n"
	    "Exit status: 0 success; 1 the agent's answer was an error or old, FILE cannot be read,\n"
	    "or doctor found something missing; 2 the command line is wrong; 3 no agent answers.\n");
}

bool
options_number(const struct options *o, enum cli_option id, uint64_t max, uint64_t *ret)
{
	if (!o->value[id] || parse_u64(o->value[id], 1, max, ret) == 0)
		return true;
	(void) fprintf(stderr, "xenscope: --%s takes a whole number from 1 to %llu\n", option_table[id].name,
	    (unsigned long long) max);
	return false;
}

static void
add_log(struct options *o, char *path)
{
	o->log = xrealloc(o->log, (o->n_logs + 1) * sizeof(*o->log));
	o->log[o->n_logs++] = path;
}

static int
see_help(enum command_id id)
{
	(void) fprintf(stderr, "See xenscope help%s%s\n", id < COMMAND_COUNT ? " " : "",
	    id < COMMAND_COUNT ? command_table[id].name : "");
	return EXIT_USAGE;
}

/* What getopt_long found, which complains itself. */
static int
take_options(int argc, char **argv, struct options *o)
{
	struct option list[OPT_COUNT + 1];
	int c;

	memset(list, 0, sizeof(list));
	for (int i = 0; i < OPT_COUNT; i++)
		list[i] = (struct option){option_table[i].name,
		    *option_table[i].argument ? required_argument : no_argument, NULL, FIRST_LONG + i};
	optind = 1;
	while ((c = getopt_long(argc, argv, "o:h", list, NULL)) != -1) {
		int id = c == 'o' ? OPT_output : c == 'h' ? OPT_help : c - FIRST_LONG;

		if (id < 0 || id >= OPT_COUNT)
			return see_help(command_named(argv[1]));
		o->value[id] = optarg ? optarg : "";
		if (id == OPT_log)
			add_log(o, optarg);
	}
	return -1;
}

/* The options must be the command's. */
static int
check_options(const struct options *o)
{
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (o->value[i] && !(option_table[i].commands & UINT32_C(1) << o->command)) {
			(void) fprintf(stderr, "xenscope: --%s is not for %s; see xenscope help %s\n",
			    option_table[i].name, command_table[o->command].name,
			    command_table[o->command].name);
			return EXIT_USAGE;
		}
	if (o->value[OPT_json] && o->value[OPT_csv]) {
		(void) fprintf(stderr, "xenscope: either --json or --csv\n");
		return EXIT_USAGE;
	}
	return -1;
}

static int
check_arguments(const struct options *o, size_t given)
{
	const char *takes = command_table[o->command].arguments;
	size_t most = 0, least = 0;

	for (const char *p = takes; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
		most++;
		least += !argument_optional(p);
	}
	if (given >= least && given <= most)
		return -1;
	(void) fprintf(
	    stderr, "xenscope: %s takes %s\n", command_table[o->command].name, *takes ? takes : "no argument");
	return see_help(o->command);
}

int
options_parse(int argc, char **argv, struct options *o)
{
	size_t given = 0;
	int status;

	memset(o, 0, sizeof(*o));
	o->command = COMMAND_COUNT;
	status = take_options(argc, argv, o);
	if (status >= 0)
		return status;
	if (o->value[OPT_version]) {
		(void) printf("xenscope %s\n", PACKAGE_VERSION);
		return EXIT_OK;
	}
	if (optind == argc) {
		help_all(o->value[OPT_help] ? stdout : stderr);
		return o->value[OPT_help] ? EXIT_OK : EXIT_USAGE;
	}
	o->command = command_find(argv[optind++]);
	if (o->command == COMMAND_COUNT)
		return EXIT_USAGE;
	if (o->value[OPT_help]) {
		help_command(o->command, stdout);
		return EXIT_OK;
	}
	for (; optind < argc; optind++) /* --log takes all names that follow */
		if (o->n_logs)
			add_log(o, argv[optind]);
		else if (++given <= MAX_ARGUMENTS)
			o->argument[given - 1] = argv[optind];
	status = check_options(o);
	return status < 0 ? check_arguments(o, given) : status;
}

void
options_done(struct options *o)
{
	free(o->log);
}
