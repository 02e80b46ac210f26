/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

#define MAX_WATCHES 1024
#define MAX_READY 32

enum watch_kind { WATCH_FREE, WATCH_FD, WATCH_TIMER, WATCH_SIGNAL };

/* Indexed by descriptor: timers and signals are descriptors too. */
struct watch {
	enum watch_kind kind;
	loop_fn *fn;
	void *arg;
	struct loop *loop;
	uint32_t events;
	double period; /* of a timer */
	int rest;      /* the timer that ends its rests; 0: it has none yet */
	bool resting;
};

struct loop {
	int epoll;
	bool stopped;
	int status;
	struct watch watch[MAX_WATCHES];
};

static double
seconds(clockid_t clock)
{
	struct timespec t;

	(void) clock_gettime(clock, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

struct tick
tick_now(void)
{
	struct tick t = {.mono = seconds(CLOCK_MONOTONIC), .real = seconds(CLOCK_REALTIME)};

	return t;
}

int
loop_new(struct loop **ret_loop)
{
	struct loop *l;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		return -errno;
	l = xcalloc(1, sizeof(*l));
	l->epoll = epoll;
	*ret_loop = l;
	return 0;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	for (int fd = 0; fd < MAX_WATCHES; fd++)
		if (l->watch[fd].kind == WATCH_TIMER || l->watch[fd].kind == WATCH_SIGNAL)
			(void) close(fd);
	(void) close(l->epoll);
	free(l);
}

static int
add(struct loop *l, int fd, enum watch_kind kind, uint32_t events, loop_fn *fn, void *arg)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (fd < 0 || fd >= MAX_WATCHES)
		return -EMFILE;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	l->watch[fd] = (struct watch){.kind = kind, .fn = fn, .arg = arg, .loop = l, .events = events};
	return 0;
}

int
loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg)
{
	return add(l, fd, WATCH_FD, events, fn, arg);
}

int
loop_modify(struct loop *l, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	return epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e) < 0 ? -errno : 0;
}

void
loop_remove(struct loop *l, int fd)
{
	if (fd < 0 || fd >= MAX_WATCHES || l->watch[fd].kind == WATCH_FREE)
		return;
	(void) epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	l->watch[fd].kind = WATCH_FREE;
	if (l->watch[fd].rest > 0)
		loop_cancel(l, l->watch[fd].rest);
}

/* 0 would disarm the timer, so that it is a nanosecond. */
static struct timespec
to_timespec(double s)
{
	struct timespec t = {.tv_sec = (time_t) s, .tv_nsec = (long) ((s - (double) (time_t) s) * 1e9)};

	if (t.tv_sec <= 0 && t.tv_nsec <= 0)
		t.tv_nsec = 1;
	return t;
}

static int
set_timer(int fd, double first, double period)
{
	struct itimerspec spec = {.it_value = to_timespec(first)};

	if (period > 0)
		spec.it_interval = to_timespec(period);
	return timerfd_settime(fd, 0, &spec, NULL) < 0 ? -errno : 0;
}

int
loop_every(struct loop *l, double first, double period, loop_fn *fn, void *arg)
{
	_cleanup_(closep) int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int id = fd, r;

	if (fd < 0)
		return -errno;
	r = set_timer(fd, first, period);
	if (r == 0)
		r = add(l, fd, WATCH_TIMER, EPOLLIN, fn, arg);
	if (r < 0)
		return r;
	l->watch[fd].period = period;
	fd = -1;
	return id;
}

static bool
is_timer(const struct loop *l, int id)
{
	return id >= 0 && id < MAX_WATCHES && l->watch[id].kind == WATCH_TIMER;
}

void
loop_again(struct loop *l, int id, double first)
{
	if (is_timer(l, id))
		(void) set_timer(id, first, l->watch[id].period);
}

void
loop_cancel(struct loop *l, int id)
{
	if (!is_timer(l, id))
		return;
	loop_remove(l, id);
	(void) close(id);
}

static void
end_rest(void *arg, uint32_t events, const struct tick *now)
{
	struct watch *w = arg;

	(void) events, (void) now;
	w->resting = false;
	(void) loop_modify(w->loop, (int) (w - w->loop->watch), w->events);
}

void
loop_rest(struct loop *l, int fd, double seconds)
{
	struct watch *w;

	if (fd < 0 || fd >= MAX_WATCHES || l->watch[fd].kind != WATCH_FD || l->watch[fd].resting)
		return;
	w = &l->watch[fd];
	if (w->rest > 0)
		loop_again(l, w->rest, seconds);
	else
		w->rest = loop_every(l, seconds, 0, end_rest, w);
	w->resting = w->rest > 0;
	if (w->resting)
		(void) loop_modify(l, fd, 0);
}

void
loop_stop(struct loop *l, int status)
{
	l->stopped = true;
	l->status = status;
}

int
loop_signals(struct loop *l, const int *signals, loop_fn *fn, void *arg)
{
	sigset_t set;
	int fd, r;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = add(l, fd, WATCH_SIGNAL, EPOLLIN, fn, arg);
	if (r < 0)
		(void) close(fd);
	return r;
}

static void
dispatch(struct loop *l, int fd, uint32_t events, const struct tick *now)
{
	struct watch w = l->watch[fd];
	struct signalfd_siginfo si;
	uint64_t expirations;

	switch (w.kind) {
	case WATCH_FREE: /* removed by a callback of the same wake-up */
		break;
	case WATCH_FD:
		w.fn(w.arg, events, now);
		break;
	case WATCH_TIMER:
		if (read(fd, &expirations, sizeof(expirations)) == (ssize_t) sizeof(expirations))
			w.fn(w.arg, 0, now);
		break;
	case WATCH_SIGNAL:
		while (!l->stopped && read(fd, &si, sizeof(si)) == (ssize_t) sizeof(si))
			w.fn(w.arg, si.ssi_signo, now);
		break;
	}
}

int
loop_run(struct loop *l)
{
	struct epoll_event ready[MAX_READY];

	l->stopped = false;
	while (!l->stopped) {
		struct tick now;
		int n = epoll_wait(l->epoll, ready, MAX_READY, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		now = tick_now();
		for (int i = 0; i < n && !l->stopped; i++)
			dispatch(l, ready[i].data.fd, ready[i].events, &now);
	}
	return l->status;
}
