/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serving.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/usage.h"
#include "base/util.h"
#include "serve/link.h"
#include "serve/serve.h"
#include "serve/view.h"

#define MAX_RESTART_DELAY 60.0 /* seconds */
#define TAKE_OVER_SECONDS 3.0  /* until the serve half of an agent that was killed has made room */
#define HEALTHY_SECONDS 60.0   /* a serve half that lasted this long is restarted at once */

struct serving {
	const struct config *config;
	struct loop *loop;
	struct serve_sockets sockets;
	struct link_writer *link; /* NULL: it is away */
	int link_fd;
	pid_t pid; /* 0: it is away */
	double started, restart_delay; /* seconds */
	int restart_timer;
	struct trouble unread; /* files of keys and tokens that are another than those in use */
	struct view shown; /* of it the migrations under way, for a serve half that is started again */
};

static int
start(struct serving *s)
{
	int r = serve_start(s->config, &s->sockets, &s->pid, &s->link_fd);

	if (r < 0) {
		log_err("agent", "cannot start the serving process: %s", strerror(-r));
		return r;
	}
	s->link = link_writer_new(s->loop, s->link_fd);
	s->started = tick_now().mono;
	for (size_t i = 0; i < s->shown.n_running; i++)
		link_send_record(s->link, s->shown.running[i]);
	return 0;
}

static int
listen_all(struct serving *s, bool patient)
{
	const char *where = "";
	double until = tick_now().mono + TAKE_OVER_SECONDS;
	int r;

	while ((r = serve_listen(s->config, &s->sockets, &where)) == -EADDRINUSE && patient && tick_now().mono < until)
		(void) poll(NULL, 0, 20);
	if (r < 0)
		log_err("agent", "%s", where);
	for (size_t i = 0; r == 0 && i < s->sockets.n; i++)
		log_info("agent", "listening on %s", s->sockets.where[i]);
	return r;
}

int
serving_start(const struct config *config, struct loop *loop, bool patient, struct serving **ret)
{
	struct serving *s = xcalloc(1, sizeof(*s));
	int r;

	s->config = config;
	s->loop = loop;
	s->link_fd = s->restart_timer = -1;
	s->restart_delay = 1;
	r = listen_all(s, patient);
	if (r == 0)
		r = start(s);
	if (r < 0) {
		serving_end(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* The process first: when the link ends it would be left alone with stale figures. It has nothing to finish, and one
 * that somebody has taken over or stopped could let every other signal wait, and us with it. */
static void
stop(struct serving *s)
{
	if (s->pid > 0) {
		(void) kill(s->pid, SIGKILL);
		(void) waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
	link_writer_free(TAKE_PTR(s->link));
	closep(&s->link_fd);
}

void
serving_end(struct serving *s)
{
	if (!s)
		return;
	stop(s);
	serve_sockets_close(&s->sockets);
	view_done(&s->shown);
	free(s);
}

void
serving_record(struct serving *s, const struct migration_record *r)
{
	struct migration_record *copy = xcalloc(1, sizeof(*copy));

	record_copy(copy, r);
	view_set_record(&s->shown, copy);
	if (s->link)
		link_send_record(s->link, r);
}

void
serving_usage(const struct serving *s, struct sample *sample)
{
	if (s->pid > 0)
		sample->serve[METRIC_AT(M_SERVE_MEMORY, SERVE)] = usage_resident_bytes(s->pid);
}

static void
restart(void *arg, uint32_t events, const struct tick *now)
{
	struct serving *s = arg;

	(void) events;
	(void) now;
	if (start(s) < 0)
		return; /* the timer comes again */
	loop_cancel(s->loop, s->restart_timer);
	s->restart_timer = -1;
}

static void
start_later(struct serving *s)
{
	s->restart_timer = loop_every(s->loop, s->restart_delay, MAX_RESTART_DELAY, restart, s);
	s->restart_delay = MIN(s->restart_delay * 2, MAX_RESTART_DELAY);
}

/* A serve half that has the new keys and tokens takes the place of the one that has the old ones. The sockets stay, and
 * who connects meanwhile is kept waiting by the kernel. */
static void
renew(struct serving *s)
{
	const char *why = "";
	int r = serve_renew(s->config, &s->sockets, &why);

	if (r == -EAGAIN)
		complain(&s->unread, "agent", "%s; the keys and tokens from before stay in use, will try again", why);
	else if (r < 0)
		log_err("agent", "%s; the keys and tokens from before stay in use", why);
	else
		complain_over(&s->unread, "agent", "reading keys and tokens");
	if (r <= 0)
		return;
	log_info("agent", "the keys and tokens have changed and are in use");
	if (s->pid <= 0)
		return; /* it is about to be started, with these */
	stop(s);
	if (start(s) < 0)
		start_later(s);
}

/* What is new is exchanged here, where the new serve half gets a sample at once. */
void
serving_sample(struct serving *s, const struct sample *sample)
{
	renew(s);
	if (s->link)
		link_send_sample(s->link, sample);
}

void
serving_child_ended(struct serving *s, const struct tick *now)
{
	int status;

	if (s->pid <= 0 || waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	s->pid = 0;
	link_writer_free(TAKE_PTR(s->link));
	closep(&s->link_fd);
	if (now->mono - s->started > HEALTHY_SECONDS)
		s->restart_delay = 1;
	log_err("agent", "the serving process ended (%s %d), starting it again in %.0f s",
	    WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	    s->restart_delay);
	start_later(s);
}
