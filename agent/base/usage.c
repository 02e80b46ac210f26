/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/usage.h"

#include <malloc.h>
#include <math.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/util.h"

#define FIRST_SECONDS 10.0 /* by then what only the start needed is free */
#define GIVE_BACK_SECONDS 60.0

double
usage_cpu_seconds(void)
{
	struct rusage u;

	(void) getrusage(RUSAGE_SELF, &u);
	return (double) u.ru_utime.tv_sec + (double) u.ru_stime.tv_sec +
	    (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

double
usage_resident_bytes(pid_t pid)
{
	_cleanup_(freep) char *path = xasprintf("/proc/%d/statm", (int) pid), *text = NULL;
	unsigned long size, resident;

	if (file_read(path, 4096, &text, NULL) < 0 || sscanf(text, "%lu %lu", &size, &resident) != 2)
		return NAN;
	return (double) resident * (double) sysconf(_SC_PAGESIZE);
}

/* malloc() itself gives back nothing but what lies at the end, and of that less and less as large blocks come and go
 * (mallopt(3), M_TRIM_THRESHOLD). */
static void
give_back(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	(void) now;
#ifdef __GLIBC__
	(void) malloc_trim(0);
#endif
}

int
usage_give_back(struct loop *loop)
{
	return loop_every(loop, FIRST_SECONDS, GIVE_BACK_SECONDS, give_back, NULL);
}
