/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>

#include "base/utf8.h"
#include "base/util.h"
#include "serve/history.h"
#include "serve/params.h"
#include "serve/picture.h"

#define DEFAULT_WIDTH 700
#define DEFAULT_HEIGHT 280
#define PREFIX "xenscope_" /* of all names: nothing that a legend must tell */

/* One axis measures one thing. */
static bool
check_alike(const struct request *q, struct reply *ret, const struct question *what)
{
	const struct metric *first = &metric_table[what->id[0]];

	if (what->n > PICTURE_COLUMNS) {
		problem_of(q, ret, "metric", "a picture has %d metrics at most", PICTURE_COLUMNS);
		return false;
	}
	for (size_t i = 1; i < what->n; i++) {
		const struct metric *m = &metric_table[what->id[i]];

		if (m->unit == first->unit && m->type == first->type)
			continue;
		problem_of(q, ret, "metric", "%s and %s are not of one unit: ask for a picture of each", first->name,
		    m->name);
		return false;
	}
	return true;
}

static bool
check_look(const struct request *q, struct reply *ret, struct picture *p)
{
	const char *theme = request_parameter(q, "theme");
	uint64_t width = DEFAULT_WIDTH, height = DEFAULT_HEIGHT;

	if (!param_number(q, ret, "width", PICTURE_MIN_WIDTH, PICTURE_MAX_WIDTH, &width) ||
	    !param_number(q, ret, "height", PICTURE_MIN_HEIGHT, PICTURE_MAX_HEIGHT, &height))
		return false;
	if (theme && strcmp(theme, "light") != 0 && strcmp(theme, "dark") != 0) {
		problem_of(q, ret, "theme", "theme takes light or dark");
		return false;
	}
	p->width = (uint32_t) width;
	p->height = (uint32_t) height;
	p->theme = theme && strcmp(theme, "dark") == 0 ? PICTURE_DARK : PICTURE_LIGHT;
	return true;
}

/* Whose values these are: the domain's name, or its UUID when it is gone. */
static const char *
name_of(const struct sample *s, const char *uuid)
{
	if (!*uuid)
		return "Host";
	for (size_t i = 0; i < s->n_domains; i++)
		if (strcmp(s->domain[i].uuid, uuid) == 0 && *s->domain[i].name)
			return s->domain[i].name;
	return uuid;
}

/* Name and meaning; of several metrics the legend tells the meaning. What is not of this host and this hour says so. */
static void
title(const struct sample *s, const struct question *what, struct picture *p)
{
	const char *help = metric_table[what->id[0]].help;
	_cleanup_(freep) char *text = xasprintf("%s%s%s%s%.*s", s->replay ? "[replay] " : "",
	    s->stale ? "[stale] " : "", name_of(s, what->uuid), what->n == 1 ? ": " : "",
	    what->n == 1 ? (int) strcspn(help, ",;.") : 0, help);

	utf8_clean(p->title, sizeof(p->title), text);
}

/* "bytes", "bytes per second", "per second", "". */
static void
unit(const struct metric *m, struct picture *p)
{
	const char *name = metric_unit_name(m->unit);

	(void) snprintf(p->unit, sizeof(p->unit), "%s%s%s", name, *name && m->type == MT_COUNTER ? " " : "",
	    m->type == MT_COUNTER ? "per second" : "");
	p->bytes = m->unit == MU_BYTES;
}

static void
legend(const struct metric *m, char ret[PICTURE_TEXT])
{
	size_t n = strlen(PREFIX);

	str_copy(ret, PICTURE_TEXT, strncmp(m->name, PREFIX, n) == 0 ? m->name + n : m->name);
}

/* Of the picture. A step that is not over is not one of which nothing is known: it is left out. */
static int64_t
end_of(const struct span *span, const struct columns *c)
{
	double last = c->start + (double) c->rows * c->step;

	if (c->rows > 0 && last > span->start && last < span->end && last + c->step > span->end)
		return (int64_t) last;
	return MAX((int64_t) span->end, (int64_t) span->start + 1);
}

/* The request: the picture's description, and the values after it. */
static void
describe(const struct request *q, struct reply *ret, const struct question *what, const struct columns *c,
    struct picture *p)
{
	const struct span *span = &what->span;

	p->magic = PICTURE_MAGIC;
	p->cf = strcmp(span->cf, "MIN") == 0   ? PICTURE_MIN
	      : strcmp(span->cf, "MAX") == 0 ? PICTURE_MAX
					       : PICTURE_AVERAGE;
	p->n_columns = (uint32_t) what->n;
	p->n_rows = (uint32_t) c->rows;
	p->step = (uint32_t) c->step;
	p->start = c->rows ? (int64_t) c->start : 0;
	p->from = (int64_t) span->start;
	p->to = end_of(span, c);
	title(q->view->sample, what, p);
	unit(&metric_table[what->id[0]], p);
	for (size_t i = 0; i < what->n; i++)
		legend(&metric_table[what->id[i]], p->legend[i]);
	strbuf_add(&ret->drawing, (const char *) p, sizeof(*p));
	for (size_t i = 0; i < what->n; i++) {
		const struct column *column = columns_find(c, what->id[i]);

		for (size_t row = 0; row < c->rows; row++) {
			double v = columns_value(c, column, row);

			strbuf_add(&ret->drawing, (const char *) &v, sizeof(v));
		}
	}
}

/* What now is for a picture: the time of the newest values, so that until newer ones come it stays the same picture. */
static struct request
as_of_newest(const struct request *q)
{
	struct request then = *q;

	if (q->view->sample)
		then.now.real = floor(q->view->sample->at.real);
	return then;
}

static void
graph(const struct request *q, struct reply *ret, enum picture_format format, const char *type)
{
	const struct request then = as_of_newest(q);
	struct picture p = {.format = format};
	struct columns c = {.n = 0};
	struct question what;
	int r;

	if (!history_question(&then, ret, &what) || !check_alike(q, ret, &what) || !check_look(q, ret, &p))
		return;
	r = columns_add(&c, &what.span, what.uuid, what.id, what.n);
	if (r == 0 && c.rows > PICTURE_ROWS)
		r = -E2BIG;
	if (r < 0) {
		columns_problem(q, ret, r);
	} else {
		describe(q, ret, &what, &c, &p);
		ret->type = type;
	}
	columns_done(&c);
}

void
route_graph_png(const struct request *q, struct reply *ret)
{
	graph(q, ret, PICTURE_PNG, "image/png");
}

void
route_graph_svg(const struct request *q, struct reply *ret)
{
	graph(q, ret, PICTURE_SVG, "image/svg+xml");
}
