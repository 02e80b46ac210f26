/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/rrdd_text.h"

#include <math.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/util.h"

#define NUMBER_SIZE 32
#define NO_UUID "00000000-0000-0000-0000-000000000000"

/* -EINVAL: the parameter is neither empty nor yes or no. */
static int
wants_json(const struct request *q, bool *ret)
{
	const char *json = request_parameter(q, "json");

	*ret = json || (q->accept && strstr(q->accept, "application/json"));
	return json && *json ? parse_bool(json, ret) : 0;
}

bool
rrdd_check(const struct request *q, struct reply *ret)
{
	bool json;

	if (wants_json(q, &json) == 0)
		return true;
	problem_of(q, ret, "json", "json takes true or false");
	return false;
}

struct rrdd_text
rrdd_begin(const struct request *q, struct reply *ret)
{
	struct rrdd_text t = {.b = &ret->body, .first = true};

	(void) wants_json(q, &t.json);
	if (!t.json) {
		ret->type = "text/xml";
		strbuf_str(t.b, "<?xml version=\"1.0\"?>\n");
	}
	return t;
}

static void
before(struct rrdd_text *t, const char *tag, const char *key)
{
	struct strbuf *b = t->b;

	if (!t->json && tag) {
		strbuf_add(b, "<", 1);
		strbuf_str(b, tag);
		strbuf_add(b, ">", 1);
	}
	if (t->json && !t->first)
		strbuf_add(b, ",", 1);
	if (t->json && key) {
		strbuf_add(b, "\"", 1);
		strbuf_str(b, key);
		strbuf_add(b, "\":", 2);
	}
	t->first = false;
}

static void
end_tag(struct rrdd_text *t, const char *tag)
{
	strbuf_add(t->b, "</", 2);
	strbuf_str(t->b, tag);
	strbuf_add(t->b, ">", 1);
}

void
rrdd_open(struct rrdd_text *t, const char *tag, const char *key, char bracket)
{
	before(t, tag, key);
	if (t->json)
		strbuf_add(t->b, &bracket, 1);
	t->first = true;
}

void
rrdd_close(struct rrdd_text *t, const char *tag, char bracket)
{
	if (t->json)
		strbuf_str(t->b, bracket == '{' ? "}" : "]");
	else if (tag)
		end_tag(t, tag);
	t->first = false;
}

static void
after(struct rrdd_text *t, const char *tag)
{
	if (t->json)
		strbuf_add(t->b, "\"", 1);
	else
		end_tag(t, tag);
}

static void
leaf(struct rrdd_text *t, const char *tag, const char *key, const char *text)
{
	before(t, tag, key);
	if (t->json)
		strbuf_add(t->b, "\"", 1);
	strbuf_str(t->b, text);
	after(t, tag);
}

void
rrdd_member(struct rrdd_text *t, const char *name, const char *text)
{
	leaf(t, name, name, text);
}

void
rrdd_entry(struct rrdd_text *t, const char *tag, const char *text)
{
	leaf(t, tag, NULL, text);
}

void
rrdd_count(struct rrdd_text *t, const char *name, double whole)
{
	char text[NUMBER_SIZE];

	(void) snprintf(text, sizeof(text), "%.0f", whole);
	leaf(t, name, name, text);
}

/* xcp-rrdd writes 15 digits, we as many as read back to the same; the words are its own. */
static void
number_leaf(struct rrdd_text *t, const char *tag, const char *key, double v)
{
	if (!isfinite(v) || v == 0) {
		leaf(t, tag, key, isnan(v) ? "NaN" : v == 0 ? "0.0" : v > 0 ? "Infinity" : "-Infinity");
		return;
	}
	before(t, tag, key);
	if (t->json)
		strbuf_add(t->b, "\"", 1);
	strbuf_number(t->b, v);
	after(t, tag);
}

void
rrdd_number(struct rrdd_text *t, const char *name, double v)
{
	number_leaf(t, name, name, v);
}

void
rrdd_value(struct rrdd_text *t, double v)
{
	number_leaf(t, "v", NULL, v);
}

const char *
rrdd_host_uuid(const struct view *view)
{
	return *view->host_uuid && !view->sample->replay ? view->host_uuid : NO_UUID;
}
