/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The collectors over a made hypervisor, tick by tick: for their tests. */
#ifndef COLLECTED_H
#define COLLECTED_H

#include "base/util.h"
#include "collect/collector.h"
#include "config/config.h"
#include "tests/fake_hv.h"

static struct fake_hv *f;
static struct collectors *c;
static struct sample *s; /* of the last tick */

/* With one option set; option may be NULL. */
static void
begin(const char *option, const char *value)
{
	struct config config;

	config_init(&config);
	if (option)
		(void) config_set(&config, option, value);
	f = fake_hv_new();
	c = collectors_new(&config);
	config_done(&config);
}

static void
end(void)
{
	collectors_free(c);
	f->hv.ops->close(&f->hv);
	sample_free(TAKE_PTR(s));
}

static void
tick(double mono)
{
	const struct tick now = {mono, 1800000000 + mono};

	sample_free(s);
	s = sample_new(&now);
	collectors_run(c, &f->hv, &now, s);
}

#endif
