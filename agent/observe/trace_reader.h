/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_READER_H
#define TRACE_READER_H

#include "metrics/event.h"
#include "observe/trace.h"

/* From the buffers to sums: copies what Xen wrote, so that it can go on writing, and decodes it up to a moment. */
struct trace_reader;

/* cpu_khz: the TSC's rate, as Xen measured it. */
struct trace_reader *trace_reader_new(trace_open_fn *open, size_t pages, uint32_t cpu_khz);
void trace_reader_free(struct trace_reader *r);

/* -errno and a sentence in ret_why (static text). Nothing to do if they are open. */
int trace_reader_open(struct trace_reader *r, const char **ret_why);
void trace_reader_close(struct trace_reader *r);
bool trace_reader_is_open(const struct trace_reader *r);

/* Lets Xen record from *ret_began on (CLOCK_MONOTONIC). -errno. */
int trace_reader_start(struct trace_reader *r, double *ret_began);
/* Ends that and throws away what is not decoded. */
void trace_reader_stop(struct trace_reader *r);

/* To wait on, or -1; trace_reader_woken: after it was readable. */
int trace_reader_fd(struct trace_reader *r);
void trace_reader_woken(struct trace_reader *r);

/* Empties the buffers and adds up what happened before this moment (CLOCK_MONOTONIC). */
void trace_reader_read(struct trace_reader *r, double until);

/* Reads up to from, and finds the moment at which Xen held all vCPUs of the domain, between from and to
 * (CLOCK_MONOTONIC): the exits of two rounds are apart there. from, if no vCPU had to be stopped. */
double trace_reader_pause(struct trace_reader *r, uint32_t domid, double from, double to);

/* A domain's sums since trace_reader_forget. Sets all but from. */
void trace_reader_sum(struct trace_reader *r, uint32_t domid, struct trace_window *w);
void trace_reader_forget(struct trace_reader *r);

/* Since the start, of all buffers and of one CPU; kept over trace_reader_close. */
uint64_t trace_reader_lost(const struct trace_reader *r);
uint64_t trace_reader_lost_of(const struct trace_reader *r, unsigned cpu);
unsigned trace_reader_cpus(const struct trace_reader *r);

#endif
