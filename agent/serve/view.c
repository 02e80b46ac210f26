/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/view.h"

#include "base/util.h"

static void
record_free(struct migration_record *r)
{
	record_done(r);
	free(r);
}

void
view_done(struct view *v)
{
	sample_free(TAKE_PTR(v->sample));
	while (v->n_running > 0)
		record_free(v->running[--v->n_running]);
	pages_done(&v->pages);
}

void
view_set_sample(struct view *v, struct sample *s)
{
	sample_free(v->sample);
	v->sample = s;
	v->generation++;
}

static void
forget(struct view *v, size_t i)
{
	record_free(v->running[i]);
	v->n_running--;
	memmove(v->running + i, v->running + i + 1, (v->n_running - i) * sizeof(*v->running));
}

void
view_set_record(struct view *v, struct migration_record *r)
{
	size_t i = 0;

	v->generation++;
	while (i < v->n_running && strcmp(v->running[i]->id, r->id) != 0)
		i++;
	if (i < v->n_running)
		forget(v, i);
	if (r->result != RESULT_RUNNING) {
		record_free(r);
		return;
	}
	if (v->n_running == MAX_RUNNING)
		forget(v, 0);
	v->running[v->n_running++] = r;
}

void
view_set_stale(struct view *v)
{
	v->generation++;
	if (v->sample)
		v->sample->stale = true;
}
