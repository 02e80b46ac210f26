/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/perf_ring.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <linux/perf_event.h>

#include "base/util.h"

int
perf_ring_map(struct perf_ring *r, int fd, unsigned data_pages)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page * (1 + data_pages), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	r->page = p;
	r->data = (uint8_t *) p + page;
	r->size = page * data_pages;
	return 0;
}

void
perf_ring_unmap(struct perf_ring *r)
{
	if (r->page)
		(void) munmap(r->page, (size_t) (r->data - (uint8_t *) r->page) + r->size);
	r->page = NULL;
}

/* A record may begin at the ring's end and go on at its start. */
static void
copy(const struct perf_ring *r, uint64_t at, void *to, size_t n)
{
	size_t from = (size_t) at & (r->size - 1), first = MIN(n, r->size - from);

	memcpy(to, r->data + from, first);
	memcpy((uint8_t *) to + first, r->data, n - first);
}

/* One record of h.size bytes at `at`; true if it is a sample, whose data went into ret. */
static bool
take(struct perf_ring *r, const struct perf_event_header *h, uint64_t at, void *ret, size_t n)
{
	uint32_t size;
	uint64_t lost[2]; /* id, number */

	if (h->type == PERF_RECORD_LOST && h->size >= sizeof(*h) + sizeof(lost)) {
		copy(r, at + sizeof(*h), lost, sizeof(lost));
		r->lost += lost[1];
		return false;
	}
	if (h->type != PERF_RECORD_SAMPLE)
		return false;
	if (h->size >= sizeof(*h) + sizeof(size) + n) {
		copy(r, at + sizeof(*h), &size,
		    sizeof(size)); /* the kernel pads it to a multiple of 8 */
		if (size >= n) {
			copy(r, at + sizeof(*h) + sizeof(size), ret, n);
			return true;
		}
	}
	r->lost++;
	return false;
}

int
perf_ring_next(struct perf_ring *r, void *ret, size_t n)
{
	uint64_t tail = r->page->data_tail;
	uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
	bool found = false;

	while (!found && head - tail >= sizeof(struct perf_event_header)) {
		struct perf_event_header h;

		copy(r, tail, &h, sizeof(h));
		if (h.size < sizeof(h) ||
		    h.size > head - tail) { /* not what the kernel writes: begin anew */
			r->lost++;
			tail = head;
			break;
		}
		found = take(r, &h, tail, ret, n);
		tail += h.size;
	}
	__atomic_store_n(&r->page->data_tail, tail, __ATOMIC_RELEASE);
	return found;
}
