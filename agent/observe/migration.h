/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MIGRATION_H
#define MIGRATION_H

#include "base/tick.h"
#include "metrics/event.h"
#include "metrics/record.h"
#include "metrics/sample.h"

/* The one state machine that joins what the observers say into migration records. It asks nobody
 * anything: events and samples go in, records come out. */
struct migrations;

/* What happened to a record; handed over at once. RECORD_CHANGED: something else became known, as the domain's name or
 * that log-dirty is off; exits of a pass that has ended, and how many frames one has, are handed over with the record's
 * next word, with the next event a second later, or in the next tick. RECORD_BEGUN comes first and RECORD_ENDED last,
 * each once. */
enum record_change { RECORD_BEGUN, RECORD_ROUND, RECORD_FINAL, RECORD_CHANGED, RECORD_ENDED };

/* round: with RECORD_ROUND the one that was harvested (the next one begins with that and is in the
 * record), or the one that began if nothing was harvested; else NULL. The record is the state
 * machine's and holds during the call. */
typedef void record_fn(void *arg, enum record_change change, const struct migration_record *r,
    const struct round *round);

struct migrations *migrations_new(record_fn *fn, void *arg);
void migrations_free(struct migrations *m);

/* Applies one event; now tells the wall-clock time of its stamp. */
void migrations_event(struct migrations *m, const struct event *e, const struct tick *now);

/* A tick: identifies domains (uuid, name, memory), infers the tracking mode, ends what has ended
 * without an event (the helper is gone, the domain is gone), and writes the scopes tracking and
 * migration and the counts of scope host into the sample. */
void migrations_tick(struct migrations *m, struct sample *s);

/* A record that was open when the agent ended, as the journal kept it; alive: its helper still
 * runs. If it does not, the next ticks judge by its domain how it ended; lost: nothing tells. Takes
 * over what *r owns. Comes before the first event. */
void migrations_resume(
    struct migrations *m, struct migration_record *r, bool alive, const struct tick *now);

/* A record that ended under an earlier agent, newest first: its metrics are shown a little longer, and a
 * helper or a restore that belongs to it begins no other record. Comes before the first event. */
void migrations_recall(
    struct migrations *m, const struct migration_record *r, const struct tick *now);

/* This source sees every log-dirty operation that begins at since (CLOCK_MONOTONIC) or later; a
 * lesser source's word on those no longer counts. INFINITY, as at first: it sees none. To be said
 * of each source before its first event; else what happened between two agents counts as unseen. */
void migrations_covered(struct migrations *m, enum event_source source, double since);

/* The rule by which toolstacks end pre-copy, for the forecasts: the option stop_rule, and xapi's inventory, which
 * tells XCP-ng from XenServer. -EINVAL: no such rule. */
int migrations_set_stop_rule(struct migrations *m, const char *rule, const char *inventory);

/* Restores the counters of all records that ever ended (from the journal). */
void migrations_set_counts(struct migrations *m, uint64_t ended, uint64_t failed);

/* From now on all that is known comes from logs (events of the kind logged), maybe of another host, and no
 * ticks: the logs tell how a migration ended. */
void migrations_by_log(struct migrations *m);

/* The logs are read up to this time: ends what they say was over some seconds before, and what they are silent
 * about for an hour. INFINITY: they are at their end; what is not over is said to be running. */
void migrations_log_time(struct migrations *m, double at);

/* True while log-dirty was seen on for the domain. */
bool migrations_tracked(const struct migrations *m, uint32_t domid);

/* Writes at most max pids of helpers that carry open records and of which no process event spoke,
 * and returns how many: the caller looks whether they are there and says EVENT_PROCESS_END if not.
 */
size_t migrations_unwatched(const struct migrations *m, pid_t *ret_pids, size_t max);

#endif
