/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/migration_fields.h"

#include "base/parse.h"
#include "base/util.h"
#include "metrics/record.h"

#define SAME_AS_TEXT "_text" /* ends the name under which a time is written a second time */

struct name {
	const char *text;
	size_t n;
	bool found;
};

static void
find_name(void *arg, const char *name, const char *type)
{
	struct name *wanted = arg;

	(void) type;
	wanted->found |= strlen(name) == wanted->n && memcmp(name, wanted->text, wanted->n) == 0;
}

static void
list_name(void *arg, const char *name, const char *type)
{
	struct strbuf *list = arg;

	(void) type;
	strbuf_printf(list, "%s%s", list->n ? "," : "", name);
}

static void
refuse(const struct request *q, struct reply *ret, const struct name *name)
{
	struct strbuf list = {NULL, 0, 0};

	record_describe(PART_RECORD, list_name, &list);
	problem_of(q, ret, "fields", "a migration has no member \"%.*s\"; fields takes, joined by commas, %s",
	    (int) MIN(name->n, 64u), name->text, list.text);
	strbuf_done(&list);
}

bool
migration_fields(const struct request *q, struct reply *ret_reply, const char **ret_fields)
{
	const char *p = *ret_fields = request_parameter(q, "fields");

	while (p) {
		struct name name = {p, strcspn(p, ","), false};

		record_describe(PART_RECORD, find_name, &name);
		if (!name.found) {
			refuse(q, ret_reply, &name);
			return false;
		}
		p = p[name.n] ? p + name.n + 1 : NULL;
	}
	return true;
}

static const char *
end_of_text(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\';
	return MIN(p, end);
}

/* The comma or the brace behind a member. */
static const char *
end_of_member(const char *p, const char *end)
{
	int depth = 0;

	for (; p < end; p++) {
		if (*p == '"')
			p = end_of_text(p, end);
		else if (depth == 0 && (*p == ',' || *p == '}'))
			break;
		else
			depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
	}
	return MIN(p, end);
}

static bool
is_wanted(const char *fields, const char *member, const char *end)
{
	const size_t suffix = sizeof(SAME_AS_TEXT) - 1;
	const char *name = memchr(member, '"', (size_t) (end - member));
	size_t n;

	if (!name++)
		return false;
	n = (size_t) (end_of_text(name - 1, end) - name);
	return list_has(fields, name, n) ||
	    (n > suffix && memcmp(name + n - suffix, SAME_AS_TEXT, suffix) == 0 && list_has(fields, name, n - suffix));
}

void
migration_fields_add(struct strbuf *b, const char *fields, const char *line, size_t n)
{
	const char *end = line + n, *next;
	const char *separator = "{";

	for (const char *p = line + 1; p < end; p = next + 1) {
		next = end_of_member(p, end);
		if (!is_wanted(fields, p, next))
			continue;
		strbuf_str(b, separator);
		strbuf_add(b, p, (size_t) (next - p));
		separator = ",";
	}
	strbuf_str(b, *separator == '{' ? "{}" : "}");
}
