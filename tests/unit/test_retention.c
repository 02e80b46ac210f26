/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/util.h"
#include "store/retention.h"
#include "tests/tap.h"

#define GONE "5a0c9b3e-0f6d-4a38-9d6e-1d2f3a4b5c6d"
#define HERE "00000000-0000-0000-0000-000000000000"
#define NOW 1700000000.0
#define DAY 86400.0

static char top[] = "/tmp/test_retention.XXXXXX";

static const char *
in_top(const char *name)
{
	static char path[256];

	(void) snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void
make(const char *name, double written)
{
	struct timespec when[2] = {{(time_t) written, 0}, {(time_t) written, 0}};
	int fd = open(in_top(name), O_WRONLY | O_CREAT, 0600);

	(void) futimens(fd, when);
	(void) close(fd);
}

static bool
is_there(const char *name)
{
	return access(in_top(name), F_OK) == 0;
}

static void
sweep(struct retention *r, double mono, double real)
{
	struct tick at = {mono, real};
	struct sample *s = sample_new(&at);

	str_copy(sample_add_domain(s)->uuid, UUID_SIZE, HERE);
	retention_sweep(r, top, s);
	sample_free(s);
}

int
main(void)
{
	static const char *const files[] = {"vm/" GONE ".rrd", "vm/" GONE ".tracking.rrd",
	    "vm/" HERE ".rrd", "vm/" GONE ".rrd.corrupt-1", "vm/other"};
	struct retention r = {.days = 30}, for_ever = {.days = 0};

	if (!mkdtemp(top) || mkdir(in_top("vm"), 0700) < 0)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		make(files[i], NOW - 31 * DAY);
	make(files[1], NOW - 29 * DAY);

	for (int hour = 0; hour < 3; hour++)
		sweep(&for_ever, hour * 3700.0, NOW + hour * 3700.0);
	ok(is_there(files[0]), "without a limit nothing is removed");
	sweep(&r, 0, NOW);
	sweep(&r, 3700, NOW + 3700);
	ok(is_there(files[0]) && is_there(files[1]), "nor while one of a domain's files is young");
	make(files[1], NOW - 30 * DAY);
	sweep(&r, 7000, NOW + 7000);
	ok(is_there(files[0]), "it does not look more often than once an hour");
	sweep(&r, 7400, NOW + 7400 + 600);
	sweep(&r, 7405, NOW + 7405 + 600);
	ok(is_there(files[0]), "nor in the hour after the clock was set");
	sweep(&r, 11100, NOW + 11100 + 600);
	ok(!is_there(files[0]) && !is_there(files[1]),
	    "then a domain that is gone for 30 days loses both its files");
	ok(is_there(files[2]), "one that is there keeps them, however old they are");
	ok(is_there(files[3]) && is_there(files[4]),
	    "so does what was set aside, and what is none of ours");
	for (size_t i = 2; i < ARRAY_SIZE(files); i++)
		(void) unlink(in_top(files[i]));
	(void) rmdir(in_top("vm"));
	sweep(&r, 15000, NOW + 15600);
	ok(rmdir(top) == 0, "without a directory there is nothing to do");
	return done_testing();
}
