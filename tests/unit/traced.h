/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migrations of the lab with the exits that Xen's trace had of them, for the tests of what tracking costs. */
#ifndef TRACED_H
#define TRACED_H

#include "tests/unit/world.h"

#define ROUNDS 5
#define OPERATIONS (ROUNDS + 2)
#define CUT 0.0005 /* a window ends so long after the operation that ends it: the agent must hear of it */

/* Three migrations of one guest: the rounds as eBPF saw them, the exits of the source domain by the whole trace. */
static const struct lab {
	const char *name, *cpu;
	enum pml_state pml;
	enum tracking_mode mode;
	uint32_t cpu_khz;
	struct {
		double at, us;
		uint32_t dirty;
	} op[OPERATIONS]; /* ENABLE, CLEANs, the last with the guest paused, OFF */
	struct exits exits[TRACE_CLASSES];
} runs[] = {
    {"PML", "Intel(R) Core(TM) i7-7800X CPU @ 3.50GHz", PML_IN_USE, TRACKING_PML, 200000,
	{{41.294533, 53, 0}, {51.092212, 1870, 4262}, {51.691140, 1198, 1120}, {51.923437, 15227, 436},
	    {52.050356, 3319, 285}, {52.211113, 189, 517}, {52.414167, 102, 0}},
	{{16, 967951}, {11, 15376629}, {155, 31695384}}},
    {"write protection", "Intel(R) Core(TM) i7-7800X CPU @ 3.50GHz", PML_DISABLED, TRACKING_EPT_WP, 200000,
	{{41.494852, 34, 0}, {51.367741, 137, 4225}, {51.981273, 137, 1082}, {52.206544, 137, 378},
	    {52.340392, 137, 216}, {52.492673, 137, 452}, {52.690415, 87, 0}},
	{{6353, 35352034}, {0, 0}, {155, 34476965}}},
    {"AMD", "AMD EPYC Processor", PML_UNSUPPORTED, TRACKING_NPT_WP, 2599997,
	{{27.645375, 1448, 0}, {35.019510, 2152, 8338}, {36.479534, 3831, 1998}, {36.622805, 417, 171},
	    {36.646944, 830, 38}, {36.942824, 9783, 327}, {37.074036, 726, 0}},
	{{10872, 1600000000}, {0, 0}, {3006, 455619071}}},
};

enum { LAB_PML, LAB_WP, LAB_AMD };

static uint64_t __attribute__((unused))
dirtied(const struct lab *l)
{
	uint64_t sum = 0;

	for (size_t i = 1; i <= ROUNDS; i++)
		sum += l->op[i].dirty;
	return sum;
}

/* Of the exits of a class, those of a round; the first one has what is left over. */
static uint64_t
exits_of(const struct lab *l, enum trace_class class, size_t round)
{
	uint64_t rest = l->exits[class].count;

	if (round >= ROUNDS)
		return 0;
	if (round > 0 && class == TRACE_PML_FULL)
		return l->exits[class].count ? l->op[round + 1].dirty / PML_ENTRIES : 0;
	if (round > 0 && class == TRACE_VIOLATION)
		return l->mode == TRACKING_PML ? 0 : l->op[round + 1].dirty;
	if (round > 0)
		return l->exits[class].count / ROUNDS;
	for (size_t i = 1; i < ROUNDS; i++)
		rest -= exits_of(l, class, i);
	return rest;
}

static uint64_t
cycles_of(const struct lab *l, enum trace_class class, size_t round)
{
	const struct exits *e = &l->exits[class];
	uint64_t rest = e->cycles;

	if (round >= ROUNDS || e->count == 0)
		return 0;
	if (round > 0)
		return e->cycles * exits_of(l, class, round) / e->count;
	for (size_t i = 1; i < ROUNDS; i++)
		rest -= cycles_of(l, class, i);
	return rest;
}

/* The window of the pass that begins with operation i: all of it, or the first part of it only. */
static struct event
window_of(const struct lab *l, size_t i, uint32_t domid, double part)
{
	double from = i ? l->op[i].at + CUT : l->op[0].at - 1; /* opened when the helper was found */
	struct event e = {.kind = EVENT_TRACE_WINDOW,
	    .source = SOURCE_TRACE,
	    .at = l->op[i + 1].at + CUT,
	    .seconds = NAN,
	    .domid = domid,
	    .window = {.from = from, .exits = 99999, .cpu_khz = l->cpu_khz}};

	for (size_t c = 0; c < TRACE_CLASSES; c++) {
		e.window.count[c] = (uint64_t) ((double) exits_of(l, (enum trace_class) c, i) * part);
		e.window.cycles[c] = (uint64_t) ((double) cycles_of(l, (enum trace_class) c, i) * part);
	}
	if (part < 1) {
		e.window.from = l->op[i].at;
		e.at = l->op[i].at + (l->op[i + 1].at - l->op[i].at) * part;
	}
	return e;
}

static struct event
operation_of(const struct lab *l, size_t i, uint32_t domid)
{
	bool last = i == OPERATIONS - 1;

	return bpf(l->op[i].at, l->op[i].us, domid,
	    i == 0 ? SHADOW_OP_ENABLE_LOGDIRTY : last ? SHADOW_OP_OFF : SHADOW_OP_CLEAN,
	    i == ROUNDS ? SHADOW_MODE_FINAL : 0, l->op[i].dirty);
}

static void
look(struct world *w, const struct lab *l, double at, const struct guest *guest, size_t n)
{
	struct sample *s = new_sample(w, at, guest, n);

	str_copy(s->host.cpu_model, sizeof(s->host.cpu_model), l->cpu);
	s->features.pml.state = l->pml;
	migrations_tick(w->m, s);
	sample_free(w->s);
	w->s = s;
}

static const struct guest before[] = {DOM0, A1}, after[] = {DOM0, A2};

static void
begin(struct world *w, const struct lab *l)
{
	world_init(w);
	look(w, l, l->op[0].at - 2, before, 2);
}

static void __attribute__((unused))
run(struct world *w, const struct lab *l, double part)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		send(w, operation_of(l, i, 1));
		if (i > 0)
			send(w, window_of(l, i - 1, 1, part));
	}
	look(w, l, l->op[OPERATIONS - 1].at + 3, after, 2);
}

static double
fallbacks(const struct world *w)
{
	return w->s->host.value[METRIC_AT(M_HOST_FALLBACKS, HOST)];
}

#endif
