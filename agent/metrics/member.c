/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/member.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/tick.h"
#include "base/utf8.h"
#include "base/util.h"
#include "metrics/record.h"

#define MAX_STAMP_NAME 40
#define MAX_TYPE 160 /* of the words of a member joined */

void
members_gen_text(yajl_gen g, const char *s)
{
	if (s)
		(void) yajl_gen_string(g, (const unsigned char *) s, strlen(s));
	else
		(void) yajl_gen_null(g);
}

/* Not by yajl_gen_double, which writes 0.1 as 0.10000000000000000555. */
static void
gen_number(yajl_gen g, double v)
{
	struct strbuf b = {NULL, 0, 0};

	if (!isfinite(v)) {
		(void) yajl_gen_null(g);
		return;
	}
	strbuf_number(&b, v);
	(void) yajl_gen_number(g, b.text, b.n);
	strbuf_done(&b);
}

/* Not by yajl_gen_integer, which asks printf: a record has hundreds of them. */
static void
gen_integer(yajl_gen g, int64_t v)
{
	struct strbuf b = {NULL, 0, 0};

	strbuf_integer(&b, v);
	(void) yajl_gen_number(g, b.text, b.n);
	strbuf_done(&b);
}

static void
gen_ratio(yajl_gen g, double v)
{
	char text[32];

	if (!isfinite(v)) {
		(void) yajl_gen_null(g);
		return;
	}
	(void) snprintf(text, sizeof(text), "%.6g", v);
	(void) yajl_gen_number(g, text, strlen(text));
}

static int64_t
get_integer(const struct member *m, const char *p)
{
	int64_t wide;
	int32_t narrow;
	uint32_t natural;
	uint8_t byte;

	if (m->size == sizeof(byte)) {
		memcpy(&byte, p, sizeof(byte));
		return byte;
	}
	if (m->size == sizeof(wide)) {
		memcpy(&wide, p, sizeof(wide));
		return wide;
	}
	if (m->kind == COUNT) {
		memcpy(&narrow, p, sizeof(narrow));
		return narrow;
	}
	memcpy(&natural, p, sizeof(natural));
	return natural;
}

static void
gen_member(yajl_gen g, const struct member *m, const char *p)
{
	double number;

	switch (m->kind) {
	case TEXT:
		members_gen_text(g, p);
		break;
	case WORD:
		members_gen_text(g, m->words[get_integer(m, p)]);
		break;
	case COUNT:
		if (get_integer(m, p) == UNSEEN) {
			(void) yajl_gen_null(g);
			break;
		}
		/* fall through */
	case NATURAL:
		gen_integer(g, get_integer(m, p));
		break;
	case NUMBER:
	case STAMP:
		memcpy(&number, p, sizeof(number));
		gen_number(g, number);
		break;
	case RATIO:
		memcpy(&number, p, sizeof(number));
		gen_ratio(g, number);
		break;
	case FLAG:
		(void) yajl_gen_bool(g, get_integer(m, p) != 0);
		break;
	}
}

static void
gen_stamp_text(yajl_gen g, const struct member *m, const char *p)
{
	char name[MAX_STAMP_NAME], text[TIME_TEXT_SIZE];
	double t;

	memcpy(&t, p, sizeof(t));
	time_text(t, text);
	(void) snprintf(name, sizeof(name), "%s_text", m->name);
	members_gen_text(g, name);
	members_gen_text(g, *text ? text : NULL);
}

void
members_gen(yajl_gen g, const struct member *m, size_t n, const void *base)
{
	for (size_t i = 0; i < n; i++) {
		const char *p = (const char *) base + m[i].at;

		members_gen_text(g, m[i].name);
		gen_member(g, &m[i], p);
		if (m[i].kind == STAMP)
			gen_stamp_text(g, &m[i], p);
	}
}

void
members_gen_changed(yajl_gen g, const struct member *m, size_t n, const void *base, const void *before)
{
	for (size_t i = 0; i < n; i++) {
		const char *p = (const char *) base + m[i].at;

		if (before && memcmp(p, (const char *) before + m[i].at, m[i].size) == 0)
			continue;
		members_gen_text(g, m[i].name);
		gen_member(g, &m[i], p);
	}
}

static void
type_of(const struct member *m, char *ret, size_t n)
{
	static const char *const types[] = {[TEXT] = "text",
	    [COUNT] = "integer?",
	    [NATURAL] = "integer",
	    [NUMBER] = "number?",
	    [STAMP] = "stamp?",
	    [RATIO] = "number?",
	    [FLAG] = "boolean"};
	size_t used = 0;
	bool null = false;

	if (m->kind != WORD) {
		str_copy(ret, n, types[m->kind]);
		return;
	}
	for (size_t i = 0; i < m->n_words; i++)
		if (m->words[i])
			used += (size_t) snprintf(ret + used, n - used, "%s%s", used ? "|" : "", m->words[i]);
		else
			null = true;
	if (null)
		str_copy(ret + used, n - used, "?");
}

void
members_describe(
    const struct member *m, size_t n, void (*fn)(void *arg, const char *name, const char *type), void *arg)
{
	char type[MAX_TYPE];

	for (size_t i = 0; i < n; i++) {
		type_of(&m[i], type, sizeof(type));
		fn(arg, m[i].name, type);
	}
}

static void
put_integer(const struct member *m, char *p, int64_t v)
{
	int32_t narrow = (int32_t) v;
	uint8_t byte = (uint8_t) v;

	if (m->size == sizeof(byte))
		memcpy(p, &byte, sizeof(byte));
	else if (m->size == sizeof(v))
		memcpy(p, &v, sizeof(v));
	else
		memcpy(p, &narrow, sizeof(narrow));
}

static int
parse_word(const struct member *m, char *p, const json_t *v)
{
	const char *text = json_string_value(v);

	if (!text && !json_is_null(v))
		return -EBADMSG;
	for (size_t i = 0; i < m->n_words; i++)
		if (m->words[i] && text ? strcmp(m->words[i], text) == 0 : m->words[i] == text) {
			put_integer(m, p, (int64_t) i);
			return 0;
		}
	return -EBADMSG;
}

static int
parse_integer(const struct member *m, char *p, const json_t *v)
{
	json_int_t n = json_integer_value(v);

	if (json_is_null(v) && m->kind == COUNT)
		n = UNSEEN;
	else if (!json_is_integer(v) || n < 0 || (m->size == sizeof(int32_t) && n > INT32_MAX))
		return -EBADMSG;
	put_integer(m, p, n);
	return 0;
}

static int
parse_member(const struct member *m, char *p, const json_t *v)
{
	double number = json_is_null(v) ? NAN : json_number_value(v);

	switch (m->kind) {
	case TEXT:
		if (!json_is_string(v) || json_string_length(v) >= m->size)
			return -EBADMSG;
		utf8_clean(p, m->size, json_string_value(v));
		return 0;
	case WORD:
		return parse_word(m, p, v);
	case COUNT:
	case NATURAL:
		return parse_integer(m, p, v);
	case NUMBER:
	case STAMP:
	case RATIO:
		if (!json_is_number(v) && !json_is_null(v))
			return -EBADMSG;
		memcpy(p, &number, sizeof(number));
		return 0;
	case FLAG:
		if (!json_is_boolean(v))
			return -EBADMSG;
		put_integer(m, p, json_is_true(v));
		return 0;
	}
	return -EBADMSG;
}

int
members_parse(const struct member *m, size_t n, void *base, const json_t *object)
{
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_object_get(object, m[i].name);
		int r = v ? parse_member(&m[i], (char *) base + m[i].at, v) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
