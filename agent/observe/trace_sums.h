/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_SUMS_H
#define TRACE_SUMS_H

#include "base/util.h"
#include "observe/trace_decode.h"

/* The part of the decoder that adds up: a table of vCPUs, for each its exits by reason and the arc
 * that is open. What it keeps is bounded, whatever the trace: 2 MiB at most. */
#define TRACE_MAX_VCPUS 2048u
#define TRACE_MAX_REASONS 64u /* of a vCPU */
#define TRACE_MAX_ROWS 16384u /* reasons of all vCPUs */
/* Sums stay there: only a clock that jumps gets them so far. */
#define TRACE_MAX_CYCLES (UINT64_MAX / 4)

#define MAX_PLAIN_ARC UINT32_MAX /* cycles: so short that adding them needs no look at that */

#define REASON_SLOTS 256u
#define REASON_EPT_VIOLATION 48u
#define REASON_EPT_MISCONFIG 49u
#define REASON_PML_FULL 62u
#define REASON_NPF 0x400u

/* What more is known of an open arc than its reason. */
enum arc_kind {
	ARC_PLAIN,
	ARC_VIOLATION, /* its record told that it is */
	ARC_NPF,       /* if no record comes, it is a recalculation */
};

struct vcpu {
	struct trace_exit *arc; /* row of the reason why it is out; NULL: it is in, or nobody knows */
	uint64_t left;		/* when */
	uint64_t off_cycles;	/* since then without a CPU; 0 without an arc, as kind */
	enum arc_kind kind;
	bool off; /* it has no CPU since: */
	uint64_t off_since;
	uint32_t loss; /* trace_sums.loss at that time */
	int32_t cpu;   /* where it runs, -1: nowhere that is known */
	bool kept;
	uint32_t rows, room;
	struct trace_exit *row; /* their cpu_cycles are those without a CPU, until they are shown */
	struct trace_vcpu sum;
	struct trace_vcpu shown; /* the same as the decoder's users see it, and its rows */
	struct trace_exit *shown_row;
	uint8_t slot[REASON_SLOTS]; /* 1 + the row of a reason below that, 0: none */
};

struct trace_sums {
	struct vcpu *vcpu[TRACE_MAX_VCPUS];
	size_t n, rows;
	uint16_t hash[2 * TRACE_MAX_VCPUS]; /* 1 + index of a vcpu, 0: none */
	uint32_t loss; /* counts the losses: an arc that spans one is not known to be one */
	bool svm;
};

/* Domain and vCPU as the scheduler's records have them. */
static inline uint32_t
vcpu_key(const struct vcpu *v)
{
	return v->sum.domid << 16 | v->sum.vcpu;
}

/* NULL: not there. */
struct vcpu *sums_find(const struct trace_sums *s, uint32_t key);
/* NULL: there are too many. */
struct vcpu *sums_get(struct trace_sums *s, uint32_t key);
/* Frees those that are not kept. */
void sums_sweep(struct trace_sums *s);

/* The row of this reason, made if it is a new one; NULL: there are too many. */
struct trace_exit *vcpu_row(struct trace_sums *s, struct vcpu *v, uint32_t reason);
/* It leaves, or enters and ends the arc. The first is false if this reason is one too many. */
bool vcpu_exit(struct trace_sums *s, struct vcpu *v, uint32_t reason, uint64_t tsc);
void vcpu_entry(struct vcpu *v, uint64_t tsc);
/* All sums to 0; an open arc stays. */
void vcpu_clear(struct trace_sums *s, struct vcpu *v);
/* Adds the sums of one to another, which is the same vCPU and has its open arc from now on. False:
 * not all of it has room. */
bool vcpu_merge(struct trace_sums *s, struct vcpu *to, struct vcpu *from);
/* Ascending by key, each one's rows by reason: what can be shown. Returns how many. */
size_t sums_order(struct trace_sums *s);

static inline bool
vcpu_counts(const struct vcpu *v)
{
	return v->rows > 1 || (v->rows == 1 && (v->row->count || v->row->cycles)) ||
	       v->sum.entries > 0 || v->sum.npf_records > 0;
}

/* The same where nothing unusual is in the way; false: something is, and nothing was done. */
static inline bool
vcpu_exit_plain(struct vcpu *v, uint32_t reason, uint64_t tsc)
{
	if (v->arc || reason >= REASON_SLOTS || v->slot[reason] == 0)
		return false;
	v->arc = &v->row[v->slot[reason] - 1];
	v->arc->count++;
	v->left = tsc;
	v->off = false;
	return true;
}

static inline bool
vcpu_entry_plain(struct vcpu *v, uint64_t tsc)
{
	uint64_t cycles = tsc - v->left;

	if (!v->arc || v->off_cycles || v->kind == ARC_NPF || cycles > MAX_PLAIN_ARC)
		return false;
	if (v->kind == ARC_VIOLATION) {
		v->sum.class_cycles[TRACE_VIOLATION] += cycles;
		v->kind = ARC_PLAIN;
	}
	v->arc->cycles += cycles;
	v->arc = NULL;
	v->sum.entries++;
	return true;
}

/* Nobody will know when it enters. */
static inline void
vcpu_drop_arc(struct vcpu *v)
{
	v->arc = NULL;
	v->kind = ARC_PLAIN;
	v->off_cycles = 0;
}

/* It loses its CPU, or has one again. */
void vcpu_off(struct trace_sums *s, struct vcpu *v, uint64_t tsc);
void vcpu_on(struct trace_sums *s, struct vcpu *v, unsigned cpu, uint64_t tsc);

#endif
