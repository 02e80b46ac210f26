/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eBPF and uprobes that tell the same calls, one of which missed some. */
#include <config.h>

#include "observe/observers.h"
#include "tests/tap.h"
#include "tests/unit/world.h"

#define MAX_SEEN 32

struct made {
	struct observer o;
	struct event event[16];
	size_t n;
	struct made *then; /* this one gets late in while we are read */
	struct event late;
	bool has_late;
};

static struct event seen[MAX_SEEN];
static size_t n_seen;

static int
made_fd(struct observer *o)
{
	(void) o;
	return -1;
}

static int
made_read(struct observer *o, const struct tick *now, event_fn *fn, void *arg)
{
	struct made *x = (struct made *) o;

	(void) now;
	for (size_t i = 0; i < x->n; i++)
		fn(arg, &x->event[i]);
	x->n = 0;
	if (x->has_late) {
		x->then->event[x->then->n++] = x->late;
		x->has_late = false;
	}
	return 0;
}

static uint64_t
made_lost(struct observer *o)
{
	(void) o;
	return 0;
}

static void
made_close(struct observer *o)
{
	(void) o;
}

static const struct observer_ops bpf_ops = {"bpf", SOURCE_BPF, made_fd, made_read, made_lost, made_close};
static const struct observer_ops uprobe_ops = {"uprobe", SOURCE_UPROBE, made_fd, made_read, made_lost, made_close};

static struct made ebpf, uprobes;
static struct world w;

static void
on_event(void *arg, const struct event *e, const struct tick *now)
{
	(void) arg;
	(void) now;
	if (n_seen < MAX_SEEN)
		seen[n_seen++] = *e;
	send(&w, *e);
}

/* The same call as both see it: libxc's function is around the hypercall. */
static void
told(struct made *x, double at, uint32_t op, uint32_t dirty)
{
	struct event e = bpf(at, 100, 1, op, 0, dirty);

	if (x == &uprobes) {
		e.source = SOURCE_UPROBE;
		e.at += 0.001;
		e.seconds = 0.002;
		e.result = op == SHADOW_OP_CLEAN ? FRAMES : 0;
	}
	x->event[x->n++] = e;
}

static void
both(double at, uint32_t op, uint32_t dirty)
{
	told(&ebpf, at, op, dirty);
	told(&uprobes, at, op, dirty);
}

int
main(void)
{
	struct observers *o = observers_new(on_event, NULL);
	const struct tick now = {.mono = 60, .real = 60 + EPOCH};

	world_init(&w);
	ebpf.o = (struct observer){.ops = &bpf_ops, .since = 10};
	uprobes.o = (struct observer){.ops = &uprobe_ops, .since = 10};
	observers_add(o, w.m, &ebpf.o);
	observers_add(o, w.m, &uprobes.o);
	tick(&w, 40, A1);

	both(41, SHADOW_OP_ENABLE_LOGDIRTY, 0);
	both(42, SHADOW_OP_CLEAN, 4000);
	told(&uprobes, 43, SHADOW_OP_CLEAN, 900); /* eBPF missed its return */
	both(44, SHADOW_OP_CLEAN, 300);
	observers_read(o, &now);
	ok(n_seen == 7 && seen[4].at < seen[5].at, "what both tell comes in the order of time");
	ok(seen[4].source == SOURCE_UPROBE && seen[4].alone && !seen[3].alone && !seen[6].alone,
	    "a call that only the lesser one saw is marked");
	ok(w.last.n_rounds == 4 && w.last.round[0].pages_dirtied == 4000 && w.last.round[1].pages_dirtied == 900 &&
		w.last.round[2].pages_dirtied == 300,
	    "and counts: no round is lost");
	ok(w.last.rounds_source == SOURCE_BPF, "the others are the better one's");

	/* it returns after eBPF was read and before the uprobes are */
	told(&ebpf, 45, SHADOW_OP_CLEAN, 200);
	uprobes.then = &ebpf;
	uprobes.late = ebpf.event[--ebpf.n];
	uprobes.has_late = true;
	told(&uprobes, 45, SHADOW_OP_CLEAN, 200);
	n_seen = 0;
	observers_read(o, &now);
	ok(n_seen == 2 && seen[0].source == SOURCE_BPF && !seen[1].alone && w.last.n_rounds == 5,
	    "one that comes between the two readings is not taken for missed");

	/* the uprobes are read later than eBPF */
	told(&ebpf, 46, SHADOW_OP_CLEAN, 60);
	observers_read(o, &now);
	told(&uprobes, 46, SHADOW_OP_CLEAN, 60);
	n_seen = 0;
	observers_read(o, &now);
	ok(n_seen == 1 && !seen[0].alone && w.last.n_rounds == 6, "nor is one that was told in another reading");

	/* Xen's clock stood still for it, as where it is ahead on another CPU; the uprobes' stamps have no nanoseconds */
	told(&ebpf, 47.0000009, SHADOW_OP_CLEAN, 50);
	ebpf.event[0].seconds = 0;
	told(&uprobes, 47, SHADOW_OP_CLEAN, 50);
	uprobes.event[0].at = 47;
	uprobes.event[0].seconds = 0;
	n_seen = 0;
	observers_read(o, &now);
	ok(n_seen == 2 && !seen[0].alone && w.last.n_rounds == 7, "nor is one in the same microsecond");
	observers_free(o);
	world_done(&w);
	return done_testing();
}
