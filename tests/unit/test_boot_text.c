/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "collect/boot_text.h"
#include "tests/fake_hv.h"
#include "tests/tap.h"

static struct boot_text t;

static void
parse(const char *text)
{
	boot_text_parse(text, strlen(text), &t);
}

static void
test_real(void)
{
	_cleanup_(freep) char *intel = fake_hv_golden("intel-pml.ring"),
			      *amd = fake_hv_golden("amd.ring");

	ok(intel && amd, "the recorded rings are there");
	if (!intel || !amd)
		return;
	parse(intel);
	ok(t.begun && t.vmx && t.pml && !t.svm, "a real ring of an Intel host names PML");
	ok(strcmp(t.version, "4.17.7") == 0, "and Xen's version");
	ok(strncmp(t.cmdline, "console=com1 ", 13) == 0 && strstr(t.cmdline, " apicv=0") &&
		!t.builtin[0],
	    "and its command line");
	ok(strncmp(t.speculation, "  Hardware hints:\n  Hardware features:\n", 39) == 0 &&
		strstr(
		    t.speculation, "\n  Xen settings: BTI-Thunk: JMP, SPEC_CTRL: No, Other:\n") &&
		strstr(t.speculation, "  PV L1TF shadowing: Dom0 disabled, DomU disabled\n") &&
		!strstr(t.speculation, "scheduler"),
	    "and the whole block of mitigations, no line more");
	ok(!t.shstk && !t.ibt, "it has no CET");
	parse(strstr(intel, "Platform timer"));
	ok(!t.begun && t.vmx && t.pml && !t.speculation[0] && !t.cmdline[0],
	    "where the ring has lost the beginning, the rest still counts");
	parse(strstr(intel, "MSR direct-access"));
	ok(!t.vmx && t.pml, "even if the list is cut in its middle");
	parse(strstr(intel, "HVM: ASIDs"));
	ok(!t.vmx && !t.pml, "where all of it has gone nothing is known");
	parse(amd);
	ok(t.begun && t.svm && !t.vmx && !t.pml, "a real ring of an AMD host lists SVM");
	ok(strstr(t.speculation, "RETPOLINE, SPEC_CTRL: No, Other: DIV BRANCH_HARDEN\n"),
	    "and its mitigations");
}

static void
test_forms(void)
{
	parse("(XEN) Xen version 4.13.5 (x)\n(XEN) VMX: Supported advanced features:\n"
	      "(XEN)  - Extended Page Tables (EPT)\n(XEN)  - Virtual NMI\n(XEN) HVM: ASIDs "
	      "enabled.\n");
	ok(t.begun && t.vmx && !t.pml && strcmp(t.version, "4.13.5") == 0,
	    "a list without PML is seen as one");
	parse("(XEN) [    0.123456] Xen version 4.17.0 (x)\n(XEN) [   12.5] VMX: Supported "
	      "advanced features:\n"
	      "(XEN) [   12.5]  - Page Modification Logging\n");
	ok(t.begun && t.vmx && t.pml, "time since boot behind the prefix is passed over");
	parse("(XEN) [2026-01-01 00:00:00.123] VMX: Supported advanced features:\r\n"
	      "(XEN) [2026-01-01 00:00:00.124]  - Page Modification Logging\r\n");
	ok(t.vmx && t.pml, "so are a date, and carriage returns");
	parse("[2026-01-01 00:00:00] (XEN) [00000003c5a1] VMX: Supported advanced features:\n"
	      "[2026-01-01 00:00:00] (XEN)  - Page Modification Logging");
	ok(t.vmx && t.pml, "so is what xenconsoled puts in front, and a missing end of line");
	parse("(XEN) Built-in command line: ept=exec-sp\n(XEN) Command line: smap=hvm \n");
	ok(strcmp(t.builtin, "ept=exec-sp") == 0 && strcmp(t.cmdline, "smap=hvm ") == 0,
	    "both command lines are kept apart");
	parse("(XEN) Enabling Supervisor Shadow Stacks\n(XEN) Enabling Indirect Branch Tracking\n");
	ok(t.shstk && t.ibt, "the lines of CET are seen");
	parse("(XEN)   Xen settings: BTI-Thunk JMP\n");
	ok(!t.speculation[0], "a block of mitigations that has lost its head is not kept in parts");
}

static void
test_last_boot(void)
{
	parse(
	    "(XEN) Xen version 4.16.1 (x)\n(XEN) Command line: smap=0\n"
	    "(XEN) Enabling Supervisor Shadow Stacks\n(XEN) Speculative mitigation "
	    "facilities:\n(XEN)   old\n"
	    "(XEN) VMX: Supported advanced features:\n(XEN)  - Page Modification Logging\n"
	    "(XEN) Xen version 4.17.2 (x)\n(XEN) Speculative mitigation facilities:\n(XEN)   new\n"
	    "(XEN) VMX: Supported advanced features:\n(XEN)  - Virtual NMI\n");
	ok(strcmp(t.version, "4.17.2") == 0 && t.vmx && !t.pml && !t.shstk && !t.cmdline[0] &&
		strcmp(t.speculation, "  new\n") == 0,
	    "of two boots in a log only the last counts");
}

static void
test_hostile(void)
{
	static const char nul[] = "(XEN) \0 x\n(XEN)  - Page Modification Logging\n";
	static char big[200000];
	size_t at;

	parse("VMX: Supported advanced features:\n - Page Modification Logging\n"
	      "(d1) VMX: Supported advanced features:\n(d1)  - Page Modification Logging\n"
	      "(d1) (XEN)  - Page Modification Logging\n(XEN)\n(XEN) \n");
	ok(!t.vmx && !t.pml, "lines that guests wrote do not count");
	parse("(XEN) Speculative mitigation facilities:\n(XEN)   a\x1b[31mb\xff\n");
	ok(strcmp(t.speculation, "  a?[31mb?\n") == 0, "what is not printable is replaced");
	boot_text_parse(nul, sizeof(nul) - 1, &t);
	ok(t.pml, "a NUL ends nothing");
	boot_text_parse("(XEN)  - Page Modification Loggin", 33, &t);
	ok(!t.pml, "a line that is cut is another line");
	boot_text_parse("", 0, &t);
	ok(!t.begun && !t.vmx && !t.svm, "no text tells nothing");

	at = (size_t) snprintf(big, sizeof(big), "(XEN) Speculative mitigation facilities:\n");
	while (at < 100000)
		at += (size_t) snprintf(big + at, sizeof(big) - at, "(XEN)   line %06zu\n", at);
	parse(big);
	ok(strlen(t.speculation) < SPECULATION_SIZE &&
		t.speculation[strlen(t.speculation) - 1] == '\n',
	    "an endless block is cut at a line");
	at = (size_t) snprintf(big, sizeof(big), "(XEN) Command line: ");
	memset(big + at, 'x', sizeof(big) - at - 1);
	memcpy(big + sizeof(big) - 40, "\n(XEN)  - Page Modification Logging\n", 36);
	parse(big);
	ok(strlen(t.cmdline) < sizeof(t.cmdline) && t.pml,
	    "an endless line is cut, and the next one read");
	at = (size_t) snprintf(big, sizeof(big), "(XEN) Xen version %0500d\n", 0);
	parse(big);
	ok(t.begun && strlen(t.version) == sizeof(t.version) - 1, "so is an endless version");
	memset(big, '[', sizeof(big) - 1);
	parse(big);
	ok(!t.begun, "brackets without end are no time stamp");
}

int
main(void)
{
	test_real();
	test_forms();
	test_last_boot();
	test_hostile();
	return done_testing();
}
