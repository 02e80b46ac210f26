/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tracefollow FILE: the lab's passive follower of Xen's trace buffers. Whoever consumes them does not notice it:
 * it maps them read-only, keeps an index of its own for each CPU, writes no `cons`, binds no VIRQ_TBUF, and asks
 * Xen only where they are. Nothing in it is shared with the agent, and must never be.
 *
 * Waits until the buffers exist, then looks every 50 ms and writes what is new into FILE, as xentrace would: the
 * raw records of a CPU behind a CPU_CHANGE record with its number and their size. A buffer that was made while
 * this runs is followed from its first byte, an older one from where Xen writes now. Ends at SIGTERM, with a
 * line that says whether a CPU was ever a whole buffer ahead (overruns): then records are missing. */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xencall.h>
#include <xenforeignmemory.h>
#include <xen/sysctl.h>
#include <xen/trace.h>
#include <xen/xen.h>

#define LOOK_EVERY 50000 /* us */
#define MAX_CPUS 256
#define PAGE 4096u
#define CPU_CHANGE (2u << TRACE_EXTRA_SHIFT | TRC_TRACE_CPU_CHANGE) /* two words follow */

static xencall_handle *xcall;
static xenforeignmemory_handle *fmem;
static FILE *out;
static volatile sig_atomic_t stopped;

static struct cpu {
	const struct t_buf *buf; /* NULL: this CPU has none */
	uint32_t index;		 /* like Xen's prod: below 2 * room */
	uint64_t bytes;
	unsigned overruns;
} cpus[MAX_CPUS];

static unsigned n_cpus, overruns, looks;
static uint32_t room; /* bytes of records in a buffer */
static uint8_t *copy;

static int
fail(const char *what)
{
	printf("FOLLOW failed: %s: %s\n", what, strerror(errno));
	return -1;
}

static int
sysctl(struct xen_sysctl *s, uint32_t cmd)
{
	struct xen_sysctl *shared = xencall_alloc_buffer(xcall, sizeof *shared);
	int r;

	if (!shared)
		return -1;
	s->cmd = cmd;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	*shared = *s;
	r = xencall1(xcall, __HYPERVISOR_sysctl, (uintptr_t)shared);
	*s = *shared;
	xencall_free_buffer(xcall, shared);
	return r;
}

/* Where the description of the buffers is, without asking for buffers; its size is 0 while there are none. */
static int
where(struct xen_sysctl_tbuf_op *ret)
{
	struct xen_sysctl s;

	memset(&s, 0, sizeof s);
	s.u.tbuf_op.cmd = XEN_SYSCTL_TBUFOP_get_info;
	if (sysctl(&s, XEN_SYSCTL_tbuf_op))
		return fail("get_info");
	*ret = s.u.tbuf_op;
	return 0;
}

static int
count_cpus(void)
{
	struct xen_sysctl s;

	memset(&s, 0, sizeof s);
	if (sysctl(&s, XEN_SYSCTL_physinfo))
		return fail("physinfo");
	n_cpus = s.u.physinfo.max_cpu_id + 1;
	if (n_cpus > MAX_CPUS)
		n_cpus = MAX_CPUS;
	return 0;
}

static const void *
map(const uint32_t *mfn, size_t pages)
{
	xen_pfn_t *frame = calloc(pages, sizeof *frame);
	const void *p;

	if (!frame)
		return NULL;
	for (size_t i = 0; i < pages; i++)
		frame[i] = mfn[i];
	p = xenforeignmemory_map(fmem, DOMID_XEN, PROT_READ, pages, frame, NULL);
	free(frame);
	return p;
}

/* The list of a CPU's frames begins mfn_offset words behind the begin of the description. */
static int
map_buffers(const struct xen_sysctl_tbuf_op *op, int from_begin)
{
	size_t pages = (op->size + PAGE - 1) / PAGE;
	uint32_t *frame = calloc(pages, sizeof *frame);
	const struct t_info *info;

	if (!frame || count_cpus())
		return -1;
	for (size_t i = 0; i < pages; i++)
		frame[i] = (uint32_t)op->buffer_mfn + i;
	info = map(frame, pages);
	free(frame);
	if (!info)
		return fail("mapping the description");
	room = info->tbuf_size * PAGE - sizeof(struct t_buf);
	copy = malloc(room);
	if (!copy)
		return fail("memory");
	for (unsigned i = 0; i < n_cpus; i++) {
		if (!info->mfn_offset[i])
			continue;
		cpus[i].buf = map((const uint32_t *)info + info->mfn_offset[i], info->tbuf_size);
		if (!cpus[i].buf)
			return fail("mapping a buffer");
		cpus[i].index = from_begin ? 0 : *(const volatile uint32_t *)&cpus[i].buf->prod;
	}
	printf("FOLLOW cpus=%u pages=%u from=%s mask=%#x\n", n_cpus, info->tbuf_size,
		from_begin ? "begin" : "now", op->evt_mask);
	return 0;
}

static uint32_t
ahead(const struct cpu *c)
{
	uint32_t prod = *(const volatile uint32_t *)&c->buf->prod;

	__asm__ volatile("" ::: "memory"); /* x86 keeps the order of loads, the compiler has to */
	return (prod + 2 * room - c->index) % (2 * room);
}

/* Copied before it is trusted: when Xen has meanwhile gone a whole buffer further, it wrote over what was read. */
static void
follow(struct cpu *c)
{
	uint32_t n = ahead(c), at = c->index % room, first = n < room - at ? n : room - at;
	const uint8_t *data = (const uint8_t *)(c->buf + 1);
	uint32_t head[3] = {CPU_CHANGE, (uint32_t)(c - cpus), n};

	if (!n)
		return;
	if (n <= room) {
		memcpy(copy, data + at, first);
		memcpy(copy + first, data, n - first);
		__asm__ volatile("" ::: "memory");
	}
	if (n > room || ahead(c) > room) {
		c->overruns++;
		overruns++;
	} else if (fwrite(head, sizeof head, 1, out) != 1 || fwrite(copy, 1, n, out) != n) {
		overruns++;
		fail("write");
	}
	c->index = (c->index + n) % (2 * room);
	c->bytes += n;
}

static void
look(void)
{
	looks++;
	for (unsigned i = 0; i < n_cpus; i++)
		if (cpus[i].buf)
			follow(&cpus[i]);
}

static void
stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/* 1: buffers are there; 0: asked to stop before; -1. waited: whether there were none at first. */
static int
await_buffers(struct xen_sysctl_tbuf_op *op, int *waited)
{
	memset(op, 0, sizeof *op);
	for (*waited = 0; !stopped; *waited = 1) {
		if (where(op))
			return -1;
		if (op->size)
			return 1;
		if (!*waited)
			printf("FOLLOW waits\n");
		usleep(LOOK_EVERY);
	}
	return 0;
}

static void
report(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n_cpus; i++) {
		printf("FOLLOW cpu=%u bytes=%" PRIu64 " overruns=%u\n", i, cpus[i].bytes, cpus[i].overruns);
		bytes += cpus[i].bytes;
	}
	printf("FOLLOW end bytes=%" PRIu64 " overruns=%u looks=%u\n", bytes, overruns, looks);
}

int
main(int argc, char **argv)
{
	struct xen_sysctl_tbuf_op op;
	int waited, r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	if (argc != 2)
		return fprintf(stderr, "usage: tracefollow FILE\n"), 2;
	out = fopen(argv[1], "wb");
	xcall = xencall_open(NULL, 0);
	fmem = xenforeignmemory_open(NULL, 0);
	if (!out || !xcall || !fmem)
		return fail("open"), 1;
	r = await_buffers(&op, &waited);
	if (r > 0 && map_buffers(&op, waited))
		return 1;
	while (r > 0 && !stopped) {
		look();
		usleep(LOOK_EVERY);
	}
	if (r > 0)
		look();
	if (fclose(out)) {
		overruns++;
		fail("close");
	}
	report();
	return r < 0;
}
