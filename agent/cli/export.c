/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/export.h"

#include <errno.h>

#include "base/parse.h"
#include "base/strbuf.h"
#include "base/util.h"

static const char *const forms[] = {[EXPORT_JSONL] = "jsonl", [EXPORT_CSV] = "csv"};
static const struct words form_words = {forms, ARRAY_SIZE(forms)};

static const char *const columns[] = {"id", "uuid", "name", "domid", "direction", "toolstack", "tracking_mode",
    "mode_source", "mode_note", "started", "ended", "result", "reason", "memory_pages", "rounds_begun",
    "rounds_unseen", "pages_sent", "frames_sent", "downtime_seconds", "downtime_source", "stop_reason",
    "rounds_source", "tracking_left_on", "source", "cpu_model", "xen_version", "xen_extra", "boot_id"};

int
export_parse(const char *text, enum export *ret)
{
	int form = words_find(&form_words, text, strlen(text));

	if (form < 0)
		return form;
	*ret = (enum export) form;
	return 0;
}

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

void
export_begin(enum export form, FILE *f)
{
	for (size_t i = 0; form == EXPORT_CSV && i < ARRAY_SIZE(columns); i++)
		(void) fprintf(f, "%s%s", columns[i], i + 1 < ARRAY_SIZE(columns) ? "," : "\n");
}

void
export_record(enum export form, const json_t *record, FILE *f)
{
	if (form == EXPORT_JSONL) {
		(void) json_dumpf(record, f, JSON_COMPACT | JSON_PRESERVE_ORDER);
		(void) putc('\n', f);
	}
	for (size_t i = 0; form == EXPORT_CSV && i < ARRAY_SIZE(columns); i++) {
		put_cell(json_object_get(record, columns[i]), f);
		(void) putc(i + 1 < ARRAY_SIZE(columns) ? ',' : '\n', f);
	}
}
