/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PERF_RING_H
#define PERF_RING_H

#include <stddef.h>
#include <stdint.h>

struct perf_event_mmap_page;

/* The ring that the kernel fills with the records of one perf event, perf_event_open(2). Written by
 * one CPU, read by us. */
struct perf_ring {
	struct perf_event_mmap_page *page; /* its first page holds head and tail */
	uint8_t *data;
	size_t size;   /* of data: a power of two */
	uint64_t lost; /* records that the kernel had no room for, in all mappings */
};

/* Maps the ring of a perf event. -errno. */
int perf_ring_map(struct perf_ring *r, int fd, unsigned data_pages);
void perf_ring_unmap(struct perf_ring *r);

/* Takes the next sample's raw data into ret[n] and returns 1; 0: there is none. Samples of another
 * size count as lost. */
int perf_ring_next(struct perf_ring *r, void *ret, size_t n);

#endif
