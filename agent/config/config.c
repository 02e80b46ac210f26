/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "config/config.h"

#include <ctype.h>
#include <errno.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/util.h"

#define MAX_FILE (64 * 1024)

enum option_type { OPT_TEXT, OPT_NUMBER, OPT_BOOL };

static const struct option_row {
	const char *name;
	enum option_type type;
	const char *standard;
	uint64_t min, max;
	const char *help;
} table[OPTION_COUNT] = {
#define OPTION(id, name, type, standard, min, max, help)                                           \
	[OPTION_##id] = {name, type, standard, min, max, help},
#include "config/options.def"
};

void
config_init(struct config *c)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		c->text[i] = xstrdup(table[i].standard);
}

void
config_done(struct config *c)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		free(TAKE_PTR(c->text[i]));
}

static size_t
find(const char *name)
{
	size_t i = 0;

	while (i < OPTION_COUNT && strcmp(table[i].name, name) != 0)
		i++;
	return i;
}

static int
check(const struct option_row *row, const char *value)
{
	size_t n = strlen(value);
	uint64_t number;
	bool yes;

	switch (row->type) {
	case OPT_TEXT:
		return n < row->min || n > row->max ? -ERANGE : 0;
	case OPT_NUMBER:
		return parse_u64(value, row->min, row->max, &number);
	case OPT_BOOL:
		return parse_bool(value, &yes);
	}
	return -EINVAL;
}

int
config_set(struct config *c, const char *name, const char *value)
{
	size_t i = find(name);
	int r;

	if (i == OPTION_COUNT)
		return -ENOENT;
	r = check(&table[i], value);
	if (r < 0)
		return r;
	free(c->text[i]);
	c->text[i] = xstrdup(value);
	return 0;
}

void
config_explain(const char *name, int error, char *buf, size_t n)
{
	size_t i = find(name);

	if (i == OPTION_COUNT)
		(void) snprintf(buf, n, "unknown option \"%s\"; xenscoped --dump-config lists them all", name);
	else if (table[i].type == OPT_BOOL)
		(void) snprintf(buf, n, "option %s takes yes or no", name);
	else if (table[i].type == OPT_NUMBER)
		(void) snprintf(buf, n, "option %s takes a whole number from %llu to %llu", name,
		    (unsigned long long) table[i].min, (unsigned long long) table[i].max);
	else
		(void) snprintf(buf, n, "option %s takes %llu to %llu characters", name,
		    (unsigned long long) table[i].min, (unsigned long long) table[i].max);
	(void) error;
}

static char *
trim(char *s)
{
	char *end;

	while (isspace((unsigned char) *s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char) end[-1]))
		*--end = '\0';
	return s;
}

/* One line of the file; what is wrong with it in why[n]. */
static int
read_line(struct config *c, char *line, char *why, size_t n)
{
	char *name = trim(line), *value;
	int r;

	if (*name == '\0' || *name == '#')
		return 0;
	value = strchr(name, '=');
	if (!value) {
		(void) snprintf(why, n, "expected \"name = value\"");
		return -EINVAL;
	}
	*value++ = '\0';
	name = trim(name);
	r = config_set(c, name, trim(value));
	if (r < 0)
		config_explain(name, r, why, n);
	return r;
}

int
config_read(struct config *c, const char *path, char *error, size_t n)
{
	_cleanup_(freep) char *text = NULL;
	unsigned number = 0;
	char why[256];
	char *rest, *line;
	int r = file_read(path, MAX_FILE, &text, NULL);

	if (r < 0) {
		(void) snprintf(error, n, "%s: %s", path, strerror(-r));
		return r;
	}
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL) {
		number++;
		r = read_line(c, line, why, sizeof(why));
		if (r < 0) {
			(void) snprintf(error, n, "%s:%u: %s", path, number, why);
			return r;
		}
	}
	return 0;
}

const char *
config_text(const struct config *c, enum option_id id)
{
	return c->text[id];
}

uint64_t
config_number(const struct config *c, enum option_id id)
{
	uint64_t v = 0;

	(void) parse_u64(c->text[id], table[id].min, table[id].max, &v); /* checked when it was set */
	return v;
}

bool
config_bool(const struct config *c, enum option_id id)
{
	bool v = false;

	(void) parse_bool(c->text[id], &v); /* checked when it was set */
	return v;
}

void
config_dump(const struct config *c, bool example, FILE *f)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		(void) fprintf(f, "# %s\n%s%s = %s\n%s", table[i].help, example ? "#" : "", table[i].name,
		    example ? table[i].standard : c->text[i], i + 1 < OPTION_COUNT ? "\n" : "");
}

void
config_manual(FILE *f)
{
	for (const struct option_row *row = table; row < table + OPTION_COUNT; row++) {
		(void) fprintf(f, ".It Cm %s No =%s%s\n", row->name, *row->standard ? " Ar " : "", row->standard);
		if (row->type == OPT_NUMBER)
			(void) fprintf(f, ".Pq %llu to %llu\n", (unsigned long long) row->min,
			    (unsigned long long) row->max);
		(void) fprintf(f, "%s\n", row->help);
	}
}
