/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DERIVE_H
#define DERIVE_H

#include <stdbool.h>

#include "metrics/feature.h"
#include "metrics/notice.h"

/* What there is to tell. Pure functions. */

#define KIND_BIT(kind) (1u << (kind))

/* The kinds that hold of a record by now, a KIND_BIT each: what holds and did not before is to be told. Seconds of
 * downtime up to the limit are nothing to warn of. */
unsigned derive_kinds(const struct migration_record *r, double downtime_limit);

/* The notice of such a kind; now: seconds since 1970, for what the record has no time of. */
void derive_record(enum notice_kind kind, const struct migration_record *r, double now, struct notice *ret);

/* What a boot had of each feature: enum tristate of cpu, host, xen, hvm and pv, and PML. */
enum feature_place { PLACE_CPU, PLACE_HOST, PLACE_XEN, PLACE_HVM, PLACE_PV, PLACES };

struct boot_features {
	enum tristate feature[FEATURE_COUNT][PLACES];
	enum pml_state pml;
};

extern const char *const feature_places[PLACES]; /* "cpu", ... */

/* What is only assumed is unknown here. */
void derive_features(const struct feature_report *report, struct boot_features *ret);

/* The features that differ from the boot before, PML last: a notice each, at most FEATURE_COUNT + 1, and how many. What
 * is unknown in either differs in nothing. */
size_t derive_changes(const struct boot_features *before, const struct feature_report *report, double now,
    struct notice ret[FEATURE_COUNT + 1]);

/* What is unknown in this boot is taken from the boot before, so that the next one is set against that. */
void derive_remember(const struct boot_features *before, struct boot_features *features);

#endif
