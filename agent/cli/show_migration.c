/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/show.h"

#include "base/strbuf.h"
#include "cli/fields.h"

static const char *
words_of(const char *source)
{
	static const char *const words[][2] = {
	    {"both_ends", "from suspend to unpause, both seen here"},
	    {"suspend_to_resume", "from suspend until the guest was resumed here"},
	    {"suspend_to_off", "from suspend to the end of tracking; the rest is the receiver's"},
	    {"final_clean_to_off", "from the final harvest to the end of tracking; the rest was not seen"},
	    {"suspend_to_sent", "from suspend to the last page, by the log's stamps"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i][0], source) == 0)
			return words[i][1];
	return source;
}

static void
print_heading(const json_t *m, unsigned width, FILE *f)
{
	const char *reason = text(m, "reason");

	print_field(f, width, "Migration", "%s", text(m, "id"));
	print_field(f, width, "Guest", "%s (%s), domain %.0f", text(m, "name"), text(m, "uuid"), number(m, "domid"));
	print_field(f, width, "Way", "%s, toolstack %s, tracking %s", text(m, "direction"), text(m, "toolstack"),
	    text(m, "tracking_mode"));
	if (number(m, "checkpoints") >= 0)
		print_field(f, width, "Result", "%s%s%s; %.0f checkpoints", text(m, "result"), *reason ? ": " : "",
		    reason, number(m, "checkpoints"));
	else
		print_field(f, width, "Result", "%s%s%s", text(m, "result"), *reason ? ": " : "", reason);
}

static void
print_rounds(const json_t *m, unsigned width, FILE *f)
{
	static const char *const titles[] = {
	    ">ROUND", ">BEGAN", ">TOOK", ">SENT", ">DIRTIED", ">HARVEST", NULL};
	const json_t *rounds = json_object_get(m, "rounds"), *final = json_object_get(m, "final");
	struct table *t = table_new(titles);

	for (size_t i = 0; i < json_array_size(rounds); i++) {
		const json_t *r = json_array_get(rounds, i);
		double sent = number(r, "pages_sent");

		cell_number(t, number(r, "n"), "");
		cell_number(t, number(r, "started") - number(m, "started"), " s");
		cell_number(t, number(r, "seconds"), " s");
		cell_number(t, isnan(sent) ? number(r, "frames_sent") : sent, isnan(sent) ? " frames" : "");
		cell_number(t, number(r, "pages_dirtied"), "");
		cell_number(t, number(r, "harvest_seconds") * 1e3, " ms");
	}
	if (json_is_object(final)) {
		table_cell(t, "final");
		cell_number(t, number(final, "started") - number(m, "started"), " s");
		cell_number(t, number(final, "seconds"), " s");
		cell_number(t, number(final, "pages"), "");
		table_cell(t, NULL);
		cell_number(t, number(final, "harvest_seconds") * 1e3, " ms");
	}
	table_print(t, width, f);
	table_free(t);
}

/* How long each step of the final phase took, counted from the one before that was seen. */
static void
print_steps(const json_t *m, unsigned width, FILE *f)
{
	static const struct {
		const char *member, *title;
	} steps[] = {{"requested", "asked to suspend"}, {"suspended", "suspended"}, {"harvested", "last harvest"},
	    {"sent", "last page sent"}, {"done", "done"}};
	const json_t *final = json_object_get(m, "final");
	double before = NAN, at = number(m, "released");
	struct strbuf b = {NULL, 0, 0};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		double then = number(final, steps[i].member);

		if (isnan(then))
			continue;
		if (!isnan(before))
			strbuf_printf(&b, ", %+.1f ms ", (then - before) * 1e3);
		strbuf_str(&b, steps[i].title);
		before = then;
	}
	if (b.n > 0)
		print_field(f, width, "Final phase", "%s", b.text);
	strbuf_done(&b);
	if (isnan(at))
		return;
	print_field(f, width, "Runs", "%+.3f s after %s, by the %s", at - (isnan(before) ? number(m, "ended") : before),
	    isnan(before) ? "its stream had come" : "that",
	    strcmp(text(m, "released_source"), "hypercall") == 0 ? "hypercall"
								   : "list of domains, late by up to a tick");
}

void
show_migration(const json_t *answer, unsigned width, FILE *f)
{
	const json_t *m = json_object_get(answer, "migration");
	double downtime = number(m, "downtime_seconds"), sent = number(m, "bytes_sent");

	show_source(answer, f);
	print_heading(m, width, f);
	print_rounds(m, width, f);
	print_steps(m, width, f);
	if (!isnan(sent))
		print_field(f, width, "Sent", "%.1f MiB", sent / (1 << 20));
	if (!isnan(downtime))
		print_field(f, width, "Downtime", "%.3f s, %s", downtime, words_of(text(m, "downtime_source")));
}
