/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/graph.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/query.h"
#include "cli/terminal.h"

#define DEFAULT_WIDTH 72u /* blocks where there is no terminal */
#define MIN_WIDTH 10u
#define MAX_WIDTH 500u

/* What is known of one metric. */
struct summary {
	double least, most, sum, last;
	size_t known;
};

static struct summary
summarise(const json_t *values)
{
	struct summary s = {INFINITY, -INFINITY, 0, NAN, 0};

	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *v = json_array_get(values, i);

		if (!json_is_number(v))
			continue;
		s.last = json_number_value(v);
		s.least = MIN(s.least, s.last);
		s.most = MAX(s.most, s.last);
		s.sum += s.last;
		s.known++;
	}
	return s;
}

#define LEVELS 8

static void
print_blocks(const json_t *values, double most, bool blocks, FILE *f)
{
	static const char *const names[2][LEVELS] = {
	    {".", ":", "-", "=", "+", "*", "#", "@"}, {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}};

	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *v = json_array_get(values, i);
		double part = most > 0 && json_is_number(v) ? json_number_value(v) / most : 0;
		size_t level = (size_t) (MIN(MAX(part, 0), 1) * (LEVELS - 1) + 0.5);

		(void) fputs(json_is_number(v) ? names[blocks][level] : " ", f);
	}
	(void) fputc('\n', f);
}

/* Three digits and a prefix: of 1024 for bytes. */
static void
print_value(const char *name, double v, const json_t *column, FILE *f)
{
	static const char *const prefixes[] = {"", "k", "M", "G", "T"};
	static const char *const binary[] = {"", "Ki", "Mi", "Gi", "Ti"};
	bool bytes = strcmp(text(column, "unit"), "bytes") == 0;
	size_t i = 0;

	for (; fabs(v) >= (bytes ? 1024 : 1000) && i + 1 < ARRAY_SIZE(prefixes); i++)
		v /= bytes ? 1024 : 1000;
	(void) fprintf(f, "%s %.3g%s%s", name, v, i ? " " : "", bytes ? binary[i] : prefixes[i]);
}

static void
print_time(double t, const char *after, FILE *f)
{
	time_t seconds = isnan(t) ? 0 : (time_t) t;
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		(void) strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	(void) fprintf(f, "%s%s", when, after);
}

static void
show_column(const json_t *column, bool blocks, FILE *f)
{
	const json_t *values = json_object_get(column, "values");
	const char *unit = text(column, "unit");
	bool rate = json_is_true(json_object_get(column, "per_second"));
	struct summary s = summarise(values);

	print_visible(text(column, "metric"), f);
	if (*unit || rate)
		(void) fprintf(f, ", %s%s%s", unit, *unit && rate ? " " : "", rate ? "per second" : "");
	(void) fputc('\n', f);
	if (s.known == 0) {
		(void) fputs("no values\n", f);
		return;
	}
	print_blocks(values, s.most, blocks, f);
	print_value("last", s.last, column, f);
	print_value(", mean", s.sum / (double) s.known, column, f);
	print_value(", least", s.least, column, f);
	print_value(", most", s.most, column, f);
	(void) fputc('\n', f);
}

void
show_graph(const json_t *answer, bool blocks, FILE *f)
{
	const json_t *columns = json_object_get(answer, "columns");
	double start = number(answer, "start"), step = number(answer, "step");
	size_t n = json_array_size(json_object_get(json_array_get(columns, 0), "values"));

	show_source(answer, f);
	print_time(start, " to ", f);
	print_time(start + step * (double) n, "", f);
	(void) fprintf(f, ", a block is %.6g s\n", step);
	for (size_t i = 0; i < json_array_size(columns); i++)
		show_column(json_array_get(columns, i), blocks, f);
}

/* The suffix of a file that a picture may go to, NULL for others. */
static const char *
format_of(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && (strcmp(dot, ".png") == 0 || strcmp(dot, ".svg") == 0) ? dot : NULL;
}

static char *
path_of(const struct graph_options *o, const char *route, const char *suffix, unsigned points)
{
	struct strbuf b = {NULL, 0, 0};

	strbuf_printf(&b, "%s%s", route, suffix);
	add_history(&b, o->metric, o->uuid, o->since, o->until);
	if (points)
		strbuf_printf(&b, "&points=%u", points);
	return b.text;
}

/* Whole, or not at all. */
static int
write_file(const char *file, const char *data, size_t n)
{
	_cleanup_(closep) int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : write_all(fd, data, n);

	if (r == 0)
		return EXIT_OK;
	(void) fprintf(stderr, "xenscope: %s: %s\n", file, strerror(-r));
	if (fd >= 0)
		(void) unlink(file);
	return EXIT_ANSWER;
}

static int
save(const struct graph_options *o, const char *format)
{
	_cleanup_(freep) char *path = path_of(o, "/graph/history", format, 0), *picture = NULL;
	size_t n;
	int status = o->fetch(o->arg, path, &picture, &n);

	return status == EXIT_OK ? write_file(o->output, picture, n) : status;
}

int
graph_command(const struct graph_options *o, FILE *f)
{
	const char *format = o->output ? format_of(o->output) : NULL;
	unsigned width = terminal_width(f);
	_cleanup_(freep) char *path = NULL;
	json_t *answer = NULL;
	int status;

	if (o->output && !format) {
		(void) fprintf(stderr, "xenscope: --output takes a name that ends with .png or .svg\n");
		return EXIT_USAGE;
	}
	if (format)
		return save(o, format);
	path = path_of(o, "/api/v1/history", "", MIN(MAX(width ? width : DEFAULT_WIDTH, MIN_WIDTH), MAX_WIDTH));
	status = o->ask(o->arg, path, &answer);
	if (status == EXIT_OK && o->json)
		(void) (json_dumpf(answer, f, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 || fputc('\n', f));
	else if (status == EXIT_OK)
		show_graph(answer, o->blocks, f);
	json_decref(answer);
	return status;
}
