/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/observers.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/util.h"

#define MAX_OBSERVERS 4
#define HEAP_SECONDS 0.2

struct observers {
	struct observer *observer[MAX_OBSERVERS];
	size_t n;
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

/* In the order of their quality: what one saw may need the other's word. */
void
observers_read(struct observers *o, const struct tick *now)
{
	struct delivery d = {o, now};

	for (size_t i = 0; i < o->n; i++) {
		int r = o->observer[i]->ops->read(o->observer[i], now, deliver, &d);

		if (r < 0)
			log_debug("observe", "%s: %s", o->observer[i]->ops->name, strerror(-r));
	}
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

/* What opening one of them gave. */
static void
add(struct observers *o, struct migrations *m, int result, struct observer *opened, const char *why)
{
	size_t n = strlen(o->notes);
	int fd;

	if (result < 0) {
		log_warn("observe", "%s", why);
		(void) snprintf(o->notes + n, sizeof(o->notes) - n, "%s%s", n ? "\n" : "", why);
		return;
	}
	/* eBPF, opened before, saw what happened while the uprobes of an earlier agent were
	 * replaced */
	if (opened->ops->source == SOURCE_BPF || opened->ops->source == SOURCE_UPROBE)
		migrations_covered(
		    m, opened->ops->source, opened->continues && o->n ? 0 : opened->since);
	o->observer[o->n++] = opened;
	fd = opened->ops->fd(opened);
	if (fd >= 0)
		(void) loop_add(o->loop, fd, EPOLLIN,
		    opened->ops->source == SOURCE_UPROBE && o->n > 1 ? on_heap : on_ready, o);
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
