/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store of a build without rrdtool: history is what xcp-rrdd keeps of what it is shown (publish/). */
#include <config.h>
#include "store/store.h"

#include <errno.h>

#include "base/log.h"
#include "base/util.h"

int
store_open(const char *dir, unsigned step, gid_t gid, struct store **ret)
{
	(void) dir;
	(void) step;
	(void) gid;
	log_info("store", "built without rrdtool: the history of metrics is what xcp-rrdd keeps (rrdd_dir)");
	*ret = NULL;
	return 0;
}

void
store_close(struct store *s)
{
	(void) s;
}

int
store_write(struct store *s, const struct sample *sample)
{
	(void) s;
	(void) sample;
	return 0;
}

int
store_flush(struct store *s)
{
	(void) s;
	return 0;
}

int
stored_open(const char *dir, struct stored **ret)
{
	(void) dir;
	(void) ret;
	return -ENOSYS;
}

void
stored_close(struct stored *s)
{
	(void) s;
}

int
store_read(struct stored *s, const char *uuid, const enum metric_id *id, size_t n, const char *cf, double start,
    double end, double step, struct series *ret)
{
	(void) s;
	(void) uuid;
	(void) id;
	(void) n;
	(void) cf;
	(void) start;
	(void) end;
	(void) step;
	(void) ret;
	return -ENOSYS;
}
