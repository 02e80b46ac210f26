/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "graph/draw.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <rrd.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/utf8.h"
#include "base/util.h"

#define MAX_ARGUMENTS 96
#define ROWS_A_CALL 256	      /* of rrd_update_r */
#define FIGURES_WIDTH 560u    /* a narrower picture has no room for figures beside the legend */
#define LETTER_WIDTH 7u	      /* pixels of the title's */

/* As the dashboard has them (style.css). */
static const struct colours {
	const char *paper, *canvas, *ink, *grid, *main_grid, *unknown, *line[PICTURE_COLUMNS];
} themes[PICTURE_THEMES] = {
    [PICTURE_LIGHT] = {"fcfcfb", "fcfcfb", "1c2128", "e2e3e1", "c9cbc8", "5c657018",
	{"2456b8", "d2691e", "1b7f4d", "6d4b9a", "b3261e", "8a5a00"}},
    [PICTURE_DARK] = {"12151a", "12151a", "e3e6ea", "2a3038", "454d58", "97a1ad20",
	{"8ab0f5", "e98a45", "5bc48c", "b497de", "f2837b", "e9b949"}},
};

static const char *const cfs[PICTURE_CFS] = {
    [PICTURE_AVERAGE] = "AVERAGE", [PICTURE_MIN] = "MIN", [PICTURE_MAX] = "MAX"};

/* A command line for librrd. */
struct arguments {
	char *word[MAX_ARGUMENTS + 1];
	int n;
};

static void
arguments_done(struct arguments *a)
{
	while (a->n > 0)
		free(a->word[--a->n]);
}

/* Takes the word over. */
static void
add(struct arguments *a, char *word)
{
	if (a->n == MAX_ARGUMENTS)
		abort();
	a->word[a->n++] = word;
	a->word[a->n] = NULL;
}

/* librrd's functions take const strings from 1.4.8 on or later, none of them changes one. */
static const char **
words(struct arguments *a)
{
	return (const char **) a->word;
}

/* --- the values into a file --- */

static int
make_file(const struct picture *p, const char *path)
{
	_cleanup_(arguments_done) struct arguments a = {.n = 0};

	for (unsigned i = 0; i < p->n_columns; i++)
		add(&a, xasprintf("DS:v%u:GAUGE:%u:U:U", i, 2 * p->step));
	add(&a, xasprintf("RRA:AVERAGE:0.5:1:%u", MAX(p->n_rows, 1)));
	return rrd_create_r(path, p->step, (time_t) p->start, a.n, words(&a)) < 0 ? -EIO : 0;
}

static int
fill_file(const struct picture *p, const double *values, const char *path)
{
	for (uint32_t row = 0; row < p->n_rows;) {
		_cleanup_(arguments_done) struct arguments a = {.n = 0};

		for (; row < p->n_rows && a.n < MAX_ARGUMENTS; row++) {
			struct strbuf b = {NULL, 0, 0};

			strbuf_printf(&b, "%lld", (long long) p->start + (long long) (row + 1) * p->step);
			for (uint32_t i = 0; i < p->n_columns; i++) {
				double v = values[(size_t) i * p->n_rows + row];

				strbuf_str(&b, ":");
				if (isfinite(v))
					strbuf_number(&b, v);
				else
					strbuf_str(&b, "U");
			}
			add(&a, b.text);
		}
		if (rrd_update_r(path, NULL, a.n, words(&a)) < 0)
			return -EIO;
	}
	return 0;
}

/* A descriptor of a file that has all values and no name. */
static int
make_nameless(const struct picture *p, const double *values, int *ret_fd)
{
	char dir[] = "/tmp/xenscope-graph-XXXXXX", path[sizeof(dir) + sizeof("/rrd")];
	int r;

	if (!mkdtemp(dir))
		return -errno;
	(void) snprintf(path, sizeof(path), "%s/rrd", dir);
	r = make_file(p, path);
	if (r == 0)
		r = fill_file(p, values, path);
	if (r == 0) {
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
		r = *ret_fd < 0 ? -errno : 0;
	}
	(void) unlink(path);
	(void) rmdir(dir);
	return r;
}

/* --- the picture --- */

#define SET_MINUS "\xe2\x88\x96" /* looks like a backslash, which librrd takes for its own in ways of its version */

static size_t
letters(const char *text)
{
	size_t n = 0;

	for (; *text; text += MAX(utf8_length(text), 1))
		n++;
	return n;
}

/* Marks that turn the direction of writing: U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. With them in its name a
 * guest could make the rest of the title read otherwise. */
static bool
turns(const char *c)
{
	const unsigned char *u = (const unsigned char *) c;

	return u[0] == 0xe2 && ((u[1] == 0x80 && (u[2] == 0x8e || u[2] == 0x8f || (u[2] >= 0xaa && u[2] <= 0xae))) ||
				   (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
}

/* The text, or as much of it as there is room for. */
static void
add_cut(struct strbuf *b, const char *text, size_t room)
{
	bool cut = letters(text) > room;

	for (size_t i = 0; *text && i + cut < room; i++) {
		size_t n = MAX(utf8_length(text), 1);

		if (*text == '\\')
			strbuf_str(b, SET_MINUS);
		else if (!turns(text))
			strbuf_add(b, text, n);
		text += n;
	}
	if (cut)
		strbuf_str(b, "\xe2\x80\xa6");
}

static void
add_colours(struct arguments *a, const struct colours *c)
{
	const struct {
		const char *name, *value;
	} all[] = {{"BACK", c->paper}, {"SHADEA", c->paper}, {"SHADEB", c->paper}, {"CANVAS", c->canvas},
	    {"FONT", c->ink}, {"AXIS", c->main_grid}, {"ARROW", c->paper}, {"FRAME", c->paper}, {"GRID", c->grid},
	    {"MGRID", c->main_grid}};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		add(a, xasprintf("--color=%s#%s", all[i].name, all[i].value));
}

static void
add_options(struct arguments *a, const struct picture *p)
{
	static const char *const fonts[] = {
	    "DEFAULT:8:DejaVu Sans", "TITLE:10:DejaVu Sans", "LEGEND:8:DejaVu Sans Mono"};
	struct strbuf title = {NULL, 0, 0};

	add(a, xstrdup("xenscope-graph"));
	add(a, xstrdup("-")); /* into memory */
	add(a, xasprintf("--imgformat=%s", p->format == PICTURE_SVG ? "SVG" : "PNG"));
	add(a, xasprintf("--start=%lld", (long long) p->from));
	add(a, xasprintf("--end=%lld", (long long) p->to));
	add(a, xstrdup("--full-size-mode"));
	add(a, xasprintf("--width=%u", p->width));
	add(a, xasprintf("--height=%u", p->height));
	add(a, xasprintf("--base=%d", p->bytes ? 1024 : 1000));
	add(a, xstrdup("--lower-limit=0"));
	add(a, xstrdup("--slope-mode"));
	for (size_t i = 0; i < ARRAY_SIZE(fonts); i++)
		add(a, xasprintf("--font=%s", fonts[i]));
	add(a, xstrdup("--disable-rrdtool-tag"));
	strbuf_str(&title, "--title=");
	add_cut(&title, p->title, p->width / LETTER_WIDTH);
	add(a, title.text);
	if (*p->unit)
		add(a, xasprintf("--vertical-label=%s", p->unit));
	add_colours(a, &themes[p->theme]);
}

/* Where no column has a value the canvas is grey: nothing was seen there, which is not the same as 0. */
static void
add_unknown(struct arguments *a, const struct picture *p)
{
	struct strbuf b = {NULL, 0, 0};

	strbuf_str(&b, "CDEF:unknown=v0,UN");
	for (unsigned i = 1; i < p->n_columns; i++)
		strbuf_printf(&b, ",v%u,UN,*", i);
	strbuf_str(&b, ",INF,UNKN,IF");
	add(a, b.text);
	add(a, xasprintf("AREA:unknown#%s", themes[p->theme].unknown));
}

static bool
has_value(const struct picture *p, const double *values, unsigned column)
{
	for (uint32_t row = 0; row < p->n_rows; row++)
		if (isfinite(values[(size_t) column * p->n_rows + row]))
			return true;
	return false;
}

/* Its line, and one in the legend: the name, padded to the longest, and figures. */
static void
add_column(struct arguments *a, const struct picture *p, const double *values, unsigned i, size_t longest)
{
	static const struct {
		const char *id, *function, *name;
	} figures[] = {{"l", "LAST", "last"}, {"a", "AVERAGE", "mean"}, {"m", "MAXIMUM", "max"}};
	const char *colour = themes[p->theme].line[i];
	struct strbuf line = {NULL, 0, 0};

	if (p->n_columns == 1)
		add(a, xasprintf("AREA:v%u#%s38", i, colour));
	strbuf_printf(&line, "LINE1.5:v%u#%s:%s", i, colour, p->legend[i]);
	strbuf_printf(&line, "%*s", (int) (longest - letters(p->legend[i])), "");
	if (!has_value(p, values, i) || p->width < FIGURES_WIDTH) {
		strbuf_str(&line, has_value(p, values, i) ? "\\l" : "  no values\\l");
		add(a, line.text);
		return;
	}
	add(a, line.text);
	for (size_t k = 0; k < ARRAY_SIZE(figures); k++) {
		add(a, xasprintf("VDEF:%s%u=v%u,%s", figures[k].id, i, i, figures[k].function));
		add(a, xasprintf("GPRINT:%s%u:  %s %%6.2lf%%s%s", figures[k].id, i, figures[k].name,
			   k + 1 == ARRAY_SIZE(figures) ? "\\l" : ""));
	}
}

static void
add_graph(struct arguments *a, const struct picture *p, const double *values, int fd)
{
	size_t longest = 0;

	add_options(a, p);
	for (unsigned i = 0; i < p->n_columns; i++) {
		add(a, xasprintf("DEF:v%u=/proc/self/fd/%d:v%u:AVERAGE:reduce=%s", i, fd, i, cfs[p->cf]));
		longest = MAX(longest, letters(p->legend[i]));
	}
	add_unknown(a, p);
	for (unsigned i = 0; i < p->n_columns; i++)
		add_column(a, p, values, i, longest);
}

static int
take_image(const rrd_info_t *info, struct strbuf *ret)
{
	for (; info; info = info->next)
		if (strcmp(info->key, "image") == 0 && info->type == RD_I_BLO && info->value.u_blo.size > 0) {
			strbuf_add(ret, (const char *) info->value.u_blo.ptr, info->value.u_blo.size);
			return 0;
		}
	return -EIO;
}

/* Cairo gives an SVG's size in points, of which a browser makes a third more pixels than were asked for. */
static void
size_in_pixels(struct strbuf *b)
{
	char *tag = b->n > 0 ? strstr(b->text, "<svg ") : NULL, *end = tag ? strchr(tag, '>') : NULL;

	for (; tag && end && (tag = strstr(tag, "pt\"")) != NULL && tag < end; tag++)
		tag[1] = 'x';
}

int
draw(const struct picture *p, const double *values, struct strbuf *ret)
{
	_cleanup_(arguments_done) struct arguments a = {.n = 0};
	_cleanup_(closep) int fd = -1;
	rrd_info_t *info;
	int r;

	rrd_clear_error();
	r = make_nameless(p, values, &fd);
	if (r < 0)
		return r;
	add_graph(&a, p, values, fd);
	info = rrd_graph_v(a.n, a.word);
	r = info ? take_image(info, ret) : -EIO;
	rrd_info_free(info);
	if (p->format == PICTURE_SVG)
		size_in_pixels(ret);
	return r;
}
