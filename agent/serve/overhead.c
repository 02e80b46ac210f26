/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <string.h>

#include "base/util.h"
#include "serve/json.h"
#include "serve/overhead_groups.h"
#include "store/journal.h"

/* What the journal's newest records cost. Those under way are left out: their figures would be
 * counted again when they end. */

#define MAX_RECORDS 10000     /* looked at for one answer */
#define MAX_BYTES (16u << 20) /* of their lines: a third of a second's parsing */

struct reading {
	struct journal_state of;
	struct overhead_groups *groups;
	unsigned records, unreadable;
	size_t bytes;
	bool truncated;
};

static bool
read_line(void *arg, const char *line, size_t n)
{
	struct reading *x = arg;
	struct migration_record r;

	if (x->records == MAX_RECORDS || n > MAX_BYTES - x->bytes) {
		x->truncated = true;
		return false;
	}
	x->records++;
	x->bytes += n;
	if (record_parse(line, n, &r) < 0) {
		x->unreadable++;
		return true;
	}
	overhead_groups_add(x->groups, &r);
	record_done(&r);
	return true;
}

/* Of the journal as it is now; read again only when that has changed, since a long one takes time
 * in which nobody else is answered. -errno. */
static int
read_journal(const char *dir, const struct reading **ret)
{
	static struct reading kept;
	struct reading x = {.records = 0};
	int r = journal_state(dir, &x.of);

	if (r == 0 && kept.groups && memcmp(&kept.of, &x.of, sizeof(x.of)) == 0) {
		*ret = &kept;
		return 0;
	}
	if (r < 0)
		return r;
	x.groups = overhead_groups_new();
	r = journal_read(dir, read_line, &x);
	if (r < 0) {
		overhead_groups_free(x.groups);
		return r;
	}
	overhead_groups_free(kept.groups);
	kept = x;
	*ret = &kept;
	return 0;
}

void
route_overhead(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	const struct reading *x;
	char uuid[UUID_SIZE];
	yajl_gen g;
	int r;

	if (!s || !request_uuid(q, ret, uuid))
		return;
	r = read_journal(q->view->dir, &x);
	if (r < 0) {
		problem(q, ret, 500, "the journal of migrations cannot be read: %s", strerror(-r));
		return;
	}
	g = gen_begin(s, &ret->body);
	gen_text_or_null(g, "uuid", uuid);
	gen_value(g, "records", x->records);
	gen_value(g, "unreadable", x->unreadable);
	gen_string(g, "truncated");
	(void) yajl_gen_bool(g, x->truncated);
	overhead_groups_gen(x->groups, g, uuid, s->host.boot_id);
	gen_end(g, &ret->body);
}
