/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <linux/perf_event.h>

#include "base/util.h"
#include "observe/bpf_kernel.h"
#include "observe/observer.h"
#include "observe/perf_ring.h"
#include "observe/shadow_program.h"
#include "tests/tap.h"

#define RING_SIZE 4096

/* A ring as the kernel would leave it. */
struct fake {
	struct perf_event_mmap_page page;
	uint8_t data[RING_SIZE];
	struct perf_ring ring;
};

static void
fake_init(struct fake *f, uint64_t at)
{
	memset(f, 0, sizeof(*f));
	f->page.data_head = f->page.data_tail = at;
	f->ring.page = &f->page;
	f->ring.data = f->data;
	f->ring.size = RING_SIZE;
}

static void
put(struct fake *f, const void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		f->data[f->page.data_head++ % RING_SIZE] = ((const uint8_t *) data)[i];
}

static void
put_sample(struct fake *f, const void *data, size_t n)
{
	static const uint8_t zero[8];
	uint32_t size = (uint32_t) (n + 4 + 7) / 8 * 8 - 4;
	struct perf_event_header h = {
	    .type = PERF_RECORD_SAMPLE, .size = (uint16_t) (sizeof(h) + 4 + size)};

	put(f, &h, sizeof(h));
	put(f, &size, sizeof(size));
	put(f, data, n);
	put(f, zero, size - n);
}

static struct shadow_record
clean_record(void)
{
	static const uint32_t head[] = {10, 0x15, 7, 0, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL};
	struct shadow_record r = {
	    .ended = 52211113000, .began = 52210924000, .thread = (265ull << 32) | 266};
	uint64_t pages = 1044480;
	uint32_t dirty = 517;

	memcpy(r.domctl, head, sizeof(head));
	memcpy(r.domctl + 40, &pages, sizeof(pages));
	memcpy(r.domctl + 52, &dirty, sizeof(dirty));
	strcpy(r.comm, "libxl-save-help");
	return r;
}

static void
set_word(struct shadow_record *r, size_t at, uint32_t value)
{
	memcpy(r->domctl + at, &value, sizeof(value));
}

static void
test_record(void)
{
	struct shadow_record r = clean_record();
	struct event e;

	ok(shadow_record_event(&r, &e) == 0, "a record of CLEAN is an event");
	ok(e.kind == EVENT_SHADOW_OP && e.source == SOURCE_BPF && e.op == SHADOW_OP_CLEAN &&
		e.mode == SHADOW_MODE_FINAL,
	    "with its operation and mode");
	ok(e.pid == 265 && strcmp(e.comm, "libxl-save-help") == 0,
	    "of the process, not the thread");
	ok(e.domid == 7 && e.pages == 1044480 && e.dirty == 517 && e.result == 0,
	    "with domain, pages, dirty and result");
	ok(e.at > 52.211112 && e.at < 52.211114 && e.seconds > 0.0001889 && e.seconds < 0.0001891,
	    "and its times");
	set_word(&r, 8, 0xabcd7ff0);
	ok(shadow_record_event(&r, &e) == 0 && e.domid == 0x7ff0, "a domain's number has 16 bits");
	r.result = -16;
	ok(shadow_record_event(&r, &e) == 0 && e.result == -16 && e.dirty == 0 && e.pages == 0,
	    "a failed CLEAN has no count");
	r = clean_record();
	set_word(&r, 16, SHADOW_OP_OFF);
	ok(shadow_record_event(&r, &e) == 0 && e.op == SHADOW_OP_OFF && e.dirty == 0,
	    "OFF has no count");
	memset(r.comm, '\n', sizeof(r.comm));
	ok(shadow_record_event(&r, &e) == 0 && strcmp(e.comm, "???????????????") == 0,
	    "a name is made harmless");
	set_word(&r, 16, SHADOW_OP_PEEK);
	ok(shadow_record_event(&r, &e) == -EBADMSG, "PEEK is not looked for");
	r = clean_record();
	set_word(&r, 0, 11);
	ok(shadow_record_event(&r, &e) == -EBADMSG, "another domctl is refused");
	for (uint32_t cmd = 4; cmd <= 27; cmd += 23) {
		set_word(&r, 0, cmd);
		ok(shadow_record_event(&r, &e) == 0 && e.kind == EVENT_RELEASED && e.domid == 7 && e.op == 0 &&
			e.dirty == 0 && e.at > 52.211112,
		    "%s lets a domain run", cmd == 4 ? "unpausedomain" : "resumedomain");
	}
	for (uint32_t v = 0x12; v <= 0x18; v++) {
		r = clean_record();
		set_word(&r, 4, v);
		ok(shadow_record_event(&r, &e) == 0, "interface version %#x is known", v);
	}
	set_word(&r, 4, 0x11);
	ok(shadow_record_event(&r, &e) == -EPROTO, "an older interface is refused");
	set_word(&r, 4, 0x19);
	ok(shadow_record_event(&r, &e) == -EPROTO, "a newer interface is refused");
}

static void
test_ring(void)
{
	struct shadow_record in = clean_record(), out;
	struct perf_event_header lost = {.type = PERF_RECORD_LOST, .size = sizeof(lost) + 16},
				 other = {.type = PERF_RECORD_THROTTLE, .size = sizeof(other) + 8},
				 broken = {.type = PERF_RECORD_SAMPLE, .size = 4};
	uint64_t number[2] = {1, 3};
	struct fake f;

	fake_init(&f, 0);
	ok(perf_ring_next(&f.ring, &out, sizeof(out)) == 0, "an empty ring gives nothing");
	put_sample(&f, &in, sizeof(in));
	ok(perf_ring_next(&f.ring, &out, sizeof(out)) == 1 && memcmp(&in, &out, sizeof(in)) == 0,
	    "a sample comes whole");
	ok(f.page.data_tail == f.page.data_head, "and the kernel gets its room back");
	for (uint64_t at = RING_SIZE - 160; at < RING_SIZE; at += 8) {
		fake_init(&f, at);
		put_sample(&f, &in, sizeof(in));
		memset(&out, 0, sizeof(out));
		if (perf_ring_next(&f.ring, &out, sizeof(out)) != 1 ||
		    memcmp(&in, &out, sizeof(in)) != 0)
			ok(0, "a sample at %u goes on at the ring's start", (unsigned) at);
	}
	fake_init(&f, UINT64_MAX - 7);
	put(&f, &lost, sizeof(lost));
	put(&f, number, sizeof(number));
	put(&f, &other, sizeof(other));
	put(&f, number, 8);
	put_sample(&f, &in, sizeof(in));
	ok(perf_ring_next(&f.ring, &out, sizeof(out)) == 1 && f.ring.lost == 3,
	    "lost records are counted and others passed over");
	put_sample(&f, &in, 8);
	ok(perf_ring_next(&f.ring, &out, sizeof(out)) == 0 && f.ring.lost == 4,
	    "a short sample counts as lost");
	put(&f, &broken, sizeof(broken));
	put(&f, number, sizeof(number));
	ok(perf_ring_next(&f.ring, &out, sizeof(out)) == 0 && f.ring.lost == 5 &&
		f.page.data_tail == f.page.data_head,
	    "a record of impossible size empties the ring");
}

static void
test_version(void)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	ok(uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
		kernel_version_code() >> 8 == (major << 8 | minor),
	    "the vDSO and uname agree on the kernel: %s", u.release);
}

/* The verifier of the kernel that builds it, if it lets us. */
static void
test_verifier(void)
{
	static const enum shadow_reader readers[] = {READ_USER, READ_ANY};
	struct shadow_maps maps = {
	    .calls = bpf_map_new(BPF_MAP_TYPE_HASH, 8, sizeof(struct shadow_call), 16),
	    .rings = bpf_map_new(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 1),
	    .dropped = bpf_map_new(BPF_MAP_TYPE_ARRAY, 4, 8, 1),
	};
	struct shadow_program p;
	uint64_t value = 5;
	uint32_t index = 0;
	int fd;

	if (maps.dropped < 0) {
		ok(1, "the verifier accepts the programs # SKIP bpf(2): %s",
		    strerror(-maps.dropped));
		return;
	}
	ok(bpf_map_get(maps.dropped, &index, &value) == 0 && value == 0,
	    "the count of dropped operations begins at 0");
	value = 7;
	ok(bpf_map_set(maps.dropped, &index, &value) == 0 &&
		bpf_map_get(maps.dropped, &index, &value) == 0 && value == 7,
	    "a map holds what is put into it");
	index = 1;
	ok(bpf_map_get(maps.dropped, &index, &value) == -ENOENT, "and nothing else");
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		shadow_program_entry(&p, &maps, readers[i]);
		fd = bpf_kprobe_program(p.insn, p.n);
		ok(fd >= 0,
		    "the verifier accepts the entry program of %u instructions, reader %d: %s",
		    (unsigned) p.n, readers[i], strerror(fd < 0 ? -fd : 0));
		closep(&fd);
		shadow_program_return(&p, &maps, readers[i]);
		fd = bpf_kprobe_program(p.insn, p.n);
		ok(fd >= 0,
		    "the verifier accepts the return program of %u instructions, reader %d: %s",
		    (unsigned) p.n, readers[i], strerror(fd < 0 ? -fd : 0));
		closep(&fd);
	}
	ok(bpf_kprobe_program(p.insn, p.n - 1) < 0, "and refuses a program without an end");
	closep(&maps.calls);
	closep(&maps.rings);
	closep(&maps.dropped);
}

static unsigned
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void) closedir(d);
	return n;
}

static void
test_open(void)
{
	struct rlimit before, after;
	unsigned files = open_files();
	struct observer *o = NULL;
	const char *why = NULL;
	int r;

	(void) getrlimit(RLIMIT_MEMLOCK, &before);
	r = rounds_bpf_open(&o, &why);
	if (r == 0) {
		ok(o->ops->fd(o) >= 0 && o->since > 0 && o->ops->lost(o) == 0,
		    "this is a Dom0: the observer works");
		o->ops->close(o);
	} else {
		ok(!o && why && strlen(why) > 20, "without privcmd the reason is said: %s (%s)",
		    why, strerror(-r));
	}
	ok(open_files() == files, "no file is left open");
	(void) getrlimit(RLIMIT_MEMLOCK, &after);
	ok(before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max,
	    "the limit of locked memory is as before");
}

int
main(void)
{
	test_record();
	test_ring();
	test_version();
	test_verifier();
	test_open();
	return done_testing();
}
