/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tick.h"
#include "metrics/feature.h"
#include "metrics/metric.h"
#include "metrics/notice.h"
#include "metrics/record.h"

/* One tick's values. Collectors fill it in, then it is published and never changed. No pointer into a
 * collector's state: it is handed to the serve half as it is. A value that is absent is NAN. */

#define MAX_DOMAINS 4096    /* more are counted, not listed */
#define MAX_COLLECTORS 16
#define MAX_TRACKED 4096    /* domains with counters of dirty tracking */
#define MAX_TRACE_CPUS 16    /* of those that lost records; all of them are in the host's count */
#define MAX_REQUESTS 256    /* paths and classes of status that were asked for */
#define MAX_RECENT 64	    /* domains whose newest migration is shown among the metrics */

#define VALUES(scope) (M_##scope##_END - M_##scope##_FIRST)

struct sample_host {
	char xen_version[VERSION_SIZE], xen_extra[VERSION_SIZE]; /* "4.17.7", of which ".7" */
	char cpu_model[VERSION_SIZE];
	char boot_id[UUID_SIZE];
	char cmdline[1024]; /* Xen's; "" unknown */
	char notes[512];    /* what the agent cannot see and why, a sentence a line */
	double value[VALUES(HOST)];
};

enum domain_kind { DOMAIN_PV, DOMAIN_PVH, DOMAIN_HVM };

struct sample_domain {
	char uuid[UUID_SIZE];
	char name[NAME_SIZE];
	uint32_t domid;
	enum domain_kind kind;
	char state[16]; /* running, blocked, paused, shutdown, crashed, dying */
	double cr4_read; /* when CR4 was last read, seconds since 1970; NAN never */
	struct guest_feature feature[FEATURE_COUNT];
	double value[VALUES(DOMAIN)];
};

struct sample_tracking {
	char uuid[UUID_SIZE];
	double value[VALUES(TRACKING)];
};

struct sample_migration {
	char uuid[UUID_SIZE];
	enum direction direction;
	double value[VALUES(MIGRATION)];
};

struct sample_trace_cpu {
	uint32_t cpu;
	double value[VALUES(TRACE_CPU)];
};

struct sample_notice {
	double value[VALUES(NOTICE)];
};

struct sample_collector {
	char name[16];
	char error[96]; /* "" when it succeeded */
	double value[VALUES(COLLECTOR)];
};

/* The serve half counts these of itself when it gets the sample. */
struct sample_requests {
	char route[48];
	unsigned class; /* 2: 200 to 299 */
	double value[VALUES(REQUESTS)];
};

struct sample {
	unsigned users; /* beside its owner */
	struct tick at;
	struct {
		double agent, serve; /* since when the counters of each half count, seconds since 1970; NAN unknown */
	} began;
	bool replay;
	bool stale; /* the agent that collected it has gone; set by who shows it */
	struct sample_host host;
	struct feature_report features;
	struct sample_collector collector[MAX_COLLECTORS];
	size_t n_collectors;
	struct sample_notice notice[NOTICE_COUNT];
	struct sample_domain *domain;
	size_t n_domains;
	struct sample_tracking *tracking;
	size_t n_tracking;
	struct sample_migration *migration;
	size_t n_migrations;
	struct sample_trace_cpu *trace_cpu;
	size_t n_trace_cpus;
	double serve[VALUES(SERVE)];
	struct sample_requests *requests;
	size_t n_requests;
};

/* Everything absent or unknown. The caller owns the result and drops it with sample_free. */
struct sample *sample_new(const struct tick *at);
void sample_free(struct sample *s);
/* The same sample once more, for who must have it as it is now; dropped with sample_free, too. */
struct sample *sample_share(struct sample *s);
struct sample *sample_copy(const struct sample *s);

/* Appends an object with all its values absent; NULL when the limit is reached. The pointer holds until
 * the next call. */
struct sample_domain *sample_add_domain(struct sample *s);
struct sample_tracking *sample_add_tracking(struct sample *s);
struct sample_migration *sample_add_migration(struct sample *s);
struct sample_trace_cpu *sample_add_trace_cpu(struct sample *s);
struct sample_requests *sample_add_requests(struct sample *s);

/* NULL if there is none. */
struct sample_domain *sample_find_domain(const struct sample *s, uint32_t domid);
struct sample_domain *sample_find_uuid(const struct sample *s, const char *uuid);

/* For the generic writers: the objects of a scope, their label values and their values in the order of
 * the table's rows. sample_values writes metric_scopes[scope].end - .first numbers. */
size_t sample_count(const struct sample *s, enum metric_scope scope);
void sample_label(const struct sample *s, enum metric_scope scope, size_t i, unsigned label,
    char *buf, size_t n);
void sample_values(const struct sample *s, enum metric_scope scope, size_t i, double *ret_values);

#endif
