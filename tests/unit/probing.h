/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host on which probes run: a made hypervisor, the state machine, a kernel's probe that shows all
 * operations, and time that stands still until a test moves it. */
#ifndef PROBING_H
#define PROBING_H

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/util.h"
#include "probe/changes.h"
#include "probe/guard.h"
#include "probe/probe.h"
#include "tests/fake_hv.h"
#include "tests/tap.h"

#define GUEST 1u
#define OTHER 265 /* the pid of another program that tracks domains */
#define EPOCH 1793870000.0
#define MAX_QUEUED 16

struct probing {
	char dir[64];
	struct config config;
	struct fake_hv *fake;
	struct migrations *m;
	struct probe_hooks hooks;
	struct guard *guard;
	struct probe *probe;
	struct guest_id guest;

	struct event queued[MAX_QUEUED]; /* what the kernel's probe has seen and nobody has read */
	size_t n_queued;
	uint64_t lost;
	bool blind; /* it does not see the agent's own */
	bool left_on;
	int follows; /* on less off */
	unsigned followed;

	unsigned begun, intervals, yields, ended;
	int64_t pages;
	struct probe_news last;
	char text[WHY_SIZE];
	char why[WHY_SIZE];

	struct migration_record record; /* the newest that was told of, a copy */
	unsigned records_ended;

	/* another program that acts in the middle of a call: before or after the op-th of this kind
	 */
	void (*meanwhile)(struct probing *x);
	enum hv_logdirty at;
	bool before;
};

static struct probing *host; /* for the clock, which has no argument */
static double host_time;

static struct tick
probing_clock(void)
{
	return (struct tick){.mono = host_time, .real = host_time + EPOCH};
}

static void
queue(struct probing *x, struct event e)
{
	if (x->n_queued < MAX_QUEUED)
		x->queued[x->n_queued++] = e;
}

static struct event
operation(uint32_t domid, uint32_t op, int64_t result)
{
	return (struct event){.kind = EVENT_SHADOW_OP,
	    .source = SOURCE_BPF,
	    .at = host_time,
	    .seconds = 1e-4,
	    .pid = OTHER,
	    .domid = domid,
	    .op = op,
	    .result = result,
	    .comm = "libxl-save-help"};
}

/* What the agent does with an event. */
static void
hand_over(struct probing *x, const struct event *e)
{
	const struct tick now = probing_clock();

	migrations_event(x->m, e, &now);
	if (x->guard)
		guard_event(x->guard, e);
	if (x->probe)
		probe_event(x->probe, e);
}

static void
probing_look(void *arg)
{
	struct probing *x = arg;

	while (x->n_queued) {
		struct event e = x->queued[0];

		memmove(x->queued, x->queued + 1, --x->n_queued * sizeof(e));
		hand_over(x, &e);
	}
}

static uint64_t
probing_lost(void *arg)
{
	return ((struct probing *) arg)->lost;
}

static void
probing_follow(void *arg, uint32_t domid, bool on, const struct tick *now)
{
	struct probing *x = arg;

	(void) now;
	x->follows += on ? 1 : -1;
	x->followed += on && domid == GUEST;
}

static bool
probing_left_on(void *arg, const struct guest_id *guest)
{
	(void) guest;
	return ((struct probing *) arg)->left_on;
}

/* Xen did it, and the kernel's probe shows it. */
static void
on_logdirty(void *arg, uint32_t domid, enum hv_logdirty op, int result)
{
	struct probing *x = arg;
	struct event e = operation(
	    domid, op == HV_LOGDIRTY_ENABLE ? SHADOW_OP_ENABLE_LOGDIRTY : SHADOW_OP_OFF, result);

	e.pid = getpid();
	str_copy(e.comm, sizeof(e.comm), "xenscoped");
	if (!x->blind)
		queue(x, e);
	if (x->meanwhile && !x->before && op == x->at && domid == GUEST)
		x->meanwhile(x);
}

static void
before_logdirty(void *arg, uint32_t domid, enum hv_logdirty op)
{
	struct probing *x = arg;

	if (x->meanwhile && x->before && op == x->at && domid == GUEST)
		x->meanwhile(x);
}

/* Another program turns tracking on, as libxc does it, and is seen. */
static void __attribute__((unused)) other_enables(struct probing *x)
{
	struct fake_domain *d = fake_hv_domain(x->fake, GUEST);

	if (d->tracked) {
		queue(x, operation(GUEST, SHADOW_OP_ENABLE_LOGDIRTY, -EINVAL));
		queue(x, operation(GUEST, SHADOW_OP_OFF, 0));
	}
	d->tracked = true;
	queue(x, operation(GUEST, SHADOW_OP_ENABLE_LOGDIRTY, 0));
}

static void
on_news(void *arg, const struct probe_news *news)
{
	struct probing *x = arg;

	x->begun += news->stage == PROBE_BEGUN;
	x->intervals += news->stage == PROBE_INTERVAL;
	x->yields += news->stage == PROBE_YIELDS;
	x->ended += news->stage == PROBE_ENDED;
	if (news->stage == PROBE_INTERVAL)
		x->pages += news->pages;
	x->last = *news;
	str_copy(x->text, sizeof(x->text), news->text ? news->text : "");
}

static void
on_record(void *arg, enum record_change change, const struct migration_record *r,
    const struct round *round)
{
	struct probing *x = arg;

	(void) round;
	if (r->direction != DIRECTION_PROBE)
		return;
	x->records_ended += change == RECORD_ENDED;
	record_done(&x->record);
	record_copy(&x->record, r);
}

/* A tick: what the state machine knows of the domains. */
static void
probing_tick(struct probing *x)
{
	const struct tick now = probing_clock();
	struct sample *s = sample_new(&now);

	str_copy(s->host.cpu_model, sizeof(s->host.cpu_model), x->fake->cpu_model);
	str_copy(s->host.boot_id, sizeof(s->host.boot_id), x->fake->boot_id);
	s->features.pml.state = PML_IN_USE;
	s->features.hap = YES;
	for (size_t i = 0; i < x->fake->n_domains; i++) {
		struct sample_domain *d = sample_add_domain(s);

		d->domid = x->fake->domain[i].d.domid;
		d->kind = DOMAIN_PVH;
		uuid_format(x->fake->domain[i].d.uuid, d->uuid);
		str_copy(d->name, sizeof(d->name), x->fake->domain[i].name);
		str_copy(d->state, sizeof(d->state), "blocked");
		d->value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = 128 << 20;
	}
	migrations_tick(x->m, s);
	sample_free(s);
	x->hooks.look(x);
	if (x->probe)
		probe_step(x->probe);
}

static void __attribute__((unused)) pass(struct probing *x, double seconds)
{
	host_time += seconds;
	probe_step(x->probe);
}

/* The agent begins, on the host as it is. */
static void
agent_begins(struct probing *x)
{
	x->m = migrations_new(on_record, x);
	migrations_covered(x->m, SOURCE_BPF, host_time);
	x->hooks.migrations = x->m;
	x->guard = guard_new(&x->hooks);
	guard_set_hv(x->guard, &x->fake->hv);
	x->probe = probe_new(&x->config, &x->hooks, x->guard, NULL, on_news, x);
	probe_set_hv(x->probe, &x->fake->hv);
	probing_tick(x);
}

static void
agent_ends(struct probing *x)
{
	probe_free(TAKE_PTR(x->probe));
	guard_free(TAKE_PTR(x->guard));
	migrations_free(TAKE_PTR(x->m));
}

/* Killed: nothing is undone. What a crash leaves in memory is given back here all the same. */
static void __attribute__((unused)) agent_crashes(struct probing *x)
{
	_cleanup_(freep) char *path = xasprintf("%s/probe.state", x->dir), *text = NULL;
	bool there = file_read(path, 4096, &text, NULL) == 0, tracked;
	struct fake_domain *d = fake_hv_domain(x->fake, GUEST);
	FILE *f;

	tracked = d && d->tracked;
	agent_ends(x);
	d = fake_hv_domain(x->fake, GUEST);
	if (d)
		d->tracked = tracked;
	f = there ? fopen(path, "w") : NULL;
	if (f) {
		(void) fputs(text, f);
		(void) fclose(f);
	} else {
		(void) unlink(path);
	}
	x->n_queued = 0;
}

static void
probing_init(struct probing *x)
{
	_cleanup_(freep) char *proc = NULL;

	memset(x, 0, sizeof(*x));
	host = x;
	host_time = 1000;
#ifdef PROBING_DIR
	str_copy(x->dir, sizeof(x->dir), PROBING_DIR);
#else /* its files are synced, which takes its time on a disk */
	str_copy(x->dir, sizeof(x->dir),
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm/xenscope-probe.XXXXXX"
					  : "/tmp/xenscope-probe.XXXXXX");
#endif
	if (!mkdtemp(x->dir))
		abort();
	proc = xasprintf("%s/proc", x->dir);
	(void) mkdir(proc, 0755);
	config_init(&x->config);
	(void) config_set(&x->config, "state_dir", x->dir);
	(void) config_set(&x->config, "probe", "unsafe-without-lock");
	record_init(&x->record);
	x->fake = fake_hv_new();
	(void) fake_hv_add(x->fake, 0);
	(void) fake_hv_add(x->fake, GUEST);
	fake_hv_domain(x->fake, GUEST)->dirty = 5000; /* of an earlier tracking */
	fake_hv_domain(x->fake, GUEST)->dirty_each_peek = 100;
	x->fake->on_logdirty = on_logdirty;
	x->fake->before_logdirty = before_logdirty;
	x->fake->logdirty_arg = x;
	x->hooks = (struct probe_hooks){.arg = x,
	    .look = probing_look,
	    .lost = probing_lost,
	    .follow = probing_follow,
	    .left_on = probing_left_on,
	    .clock = probing_clock,
	    .root = x->dir};
	agent_begins(x);
	(void) migrations_find(x->m, "vm-1", &x->guest);
}

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void) st, (void) kind, (void) f;
	return remove(path);
}

static void
probing_done(struct probing *x)
{
	agent_ends(x);
	config_done(&x->config);
	record_done(&x->record);
	x->fake->hv.ops->close(&x->fake->hv);
	(void) nftw(x->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static int __attribute__((unused)) start(struct probing *x, double seconds)
{
	x->why[0] = '\0';
	return probe_start(x->probe, &x->guest, seconds, x->why, sizeof(x->why));
}

static bool __attribute__((unused)) tracked(const struct probing *x)
{
	return fake_hv_domain(x->fake, GUEST)->tracked;
}

static unsigned __attribute__((unused)) offs(const struct probing *x)
{
	return fake_hv_domain(x->fake, GUEST)->offs;
}

static bool __attribute__((unused)) has_file(const struct probing *x)
{
	_cleanup_(freep) char *path = xasprintf("%s/probe.state", x->dir);

	return access(path, F_OK) == 0;
}

static void __attribute__((unused))
put_file(const struct probing *x, const char *name, const char *text, mode_t mode)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", x->dir, name), *dir = xstrdup(path);
	FILE *f;

	*strrchr(dir, '/') = '\0';
	(void) mkdir_parents(dir, 0755);
	f = fopen(path, "w");
	if (!f || fwrite(text, 1, strlen(text), f) != strlen(text) || fclose(f) != 0)
		abort();
	(void) chmod(path, mode);
}

#endif
