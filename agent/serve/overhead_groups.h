/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OVERHEAD_GROUPS_H
#define OVERHEAD_GROUPS_H

#include <stdbool.h>
#include <yajl/yajl_gen.h>

#include "metrics/record.h"

/* What dirty tracking cost, by tracking mode, over the journal's records (design, section 2). A group
 * is one boot of one Xen on one CPU model; nothing is ever added up across groups. Only sums are kept,
 * and each ratio is made again from them. */

#define MAX_OVERHEAD_BOOTS 64 /* groups, those of the first records that come */
#define MAX_OVERHEAD_VMS 1024 /* rows of guests in all groups, likewise */

struct overhead_groups;

/* The caller drops the result with overhead_groups_free. */
struct overhead_groups *overhead_groups_new(void);
void overhead_groups_free(struct overhead_groups *g);

/* Adds an ended record; the newest must come first. */
void overhead_groups_add(struct overhead_groups *g, const struct migration_record *r);

/* Writes the members "untracked", "unplaced", "left_out" and "boots" (newest first) into the object
 * that is open; the manual, xenscope-api(7), lists what is in them. uuid: only one guest's rows and
 * sums, "" for all; an estimate's basis is the whole host's all the same. boot_id: of the boot that is
 * now, "" if unknown.
 *
 * A boot in which PML and never write protection was seen has one more row, "ept_wp" with "estimate":
 * true: what the same pages would have cost had each been found by a violation. It has none of the
 * members of a measured row.
 *   estimate_cycles_per_page = violation_cycles / violations + recalc_cycles / pages_traced
 *   estimate_overhead_ratio = overhead_ratio * estimate_cycles_per_page / cycles_per_page
 * where the violations are those seen under write protection on the same CPU model and Xen, in any
 * boot, and the rest is this boot's, under PML. Violations under PML are no basis: they split
 * superpages, which costs ten times as much (seen in the lab). */
void overhead_groups_gen(
    const struct overhead_groups *g, yajl_gen gen, const char *uuid, const char *boot_id);

#endif
