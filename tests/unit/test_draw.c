/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <expat.h>
#include <math.h>
#include <rrd.h>

#include "base/util.h"
#include "graph/draw.h"
#include "tests/tap.h"

/* Pictures by the librrd that is here. */

static struct picture p;
static double values[PICTURE_COLUMNS * PICTURE_ROWS];
static struct strbuf b;

static void
ask_for(enum picture_format format, unsigned columns, unsigned rows)
{
	p = (struct picture){.magic = PICTURE_MAGIC, .format = format, .width = 700, .height = 280,
	    .n_columns = columns, .n_rows = rows, .step = 60, .start = 1700000040, .from = 1700000040,
	    .to = 1700000040 + MAX(rows, 10) * 60, .unit = "bytes per second", .bytes = 1};
	str_copy(p.title, sizeof(p.title), "vm1: Bytes");
	for (unsigned i = 0; i < columns; i++) {
		(void) snprintf(p.legend[i], sizeof(p.legend[i]), "column_%u", i);
		for (unsigned row = 0; row < rows; row++)
			values[i * rows + row] = row % 50 == 7 ? NAN : 1e6 * (i + 1 + sin(row / 20.0));
	}
}

static int
drawn(void)
{
	strbuf_done(&b);
	return picture_bytes(&p) > 0 && draw(&p, values, &b) == 0;
}

static unsigned
big_endian(const char *at)
{
	const unsigned char *u = (const unsigned char *) at;

	return (unsigned) u[0] << 24 | (unsigned) u[1] << 16 | (unsigned) u[2] << 8 | u[3];
}

/* A PNG of this size, from its signature to its IEND. */
static int
is_png(unsigned width, unsigned height)
{
	return b.n > 100 && memcmp(b.text, "\x89PNG\r\n\x1a\n", 8) == 0 && big_endian(b.text + 16) == width &&
	       big_endian(b.text + 20) == height && memcmp(b.text + b.n - 8, "IEND", 4) == 0;
}

static int sized; /* by the root element */

static void XMLCALL
on_start(void *arg, const XML_Char *name, const XML_Char **attribute)
{
	const char *size = arg;

	if (strcmp(name, "svg") == 0)
		for (; *attribute; attribute += 2)
			sized |= strcmp(attribute[0], "width") == 0 && strncmp(attribute[1], size, strlen(size)) == 0 &&
				 !strstr(attribute[1], "pt");
}

static int
is_svg(const char *width)
{
	XML_Parser x = XML_ParserCreate(NULL);
	int good;

	sized = 0;
	XML_SetUserData(x, (void *) (uintptr_t) width);
	XML_SetStartElementHandler(x, on_start);
	good = XML_Parse(x, b.text ? b.text : "", (int) b.n, 1) == XML_STATUS_OK;
	XML_ParserFree(x);
	return good && sized;
}

static void
test_sizes(void)
{
	ask_for(PICTURE_PNG, 1, 600);
	ok(drawn() && is_png(700, 280), "a PNG has the size that was asked for");
	p.theme = PICTURE_DARK;
	ok(drawn() && is_png(700, 280), "in dark colours, too");
	p.width = PICTURE_MIN_WIDTH;
	p.height = PICTURE_MIN_HEIGHT;
	ok(drawn() && is_png(PICTURE_MIN_WIDTH, PICTURE_MIN_HEIGHT), "the smallest");
	ask_for(PICTURE_PNG, PICTURE_COLUMNS, PICTURE_ROWS);
	p.width = PICTURE_MAX_WIDTH;
	p.height = PICTURE_MAX_HEIGHT;
	ok(drawn() && is_png(PICTURE_MAX_WIDTH, PICTURE_MAX_HEIGHT) && b.n < PICTURE_BYTES, "the largest: %zu bytes", b.n);
	p.format = PICTURE_SVG;
	ok(drawn() && is_svg("2000") && b.n < PICTURE_BYTES, "as SVG: %zu bytes", b.n);
	ask_for(PICTURE_SVG, 2, 100);
	ok(drawn() && is_svg("700"), "an SVG is XML, and its size in pixels");
}

static void
test_values(void)
{
	ask_for(PICTURE_PNG, 2, 0);
	ok(drawn() && is_png(700, 280), "without any value there is a picture that says so");
	ask_for(PICTURE_PNG, 1, 20);
	for (unsigned i = 0; i < 20; i++)
		values[i] = i % 3 == 0 ? INFINITY : i % 3 == 1 ? -INFINITY : NAN;
	ok(drawn() && is_png(700, 280), "what is no number is as unknown");
	values[3] = 1e300;
	values[4] = -1e-300;
	ok(drawn() && is_png(700, 280), "numbers may be huge and tiny");
	for (p.cf = 0; p.cf < PICTURE_CFS; p.cf++)
		ok(drawn(), "librrd knows consolidation %u", p.cf);
	ask_for(PICTURE_PNG, 1, 20);
	p.start = 60;
	p.from = 60;
	p.to = 3600;
	strbuf_done(&b);
	ok(draw(&p, values, &b) == -EIO && *rrd_get_error() && b.n == 0, "what librrd does not take is an error: %s",
	    rrd_get_error());
}

/* Texts that mean something to librrd, Pango, printf or XML. */
static void
test_hostile(void)
{
	static const char *const titles[] = {"a:b", "%s%n%%", "--imgformat=PDF", "<b>x</b>&amp;&<", "\"'\\n\\", "-",
	    "\xe2\x80\xae evil \xe2\x81\xa6", "\xef\xbf\xbf\xf4\x8f\xbf\xbf", "]]></svg><script>",
	    "\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "", " "};

	for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
		ask_for(PICTURE_SVG, 1, 50);
		str_copy(p.title, sizeof(p.title), titles[i]);
		ok(drawn() && is_svg("700"), "title %zu is drawn", i);
	}
	memset(p.title, 'W', sizeof(p.title) - 1);
	p.title[sizeof(p.title) - 1] = '\0';
	ok(drawn() && is_svg("700"), "one that is too long is cut");
}

/* Files of this test that are left over. */
static unsigned
left(void)
{
	DIR *d = opendir("/tmp");
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "xenscope-graph-", 15) == 0;
	if (d)
		(void) closedir(d);
	return n;
}

/* librrd and fontconfig keep what they made until the process ends, which xenscope-graph does after each picture. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

int
main(void)
{
	unsigned before = left();

	test_sizes();
	test_values();
	test_hostile();
	ok(left() <= before, "no file is left over");
	strbuf_done(&b);
	return done_testing();
}
