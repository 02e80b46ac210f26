/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hypervisor for measurements: its answers come at no cost, and each tick finds other ones. */
#ifndef BUSY_HOST_H
#define BUSY_HOST_H

#include "base/util.h"
#include "tests/fake_hv.h"

/* Every value that can change does; CPU time by nanoseconds, as Xen counts it. */
static inline void
busy_host_go_on(struct fake_hv *f)
{
	for (size_t i = 0; i < f->n_domains; i++) {
		struct hv_domain *d = &f->domain[i].d;

		d->cpu_ns += 1000003137u + 7919u * i;
		d->pages = 262144 + (d->pages + 17 * i + 1) % 4096;
		d->online_vcpus = 1 + (d->online_vcpus + (uint32_t) i) % 8;
		d->paused = !d->paused;
	}
}

static inline struct fake_hv *
busy_host_new(unsigned domains)
{
	struct fake_hv *f = fake_hv_new();

	for (unsigned i = 0; i < domains; i++) {
		struct hv_domain *d = &fake_hv_add(f, i)->d;
		uint32_t scattered = i * 2654435761u; /* odd, so that no two have the same */

		d->cpu_ns = 86400000000000u * (i % 400);
		memcpy(d->uuid, &scattered, sizeof(scattered));
	}
	busy_host_go_on(f);
	return f;
}

#endif
