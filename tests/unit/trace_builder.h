/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_BUILDER_H
#define TRACE_BUILDER_H

#include <stdint.h>
#include <string.h>

/* Records as Xen writes them, one after the other, with what the hypervisor does between them.
 * Numbers are spelled out here: a wrong constant in the agent must not be right in its test. */

#define IDLE_DOM 0x7fffu

struct builder {
	uint8_t bytes[65536];
	size_t n;
	uint64_t tsc;
};

static inline void
put_word(struct builder *b, uint32_t v)
{
	memcpy(b->bytes + b->n, &v, 4);
	b->n += 4;
}

/* tsc 0: the record has no stamp. */
static inline void
put_record(struct builder *b, uint32_t event, uint64_t tsc, unsigned words, const uint32_t *data)
{
	put_word(b, event | words << 28 | (tsc ? 1u << 31 : 0));
	if (tsc) {
		put_word(b, (uint32_t) tsc);
		put_word(b, (uint32_t) (tsc >> 32));
	}
	for (unsigned i = 0; i < words; i++)
		put_word(b, data[i]);
}

static inline void
vmexit(struct builder *b, uint64_t tsc, uint32_t reason)
{
	uint32_t data[3] = {reason, 0x81043c90, 0xffffffff};

	put_record(b, 0x81102, tsc, 3, data);
}

/* SVM's own event, from Xen 4.19 on; and the form without the upper half of the instruction
 * pointer. */
static inline void
vmexit_as(struct builder *b, uint32_t event, uint64_t tsc, uint32_t reason)
{
	uint32_t data[3] = {reason, 0x1000, 0};

	put_record(b, event, tsc, event & 0x100 ? 3 : 2, data);
}

static inline void
vmentry(struct builder *b, uint64_t tsc)
{
	put_record(b, 0x81001, tsc, 0, NULL);
}

static inline void
npf_record(struct builder *b, uint32_t qualification, uint32_t type)
{
	uint32_t data[6] = {0x1234000, 0, 0x5678, 0, qualification, type};

	put_record(b, 0x82021, 0, 6, data);
}

/* Runstates: 0 running, 1 runnable, 2 blocked, 3 offline. */
static inline void
changes(struct builder *b, uint64_t tsc, uint32_t domain, uint32_t vcpu, unsigned from, unsigned to)
{
	uint32_t data[1] = {domain << 16 | vcpu};

	put_record(b, 0x21001 | from << 8 | to << 4, tsc, 1, data);
}

static inline void
continues(struct builder *b, uint64_t tsc, uint32_t domain, uint32_t vcpu)
{
	uint32_t data[1] = {domain << 16 | vcpu};

	put_record(b, 0x21002, tsc, 1, data);
}

static inline void
lost(struct builder *b, uint64_t tsc, uint32_t records)
{
	uint32_t data[4] = {records, 0x00010000, 0, 0};

	put_record(b, 0x1f001, tsc, 4, data);
}

static inline void
runs(struct builder *b, uint64_t tsc, uint32_t domain, uint32_t vcpu)
{
	changes(b, tsc, IDLE_DOM, 0, 0, 1);
	changes(b, tsc + 1, domain, vcpu, 1, 0);
}

#endif
