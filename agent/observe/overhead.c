/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/overhead.h"

#include <math.h>

#include "base/log.h"
#include "base/util.h"
#include "metrics/overhead.h"
#include "observe/migration_state.h"

#define PML_SHARE 0.1 /* of the pages: fewer violations are splits */
#define WP_SHARE 0.9  /* so many are write protection */
#define SUPERPAGE 512 /* pages of a superpage, and superpages of the next larger one */

/* -- windows -- */

/* ENABLE was seen: nothing was tracked before. Else the agent came when it was on already. */
static bool
is_whole(const struct migration_record *r)
{
	return r->n_rounds && r->round[0].n == 0 && !isnan(r->round[0].started);
}

/* The first pass that was seen to begin. */
static double
first_begin(const struct migration_record *r)
{
	for (size_t i = 0; i < r->n_rounds; i++)
		if (!isnan(r->round[i].started))
			return r->round[i].started;
	return r->final.started;
}

static bool
is_over(const struct round *round, double at)
{
	return !isnan(round->seconds) && at > round->started + round->seconds;
}

/* NULL: in a pass that nobody saw. */
static struct overhead *
pass_of(struct migration_record *r, double from, double to, bool *ret_over)
{
	double middle = from + (to - from) / 2;

	*ret_over = true;
	if (r->final.begun && from >= r->final.started)
		return &r->final.overhead;
	if (r->final.begun && middle > r->final.started)
		middle = from;
	for (size_t i = r->n_rounds; i-- > 0;) {
		struct round *round = &r->round[i];

		if (isnan(round->started) || middle < round->started)
			continue;
		*ret_over = !isnan(round->seconds);
		return is_over(round, middle) ? NULL : &round->overhead;
	}
	return NULL;
}

void
overhead_tracked(struct migration_record *r, double until)
{
	double seconds = until - first_begin(r);

	if (seconds >= 0 && !(seconds <= r->tracked_seconds))
		r->tracked_seconds = seconds;
}

bool
overhead_take(struct migration_record *r, const struct event *e, int32_t vcpus, bool *ret_over)
{
	const struct trace_window *w = &e->window;
	double from = w->from + r->evidence.epoch, to = e->at + r->evidence.epoch;
	double begun = first_begin(r);
	struct overhead *pass;

	*ret_over = false;
	if (isnan(begun) || (!is_whole(r) && from + (to - from) / 2 < begun))
		return false;
	from = MAX(from, begun);
	if (to > r->evidence.off)
		to = r->evidence.off;
	if (!(to > from))
		return false;
	pass = pass_of(r, from, to, ret_over);
	if (pass)
		overhead_add_window(pass, w, to - from);
	overhead_add_window(&r->overhead, w, to - from);
	overhead_tracked(r, to);
	r->vcpus = MAX(r->vcpus, vcpus);
	if (w->cpu_khz)
		r->cpu_hz = w->cpu_khz * 1e3;
	return true;
}

/* -- the mode -- */

/* Violations that splits can have made; vCPUs that write at once take one each. */
static double
most_splits(const struct migration_record *r)
{
	double superpages = r->memory_pages > 0 ? (double) r->memory_pages / SUPERPAGE : 0;

	return ceil(superpages + superpages / SUPERPAGE) * MAX(r->vcpus, 1);
}

static enum tracking_mode
by_share(enum tracking_mode host, double share, bool splits, char *ret_note)
{
	double percent = 100 * MIN(share, 1); /* of an estimate from a sample it may be more */

	if (host == TRACKING_PML) {
		if (share < PML_SHARE)
			return TRACKING_PML;
		if (splits)
			return TRACKING_UNKNOWN;
		if (share >= WP_SHARE) {
			(void) snprintf(ret_note, NOTE_SIZE,
			    "Xen fell back to write protection: %.0f %% of the pages took a violation and "
			    "no PML buffer filled up, although this host uses PML.",
			    percent);
			return TRACKING_EPT_WP;
		}
	} else if (share >= WP_SHARE)
		return host;
	(void) snprintf(ret_note, NOTE_SIZE,
	    "%.0f %% of the pages took a violation, which fits neither PML nor write protection.",
	    percent);
	return TRACKING_UNKNOWN;
}

enum tracking_mode
overhead_mode(const struct migration_record *r, enum tracking_mode host, char ret_note[NOTE_SIZE])
{
	struct overhead_figures figures;
	struct paged_overhead paged;
	enum tracking_mode mode;
	double violations;

	*ret_note = '\0';
	if (r->overhead.exits[TRACE_PML_FULL].count > 0) {
		if (host != TRACKING_PML && host != TRACKING_UNKNOWN)
			str_copy(ret_note, NOTE_SIZE,
			    "PML buffers filled up, although this host is not known to use PML.");
		return TRACKING_PML;
	}
	overhead_paged(r, &paged);
	violations = (double) paged.sum.exits[TRACE_VIOLATION].count;
	if (!(paged.pages >= EVIDENCE_PAGES))
		return TRACKING_UNKNOWN;
	if (host != TRACKING_PML && host != TRACKING_EPT_WP && host != TRACKING_NPT_WP)
		return TRACKING_UNKNOWN;
	mode = by_share(host, violations / paged.pages, violations <= most_splits(r), ret_note);
	overhead_of_record(r, &figures);
	if (mode == TRACKING_UNKNOWN && !(figures.sampled_fraction >= OVERHEAD_WHOLE))
		*ret_note = '\0'; /* the pages of a sample are an estimate: what fits nothing contradicts nothing */
	return mode;
}

/* -- the state machine's part -- */

void
migration_judge_mode(struct migrations *m, struct open *o)
{
	enum tracking_mode host = migration_infer_mode(m, o->kind), mode;
	struct migration_record *r = &o->r;
	char text[NOTE_SIZE];

	if (r->overhead.windows == 0 || r->tracking_mode == TRACKING_OFF)
		return;
	mode = overhead_mode(r, host, text);
	if (mode == TRACKING_UNKNOWN && host == TRACKING_UNKNOWN)
		return; /* as before the first tick after a restart: what was proven stands */
	r->tracking_mode = mode == TRACKING_UNKNOWN ? host : mode;
	r->mode_source = mode == TRACKING_UNKNOWN ? MODE_SOURCE_INFERRED : MODE_SOURCE_TRACE;
	str_copy(r->mode_note, sizeof(r->mode_note), text);
	if (host != TRACKING_PML || mode != TRACKING_EPT_WP || o->fell_back)
		return;
	o->fell_back = true;
	m->fallbacks++;
	log_warn("observe", "migration %s of %s: %s", r->id, *r->name ? r->name : r->uuid, text);
}

void
migration_window(struct migrations *m, const struct event *e)
{
	const struct known_domain *d = migration_find_known(m, e->domid);
	struct open *o = migration_find_tracked(m, e->domid);
	bool over, same = d && o && strcmp(d->uuid, o->r.uuid) == 0;
	enum tracking_mode mode;
	enum mode_source source;

	tracking_window(m->tracking, e, d ? d->uuid : "");
	if (!o)
		return;
	o->traced = e->at;
	if (!overhead_take(&o->r, e, same ? d->vcpus : UNSEEN, &over))
		return;
	mode = o->r.tracking_mode;
	source = o->r.mode_source;
	migration_judge_mode(m, o);
	if (o->r.tracking_mode != mode || o->r.mode_source != source)
		migration_say(m, o, RECORD_CHANGED, NULL);
	else if (over) /* the others are told with their pass's end */
		migration_say_later(o, e->at);
}
