/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A made-up host for tests of what comes after the collectors. */
#ifndef MADE_UP_H
#define MADE_UP_H

#include <stdio.h>

#include "base/utf8.h"
#include "base/util.h"
#include "metrics/sample.h"

/* A name as an attacker would choose it. */
#define HOSTILE_NAME "a\"b\\c</script><b>\xc3\xa9\xff\x01'"

static void
made_up_domain(struct sample *s, unsigned i)
{
	struct sample_domain *d = sample_add_domain(s);

	(void) snprintf(d->uuid, sizeof(d->uuid), "00000000-0000-0000-0000-%012u", i);
	(void) snprintf(d->name, sizeof(d->name), i == 1 ? HOSTILE_NAME : "vm%u", i);
	d->domid = i;
	d->kind = i == 0 ? DOMAIN_PV : DOMAIN_HVM;
	str_copy(d->state, sizeof(d->state), "running");
	d->feature[FEATURE_SMAP].exposed = YES;
	d->feature[FEATURE_SMAP].active = i % 2 ? YES : NO;
	d->value[METRIC_AT(M_DOMAIN_CPU, DOMAIN)] = i + 0.1;
	d->value[METRIC_AT(M_DOMAIN_VCPUS, DOMAIN)] = 2;
}

static __attribute__((unused)) struct sample *
made_up_sample(unsigned domains)
{
	struct tick now = tick_now();
	struct sample *s = sample_new(&now);
	struct sample_tracking *t = sample_add_tracking(s);
	struct sample_migration *m = sample_add_migration(s);

	s->replay = true;
	str_copy(s->host.xen_version, sizeof(s->host.xen_version), "4.17.7");
	str_copy(s->host.cpu_model, sizeof(s->host.cpu_model), "Made-up CPU");
	str_copy(s->host.cmdline, sizeof(s->host.cmdline), "smap=hvm");
	str_copy(s->host.notes, sizeof(s->host.notes), "first note\nsecond note\n");
	s->host.value[METRIC_AT(M_HOST_CPUS, HOST)] = 4;
	s->features.feature[FEATURE_SMAP].cpu = YES;
	s->features.feature[FEATURE_SMAP].host = YES;
	s->features.feature[FEATURE_SMAP].xen = NO;
	s->features.feature[FEATURE_SMAP].hvm = YES;
	s->features.feature[FEATURE_SMAP].confidence = CONFIDENCE_EXACT;
	str_copy(s->features.feature[FEATURE_SMAP].reason, REASON_SIZE,
	    "smap=hvm on Xen's command line");
	s->features.pml.state = PML_IN_USE;
	s->features.pml.source = BOOT_SOURCE_RING;
	str_copy(s->features.speculation, SPECULATION_SIZE,
	    "Speculative mitigation facilities:\n  Xen settings: BTI-Thunk\n");
	s->n_collectors = 2;
	str_copy(s->collector[0].name, sizeof(s->collector[0].name), "host");
	str_copy(s->collector[1].name, sizeof(s->collector[1].name), "xenstat");
	str_copy(s->collector[1].error, sizeof(s->collector[1].error), "not there");
	for (unsigned i = 0; i < domains; i++)
		made_up_domain(s, i);
	str_copy(t->uuid, sizeof(t->uuid), "00000000-0000-0000-0000-000000000002");
	t->value[METRIC_AT(M_TRACKING_ROUNDS, TRACKING)] = 3;
	str_copy(m->uuid, sizeof(m->uuid), t->uuid);
	m->direction = DIRECTION_SAVE;
	sample_add_trace_cpu(s)->cpu = 3;
	return s;
}

static __attribute__((unused)) void
made_up_record(struct migration_record *r, unsigned number, unsigned rounds)
{
	record_init(r);
	(void) snprintf(r->id, sizeof(r->id), "m-%u", number);
	str_copy(r->uuid, sizeof(r->uuid), "00000000-0000-0000-0000-000000000002");
	utf8_clean(r->name, sizeof(r->name), HOSTILE_NAME); /* as the state machine does */
	r->domid = 2;
	r->toolstack = TOOLSTACK_XL;
	r->tracking_mode = TRACKING_PML;
	r->mode_source = MODE_SOURCE_INFERRED;
	r->rounds_source = SOURCE_BPF;
	r->origin = ORIGIN_REPLAY;
	r->started = 1700000000.25;
	for (unsigned i = 0; i < rounds; i++) {
		struct round *round = record_add_round(r);

		round->seen = true;
		round->seconds = i;
		round->pages_dirtied = 100 * (int64_t) i;
	}
}

#endif
