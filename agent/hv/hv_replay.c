/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/hv.h"

#include <errno.h>
#include <math.h>
#include <sys/eventfd.h>

#include "base/util.h"
#include "hv/answers.h"
#include "hv/capture.h"

#define MAX_WAITING 65536 /* events or changes that nobody fetched; the oldest are dropped */
#define SLACK 1e-6	  /* seconds: what the sums and differences of stamps may lose */

/* A queue of events or of changes. */
struct queue {
	char *item;
	size_t size; /* of an item */
	size_t first, n, room;
};

struct replay {
	struct hv hv;
	struct capture_reader *in;
	struct capture_line next; /* read, and not yet due */
	bool has_next;
	double start; /* CLOCK_MONOTONIC of the capture's first instant */
	double base;  /* where the current header's times begin, seconds since start */
	double last;  /* of the newest line that was played */
	double length;
	bool ticked; /* the newest line's time is one at which the recorder asked for the domains */
	struct answers answers;
	size_t held; /* bytes of them */
	struct queue events, changes;
	int wake; /* eventfd: readable while there are changes */
	unsigned fail_nth;
	int fail_error;
};

static struct replay *
of(struct hv *hv)
{
	return (struct replay *) hv;
}

static void
queue_add(struct queue *q, const void *item)
{
	if (q->n == MAX_WAITING) {
		q->first = (q->first + 1) % q->room;
		q->n--;
	}
	if (q->n == q->room) {
		size_t room = q->room ? q->room * 2 : 16;
		char *more = xmalloc(room * q->size);

		for (size_t i = 0; i < q->n; i++)
			memcpy(more + i * q->size, q->item + (q->first + i) % q->room * q->size,
			    q->size);
		free(q->item);
		q->item = more;
		q->first = 0;
		q->room = room;
	}
	memcpy(q->item + (q->first + q->n++) % q->room * q->size, item, q->size);
}

static bool
queue_take(struct queue *q, void *ret)
{
	if (q->n == 0)
		return false;
	memcpy(ret, q->item + q->first * q->size, q->size);
	q->first = (q->first + 1) % q->room;
	q->n--;
	return true;
}

static void
forget(struct replay *rp)
{
	answers_done(&rp->answers);
	rp->held = 0;
}

static void
wake(struct replay *rp, bool on)
{
	uint64_t one = 1;

	/* neither waits nor matters when it fails: the caller asks for changes on every tick too */
	if (on)
		(void) !write(rp->wake, &one, sizeof(one));
	else
		(void) !read(rp->wake, &one, sizeof(one));
}

/* A list of domains ends those that went on from where it, or one before it, ended. */
static void
forget_parts(struct replay *rp, uint64_t first)
{
	const struct answer *a;

	while ((a = answers_find_below(&rp->answers, CALL_DOMAIN_LIST, UINT64_MAX)) &&
	       a->arg[0] > first) {
		rp->held -= a->n * sizeof(struct hv_domain);
		answers_forget_above(&rp->answers, CALL_DOMAIN_LIST, a->arg[0] - 1);
	}
}

static int
keep_answer(struct replay *rp, struct capture_line *line)
{
	const struct capture_call_info *info = &capture_calls[line->call];
	struct answer *a;

	if (line->call == CALL_CHANGE) {
		if (line->error == 0)
			queue_add(&rp->changes, line->data);
		return 0;
	}
	if (line->call == CALL_DOMAIN_LIST) {
		forget_parts(rp, line->arg[0]);
		rp->ticked = true;
	}
	a = answers_add(&rp->answers, line->call, line->arg[0], line->arg[1]);
	if (!a)
		return -EBADMSG;
	rp->held -= a->n * info->size;
	free(a->data);
	a->data = TAKE_PTR(line->data);
	a->n = line->n;
	a->error = line->error;
	rp->held += a->n * info->size;
	return rp->held > MAX_CAPTURE_HELD ? -EBADMSG : 0;
}

/* Takes one line as having happened. */
static int
play(struct replay *rp, struct capture_line *line)
{
	int r = 0;

	rp->last = MAX(rp->last, rp->base + line->t);
	switch (line->kind) {
	case LINE_HEADER: /* the host was booted anew, or two captures were joined */
		forget(rp);
		rp->base = rp->last;
		break;
	case LINE_ANSWER:
		r = keep_answer(rp, line);
		break;
	case LINE_EVENT:
		line->event.at += rp->start + rp->base;
		if (line->event.kind == EVENT_TRACE_WINDOW)
			line->event.window.from += rp->start + rp->base;
		queue_add(&rp->events, &line->event);
		break;
	case LINE_UNKNOWN:
		break;
	}
	free(TAKE_PTR(line->data));
	return r;
}

/* Plays all lines up to this many seconds after the start, or, if it is to step, up to the end of the first tick
 * of the recorder. -ENODATA: none is left. */
static int
play_until(struct replay *rp, double t, bool step)
{
	int r = 0;

	rp->ticked = false;
	while (r == 0) {
		if (!rp->has_next) {
			r = capture_read(rp->in, &rp->next);
			if (r < 0)
				break;
			rp->has_next = true;
		}
		if (rp->base + rp->next.t > (step && rp->ticked ? rp->last : t))
			break;
		rp->has_next = false;
		r = play(rp, &rp->next);
	}
	wake(rp, rp->changes.n > 0);
	return r;
}

static void
rewind_replay(struct replay *rp)
{
	capture_rewind(rp->in);
	forget(rp);
	if (rp->has_next)
		free(TAKE_PTR(rp->next.data));
	rp->has_next = false;
	rp->base = rp->last = 0;
	rp->events.n = rp->changes.n = 0;
	wake(rp, false);
}

/* Counts one call down for hv_replay_fail. */
static int
fault(struct replay *rp)
{
	return rp->fail_nth > 0 && --rp->fail_nth == 0 ? -rp->fail_error : 0;
}

/* The answer to a question, whatever error it was. */
static int
find(struct replay *rp, enum capture_call call, uint64_t arg0, uint64_t arg1,
    const struct answer **ret)
{
	const struct answer *a;
	int r = fault(rp);

	if (call == CALL_DOMAIN_NAME)
		rp->hv.xenstore_reads++;
	else if (call < CALL_CPU_MODEL)
		rp->hv.hypercalls++;
	if (r < 0)
		return r;
	a = call == CALL_DOMAIN_LIST ? answers_find_below(&rp->answers, call, arg0)
				     : answers_find(&rp->answers, call, arg0, arg1);
	if (!a)
		return -ENODATA;
	*ret = a;
	return -(int) a->error;
}

/* An answer that is one struct of this size. */
static int
find_struct(
    struct hv *hv, enum capture_call call, uint64_t arg0, uint64_t arg1, void *ret, size_t size)
{
	const struct answer *a;
	int r = find(of(hv), call, arg0, arg1, &a);

	if (r == 0)
		memcpy(ret, a->data, size);
	return r;
}

/* An answer that is a string for buf[n]. */
static int
find_string(struct hv *hv, enum capture_call call, uint64_t arg0, char *buf, size_t n)
{
	const struct answer *a;
	int r = find(of(hv), call, arg0, 0, &a);

	if (r == 0)
		str_copy(buf, n, a->data);
	return r;
}

/* The newest max bytes of an answer that is a text. */
static int
find_text(struct hv *hv, enum capture_call call, uint64_t arg0, size_t max, char **ret_text,
    size_t *ret_n)
{
	const struct answer *a;
	int r = find(of(hv), call, arg0, 0, &a);
	size_t n;

	if (r < 0)
		return r;
	n = MIN(a->n, max);
	*ret_text = xmalloc(n + 1);
	memcpy(*ret_text, (const char *) a->data + a->n - n, n + 1);
	*ret_n = n;
	return 0;
}

static int
replay_version(struct hv *hv, struct hv_version *ret)
{
	return find_struct(hv, CALL_VERSION, 0, 0, ret, sizeof(*ret));
}

static int
replay_cmdline(struct hv *hv, char ret[MAX_CMDLINE])
{
	return find_string(hv, CALL_CMDLINE, 0, ret, MAX_CMDLINE);
}

static int
replay_physinfo(struct hv *hv, struct hv_physinfo *ret)
{
	return find_struct(hv, CALL_PHYSINFO, 0, 0, ret, sizeof(*ret));
}

static int
replay_featureset(
    struct hv *hv, enum hv_featureset set, uint32_t words[MAX_FEATURE_WORDS], size_t *ret_n)
{
	const struct answer *a;
	int r = find(of(hv), CALL_FEATURESET, set, 0, &a);

	if (r < 0)
		return r;
	memset(words, 0, MAX_FEATURE_WORDS * sizeof(*words));
	if (a->n > 0)
		memcpy(words, a->data, a->n * sizeof(*words));
	*ret_n = a->n;
	return 0;
}

static int
replay_console_ring(struct hv *hv, char **ret_text, size_t *ret_n)
{
	return find_text(hv, CALL_CONSOLE_RING, 0, MAX_CONSOLE, ret_text, ret_n);
}

/* The caller may ask in other portions than were recorded. */
static int
replay_domain_list(struct hv *hv, uint32_t first, struct hv_domain *ret, size_t max, size_t *ret_n)
{
	const struct answer *a;
	const struct hv_domain *d;
	size_t n = 0;
	int r = find(of(hv), CALL_DOMAIN_LIST, first, 0, &a);

	if (r < 0)
		return r;
	d = a->data;
	for (size_t i = 0; i < a->n && n < max; i++)
		if (d[i].domid >= first)
			ret[n++] = d[i];
	*ret_n = n;
	return 0;
}

static int
replay_domain_uuid(struct hv *hv, uint32_t domid, uint8_t ret[16])
{
	(void) hv;
	(void) domid;
	(void) ret;
	return -ENODATA;
}

static int
replay_logdirty(struct hv *hv, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty)
{
	(void) hv, (void) domid, (void) op, (void) ret_dirty;
	return -EROFS;
}

static int
replay_domain_policy(struct hv *hv, uint32_t domid, struct hv_policy *ret)
{
	return find_struct(hv, CALL_DOMAIN_POLICY, domid, 0, ret, sizeof(*ret));
}

static int
replay_vcpu_cr4(struct hv *hv, uint32_t domid, unsigned vcpu, uint64_t *ret_cr4)
{
	return find_struct(hv, CALL_VCPU_CR4, domid, vcpu, ret_cr4, sizeof(*ret_cr4));
}

static int
replay_domain_name(struct hv *hv, uint32_t domid, char ret[MAX_HV_NAME])
{
	return find_string(hv, CALL_DOMAIN_NAME, domid, ret, MAX_HV_NAME);
}

static int
replay_change_fd(struct hv *hv)
{
	return of(hv)->wake;
}

static int
replay_next_change(struct hv *hv, struct hv_change *ret)
{
	int r = fault(of(hv));

	if (r < 0)
		return r;
	if (queue_take(&of(hv)->changes, ret))
		return 0;
	wake(of(hv), false);
	return -EAGAIN;
}

static int
replay_watch_name(struct hv *hv, uint32_t domid, bool on)
{
	(void) domid, (void) on; /* the changes that were recorded come anyway */
	return fault(of(hv));
}

static int
replay_xenstat(struct hv *hv, struct hv_xenstat *ret, size_t max, size_t *ret_n)
{
	const struct answer *a;
	int r = find(of(hv), CALL_XENSTAT, 0, 0, &a);

	if (r < 0)
		return r;
	*ret_n = MIN(a->n, max);
	if (*ret_n > 0)
		memcpy(ret, a->data, *ret_n * sizeof(*ret));
	return 0;
}

static int
replay_cpu_model(struct hv *hv, char *buf, size_t n)
{
	return find_string(hv, CALL_CPU_MODEL, 0, buf, n);
}

static int
replay_boot_id(struct hv *hv, char ret_boot_id[37])
{
	return find_string(hv, CALL_BOOT_ID, 0, ret_boot_id, 37);
}

static int
replay_console_log(struct hv *hv, const char *path, size_t max, char **ret_text, size_t *ret_n)
{
	return find_text(
	    hv, CALL_CONSOLE_LOG, capture_hash(path, strlen(path)), max, ret_text, ret_n);
}

static void
replay_close(struct hv *hv)
{
	struct replay *rp = of(hv);

	if (rp->has_next)
		free(rp->next.data);
	capture_reader_free(rp->in);
	answers_done(&rp->answers);
	free(rp->events.item);
	free(rp->changes.item);
	closep(&rp->wake);
	free(rp);
}

static const struct hv_ops replay_ops = {
    .version = replay_version,
    .cmdline = replay_cmdline,
    .physinfo = replay_physinfo,
    .featureset = replay_featureset,
    .console_ring = replay_console_ring,
    .domain_list = replay_domain_list,
    .domain_uuid = replay_domain_uuid,
    .logdirty = replay_logdirty,
    .domain_policy = replay_domain_policy,
    .vcpu_cr4 = replay_vcpu_cr4,
    .domain_name = replay_domain_name,
    .change_fd = replay_change_fd,
    .next_change = replay_next_change,
    .watch_name = replay_watch_name,
    .xenstat = replay_xenstat,
    .cpu_model = replay_cpu_model,
    .boot_id = replay_boot_id,
    .console_log = replay_console_log,
    .close = replay_close,
};

/* Reads the whole capture once: what is wrong with it is found now, and its length. */
static int
check(struct replay *rp)
{
	int r = capture_read(rp->in, &rp->next);

	rp->has_next = r == 0;
	if (r == -ENODATA || (r == 0 && rp->next.kind != LINE_HEADER))
		return -EBADMSG;
	if (r == 0)
		r = play_until(rp, INFINITY, false);
	if (r != -ENODATA)
		return r;
	rp->length = rp->last;
	return 0;
}

int
hv_replay_open(
    const char *path, const struct tick *start, struct hv **ret_hv, const char **ret_note)
{
	_cleanup_(hv_closep) struct hv *hv = NULL;
	struct replay *rp = xcalloc(1, sizeof(*rp));
	int r;

	hv = &rp->hv;
	rp->hv.ops = &replay_ops;
	rp->hv.replay = true;
	rp->start = start->mono;
	rp->events.size = sizeof(struct event);
	rp->changes.size = sizeof(struct hv_change);
	rp->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (rp->wake < 0)
		return -errno;
	r = capture_reader_open(path, &rp->in);
	if (r == 0)
		r = check(rp);
	if (r < 0)
		return r;
	*ret_note =
	    capture_torn(rp->in) ? "the capture's last line was cut short and is left out" : NULL;
	rewind_replay(rp);
	(void) play_until(rp, 0, false);
	*ret_hv = hv;
	hv = NULL;
	return 0;
}

void
hv_replay_seek(struct hv *hv, const struct tick *now)
{
	struct replay *rp = of(hv);
	double t = now->mono - rp->start;

	if (t + SLACK < rp->last)
		rewind_replay(rp);
	/* it was whole when it was opened; where somebody cut it since, it ends */
	(void) play_until(rp, t + SLACK, false);
}

int
hv_replay_step(struct hv *hv, const struct tick *now, double *ret_at)
{
	struct replay *rp = of(hv);

	(void) play_until(rp, now->mono - rp->start + SLACK, true);
	if (!rp->ticked)
		return -EAGAIN;
	*ret_at = rp->start + rp->last;
	return 0;
}

int
hv_replay_next_event(struct hv *hv, struct event *ret)
{
	return queue_take(&of(hv)->events, ret) ? 0 : -EAGAIN;
}

double
hv_replay_length(struct hv *hv)
{
	return of(hv)->length;
}

void
hv_replay_fail(struct hv *hv, unsigned nth, int err)
{
	of(hv)->fail_nth = nth;
	of(hv)->fail_error = err;
}
