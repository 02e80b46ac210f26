/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/perf_event.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/util.h"
#include "observe/bpf_kernel.h"
#include "observe/observer.h"
#include "observe/perf_ring.h"
#include "observe/shadow_program.h"

#define PROBED "privcmd_ioctl"
#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe"
#define ONLINE "/sys/devices/system/cpu/online"
#define POSSIBLE "/sys/devices/system/cpu/possible"
#define MAX_LIST 4096 /* bytes of a list of CPUs */
#define MAX_CPUS 512
#define MAX_CALLS 1024 /* log-dirty operations under way at one time */
#define RING_PAGES 8   /* some 200 operations a CPU */

/* A CPU's ring, and its first event that was not handed over yet. */
struct ring {
	int fd; /* -1: the CPU was offline */
	struct perf_ring perf;
	bool waiting;
	struct event next;
};

struct rounds_bpf {
	struct observer observer;
	struct shadow_maps maps;
	int probe[2]; /* perf events of kprobe and kretprobe */
	int epoll;
	unsigned cpus;
	char *online; /* the kernel's list of CPUs when the rings were opened */
	struct ring *ring;
	uint64_t refused, dropped;
	struct trouble unknown;
};

static void
ring_close(struct ring *ring)
{
	perf_ring_unmap(&ring->perf);
	closep(&ring->fd);
}

static void
done(struct rounds_bpf *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(o->probe); i++)
		closep(&o->probe[i]);
	for (unsigned cpu = 0; o->ring && cpu < o->cpus; cpu++)
		ring_close(&o->ring[cpu]);
	closep(&o->maps.calls);
	closep(&o->maps.rings);
	closep(&o->maps.dropped);
	closep(&o->epoll);
	free(o->online);
	free(o->ring);
	free(o);
}

static void
donep(struct rounds_bpf **o)
{
	if (*o)
		done(*o);
}

static void
bpf_close(struct observer *observer)
{
	done((struct rounds_bpf *) observer);
}

static int
bpf_fd(struct observer *observer)
{
	return ((struct rounds_bpf *) observer)->epoll;
}

static int
perf_open(struct perf_event_attr *attr, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = (int) syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Gives a CPU its ring: opened, mapped, in the map of the program, and waited on. */
static int
ring_open(struct rounds_bpf *o, unsigned cpu)
{
	struct epoll_event wait = {.events = EPOLLIN};
	struct ring *ring = &o->ring[cpu];
	struct perf_event_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_BPF_OUTPUT;
	attr.sample_type = PERF_SAMPLE_RAW;
	attr.sample_period = 1;
	attr.wakeup_events = 1;
	attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED;
	ring->fd = perf_open(&attr, (int) cpu);
	if (ring->fd < 0)
		return ring->fd;
	r = perf_ring_map(&ring->perf, ring->fd, RING_PAGES);
	if (r == 0)
		r = bpf_map_set(o->maps.rings, &cpu, &ring->fd);
	if (r == 0 && ioctl(ring->fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		r = -errno;
	if (r == 0 && epoll_ctl(o->epoll, EPOLL_CTL_ADD, ring->fd, &wait) < 0)
		r = -errno;
	if (r < 0)
		ring_close(ring);
	return r;
}

/* True if its CPU was offline since: the kernel takes the event out of use and leaves it so when the CPU is back. The
 * time that it was enabled stands still then (Linux kernel/events/core.c, __perf_event_exit_context). */
static bool
is_out_of_use(const struct ring *ring)
{
	uint64_t a[2], b[2]; /* count, ns enabled */

	return read(ring->fd, a, sizeof(a)) == sizeof(a) && read(ring->fd, b, sizeof(b)) == sizeof(b) && a[1] == b[1];
}

/* All CPUs that are online and have no ring that works. */
static int
rings_open(struct rounds_bpf *o)
{
	unsigned open = 0;
	int error = -ENODEV;

	for (unsigned cpu = 0; cpu < o->cpus; cpu++) {
		int r = 0;

		if (o->ring[cpu].fd >= 0 && is_out_of_use(&o->ring[cpu]))
			ring_close(&o->ring[cpu]);
		if (o->ring[cpu].fd < 0)
			r = ring_open(o, cpu);
		if (r == 0)
			open++;
		else if (r != -ENODEV)
			error = r;
	}
	return open > 0 ? 0 : error;
}

/* The highest CPU that may ever come, plus one: the file holds a list like "0-3,8-11". */
static unsigned
cpus_possible(void)
{
	_cleanup_(freep) char *text = NULL;
	uint64_t last;
	size_t n;

	if (file_read(POSSIBLE, MAX_LIST, &text, &n) < 0)
		return 1;
	while (n > 0 && (text[n - 1] < '0' || text[n - 1] > '9'))
		text[--n] = '\0';
	while (n > 0 && text[n - 1] >= '0' && text[n - 1] <= '9')
		n--;
	return parse_u64(text + n, 0, MAX_CPUS - 1, &last) < 0 ? MAX_CPUS : (unsigned) last + 1;
}

static bool
refused(int r)
{
	return r == -EPERM || r == -EACCES;
}

static int
maps_open(struct rounds_bpf *o, const char **ret_why)
{
	int r;

	o->maps.calls = r =
	    bpf_map_new(BPF_MAP_TYPE_HASH, sizeof(uint64_t), sizeof(struct shadow_call), MAX_CALLS);
	if (r >= 0)
		o->maps.dropped = r =
		    bpf_map_new(BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(uint64_t), 1);
	if (r >= 0)
		o->maps.rings = r = bpf_map_new(
		    BPF_MAP_TYPE_PERF_EVENT_ARRAY, sizeof(uint32_t), sizeof(uint32_t), o->cpus);
	if (r >= 0)
		return 0;
	*ret_why = r == -ENOSYS ? "the kernel has no bpf(2): it needs CONFIG_BPF_SYSCALL"
		   : refused(r)
		       ? "bpf(2) is refused: run as root with CAP_SYS_ADMIN or CAP_BPF, and "
			 "without kernel lockdown"
		       : "bpf(2) cannot make its maps: see RLIMIT_MEMLOCK and the kernel's log";
	return r;
}

/* Loads one of the programs; read_user is not known before 5.5. -errno. */
static int
program_open(const struct rounds_bpf *o, bool at_return, const char **ret_why)
{
	static const enum shadow_reader readers[] = {READ_USER, READ_ANY};
	struct shadow_program p;
	int r = -EINVAL;

	for (size_t i = 0; i < ARRAY_SIZE(readers) && r < 0; i++) {
		if (at_return)
			shadow_program_return(&p, &o->maps, readers[i]);
		else
			shadow_program_entry(&p, &o->maps, readers[i]);
		r = bpf_kprobe_program(p.insn, p.n);
	}
	if (r < 0)
		*ret_why = r == -EPERM ? "loading an eBPF program is refused: CAP_BPF and "
					 "CAP_PERFMON are missing, or the kernel is locked down"
				       : "the kernel refuses the eBPF program: it needs "
					 "CONFIG_BPF_EVENTS, see the kernel's log";
	return r;
}

/* The number of the kprobe PMU, 4.17. */
static int
kprobe_type(uint32_t *ret)
{
	_cleanup_(freep) char *text = NULL;
	uint64_t type;
	int r = file_read(KPROBE_PMU "/type", 64, &text, NULL);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	r = parse_u64(text, 0, UINT32_MAX, &type);
	if (r == 0)
		*ret = (uint32_t) type;
	return r;
}

static int
probe_open(struct rounds_bpf *o, bool at_return, const char **ret_why)
{
	_cleanup_(closep) int program = program_open(o, at_return, ret_why);
	struct perf_event_attr attr;
	int fd, r;

	if (program < 0)
		return program;
	memset(&attr, 0, sizeof(attr));
	r = kprobe_type(&attr.type);
	if (r < 0) {
		*ret_why = "the kernel has no kprobes for perf (" KPROBE_PMU
			   "): it needs CONFIG_KPROBE_EVENTS and 4.17 or later";
		return r;
	}
	attr.config = at_return; /* format/retprobe: config:0 */
	attr.config1 = (uintptr_t) PROBED;
	fd = perf_open(&attr, 0);
	if (fd < 0) {
		*ret_why = refused(fd)
			       ? "kprobes are refused: CAP_PERFMON is missing, or the kernel is "
				 "locked down"
			       : "there is no function " PROBED
				 " to probe: not a Dom0, or the module xen_privcmd is not loaded";
		return fd == -EINVAL || fd == -EADDRNOTAVAIL ? -ENOENT : fd;
	}
	o->probe[at_return] = fd;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0) {
		r = -errno;
		*ret_why = "an eBPF program cannot be put on the kprobe of " PROBED
			   ": the kernel needs CONFIG_BPF_EVENTS";
		return r;
	}
	return 0;
}

/* The ring's next event that can be told, if any. */
static void
ring_fill(struct rounds_bpf *o, struct ring *ring)
{
	struct shadow_record record;

	while (!ring->waiting && perf_ring_next(&ring->perf, &record, sizeof(record))) {
		int r = shadow_record_event(&record, &ring->next);

		ring->waiting = r == 0;
		if (r == 0)
			continue;
		o->refused++;
		if (r == -EPROTO)
			complain(&o->unknown, "rounds_bpf",
			    "log-dirty operations of an unknown domctl interface are not "
			    "decoded: this version of xenscope knows Xen 4.13 to 4.22");
	}
}

/* Each ring is in order of time; between them the earliest comes first. */
static int
bpf_read(struct observer *observer, const struct tick *now, event_fn *fn, void *arg)
{
	struct rounds_bpf *o = (struct rounds_bpf *) observer;

	(void) now;
	for (;;) {
		struct ring *first = NULL;

		for (unsigned cpu = 0; cpu < o->cpus; cpu++) {
			struct ring *ring = &o->ring[cpu];

			if (ring->fd < 0)
				continue;
			ring_fill(o, ring);
			if (ring->waiting && (!first || ring->next.at < first->next.at))
				first = ring;
		}
		if (!first)
			return 0;
		first->waiting = false;
		fn(arg, &first->next);
	}
}

/* True if other CPUs are online than when this was asked last. */
static bool
cpus_changed(struct rounds_bpf *o)
{
	char *text = NULL;
	bool changed;

	if (file_read(ONLINE, MAX_LIST, &text, NULL) < 0)
		return false;
	changed = !o->online || strcmp(text, o->online) != 0;
	free(o->online);
	o->online = text;
	return changed;
}

/* What the program dropped may be the word of a CPU that was away between two ticks. */
static uint64_t
bpf_lost(struct observer *observer)
{
	struct rounds_bpf *o = (struct rounds_bpf *) observer;
	uint64_t lost = o->refused, dropped = o->dropped;
	uint32_t index = 0;

	(void) bpf_map_get(o->maps.dropped, &index, &dropped);
	if (cpus_changed(o) || dropped != o->dropped)
		(void) rings_open(o);
	o->dropped = dropped;
	for (unsigned cpu = 0; cpu < o->cpus; cpu++)
		lost += o->ring[cpu].perf.lost;
	return lost + o->dropped;
}

static const struct observer_ops bpf_ops = {
    .name = "bpf",
    .source = SOURCE_BPF,
    .fd = bpf_fd,
    .read = bpf_read,
    .lost = bpf_lost,
    .close = bpf_close,
};

int
rounds_bpf_open(struct observer **ret, const char **ret_why)
{
	_cleanup_(donep) struct rounds_bpf *o = xcalloc(1, sizeof(*o));
	struct rounds_bpf *opened;
	int r;

	o->observer.ops = &bpf_ops;
	o->maps.calls = o->maps.rings = o->maps.dropped = o->probe[0] = o->probe[1] = -1;
	o->cpus = cpus_possible();
	o->ring = xcalloc(o->cpus, sizeof(*o->ring));
	for (unsigned cpu = 0; cpu < o->cpus; cpu++)
		o->ring[cpu].fd = -1;
	o->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (o->epoll < 0) {
		*ret_why = "no file descriptor is left for the eBPF rings";
		return -errno;
	}
	r = maps_open(o, ret_why);
	if (r < 0)
		return r;
	(void) cpus_changed(o);
	r = rings_open(o);
	if (r < 0) {
		*ret_why = refused(r) ? "perf_event_open(2) is refused: CAP_PERFMON is missing, or "
					"the kernel is locked down"
				      : "perf_event_open(2) gives no ring for eBPF output: the "
					"kernel needs CONFIG_PERF_EVENTS";
		return r;
	}
	/* The return first: else a call that began between the two would stay in the map. */
	r = probe_open(o, true, ret_why);
	if (r == 0)
		r = probe_open(o, false, ret_why);
	if (r < 0)
		return r;
	o->observer.since = tick_now().mono;
	opened = TAKE_PTR(o);
	*ret = &opened->observer;
	return 0;
}
