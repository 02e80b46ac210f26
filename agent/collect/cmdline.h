/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMDLINE_H
#define CMDLINE_H

#include "metrics/feature.h"

/* Xen's command line, read by Xen's own rules: xen.git xen/common/kernel.c parse_params, parse_bool
 * and parse_boolean; the options' own parsers in xen/arch/x86/setup.c, cpu-policy.c,
 * hvm/vmx/vmcs.c. They are the same from 4.13 to 4.21, but that older ones know fewer names in
 * cpuid=. */

#define MAX_PARAM 128 /* of one option, with its NUL; Xen drops the rest of a longer one */

enum cmdline_key {
	CMDLINE_SMAP,
	CMDLINE_SMEP,
	CMDLINE_HAP,
	CMDLINE_EPT_PML,
	CMDLINE_EPT_AD,
	CMDLINE_CET_SHSTK,
	CMDLINE_CET_IBT,
	CMDLINE_CPUID, /* + enum feature_id */
	CMDLINE_KEYS = CMDLINE_CPUID + FEATURE_COUNT
};

enum choice {
	CHOICE_NONE, /* not given: Xen's default counts */
	CHOICE_NO,
	CHOICE_YES,
	CHOICE_HVM, /* smap, smep: for guests, not for Xen itself */
};

struct cmdline {
	enum choice choice[CMDLINE_KEYS];
	char text[CMDLINE_KEYS][MAX_PARAM]; /* what decided, printable: "smap=hvm", "ept=no-pml" */
};

/* Applies a line to what c already holds, as Xen applies the boot loader's line to its built-in
 * one. c is zeroed at first. */
void cmdline_apply(struct cmdline *c, const char *line);

#endif
