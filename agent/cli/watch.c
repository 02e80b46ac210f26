/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/watch.h"

#include <errno.h>

#include "base/tick.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/screen.h"
#include "cli/terminal.h"
#include "cli/watch_view.h"

#define PATH "/api/v1/migrations?limit=20" /* those under way come first */

struct watch {
	struct asker *asker;
	json_t *host, *features, *migrations, *before;
	const char *trouble;
};

static void
watch_done(struct watch *w)
{
	json_decref(w->host);
	json_decref(w->features);
	json_decref(w->migrations);
	json_decref(w->before);
}

/* Asks once. What was known before stays where nothing comes. */
static int
look(struct watch *w)
{
	json_t *answer = NULL;
	int status = ask(w->asker, PATH, &answer);

	w->trouble =
	    status != EXIT_OK || json_is_true(json_object_get(answer, "stale")) ? w->asker->said : NULL;
	if (status != EXIT_OK)
		return status;
	json_decref(w->before);
	w->before = w->migrations;
	w->migrations = answer;
	if (!w->host && ask(w->asker, "/api/v1/host", &w->host) == EXIT_OK)
		(void) ask(w->asker, "/api/v1/features", &w->features);
	return EXIT_OK;
}

static void
draw(const struct watch *w, bool colours)
{
	const struct watch_look l = {w->host, w->features, w->migrations, w->trouble, tick_now().real};
	struct watch_form form = {.colours = colours, .blocks = terminal_blocks()};
	struct strbuf page = {NULL, 0, 0};

	screen_size(&form.columns, &form.rows);
	watch_page(&page, &l, &form);
	screen_show(page.text);
	strbuf_done(&page);
}

static int
watch_screen(struct watch *w, unsigned interval, FILE *f)
{
	bool colours = terminal_colours(f);
	int r = screen_begin();

	if (r < 0) {
		(void) fprintf(stderr, "xenscope: the terminal cannot be used: %s\n", strerror(-r));
		return EXIT_USAGE;
	}
	w->asker->quiet = true; /* it is said on the page */
	for (;;) {
		enum screen_event e;
		char key = 0;

		draw(w, colours);
		e = screen_wait(interval, &key);
		if (e == SCREEN_END || (e == SCREEN_KEY && (key == 'q' || key == 'Q')))
			break;
		if (e == SCREEN_TIME || e == SCREEN_KEY)
			(void) look(w);
	}
	screen_end();
	return EXIT_OK;
}

static int
watch_pipe(struct watch *w, unsigned interval, FILE *f)
{
	const json_t *before = NULL; /* of the last look but one that was answered: NULL, or w->before */
	char key;

	screen_catch_signals();
	do {
		struct strbuf lines = {NULL, 0, 0};

		if (!w->trouble)
			watch_lines(&lines, w->migrations, before, tick_now().real);
		before = w->migrations;
		if (lines.n > 0)
			(void) fputs(lines.text, f);
		strbuf_done(&lines);
		if (fflush(f) != 0) /* nobody reads any more */
			return EXIT_OK;
		if (screen_wait(interval, &key) == SCREEN_END)
			return EXIT_OK;
		w->asker->quiet = w->trouble != NULL; /* trouble is said when it begins */
		(void) look(w);
	} while (!ferror(f));
	return EXIT_OK;
}

int
watch_command(struct asker *a, unsigned interval, FILE *f)
{
	struct watch w = {.asker = a};
	int status = look(&w);

	if (status == EXIT_OK)
		status = isatty(fileno(f)) && isatty(STDIN_FILENO) ? watch_screen(&w, interval, f)
								   : watch_pipe(&w, interval, f);
	watch_done(&w);
	return status;
}
