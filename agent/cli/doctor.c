/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/doctor.h"

#include "base/util.h"
#include "cli/commands.h"
#include "cli/doctor_checks.h"
#include "cli/fields.h"

#define STANDARD_CONFIG SYSCONFDIR "/xenscope/xenscoped.conf"
#define STATE_WIDTH 9
#define CHECK_WIDTH 15

enum weight { NEEDED, USEFUL };
enum whose { AGENT, HOST };

static const struct check {
	const char *name;
	check_fn *look;
	enum weight weight;
	enum whose whose;
	const char *cost, *remedy;
} checks[] = {
#define CHECK(id, name, weight, whose, cost, remedy) {name, check_##id, weight, whose, cost, remedy},
#include "cli/doctor.def"
};

static void
prepare(struct doctor *d, const struct doctor_options *o)
{
	_cleanup_(freep) char *path = xasprintf("%s%s", o->root, STANDARD_CONFIG);
	bool quiet = o->asker->quiet;
	int status;

	d->root = o->root;
	d->config_path = o->config ? o->config : STANDARD_CONFIG;
	config_init(&d->config);
	if (o->config || access(path, F_OK) == 0)
		(void) config_read(
		    &d->config, o->config ? o->config : path, d->config_error, sizeof(d->config_error));
	o->asker->quiet = true; /* the first check tells it */
	status = ask(o->asker, "/api/v1/host", &d->host);
	d->no_host = status == EXIT_UNREACHABLE ? "no agent answers" : o->asker->said;
	o->asker->quiet = quiet;
}

static bool
run(const struct check *c, const struct doctor *d, json_t *list)
{
	char found[MAX_FOUND] = "";
	bool well = c->look(d, found);
	_cleanup_(freep) char *shown = visible(found);

	(void) json_array_append_new(
	    list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "check", c->name, "state",
		      well		    ? "ok"
		      : c->weight == NEEDED ? "missing"
					    : "limited",
		      "found", shown, "cost", well ? "" : c->cost, "remedy", well ? "" : c->remedy));
	return well || c->weight != NEEDED;
}

int
doctor_look(const struct doctor_options *o, json_t **ret)
{
	json_t *list = json_array();
	struct doctor d = {.host = NULL};
	bool able = true;

	prepare(&d, o);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].whose == AGENT || !o->asker->remote)
			able = run(&checks[i], &d, list) && able;
	json_decref(d.host);
	config_done(&d.config);
	*ret = json_pack("{s:o}", "checks", list);
	return able ? EXIT_OK : EXIT_ANSWER;
}

static void
show_check(const json_t *c, unsigned width, bool colours, FILE *f)
{
	static const size_t indent = STATE_WIDTH + CHECK_WIDTH;
	const char *state = text(c, "state"), *colour = colours ? word_colour(state) : NULL;

	if (colour)
		(void) fprintf(f, "\033[%sm", colour);
	(void) fprintf(
	    f, "%-*s%s%-*s", STATE_WIDTH, state, colour ? "\033[0m" : "", CHECK_WIDTH, text(c, "check"));
	print_wrapped(text(c, "found"), indent, indent, width, f);
	if (strcmp(state, "ok") == 0)
		return;
	(void) fprintf(f, "%*scosts: ", (int) indent, "");
	print_wrapped(text(c, "cost"), indent + 7, indent + 7, width, f);
	(void) fprintf(f, "%*sdo:    ", (int) indent, "");
	print_wrapped(text(c, "remedy"), indent + 7, indent + 7, width, f);
}

void
show_doctor(const json_t *answer, unsigned width, FILE *f)
{
	const json_t *list = json_object_get(answer, "checks");
	size_t n = json_array_size(list), limited = 0, missing = 0;
	_cleanup_(freep) char *summary = NULL;
	bool colours = terminal_colours(f);

	for (size_t i = 0; i < n; i++) {
		const json_t *c = json_array_get(list, i);

		show_check(c, width, colours, f);
		limited += strcmp(text(c, "state"), "limited") == 0;
		missing += strcmp(text(c, "state"), "missing") == 0;
	}
	summary = xasprintf("%zu checks: %zu ok, %zu limited, %zu missing.%s", n, n - limited - missing,
	    limited, missing,
	    missing   ? " Without what is missing the agent cannot work."
	    : limited ? " The agent works; what is limited costs what it says."
		      : " All is well.");
	(void) fputc('\n', f);
	print_wrapped(summary, 0, 0, width, f);
}
