/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/capture.h"

#include <math.h>
#include <stdarg.h>
#include <yajl/yajl_gen.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "base/util.h"

static void
put_text(yajl_gen g, const char *s)
{
	(void) yajl_gen_string(g, (const unsigned char *) s, strlen(s));
}

/* JSON takes UTF-8 only; guests, consoles and logs hold anything. No byte more comes out than went
 * in. */
static void
put_bytes(yajl_gen g, const char *s, size_t n)
{
	_cleanup_(freep) char *text = xmalloc(n + 1);

	memcpy(text, s, n);
	text[n] = '\0'; /* ends a character that is cut */
	for (size_t i = 0; i < n;) {
		size_t len = utf8_length(text + i);

		if (len == 0)
			text[i] = '?';
		i += len ? len : 1;
	}
	(void) yajl_gen_string(g, (const unsigned char *) text, n);
}

static void put_number(yajl_gen g, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put_number(yajl_gen g, const char *format, ...)
{
	char text[352]; /* the longest double with nine decimals */
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (strchr(text, '.')) {
		while (text[strlen(text) - 1] == '0')
			text[strlen(text) - 1] = '\0';
		if (text[strlen(text) - 1] == '.')
			text[strlen(text) - 1] = '\0';
	}
	(void) yajl_gen_number(g, text, strlen(text));
}

static uint64_t
get_uint(const char *p, size_t size)
{
	uint64_t wide;
	uint32_t narrow;

	if (size == sizeof(wide)) {
		memcpy(&wide, p, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, p, sizeof(narrow));
	return narrow;
}

static double
get_double(const char *p)
{
	double v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static bool
is_zero(const struct capture_field *f, const char *p)
{
	switch (f->type) {
	case FIELD_SECONDS:
		return !isfinite(get_double(p));
	case FIELD_TEXT:
	case FIELD_BOOL:
		return *p == '\0';
	case FIELD_UINT:
	case FIELD_INT:
	case FIELD_NAME:
	case FIELD_ERRNO:
		return get_uint(p, f->size) == 0;
	default:
		return false;
	}
}

static void put_fields(yajl_gen g, const struct capture_fields *fields, const void *base);

static void
put_rows(yajl_gen g, const struct capture_line *line)
{
	const struct capture_call_info *info = &capture_calls[line->call];

	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < line->n; i++) {
		(void) yajl_gen_map_open(g);
		put_fields(g, &info->row, (const char *) line->data + i * info->size);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
}

static void
put_words(yajl_gen g, const uint32_t *word, size_t n)
{
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < n; i++)
		put_number(g, "%u", word[i]);
	(void) yajl_gen_array_close(g);
}

/* base is the struct that holds the field; of the answer's own types it is the line. */
static void
put_value(yajl_gen g, const struct capture_field *f, const void *base)
{
	const struct capture_line *line = base;
	const char *p = (const char *) base + f->offset;
	char text[40];

	switch (f->type) {
	case FIELD_UINT:
		put_number(g, "%llu", (unsigned long long) get_uint(p, f->size));
		break;
	case FIELD_INT:
		put_number(g, "%lld",
		    f->size == 8 ? (long long) get_uint(p, 8)
				 : (long long) (int32_t) get_uint(p, 4));
		break;
	case FIELD_BOOL:
		(void) yajl_gen_bool(g, *p != 0);
		break;
	case FIELD_SECONDS:
		put_number(g, "%.9f", get_double(p));
		break;
	case FIELD_TEXT:
		put_bytes(g, p, strnlen(p, f->size));
		break;
	case FIELD_UUID:
		uuid_format((const uint8_t *) p, text);
		put_text(g, text);
		break;
	case FIELD_NAME:
		put_text(
		    g, get_uint(p, f->size) < f->n_names ? f->names[get_uint(p, f->size)] : "?");
		break;
	case FIELD_ERRNO:
		capture_error_name((uint32_t) get_uint(p, f->size), text, sizeof(text));
		put_text(g, text);
		break;
	case FIELD_PATH:
		put_bytes(g, line->path, strlen(line->path));
		break;
	case FIELD_ROWS:
		put_rows(g, line);
		break;
	case FIELD_WORDS:
		put_words(g, line->data, line->n);
		break;
	case FIELD_BYTES:
		put_bytes(g, line->data, line->n);
		break;
	}
}

static void
put_fields(yajl_gen g, const struct capture_fields *fields, const void *base)
{
	for (size_t i = 0; i < fields->n; i++) {
		const struct capture_field *f = &fields->field[i];

		if (f->optional && is_zero(f, (const char *) base + f->offset))
			continue;
		put_text(g, f->name);
		put_value(g, f, base);
	}
}

static void
put_answer(yajl_gen g, const struct capture_line *line)
{
	const struct capture_call_info *info = &capture_calls[line->call];
	const struct capture_field *error = &capture_line_fields.field[MEMBER_ERROR];

	put_fields(g, &info->args, line);
	if (line->error) {
		put_text(g, error->name);
		put_value(g, error, line);
		return;
	}
	if (capture_in_line(info))
		put_fields(g, &info->data, line);
	else
		put_fields(g, &info->data, line->data);
}

static void
put_member(yajl_gen g, enum capture_member member, const struct capture_line *line)
{
	const struct capture_field *f = &capture_line_fields.field[member];

	put_text(g, f->name);
	put_value(g, f, line);
}

void
capture_write(struct strbuf *b, const struct capture_line *line, size_t *ret_body)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *text;
	const char *comma;
	size_t n, at = b->n;

	if (!g)
		abort();
	(void) yajl_gen_map_open(g);
	switch (line->kind) {
	case LINE_HEADER:
		put_fields(g, &capture_header_fields, line);
		break;
	case LINE_ANSWER:
		put_member(g, MEMBER_T, line);
		put_member(g, MEMBER_CALL, line);
		put_answer(g, line);
		break;
	case LINE_EVENT:
		put_member(g, MEMBER_T, line);
		put_member(g, MEMBER_EVENT, line);
		put_fields(g, &capture_event_fields, &line->event);
		break;
	case LINE_UNKNOWN:
		break;
	}
	(void) yajl_gen_map_close(g);
	(void) yajl_gen_get_buf(g, &text, &n);
	strbuf_add(b, (const char *) text, n);
	strbuf_str(b, "\n");
	yajl_gen_free(g);
	comma = strchr(b->text + at, ',');
	*ret_body = comma ? (size_t) (comma - b->text) : at;
}
