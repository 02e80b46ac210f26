/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/trace_buffers.h"

#include <errno.h>
#include <sys/mman.h>
#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#endif
#include <xencall.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xen/trace.h>

#include "base/util.h"
#include "hv/xen_log.h"

/* tb_control of xen/common/trace.c, and what libxc makes of it (xc_tbuf.c). libxc cannot ask for the mask that is in
 * force, so the operation is our own. */

#define PAGE 4096u
#define MAX_CPUS 4096u
#define MAX_INFO (1u << 20) /* bytes of the list of pages, whose offsets are words and have 16 bits */
#define MASK_AT_BOOT 0x0ffff000u /* TRC_ALL, what tracing begins with */
#define NEARLY_FULL 128u      /* bytes: no record is so long */

struct cpu_buffer {
	struct t_buf *meta; /* NULL: this CPU has none */
	xen_pfn_t *frames;  /* of all pages while only the first one is mapped; then NULL */
	uint32_t cons;	    /* ours; what is in the shared page is only written */
	size_t peeked;
};

struct xen_buffers {
	struct trace_buffers b;
	xencall_handle *call;
	xc_interface *xc;
	xenevtchn_handle *events;
	xenforeignmemory_handle *memory;
	struct t_info *info;
	size_t info_pages, pages; /* pages: of each CPU */
	struct cpu_buffer *cpu;
	uint32_t mask;
	bool touched;	  /* the mask or more was changed */
	uint32_t old_mask; /* what was in force before */
	bool was_on;	  /* somebody lets Xen record without reading it */
};

static struct xen_buffers *
of(struct trace_buffers *b)
{
	return (struct xen_buffers *) b;
}

/* The -errno of a library call that failed; never 0. */
static int
failure(void)
{
	return errno > 0 ? -errno : -EIO;
}

/* XEN_SYSCTL_tbuf_op with this command; op is filled with what Xen answers. */
static int
control(xencall_handle *call, uint32_t cmd, struct xen_sysctl_tbuf_op *op)
{
	struct xen_sysctl *s = xencall_alloc_buffer(call, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->cmd = XEN_SYSCTL_tbuf_op;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	s->u.tbuf_op = *op;
	s->u.tbuf_op.cmd = cmd;
	if (xencall1(call, __HYPERVISOR_sysctl, (uint64_t) (uintptr_t) s) < 0)
		r = failure();
	*op = s->u.tbuf_op;
	xencall_free_buffer(call, s);
	return r;
}

static int
command(struct xen_buffers *x, uint32_t cmd)
{
	struct xen_sysctl_tbuf_op op = {.cmd = cmd};

	return control(x->call, cmd, &op);
}

static int
set_mask(struct xen_buffers *x, uint32_t mask)
{
	struct xen_sysctl_tbuf_op op = {.evt_mask = mask};

	return control(x->call, XEN_SYSCTL_TBUFOP_set_evt_mask, &op);
}

/* --- reading --- */

static size_t
data_bytes(const struct xen_buffers *x)
{
	return x->pages * PAGE - sizeof(struct t_buf);
}

/* Both indices count modulo twice the size. What is not possible is 0 bytes. */
static size_t
waiting(const struct xen_buffers *x, const struct cpu_buffer *c, uint32_t prod)
{
	uint32_t twice = (uint32_t) (2 * data_bytes(x)), n;

	if (prod >= twice || c->cons >= twice)
		return 0;
	n = prod >= c->cons ? prod - c->cons : prod + (twice - c->cons);
	return n > data_bytes(x) ? 0 : n;
}

/* Frames of memory that belongs to Xen itself; NULL with errno. */
static void *
map(struct xen_buffers *x, const xen_pfn_t *frames, size_t n, int prot)
{
	return xenforeignmemory_map(x->memory, DOMID_XEN, prot, n, frames, NULL);
}

/* All of a buffer, at its first reading: to let Xen record its indices are enough, and a migration may track the guest
 * before some thousand pages are mapped. */
static bool
map_whole(struct xen_buffers *x, struct cpu_buffer *c)
{
	struct t_buf *whole;

	if (!c->frames)
		return true;
	whole = map(x, c->frames, x->pages, PROT_READ | PROT_WRITE);
	if (!whole) {
		x->b.blind = true;
		return false;
	}
	(void) xenforeignmemory_unmap(x->memory, c->meta, 1);
	c->meta = whole;
	free(TAKE_PTR(c->frames));
	return true;
}

static uint32_t
produced(const struct cpu_buffer *c)
{
	return __atomic_load_n(&c->meta->prod, __ATOMIC_ACQUIRE);
}

static size_t
xen_peek(struct trace_buffers *b, unsigned cpu, const uint8_t **ret)
{
	struct xen_buffers *x = of(b);
	struct cpu_buffer *c;
	size_t n, at;

	if (cpu >= b->cpus || !x->cpu[cpu].meta || !map_whole(x, &x->cpu[cpu]))
		return 0;
	c = &x->cpu[cpu];
	n = waiting(x, c, produced(c));
	at = c->cons % data_bytes(x);
	*ret = (const uint8_t *) (c->meta + 1) + at;
	c->peeked = MIN(n, data_bytes(x) - at);
	return c->peeked;
}

static void
give_back(struct cpu_buffer *c, uint32_t cons)
{
	c->cons = cons;
	c->peeked = 0;
	__atomic_store_n(&c->meta->cons, cons, __ATOMIC_RELEASE);
}

static void
xen_take(struct trace_buffers *b, unsigned cpu, size_t n)
{
	struct xen_buffers *x = of(b);
	struct cpu_buffer *c = cpu < b->cpus ? &x->cpu[cpu] : NULL;

	if (c && c->meta && n <= c->peeked)
		give_back(c, (uint32_t) ((c->cons + n) % (2 * data_bytes(x))));
}

/* Each time the mask too: a second xentrace sets its own before it finds that it cannot be the consumer. */
static int
xen_start(struct trace_buffers *b)
{
	struct xen_buffers *x = of(b);
	int r = set_mask(x, x->mask);

	for (unsigned i = 0; i < b->cpus; i++)
		if (x->cpu[i].meta)
			give_back(&x->cpu[i], produced(&x->cpu[i]) % (uint32_t) (2 * data_bytes(x)));
	return r < 0 ? r : command(x, XEN_SYSCTL_TBUFOP_enable);
}

static void
xen_stop(struct trace_buffers *b)
{
	(void) command(of(b), XEN_SYSCTL_TBUFOP_disable);
}

static int
xen_fd(struct trace_buffers *b)
{
	return xenevtchn_fd(of(b)->events);
}

static void
xen_woken(struct trace_buffers *b)
{
	struct xen_buffers *x = of(b);
	int port = xenevtchn_pending(x->events);

	if (port >= 0)
		(void) xenevtchn_unmask(x->events, (evtchn_port_t) port);
}

/* As it was found. Closing the event channel's device unbinds VIRQ_TBUF, so that comes last. */
static void
xen_close(struct trace_buffers *b)
{
	struct xen_buffers *x = of(b);

	if (x->touched) {
		(void) command(x, XEN_SYSCTL_TBUFOP_disable);
		(void) set_mask(x, x->old_mask);
		if (x->was_on)
			(void) command(x, XEN_SYSCTL_TBUFOP_enable);
	}
	for (unsigned i = 0; x->cpu && i < b->cpus; i++) {
		if (x->cpu[i].meta)
			(void) xenforeignmemory_unmap(x->memory, x->cpu[i].meta, x->cpu[i].frames ? 1 : x->pages);
		free(x->cpu[i].frames);
	}
	if (x->info)
		(void) xenforeignmemory_unmap(x->memory, x->info, x->info_pages);
	free(x->cpu);
	if (x->memory)
		(void) xenforeignmemory_close(x->memory);
	if (x->xc)
		(void) xc_interface_close(x->xc);
	if (x->events)
		(void) xenevtchn_close(x->events);
	if (x->call)
		(void) xencall_close(x->call);
	free(x);
}

/* --- opening --- */

static const struct trace_buffers_ops xen_ops = {
    .start = xen_start,
    .stop = xen_stop,
    .peek = xen_peek,
    .take = xen_take,
    .fd = xen_fd,
    .woken = xen_woken,
    .close = xen_close,
};

static bool
amd(void)
{
#if defined __x86_64__ || defined __i386__
	unsigned a, b, c, d;

	return __get_cpuid(0, &a, &b, &c, &d) &&
	    (b == signature_AMD_ebx || b == 0x6f677948 /* "HygonGenuine", which old headers lack */);
#else
	return false;
#endif
}

static int
fail(const char **ret_why, int error, const char *why)
{
	*ret_why = why;
	return error;
}

static int
open_devices(struct xen_buffers *x, const char **ret_why)
{
	x->call = xencall_open(xen_log(), 0);
	x->xc = x->call ? xc_interface_open(xen_log(), xen_log(), 0) : NULL;
	x->memory = x->xc ? xenforeignmemory_open(xen_log(), 0) : NULL;
	if (!x->memory)
		return fail(ret_why, failure(),
		    "Xen's trace cannot be read, since /dev/xen/privcmd cannot be opened: run as root in Dom0");
	x->events = xenevtchn_open(xen_log(), 0);
	if (!x->events)
		return fail(ret_why, failure(),
		    "Xen's trace cannot be read, since /dev/xen/evtchn cannot be opened: load the module xen-evtchn, "
		    "or allow the device in the service's unit");
	return 0;
}

/* The lock among consumers: Dom0 can bind this VIRQ once. */
static int
lock(struct xen_buffers *x, const char **ret_why)
{
	int r;

	if (xenevtchn_bind_virq(x->events, VIRQ_TBUF) >= 0)
		return 0;
	r = failure();
	if (r == -EEXIST || r == -EBUSY)
		return fail(ret_why, -EBUSY,
		    "Another program reads Xen's trace buffers (xentrace?), so what tracking costs is not measured: "
		    "end it, and the next migration is traced");
	return fail(ret_why, r, "Xen's trace cannot be read, since VIRQ_TBUF cannot be bound: only Dom0 can");
}

static int
ask(struct xen_buffers *x, struct xen_sysctl_tbuf_op *info, const char **ret_why)
{
	int r;

	memset(info, 0, sizeof(*info));
	r = control(x->call, XEN_SYSCTL_TBUFOP_get_info, info);
	if (r == -ENODEV || r == -ENOSYS || r == -EOPNOTSUPP)
		return fail(ret_why, -ENOSYS,
		    "This Xen was built without tracing (CONFIG_TRACEBUFFER), so what tracking costs cannot be "
		    "measured: only a Xen with it can");
	if (r < 0)
		return fail(ret_why, r,
		    "Xen refuses to tell of its trace buffers, so what tracking costs cannot be measured: is this "
		    "Dom0, and does a security policy (XSM) forbid it tbufcontrol?");
	return 0;
}

/* Xen begins to record everything as soon as there are buffers: the mask is set before. */
static int
allocate(struct xen_buffers *x, size_t pages, struct xen_sysctl_tbuf_op *info, const char **ret_why)
{
	struct xen_sysctl_tbuf_op op = {.size = (uint32_t) pages};
	int r;

	x->touched = true;
	r = set_mask(x, x->mask);
	if (r == 0)
		r = control(x->call, XEN_SYSCTL_TBUFOP_set_size, &op);
	if (r == 0)
		r = command(x, XEN_SYSCTL_TBUFOP_disable);
	if (r == 0)
		return ask(x, info, ret_why);
	if (r == -ENOMEM)
		return fail(ret_why, r,
		    "Xen has no memory left for its trace buffers: make trace_pages smaller, or free memory of the "
		    "host");
	return fail(ret_why, r, "Xen does not make trace buffers of this size: make trace_pages smaller");
}

static int
map_info(struct xen_buffers *x, const struct xen_sysctl_tbuf_op *info)
{
	_cleanup_(freep) xen_pfn_t *frames = NULL;

	if (info->size < PAGE || info->size > MAX_INFO || info->size % PAGE)
		return -EPROTO;
	x->info_pages = info->size / PAGE;
	frames = xcalloc(x->info_pages, sizeof(*frames));
	for (size_t i = 0; i < x->info_pages; i++)
		frames[i] = info->buffer_mfn + i;
	x->info = map(x, frames, x->info_pages, PROT_READ);
	return x->info ? 0 : failure();
}

/* The offset counts in words of 32 bits from the beginning of t_info. */
static int
map_cpu(struct xen_buffers *x, unsigned cpu)
{
	size_t bytes = x->info_pages * PAGE, offset;
	struct cpu_buffer *c = &x->cpu[cpu];

	if (offsetof(struct t_info, mfn_offset) + (cpu + 1) * sizeof(x->info->mfn_offset[0]) > bytes)
		return -EPROTO;
	offset = x->info->mfn_offset[cpu];
	if (offset == 0)
		return 0;
	if ((offset + x->pages) * sizeof(uint32_t) > bytes)
		return -EPROTO;
	c->frames = xcalloc(x->pages, sizeof(*c->frames));
	for (size_t i = 0; i < x->pages; i++)
		c->frames[i] = ((const uint32_t *) x->info)[offset + i];
	c->meta = map(x, c->frames, 1, PROT_READ | PROT_WRITE);
	if (!c->meta)
		return failure();
	c->cons = c->meta->cons;
	return 0;
}

static int
map_all(struct xen_buffers *x, const struct xen_sysctl_tbuf_op *info)
{
	unsigned with = 0;
	xc_physinfo_t physinfo;
	int r;

	memset(&physinfo, 0, sizeof(physinfo));
	if (xc_physinfo(x->xc, &physinfo) < 0)
		return failure();
	r = map_info(x, info);
	if (r < 0)
		return r;
	x->pages = x->info->tbuf_size;
	if (x->pages == 0)
		return -EPROTO;
	x->b.cpus = MIN(physinfo.max_cpu_id + 1, MAX_CPUS);
	x->b.cpu_bytes = data_bytes(x);
	x->cpu = xcalloc(x->b.cpus, sizeof(*x->cpu));
	for (unsigned i = 0; i < x->b.cpus; i++) {
		r = map_cpu(x, i);
		if (r < 0)
			return r;
		with += x->cpu[i].meta != NULL;
	}
	x->b.blind = with < physinfo.nr_cpus;
	return 0;
}

/* Xen does not tell whether it records. It does if it has filled a buffer that nobody empties, or if the many
 * hypercalls of the mapping have left a trace. */
static bool
records(const struct xen_buffers *x, const uint32_t *before)
{
	for (unsigned i = 0; i < x->b.cpus; i++)
		if (x->cpu[i].meta &&
		    (produced(&x->cpu[i]) != before[i] ||
			waiting(x, &x->cpu[i], before[i]) + NEARLY_FULL > data_bytes(x)))
			return true;
	return false;
}

/* Buffers that somebody else made: their size counts, and what he had set is put back at the end. */
static void
honour(struct xen_buffers *x, const struct xen_sysctl_tbuf_op *info)
{
	_cleanup_(freep) uint32_t *before = xcalloc(x->b.cpus, sizeof(*before));
	struct xen_sysctl_tbuf_op again;
	const char *why;

	for (unsigned i = 0; i < x->b.cpus; i++)
		before[i] = x->cpu[i].meta ? produced(&x->cpu[i]) : 0;
	for (int i = 0; i < 8; i++)
		(void) ask(x, &again, &why);
	x->was_on = info->evt_mask != x->mask && records(x, before);
	x->touched = true;
}

/* A mask of CPUs that somebody set cannot be asked for, and would leave exits out. */
static int
trace_all_cpus(struct xen_buffers *x)
{
	_cleanup_(freep) uint8_t *cpus = xc_cpumap_alloc(x->xc);
	int n = xc_get_cpumap_size(x->xc);

	if (!cpus || n <= 0)
		return failure();
	memset(cpus, 0xff, (size_t) n);
	return xc_tbuf_set_cpu_mask(x->xc, cpus) < 0 ? failure() : 0;
}

static int
open_buffers(struct xen_buffers *x, size_t pages, const char **ret_why)
{
	struct xen_sysctl_tbuf_op info;
	int r = open_devices(x, ret_why);
	bool there;

	if (r == 0)
		r = lock(x, ret_why);
	if (r == 0)
		r = ask(x, &info, ret_why);
	if (r < 0)
		return r;
	there = info.size > 0;
	x->old_mask = info.evt_mask != x->mask ? info.evt_mask : MASK_AT_BOOT; /* else of an agent that was killed */
	if (!there)
		r = allocate(x, pages, &info, ret_why);
	if (r < 0)
		return r;
	r = map_all(x, &info);
	if (r == 0 && there)
		honour(x, &info);
	if (r == 0)
		r = trace_all_cpus(x);
	return r < 0 ? fail(ret_why, r, "Xen's trace buffers cannot be mapped, so what tracking costs is not measured: "
					"does the kernel's privcmd still allow Dom0 to map memory of Xen?")
		     : command(x, XEN_SYSCTL_TBUFOP_disable);
}

int
trace_buffers_xen_open(uint32_t mask, size_t pages, struct trace_buffers **ret, const char **ret_why)
{
	struct xen_buffers *x = xcalloc(1, sizeof(*x));
	int r;

	x->b.ops = &xen_ops;
	x->b.svm = amd();
	x->mask = mask;
	*ret_why = "Xen does not stop its trace when it is told to, so it is not read: set trace = no";
	r = open_buffers(x, pages, ret_why);
	if (r < 0) {
		xen_close(&x->b);
		return r;
	}
	*ret = &x->b;
	return 0;
}

void
trace_buffers_xen_settle(uint32_t mask)
{
	struct xen_buffers *x = xcalloc(1, sizeof(*x));
	struct xen_sysctl_tbuf_op info;
	const char *why;

	x->old_mask = MASK_AT_BOOT;
	x->touched = open_devices(x, &why) == 0 && lock(x, &why) == 0 && ask(x, &info, &why) == 0 &&
	    info.size > 0 && info.evt_mask == mask;
	xen_close(&x->b);
}
