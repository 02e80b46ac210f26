/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MIGRATION_STATE_H
#define MIGRATION_STATE_H

#include "base/log.h"
#include "observe/forecasts.h"
#include "observe/migration.h"
#include "observe/recent.h"
#include "observe/rounds.h"
#include "observe/tracking.h"
#include "observe/verdict.h"

/* What the parts of the state machine share: migration.c begins and ends records, operations.c
 * applies log-dirty operations, migration_tick.c what a sample tells. */

#define MAX_OPEN 64	/* records under way at once; what begins beyond is not recorded */
#define MAX_HELPERS 256 /* migration processes */
#define MAX_NAMED 128	/* domains whose uuid is known from logs only */

struct known_domain {
	uint32_t domid;
	enum domain_kind kind;
	char uuid[UUID_SIZE], name[NAME_SIZE];
	int64_t pages;
	int32_t vcpus; /* online; UNSEEN */
};

struct helper {
	pid_t pid;
	uint32_t domid;
	enum helper_role role;
	enum toolstack toolstack;
	uint64_t started;
};

/* What two sources can contradict each other in. */
enum contradiction { CONTRADICTION_PAGES, CONTRADICTION_RESULT, CONTRADICTIONS };

/* How far the logs have come with a record. Times are CLOCK_MONOTONIC. */
struct log_state {
	int64_t round; /* the newest that they named, -1 none */
	pid_t manager; /* a second process that writes of it */
	double last;   /* when they last spoke of it */
	double over;   /* when they said that it is over; NAN */
	bool done, failed; /* and how it ended */
};

/* A record that has not ended, and what needs no journal. */
struct open {
	struct migration_record r;
	struct pass_name name;
	double begun;	    /* these are CLOCK_MONOTONIC: when the record was made */
	double helper_gone; /* NAN: it is there, or nobody knows */
	double missing;	    /* since when its domain is gone; NAN */
	double traced;	    /* the end of its newest trace window; NAN */
	double waits;	    /* since when it has changed in what need not be said at once; NAN: it has not */
	bool shown;	    /* RECORD_BEGUN was said */
	bool resumed;	    /* and no log-dirty operation was seen since */
	bool identified;    /* by a list of domains newer than the record */
	bool enable_failed; /* libxc turns log-dirty off then, and tries again */
	bool libxl;	    /* carried by libxl-save-helper */
	bool changed;	    /* to be said at the next tick */
	bool crashed;	    /* its domain was seen so */
	unsigned contradicted; /* a bit for each of enum contradiction */
	bool fell_back;	    /* to write protection, and was said */
	int kind;	    /* enum domain_kind, -1 unknown */
	unsigned ticks;	    /* since it began, while it is not shown */
	struct log_state logged;
};

struct migrations {
	record_fn *fn;
	void *arg;
	double since[SOURCE_COUNT];
	struct open *open[MAX_OPEN];
	size_t n_open;
	struct helper helper[MAX_HELPERS];
	size_t n_helpers;
	struct tracking *tracking;
	struct recents recents;
	uint64_t ended, failed, rounds, fallbacks, contradictions;
	struct trouble contradicted[CONTRADICTIONS];
	struct forecasts forecasts;

	/* from the last sample */
	struct known_domain *known;
	size_t n_known;
	char cpu_model[VERSION_SIZE], xen_version[VERSION_SIZE], xen_extra[VERSION_SIZE], boot_id[UUID_SIZE];
	enum pml_state pml;
	enum tristate hap;
	bool replay;

	/* from logs */
	bool by_log; /* and from nothing else */
	struct known_domain named[MAX_NAMED];
	size_t n_named, next_named;
};

/* A record that begins at the monotonic time at, not shown yet. NULL: too many. */
struct open *migration_begin(
    struct migrations *m, const struct tick *now, uint32_t domid, pid_t pid, double at);

/* Says RECORD_BEGUN. */
void migration_show(struct migrations *m, struct open *o);

/* Says that a record changed, if it is shown. */
void migration_say(struct migrations *m, struct open *o, enum record_change change, const struct round *round);
/* The same of what became known at this monotonic time and can wait: for the next word, or a second. */
void migration_say_later(struct open *o, double at);

/* Ends a record that is shown by its verdict and frees it; false if there is none yet. */
bool migration_try_end(struct migrations *m, struct open *o, const struct sight *s, double now);

/* The domain is migrated anew: what was under way has come to nothing, and the guest runs. */
void migration_end_by_successor(struct migrations *m, struct open *o, double now);

/* Takes a record away without a word. */
void migration_drop(struct migrations *m, struct open *o);

/* Of a migration or save, not of a probe; NULL if there is none. */
struct open *migration_find_domain(const struct migrations *m, uint32_t domid, bool incoming);
/* The same, or else the probe of that domain that runs. */
struct open *migration_find_tracked(const struct migrations *m, uint32_t domid);
struct helper *migration_find_helper(struct migrations *m, pid_t pid);
const struct known_domain *migration_find_known(const struct migrations *m, uint32_t domid);
void migration_set_helper(struct open *o, const struct helper *h);

/* The record's time of a monotonic one. */
double migration_stamp(const struct open *o, double mono);

/* No log-dirty operation since the record's newest one can have been missed. */
bool migration_nothing_missed(const struct migrations *m, const struct open *o);

/* By which its toolstack ends pre-copy; NULL: nobody can tell. */
const struct stop_rule *migration_stop_rule(const struct migrations *m, const struct open *o);

/* Fills in what the last sample tells of the host and, if d is given, of the domain. True if
 * something became known. */
bool migration_learn(const struct migrations *m, struct open *o, const struct known_domain *d);

/* What the host's features say of a domain's tracking; kind: enum domain_kind, -1 unknown. */
enum tracking_mode migration_infer_mode(const struct migrations *m, int kind);

/* Puts the mode that the trace proves in the place of that. */
void migration_judge_mode(struct migrations *m, struct open *o);

/* Applies an EVENT_TRACE_WINDOW. */
void migration_window(struct migrations *m, const struct event *e);

/* A record by what its helper is there for (EVENT_PROCESS_BEGIN, or a line of a log that says the same). Until
 * operations are seen, nobody tells its rounds. NULL: too many. Not shown yet. */
struct open *migration_begin_by_helper(struct migrations *m, const struct event *e, const struct tick *now);

/* Shows it, unless it comes in: that is shown when it is clear that its other half is not here. */
void migration_show_begun(struct migrations *m, struct open *o);

/* A better source than this one has seen or will see what began at that time. */
bool migration_is_covered(const struct migrations *m, enum event_source source, double began);

/* A restore whose other half is a migration of this host is no record of its own. */
bool migration_is_other_half(struct migrations *m, struct open *o);

/* Counts a contradiction once for each record and says it once for each kind. */
void migration_contradicted(struct migrations *m, struct open *o, enum contradiction kind);

/* Why it will come to nothing; aborted: somebody put an end to it. The first word counts: what follows are its
 * consequences. */
void migration_went_wrong(struct migrations *m, struct open *o, const char *what, bool aborted);

/* Applies an EVENT_LOGGED. */
void migration_logged(struct migrations *m, const struct event *e, const struct tick *now);

/* At each tick: a probe ends when who asked for it says so, one that an earlier agent left open now. */
void migration_judge_probe(struct migrations *m, struct open *o, const struct sight *s);

/* Applies an EVENT_SHADOW_OP. */
void migration_operation(struct migrations *m, const struct event *e, const struct tick *now);

#endif
