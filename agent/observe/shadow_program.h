/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SHADOW_PROGRAM_H
#define SHADOW_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

#include "metrics/event.h"

/* The eBPF programs on privcmd_ioctl, put together at run time: Dom0 needs neither compiler nor
 * BTF.
 *
 * At entry the program looks into the hypercall: a log-dirty operation (not PEEK), or a domctl that lets a domain run,
 * is remembered by thread, with its time and the address of its domctl. At return the domctl is read once more, for
 * the hypervisor has filled it in, and handed over; other hypercalls are not in the map and end
 * there. */

/* What the return program writes into the ring of its CPU. */
struct shadow_record {
	uint64_t ended, began; /* CLOCK_MONOTONIC, ns */
	uint64_t thread;       /* process << 32 | thread */
	int64_t result;
	uint8_t domctl[64]; /* the beginning of struct xen_domctl, public/domctl.h */
	char comm[16];
};

/* What the entry program keeps of a call under way; the key is the thread. */
struct shadow_call {
	uint64_t domctl, began;
};

struct shadow_maps {
	int calls;   /* hash: thread to struct shadow_call */
	int rings;   /* perf event array, by CPU */
	int dropped; /* array of one uint64_t: operations seen but not handed over */
};

#define SHADOW_PROGRAM_MAX 80

struct shadow_program {
	struct bpf_insn insn[SHADOW_PROGRAM_MAX];
	size_t n;
};

/* enum bpf_func_id of linux/bpf.h, which old headers do not have whole. */
enum shadow_reader {
	READ_ANY = 4 /* bpf_probe_read */,
	READ_USER = 112 /* bpf_probe_read_user, 5.5 */
};

void shadow_program_entry(
    struct shadow_program *p, const struct shadow_maps *maps, enum shadow_reader reader);
void shadow_program_return(
    struct shadow_program *p, const struct shadow_maps *maps, enum shadow_reader reader);

/* -EPROTO: a domctl interface that is not known to have this layout; -EBADMSG: not an operation
 * that the program looks for. */
int shadow_record_event(const struct shadow_record *r, struct event *ret);

#endif
