/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_DECODE_H
#define TRACE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/event.h"

/* Records of Xen's trace buffers (xen.git xen/include/public/trace.h), added up: per domain and vCPU, per exit
 * reason. A pure function over bytes: no file, no clock. Bytes may be hostile.
 *
 * A record does not name its domain: who runs on a CPU is known from the scheduler's records (runstate changes,
 * "continue running"). An arc runs from a vCPU's exit to its next entry, be it on another CPU. */

#define TRACE_MAX_CPUS 4096u
#define TRACE_NO_DOMAIN 0xffffu /* whose exits these are, the trace does not tell */

/* The smallest mask that has exits, entries, NPFs (for the p2m type) and who runs where. */
#define TRACE_MASK 0x000a3000u

struct trace_exit {
	uint32_t reason; /* as the processor numbers them: 48 EPT violation, 0x400 NPF, ... */
	uint64_t count;
	uint64_t cycles;	/* of its arcs, time without a CPU included */
	uint64_t cpu_cycles;	/* the same less that time */
};

struct trace_vcpu {
	uint32_t domid; /* or TRACE_NO_DOMAIN */
	uint32_t vcpu;	/* of TRACE_NO_DOMAIN: the CPU's number */
	bool svm; /* which numbers reasons are: AMD's, else Intel's */
	uint64_t exits, entries;
	uint64_t npf_records;
	uint64_t class_count[TRACE_CLASSES], class_cycles[TRACE_CLASSES]; /* cpu_cycles of them */
	const struct trace_exit *exit; /* n_exits of them, by reason */
	size_t n_exits;
};

/* Of everything that was decoded since trace_decoder_new: only grows. */
struct trace_summary {
	uint64_t records, bytes;
	uint64_t lost_records, lost_events;
	uint64_t first_tsc, last_tsc; /* 0: no record had a stamp */
	uint64_t backwards;	      /* records older than the one before on their CPU */
	uint64_t unknown;	      /* records of events that are not looked at: most, and no fault */
	uint64_t bad_bytes;	      /* skipped, since they are no record */
	uint64_t overflowed;	      /* exits of vCPUs or reasons beyond what is kept */
};

/* What there is to read of one CPU; what was decoded is taken off its front. A record that is not there to its
 * end stays. */
struct trace_span {
	const uint8_t *bytes;
	size_t n;
	bool more; /* bytes follow that are not there yet: once these are used up the others wait for them */
};

struct trace_decoder;

/* svm: whose numbers exit reasons of events that do not say it are (before Xen 4.19); by the NPF records or the
 * reasons themselves it is found out where possible. */
struct trace_decoder *trace_decoder_new(bool svm);
void trace_decoder_free(struct trace_decoder *d);

/* Counts only what a record of a switch names: the exits of a CPU before its first one, or from a loss to the next one,
 * stay TRACE_NO_DOMAIN's. So do xenalyze and the reference counts. Without this call they are counted as soon as
 * "continues to run" or the next switch tells who it was that ran. */
void trace_decoder_strict(struct trace_decoder *d);

/* Decodes the spans of n CPUs in the order of their stamps, up to the first record of each that is at until (TSC) or
 * later; UINT64_MAX: all. Span i is CPU i's. */
void trace_decode(struct trace_decoder *d, struct trace_span *span, unsigned n, uint64_t until);

/* Sets the sums of all vCPUs to 0 and goes on: who runs where and which arcs are open is kept. */
void trace_decoder_forget(struct trace_decoder *d);
/* The same after a gap, as when tracing was off: nothing is known of who runs where. */
void trace_decoder_restart(struct trace_decoder *d);

/* Ascending by domain and vCPU; the pointers hold until the next call of another function. */
size_t trace_decoder_vcpus(struct trace_decoder *d);
const struct trace_vcpu *trace_decoder_vcpu(struct trace_decoder *d, size_t i);
const struct trace_summary *trace_decoder_summary(const struct trace_decoder *d);
/* Records that this CPU lost since trace_decoder_new. */
uint64_t trace_decoder_lost(const struct trace_decoder *d, unsigned cpu);

/* "EPT_VIOLATION"; NULL if it has no name here. */
const char *trace_reason_name(uint32_t reason, bool svm);

#endif
