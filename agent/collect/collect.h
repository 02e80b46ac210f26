/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECT_H
#define COLLECT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/hv.h"
#include "metrics/sample.h"

/* What the files of this folder have in common; others include collector.h. */

struct config;

/* One run of a collector. */
struct collect {
	struct hv *hv;
	const struct tick *now;
	const struct sample *sample; /* with what the collectors before this one filled in */
	char error[sizeof(((struct sample_collector *) NULL)->error)];
};

/* For each collector: its state's life; collect asks the hypervisor and keeps the answers, 0 or
 * -errno, -ENODATA where there is nothing of its kind; fill writes what is kept into a sample, at
 * each tick. A collect that fails keeps nothing half: fill then writes what still holds, and leaves
 * the rest absent. */
#define COLLECTOR(id, name, interval)                                                              \
	struct id;                                                                                 \
	struct id *id##_new(const struct config *config);                                          \
	void id##_free(struct id *state);                                                          \
	int id##_collect(struct id *state, struct collect *in);                                    \
	void id##_fill(const struct id *state, struct sample *s);
#include "collect/collectors.def"

/* Says what a collect failed with, unless it has failed before; returns r. */
int collect_failed(struct collect *in, int r, const char *what);

/* Adds a sentence to what the host says about itself; dropped whole if there is no room. */
void collect_note(struct sample *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An answer that asking again will not change: denied, or not in this Xen. */
static inline bool
collect_is_final(int r)
{
	return r >= 0 || r == -EACCES || r == -EPERM || r == -ENOENT || r == -ENOSYS ||
	       r == -EOPNOTSUPP;
}

void domain_name_changed(struct domain *c, uint32_t domid);
void domain_set_tracked(struct domain *c, uint32_t domid, bool tracked);

#endif
