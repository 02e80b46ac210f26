/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tick.h"

/* One epoll loop of one thread: descriptors, timers, signals. Nothing called from it sleeps. */
struct loop;

/* Called when the descriptor is ready or the timer is due; events as in epoll(7), 0 for a timer.
 * now is read once per wake-up. */
typedef void loop_fn(void *arg, uint32_t events, const struct tick *now);

/* -errno. The caller owns the result. */
int loop_new(struct loop **ret_loop);
void loop_free(struct loop *l);

/* Watches fd, which stays the caller's, until loop_remove. events as in epoll(7). -errno. */
int loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg);
int loop_modify(struct loop *l, int fd, uint32_t events);
void loop_remove(struct loop *l, int fd);
/* Does not wait for fd for so many seconds, then again as it was added. For a callback whose news may come in heaps. */
void loop_rest(struct loop *l, int fd, double seconds);

/* Calls fn every period seconds (CLOCK_MONOTONIC), first after `first` seconds; period 0: once. A late wake-up is not
 * made up for. Returns an id for the others, or -errno. */
int loop_every(struct loop *l, double first, double period, loop_fn *fn, void *arg);
/* The same from now on, at a fifth of the system calls of another timer. */
void loop_again(struct loop *l, int id, double first);
void loop_cancel(struct loop *l, int id);

/* Ends loop_run with this status. */
void loop_stop(struct loop *l, int status);

/* Blocks these signals and calls fn with events = the signal's number. The list ends with 0. -errno. */
int loop_signals(struct loop *l, const int *signals, loop_fn *fn, void *arg);

/* Until loop_stop; its status, or -errno. */
int loop_run(struct loop *l);

#endif
