/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/prober.h"

#include <errno.h>

#include "base/log.h"
#include "base/util.h"
#include "probe/allowed.h"
#include "probe/changes.h"
#include "probe/control.h"
#include "probe/guard.h"
#include "probe/probe.h"
#include "probe/untrack.h"

#define NOBODY (-1)

struct prober {
	struct probe_hooks hooks;
	struct hv *hv;
	struct guard *guard;
	struct probe *probe;
	struct control *control;
	int client; /* who asked for the probe */
};

static void
answer(struct prober *p, int client, enum control_state state, const struct guest_id *guest,
    int error, const char *text)
{
	struct control_reply r;

	memset(&r, 0, sizeof(r));
	r.state = state;
	r.error = error;
	r.pages = UNSEEN;
	if (guest) {
		r.domid = guest->domid;
		str_copy(r.uuid, sizeof(r.uuid), guest->uuid);
		str_copy(r.name, sizeof(r.name), guest->name);
	}
	str_copy(r.text, sizeof(r.text), text);
	control_reply(p->control, client, &r, state != CONTROL_LOCKING);
}

static void
on_news(void *arg, const struct probe_news *news)
{
	static const enum control_state states[] = {[PROBE_BEGUN] = CONTROL_BEGUN,
	    [PROBE_INTERVAL] = CONTROL_INTERVAL,
	    [PROBE_YIELDS] = CONTROL_YIELDS,
	    [PROBE_ENDED] = CONTROL_ENDED};
	struct prober *p = arg;
	struct control_reply r;
	int client = p->client;

	if (client == NOBODY)
		return;
	memset(&r, 0, sizeof(r));
	r.state = states[news->stage];
	r.domid = news->guest->domid;
	r.n = news->n;
	r.result = news->result;
	r.left_on = news->left_on;
	r.pages = news->pages;
	r.seconds = news->seconds;
	r.elapsed = news->elapsed;
	r.wanted = news->wanted;
	str_copy(r.uuid, sizeof(r.uuid), news->guest->uuid);
	str_copy(r.name, sizeof(r.name), news->guest->name);
	str_copy(r.id, sizeof(r.id), news->id);
	str_copy(r.text, sizeof(r.text), news->text ? news->text : "");
	if (news->stage == PROBE_ENDED)
		p->client = NOBODY;
	control_reply(p->control, client, &r, news->stage == PROBE_ENDED);
}

/* --- requests --- */

static void
request_probe(
    struct prober *p, int client, const struct control_request *r, const struct guest_id *guest)
{
	char why[WHY_SIZE] = "";
	int e;

	if (r->seconds < 1 || r->seconds > MAX_PROBE_SECONDS) {
		answer(p, client, CONTROL_REFUSED, guest, -ERANGE,
		    "that is not a number of seconds to probe for");
		return;
	}
	if (probe_runs(p->probe)) {
		answer(p, client, CONTROL_REFUSED, guest, -EBUSY,
		    "a probe is running or ending: there is one at a time");
		return;
	}
	p->client = client;
	e = probe_start(p->probe, guest, r->seconds, why, sizeof(why));
	if (e < 0) {
		p->client = NOBODY;
		answer(p, client, CONTROL_REFUSED, guest, e, why);
	} else if (probe_waits(p->probe)) {
		answer(p, client, CONTROL_LOCKING, guest, 0, "");
	}
}

static void
request_untrack(
    struct prober *p, int client, const struct control_request *r, const struct guest_id *guest)
{
	bool ask = r->flags & CONTROL_ASK_ONLY;
	char text[WHY_SIZE] = "";
	int e = (ask ? untrack_allowed : untrack)(
	    &p->hooks, p->hv, p->guard, p->probe, guest, text, sizeof(text));

	answer(p, client,
	    e < 0 ? CONTROL_REFUSED
	    : ask ? CONTROL_WOULD
		  : CONTROL_DONE,
	    guest, e, text);
}

static void
on_request(void *arg, int client, const struct control_request *r)
{
	struct prober *p = arg;
	struct guest_id guest;
	int e;

	if (r->op == CONTROL_CANCEL) {
		if (client == p->client)
			probe_stop(p->probe, "cancelled");
		return;
	}
	if (r->op != CONTROL_PROBE && r->op != CONTROL_UNTRACK) {
		answer(
		    p, client, CONTROL_REFUSED, NULL, -EPROTO, "this agent knows no such request");
		return;
	}
	e = migrations_find(p->hooks.migrations, r->domain, &guest);
	if (e < 0)
		answer(p, client, CONTROL_REFUSED, NULL, e,
		    e == -ENOTUNIQ
			? "several domains fit: give its uuid, as xenscope domains shows it"
			: "no domain of this number, uuid or name is known; a new one is known "
			  "after some seconds");
	else if (r->op == CONTROL_PROBE)
		request_probe(p, client, r, &guest);
	else
		request_untrack(p, client, r, &guest);
}

static void
on_gone(void *arg, int client)
{
	struct prober *p = arg;

	if (client != p->client)
		return;
	p->client = NOBODY;
	probe_stop(p->probe, "cancelled");
}

/* --- for the agent --- */

struct prober *
prober_new(
    const struct config *config, const struct probe_hooks *hooks, struct hv *hv, struct loop *loop)
{
	const char *path = config_text(config, OPTION_control_socket);
	struct prober *p = xcalloc(1, sizeof(*p));
	int r;

	p->hooks = *hooks;
	p->hv = hv;
	p->client = NOBODY;
	p->guard = guard_new(&p->hooks);
	guard_set_hv(p->guard, hv);
	p->probe = probe_new(config, &p->hooks, p->guard, loop, on_news, p);
	probe_set_hv(p->probe, hv);
	if (!*path)
		return p;
	r = control_new(path, loop, on_request, on_gone, p, &p->control);
	if (r < 0)
		log_warn(
		    "control", "%s: %s: probe and untrack cannot be asked for", path, strerror(-r));
	return p;
}

void
prober_free(struct prober *p)
{
	if (!p)
		return;
	probe_free(p->probe);
	control_free(p->control);
	guard_free(p->guard);
	free(p);
}

void
prober_event(struct prober *p, const struct event *e)
{
	guard_event(p->guard, e);
	probe_event(p->probe, e);
}

void
prober_tick(struct prober *p)
{
	probe_step(p->probe);
}

const char *
prober_note(struct prober *p)
{
	return changes_note(probe_changes(p->probe));
}
