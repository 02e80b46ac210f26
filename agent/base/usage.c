/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/usage.h"

#include <math.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/util.h"

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
