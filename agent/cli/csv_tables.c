/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/csv_tables.h"

#include "base/util.h"
#include "cli/export.h"

const struct csv *
csv_of(enum command_id command)
{
	static const char *const features[] = {
	    "#", "cpu", "host", "xen", "hvm", "pv", "confidence", "reason", NULL};
	static const char *const domains[] = {"domid", "name", "uuid", "kind", "state",
	    "metrics.xenscope_domain_vcpus", "metrics.xenscope_domain_memory_bytes",
	    "metrics.xenscope_domain_cpu_seconds_total", "features.smap.active", "features.smep.active",
	    "metrics.xenscope_domain_tracked", NULL};
	static const char *const rounds[] = {"n", "seen", "started", "seconds", "pages_sent", "frames_sent",
	    "pages_dirtied", "harvest_seconds", NULL};
	static const char *const hours[] = {"day", "hour", "next", "estimate_pages_per_second", NULL};
	static const char *const events[] = {
	    "seq", "time", "severity", "kind", "uuid", "domid", "name", "migration", "text", NULL};
	static const char *const overhead[] = {"boot_id", "current", "cpu_model", "xen_version",
	    "tracking_mode", "estimate", "migrations", "probes", "pages_dirtied", "exits_per_kpage",
	    "recalc_exits_per_kpage", "cycles_per_page", "overhead_ratio", "harvest_seconds_per_round",
	    "sampled_fraction", "lost_records", "estimate_exits_per_kpage", "estimate_recalc_exits_per_kpage",
	    "estimate_cycles_per_page", "estimate_overhead_ratio", NULL};
	static const char *const metrics[] = {"name", "scope", "type", "unit", "data_source", "help", NULL};
	static const char *const exits[] = {
	    "domid", "vcpu", "reason", "name", "count", "cycles", "cpu_cycles", "seconds", NULL};
	static const char *const checks[] = {"check", "state", "found", "cost", "remedy", NULL};
	static const struct csv tables[COMMAND_COUNT] = {[COMMAND_features] = {"features", features},
	    [COMMAND_domains] = {"domains", domains},
	    [COMMAND_migration] = {"migration/rounds", rounds},
	    [COMMAND_advice] = {"best_hours", hours},
	    [COMMAND_events] = {"events", events},
	    [COMMAND_overhead] = {"boots/modes", overhead},
	    [COMMAND_history] = {"metrics", metrics},
	    [COMMAND_trace] = {"domains/vcpus/exits", exits},
	    [COMMAND_doctor] = {"checks", checks}};

	return command == COMMAND_migrations ? &migrations_csv : &tables[command];
}
