/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "collect/collector.h"

#include <math.h>
#include <stdarg.h>

#include "base/log.h"
#include "base/util.h"
#include "collect/collect.h"

#define MIN_BACK_OFF 2.0 /* seconds; a collector of each tick is asked again at the next one */
#define LIMIT_FACTOR 8	 /* of the normal interval */
#define MIN_LIMIT 60.0	 /* seconds */

enum collector_id {
#define COLLECTOR(id, ...) COLLECTOR_##id,
#include "collect/collectors.def"
	COLLECTOR_COUNT
};

_Static_assert(COLLECTOR_COUNT <= MAX_COLLECTORS, "a sample holds them all");

static const struct {
	const char *name;
	double interval;
} table[COLLECTOR_COUNT] = {
#define COLLECTOR(id, name, interval) [COLLECTOR_##id] = {name, interval},
#include "collect/collectors.def"
};

struct schedule {
	double interval, due; /* CLOCK_MONOTONIC */
	struct sample_collector says;
	struct trouble trouble;
};

struct collectors {
	struct schedule schedule[COLLECTOR_COUNT];
#define COLLECTOR(id, ...) struct id *id;
#include "collect/collectors.def"
};

double
collector_next_interval(double normal, double current, int result)
{
	if (result >= 0 || result == -ENODATA)
		return normal;
	return MIN(MAX(current * 2, MIN_BACK_OFF), MAX(normal * LIMIT_FACTOR, MIN_LIMIT));
}

struct collectors *
collectors_new(const struct config *config)
{
	struct collectors *c = xcalloc(1, sizeof(*c));

	for (int i = 0; i < COLLECTOR_COUNT; i++) {
		c->schedule[i].interval = table[i].interval;
		c->schedule[i].due = -INFINITY;
		str_copy(c->schedule[i].says.name, sizeof(c->schedule[i].says.name), table[i].name);
	}
#define COLLECTOR(id, ...) c->id = id##_new(config);
#include "collect/collectors.def"
	return c;
}

void
collectors_free(struct collectors *c)
{
	if (!c)
		return;
#define COLLECTOR(id, ...) id##_free(c->id);
#include "collect/collectors.def"
	free(c);
}

int
collect_failed(struct collect *in, int r, const char *what)
{
	if (!in->error[0]) /* of several failures the first is told */
		(void) snprintf(in->error, sizeof(in->error), "%s: %s", what, strerror(-r));
	return r;
}

void
collect_note(struct sample *s, const char *format, ...)
{
	size_t at = strlen(s->host.notes), room = sizeof(s->host.notes) - at;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(s->host.notes + at, room, format, ap);
	va_end(ap);
	if (n < 0 || (size_t) n + 1 >= room) {
		s->host.notes[at] = '\0';
		return;
	}
	s->host.notes[at + (size_t) n] = '\n';
	s->host.notes[at + (size_t) n + 1] = '\0';
}

/* Takes note of a run that began at this time and ended just now. */
static void
end_run(struct schedule *t, enum collector_id id, struct collect *in, double began, int r)
{
	bool failed = r < 0 && r != -ENODATA;

	if (failed)
		(void) collect_failed(in, r, table[id].name);
	if (failed)
		complain(&t->trouble, "collect", "%s: %s", table[id].name, in->error);
	else
		complain_over(&t->trouble, "collect", table[id].name);
	t->interval = collector_next_interval(table[id].interval, t->interval, r);
	t->due = in->now->mono + t->interval;
	str_copy(t->says.error, sizeof(t->says.error), r < 0 ? in->error : "");
	t->says.value[METRIC_AT(M_COLLECTOR_UP, COLLECTOR)] = !failed;
	t->says.value[METRIC_AT(M_COLLECTOR_DURATION, COLLECTOR)] = tick_now().mono - began;
}

void
collectors_run(struct collectors *c, struct hv *hv, const struct tick *now, struct sample *s)
{
#define COLLECTOR(id, ...)                                                                         \
	if (c->schedule[COLLECTOR_##id].due <= now->mono) {                                        \
		struct collect in = {.hv = hv, .now = now, .sample = s};                           \
		double began = tick_now().mono;                                                    \
		int r = id##_collect(c->id, &in);                                                  \
                                                                                                   \
		end_run(&c->schedule[COLLECTOR_##id], COLLECTOR_##id, &in, began, r);              \
	}                                                                                          \
	id##_fill(c->id, s);
#include "collect/collectors.def"
	for (int i = 0; i < COLLECTOR_COUNT; i++)
		s->collector[i] = c->schedule[i].says;
	s->n_collectors = COLLECTOR_COUNT;
	s->replay = hv->replay;
	s->host.value[METRIC_AT(M_AGENT_HYPERCALLS, HOST)] = (double) hv->hypercalls;
	s->host.value[METRIC_AT(M_AGENT_XENSTORE, HOST)] = (double) hv->xenstore_reads;
	s->host.value[METRIC_AT(M_SAMPLE_TIME, HOST)] = now->real;
}

void
collectors_change(struct collectors *c, struct hv *hv, const struct hv_change *change)
{
	(void) hv;
	/* domains that came or went are in the next list without more ado */
	if (change->name)
		domain_name_changed(c->domain, change->domid);
}

void
collectors_set_tracked(struct collectors *c, uint32_t domid, bool tracked)
{
	domain_set_tracked(c->domain, domid, tracked);
}
