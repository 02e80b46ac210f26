/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/export.h"

#include <errno.h>

#include "base/parse.h"
#include "base/util.h"
#include "cli/csv.h"

static const char *const forms[] = {[EXPORT_JSONL] = "jsonl", [EXPORT_CSV] = "csv"};
static const struct words form_words = {forms, ARRAY_SIZE(forms)};

static const char *const columns[] = {"id", "uuid", "name", "domid", "direction", "toolstack", "tracking_mode",
    "mode_source", "mode_note", "started", "ended", "result", "reason", "memory_pages", "rounds_begun",
    "rounds_unseen", "pages_sent", "frames_sent", "bytes_sent", "downtime_seconds", "downtime_source", "stop_reason",
    "rounds_source", "tracking_left_on", "source", "cpu_model", "xen_version", "xen_extra", "boot_id", NULL};
const struct csv migrations_csv = {"migrations", columns};

int
export_parse(const char *text, enum export *ret)
{
	int form = words_find(&form_words, text, strlen(text));

	if (form < 0)
		return form;
	*ret = (enum export) form;
	return 0;
}

void
export_begin(enum export form, FILE *f)
{
	if (form == EXPORT_CSV)
		csv_head(&migrations_csv, f);
}

void
export_record(enum export form, const json_t *record, FILE *f)
{
	if (form == EXPORT_CSV)
		csv_row(&migrations_csv, record, f);
	if (form != EXPORT_JSONL)
		return;
	(void) json_dumpf(record, f, JSON_COMPACT | JSON_PRESERVE_ORDER);
	(void) putc('\n', f);
}
