/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#include "base/file.h"
#include "base/util.h"
#include "metrics/metric.h"
#include "tests/tap.h"

/* What metric_dump writes on standard output. */
static char *
dump(const char *format, int *ret)
{
	char path[] = "/tmp/test_dump.XXXXXX", *text = NULL;
	int fd = mkstemp(path), out = dup(STDOUT_FILENO);

	(void) fflush(stdout);
	(void) dup2(fd, STDOUT_FILENO);
	*ret = metric_dump(format);
	(void) dup2(out, STDOUT_FILENO);
	(void) close(fd);
	(void) close(out);
	(void) file_read(path, 1 << 20, &text, NULL);
	(void) unlink(path);
	return text;
}

static void
test_json(void)
{
	size_t rows = 0;
	json_t *all;
	char *text;
	int r;

	text = dump("json", &r);
	all = json_loads(text, 0, NULL);
	for (size_t i = 0; i < json_array_size(all); i++)
		rows += json_array_size(json_object_get(json_array_get(all, i), "metrics"));
	ok(r == 0 && rows == METRIC_COUNT, "json: a document with all rows of the table");
	all = all ? all : json_array();
	ok(json_array_size(json_object_get(json_array_get(all, MS_DOMAIN_INFO), "labels")) == 4,
	    "json: labels are a list");
	json_decref(all);
	free(text);
}

int
main(void)
{
	_cleanup_(freep) char *path =
	    xasprintf("%s/agent/metrics/metrics.md", getenv("srcdir") ? getenv("srcdir") : ".");
	char *text, *committed = NULL;
	int r, out, full;

	text = dump("markdown", &r);
	(void) file_read(path, 1 << 20, &committed, NULL);
	ok(r == 0 && committed && strcmp(text, committed) == 0,
	    "markdown: agent/metrics/metrics.md is current (else: make update-docs)");
	free(text);
	free(committed);

	text = dump("rrd", &r);
	ok(r == 0 && strstr(text, "host DS:free_bytes:GAUGE:15:0:U\n") &&
		strstr(text, "host DS:pml_in_use:GAUGE:15:0:1\n"),
	    "rrd: gauges with their ranges");
	ok(strstr(text, "tracking DS:tracked_seconds:ABSOLUTE:15:0:U\n") != NULL,
	    "rrd: counters are written as increases");
	ok(strstr(text, "DS::") == NULL && strstr(text, "host_cpus") == NULL,
	    "rrd: metrics that are not stored have no line");
	free(text);

	text = dump("openmetrics", &r);
	ok(r == 0 && strstr(text, "# TYPE xenscope_host info\n") &&
		strstr(text, "# UNIT xenscope_domain_cpu_seconds seconds\n"),
	    "openmetrics: the metadata");
	ok(strlen(text) > 6 && strcmp(text + strlen(text) - 6, "# EOF\n") == 0,
	    "openmetrics: ends as it must");
	free(text);

	text = dump("man", &r);
	ok(r == 0 &&
		strstr(text, "\n.Ss Scope domain_info\nOf a domain, as text; labels: uuid, name, domid, kind.\n") &&
		strstr(text, ".It Li xenscope_domain_cpu_seconds_total\n.Po\ncounter, seconds;\n.Li cpu_seconds\n.Pc\n"),
	    "man: a section for each scope with its labels, and an item with its kind and data source");
	free(text);
	test_json();

	text = dump("yaml", &r);
	ok(r == -EINVAL && *text == '\0', "an unknown format is refused");
	free(text);

	out = dup(STDOUT_FILENO);
	full = open("/dev/full", O_WRONLY);
	(void) fflush(stdout);
	(void) dup2(full, STDOUT_FILENO);
	r = metric_dump("rrd");
	(void) dup2(out, STDOUT_FILENO);
	clearerr(stdout);
	ok(r == -EIO, "a full disk is an error");
	return done_testing();
}
