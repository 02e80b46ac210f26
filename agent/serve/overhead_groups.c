/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/overhead_groups.h"

#include <math.h>

#include "base/util.h"
#include "metrics/overhead.h"
#include "serve/json.h"

#define MODES (TRACKING_SHADOW + 1)
#define MAX_BASIS 512
#define WP_EXITS_PER_KPAGE 1000.0 /* a violation for each page dirtied in each round */

/* A ratio of two sums. A record adds to both or to none: where one of them is unknown, the other
 * would be too large beside it. */
struct ratio {
	double above, below;
};

struct sum {
	uint64_t migrations, probes, measured, by_trace, inferred;
	double started, ended;	       /* of the first, of the last; NAN */
	double pages, splits, avoided; /* NAN: known of none; pages of the rounds that were seen */
	struct overhead traced;	       /* all windows */
	struct ratio sampled;	       /* seconds in whole windows, tracked */
	struct ratio harvest;	       /* seconds, harvests */
	struct ratio overhead;	       /* cycles, those that the guests' vCPUs could have had */
	struct ratio logging;		/* exits, pages in traced windows of passes whose pages are known */
	/* to pages, a sample's as it was weighed */
	struct ratio recalc;		/* exits */
	struct ratio cost, recalc_cost; /* cycles */
};

/* A guest in one tracking mode in one boot. */
struct vm {
	size_t boot; /* its index */
	enum tracking_mode mode;
	char uuid[UUID_SIZE], name[NAME_SIZE];
	struct sum sum;
};

struct boot {
	char cpu_model[VERSION_SIZE], xen_version[VERSION_SIZE], xen_extra[VERSION_SIZE],
	    boot_id[UUID_SIZE];
	bool replay;
	struct sum mode[MODES];
};

struct overhead_groups {
	struct boot *boot;
	size_t n_boots;
	struct vm *vm;
	size_t n_vms;
	uint64_t untracked, unplaced, left_out;
};

struct overhead_groups *
overhead_groups_new(void)
{
	return xcalloc(1, sizeof(struct overhead_groups));
}

void
overhead_groups_free(struct overhead_groups *g)
{
	if (!g)
		return;
	free(g->boot);
	free(g->vm);
	free(g);
}

/* A sum of none is unknown, not 0. */
static void
sum_init(struct sum *s)
{
	memset(s, 0, sizeof(*s));
	s->started = s->ended = s->pages = s->splits = s->avoided = NAN;
}

static void
add(double *sum, double v)
{
	if (isfinite(v))
		*sum = isnan(*sum) ? v : *sum + v;
}

static void
add_ratio(struct ratio *r, double above, double below)
{
	if (isfinite(above) && isfinite(below)) {
		r->above += above;
		r->below += below;
	}
}

static double
quotient(const struct ratio *r)
{
	return r->below > 0 ? r->above / r->below : NAN;
}

static bool
same_host(const struct boot *b, const struct boot *other)
{
	return b->replay == other->replay && strcmp(b->cpu_model, other->cpu_model) == 0 &&
	       strcmp(b->xen_version, other->xen_version) == 0 &&
	       strcmp(b->xen_extra, other->xen_extra) == 0;
}

/* NULL: there are too many. */
static struct boot *
find_boot(struct overhead_groups *g, const struct migration_record *r)
{
	struct boot key = {.replay = r->origin == ORIGIN_REPLAY};
	struct boot *b;

	str_copy(key.cpu_model, sizeof(key.cpu_model), r->cpu_model);
	str_copy(key.xen_version, sizeof(key.xen_version), r->xen_version);
	str_copy(key.xen_extra, sizeof(key.xen_extra), r->xen_extra);
	str_copy(key.boot_id, sizeof(key.boot_id), r->boot_id);
	for (size_t i = 0; i < g->n_boots; i++)
		if (strcmp(g->boot[i].boot_id, key.boot_id) == 0 && same_host(&g->boot[i], &key))
			return &g->boot[i];
	if (g->n_boots == MAX_OVERHEAD_BOOTS)
		return NULL;
	g->boot = xrealloc(g->boot, (g->n_boots + 1) * sizeof(*g->boot));
	b = &g->boot[g->n_boots++];
	*b = key;
	for (size_t m = 0; m < MODES; m++)
		sum_init(&b->mode[m]);
	return b;
}

static struct vm *
find_vm(const struct overhead_groups *g, size_t boot, enum tracking_mode mode, const char *uuid)
{
	for (size_t i = 0; i < g->n_vms; i++) {
		struct vm *vm = &g->vm[i];

		if (vm->boot == boot && vm->mode == mode && strcmp(vm->uuid, uuid) == 0)
			return vm;
	}
	return NULL;
}

/* NULL: there are too many. The newest record comes first, so its name stays. */
static struct vm *
add_vm(struct overhead_groups *g, size_t boot, const struct migration_record *r)
{
	struct vm *vm = find_vm(g, boot, r->tracking_mode, r->uuid);

	if (vm || g->n_vms == MAX_OVERHEAD_VMS)
		return vm;
	if ((g->n_vms & (g->n_vms - 1)) == 0)
		g->vm = xrealloc(g->vm, MAX(g->n_vms * 2, 1) * sizeof(*g->vm));
	vm = &g->vm[g->n_vms++];
	vm->boot = boot;
	vm->mode = r->tracking_mode;
	str_copy(vm->uuid, sizeof(vm->uuid), r->uuid);
	str_copy(vm->name, sizeof(vm->name), r->name);
	sum_init(&vm->sum);
	return vm;
}

/* -- adding up -- */

/* What is known without a trace. The last round's harvest is the final pass's, too. */
static void
add_rounds(struct sum *s, const struct migration_record *r)
{
	for (size_t i = 0; i < r->n_rounds; i++) {
		const struct round *round = &r->round[i];

		if (round->pages_dirtied >= 0)
			add(&s->pages, (double) round->pages_dirtied);
		if (round->harvest_seconds >= 0)
			add_ratio(&s->harvest, round->harvest_seconds, 1);
	}
}

/* Of the pages that add_rounds adds, the exits that full buffers spared. NAN. */
static double
avoided(const struct migration_record *r, const struct paged_overhead *paged)
{
	double full = (double) paged->sum.exits[TRACE_PML_FULL].count, pages = 0;

	for (size_t i = 0; i < r->n_rounds; i++)
		pages += (double) MAX(r->round[i].pages_dirtied, 0);
	if (r->tracking_mode != TRACKING_PML || !(paged->pages > 0))
		return NAN;
	return round(fmax(pages - full * (pages / paged->pages), 0));
}

static void
add_trace(struct sum *s, const struct migration_record *r)
{
	const struct overhead *o = &r->overhead;
	struct overhead_figures f;
	struct paged_overhead paged;
	struct overhead_cost cost;

	overhead_add(&s->traced, o);
	if (o->windows == 0)
		return;
	s->measured++;
	overhead_of_record(r, &f);
	overhead_paged(r, &paged);
	overhead_cost(r, &cost);
	add_ratio(&s->sampled, f.sampled_fraction * f.tracked_seconds, f.tracked_seconds);
	if (isfinite(f.overhead_ratio))
		add_ratio(&s->overhead, cost.cycles, cost.seconds * r->vcpus * r->cpu_hz);
	add_ratio(&s->logging, overhead_logging_exits(&paged.sum), paged.pages);
	add_ratio(&s->recalc, cost.recalcs, cost.pages);
	add_ratio(&s->cost, cost.page_cycles, cost.pages);
	add_ratio(&s->recalc_cost, cost.recalc_cycles, cost.pages);
	add(&s->splits, f.splits == UNSEEN ? NAN : (double) f.splits);
	add(&s->avoided, avoided(r, &paged));
}

static void
add_record(struct sum *s, const struct migration_record *r)
{
	if (r->direction == DIRECTION_PROBE)
		s->probes++;
	else
		s->migrations++;
	s->by_trace += r->mode_source == MODE_SOURCE_TRACE;
	s->inferred += r->mode_source == MODE_SOURCE_INFERRED;
	s->started = fmin(s->started, r->started);
	s->ended = fmax(s->ended, r->ended);
	add_rounds(s, r);
	add_trace(s, r);
}

/* A migration that came in, or a save of a paused guest, has nothing to do with tracking. */
static bool
was_tracked(const struct migration_record *r)
{
	return r->tracking_mode != TRACKING_OFF &&
	       (r->tracking_mode != TRACKING_UNKNOWN || r->rounds_begun > 0 ||
		   r->overhead.windows > 0);
}

void
overhead_groups_add(struct overhead_groups *g, const struct migration_record *r)
{
	struct boot *b;
	struct vm *vm;

	if (!was_tracked(r) || r->result == RESULT_RUNNING) {
		g->untracked++;
		return;
	}
	if (!*r->boot_id || !*r->cpu_model || !*r->xen_version) {
		g->unplaced++;
		return;
	}
	b = find_boot(g, r);
	if (!b) {
		g->left_out++;
		return;
	}
	add_record(&b->mode[r->tracking_mode], r);
	vm = add_vm(g, (size_t) (b - g->boot), r);
	if (vm)
		add_record(&vm->sum, r);
	else
		g->left_out++;
}

/* -- writing -- */

static void
gen_flag(yajl_gen g, const char *key, bool v)
{
	gen_string(g, key);
	(void) yajl_gen_bool(g, v);
}

/* What windows showed; where there were none, nobody knows, which is not 0. */
static void
gen_traced(yajl_gen g, const struct overhead *o)
{
	static const char *const names[TRACE_CLASSES][2] = {
	    [TRACE_VIOLATION] = {"violations", "violation_cycles"},
	    [TRACE_PML_FULL] = {"pml_full", "pml_full_cycles"},
	    [TRACE_RECALC] = {"recalcs", "recalc_cycles"}};
	bool any = o->windows + o->torn_windows > 0, whole = o->windows > 0;

	gen_value(g, "traced_seconds", whole ? o->traced_seconds : NAN);
	gen_value(g, "windows", any ? o->windows : NAN);
	gen_value(g, "torn_windows", any ? o->torn_windows : NAN);
	gen_value(g, "lost_records", any ? (double) o->lost_records : NAN);
	for (size_t i = 0; i < TRACE_CLASSES; i++) {
		gen_value(g, names[i][0], whole ? (double) o->exits[i].count : NAN);
		gen_value(g, names[i][1], whole ? (double) o->exits[i].cycles : NAN);
	}
}

/* The members of a measured row behind its mode. */
static void
gen_sum(yajl_gen g, const struct sum *s)
{
	gen_value(g, "migrations", (double) s->migrations);
	gen_value(g, "probes", (double) s->probes);
	gen_value(g, "measured", (double) s->measured);
	gen_string(g, "mode_source");
	(void) yajl_gen_map_open(g);
	gen_value(g, "trace", (double) s->by_trace);
	gen_value(g, "inferred", (double) s->inferred);
	(void) yajl_gen_map_close(g);
	gen_time(g, "started", s->started);
	gen_time(g, "ended", s->ended);
	gen_value(g, "pages_dirtied", s->pages);
	gen_value(g, "pages_traced", s->logging.below > 0 ? s->logging.below : NAN);
	gen_value(g, "tracked_seconds", s->sampled.below > 0 ? s->sampled.below : NAN);
	gen_traced(g, &s->traced);
	gen_value(g, "splits", s->splits);
	gen_value(g, "avoided_exits", s->avoided);
	gen_value(g, "sampled_fraction", quotient(&s->sampled));
	gen_value(g, "overhead_ratio", quotient(&s->overhead));
	gen_value(g, "exits_per_kpage", 1000 * quotient(&s->logging));
	gen_value(g, "recalc_exits_per_kpage", 1000 * quotient(&s->recalc));
	gen_value(g, "cycles_per_page", quotient(&s->cost));
	gen_value(g, "harvests", s->harvest.below);
	gen_value(g, "harvest_seconds_per_round", quotient(&s->harvest));
}

static void
gen_mode(yajl_gen g, enum tracking_mode mode, const struct sum *s)
{
	(void) yajl_gen_map_open(g);
	gen_text(g, "tracking_mode", tracking_mode_name(mode));
	gen_flag(g, "estimate", false);
	gen_sum(g, s);
	(void) yajl_gen_map_close(g);
}

/* Violations under write protection, in any boot of the same CPU model and Xen. */
static void
find_basis(const struct overhead_groups *x, const struct boot *b, struct exits *ret)
{
	struct overhead all = {.windows = 0};

	for (size_t i = 0; i < x->n_boots; i++)
		if (same_host(&x->boot[i], b))
			overhead_add(&all, &x->boot[i].mode[TRACKING_EPT_WP].traced);
	*ret = all.exits[TRACE_VIOLATION];
}

static void
basis_text(const struct sum *pml, const struct exits *basis, char *ret, size_t n)
{
	if (!(pml->logging.below > 0))
		(void) snprintf(
		    ret, n, "Missing: no page was seen dirtied in a traced window of this boot.");
	else if (basis->count == 0)
		(void) snprintf(ret, n,
		    "Basis: a violation for each of the %.0f pages traced under PML. Missing for "
		    "the cycles: no "
		    "violation under write protection was measured on this CPU model with this "
		    "Xen; boot once "
		    "with ept=no-pml and migrate a guest.",
		    pml->logging.below);
	else
		(void) snprintf(ret, n,
		    "Basis: a violation of %.0f cycles, the mean of %llu under write protection on "
		    "this CPU model "
		    "with this Xen, for each of the %.0f pages traced under PML; misconfigurations "
		    "as under PML.",
		    overhead_cycles_per_exit(basis), (unsigned long long) basis->count,
		    pml->logging.below);
}

static void
gen_estimate(yajl_gen g, const struct sum *pml, const struct exits *basis)
{
	double per_violation = overhead_cycles_per_exit(basis);
	double per_page = per_violation + quotient(&pml->recalc_cost);
	char text[MAX_BASIS];

	basis_text(pml, basis, text, sizeof(text));
	(void) yajl_gen_map_open(g);
	gen_text(g, "tracking_mode", tracking_mode_name(TRACKING_EPT_WP));
	gen_flag(g, "estimate", true);
	gen_text(g, "basis", text);
	gen_value(g, "estimate_pages", pml->logging.below > 0 ? pml->logging.below : NAN);
	gen_value(g, "estimate_cycles_per_violation", per_violation);
	gen_value(g, "estimate_exits_per_kpage", pml->logging.below > 0 ? WP_EXITS_PER_KPAGE : NAN);
	gen_value(g, "estimate_recalc_exits_per_kpage", 1000 * quotient(&pml->recalc));
	gen_value(g, "estimate_cycles_per_page", per_page);
	/* the same pages in the same time */
	gen_value(g, "estimate_overhead_ratio",
	    quotient(&pml->overhead) * quotient(&(struct ratio){per_page, quotient(&pml->cost)}));
	(void) yajl_gen_map_close(g);
}

/* The sums of a mode, of one guest if uuid is not ""; NULL if there was none in it. */
static const struct sum *
sum_of(const struct overhead_groups *x, size_t boot, enum tracking_mode mode, const char *uuid)
{
	const struct sum *s = &x->boot[boot].mode[mode];
	const struct vm *vm = *uuid ? find_vm(x, boot, mode, uuid) : NULL;

	if (*uuid)
		return vm ? &vm->sum : NULL;
	return s->migrations + s->probes > 0 ? s : NULL;
}

static void
gen_modes(const struct overhead_groups *x, size_t boot, yajl_gen g, const char *uuid)
{
	static const enum tracking_mode order[] = {
	    TRACKING_PML, TRACKING_EPT_WP, TRACKING_NPT_WP, TRACKING_SHADOW, TRACKING_UNKNOWN};
	const struct sum *pml = sum_of(x, boot, TRACKING_PML, uuid);
	struct exits basis;

	gen_string(g, "modes");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const struct sum *s = sum_of(x, boot, order[i], uuid);

		if (s) {
			gen_mode(g, order[i], s);
		} else if (order[i] == TRACKING_EPT_WP && pml) {
			find_basis(x, &x->boot[boot], &basis);
			gen_estimate(g, pml, &basis);
		}
	}
	(void) yajl_gen_array_close(g);
}

static void
gen_vms(const struct overhead_groups *x, size_t boot, yajl_gen g, const char *uuid)
{
	gen_string(g, "vms");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < x->n_vms; i++) {
		const struct vm *vm = &x->vm[i];

		if (vm->boot != boot || (*uuid && strcmp(vm->uuid, uuid) != 0))
			continue;
		(void) yajl_gen_map_open(g);
		gen_text_or_null(g, "uuid", vm->uuid);
		gen_text_or_null(g, "name", vm->name);
		gen_text(g, "tracking_mode", tracking_mode_name(vm->mode));
		gen_sum(g, &vm->sum);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
}

/* Of all modes; false: there is nothing. */
static bool
times(const struct overhead_groups *x, size_t boot, const char *uuid, double *ret_started,
    double *ret_ended)
{
	bool any = false;

	*ret_started = *ret_ended = NAN;
	for (enum tracking_mode m = 0; m < MODES; m++) {
		const struct sum *s = sum_of(x, boot, m, uuid);

		any |= s != NULL;
		*ret_started = s ? fmin(*ret_started, s->started) : *ret_started;
		*ret_ended = s ? fmax(*ret_ended, s->ended) : *ret_ended;
	}
	return any;
}

void
overhead_groups_gen(
    const struct overhead_groups *x, yajl_gen g, const char *uuid, const char *boot_id)
{
	gen_value(g, "untracked", (double) x->untracked);
	gen_value(g, "unplaced", (double) x->unplaced);
	gen_value(g, "left_out", (double) x->left_out);
	gen_string(g, "boots");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < x->n_boots; i++) {
		const struct boot *b = &x->boot[i];
		double started, ended;

		if (!times(x, i, uuid, &started, &ended))
			continue;
		(void) yajl_gen_map_open(g);
		gen_text(g, "cpu_model", b->cpu_model);
		gen_text(g, "xen_version", b->xen_version);
		gen_text(g, "xen_extra", b->xen_extra);
		gen_text(g, "boot_id", b->boot_id);
		gen_text(g, "source", b->replay ? "replay" : "live");
		gen_flag(g, "current", strcmp(b->boot_id, boot_id) == 0);
		gen_time(g, "started", started);
		gen_time(g, "ended", ended);
		gen_modes(x, i, g, uuid);
		gen_vms(x, i, g, uuid);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
}
