/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/watch_view.h"

#include <stdarg.h>

#include "base/utf8.h"
#include "cli/fields.h"

#define BAR_FROM 51    /* the column at which bars begin */
#define MIN_BAR 6      /* columns: a shorter bar tells nothing */
#define MIN_ROUNDS 3   /* shown of each migration, however many there are */
#define LINES_OF_ONE 7 /* of a migration, without its rounds */
#define LINES_OF_HEAD 4
#define PAGES_OF_MIB 256.0

static const char bold[] = "1", dim[] = "2", good[] = "32", bad[] = "31", doubtful[] = "33";

static void add_line(struct strbuf *b, const struct watch_form *form, const char *colour, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* A line, made harmless and cut to the terminal. */
static void
add_line(struct strbuf *b, const struct watch_form *form, const char *colour, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL, *shown = NULL;
	size_t bytes = 0;
	va_list ap;

	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	shown = visible(text);
	for (unsigned n = 0; shown[bytes] && n < form->columns; n++)
		bytes += utf8_length(shown + bytes);
	if (colour && form->colours)
		strbuf_printf(b, "\033[%sm", colour);
	strbuf_add(b, shown, bytes);
	strbuf_str(b, colour && form->colours ? "\033[0m\n" : "\n");
}

static bool
is_running(const json_t *m)
{
	return strcmp(text(m, "result"), "running") == 0;
}

/* "name (domain 3)" */
static char *
guest_of(const json_t *m)
{
	const char *name = *text(m, "name") ? text(m, "name") : text(m, "uuid");

	return *name ? xasprintf("%s (domain %.0f)", name, number(m, "domid"))
		     : xasprintf("domain %.0f", number(m, "domid"));
}

static void
clock_of(double t, char buf[16])
{
	time_t seconds = (time_t) t;
	struct tm tm;

	if (isnan(t) || !localtime_r(&seconds, &tm) || strftime(buf, 16, "%H:%M:%S", &tm) == 0)
		str_copy(buf, 16, "--:--:--");
}

/* "-" for what is not known. */
static void
figure(char buf[24], double v, const char *unit)
{
	(void) snprintf(buf, 24,
	    isnan(v)	    ? "-"
	    : v == floor(v) ? "%.0f%s"
	    : fabs(v) < 10  ? "%.2f%s"
			    : "%.1f%s",
	    v, unit);
}

static double
per_second(double pages, const json_t *round)
{
	double seconds = number(round, "seconds");

	return seconds > 0 ? pages / seconds : NAN;
}

static double
most_dirtied(const json_t *rounds)
{
	double most = 0;

	for (size_t i = 0; i < json_array_size(rounds); i++)
		most = fmax(most, number(json_array_get(rounds, i), "pages_dirtied")); /* ignores NAN */
	return most;
}

/* As long as part of the whole; with blocks to an eighth of a column. What is there is never nothing. */
static void
bar(struct strbuf *b, double part, double whole, unsigned columns, bool blocks)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	unsigned length = whole > 0 && part > 0 ? (unsigned) (part / whole * columns * 8) : 0;

	strbuf_str(b, "");
	if (part > 0 && length == 0)
		length = 1;
	for (unsigned i = 0; i < length / 8 && i < columns; i++)
		strbuf_str(b, blocks ? "█" : "#");
	if (length < columns * 8 && length % 8 > 0)
		strbuf_str(b, blocks ? eighths[length % 8] : length < 8 ? "#" : "");
}

static void
add_round(
    struct strbuf *b, const json_t *m, const json_t *r, double most, const struct watch_form *form, double now)
{
	double dirtied = number(r, "pages_dirtied"), sent = number(r, "pages_sent"),
	       frames = number(r, "frames_sent");
	bool going = is_running(m) && isnan(number(r, "seconds"));
	char n[24], took[24], pages[24], dirty[24], rate[24];
	struct strbuf line = {NULL, 0, 0};

	figure(n, number(r, "n"), "");
	figure(took, going ? now - number(r, "started") : number(r, "seconds"), " s");
	figure(pages, isnan(sent) ? frames : sent, isnan(sent) ? " frames" : "");
	figure(dirty, dirtied, "");
	figure(rate, round(per_second(dirtied, r)), "");
	if (form->columns >= BAR_FROM + MIN_BAR && !going)
		bar(&line, dirtied, most, form->columns - BAR_FROM, form->blocks);
	add_line(b, form, going ? bold : NULL, "%6s %9s %15s %9s %8s %s", n, took, pages, dirty, rate,
	    line.n  ? line.text
	    : going ? "under way"
		    : "");
	strbuf_done(&line);
}

static void
add_rounds(struct strbuf *b, const json_t *m, size_t room, const struct watch_form *form, double now)
{
	const json_t *rounds = json_object_get(m, "rounds");
	size_t n = json_array_size(rounds), from = n > room ? n - room : 0;
	double most = most_dirtied(rounds);

	if (n == 0)
		return;
	add_line(b, form, dim, "%6s %9s %15s %9s %8s %s", "ROUND", "TOOK", "SENT", "DIRTIED", "PER S",
	    "PAGES DIRTIED");
	if (from > 0)
		add_line(b, form, dim, "%6s %zu earlier", "...", from);
	for (size_t i = from; i < n; i++)
		add_round(b, m, json_array_get(rounds, i), most, form, now);
}

/* Of the last round that has ended. */
static void
add_rates(struct strbuf *b, const json_t *m, const struct watch_form *form)
{
	const json_t *rounds = json_object_get(m, "rounds"), *last = NULL;
	double dirty, sent;

	for (size_t i = 0; i < json_array_size(rounds); i++)
		if (!isnan(number(json_array_get(rounds, i), "pages_dirtied")))
			last = json_array_get(rounds, i);
	dirty = per_second(number(last, "pages_dirtied"), last);
	sent = per_second(number(last, "pages_sent"), last);
	if (isnan(dirty))
		return;
	if (isnan(sent))
		add_line(b, form, NULL, "Dirties     %.0f pages/s (%.1f MiB/s); how fast they go: after round 1", dirty,
		    dirty / PAGES_OF_MIB);
	else
		add_line(b, form, dirty < sent ? NULL : bad,
		    "Dirties     %.0f pages/s (%.1f MiB/s), %.0f %% of %.0f sent (%.1f MiB/s)", dirty,
		    dirty / PAGES_OF_MIB, 100 * dirty / sent, sent, sent / PAGES_OF_MIB);
}

static char *
forecast_of(const json_t *m)
{
	const json_t *all = json_object_get(m, "forecast"), *f = json_array_get(all, json_array_size(all) - 1);
	const char *converges = text(f, "converges");
	char left[24], total[24], down[24];

	if (isnan(number(f, "rounds")))
		return NULL;
	figure(left, number(f, "remaining_seconds"), " s");
	figure(total, number(f, "total_seconds"), " s");
	figure(down, number(f, "downtime_seconds"), " s");
	return xasprintf("%s%.0f rounds, %s in all, %s left, %s down",
	    strcmp(converges, "no") == 0    ? "not converging: "
	    : strcmp(converges, "yes") == 0 ? "converging: "
					    : "",
	    number(f, "rounds"), total, left, down);
}

static void
add_forecast(struct strbuf *b, const json_t *m, const struct watch_form *form)
{
	_cleanup_(freep) char *f = forecast_of(m);

	add_line(b, form,
	    !f				? dim
	    : strncmp(f, "not", 3) == 0 ? doubtful
					: good,
	    "Forecast    %s", f ? f : "after round 1");
}

/* "completed after 11.9 s, 5 rounds, 0.23 s down" */
static char *
outcome_of(const json_t *m)
{
	char took[24], down[24];

	figure(took, number(m, "ended") - number(m, "started"), " s");
	figure(down, number(m, "downtime_seconds"), " s");
	return xasprintf("%s after %s, %.0f rounds, %s down%s%s", text(m, "result"), took,
	    fmax(0, number(m, "rounds_begun")), down, *text(m, "reason") ? ": " : "", text(m, "reason"));
}

static void
add_migration(struct strbuf *b, const json_t *m, size_t room, const struct watch_form *form, double now)
{
	_cleanup_(freep) char *guest = guest_of(m);

	add_line(b, form, bold, "%s  %s by %s, tracking %s, %.0f s", guest, text(m, "direction"),
	    text(m, "toolstack"), text(m, "tracking_mode"),
	    (is_running(m) ? now : number(m, "ended")) - number(m, "started"));
	add_rounds(b, m, room, form, now);
	if (is_running(m)) {
		add_rates(b, m, form);
		add_forecast(b, m, form);
	} else {
		_cleanup_(freep) char *outcome = outcome_of(m);

		add_line(b, form, word_colour(text(m, "result")), "Ended       %s", outcome);
	}
	strbuf_str(b, "\n");
}

static void
add_head(struct strbuf *b, const struct watch_look *look, const struct watch_form *form, size_t running)
{
	const char *pml = text(json_object_get(look->features, "pml"), "state");
	const char *xen = text(look->host, "xen_version");
	char now[16];

	clock_of(look->now, now);
	add_line(b, form, bold, "xenscope watch  %s  %zu under way  Xen %s  PML %s  (q ends)", now, running,
	    *xen ? xen : "unknown",
	    strcmp(pml, "in_use") == 0 ? "in use"
	    : *pml		       ? pml
				       : "unknown");
	if (look->trouble)
		add_line(b, form, bad, "STALE: %s", look->trouble);
	else if (strcmp(text(look->migrations, "source"), "replay") == 0)
		add_line(b, form, doubtful, "REPLAY of a capture: these are not figures of this host");
	strbuf_str(b, "\n");
}

/* As many as there is room for, the newest first; the first was shown whole if none is under way. */
static void
add_ended(struct strbuf *b, const json_t *list, size_t from, const struct watch_form *form)
{
	for (size_t i = from; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		_cleanup_(freep) char *guest = guest_of(m), *outcome = outcome_of(m);
		char at[16];

		clock_of(number(m, "ended"), at);
		add_line(b, form, NULL, "%s  %s %s %s", at, guest, text(m, "direction"), outcome);
	}
}

static size_t
count_running(const json_t *list)
{
	size_t n = 0;

	while (is_running(json_array_get(list, n)))
		n++;
	return n;
}

/* Leaves the first lines; what comes after it. */
static const char *
skip_lines(const char *text, size_t lines)
{
	for (; *text && lines > 0; lines--)
		text += strcspn(text, "\n") + 1;
	return text;
}

/* What does not fit is cut off; that is said where it is more than those that have ended. */
static void
cut(struct strbuf *b, size_t needed, const struct watch_form *form)
{
	size_t kept = needed > form->rows ? form->rows - 1 : form->rows;

	b->n = (size_t) (skip_lines(b->text, kept) - b->text);
	b->text[b->n] = '\0';
	if (needed > form->rows)
		add_line(b, form, doubtful, "... there is more than fits this terminal");
}

void
watch_page(struct strbuf *b, const struct watch_look *look, const struct watch_form *form)
{
	const json_t *list = json_object_get(look->migrations, "migrations");
	size_t running = count_running(list), shown = running ? running : MIN(json_array_size(list), 1),
	       needed = 0;
	size_t rows = form->rows > LINES_OF_HEAD ? form->rows - LINES_OF_HEAD : 0;
	size_t room =
	    shown && rows / shown > LINES_OF_ONE + MIN_ROUNDS ? rows / shown - LINES_OF_ONE : MIN_ROUNDS;

	add_head(b, look, form, running);
	if (running == 0)
		add_line(b, form, dim,
		    shown ? "No migration is under way. The last one:" : "No migration is under way.");
	for (size_t i = 0; i < shown; i++)
		add_migration(b, json_array_get(list, i), room, form, look->now);
	for (size_t i = 0; i < b->n; i++)
		needed += b->text[i] == '\n';
	add_ended(b, list, shown, form);
	cut(b, needed, form);
}

/* --- for a pipe --- */

static const json_t *
find(const json_t *answer, const char *id)
{
	const json_t *list = json_object_get(answer, "migrations");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(text(json_array_get(list, i), "id"), id) == 0)
			return json_array_get(list, i);
	return NULL;
}

static void tell(struct strbuf *b, double at, const char *guest, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void
tell(struct strbuf *b, double at, const char *guest, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL, *line = NULL, *shown = NULL;
	char when[16];
	va_list ap;

	clock_of(at, when);
	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	line = xasprintf("%s %s: %s", when, guest, text);
	shown = visible(line);
	strbuf_printf(b, "%s\n", shown);
}

static void
tell_rounds(struct strbuf *b, const json_t *m, const json_t *was, const char *guest)
{
	const json_t *rounds = json_object_get(m, "rounds"), *old = json_object_get(was, "rounds");

	for (size_t i = 0; i < json_array_size(rounds); i++) {
		const json_t *r = json_array_get(rounds, i);
		double dirtied = number(r, "pages_dirtied"), sent = number(r, "pages_sent");
		char n[24], pages[24], rate[24];

		if (isnan(dirtied) || !isnan(number(json_array_get(old, i), "pages_dirtied")))
			continue;
		figure(n, number(r, "n"), "");
		figure(
		    pages, isnan(sent) ? number(r, "frames_sent") : sent, isnan(sent) ? " frames" : " pages");
		figure(rate, round(per_second(dirtied, r)), "");
		tell(b, number(r, "started") + number(r, "seconds"), guest,
		    "round %s: %.2f s, %s sent, %.0f pages dirtied, %s per s", n, number(r, "seconds"), pages,
		    dirtied, rate);
	}
}

static void
tell_one(struct strbuf *b, const json_t *m, const json_t *was, double now)
{
	_cleanup_(freep) char *guest = guest_of(m);
	size_t forecasts = json_array_size(json_object_get(m, "forecast"));

	if (!was)
		tell(b, number(m, "started"), guest, "%s by %s begins, tracking %s", text(m, "direction"),
		    text(m, "toolstack"), text(m, "tracking_mode"));
	tell_rounds(b, m, was, guest);
	if (forecasts > json_array_size(json_object_get(was, "forecast"))) {
		_cleanup_(freep) char *forecast = forecast_of(m);

		if (forecast)
			tell(b, now, guest, "forecast: %s", forecast);
	}
	if (!is_running(m)) {
		_cleanup_(freep) char *outcome = outcome_of(m);

		tell(b, number(m, "ended"), guest, "%s", outcome);
	}
}

void
watch_lines(struct strbuf *b, const json_t *migrations, const json_t *before, double now)
{
	const json_t *list = json_object_get(migrations, "migrations");

	if (!before && count_running(list) == 0)
		tell(b, now, "xenscope", "no migration is under way, waiting");
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *m = json_array_get(list, i), *was = find(before, text(m, "id"));

		if (is_running(m) || (was ? is_running(was) : before != NULL))
			tell_one(b, m, was, now);
	}
}
