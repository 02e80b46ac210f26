/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/feature.h"

const struct feature_info feature_table[FEATURE_COUNT] = {
#define FEATURE(id, name, word, bit, cr4, cpuid, title)                                            \
	[FEATURE_##id] = {name, title, word, bit, cr4, cpuid},
#include "metrics/features.def"
};

const char *
tristate_name(enum tristate t)
{
	static const char *const names[] = {[UNKNOWN] = "unknown", [NO] = "no", [YES] = "yes"};

	return names[t];
}

const char *
confidence_name(enum confidence c)
{
	static const char *const names[] = {[CONFIDENCE_UNKNOWN] = "unknown",
	    [CONFIDENCE_ASSUMED] = "assumed",
	    [CONFIDENCE_EXACT] = "exact"};

	return names[c];
}

const char *
pml_state_name(enum pml_state s)
{
	static const char *const names[] = {[PML_UNKNOWN] = "unknown",
	    [PML_UNSUPPORTED] = "unsupported",
	    [PML_DISABLED] = "disabled",
	    [PML_IN_USE] = "in_use"};

	return names[s];
}

const char *
boot_source_name(enum boot_source s)
{
	static const char *const names[] = {[BOOT_SOURCE_NONE] = "none",
	    [BOOT_SOURCE_RING] = "console_ring",
	    [BOOT_SOURCE_LOG] = "console_log",
	    [BOOT_SOURCE_CMDLINE] = "command_line",
	    [BOOT_SOURCE_CPU] = "cpu"};

	return names[s];
}
