/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/retention.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/util.h"
#include "store/rrd_schema.h"

#define PART "store"
#define DAY 86400.0
#define INTERVAL 3600.0 /* seconds */
#define CLOCK_STEP 60.0 /* seconds; a clock that is only steered moves less in an hour */

static bool
is_due(struct retention *r, const struct tick *at)
{
	double clock = at->real - at->mono;
	bool due = r->begun && at->mono >= r->due, stood = fabs(clock - r->clock) <= CLOCK_STEP;

	if (due || !r->begun || !stood) {
		r->due = at->mono + INTERVAL;
		r->clock = clock;
	}
	r->begun = true;
	return due && stood;
}

/* "UUID.rrd" or "UUID.tracking.rrd". */
static bool
uuid_of(const char *name, char *ret_uuid)
{
	char text[UUID_SIZE];

	str_copy(text, sizeof(text), name);
	if (strlen(text) < UUID_SIZE - 1 || parse_uuid(text, ret_uuid) < 0)
		return false;
	name += UUID_SIZE - 1;
	return strcmp(name, rrd_kinds[RRD_VM].suffix) == 0 ||
	       strcmp(name, rrd_kinds[RRD_TRACKING].suffix) == 0;
}

/* Neither of its files was written within those days. */
static bool
is_old(const struct retention *r, const char *dir, const char *uuid, double now)
{
	char path[RRD_PATH_SIZE];
	struct stat st;

	for (enum rrd_kind k = RRD_VM; k <= RRD_TRACKING; k++)
		if (rrd_path(path, dir, k, uuid) < 0 ||
		    (stat(path, &st) < 0 ? errno != ENOENT
					 : now - (double) st.st_mtime <= r->days * DAY))
			return false;
	return true;
}

static void
remove_files(const struct retention *r, const char *dir, const char *uuid)
{
	char path[RRD_PATH_SIZE];

	log_info(PART,
	    "domain %s is gone for more than %u days (vm_retention): its RRD files are removed",
	    uuid, r->days);
	for (enum rrd_kind k = RRD_VM; k <= RRD_TRACKING; k++)
		if (rrd_path(path, dir, k, uuid) == 0 && unlink(path) < 0 && errno != ENOENT)
			log_warn(PART, "%s: %s", path, strerror(errno));
}

void
retention_sweep(struct retention *r, const char *dir, const struct sample *now)
{
	_cleanup_(freep) char *vm = NULL;
	char uuid[UUID_SIZE];
	struct dirent *e;
	DIR *d;

	if (r->days == 0 || !is_due(r, &now->at))
		return;
	vm = xasprintf("%s/vm", dir);
	d = opendir(vm);
	if (!d)
		return;
	while ((e = readdir(d)))
		if (uuid_of(e->d_name, uuid) && !sample_find_uuid(now, uuid) &&
		    is_old(r, dir, uuid, now->at.real))
			remove_files(r, dir, uuid);
	(void) closedir(d);
}
