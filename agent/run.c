/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>

#include "agent.h"
#include "base/log.h"
#include "base/util.h"
#include "keeper.h"
#include "serve/rights.h"

#define REPLAY_PERIOD 0.05 /* seconds between two looks into a capture */

struct run {
	const struct config *config;
	struct loop *loop;
	struct agent *agent;
	struct hv *hv;
	double step;

	/* replay */
	char *const *file;
	size_t n_files, next_file;
	double ends; /* CLOCK_MONOTONIC: when the capture that is playing is over */
};

static void
on_signal(void *arg, uint32_t number, const struct tick *now)
{
	struct run *run = arg;

	if (number == SIGCHLD)
		agent_child_ended(run->agent, now);
	else
		loop_stop(run->loop, 0);
}

static int
watch_signals(struct run *run)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGCHLD, 0};

	(void) signal(SIGPIPE, SIG_IGN);
	return loop_signals(run->loop, signals, on_signal, run);
}

static void
on_tick(void *arg, uint32_t events, const struct tick *now)
{
	struct run *run = arg;

	(void) events;
	agent_tick(run->agent, now);
}

static void
on_change(void *arg, uint32_t events, const struct tick *now)
{
	struct run *run = arg;

	(void) events;
	(void) now;
	if (agent_changes(run->agent) == -EAGAIN)
		return;
	log_warn("hv", "xenstore is gone: names of domains are no longer followed; restart the agent when it is back");
	loop_remove(run->loop, run->hv->ops->change_fd(run->hv));
}

/* What cannot be seen without a hypervisor is everything: a clear end instead of an empty page. */
static int
open_xen(struct hv **ret_hv, const char **ret_note)
{
	int r = hv_xen_open(ret_hv, ret_note);

	if (r == -ENOSYS)
		log_err("hv", "this xenscoped was built without Xen's libraries: it can only play captures "
			      "(--replay=FILE)");
	else if (r < 0)
		log_err("hv", "no hypervisor to be reached through /dev/xen/privcmd (%s): run as root in Dom0, "
			      "or play a capture (--replay=FILE)", strerror(-r));
	return r;
}

static int
loop_until_signal(struct run *run)
{
	int r = loop_run(run->loop);

	if (r < 0)
		log_err("agent", "the main loop failed: %s", strerror(-r));
	return r < 0 ? 1 : r;
}

static int
begin(struct run *run)
{
	int r = loop_new(&run->loop);

	run->step = (double) config_number(run->config, OPTION_step);
	if (r == 0)
		r = watch_signals(run);
	if (r < 0)
		log_err("agent", "%s", strerror(-r));
	return r;
}

static void
end(struct run *run)
{
	agent_free(run->agent);
	hv_closep(&run->hv);
	loop_free(run->loop);
}

/* From here on the agent asks run->hv and listens to all that can be overheard. */
static int
observe(struct run *run, const char *note, bool traces)
{
	int fd;

	if (note)
		log_warn("hv", "%s", note);
	agent_set_hv(run->agent, run->hv, note);
	if (traces)
		agent_trace(run->agent, run->loop);
	agent_observe(run->agent, run->loop);
	fd = run->hv->ops->change_fd(run->hv);
	return fd < 0 ? 0 : loop_add(run->loop, fd, EPOLLIN, on_change, run);
}

/* A hypervisor is looked for before anything is touched, and left alone again: libxenstore's thread must not
 * be there when the serve half is forked. */
static int
probe_xen(void)
{
	_cleanup_(hv_closep) struct hv *hv = NULL;
	const char *note;

	return open_xen(&hv, &note);
}

static void
bound_rights(void)
{
	int r = rights_bound();

	if (r < 0)
		log_warn("agent", "the bounding set of capabilities cannot be reduced: %s", strerror(-r));
}

static int
start_live(struct run *run)
{
	const char *note = NULL;
	int r = probe_xen();

	if (r < 0)
		return r;
	run->agent = agent_new(run->config);
	r = agent_keep(run->agent, false, run->loop);
	if (r == 0)
		r = agent_serve(run->agent, run->loop);
	if (r == 0)
		r = open_xen(&run->hv, &note);
	if (r == 0)
		r = observe(run, note, true);
	if (r >= 0) {
		bound_rights();
		agent_control(run->agent, run->loop);
		agent_publish(run->agent, false);
	}
	return r < 0 ? r : loop_every(run->loop, 0.001, run->step, on_tick, run);
}

int
run_live(const struct config *config)
{
	struct run run = {.config = config};
	int status = 1;

	if (begin(&run) == 0 && start_live(&run) >= 0)
		status = loop_until_signal(&run);
	end(&run);
	return status;
}

/* --- replay --- */

static int
open_capture(const char *file, const struct tick *start, struct hv **ret_hv, const char **ret_note)
{
	int r = hv_replay_open(file, start, ret_hv, ret_note);

	if (r < 0)
		log_err("replay", "%s: %s", file,
		    r == -EBADMSG ? "not a capture that this version can play" : strerror(-r));
	return r;
}

/* The next capture begins to play at *start. */
static int
play_next(struct run *run, const struct tick *start)
{
	const char *file = run->file[run->next_file], *note = NULL;
	struct hv *hv = NULL;
	int r = open_capture(file, start, &hv, &note);

	if (r < 0)
		return r;
	if (note)
		log_warn("replay", "%s: %s", file, note);
	run->next_file = (run->next_file + 1) % run->n_files;
	agent_set_hv(run->agent, hv, "These values are played from a capture; they are not those of this machine.");
	hv_closep(&run->hv);
	run->hv = hv;
	run->ends = start->mono + hv_replay_length(hv);
	return 0;
}

static struct tick
at(const struct tick *now, double mono)
{
	return (struct tick){.mono = mono, .real = tick_real_of(now, mono)};
}

static void
deliver(struct run *run, const struct tick *now)
{
	struct event e;

	(void) agent_changes(run->agent);
	while (hv_replay_next_event(run->hv, &e) == 0)
		agent_event(run->agent, &e, now);
}

/* All that the capture holds up to now, with a tick wherever its recorder had one. */
static void
play(struct run *run, const struct tick *now)
{
	double mono;

	while (hv_replay_step(run->hv, now, &mono) == 0) {
		const struct tick then = at(now, mono);

		deliver(run, &then);
		agent_tick(run->agent, &then);
	}
	deliver(run, now);
}

static void
on_replay(void *arg, uint32_t events, const struct tick *now)
{
	struct run *run = arg;

	(void) events;
	play(run, now);
	if (now->mono >= run->ends && play_next(run, now) < 0)
		loop_stop(run->loop, 1);
}

static int
total_length(const struct run *run, double *ret_seconds)
{
	*ret_seconds = 0;
	for (size_t i = 0; i < run->n_files; i++) {
		_cleanup_(hv_closep) struct hv *hv = NULL;
		const struct tick now = tick_now();
		const char *note;
		int r = open_capture(run->file[i], &now, &hv, &note);

		if (r < 0)
			return r;
		*ret_seconds += hv_replay_length(hv);
	}
	return 0;
}

/* All captures once, as the past: history and journal are there from the first look on. */
static int
play_past(struct run *run)
{
	const struct tick now = tick_now();
	double length, t;
	int r = total_length(run, &length);

	if (r < 0)
		return r;
	t = now.mono - length;
	for (size_t i = 0; i < run->n_files; i++) {
		struct tick then = at(&now, t);

		r = play_next(run, &then);
		if (r < 0)
			return r;
		t = run->ends;
		then = at(&now, t);
		play(run, &then);
	}
	return play_next(run, &now);
}

static int
start_replay(struct run *run)
{
	int r;

	run->agent = agent_new(run->config);
	r = agent_keep(run->agent, true, run->loop);
	if (r == 0)
		r = play_past(run);
	if (r == 0)
		r = agent_serve(run->agent, run->loop);
	agent_publish(run->agent, true);
	if (r == 0)
		r = loop_every(run->loop, 0.001, REPLAY_PERIOD, on_replay, run);
	return r;
}

int
run_replay(const struct config *config, char *const *files, size_t n)
{
	struct run run = {.config = config, .file = files, .n_files = n};
	int status = 1;

	if (begin(&run) == 0 && start_replay(&run) >= 0)
		status = loop_until_signal(&run);
	end(&run);
	return status;
}

/* --- record --- */

static void
record_event(void *arg, const struct event *e)
{
	struct run *run = arg;

	(void) hv_record_event(run->hv, e);
}

static void
record_tick(void *arg, uint32_t events, const struct tick *now)
{
	struct run *run = arg;

	int r = hv_record_status(run->hv);

	if (r < 0) {
		log_err("record", "the capture cannot be written any further: %s", strerror(-r));
		loop_stop(run->loop, 1);
		return;
	}
	hv_record_tick(run->hv, now);
	on_tick(arg, events, now);
}

static void
record_end(void *arg, uint32_t events, const struct tick *now)
{
	struct run *run = arg;

	(void) events;
	(void) now;
	loop_stop(run->loop, 0);
}

/* Xen's trace has one reader. Where an agent runs here it is that one; the file that it has locked tells. */
static bool
is_alone(const struct config *config)
{
	_cleanup_(freep) char *path = keeper_lock_path(config);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool alone = fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0;

	if (!alone)
		log_info("record", "an agent runs on this host: it traces what tracking costs, this capture "
				   "goes without");
	return alone;
}

static int
start_record(struct run *run, int fd, double seconds)
{
	const struct tick now = tick_now();
	struct hv *xen = NULL;
	const char *note = NULL;
	int r = open_xen(&xen, &note);

	if (r < 0)
		return r;
	r = hv_record_open(xen, fd, &now, &run->hv);
	if (r < 0) {
		hv_closep(&xen);
		return r;
	}
	run->agent = agent_new(run->config);
	agent_tap(run->agent, record_event, run);
	r = observe(run, note, is_alone(run->config));
	if (r >= 0)
		r = loop_every(run->loop, 0.001, run->step, record_tick, run);
	if (r >= 0 && seconds > 0)
		r = loop_every(run->loop, seconds, seconds, record_end, run);
	return r;
}

int
run_record(const struct config *config, const char *file, double seconds)
{
	struct run run = {.config = config};
	_cleanup_(closep) int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int status = 1;

	if (fd < 0) {
		log_err("record", "%s: %s", file, strerror(errno));
		return 1;
	}
	if (begin(&run) == 0 && start_record(&run, fd, seconds) >= 0) {
		log_info("record", "recording to %s until %s", file, seconds > 0 ? "the time is over" : "a signal");
		status = loop_run(run.loop);
	}
	end(&run);
	return status < 0 ? 1 : status;
}
