/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_RECORD_H
#define TRACE_RECORD_H

#include <stdint.h>
#include <string.h>

/* A record of Xen's trace (xen.git xen/include/public/trace.h): a word with the event (28 bits),
 * the number of data words (3 bits) and whether a stamp is there (the top bit); the stamp, 64 bits
 * of TSC; the data. Little endian. */
#define TRACE_HEAD_BYTES 4u
#define TRACE_MAX_RECORD (4u + 8u + 7u * 4u)

enum trace_event {
	TRACE_EV_LOST = 0x1f001,       /* records, domain and vCPU, stamp of the first */
	TRACE_EV_WRAP = 0x1f002,       /* fills a buffer's end */
	TRACE_EV_CPU_CHANGE = 0x1f003, /* in files: CPU, bytes that follow */
	TRACE_EV_RUNSTATE = 0x21001,   /* | old << 8 | new << 4; domain << 16 | vCPU */
	TRACE_EV_CONTINUE = 0x21002,   /* the same: it was to be switched and is not */
	TRACE_EV_SWITCH = 0x2800a,     /* domain and vCPU before, domain and vCPU now */
	TRACE_EV_ENTRY = 0x81001,
	TRACE_EV_EXIT = 0x81002,     /* reason, instruction pointer; SVM's too up to Xen 4.18 */
	TRACE_EV_EXIT_SVM = 0x81003, /* from Xen 4.19 */
	TRACE_EV_NPF = 0x82021,	     /* address, frame (64 bits each), qualification, p2m type */
};

/* Of the events of entry and exit: a 64-bit instruction pointer; a guest of the guest. */
#define TRACE_EV_FLAGS (0x100u | 0x400u)
#define TRACE_RUNSTATES 0xff0u

static inline uint32_t
trace_load32(const uint8_t *p)
{
	uint32_t v;

	(void) memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
trace_load64(const uint8_t *p)
{
	uint64_t v;

	(void) memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t
trace_event_of(uint32_t head)
{
	return head & 0xfffffffu;
}

static inline uint32_t
trace_words_of(uint32_t head)
{
	return head >> 28 & 7;
}

static inline uint32_t
trace_bytes_of(uint32_t head)
{
	return TRACE_HEAD_BYTES + (head >> 31) * 8 + trace_words_of(head) * 4;
}

#endif
