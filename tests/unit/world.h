/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A host for the tests of the state machine: what happens in it, and what was recorded of it. */
#ifndef WORLD_H
#define WORLD_H

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "observe/migration.h"

#define UUID_A "aaaaaaaa-0000-0000-0000-000000000001"
#define UUID_B "bbbbbbbb-0000-0000-0000-000000000002"
#define EPOCH 1793870000.0 /* seconds since 1970 at CLOCK_MONOTONIC 0 */
#define FRAMES 1044480
#define HELPER 265

struct world {
	struct migrations *m;
	struct tick now;
	unsigned begun, rounds, finals, changed, ended;
	struct migration_record last; /* a copy, as it was when last told */
	struct migration_record done; /* the same of the one that ended last */
	struct sample *s;	      /* the last tick's */
};

static void
on_record(void *arg, enum record_change change, const struct migration_record *r,
    const struct round *round)
{
	struct world *w = arg;

	(void) round;
	w->begun += change == RECORD_BEGUN;
	w->rounds += change == RECORD_ROUND;
	w->finals += change == RECORD_FINAL;
	w->changed += change == RECORD_CHANGED;
	w->ended += change == RECORD_ENDED;
	record_done(&w->last);
	record_copy(&w->last, r);
	if (change == RECORD_ENDED) {
		record_done(&w->done);
		record_copy(&w->done, r);
	}
}

static void
world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->m = migrations_new(on_record, w);
	record_init(&w->last);
	record_init(&w->done);
}

static void
world_done(struct world *w)
{
	migrations_free(w->m);
	record_done(&w->last);
	record_done(&w->done);
	sample_free(w->s);
}

static void __attribute__((unused)) send(struct world *w, struct event e)
{
	w->now.mono = MAX(w->now.mono, e.at);
	w->now.real = w->now.mono + EPOCH;
	migrations_event(w->m, &e, &w->now);
}

/* A log-dirty operation, as eBPF tells it. */
static struct event __attribute__((unused))
bpf(double at, double us, uint32_t domid, uint32_t op, uint32_t mode, uint32_t dirty)
{
	return (struct event){.kind = EVENT_SHADOW_OP,
	    .source = SOURCE_BPF,
	    .at = at,
	    .seconds = us / 1e6,
	    .pid = HELPER,
	    .domid = domid,
	    .op = op,
	    .mode = mode,
	    .pages = op == SHADOW_OP_CLEAN ? FRAMES : 0,
	    .dirty = dirty,
	    .comm = "libxl-save-help"};
}

static struct event __attribute__((unused))
word(double at, enum event_kind kind, enum stage stage, uint32_t number, uint64_t total)
{
	return (struct event){.kind = kind,
	    .source = SOURCE_UPROBE,
	    .at = at,
	    .seconds = NAN,
	    .pid = HELPER,
	    .stage = stage,
	    .number = number,
	    .total = total,
	    .comm = "libxl-save-help"};
}

static struct event __attribute__((unused))
process(double at, enum event_kind kind, pid_t pid, uint32_t domid, enum helper_role role)
{
	return (struct event){.kind = kind,
	    .source = SOURCE_PROCESS,
	    .at = at,
	    .seconds = NAN,
	    .pid = pid,
	    .domid = domid,
	    .role = role,
	    .toolstack = TOOLSTACK_XL,
	    .started = 1000 + (uint64_t) pid,
	    .comm = "libxl-save-help"};
}

struct guest {
	uint32_t domid;
	const char *uuid, *state;
};

static struct sample *
new_sample(struct world *w, double at, const struct guest *guest, size_t n)
{
	struct sample *s;

	w->now = (struct tick){.mono = at, .real = at + EPOCH};
	s = sample_new(&w->now);
	str_copy(s->host.cpu_model, sizeof(s->host.cpu_model),
	    "Intel(R) Core(TM) i7-7800X CPU @ 3.50GHz");
	str_copy(s->host.xen_version, sizeof(s->host.xen_version), "4.17.7");
	str_copy(s->host.xen_extra, sizeof(s->host.xen_extra), ".7");
	str_copy(s->host.boot_id, sizeof(s->host.boot_id), "boot");
	s->features.pml.state = PML_IN_USE;
	s->features.hap = YES;
	for (size_t i = 0; i < n; i++) {
		struct sample_domain *d = sample_add_domain(s);

		d->domid = guest[i].domid;
		d->kind = DOMAIN_PVH;
		str_copy(d->uuid, sizeof(d->uuid), guest[i].uuid);
		/* as xl names a domain that it has just received */
		(void) snprintf(d->name, sizeof(d->name), "guest %c%s", guest[i].uuid[0],
		    guest[i].uuid[0] == 'b' ? "--incoming" : "");
		str_copy(d->state, sizeof(d->state), guest[i].state);
		d->value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = 128 << 20;
		d->value[METRIC_AT(M_DOMAIN_VCPUS, DOMAIN)] = 1;
		d->value[METRIC_AT(M_DOMAIN_SHUTDOWN, DOMAIN)] =
		    strcmp(guest[i].state, "shutdown") == 0;
	}
	return s;
}

/* A tick in which the host has these domains, Dom0 among them. */
static void __attribute__((unused))
tick_with(struct world *w, double at, const struct guest *guest, size_t n)
{
	struct sample *s = new_sample(w, at, guest, n);

	migrations_tick(w->m, s);
	sample_free(w->s);
	w->s = s;
}

#define DOM0                                                                                       \
	{                                                                                          \
		0, "00000000-0000-0000-0000-000000000000", "running"                               \
	}
#define tick(w, at, ...)                                                                           \
	do {                                                                                       \
		const struct guest guests_[] = {DOM0, __VA_ARGS__};                                \
		tick_with(w, at, guests_, ARRAY_SIZE(guests_));                                    \
	} while (0)
#define A1                                                                                         \
	{                                                                                          \
		1, UUID_A, "blocked"                                                               \
	}
#define A1_SUSPENDED                                                                               \
	{                                                                                          \
		1, UUID_A, "shutdown"                                                              \
	}
#define A2                                                                                         \
	{                                                                                          \
		2, UUID_A, "running"                                                               \
	}

/* One migration in the lab, Xen 4.17 under Bochs with PML; times and counts as recorded. */
static const struct {
	double at, us;
	uint32_t op, mode, dirty;
} lab_pml[] = {
    {41.294533, 53, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0},
    {51.092212, 1870, SHADOW_OP_CLEAN, 0, 4262},
    {51.691140, 1198, SHADOW_OP_CLEAN, 0, 1120},
    {51.923437, 15227, SHADOW_OP_CLEAN, 0, 436},
    {52.050356, 3319, SHADOW_OP_CLEAN, 0, 285},
    {52.211113, 189, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 517},
    {52.414167, 102, SHADOW_OP_OFF, 0, 0},
};

static struct event __attribute__((unused)) lab_bpf(size_t i)
{
	return bpf(
	    lab_pml[i].at, lab_pml[i].us, 1, lab_pml[i].op, lab_pml[i].mode, lab_pml[i].dirty);
}

static inline struct event __attribute__((unused))
window(double from, double at)
{
	return (struct event){.kind = EVENT_TRACE_WINDOW,
	    .source = SOURCE_TRACE,
	    .at = at,
	    .seconds = NAN,
	    .domid = 1,
	    .window = {.from = from, .count = {[TRACE_VIOLATION] = 7}}};
}

/* The same migration as uprobes told it. */
static const struct {
	double at, us;
	enum event_kind kind;
	uint32_t op, mode, dirty; /* or the round's number and its pages */
	enum stage stage;
} lab_words[] = {
    {41.293063, 0, EVENT_STAGE, 0, 0, 0, STAGE_START_OF_STREAM},
    {41.294546, 101, EVENT_SHADOW_OP, SHADOW_OP_ENABLE_LOGDIRTY, 0, 0, 0},
    {41.294566, 0, EVENT_ROUND_NAMED, 0, 0, 0, 0},
    {41.295251, 0, EVENT_ROUND_NAMED, 0, 0, 0, 0},
    {41.295300, 0, EVENT_STEP, 0, 0, FRAMES, 0},
    {51.092448, 2141, EVENT_SHADOW_OP, SHADOW_OP_CLEAN, 0, 4262, 0},
    {51.092469, 0, EVENT_ROUND_NAMED, 1, 0, 0, 0},
    {51.092500, 0, EVENT_STEP, 1, 0, 4262, 0},
    {51.691156, 1249, EVENT_SHADOW_OP, SHADOW_OP_CLEAN, 0, 1120, 0},
    {51.691177, 0, EVENT_ROUND_NAMED, 2, 0, 0, 0},
    {51.691200, 0, EVENT_STEP, 2, 0, 1120, 0},
    {51.923631, 15456, EVENT_SHADOW_OP, SHADOW_OP_CLEAN, 0, 436, 0},
    {51.923652, 0, EVENT_ROUND_NAMED, 3, 0, 0, 0},
    {51.923700, 0, EVENT_STEP, 3, 0, 436, 0},
    {52.063133, 16132, EVENT_SHADOW_OP, SHADOW_OP_CLEAN, 0, 285, 0},
    {52.063154, 0, EVENT_ROUND_NAMED, 4, 0, 0, 0},
    {52.063200, 0, EVENT_STEP, 4, 0, 285, 0},
    {52.210828, 0, EVENT_STAGE, 0, 0, 0, STAGE_SUSPENDED},
    {52.211129, 240, EVENT_SHADOW_OP, SHADOW_OP_CLEAN, SHADOW_MODE_FINAL, 517, 0},
    {52.211149, 0, EVENT_ROUND_NAMED, 5, 0, 0, 0},
    {52.211200, 0, EVENT_STEP, 5, 0, 517, 0},
    {52.386268, 0, EVENT_STAGE, 0, 0, 0, STAGE_END_OF_STREAM},
    {52.413792, 0, EVENT_STAGE, 0, 0, 0, STAGE_COMPLETE},
    {52.414179, 149, EVENT_SHADOW_OP, SHADOW_OP_OFF, 0, 0, 0},
};

static struct event __attribute__((unused)) lab_word(size_t i)
{
	struct event e;

	if (lab_words[i].kind != EVENT_SHADOW_OP)
		return word(lab_words[i].at, lab_words[i].kind, lab_words[i].stage, lab_words[i].op,
		    lab_words[i].dirty);
	e = bpf(lab_words[i].at, lab_words[i].us, 1, lab_words[i].op, lab_words[i].mode,
	    lab_words[i].dirty);
	e.source = SOURCE_UPROBE;
	e.result = e.op == SHADOW_OP_CLEAN ? FRAMES : 0;
	return e;
}

#endif
