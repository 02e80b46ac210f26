/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/trace_decode.h"

#include "base/util.h"

/* By the basic exit reason: Intel SDM, volume 3, appendix C. */
static const char *const vmx[] = {
    [0] = "EXCEPTION_NMI",
    [1] = "EXTERNAL_INTERRUPT",
    [2] = "TRIPLE_FAULT",
    [3] = "INIT",
    [4] = "SIPI",
    [5] = "IO_SMI",
    [6] = "OTHER_SMI",
    [7] = "INTERRUPT_WINDOW",
    [8] = "NMI_WINDOW",
    [9] = "TASK_SWITCH",
    [10] = "CPUID",
    [11] = "GETSEC",
    [12] = "HLT",
    [13] = "INVD",
    [14] = "INVLPG",
    [15] = "RDPMC",
    [16] = "RDTSC",
    [17] = "RSM",
    [18] = "VMCALL",
    [19] = "VMCLEAR",
    [20] = "VMLAUNCH",
    [21] = "VMPTRLD",
    [22] = "VMPTRST",
    [23] = "VMREAD",
    [24] = "VMRESUME",
    [25] = "VMWRITE",
    [26] = "VMXOFF",
    [27] = "VMXON",
    [28] = "CR_ACCESS",
    [29] = "DR_ACCESS",
    [30] = "IO_INSTRUCTION",
    [31] = "MSR_READ",
    [32] = "MSR_WRITE",
    [33] = "INVALID_GUEST_STATE",
    [34] = "MSR_LOADING",
    [36] = "MWAIT",
    [37] = "MONITOR_TRAP_FLAG",
    [39] = "MONITOR",
    [40] = "PAUSE",
    [41] = "MCE_DURING_ENTRY",
    [43] = "TPR_BELOW_THRESHOLD",
    [44] = "APIC_ACCESS",
    [45] = "EOI_INDUCED",
    [46] = "GDTR_IDTR_ACCESS",
    [47] = "LDTR_TR_ACCESS",
    [48] = "EPT_VIOLATION",
    [49] = "EPT_MISCONFIG",
    [50] = "INVEPT",
    [51] = "RDTSCP",
    [52] = "PREEMPTION_TIMER",
    [53] = "INVVPID",
    [54] = "WBINVD",
    [55] = "XSETBV",
    [56] = "APIC_WRITE",
    [57] = "RDRAND",
    [58] = "INVPCID",
    [59] = "VMFUNC",
    [60] = "ENCLS",
    [61] = "RDSEED",
    [62] = "PML_FULL",
    [63] = "XSAVES",
    [64] = "XRSTORS",
    [65] = "PCONFIG",
    [66] = "SPP_EVENT",
    [67] = "UMWAIT",
    [68] = "TPAUSE",
    [69] = "LOADIWKEY",
    [74] = "BUS_LOCK",
    [75] = "NOTIFY",
};

/* By the exit code from 0x60 on: AMD APM, volume 2, appendix C. */
static const char *const svm[] = {
    [0x60] = "INTR",
    [0x61] = "NMI",
    [0x62] = "SMI",
    [0x63] = "INIT",
    [0x64] = "VINTR",
    [0x65] = "CR0_SEL_WRITE",
    [0x66] = "IDTR_READ",
    [0x67] = "GDTR_READ",
    [0x68] = "LDTR_READ",
    [0x69] = "TR_READ",
    [0x6a] = "IDTR_WRITE",
    [0x6b] = "GDTR_WRITE",
    [0x6c] = "LDTR_WRITE",
    [0x6d] = "TR_WRITE",
    [0x6e] = "RDTSC",
    [0x6f] = "RDPMC",
    [0x70] = "PUSHF",
    [0x71] = "POPF",
    [0x72] = "CPUID",
    [0x73] = "RSM",
    [0x74] = "IRET",
    [0x75] = "SWINT",
    [0x76] = "INVD",
    [0x77] = "PAUSE",
    [0x78] = "HLT",
    [0x79] = "INVLPG",
    [0x7a] = "INVLPGA",
    [0x7b] = "IOIO",
    [0x7c] = "MSR",
    [0x7d] = "TASK_SWITCH",
    [0x7e] = "FERR_FREEZE",
    [0x7f] = "SHUTDOWN",
    [0x80] = "VMRUN",
    [0x81] = "VMMCALL",
    [0x82] = "VMLOAD",
    [0x83] = "VMSAVE",
    [0x84] = "STGI",
    [0x85] = "CLGI",
    [0x86] = "SKINIT",
    [0x87] = "RDTSCP",
    [0x88] = "ICEBP",
    [0x89] = "WBINVD",
    [0x8a] = "MONITOR",
    [0x8b] = "MWAIT",
    [0x8c] = "MWAIT_ARMED",
    [0x8d] = "XSETBV",
    [0x8e] = "RDPRU",
    [0x8f] = "EFER_WRITE_TRAP",
    [0xa0] = "INVLPGB",
    [0xa1] = "INVLPGB_ILLEGAL",
    [0xa2] = "INVPCID",
    [0xa5] = "BUS_LOCK",
};

/* The exceptions that have a name; SVM has a code for each. */
static const char *const exception[32] = {"EXCEPTION_DE", "EXCEPTION_DB", "EXCEPTION_NMI",
    "EXCEPTION_BP", "EXCEPTION_OF", "EXCEPTION_BR", "EXCEPTION_UD", "EXCEPTION_NM", "EXCEPTION_DF",
    "EXCEPTION", "EXCEPTION_TS", "EXCEPTION_NP", "EXCEPTION_SS", "EXCEPTION_GP", "EXCEPTION_PF",
    "EXCEPTION", "EXCEPTION_MF", "EXCEPTION_AC", "EXCEPTION_MC", "EXCEPTION_XF"};

static const char *
svm_name(uint32_t reason)
{
	static const char *const registers[] = {"CR_READ", "CR_WRITE", "DR_READ", "DR_WRITE"};
	static const char *const paging[] = {
	    "NPF", "AVIC_INCOMPLETE_IPI", "AVIC_NOACCEL", "VMGEXIT"};

	if (reason < 0x40)
		return registers[reason >> 4];
	if (reason < 0x60)
		return exception[reason - 0x40] ? exception[reason - 0x40] : "EXCEPTION";
	if (reason >= 0x400 && reason < 0x400 + ARRAY_SIZE(paging))
		return paging[reason - 0x400];
	return reason < ARRAY_SIZE(svm) ? svm[reason] : NULL;
}

const char *
trace_reason_name(uint32_t reason, bool is_svm)
{
	if (is_svm)
		return svm_name(reason);
	/* the upper half are flags: bit 31 an entry that failed */
	return (reason & 0xffff) < ARRAY_SIZE(vmx) ? vmx[reason & 0xffff] : NULL;
}
