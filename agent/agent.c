/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "agent.h"

#include <errno.h>
#include <math.h>
#include <signal.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/usage.h"
#include "base/util.h"
#include "collect/collector.h"
#include "keeper.h"
#include "notify/notify.h"
#include "observe/forecasts.h"
#include "observe/migration.h"
#include "observe/observer.h"
#include "observe/observers.h"
#include "observe/proc_helper.h"
#include "observe/trace.h"
#include "observe/trace_decode.h"
#include "probe/prober.h"
#include "publish/rrdd.h"
#include "serving.h"
#include "store/journal.h"

struct agent {
	const struct config *config;
	struct hv *hv;
	const char *hv_note;
	struct collectors *collectors;
	struct migrations *migrations;
	struct observers *observers; /* NULL: it listens to nobody, as in a replay */
	struct trace *trace; /* NULL: not on this host, or not wanted */
	uint64_t events;
	double due; /* of the next tick, CLOCK_MONOTONIC; 0: of the first */
	double began; /* the first tick, seconds since 1970; 0: there was none */
	event_fn *tap;
	void *tap_arg;
	struct prober *prober;
	struct keeper *keeper;
	struct notifier *notifier; /* NULL: it keeps nothing, as while it records */
	struct serving *serving;
	struct rrdd *rrdd; /* NULL: xcp-rrdd is not told */
};

static void
log_record(enum record_change change, const struct migration_record *r)
{
	const char *part = r->direction == DIRECTION_PROBE ? "probe" : "migration";

	if (change == RECORD_BEGUN)
		log_info(part, "%s: domain %u (%s): begun", r->id, r->domid, r->name);
	else if (change == RECORD_ENDED)
		log_info(part, "%s: domain %u (%s): %s, %d rounds%s%s", r->id, r->domid, r->name,
		    record_result_name(r->result), r->rounds_begun, *r->reason ? ": " : "", r->reason);
}

static void
on_record(void *arg, enum record_change change, const struct migration_record *r, const struct round *round)
{
	struct agent *a = arg;

	(void) round;
	if (a->keeper)
		keeper_record(a->keeper, change, r);
	if (a->notifier) /* before the serve half learns of the record, and so of the event */
		notifier_record(a->notifier, change == RECORD_BEGUN, r);
	if (!a->notifier || r->direction == DIRECTION_PROBE)
		log_record(change, r);
	if (a->collectors)
		collectors_set_tracked(a->collectors, r->domid, migrations_tracked(a->migrations, r->domid));
	if (a->serving)
		serving_record(a->serving, r);
}

/* --- life and death --- */

struct agent *
agent_new(const struct config *config)
{
	struct agent *a = xcalloc(1, sizeof(*a));

	a->config = config;
	a->migrations = migrations_new(on_record, a);
	return a;
}

int
agent_keep(struct agent *a, bool replay, struct loop *loop)
{
	int r = migrations_set_stop_rule(a->migrations, config_text(a->config, OPTION_stop_rule), XAPI_INVENTORY);

	if (r == 0) /* else the command line's check has let something pass */
		r = MIN(usage_give_back(loop), 0);
	if (r < 0)
		return r;
	a->keeper = keeper_new();
	a->notifier = notifier_new(a->config, replay, loop);
	r = keeper_open(a->keeper, a->config, a->migrations);
	return r < 0 ? r : notifier_open(a->notifier, keeper_dir(a->keeper), keeper_gid(a->keeper));
}

void
agent_free(struct agent *a)
{
	if (!a)
		return;
	prober_free(a->prober); /* while there are observers */
	rrdd_free(a->rrdd);
	serving_end(a->serving);
	observers_free(a->observers);
	trace_free(a->trace);
	migrations_free(a->migrations);
	collectors_free(a->collectors);
	keeper_free(a->keeper);
	notifier_free(a->notifier);
	free(a);
}

void
agent_set_hv(struct agent *a, struct hv *hv, const char *hv_note)
{
	collectors_free(a->collectors);
	a->collectors = hv ? collectors_new(a->config) : NULL;
	a->hv = hv;
	a->hv_note = hv_note;
}

void
agent_tap(struct agent *a, event_fn *fn, void *arg)
{
	a->tap = fn;
	a->tap_arg = arg;
}

/* --- events --- */

/* What only this moment can tell: a domain that is received may be gone before the next tick lists it, a helper that
 * has sent its last byte soon is. */
static void
complete(struct agent *a, struct event *e)
{
	uint8_t uuid[16];

	if (!a->hv || a->hv->replay)
		return;
	if (e->kind == EVENT_SHADOW_OP && e->source < SOURCE_LOG && e->pid > 0)
		e->written = proc_written(e->pid);
	if (e->kind == EVENT_PROCESS_BEGIN && !*e->uuid && a->hv->ops->domain_uuid(a->hv, e->domid, uuid) == 0)
		uuid_format(uuid, e->uuid);
}

void
agent_event(struct agent *a, const struct event *seen, const struct tick *now)
{
	struct event e = *seen;

	complete(a, &e);
	a->events++;
	if (a->tap)
		a->tap(a->tap_arg, &e);
	migrations_event(a->migrations, &e, now);
	if (a->prober)
		prober_event(a->prober, &e); /* a probe that gives way to a migration, before that is traced */
	if (a->trace)
		trace_event(a->trace, &e, now);
}

static void
on_window(void *arg, const struct event *e)
{
	const struct tick now = tick_now();

	agent_event(arg, e, &now);
}

/* notes holds one sentence a line. */
static void
add_note(char *notes, size_t size, const char *text)
{
	size_t n = strlen(notes);

	if (*text)
		(void) snprintf(notes + n, size - n, "%s%s", n ? "\n" : "", text);
}

static void
on_observed(void *arg, const struct event *e, const struct tick *now)
{
	agent_event(arg, e, now);
}

void
agent_observe(struct agent *a, struct loop *loop)
{
	double last_seen = a->keeper ? keeper_last_seen(a->keeper) : NAN;

	a->observers = observers_new(on_observed, a);
	observers_open(a->observers, a->config, a->migrations, last_seen, loop);
}

static void
look(void *arg)
{
	const struct tick now = tick_now();
	struct agent *a = arg;

	if (a->observers)
		observers_read(a->observers, &now);
}

void
agent_trace(struct agent *a, struct loop *loop)
{
	struct hv_physinfo info = {.cpu_khz = 0};

	trace_buffers_xen_settle(TRACE_MASK);
	if (config_bool(a->config, OPTION_trace) && a->hv->ops->physinfo(a->hv, &info) == 0)
		a->trace = trace_new(a->config, loop, trace_buffers_xen_open, info.cpu_khz, on_window, a);
	if (a->trace)
		trace_set_look(a->trace, look, a);
}

/* --- probe and untrack --- */

static uint64_t
lost_operations(void *arg)
{
	return observers_lost(((struct agent *) arg)->observers, SOURCE_BPF);
}

static bool
was_left_on(void *arg, const struct guest_id *guest)
{
	struct agent *a = arg;
	char boot_id[UUID_SIZE];

	return a->hv->ops->boot_id(a->hv, boot_id) == 0 &&
	    journal_left_on(keeper_dir(a->keeper), guest->uuid, guest->domid, boot_id);
}

static void
follow(void *arg, uint32_t domid, bool on, const struct tick *now)
{
	trace_follow(((struct agent *) arg)->trace, domid, on, now);
}

void
agent_control(struct agent *a, struct loop *loop)
{
	const struct probe_hooks hooks = {.arg = a, .migrations = a->migrations, .look = look, .lost = lost_operations,
	    .follow = a->trace ? follow : NULL, .left_on = was_left_on, .clock = tick_now, .root = ""};

	a->prober = prober_new(a->config, &hooks, a->hv, loop);
}

int
agent_changes(struct agent *a)
{
	struct hv_change change;
	int r;

	while ((r = a->hv->ops->next_change(a->hv, &change)) == 0)
		collectors_change(a->collectors, a->hv, &change);
	return r;
}

/* --- a tick --- */

static void
self(const struct agent *a, struct sample *s)
{
	double *value = s->host.value;

	value[METRIC_AT(M_AGENT_CPU, HOST)] = usage_cpu_seconds();
	value[METRIC_AT(M_AGENT_MEMORY, HOST)] = usage_resident_bytes(getpid());
	value[METRIC_AT(M_AGENT_EVENTS, HOST)] = (double) a->events;
	value[METRIC_AT(M_AGENT_LOST, HOST)] = a->observers ? (double) observers_lost(a->observers, SOURCE_NONE) : 0;
	if (a->serving)
		serving_usage(a->serving, s);
	add_note(s->host.notes, sizeof(s->host.notes), a->hv_note ? a->hv_note : "");
	add_note(s->host.notes, sizeof(s->host.notes), a->observers ? observers_notes(a->observers) : "");
	add_note(s->host.notes, sizeof(s->host.notes), a->prober ? prober_note(a->prober) : "");
	if (a->trace) {
		trace_sample(a->trace, s);
		add_note(s->host.notes, sizeof(s->host.notes), trace_trouble(a->trace));
	}
}

static void
notify(struct agent *a, struct sample *s)
{
	if (a->trace)
		notifier_trace(a->notifier, trace_trouble(a->trace));
	notifier_sample(a->notifier, a->hv, s);
}

/* Helpers of which no observer speaks, as those of records that an earlier agent left open. */
static void
look_after_helpers(struct agent *a, const struct tick *now)
{
	pid_t pids[64];
	size_t n = migrations_unwatched(a->migrations, pids, ARRAY_SIZE(pids));

	for (size_t i = 0; i < n; i++)
		if (kill(pids[i], 0) < 0 && errno == ESRCH) {
			struct event e = {.kind = EVENT_PROCESS_END, .source = SOURCE_PROCESS, .at = now->mono,
			    .seconds = NAN, .pid = pids[i]};

			migrations_event(a->migrations, &e, now);
		}
}

/* Those too that were tracked before this agent: before the second tick, in which it may read a guest's CR4. */
static void
mark_tracked(struct agent *a, const struct sample *s)
{
	for (size_t i = 0; i < s->n_domains; i++)
		if (s->domain[i].value[METRIC_AT(M_DOMAIN_TRACKED, DOMAIN)] == 1)
			collectors_set_tracked(a->collectors, s->domain[i].domid, true);
}

void
agent_tick(struct agent *a, const struct tick *now)
{
	struct sample *s = sample_new(now);

	if (a->began == 0)
		a->began = now->real;
	s->began.agent = a->began;
	if (!a->hv->replay)
		s->host.value[METRIC_AT(M_AGENT_TICK_DELAY, HOST)] =
		    tick_delay(&a->due, (double) config_number(a->config, OPTION_step), tick_now().mono);
	if (a->observers)
		observers_read(a->observers, now); /* perf's wake-ups are edges, of which one may be lost */
	collectors_run(a->collectors, a->hv, now, s);
	if (!a->hv->replay)
		look_after_helpers(a, now);
	if (a->trace)
		trace_tick(a->trace, now);
	migrations_tick(a->migrations, s);
	if (a->prober)
		prober_tick(a->prober);
	mark_tracked(a, s);
	self(a, s);
	if (a->notifier)
		notify(a, s);
	if (a->keeper)
		keeper_sample(a->keeper, s);
	if (a->serving)
		serving_sample(a->serving, s);
	if (a->rrdd)
		rrdd_publish(a->rrdd, s);
	sample_free(s);
}

/* --- who is shown it --- */

void
agent_publish(struct agent *a, bool replay)
{
	const char *dir = config_text(a->config, OPTION_rrdd_dir);

	if (*dir && !(replay && strcmp(dir, RRDD_DIR) == 0))
		a->rrdd = rrdd_new(dir);
}

int
agent_serve(struct agent *a, struct loop *loop)
{
	return serving_start(a->config, loop, a->keeper != NULL, &a->serving);
}

void
agent_child_ended(struct agent *a, const struct tick *now)
{
	if (a->serving)
		serving_child_ended(a->serving, now);
	if (a->notifier)
		notifier_child_ended(a->notifier);
}
