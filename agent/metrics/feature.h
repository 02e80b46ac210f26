/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FEATURE_H
#define FEATURE_H

#include <stdint.h>

/* The feature report of the design, section 2: plain data that collect/features.c fills in. */

enum feature_id {
#define FEATURE(id, ...) FEATURE_##id,
#include "metrics/features.def"
	FEATURE_COUNT
};

/* Unknown is an answer, and the value of zeroed memory. */
enum tristate { UNKNOWN, NO, YES };

/* How far the answer about Xen itself can be trusted. */
enum confidence {
	CONFIDENCE_UNKNOWN, /* not read */
	CONFIDENCE_ASSUMED, /* the command line could not be read: Xen's default is taken */
	CONFIDENCE_EXACT,
};

#define REASON_SIZE 128

struct feature_state {
	enum tristate cpu;  /* raw featureset */
	enum tristate host; /* host featureset */
	enum tristate xen;  /* Xen uses it for itself */
	enum tristate hvm, pv; /* offered to guests */
	enum confidence confidence;
	char reason[REASON_SIZE]; /* why xen is not yes, or what was not to be read; "" where it is yes */
};

enum pml_state { PML_UNKNOWN, PML_UNSUPPORTED, PML_DISABLED, PML_IN_USE };

/* Where a fact about the boot comes from. */
enum boot_source { BOOT_SOURCE_NONE, BOOT_SOURCE_RING, BOOT_SOURCE_LOG, BOOT_SOURCE_CMDLINE, BOOT_SOURCE_CPU };

#define SPECULATION_SIZE 2048

struct feature_report {
	struct feature_state feature[FEATURE_COUNT];
	struct {
		enum pml_state state;
		enum boot_source source;
		char reason[REASON_SIZE];
	} pml;
	enum tristate hap;    /* hardware assisted paging: physinfo */
	enum tristate ept_ad; /* EPT accessed and dirty bits; only PML in use proves them */
	enum boot_source speculation_source;
	char speculation[SPECULATION_SIZE]; /* the block of the boot console, raw; "" unknown */
};

/* Per guest. */
struct guest_feature {
	uint8_t exposed; /* enum tristate: its CPUID policy */
	uint8_t active;	 /* enum tristate: its CR4 */
};

struct feature_info {
	const char *name, *title;
	unsigned word, bit;
	int cr4_bit;
	const char *cpuid_name;
};

extern const struct feature_info feature_table[FEATURE_COUNT];

/* "yes", "no", "unknown" and the like: the words of the JSON. */
const char *tristate_name(enum tristate t);
const char *confidence_name(enum confidence c);
const char *pml_state_name(enum pml_state s);
const char *boot_source_name(enum boot_source s);

#endif
