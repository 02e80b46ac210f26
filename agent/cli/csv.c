/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/csv.h"

#include <stdbool.h>

#include "base/strbuf.h"
#include "base/util.h"

#define MAX_DEPTH 4

/* A row and what it is in, the innermost last. */
struct place {
	const json_t *in[MAX_DEPTH];
	const char *name[MAX_DEPTH]; /* of it, in an object */
	size_t depth;
};

static void
put_text(const char *text, FILE *f)
{
	bool quote = text[strcspn(text, ",\"\r\n")] != '\0';

	if (quote)
		(void) putc('"', f);
	if (*text && strchr("=+-@\t\r", *text))
		(void) putc('\'', f);
	for (; *text; text++) {
		if (*text == '"')
			(void) putc('"', f);
		(void) putc(*text, f);
	}
	if (quote)
		(void) putc('"', f);
}

static void
put_cell(const json_t *v, FILE *f)
{
	struct strbuf b = {NULL, 0, 0};

	if (json_is_string(v))
		put_text(json_string_value(v), f);
	else if (json_is_boolean(v))
		(void) fputs(json_is_true(v) ? "true" : "false", f);
	else if (json_is_integer(v))
		(void) fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v)) {
		strbuf_number(&b, json_real_value(v));
		(void) fputs(b.text, f);
		strbuf_done(&b);
	}
}

/* A member of o, by a name with dots between members of members. */
static const json_t *
member(const json_t *o, const char *name)
{
	while (o) {
		size_t n = strcspn(name, ".");
		_cleanup_(freep) char *key = xasprintf("%.*s", (int) n, name);

		o = json_object_get(o, key);
		if (!name[n])
			break;
		name += n + 1;
	}
	return o;
}

static void
put_row(const struct csv *c, const struct place *p, FILE *f)
{
	for (const char *const *column = c->column; *column; column++) {
		const json_t *v = NULL;

		for (size_t i = p->depth; i-- > 0 && !v;)
			v = member(p->in[i], *column);
		if (strcmp(*column, "#") == 0)
			put_text(p->name[p->depth - 1], f);
		else
			put_cell(v, f);
		(void) putc(column[1] ? ',' : '\n', f);
	}
}

static void
put_rows(const struct csv *c, const char *path, struct place *p, FILE *f)
{
	size_t n = strcspn(path, "/"), i;
	_cleanup_(freep) char *key = xasprintf("%.*s", (int) n, path);
	json_t *list = json_object_get(p->in[p->depth - 1], key), *row;
	const char *name;

	if (p->depth == MAX_DEPTH)
		return;
	p->depth++;
	json_array_foreach(list, i, row)
	{
		p->in[p->depth - 1] = row;
		p->name[p->depth - 1] = "";
		if (path[n])
			put_rows(c, path + n + 1, p, f);
		else
			put_row(c, p, f);
	}
	if (path[n] && json_is_object(list)) {
		p->in[p->depth - 1] = list;
		put_rows(c, path + n + 1, p, f);
	} else
		json_object_foreach(list, name, row)
		{
			p->in[p->depth - 1] = row;
			p->name[p->depth - 1] = name;
			put_row(c, p, f);
		}
	p->depth--;
}

void
csv_head(const struct csv *c, FILE *f)
{
	for (const char *const *column = c->column; *column; column++)
		(void) fprintf(f, "%s%c", strcmp(*column, "#") == 0 ? "name" : *column, column[1] ? ',' : '\n');
}

void
csv_row(const struct csv *c, const json_t *row, FILE *f)
{
	const struct place p = {.in = {row}, .depth = 1};

	put_row(c, &p, f);
}

void
csv_answer(const struct csv *c, const json_t *answer, FILE *f)
{
	struct place p = {.in = {answer}, .depth = 1};

	csv_head(c, f);
	put_rows(c, c->rows, &p, f);
}
