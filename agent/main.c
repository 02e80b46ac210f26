/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/util.h"
#include "metrics/metric.h"
#include "metrics/notice.h"
#include "notify/hook.h"
#include "observe/forecast.h"
#include "probe/allowed.h"
#include "run.h"
#include "serve/api_page.h"
#include "serve/serve.h"

#define STANDARD_CONFIG SYSCONFDIR "/xenscope/xenscoped.conf"

/* Exit status for a command line or configuration that is wrong: EX_USAGE of sysexits.h. */
#define USAGE_ERROR 64

enum mode {
	MODE_LIVE,
	MODE_REPLAY,
	MODE_RECORD,
	MODE_DUMP_CONFIG,
	MODE_EXAMPLE_CONFIG,
	MODE_DUMP_METRICS,
	MODE_DUMP_EVENTS,
	MODE_DUMP_OPTIONS,
	MODE_DUMP_API,
	MODE_CHECK
};

struct command_line {
	enum mode mode;
	const char *config_file; /* NULL: the standard one, if it is there */
	char *replay[MAX_CAPTURES];
	size_t n_replay;
	const char *record;
	double seconds;
	const char *format;
};

static const char usage[] =
    "usage: xenscoped [options]\n"
    "  --config=FILE         configuration (default: " STANDARD_CONFIG ", if it is there)\n"
    "  --OPTION=VALUE        any option of the configuration, as --listen=127.0.0.1:9965\n"
    "  --replay=FILE         play a capture instead of asking a hypervisor (repeat; they are played in turn)\n"
    "  --record=FILE         write a capture of this host, serve nothing\n"
    "  --seconds=N           how long to record (default: until a signal)\n"
    "  --check               check the configuration and end\n"
    "  --dump-config         print the configuration in force\n"
    "  --example-config      print all options with their defaults, commented out\n"
    "  --dump-metrics=FORMAT print the table of metrics: markdown, json, openmetrics, rrd or man\n"
    "  --dump-events         print the table of events for the manual\n"
    "  --dump-options        likewise that of options\n"
    "  --dump-api            likewise the paths, parameters and answers of the API\n"
    "  --version, --help\n";

static int __attribute__((format(printf, 1, 2)))
fail(const char *format, ...)
{
	va_list ap;

	(void) fprintf(stderr, "xenscoped: ");
	va_start(ap, format);
	(void) vfprintf(stderr, format, ap);
	va_end(ap);
	(void) fprintf(stderr, "\n");
	return USAGE_ERROR;
}

/* The value behind --name=, or NULL if the argument is another. */
static char *
value_of(char *argument, const char *name)
{
	size_t n = strlen(name);

	return strncmp(argument, name, n) == 0 && argument[n] == '=' ? argument + n + 1 : NULL;
}

/* --some-option=value to option some_option. */
static int
set_option(struct config *config, const char *argument)
{
	_cleanup_(freep) char *name = xstrdup(argument + strspn(argument, "-"));
	char *value = strchr(name, '=');
	char why[256];
	int r;

	if (strncmp(argument, "--", 2) != 0 || !value)
		return fail("%s: not understood; see xenscoped --help", argument);
	*value++ = '\0';
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	r = config_set(config, name, value);
	if (r == 0)
		return 0;
	config_explain(name, r, why, sizeof(why));
	return fail("%s", why);
}

static int
add_replay(struct command_line *c, char *file)
{
	if (c->n_replay == MAX_CAPTURES)
		return fail("%s: too many captures", file);
	c->replay[c->n_replay++] = file;
	c->mode = MODE_REPLAY;
	return 0;
}

/* One argument that is not an option of the configuration: 0; 1: it may be one; else an exit status. */
static int
parse_argument(struct command_line *c, char *argument)
{
	static const struct {
		const char *name;
		enum mode mode;
	} words[] = {{"--check", MODE_CHECK}, {"--dump-api", MODE_DUMP_API}, {"--dump-config", MODE_DUMP_CONFIG},
	    {"--dump-events", MODE_DUMP_EVENTS}, {"--dump-options", MODE_DUMP_OPTIONS},
	    {"--example-config", MODE_EXAMPLE_CONFIG}};
	char *value;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(argument, words[i].name) == 0) {
			c->mode = words[i].mode;
			return 0;
		}
	if ((value = value_of(argument, "--replay")) != NULL)
		return add_replay(c, value);
	if ((value = value_of(argument, "--record")) != NULL) {
		c->record = value;
		c->mode = MODE_RECORD;
		return 0;
	}
	if ((value = value_of(argument, "--dump-metrics")) != NULL) {
		c->format = value;
		c->mode = MODE_DUMP_METRICS;
		return 0;
	}
	if ((value = value_of(argument, "--seconds")) != NULL)
		return parse_seconds(value, &c->seconds) < 0 || c->seconds < 0
		    ? fail("--seconds=%s: not a number of seconds", value)
		    : 0;
	if ((value = value_of(argument, "--config")) != NULL) {
		c->config_file = value;
		return 0;
	}
	return 1;
}

/* Options that take words: a wrong one is refused before anything begins. */
static int
check_words(const struct config *config)
{
	const char *level_name = config_text(config, OPTION_log_level);
	const char *rule_name = config_text(config, OPTION_stop_rule);
	const char *probe = config_text(config, OPTION_probe);
	enum log_level level;
	struct stop_rule rule;

	if (log_level_parse(level_name, &level) < 0)
		return fail("option log_level takes err, warn, info or debug, not \"%s\"", level_name);
	if (strcmp(rule_name, "auto") != 0 && stop_rule_parse(rule_name, &rule) < 0)
		return fail(
		    "option stop_rule takes auto, libxc, xenserver, xcp-ng or ROUNDS:PAGES, not \"%s\"", rule_name);
	if (!probe_option_known(probe))
		return fail("option probe takes no, yes or unsafe-without-lock, not \"%s\"", probe);
	log_set_level(level);
	return 0;
}

/* The file first, then the command line, which wins. */
static int
configure(struct command_line *c, int argc, char **argv, struct config *config)
{
	const char *file = c->config_file ? c->config_file : STANDARD_CONFIG;
	char error[512];
	int r = 0;

	if (c->config_file || access(file, F_OK) == 0)
		r = config_read(config, file, error, sizeof(error));
	if (r < 0)
		return fail("%s", error);
	for (int i = 1; i < argc && r == 0; i++) {
		struct command_line ignored = {.mode = MODE_LIVE};

		if (parse_argument(&ignored, argv[i]) == 1)
			r = set_option(config, argv[i]);
	}
	return r ? r : check_words(config);
}

/* What only shows in the files that the configuration names. */
static int
check(const struct config *config)
{
	const char *command = config_text(config, OPTION_event_hook);
	const char *why = *command ? hook_check(command) : NULL;

	if (why)
		return fail("option event_hook: %s: %s", command, why);
	if (serve_check(config, &why) < 0)
		return fail("%s", why);
	(void) printf("xenscoped: the configuration is good\n");
	return 0;
}

static int
run(const struct command_line *c, const struct config *config)
{
	switch (c->mode) {
	case MODE_LIVE:
		return run_live(config);
	case MODE_REPLAY:
		return run_replay(config, c->replay, c->n_replay);
	case MODE_RECORD:
		return run_record(config, c->record, c->seconds);
	case MODE_DUMP_CONFIG:
	case MODE_EXAMPLE_CONFIG:
		config_dump(config, c->mode == MODE_EXAMPLE_CONFIG, stdout);
		return 0;
	case MODE_DUMP_METRICS:
		return metric_dump(c->format) < 0
		    ? fail("--dump-metrics=%s: the formats are markdown, json, openmetrics, rrd and man", c->format)
		    : 0;
	case MODE_DUMP_EVENTS:
		notice_dump(stdout);
		return 0;
	case MODE_DUMP_OPTIONS:
		config_manual(stdout);
		return 0;
	case MODE_DUMP_API:
		api_dump(stdout);
		return 0;
	case MODE_CHECK:
		return check(config);
	}
	return USAGE_ERROR;
}

int
main(int argc, char **argv)
{
	struct command_line c = {.mode = MODE_LIVE};
	struct config config;
	int status = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return fputs(usage, stdout) < 0;
		if (strcmp(argv[i], "--version") == 0)
			return printf("xenscoped %s\n", PACKAGE_VERSION) < 0;
		status = parse_argument(&c, argv[i]);
		if (status > 1)
			return status;
	}
	config_init(&config);
	status = configure(&c, argc, argv, &config);
	if (status == 0)
		status = run(&c, &config);
	config_done(&config);
	return status;
}
