/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/options.h"

#include <errno.h>
#include <string.h>

/* Both shells get what the tables have; only the names of domains are asked for, when they are wanted. */

#define HEAD "# SPDX-License-Identifier: GPL-2.0-or-later\n# Made by xenscope completion of its own tables.\n"
#define NAMES "xenscope domains --csv 2>/dev/null | sed -n '2,$s/^[0-9]*,\\([^,\"]*\\),.*/\\1/p'"

static const char bash_begin[] = HEAD
    "_xenscope()\n{\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' options='' words='' i\n"
    "\t[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\t[[ ' %s ' == *\" ${COMP_WORDS[i]} \"* ]] && command=${COMP_WORDS[i]} && break\n"
    "\tdone\n"
    "\tcase $prev in\n";
static const char bash_end[] =
    "\tesac\n"
    "\t[[ $cur == -* ]] && words=$options\n"
    "\tCOMPREPLY=()\n"
    "\tcase $words in\n"
    "\tFILE) compopt -o default ;;\n"
    "\tDOMAIN) while IFS= read -r i; do\n"
    "\t\t\t[[ $i == \"$cur\"* ]] && COMPREPLY+=(\"$(printf %q \"$i\")\")\n"
    "\t\tdone < <(" NAMES ") ;;\n"
    "\t*) while IFS= read -r i; do COMPREPLY+=(\"$i\"); done < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
    "\tesac\n"
    "}\n"
    "complete -F _xenscope xenscope\n";

static void
print_words(const char *joined, FILE *f)
{
	for (; *joined; joined++)
		(void) fputc(*joined == '|' ? ' ' : *joined, f);
}

static void
print_commands(FILE *f)
{
	for (enum command_id id = 0; id < COMMAND_COUNT; id++)
		(void) fprintf(f, "%s%s", id ? " " : "", command_table[id].name);
}

/* What completes an argument, for both shells: "FILE", "DOMAIN", words, or nothing. */
static void
print_source(const char *argument, FILE *f)
{
	if (strstr(argument, "FILE") || strstr(argument, "PATH"))
		(void) fputs("FILE", f);
	else if (strstr(argument, "DOMAIN"))
		(void) fputs("DOMAIN", f);
	else if (strstr(argument, "SHELL"))
		(void) fputs("bash zsh", f);
	else if (strstr(argument, "COMMAND"))
		print_commands(f);
	else if (strchr(argument, '|'))
		print_words(argument, f);
}

static void
bash_completion(FILE *f)
{
	const char *list = strstr(bash_begin, "%s");

	(void) fprintf(f, "%.*s", (int) (list - bash_begin), bash_begin);
	print_commands(f);
	(void) fputs(list + 2, f);
	for (size_t i = 0; i < OPT_COUNT; i++)
		if (*option_table[i].argument) {
			(void) fprintf(
			    f, "\t--%s%s) words='", option_table[i].name, i == OPT_output ? "|-o" : "");
			print_source(option_table[i].argument, f);
			(void) fputs("' cur=${cur#=} options= ;;\n", f);
		}
	(void) fputs("\t*)\n\tcase $command in\n", f);
	for (enum command_id id = 0; id < COMMAND_COUNT; id++) {
		(void) fprintf(f, "\t%s) words='", command_table[id].name);
		print_source(command_table[id].arguments, f);
		(void) fputs("' options='", f);
		for (size_t i = 0; i < OPT_COUNT; i++)
			if (option_table[i].commands & UINT32_C(1) << id)
				(void) fprintf(f, "--%s ", option_table[i].name);
		(void) fputs("' ;;\n", f);
	}
	(void) fputs("\t*) words='", f);
	print_commands(f);
	(void) fputs("' options='--help --version' ;;\n\tesac ;;\n", f);
	(void) fputs(bash_end, f);
}

/* Of a text within '[...]' of zsh's _arguments. */
static void
zsh_text(const char *s, FILE *f)
{
	for (; *s; s++) {
		if (strchr("[]:\\", *s))
			(void) fputc('\\', f);
		(void) fputs(*s == '\'' ? "'\\''" : (char[]){*s, '\0'}, f);
	}
}

static void
zsh_action(const char *argument, FILE *f)
{
	(void) fputc(':', f);
	zsh_text(argument, f);
	(void) fputc(':', f);
	if (strstr(argument, "FILE") || strstr(argument, "PATH"))
		(void) fputs("_files", f);
	else if (strstr(argument, "DOMAIN"))
		(void) fputs("_xenscope_domains", f);
	else {
		(void) fputc('(', f);
		print_source(argument, f);
		(void) fputc(')', f);
	}
}

static void
zsh_command(enum command_id id, FILE *f)
{
	const char *arguments = command_table[id].arguments;

	(void) fprintf(f, "\t%s)\n\t\t_arguments", command_table[id].name);
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct option_row *o = &option_table[i];

		if (!(o->commands & UINT32_C(1) << id))
			continue;
		(void) fprintf(f, " \\\n\t\t\t'--%s%s[", o->name, *o->argument ? "=" : "");
		zsh_text(o->help, f);
		(void) fputc(']', f);
		if (*o->argument)
			zsh_action(o->argument, f);
		(void) fputc('\'', f);
	}
	for (; *arguments; arguments += strcspn(arguments, " "), arguments += strspn(arguments, " ")) {
		char one[32];

		(void) snprintf(one, sizeof(one), "%.*s", (int) strcspn(arguments, " "), arguments);
		(void) fputs(argument_optional(one) ? " \\\n\t\t\t':" : " \\\n\t\t\t'", f);
		zsh_action(one, f);
		(void) fputc('\'', f);
	}
	(void) fputs(" ;;\n", f);
}

static void
zsh_completion(FILE *f)
{
	(void) fputs("#compdef xenscope\n" HEAD "_xenscope_domains()\n{\n"
		     "\tlocal -a names\n"
		     "\tnames=(${(f)\"$(" NAMES ")\"})\n"
		     "\tcompadd -a names\n}\n\n"
		     "_xenscope()\n{\n"
		     "\tlocal -a commands\n"
		     "\tcommands=(\n",
	    f);
	for (enum command_id id = 0; id < COMMAND_COUNT; id++) {
		(void) fprintf(f, "\t\t'%s:", command_table[id].name);
		zsh_text(command_table[id].help, f);
		(void) fputs("'\n", f);
	}
	(void) fputs("\t)\n\tif ((CURRENT == 2)); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n"
		     "\tlocal command=$words[2]\n\tshift words\n\t((CURRENT--))\n\tcase $command in\n",
	    f);
	for (enum command_id id = 0; id < COMMAND_COUNT; id++)
		zsh_command(id, f);
	(void) fputs("\tesac\n}\n\n_xenscope \"$@\"\n", f);
}

int
print_completion(const char *shell, FILE *f)
{
	if (strcmp(shell, "bash") == 0)
		bash_completion(f);
	else if (strcmp(shell, "zsh") == 0)
		zsh_completion(f);
	else
		return -EINVAL;
	return 0;
}
