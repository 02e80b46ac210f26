/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The command line, by the tables commands.def and options.def. */

enum command_id {
#define COMMAND(name, ...) COMMAND_##name,
#include "cli/commands.def"
	COMMAND_COUNT
};

enum cli_option {
#define OPTION(id, ...) OPT_##id,
#include "cli/options.def"
	OPT_COUNT
};

struct command {
	const char *name, *arguments, *help;
};

struct option_row {
	const char *name, *argument, *help;
	uint32_t commands; /* a bit for each that takes it */
};

extern const struct command command_table[COMMAND_COUNT];
extern const struct option_row option_table[OPT_COUNT];

/* It may be left out. */
bool argument_optional(const char *arguments);

#define MAX_ARGUMENTS 2

struct options {
	enum command_id command;
	const char *value[OPT_COUNT]; /* NULL: not given; "" if it has no argument */
	const char *argument[MAX_ARGUMENTS];
	char **log; /* files to read in the agent's stead, owned; the names are not */
	size_t n_logs;
};

/* -1: *ret is the command to run; else the exit status, all said. The caller releases *ret in either case. */
int options_parse(int argc, char **argv, struct options *ret);
void options_done(struct options *o);

/* A whole number from 1 to max into *ret, which stays where the option is not given. False: it is none, and
 * that was said. */
bool options_number(const struct options *o, enum cli_option id, uint64_t max, uint64_t *ret);

/* Of all, or of one command. */
void help_all(FILE *f);
void help_command(enum command_id id, FILE *f);
/* COMMAND_COUNT: there is none, and that was said. */
enum command_id command_find(const char *name);

/* The completion for "bash" or "zsh". -EINVAL: another shell. */
int print_completion(const char *shell, FILE *f);

#endif
