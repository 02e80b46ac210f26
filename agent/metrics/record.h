/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <yajl/yajl_gen.h>

#include "base/parse.h"
#include "metrics/event.h"
#include "metrics/feature.h"

/* The record of one migration or save (design, section 2): what observe/migration.c makes, the journal
 * keeps and the serve half shows. Plain data but for the rounds. */

#define NAME_SIZE 128	   /* of a domain, UTF-8, cleaned */
#define UUID_SIZE 37
#define RECORD_ID_SIZE 40
#define VERSION_SIZE 64
#define NOTE_SIZE 192	   /* a sentence */
#define MAX_ROUNDS 4096	   /* kept of one migration; the later ones are counted only */
#define MAX_RECORD_JSON (8u << 20) /* bytes of the longest record's JSON; a longer text is none of ours */
#define MAX_ROUND_NUMBER (1 << 29) /* a larger one is an error of who says it */
#define UNSEEN (-1)	   /* a count that nobody saw: null in JSON; a time is NAN */

enum direction { DIRECTION_OUT, DIRECTION_IN, DIRECTION_LOCAL, DIRECTION_SAVE, DIRECTION_PROBE };
enum tracking_mode { TRACKING_UNKNOWN, TRACKING_OFF, TRACKING_PML, TRACKING_EPT_WP, TRACKING_NPT_WP, TRACKING_SHADOW };
enum mode_source { MODE_SOURCE_NONE, MODE_SOURCE_INFERRED, MODE_SOURCE_TRACE };
enum record_result { RESULT_RUNNING, RESULT_COMPLETED, RESULT_FAILED, RESULT_ABORTED, RESULT_LOST };
enum record_origin { ORIGIN_LIVE, ORIGIN_REPLAY, ORIGIN_LOG }; /* here, from a capture, from another host's logs */
enum stop_reason { STOP_UNKNOWN, STOP_FEW_DIRTY, STOP_ROUND_LIMIT, STOP_NOT_LIVE, STOP_LONG_ROUND };
enum downtime_source {
	DOWNTIME_NONE,
	DOWNTIME_SUSPEND_TO_OFF,
	DOWNTIME_FINAL_CLEAN_TO_OFF,
	DOWNTIME_BOTH_ENDS,
	DOWNTIME_SUSPEND_TO_SENT,
	DOWNTIME_SUSPEND_TO_RESUME /* it runs on here */
};
/* Whether pre-copy is expected to stop because few pages are left, or because the toolstack allows no more rounds. */
enum outlook { OUTLOOK_UNKNOWN, OUTLOOK_CONVERGES, OUTLOOK_DIVERGES };

/* How it is known when the guest was let run. */
enum release_source { RELEASE_NONE, RELEASE_HYPERCALL, RELEASE_DOMAIN_LIST };

struct exits {
	uint64_t count, cycles;
};

/* What trace windows showed of a pass or of a whole record; metrics/overhead.h makes figures of it. */
struct overhead {
	double traced_seconds; /* these, and the exits, are sums over the windows that were whole */
	uint32_t windows;
	uint32_t torn_windows; /* beside those */
	uint64_t lost_records; /* that Xen dropped, in all of them */
	struct exits exits[TRACE_CLASSES];
};

/* What was expected when a round ended (observe/forecast.h). */
struct forecast {
	bool made;
	enum outlook outlook;
	int32_t rounds;		  /* of pre-copy, in all; UNSEEN */
	double remaining_seconds; /* from the end of that round to the end; NAN */
	double total_seconds;	  /* from the beginning to the end; NAN */
	double downtime_seconds;  /* NAN */
};

/* What became of it. A ratio is |expected - came| / came, NAN where one of the two is unknown. */
struct forecast_error {
	int32_t after_round;
	int32_t rounds; /* as a difference, not negative; UNSEEN */
	double total_ratio, downtime_ratio;
};

/* One pass of the pre-copy loop. seen is false for a round that must have been and nobody saw: all of
 * its figures are null. The harvest of the last round is the final pass's. */
struct round {
	int32_t n;		/* UNSEEN: nobody can tell which one it is */
	bool seen;
	double started;		/* seconds since 1970; NAN */
	double seconds;		/* until its harvest returned, in the last one until the guest was paused;
				 * NAN while it runs */
	int64_t pages_sent;	/* pages with data; UNSEEN in round 0, whose frames have holes */
	int64_t frames_sent;	/* page frame numbers walked */
	int64_t pages_dirtied;	/* what the harvest at its end found */
	double harvest_seconds; /* how long that took */
	struct overhead overhead;
	struct forecast forecast; /* made at its end */
};

/* The stop-and-copy pass. Its steps, in their order, are seconds since 1970, NAN where nobody saw them. */
struct final_pass {
	bool begun;
	double started;		/* when the guest was suspended, or else the final harvest */
	double seconds;
	double requested;	/* pre-copy was over: the guest is asked to suspend itself */
	double suspended;	/* it has */
	double harvested;	/* the last harvest returned */
	double sent;		/* the last page was sent */
	double done;		/* libxc was through: log-dirty was switched off, or its stream was whole */
	int64_t pages;		/* what the guest had left when it was paused */
	double harvest_seconds;
	struct overhead overhead;
};

/* What the state machine must know to go on after a restart; the journal keeps it of what is under way,
 * nobody shows it. Times are seconds since 1970; NAN: not seen. */
struct evidence {
	double epoch; /* the time at CLOCK_MONOTONIC 0 when the record began: all its stamps are counted from
		       * there and hold together when the clock is set */
	double last;  /* the newest log-dirty operation returned */
	double off;   /* log-dirty was turned off */
	double gone;  /* the helper was found gone */
	int64_t written; /* bytes that the helper had written when tracking began */
	bool suspended, complete; /* libxc said that the guest is suspended, that its stream is whole */
	bool told; /* libxc's words reach us: what it did not say has not been */
	bool aborted; /* the toolstack called it off, before anything failed */
	bool away; /* the agent was away for a time: what it did not see may have been */
};

struct migration_record {
	char id[RECORD_ID_SIZE];
	char uuid[UUID_SIZE];
	char name[NAME_SIZE];
	uint32_t domid;
	enum direction direction;
	enum toolstack toolstack;
	enum tracking_mode tracking_mode;
	enum mode_source mode_source;
	char mode_note[NOTE_SIZE]; /* where the trace contradicts what the host can do, a sentence; "" */
	double started, ended; /* seconds since 1970; NAN: not seen, or not yet */
	enum record_result result;
	char reason[REASON_SIZE]; /* why it did not complete */
	int64_t memory_pages;
	int32_t rounds_begun;  /* rounds of pre-copy, those that nobody saw among them */
	int32_t rounds_unseen; /* UNSEEN: nobody can tell how many */
	struct final_pass final;
	int64_t pages_sent, frames_sent;
	int64_t bytes_sent; /* of the stream of memory, but for its head; UNSEEN too where the helper ended too soon */
	double downtime_seconds;
	enum downtime_source downtime_source;
	double released; /* the guest runs on this host: the received one, or the one that was suspended; NAN */
	enum release_source released_source;
	int32_t checkpoints; /* of a stream with checkpoints those after the first; UNSEEN: it is none */
	enum stop_reason stop_reason;
	enum event_source rounds_source;
	bool tracking_left_on; /* it ended and no OFF was seen */
	enum record_origin origin;
	char cpu_model[VERSION_SIZE], boot_id[UUID_SIZE];
	char xen_version[VERSION_SIZE], xen_extra[VERSION_SIZE]; /* "4.17.7", ".7" */
	struct overhead overhead; /* of all windows, also of those in passes that nobody saw */
	double tracked_seconds;	  /* from the beginning of tracking to OFF, or to the last that was seen; NAN */
	int32_t vcpus;		  /* online, at most; UNSEEN */
	double cpu_hz;		  /* the TSC's rate; NAN */

	/* who carries it, to find it again after a restart; not shown */
	pid_t pid;
	uint64_t process_started;
	struct evidence evidence;

	struct round *round; /* n_rounds of them, owned */
	size_t n_rounds;
};

/* Zeroed, and everything that can be unseen unseen. */
void record_init(struct migration_record *r);
/* Frees what it owns. */
void record_done(struct migration_record *r);
/* A copy with rounds of its own. */
void record_copy(struct migration_record *dst, const struct migration_record *src);
/* Appends a round; past MAX_ROUNDS the last one is overwritten. The pointer holds until the next call. */
struct round *record_add_round(struct migration_record *r);

/* None made. */
void forecast_init(struct forecast *f);

/* The newest, NULL if there is none; and what it says. */
const struct forecast *record_forecast(const struct migration_record *r);
enum outlook record_outlook(const struct migration_record *r);

/* How far the forecast after round 1, or that after round 0 if none came later, was from what came. False: the
 * migration did not complete, or nothing was forecast. */
bool record_forecast_error(const struct migration_record *r, struct forecast_error *ret);

/* Writes the record as one JSON object, null for what nobody saw. */
void record_gen(yajl_gen g, const struct migration_record *r);

/* What record_apply needs to make r of before, an earlier state of the same record, or of nothing if that is NULL; with
 * what is not shown, without what is made of other members: for the journal of what is under way. */
void record_gen_open(yajl_gen g, const struct migration_record *r, const struct migration_record *before);

/* Reads what record_gen wrote, or record_gen_open without an earlier state. -EBADMSG: not such an object, or a member
 * of the wrong kind; -EFBIG: longer than MAX_RECORD_JSON. */
int record_parse(const char *json, size_t n, struct migration_record *ret);

/* The same, and what was written against an earlier state, which is r and gives way; on an error it stays. */
int record_apply(const char *json, size_t n, struct migration_record *r);

/* What the objects of that JSON have as members: names and types, the latter in the words of serve/schemas.def. */
enum record_part {
	PART_RECORD,
	PART_ROUND,
	PART_FINAL,
	PART_FORECAST,
	PART_FORECAST_ERROR,
	PART_OVERHEAD,
	PART_PASS_OVERHEAD
};
void record_describe(enum record_part part, void (*fn)(void *arg, const char *name, const char *type), void *arg);

/* The words of the JSON. */
const char *direction_name(enum direction d);
const char *toolstack_name(enum toolstack t);
const char *tracking_mode_name(enum tracking_mode m);
const char *record_result_name(enum record_result r);
const char *event_source_name(enum event_source s);
extern const struct words direction_words, toolstack_words, record_result_words;

#endif
