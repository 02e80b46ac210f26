/* SPDX-License-Identifier: GPL-2.0-or-later */
/* observe_dump [SECONDS]: one line for each event of the three observers, and at the end what each
 * cost and lost. A debugging aid for Dom0. */
#include <config.h>

#include <inttypes.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/util.h"
#include "observe/observer.h"

#define TICK 5.0

static struct observer *observers[3];
static struct loop *loop;
static unsigned wakeups;

static void
print(void *arg, const struct event *e)
{
	const struct observer *o = arg;

	printf("%s at=%.6f late=%.6f pid=%d comm=%s", o->ops->name, e->at, tick_now().mono - e->at,
	    e->pid, e->comm);
	switch (e->kind) {
	case EVENT_SHADOW_OP:
		printf(" op=%u mode=%u dom=%u result=%" PRId64 " pages=%" PRIu64
		       " dirty=%u us=%.0f",
		    e->op, e->mode, e->domid, e->result, e->pages, e->dirty, e->seconds * 1e6);
		break;
	case EVENT_ROUND_NAMED:
		printf(" round=%u", e->number);
		break;
	case EVENT_STEP:
		printf(" step=%" PRIu64 "/%" PRIu64, e->done, e->total);
		break;
	case EVENT_STAGE:
		printf(" stage=%d", e->stage);
		break;
	case EVENT_PROCESS_BEGIN:
	case EVENT_PROCESS_END:
	case EVENT_TOOLSTACK_END:
		printf(" %s dom=%u role=%d toolstack=%d started=%" PRIu64 " status=%" PRId64,
		    e->kind == EVENT_PROCESS_BEGIN ? "begin" : e->kind == EVENT_PROCESS_END ? "end" : "toolstack end",
		    e->domid, e->role, e->toolstack, e->started, e->result);
		break;
	case EVENT_RELEASED:
		printf(" dom=%u result=%" PRId64, e->domid, e->result);
		break;
	case EVENT_LOGGED:
		printf(" dom=%u logged=%d number=%u total=%" PRIu64 " text=%s", e->domid, e->logged, e->number,
		    e->total, e->text);
		break;
	case EVENT_TRACE_WINDOW: /* no observer's */
		break;
	}
	printf("\n");
}

static void
read_all(struct observer *o, const struct tick *now)
{
	int r = o->ops->read(o, now, print, o);

	if (r < 0)
		printf("%s read: %s\n", o->ops->name, strerror(-r));
}

static void
ready(void *arg, uint32_t events, const struct tick *now)
{
	(void) events;
	wakeups++;
	read_all(arg, now);
}

static void
tick(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	for (size_t i = 0; i < ARRAY_SIZE(observers); i++)
		if (observers[i] && observers[i]->ops->fd(observers[i]) < 0)
			read_all(observers[i], now);
}

static void
stop(void *arg, uint32_t sig, const struct tick *now)
{
	(void) arg;
	(void) sig;
	(void) now;
	loop_stop(loop, 0);
}

static void
usage(const char *when)
{
	struct rusage u;

	(void) getrusage(RUSAGE_SELF, &u);
	printf("%s mono=%.3f user=%ld.%06ld system=%ld.%06ld wakeups=%u switches=%ld\n", when,
	    tick_now().mono, (long) u.ru_utime.tv_sec, (long) u.ru_utime.tv_usec,
	    (long) u.ru_stime.tv_sec, (long) u.ru_stime.tv_usec, wakeups, u.ru_nvcsw);
}

static void
report(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	(void) now;
	usage("usage");
}

int
main(int argc, char **argv)
{
	static const int signals[] = {SIGTERM, SIGINT, 0}, user[] = {SIGUSR1, 0};
	const char *why[3] = {"", "", ""};
	struct tick now;
	int r[3];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (loop_new(&loop) < 0)
		return 1;
	r[0] = rounds_bpf_open(&observers[0], &why[0]);
	r[1] = rounds_uprobe_open("", &observers[1], &why[1]);
	r[2] = proc_watch_open("", &observers[2], &why[2]);
	for (size_t i = 0; i < 3; i++) {
		if (r[i] < 0) {
			printf("not open: %s (%s)\n", why[i], strerror(-r[i]));
			continue;
		}
		printf("%s since=%.6f fd=%d\n", observers[i]->ops->name, observers[i]->since,
		    observers[i]->ops->fd(observers[i]));
		if (observers[i]->ops->fd(observers[i]) >= 0 &&
		    loop_add(loop, observers[i]->ops->fd(observers[i]), EPOLLIN, ready,
			observers[i]) < 0)
			printf("not added\n");
	}
	now = tick_now();
	for (size_t i = 0; i < 3; i++)
		if (observers[i])
			read_all(observers[i], &now);
	usage("ready");
	(void) loop_every(loop, TICK, TICK, tick, NULL);
	(void) loop_signals(loop, signals, stop, NULL);
	(void) loop_signals(loop, user, report, NULL);
	if (argc > 1)
		(void) loop_every(loop, atof(argv[1]), 1, stop, NULL);
	(void) loop_run(loop);
	usage("end");
	for (size_t i = 0; i < 3; i++)
		if (observers[i]) {
			printf("%s lost=%" PRIu64 "\n", observers[i]->ops->name,
			    observers[i]->ops->lost(observers[i]));
			observers[i]->ops->close(observers[i]);
		}
	loop_free(loop);
	return 0;
}
