/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/show.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/util.h"
#include "cli/fields.h"
#include "cli/table.h"

/* Whether the guest's kernel uses the feature: yes, no or unknown. */
static const char *
guest_word(const json_t *domain, const char *feature)
{
	return text(json_object_get(json_object_get(domain, "features"), feature), "active");
}

/* Guests, and in how many of those that are known the kernel uses the feature. */
static void
tell_guests(const json_t *features, const char *name, char *buf, size_t size)
{
	const json_t *domains = json_object_get(features, "domains");
	unsigned guests = 0, known = 0, active = 0;
	int n;

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *d = json_array_get(domains, i);
		const char *word = guest_word(d, name);

		if (strcmp(text(d, "kind"), "pv") == 0)
			continue;
		guests++;
		known += strcmp(word, "yes") == 0 || strcmp(word, "no") == 0;
		active += strcmp(word, "yes") == 0;
	}
	if (guests == 0)
		n = snprintf(buf, size, "no guests");
	else
		n = snprintf(buf, size, "%u of %u guest%s", active, guests, guests == 1 ? "" : "s");
	if (known < guests)
		(void) snprintf(buf + n, size - (size_t) n, " (%u unknown)", guests - known);
}

static void
show_feature_line(const json_t *features, const char *name, const char *title, unsigned width, FILE *f)
{
	const json_t *s = json_object_get(json_object_get(features, "features"), name);
	const char *reason = text(s, "reason");
	char guests[64];

	tell_guests(features, name, guests, sizeof(guests));
	print_field(f, width, title, "CPU %s, Xen %s%s%s%s, offered to HVM %s and PV %s, %s%s", text(s, "cpu"),
	    text(s, "xen"), *reason ? " (" : "", reason, *reason ? ")" : "", text(s, "hvm"), text(s, "pv"),
	    strcmp(guests, "no guests") == 0 ? "" : "on in ", guests);
}

static void
show_pml_line(const json_t *features, unsigned width, FILE *f)
{
	const json_t *pml = json_object_get(features, "pml");
	const char *state = text(pml, "state"), *reason = text(pml, "reason");

	print_field(f, width, "PML", "%s (%s)", strcmp(state, "in_use") == 0 ? "in use" : state,
	    *reason ? reason : text(pml, "source"));
}

/* That of the newest migration which was tracked and for which it is known. */
static void
show_mode_line(const json_t *list, unsigned width, FILE *f)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *mode = text(json_array_get(list, i), "tracking_mode");

		if (*mode && strcmp(mode, "unknown") != 0 && strcmp(mode, "off") != 0) {
			print_field(f, width, "Tracking", "%s in the newest live migration", mode);
			return;
		}
	}
	print_field(f, width, "Tracking", "no live migration seen yet");
}

static bool
is_running(const json_t *m)
{
	return strcmp(text(m, "result"), "running") == 0;
}

/* Of one under way what is expected, of one that completed how far that was off, of any other why. */
static void
cell_note(struct table *t, const json_t *m)
{
	const json_t *all = json_object_get(m, "forecast"), *f = json_array_get(all, json_array_size(all) - 1);
	double off = number(json_object_get(m, "forecast_error"), "total_ratio");
	const char *converges = text(f, "converges");

	if (*text(m, "reason"))
		table_cell(t, text(m, "reason"));
	else if (!isnan(off))
		table_cellf(t, "forecast off by %.0f %%", 100 * off);
	else if (!is_running(m) || isnan(number(f, "rounds")))
		table_cell(t, NULL);
	else
		table_cellf(t, "%.0f rounds, %.1f s, down %.2f s%s", number(f, "rounds"), number(f, "total_seconds"),
		    number(f, "downtime_seconds"),
		    strcmp(converges, "no") == 0    ? ", not converging"
		    : strcmp(converges, "yes") == 0 ? ", converging" : "");
}

/* What the harvests of all rounds found; the last round may have had none. NAN: not each of them was seen. */
static double
pages_dirtied(const json_t *m)
{
	const json_t *rounds = json_object_get(m, "rounds");
	size_t n = json_array_size(rounds);
	double sum = number(m, "rounds_unseen") == 0 ? 0 : NAN;

	if (n > 0 && isnan(number(json_array_get(rounds, n - 1), "pages_dirtied")))
		n--;
	for (size_t i = 0; i < n; i++)
		sum += number(json_array_get(rounds, i), "pages_dirtied");
	return n > 0 ? sum : NAN;
}

void
migrations_row(struct table *t, const json_t *m, double now)
{
	const json_t *rounds = json_object_get(m, "rounds");
	double begun = number(m, "rounds_begun");
	double end = is_running(m) ? now : number(m, "ended");
	const char *name = text(m, "name");

	table_cell(t, text(m, "result"));
	if (*name || *text(m, "uuid"))
		table_cell(t, *name ? name : text(m, "uuid"));
	else
		table_cellf(t, "domain %.0f", number(m, "domid"));
	table_cell(t, text(m, "direction"));
	table_cell(t, text(m, "tracking_mode"));
	cell_time(t, number(m, "started"));
	/* one that has just begun may be younger than the sample */
	cell_number(t, isnan(end) ? NAN : fmax(0, end - number(m, "started")), " s");
	cell_number(t, isnan(begun) ? (double) json_array_size(rounds) : begun, "");
	cell_number(t, pages_dirtied(m), "");
	cell_number(t, number(json_object_get(m, "final"), "pages"), "");
	cell_number(t, number(m, "downtime_seconds"), " s");
	table_cell(t, text(m, "id"));
	cell_note(t, m);
}

struct table *
migrations_table(void)
{
	static const char *const titles[] = {"!RESULT", "~NAME", "WAY", "TRACKING", "STARTED", ">TOOK", ">ROUNDS",
	    "?>DIRTIED", "?>FINAL", ">DOWN", "?ID", "+NOTE", NULL};

	return table_new(titles);
}

static void
show_list(const json_t *answer, unsigned width, FILE *f)
{
	const json_t *list = json_object_get(answer, "migrations");
	struct table *t = migrations_table();

	for (size_t i = 0; i < json_array_size(list); i++)
		migrations_row(t, json_array_get(list, i), number(answer, "time"));
	table_print(t, width, f);
	table_free(t);
}

void
show_status(const json_t *answers, unsigned width, FILE *f)
{
	const json_t *host = json_object_get(answers, "host"), *features = json_object_get(answers, "features");
	const json_t *migrations = json_object_get(answers, "migrations");
	const json_t *list = json_object_get(migrations, "migrations"), *notes = json_object_get(host, "notes");
	const char *xen = text(host, "xen_version"), *cpu = text(host, "cpu_model");
	size_t running = 0;

	show_source(host, f);
	print_field(f, width, "Host", "Xen %s on %s; sample of %s, %.0f s old%s", *xen ? xen : "unknown",
	    *cpu ? cpu : "an unknown CPU", text(host, "time_text"), number(host, "age_seconds"),
	    json_is_true(json_object_get(host, "stale")) ? ": STALE, the agent has gone" : "");
	show_feature_line(features, "smap", "SMAP", width, f);
	show_feature_line(features, "smep", "SMEP", width, f);
	show_pml_line(features, width, f);
	show_mode_line(list, width, f);
	for (size_t i = 0; i < json_array_size(notes); i++)
		if (json_is_string(json_array_get(notes, i)))
			print_field(f, width, "Note", "%s", json_string_value(json_array_get(notes, i)));
	for (size_t i = 0; i < json_array_size(list); i++)
		running += is_running(json_array_get(list, i));
	print_field(f, width, "Migrations", "%zu running%s", running,
	    json_array_size(list) > 0 ? "; the newest:" : ", none in the journal");
	if (json_array_size(list) > 0)
		show_list(migrations, width, f);
}

void
show_features(const json_t *features, unsigned width, FILE *f)
{
	static const char *const titles[] = {"FEATURE", "CPU", "HOST", "!XEN", "HVM", "PV", "?CONFIDENCE",
	    "ON IN", "+REASON", NULL};
	json_t *rows = json_object_get(features, "features");
	struct table *t = table_new(titles);
	const char *name;
	json_t *s;

	show_source(features, f);
	json_object_foreach(rows, name, s) {
		char guests[64];

		tell_guests(features, name, guests, sizeof(guests));
		table_cell(t, name);
		table_cell(t, text(s, "cpu"));
		table_cell(t, text(s, "host"));
		table_cell(t, text(s, "xen"));
		table_cell(t, text(s, "hvm"));
		table_cell(t, text(s, "pv"));
		table_cell(t, text(s, "confidence"));
		table_cell(t, guests);
		table_cell(t, text(s, "reason"));
	}
	table_print(t, width, f);
	table_free(t);
	show_pml_line(features, width, f);
	print_field(f, width, "EPT A/D", "%s", text(features, "ept_ad"));
	print_field(f, width, "HAP", "%s", text(features, "hap"));
}

void
show_domains(const json_t *domains, unsigned width, FILE *f)
{
	static const char *const titles[] = {">ID", "~NAME", "KIND", "STATE", ">VCPUS", ">MEMORY", ">CPU", "!SMAP",
	    "!SMEP", "TRACKED", "?UUID", NULL};
	const json_t *list = json_object_get(domains, "domains");
	struct table *t = table_new(titles);

	show_source(domains, f);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		const json_t *m = json_object_get(d, "metrics");
		double tracked = number(m, "xenscope_domain_tracked");

		cell_number(t, number(d, "domid"), "");
		table_cell(t, text(d, "name"));
		table_cell(t, text(d, "kind"));
		table_cell(t, text(d, "state"));
		cell_number(t, number(m, "xenscope_domain_vcpus"), "");
		cell_number(
		    t, floor(number(m, "xenscope_domain_memory_bytes") / (1 << 20)), " MiB");
		cell_number(t, floor(number(m, "xenscope_domain_cpu_seconds_total")), " s");
		table_cell(t, guest_word(d, "smap"));
		table_cell(t, guest_word(d, "smep"));
		table_cell(t, isnan(tracked) ? "" : tracked > 0 ? "yes" : "no");
		table_cell(t, text(d, "uuid"));
	}
	table_print(t, width, f);
	table_free(t);
}

void
show_migrations(const json_t *migrations, unsigned width, FILE *f)
{
	show_source(migrations, f);
	show_list(migrations, width, f);
}

void
show_events(const json_t *answer, unsigned width, FILE *f)
{
	static const char *const titles[] = {">SEQ", "TIME", "!SEVERITY", "KIND", "+EVENT", NULL};
	const json_t *list = json_object_get(answer, "events");
	struct table *t = table_new(titles);

	show_source(answer, f);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *e = json_array_get(list, i);

		cell_number(t, number(e, "seq"), "");
		cell_time(t, number(e, "time"));
		table_cell(t, text(e, "severity"));
		table_cell(t, text(e, "kind"));
		table_cell(t, text(e, "text"));
	}
	table_print(t, width, f);
	table_free(t);
}
