/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_BUFFERS_H
#define TRACE_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Xen's trace buffers, mapped, and this process their only consumer. trace_buffers_xen_open gives the real ones;
 * a test makes its own. */
struct trace_buffers;

struct trace_buffers_ops {
	/* Clears what is old and lets Xen record. -errno. */
	int (*start)(struct trace_buffers *b);
	/* Xen records no more; what is there can still be read. */
	void (*stop)(struct trace_buffers *b);
	/* The contiguous bytes of this CPU that wait to be read: whole records but for a record that Xen is writing.
	 * There may be more behind them when these were taken off. They hold until taken. */
	size_t (*peek)(struct trace_buffers *b, unsigned cpu, const uint8_t **ret);
	/* Takes bytes off the front: Xen may write over them. */
	void (*take)(struct trace_buffers *b, unsigned cpu, size_t n);
	/* Readable when a buffer is half full; -1: there is nothing to wait for. */
	int (*fd)(struct trace_buffers *b);
	/* After fd was readable. */
	void (*woken)(struct trace_buffers *b);
	/* Stops, unmaps, and lets another be the consumer. Xen keeps the memory. */
	void (*close)(struct trace_buffers *b);
};

struct trace_buffers {
	const struct trace_buffers_ops *ops;
	unsigned cpus;	 /* numbers from 0; one without a buffer has nothing to read */
	size_t cpu_bytes; /* of each buffer; another size than asked for where Xen had made them before */
	bool svm;	  /* whose numbers the exits' reasons are: AMD's, else Intel's */
	bool blind;	  /* a CPU is online that has no buffer: it came after Xen had made them */
};

/* mask: of events; pages: of 4 KiB for each CPU, where there are no buffers yet. Holds VIRQ_TBUF as the lock among
 * consumers before it touches anything. On failure ret_why (static text) names what is in the way and what to do:
 * -EBUSY another consumer, -ENOMEM no memory for them, -ENOSYS a hypervisor (or a build) without tracing, ... */
int trace_buffers_xen_open(
    uint32_t mask, size_t pages, struct trace_buffers **ret, const char **ret_why);

/* Lets Xen record no more where an agent that was killed left that on: told by its mask, which nobody else uses, and
 * by there being no consumer. */
void trace_buffers_xen_settle(uint32_t mask);

/* One moment on both clocks. */
struct trace_clock {
	double mono;  /* CLOCK_MONOTONIC, seconds */
	uint64_t tsc; /* as the trace's stamps have it; 0 where this machine has none */
};

struct trace_clock trace_clock_now(void);

#endif
