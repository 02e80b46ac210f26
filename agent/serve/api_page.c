/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/api_page.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "metrics/metric.h"
#include "metrics/record.h"

/* The kinds have a section of their own, in the agent's manual. */
#define event_kinds "text"

/* A phrase of a table as a sentence, or nothing. */
static void
say(FILE *f, const char *phrase)
{
	if (*phrase)
		(void) fprintf(f, "%c%s.\n", toupper((unsigned char) *phrase), phrase + 1);
}

static void
route(FILE *f, const char *path, const char *parameters, const char *answer, const char *help)
{
	(void) fprintf(f, ".It Pa %s\n", path);
	say(f, help);
	(void) fprintf(f, ".Po\n.Em %s%s\n", answer, *parameters ? " ;" : "");
	for (const char *p = parameters; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
		(void) fprintf(f, ".Cm %.*s%s\n", (int) strcspn(p, ","), p, p[strcspn(p, ",")] ? " ," : "");
	(void) fprintf(f, ".Pc\n");
}

static void
item(FILE *f, const char *macro, const char *name, const char *type, const char *help)
{
	(void) fprintf(f, ".It %s %s Pq ", macro, name);
	for (; *type; type++)
		(void) fprintf(f, "%c%s", *type, *type == '|' ? "\\:" : ""); /* a line may end there */
	(void) fprintf(f, "\n");
	say(f, help);
}

static void
record_item(void *arg, const char *name, const char *type)
{
	item(arg, "Va", name, type, "");
}

static void
values(FILE *f, enum metric_scope scope)
{
	(void) fprintf(f, ".It Va xenscope_... Pq number?\nThe metrics of %s: in\n.Xr xenscope-metrics 7\n",
	    metric_scopes[scope].help);
	(void) fprintf(f, "those of the scope\n.Em %s .\n", metric_scopes[scope].name);
}

/* Its members are the items that follow; the list of the object before it ends here. mdoc has each sentence of the help
 * in a line of its own. */
static void
object(FILE *f, bool *first, const char *name, const char *help, const char *more)
{
	(void) fprintf(f, "%s.Ss %s\n", *first ? "" : ".El\n", name);
	for (const char *end; (end = strstr(help, ". ")) != NULL; help = end + 2)
		(void) fprintf(f, "%.*s.\n", (int) (end - help), help);
	(void) fprintf(f, "%s%s\n.Bl -tag -width Ds -compact\n", help, more);
	*first = false;
}

static void
routes(FILE *f)
{
	(void) fprintf(f, ".Sh PATHS\n.Bl -tag -width Ds\n");
#define ROUTE(path, parameters, life, function, answer, help) route(f, path, parameters, answer, help);
#include "serve/routes.def"
	(void) fprintf(f, ".El\n");
}

static void
parameters(FILE *f)
{
	(void) fprintf(f, ".Sh PARAMETERS\n.Bl -tag -width Ds\n");
#define PARAMETER(name, type, help) item(f, "Cm", name, type, help);
#include "serve/parameters.def"
	(void) fprintf(f, ".El\n");
}

static void
objects(FILE *f)
{
	bool first = true;

	(void) fprintf(f, ".Sh OBJECTS\n");
#define OBJECT(name, help) object(f, &first, name, help, "");
#define PARTIAL(name, help) object(f, &first, name, help, "\nAny member may be missing.");
#define MEMBER(name, type, help) item(f, "Va", name, type, help);
#define OPTIONAL(name, type, help) item(f, "Va", name, type ", may be missing", help);
#define LIKE(object) (void) fprintf(f, ".It The members of Em %s\n", object);
#define METRICS(scope) values(f, MS_##scope);
#define RECORD(part) record_describe(part, record_item, f);
#include "serve/schemas.def"
	(void) fprintf(f, ".El\n");
}

void
api_dump(FILE *f)
{
	routes(f);
	parameters(f);
	objects(f);
}
