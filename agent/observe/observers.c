/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/observers.h"

#include <errno.h>
#include <math.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/util.h"

#define MAX_OBSERVERS 4
#define HEAP_SECONDS 0.2
#define MAX_KNOWN 64 /* operations that eBPF told lately */
#define STAMP 1e-6   /* seconds: the uprobes' times are cut to it */

/* An operation that eBPF told. */
struct known_call {
	pid_t pid;
	double at;
};

struct observers {
	struct observer *observer[MAX_OBSERVERS];
	size_t n;
	struct event *batch; /* of eBPF and the uprobes, in one reading */
	size_t n_batch, room;
	struct known_call known[MAX_KNOWN]; /* a ring */
	size_t n_known;
	char notes[256];
	struct loop *loop;
	observed_fn *fn;
	void *arg;
};

struct observers *
observers_new(observed_fn *fn, void *arg)
{
	struct observers *o = xcalloc(1, sizeof(*o));

	o->fn = fn;
	o->arg = arg;
	return o;
}

void
observers_free(struct observers *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		o->observer[i]->ops->close(o->observer[i]);
	free(o->batch);
	free(o);
}

struct delivery {
	struct observers *observers;
	const struct tick *now;
};

static void
deliver(void *arg, const struct event *e)
{
	struct delivery *d = arg;

	d->observers->fn(d->observers->arg, e, d->now);
}

static void
collect(void *arg, const struct event *e)
{
	struct observers *o = arg;

	if (o->n_batch == o->room) {
		o->room = o->room ? o->room * 2 : 64;
		o->batch = xrealloc(o->batch, o->room * sizeof(*o->batch));
	}
	o->batch[o->n_batch++] = *e;
	if (e->kind == EVENT_SHADOW_OP && e->source == SOURCE_BPF)
		o->known[o->n_known++ % MAX_KNOWN] = (struct known_call){e->pid, e->at};
}

/* The kernel keeps few instances of a kretprobe before 6.2, one for each CPU without preemption: while another process
 * is in privcmd_ioctl, eBPF can miss a return (seen in the lab). The uprobes tell it, around the same call. */
static bool
is_missed(const struct observers *o, const struct event *e)
{
	double began = isnan(e->seconds) ? e->at : e->at - e->seconds;

	if (e->kind != EVENT_SHADOW_OP || e->source != SOURCE_UPROBE || o->observer[0]->ops->source != SOURCE_BPF ||
	    began < o->observer[0]->since)
		return false;
	for (size_t i = 0; i < MIN(o->n_known, MAX_KNOWN); i++)
		if (o->known[i].pid == e->pid && o->known[i].at >= began && o->known[i].at <= e->at + STAMP)
			return false;
	return true;
}

static int
by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at) : (int) x->source - (int) y->source;
}

static void
read_one(struct observer *observer, const struct tick *now, event_fn *fn, void *arg)
{
	int r = observer->ops->read(observer, now, fn, arg);

	if (r < 0)
		log_debug("observe", "%s: %s", observer->ops->name, strerror(-r));
}

static bool
tells_calls(const struct observer *o)
{
	return o->ops->source == SOURCE_BPF || o->ops->source == SOURCE_UPROBE;
}

/* eBPF and the uprobes tell the same calls, and one may have missed what the other saw: in the order of time. eBPF is
 * read again at last, so that it has told all that the uprobes can have. */
static void
read_calls(struct observers *o, const struct tick *now)
{
	struct delivery d = {o, now};

	o->n_batch = 0;
	for (size_t i = 0; i < o->n; i++)
		if (tells_calls(o->observer[i]))
			read_one(o->observer[i], now, collect, o);
	if (o->n > 1 && tells_calls(o->observer[1]))
		read_one(o->observer[0], now, collect, o);
	if (o->n_batch > 1)
		qsort(o->batch, o->n_batch, sizeof(*o->batch), by_time);
	for (size_t i = 0; i < o->n_batch; i++) {
		o->batch[i].alone = is_missed(o, &o->batch[i]);
		deliver(&d, &o->batch[i]);
	}
}

/* In the order of their quality: what one saw may need the other's word. */
void
observers_read(struct observers *o, const struct tick *now)
{
	struct delivery d = {o, now};

	read_calls(o, now);
	for (size_t i = 0; i < o->n; i++)
		if (!tells_calls(o->observer[i]))
			read_one(o->observer[i], now, deliver, &d);
}

static void
on_ready(void *arg, uint32_t events, const struct tick *now)
{
	(void) events;
	observers_read(arg, now);
}

/* Where eBPF tells the operations, the uprobes' news are not urgent: a thousand steps of libxc in
 * round 0, each of which would wake the agent. */
static void
on_heap(void *arg, uint32_t events, const struct tick *now)
{
	struct observers *o = arg;

	(void) events;
	observers_read(o, now);
	for (size_t i = 0; i < o->n; i++)
		if (o->observer[i]->ops->source == SOURCE_UPROBE)
			loop_rest(o->loop, o->observer[i]->ops->fd(o->observer[i]), HEAP_SECONDS);
}

uint64_t
observers_lost(const struct observers *o, enum event_source source)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < o->n; i++)
		if (source == SOURCE_NONE || o->observer[i]->ops->source == source)
			lost += o->observer[i]->ops->lost(o->observer[i]);
	return lost;
}

const char *
observers_notes(const struct observers *o)
{
	return o->notes;
}

void
observers_add(struct observers *o, struct migrations *m, struct observer *opened)
{
	int fd;

	/* eBPF, opened before, saw what happened while the uprobes of an earlier agent were
	 * replaced */
	if (opened->ops->source == SOURCE_BPF || opened->ops->source == SOURCE_UPROBE)
		migrations_covered(
		    m, opened->ops->source, opened->continues && o->n ? 0 : opened->since);
	o->observer[o->n++] = opened;
	fd = o->loop ? opened->ops->fd(opened) : -1;
	if (fd >= 0)
		(void) loop_add(o->loop, fd, EPOLLIN,
		    opened->ops->source == SOURCE_UPROBE && o->n > 1 ? on_heap : on_ready, o);
}

/* What opening one of them gave. */
static void
add(struct observers *o, struct migrations *m, int result, struct observer *opened, const char *why)
{
	size_t n = strlen(o->notes);

	if (result >= 0) {
		observers_add(o, m, opened);
		return;
	}
	log_warn("observe", "%s", why);
	(void) snprintf(o->notes + n, sizeof(o->notes) - n, "%s%s", n ? "\n" : "", why);
}

void
observers_open(struct observers *o, const struct config *config, struct migrations *m,
    double last_seen, struct loop *loop)
{
	const char *const logs[] = {config_text(config, OPTION_log_daemon),
	    config_text(config, OPTION_log_xensource), config_text(config, OPTION_log_libvirt)};
	struct observer *opened = NULL;
	const char *why = "";
	struct tick now;
	int r;

	o->loop = loop;
	if (config_bool(config, OPTION_rounds_bpf)) {
		r = rounds_bpf_open(&opened, &why);
		add(o, m, r, opened, why);
	}
	if (config_bool(config, OPTION_rounds_uprobe)) {
		r = rounds_uprobe_open("", &opened, &why);
		add(o, m, r, opened, why);
	}
	if (config_bool(config, OPTION_rounds_log)) {
		r = rounds_log_open(logs, ARRAY_SIZE(logs), last_seen, &opened, &why);
		if (r != -ENOENT) /* plain Xen has none of these logs, and needs none */
			add(o, m, r, opened, why);
	}
	if (config_bool(config, OPTION_process_watch)) {
		r = proc_watch_open("", &opened, &why);
		add(o, m, r, opened, why);
	}
	now = tick_now();
	observers_read(o, &now);
}
