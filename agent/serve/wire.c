/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/wire.h"

#include <math.h>
#include <string.h>

#include "base/util.h"

#define LATEST 253402300799.0 /* the end of the year 9999, the last that RFC 3339 can write */

/* A bool that is neither 0 nor 1 must not even be loaded as one. */
#define IS_BOOL(b) (*(const unsigned char *) &(b) <= 1)
#define ENDS(text) (memchr((text), '\0', sizeof(text)) != NULL)
#define UP_TO(choice, last) ((unsigned) (choice) <= (unsigned) (last))

const struct wire_kind_info wire_kinds[WIRE_KINDS] = {
    [WIRE_SAMPLE] = {sizeof(struct sample), 1},
    [WIRE_DOMAINS] = {sizeof(struct sample_domain), 64},
    [WIRE_TRACKING] = {sizeof(struct sample_tracking), 128},
    [WIRE_MIGRATIONS] = {sizeof(struct sample_migration), 64},
    [WIRE_TRACE_CPUS] = {sizeof(struct sample_trace_cpu), 256},
    [WIRE_SAMPLE_END] = {0, 0},
    [WIRE_RECORD] = {sizeof(struct migration_record), 1},
    [WIRE_ROUNDS] = {sizeof(struct round), 128},
    [WIRE_RECORD_END] = {0, 0},
};

_Static_assert(sizeof(struct wire_head) + sizeof(struct sample) <= MAX_DATAGRAM, "a sample fits");
_Static_assert(
    sizeof(struct wire_head) + 64 * sizeof(struct sample_domain) <= MAX_DATAGRAM, "domains fit");
_Static_assert(sizeof(struct wire_head) + 128 * sizeof(struct sample_tracking) <= MAX_DATAGRAM,
    "tracking fits");
_Static_assert(sizeof(struct wire_head) + 128 * sizeof(struct round) <= MAX_DATAGRAM, "rounds fit");

static int
check_features(const struct feature_report *r)
{
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		const struct feature_state *f = &r->feature[i];

		if (!UP_TO(f->cpu, YES) || !UP_TO(f->host, YES) || !UP_TO(f->xen, YES) ||
		    !UP_TO(f->hvm, YES) || !UP_TO(f->pv, YES) ||
		    !UP_TO(f->confidence, CONFIDENCE_EXACT) || !ENDS(f->reason))
			return 0;
	}
	return UP_TO(r->pml.state, PML_IN_USE) && UP_TO(r->pml.source, BOOT_SOURCE_CPU) &&
	       ENDS(r->pml.reason) && UP_TO(r->hap, YES) && UP_TO(r->ept_ad, YES) &&
	       UP_TO(r->speculation_source, BOOT_SOURCE_CPU) && ENDS(r->speculation);
}

static int
check_sample(const struct sample *s)
{
	const struct sample_host *h = &s->host;

	if (!IS_BOOL(s->replay) || !(s->at.real >= 0 && s->at.real <= LATEST) ||
	    !isfinite(s->at.mono) || s->began.agent < 0 || s->began.agent > LATEST ||
	    s->n_collectors > MAX_COLLECTORS ||
	    s->n_domains > MAX_DOMAINS || s->n_tracking > MAX_TRACKED ||
	    s->n_migrations > MAX_RECENT || s->n_trace_cpus > MAX_TRACE_CPUS)
		return 0;
	for (size_t i = 0; i < s->n_collectors; i++)
		if (!ENDS(s->collector[i].name) || !ENDS(s->collector[i].error))
			return 0;
	return ENDS(h->xen_version) && ENDS(h->xen_extra) && ENDS(h->cpu_model) && ENDS(h->boot_id) &&
	       ENDS(h->cmdline) && ENDS(h->notes) && check_features(&s->features);
}

static int
check_domain(const struct sample_domain *d)
{
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (!UP_TO(d->feature[i].exposed, YES) || !UP_TO(d->feature[i].active, YES))
			return 0;
	return ENDS(d->uuid) && ENDS(d->name) && UP_TO(d->kind, DOMAIN_HVM) && ENDS(d->state);
}

static int
check_record(const struct migration_record *r)
{
	const struct evidence *e = &r->evidence;

	return IS_BOOL(e->suspended) && IS_BOOL(e->complete) && IS_BOOL(e->told) &&
	       IS_BOOL(e->aborted) && IS_BOOL(e->away) && ENDS(r->id) && ENDS(r->uuid) && ENDS(r->name) &&
	       UP_TO(r->direction, DIRECTION_PROBE) && UP_TO(r->toolstack, TOOLSTACK_LIBVIRT) &&
	       UP_TO(r->tracking_mode, TRACKING_SHADOW) &&
	       UP_TO(r->mode_source, MODE_SOURCE_TRACE) && UP_TO(r->result, RESULT_LOST) &&
	       ENDS(r->reason) && IS_BOOL(r->final.begun) &&
	       UP_TO(r->downtime_source, DOWNTIME_SUSPEND_TO_RESUME) &&
	       UP_TO(r->released_source, RELEASE_DOMAIN_LIST) &&
	       UP_TO(r->stop_reason, STOP_LONG_ROUND) && UP_TO(r->rounds_source, SOURCE_COUNT - 1) &&
	       IS_BOOL(r->tracking_left_on) && UP_TO(r->origin, ORIGIN_LOG) && ENDS(r->cpu_model) &&
	       ENDS(r->xen_version) && ENDS(r->xen_extra) && ENDS(r->boot_id) &&
	       ENDS(r->mode_note) && r->n_rounds <= MAX_ROUNDS;
}

int
wire_check(enum wire_kind kind, const void *element)
{
	const struct sample_tracking *t = element;
	const struct sample_migration *m = element;
	const struct round *round = element;

	switch (kind) {
	case WIRE_SAMPLE:
		return check_sample(element);
	case WIRE_DOMAINS:
		return check_domain(element);
	case WIRE_TRACKING:
		return ENDS(t->uuid);
	case WIRE_MIGRATIONS:
		return ENDS(m->uuid) && UP_TO(m->direction, DIRECTION_PROBE);
	case WIRE_TRACE_CPUS: /* numbers */
		return 1;
	case WIRE_RECORD:
		return check_record(element);
	case WIRE_ROUNDS:
		return IS_BOOL(round->seen) && IS_BOOL(round->forecast.made) &&
		       UP_TO(round->forecast.outlook, OUTLOOK_DIVERGES);
	case WIRE_SAMPLE_END:
	case WIRE_RECORD_END:
	case WIRE_KINDS:
		break;
	}
	return 0;
}
