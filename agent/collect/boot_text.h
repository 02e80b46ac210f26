/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BOOT_TEXT_H
#define BOOT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "metrics/feature.h"

/* What Xen printed about the processor while it booted, from its console ring or a log that was
 * saved from it. Texts: xen.git xen/arch/x86/setup.c, spec_ctrl.c print_details, hvm/vmx/vmcs.c
 * vmx_display_features; 4.13 to 4.21. */

#define MAX_BOOT_LINE 1100 /* a command line, its prefix and a time; longer lines are cut */

struct boot_text {
	bool begun; /* the boot's first line is there, so that what is missing was not printed */
	bool vmx;   /* the list of VMX features is there */
	bool svm;   /* the list of SVM features is there */
	bool pml;   /* it names Page Modification Logging: in use, options and CPU considered */
	bool shstk, ibt;  /* Xen enabled shadow stacks, indirect branch tracking for itself */
	char version[32]; /* "4.17.7" */
	char cmdline[MAX_BOOT_LINE];	    /* as the boot loader gave it */
	char builtin[MAX_BOOT_LINE];	    /* the one built into Xen */
	char speculation[SPECULATION_SIZE]; /* the block of mitigations, without its head */
};

/* Calls fn with each line of n bytes, which may be anything, that Xen itself wrote: printable ASCII, without its
 * prefix and time. */
typedef void xen_line_fn(void *arg, const char *said);
void xen_lines(const char *text, size_t n, xen_line_fn *fn, void *arg);

/* Reads n bytes, which may be anything. Only lines that Xen itself wrote count, and of several
 * boots the last. */
void boot_text_parse(const char *text, size_t n, struct boot_text *ret);

#endif
