/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/usage.h"
#include "base/util.h"
#include "collect/collector.h"
#include "observe/migration.h"
#include "observe/observer.h"
#include "observe/observers.h"
#include "observe/trace.h"
#include "observe/trace_decode.h"
#include "probe/prober.h"
#include "serve/link.h"
#include "serve/rights.h"
#include "serve/serve.h"
#include "store/journal.h"
#include "store/store.h"

#define MAX_UNSAVED 64	       /* finished records that the journal could not take yet */
#define MAX_RESTART_DELAY 60.0 /* seconds */
#define RECALL_SECONDS 3600.0  /* migrations that ended so long ago are of no interest to the state machine */
#define TAKE_OVER_SECONDS 3.0  /* until the serve half of an agent that was killed has made room */
#define HEALTHY_SECONDS 60.0   /* a serve half that lasted this long is restarted at once */

struct agent {
	const struct config *config;
	char *dir; /* state_dir/public */
	gid_t gid;
	int lock; /* on the directory: two agents would write the same files */

	struct hv *hv;
	const char *hv_note;
	struct collectors *collectors;
	struct migrations *migrations;
	struct observers *observers; /* NULL: it listens to nobody, as in a replay */
	struct trace *trace; /* NULL: not on this host, or not wanted */
	double last_seen; /* seconds since 1970: up to when an earlier agent saw what it left open; NAN: nothing */
	uint64_t events;
	event_fn *tap;
	void *tap_arg;

	struct prober *prober;

	struct store *store;
	struct journal *journal;
	struct migration_record unsaved[MAX_UNSAVED];
	size_t n_unsaved;
	struct trouble store_trouble, journal_trouble;

	struct loop *loop;
	struct serve_sockets sockets;
	struct link_writer *link;
	int link_fd;
	pid_t serve_pid;
	double serve_started, restart_delay; /* seconds */
	int restart_timer;
};

/* --- the journal --- */

static void
finish(struct agent *a, const struct migration_record *r)
{
	int e = a->journal ? journal_finish(a->journal, r) : -EAGAIN; /* a record of its own opening */

	if (e == 0) {
		complain_over(&a->journal_trouble, "journal", "writing");
		return;
	}
	complain(&a->journal_trouble, "journal", "migration %s cannot be written (%s), will try again: make room in %s",
	    r->id, strerror(-e), a->dir);
	if (a->n_unsaved < MAX_UNSAVED)
		record_copy(&a->unsaved[a->n_unsaved++], r);
}

static void
finish_unsaved(struct agent *a)
{
	size_t n = a->n_unsaved;

	a->n_unsaved = 0;
	for (size_t i = 0; i < n; i++) {
		struct migration_record r = a->unsaved[i];

		finish(a, &r);
		record_done(&r);
	}
}

static void
note(struct agent *a, const struct migration_record *r)
{
	int e = journal_note(a->journal, r);

	if (e < 0)
		complain(&a->journal_trouble, "journal", "migration %s cannot be noted (%s): make room in %s", r->id,
		    strerror(-e), a->dir);
}

static void
on_record(void *arg, enum record_change change, const struct migration_record *r, const struct round *round)
{
	const char *part = r->direction == DIRECTION_PROBE ? "probe" : "migration";
	struct agent *a = arg;

	(void) round;
	if (a->dir && change == RECORD_ENDED)
		finish(a, r);
	else if (a->journal)
		note(a, r);
	if (a->collectors)
		collectors_set_tracked(a->collectors, r->domid, migrations_tracked(a->migrations, r->domid));
	if (a->link)
		link_send_record(a->link, r);
	if (change == RECORD_BEGUN)
		log_info(part, "%s: domain %u (%s): begun", r->id, r->domid, r->name);
	else if (change == RECORD_ENDED)
		log_info(part, "%s: domain %u (%s): %s, %d rounds%s%s", r->id, r->domid, r->name,
		    record_result_name(r->result), r->rounds_begun, *r->reason ? ": " : "", r->reason);
	if (change == RECORD_ENDED && r->tracking_left_on)
		log_warn(part, "%s: dirty tracking was left on; the next migration ends it, or: "
		    "xenscope untrack %u", r->id, r->domid);
}

static void
on_open_record(void *arg, struct migration_record *r)
{
	struct agent *a = arg;
	struct tick now = tick_now();

	a->last_seen = fmin(a->last_seen, isnan(r->evidence.last) ? r->started : r->evidence.last);
	migrations_resume(a->migrations, r, proc_watch_alive("", r->pid, r->process_started), &now);
}

/* Newest first. */
static bool
on_finished_record(void *arg, const char *line, size_t n)
{
	struct agent *a = arg;
	struct tick now = tick_now();
	struct migration_record r;
	bool more = true;

	if (record_parse(line, n, &r) == 0) {
		migrations_recall(a->migrations, &r, &now);
		more = !(r.ended < now.real - RECALL_SECONDS);
		record_done(&r);
	}
	return more;
}

static int
open_journal(struct agent *a)
{
	const char *repaired = NULL;
	uint64_t ended, failed;
	int r = journal_open(a->dir, a->gid, on_open_record, a, &a->journal, &repaired);

	if (r < 0) {
		log_err("journal", "cannot open the journal in %s: %s", a->dir, strerror(-r));
		return r;
	}
	if (repaired)
		log_warn("journal", "%s", repaired);
	(void) journal_read(a->dir, on_finished_record, a);
	journal_counts(a->journal, &ended, &failed);
	migrations_set_counts(a->migrations, ended, failed);
	return 0;
}

/* --- life and death --- */

/* The directory that the serve half is shut into: it may read it and nothing else. */
static int
make_directory(struct agent *a)
{
	struct user reader;
	int r;

	a->gid = user_find(a->config, &reader) == 0 && geteuid() == 0 ? reader.gid : getegid();
	a->dir = xasprintf("%s/public", config_text(a->config, OPTION_state_dir));
	r = mkdir_parents(a->dir, 0755);
	if (r == 0 && access(a->dir, W_OK | X_OK) < 0)
		r = -errno;
	if (r < 0) {
		log_err("agent", "cannot write in %s (%s): choose another place with --state-dir=DIR or run as root",
		    a->dir, strerror(-r));
		return r;
	}
	if (geteuid() == 0 && (chown(a->dir, 0, a->gid) < 0 || chmod(a->dir, 0750) < 0))
		log_warn("agent", "%s: cannot set owner or mode: %s", a->dir, strerror(errno));
	return 0;
}

static int
lock_directory(struct agent *a)
{
	int r = 0;

	a->lock = open(a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->lock < 0)
		r = -errno;
	/* the serve half of an agent that was killed holds it for moments, to look for us */
	for (int i = 0; i < 5 && r == 0 && flock(a->lock, LOCK_EX | LOCK_NB) < 0; i++) {
		r = errno == EWOULDBLOCK && i < 4 ? 0 : -errno;
		(void) poll(NULL, 0, 10);
	}
	if (r == -EWOULDBLOCK)
		log_err("agent", "another xenscoped writes in %s: end it, or choose another place with --state-dir=DIR",
		    a->dir);
	else if (r < 0)
		log_err("agent", "%s: %s", a->dir, strerror(-r));
	return r;
}

struct agent *
agent_new(const struct config *config)
{
	struct agent *a = xcalloc(1, sizeof(*a));

	a->config = config;
	a->link_fd = a->restart_timer = a->lock = -1;
	a->restart_delay = 1;
	a->last_seen = NAN;
	a->migrations = migrations_new(on_record, a);
	return a;
}

int
agent_keep(struct agent *a)
{
	int r = make_directory(a);

	if (r == 0)
		r = lock_directory(a);
	if (r == 0)
		r = open_journal(a);
	if (r < 0)
		return r;
	r = store_open(a->dir, (unsigned) config_number(a->config, OPTION_step), a->gid, &a->store);
	if (r < 0)
		log_err("store", "cannot open the RRD files in %s: %s", a->dir, strerror(-r));
	return r;
}

static void
end_serve(struct agent *a)
{
	if (a->serve_pid > 0) { /* before the link ends, which would leave it alone with stale figures */
		(void) kill(a->serve_pid, SIGTERM);
		(void) waitpid(a->serve_pid, NULL, 0);
	}
	link_writer_free(TAKE_PTR(a->link));
	closep(&a->link_fd);
	serve_sockets_close(&a->sockets);
}

void
agent_free(struct agent *a)
{
	if (!a)
		return;
	prober_free(a->prober); /* while there are observers */
	end_serve(a);
	observers_free(a->observers);
	trace_free(a->trace);
	if (a->journal)
		finish_unsaved(a);
	for (size_t i = 0; i < a->n_unsaved; i++)
		record_done(&a->unsaved[i]);
	migrations_free(a->migrations);
	collectors_free(a->collectors);
	journal_close(a->journal);
	store_close(a->store);
	closep(&a->lock);
	free(a->dir);
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

/* Asked now, since a domain that is received may be gone before the next tick lists it. */
static void
identify(struct agent *a, struct event *e)
{
	uint8_t uuid[16];

	if (e->kind == EVENT_PROCESS_BEGIN && !*e->uuid && a->hv && !a->hv->replay &&
	    a->hv->ops->domain_uuid(a->hv, e->domid, uuid) == 0)
		uuid_format(uuid, e->uuid);
}

void
agent_event(struct agent *a, const struct event *seen, const struct tick *now)
{
	struct event e = *seen;

	identify(a, &e);
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
	a->loop = loop;
	a->observers = observers_new(on_observed, a);
	observers_open(a->observers, a->config, a->migrations, a->last_seen, loop);
}

void
agent_trace(struct agent *a, struct loop *loop)
{
	struct hv_physinfo info = {.cpu_khz = 0};

	trace_buffers_xen_settle(TRACE_MASK);
	if (config_bool(a->config, OPTION_trace) && a->hv->ops->physinfo(a->hv, &info) == 0)
		a->trace = trace_new(a->config, loop, trace_buffers_xen_open, info.cpu_khz, on_window, a);
}

/* --- probe and untrack --- */

static void
look(void *arg)
{
	const struct tick now = tick_now();
	struct agent *a = arg;

	observers_read(a->observers, &now);
}

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

	return a->hv->ops->boot_id(a->hv, boot_id) == 0 && journal_left_on(a->dir, guest->uuid, guest->domid, boot_id);
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
	value[METRIC_AT(M_AGENT_MEMORY, HOST)] = usage_resident_bytes();
	value[METRIC_AT(M_AGENT_EVENTS, HOST)] = (double) a->events;
	value[METRIC_AT(M_AGENT_LOST, HOST)] = a->observers ? (double) observers_lost(a->observers, SOURCE_NONE) : 0;
	add_note(s->host.notes, sizeof(s->host.notes), a->hv_note ? a->hv_note : "");
	add_note(s->host.notes, sizeof(s->host.notes), a->observers ? observers_notes(a->observers) : "");
	add_note(s->host.notes, sizeof(s->host.notes), a->prober ? prober_note(a->prober) : "");
	if (a->trace) {
		trace_sample(a->trace, s);
		add_note(s->host.notes, sizeof(s->host.notes), trace_trouble(a->trace));
	}
}

static void
store(struct agent *a, const struct sample *s)
{
	int r = store_write(a->store, s);

	if (r < 0)
		complain(&a->store_trouble, "store", "RRD files in %s: %s", a->dir, strerror(-r));
	else
		complain_over(&a->store_trouble, "store", "writing");
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
	if (a->store)
		store(a, s);
	if (a->n_unsaved)
		finish_unsaved(a);
	if (a->link)
		link_send_sample(a->link, s);
	sample_free(s);
}

/* --- the serve half --- */

static int
start_serve(struct agent *a)
{
	int r = serve_start(a->config, &a->sockets, &a->serve_pid, &a->link_fd);

	if (r < 0) {
		log_err("agent", "cannot start the serving process: %s", strerror(-r));
		return r;
	}
	a->link = link_writer_new(a->loop, a->link_fd);
	a->serve_started = tick_now().mono;
	return 0;
}

int
agent_serve(struct agent *a, struct loop *loop)
{
	const char *where = "";
	double until = tick_now().mono + TAKE_OVER_SECONDS;
	int r;

	a->loop = loop;
	while ((r = serve_listen(a->config, &a->sockets, &where)) == -EADDRINUSE && a->lock >= 0 &&
	    tick_now().mono < until)
		(void) poll(NULL, 0, 20);
	if (r < 0) {
		log_err("agent", "%s", where);
		return r;
	}
	for (size_t i = 0; i < a->sockets.n; i++)
		log_info("agent", "listening on %s", a->sockets.where[i]);
	return start_serve(a);
}

static void
restart_serve(void *arg, uint32_t events, const struct tick *now)
{
	struct agent *a = arg;

	(void) events;
	(void) now;
	if (start_serve(a) < 0)
		return; /* the timer comes again */
	loop_cancel(a->loop, a->restart_timer);
	a->restart_timer = -1;
}

void
agent_child_ended(struct agent *a, const struct tick *now)
{
	int status;

	if (a->serve_pid <= 0 || waitpid(a->serve_pid, &status, WNOHANG) != a->serve_pid)
		return;
	a->serve_pid = 0;
	link_writer_free(TAKE_PTR(a->link));
	closep(&a->link_fd);
	if (now->mono - a->serve_started > HEALTHY_SECONDS)
		a->restart_delay = 1;
	log_err("agent", "the serving process ended (%s %d), starting it again in %.0f s",
	    WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	    a->restart_delay);
	a->restart_timer = loop_every(a->loop, a->restart_delay, MAX_RESTART_DELAY, restart_serve, a);
	a->restart_delay = MIN(a->restart_delay * 2, MAX_RESTART_DELAY);
}
