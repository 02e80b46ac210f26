/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/trace.h"

#include <errno.h>
#include <math.h>
#include <signal.h>

#include "base/parse.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "observe/trace_file.h"

#define MIN_HZ 1e6
#define MAX_HZ 1e11
#define MAX_REASONS 4096 /* of a domain */

/* Exits of several vCPUs together, by reason. */
struct total {
	struct trace_exit *row;
	size_t n;
};

struct report {
	struct trace_decoder *d;
	const struct trace_summary *s;
	const struct trace_file_facts *facts;
	size_t vcpus, known; /* vCPUs, and those whose domain is known: the first ones */
	double hz;
};

int
parse_hz(const char *text, double *ret_hz)
{
	static const char units[] = "kMG";
	char number[32];
	size_t n = strlen(text);
	const char *unit = n > 0 ? strchr(units, text[n - 1]) : NULL;
	double hz;

	n -= unit ? 1 : 0;
	if (n == 0 || n >= sizeof(number))
		return -EINVAL;
	(void) memcpy(number, text, n);
	number[n] = '\0';
	if (parse_seconds(number, &hz) < 0)
		return -EINVAL;
	hz *= unit ? pow(1000, (double) (unit - units + 1)) : 1;
	if (!(hz >= MIN_HZ && hz <= MAX_HZ))
		return -ERANGE;
	*ret_hz = hz;
	return 0;
}

static void
total_add(struct total *t, const struct trace_vcpu *v)
{
	for (size_t i = 0, at = 0; i < v->n_exits; i++) {
		const struct trace_exit *e = &v->exit[i];

		while (at < t->n && t->row[at].reason < e->reason)
			at++;
		if (at == t->n || t->row[at].reason != e->reason) {
			if (t->n == MAX_REASONS)
				continue;
			t->row = xrealloc(t->row, (t->n + 1) * sizeof(*t->row));
			(void) memmove(&t->row[at + 1], &t->row[at], (t->n - at) * sizeof(*t->row));
			t->row[at] = (struct trace_exit){.reason = e->reason};
			t->n++;
		}
		t->row[at].count += e->count;
		t->row[at].cycles += e->cycles;
		t->row[at].cpu_cycles += e->cpu_cycles;
	}
}

/* The vCPUs from i to before the end of their domain. */
static size_t
domain_end(const struct report *r, size_t i, struct total *ret_total)
{
	uint32_t domid = trace_decoder_vcpu(r->d, i)->domid;

	*ret_total = (struct total){NULL, 0};
	for (; i < r->vcpus && trace_decoder_vcpu(r->d, i)->domid == domid; i++)
		total_add(ret_total, trace_decoder_vcpu(r->d, i));
	return i;
}

static bool
is_svm(const struct report *r)
{
	return r->vcpus > 0 && trace_decoder_vcpu(r->d, 0)->svm;
}

/* As other readers count them: the headers of the file too. */
static uint64_t
records(const struct report *r)
{
	return r->s->records + r->facts->pieces;
}

/* False where stamps went back or wrapped: then first and last tell nothing. */
static bool
span(const struct report *r, uint64_t *ret)
{
	*ret = r->s->last_tsc - r->s->first_tsc;
	return r->s->backwards == 0 && r->s->last_tsc >= r->s->first_tsc;
}

static void
json_span(const struct report *r, FILE *f)
{
	uint64_t cycles;
	bool known = span(r, &cycles);

	if (known)
		(void) fprintf(f, "  \"span_cycles\": %llu,\n", (unsigned long long) cycles);
	else
		(void) fprintf(f, "  \"span_cycles\": null,\n");
	if (r->hz > 0)
		(void) fprintf(f, "  \"cpu_hz\": %.0f,\n", r->hz);
	else
		(void) fprintf(f, "  \"cpu_hz\": null,\n");
	if (known && r->hz > 0)
		(void) fprintf(f, "  \"span_seconds\": %.9f,\n", (double) cycles / r->hz);
	else
		(void) fprintf(f, "  \"span_seconds\": null,\n");
}

static void
json_exits(const struct report *r, const char *key, const struct trace_exit *e, size_t n,
    const char *indent, FILE *f)
{
	(void) fprintf(f, "\"%s\": [", key);
	for (size_t i = 0; i < n; i++, e++) {
		const char *name = trace_reason_name(e->reason, is_svm(r));

		(void) fprintf(
		    f, "%s\n%s  {\"reason\": %u, \"name\": ", i ? "," : "", indent, e->reason);
		(void) fprintf(f, name ? "\"%s\"" : "null", name);
		(void) fprintf(f, ", \"count\": %llu, \"cycles\": %llu, \"cpu_cycles\": %llu",
		    (unsigned long long) e->count, (unsigned long long) e->cycles,
		    (unsigned long long) e->cpu_cycles);
		if (r->hz > 0)
			(void) fprintf(f, ", \"seconds\": %.9f", (double) e->cycles / r->hz);
		(void) fputc('}', f);
	}
	(void) fprintf(f, n ? "\n%s]" : "]", indent);
}

static void
json_domain(const struct report *r, size_t first, size_t end, const struct total *t, FILE *f)
{
	(void) fprintf(f, "\n    {\"domid\": %u, ", trace_decoder_vcpu(r->d, first)->domid);
	json_exits(r, "exits", t->row, t->n, "    ", f);
	(void) fprintf(f, ", \"vcpus\": [");
	for (size_t i = first; i < end; i++) {
		const struct trace_vcpu *v = trace_decoder_vcpu(r->d, i);

		(void) fprintf(f,
		    "%s\n      {\"vcpu\": %u, \"entries\": %llu, \"npf_records\": %llu, "
		    "\"log_dirty_violations\": %llu, ",
		    i > first ? "," : "", v->vcpu, (unsigned long long) v->entries,
		    (unsigned long long) v->npf_records,
		    (unsigned long long) v->class_count[TRACE_VIOLATION]);
		json_exits(r, "exits", v->exit, v->n_exits, "      ", f);
		(void) fputc('}', f);
	}
	(void) fprintf(f, "]}");
}

static void
json_head(const struct report *r, FILE *f)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"records", records(r)}, {"bytes", r->facts->bytes}, {"cpus", r->facts->cpus},
	    {"first_tsc", r->s->first_tsc}, {"last_tsc", r->s->last_tsc}, {"lost_records", r->s->lost_records},
	    {"lost_events", r->s->lost_events},
	    {"backwards", r->s->backwards},
	    {"skipped_bytes", r->facts->skipped_bytes + r->s->bad_bytes},
	    {"overflowed", r->s->overflowed}};

	(void) fprintf(f, "{\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		(void) fprintf(
		    f, "  \"%s\": %llu,\n", rows[i].name, (unsigned long long) rows[i].value);
	(void) fprintf(f, "  \"truncated\": %s,\n", r->facts->truncated ? "true" : "false");
	json_span(r, f);
}

static void
report_json(const struct report *r, FILE *f)
{
	struct total t;

	json_head(r, f);
	(void) fprintf(f, "  \"domains\": [");
	for (size_t i = 0, end; i < r->known; i = end) {
		end = domain_end(r, i, &t);
		(void) fputs(i ? "," : "", f);
		json_domain(r, i, end, &t, f);
		free(t.row);
	}
	(void) fprintf(f, "],\n  ");
	t = (struct total){NULL, 0};
	if (r->known < r->vcpus)
		(void) domain_end(r, r->known, &t);
	json_exits(r, "unattributed", t.row, t.n, "  ", f);
	free(t.row);
	(void) fprintf(f, "\n}\n");
}

static void
table_exits(const struct report *r, struct table *t, const char *domain, const char *vcpu,
    const struct trace_exit *e, size_t n)
{
	for (; n > 0; n--, e++) {
		const char *name = trace_reason_name(e->reason, is_svm(r));

		table_cell(t, domain);
		table_cell(t, vcpu);
		table_cellf(t, "%u", e->reason);
		table_cell(t, name);
		table_cellf(t, "%llu", (unsigned long long) e->count);
		table_cellf(t, "%llu", (unsigned long long) e->cycles);
		table_cellf(t, "%.0f", (double) e->cycles / (double) MAX(e->count, 1));
		if (r->hz > 0)
			table_cellf(t, "%.6f s", (double) e->cycles / r->hz);
	}
}

static void
table_domain(
    const struct report *r, struct table *t, size_t first, size_t end, const struct total *all)
{
	char domain[16], vcpu[16];

	(void) snprintf(domain, sizeof(domain), "%u", trace_decoder_vcpu(r->d, first)->domid);
	for (size_t i = first; i < end; i++) {
		const struct trace_vcpu *v = trace_decoder_vcpu(r->d, i);

		(void) snprintf(vcpu, sizeof(vcpu), "%u", v->vcpu);
		table_exits(r, t, domain, vcpu, v->exit, v->n_exits);
	}
	if (end - first > 1)
		table_exits(r, t, domain, "all", all->row, all->n);
}

static void
report_notes(const struct report *r, FILE *f)
{
	uint64_t cycles;
	const struct {
		uint64_t n;
		const char *what;
	} rows[] = {
	    {r->s->lost_records, "records lost by Xen: counts and cycles are too low"},
	    {r->s->backwards, "stamps earlier than the one before on their CPU"},
	    {r->facts->skipped_bytes + r->s->bad_bytes, "bytes skipped that are no whole record"},
	    {r->s->overflowed, "exits left out: too many vCPUs or reasons"},
	};

	(void) fprintf(f, "%llu records of %u CPU%s", (unsigned long long) records(r), r->facts->cpus,
	    r->facts->cpus == 1 ? "" : "s");
	if (span(r, &cycles)) {
		(void) fprintf(f, ", %llu cycles", (unsigned long long) cycles);
		if (r->hz > 0)
			(void) fprintf(f, " (%.3f s)", (double) cycles / r->hz);
	}
	(void) fprintf(f, "; %llu records lost\n", (unsigned long long) r->s->lost_records);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].n > 0)
			(void) fprintf(
			    f, "Note: %llu %s\n", (unsigned long long) rows[i].n, rows[i].what);
	if (r->facts->truncated)
		(void) fprintf(f, "Note: the file is cut off\n");
	if (r->known < r->vcpus)
		(void) fprintf(f,
		    "Note: exits of domain - came when the trace had not yet told who ran there\n");
}

static void
report_table(const struct report *r, unsigned width, FILE *f)
{
	const char *const titles[] = {">DOMAIN", ">VCPU", ">EXIT", "~REASON", ">COUNT", ">CYCLES",
	    ">MEAN", r->hz > 0 ? ">TIME" : NULL, NULL};
	struct table *table = table_new(titles);
	struct total t;

	for (size_t i = 0, end; i < r->known; i = end) {
		end = domain_end(r, i, &t);
		table_domain(r, table, i, end, &t);
		free(t.row);
	}
	if (r->known < r->vcpus) {
		(void) domain_end(r, r->known, &t);
		table_exits(r, table, NULL, NULL, t.row, t.n);
		free(t.row);
	}
	report_notes(r, f);
	table_print(table, width, f);
	table_free(table);
}

/* A file that is mapped may become shorter, or its disk fail. */
static void
on_bus_error(int signal)
{
	static const char text[] = "xenscope: the file can no longer be read\n";

	(void) signal;
	(void) !write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_ANSWER);
}

static int
decode(const char *path, struct trace_decoder *d, struct trace_file **ret)
{
	struct sigaction bus = {.sa_handler = on_bus_error}, old;
	const char *why = NULL;
	int r = trace_file_open(path, ret, &why);

	if (r == 0) {
		trace_decoder_strict(d);
		(void) sigaction(SIGBUS, &bus, &old);
		r = trace_file_decode(*ret, d);
		(void) sigaction(SIGBUS, &old, NULL);
		why = strerror(-r);
	}
	if (r < 0) {
		_cleanup_(freep) char *name = visible(path);

		(void) fprintf(stderr, "xenscope: %s: %s\n", name, why);
	}
	return r;
}

int
show_trace(const char *path, double cpu_hz, bool json, unsigned width, FILE *f)
{
	_cleanup_(trace_file_closep) struct trace_file *file = NULL;
	struct report r = {.d = trace_decoder_new(false), .hz = cpu_hz};
	int status = EXIT_ANSWER;

	if (decode(path, r.d, &file) == 0) {
		status = EXIT_OK;
		r.s = trace_decoder_summary(r.d);
		r.facts = trace_file_facts(file);
		r.vcpus = trace_decoder_vcpus(r.d);
		while (
		    r.known < r.vcpus && trace_decoder_vcpu(r.d, r.known)->domid != TRACE_NO_DOMAIN)
			r.known++;
		if (json)
			report_json(&r, f);
		else
			report_table(&r, width, f);
	}
	trace_decoder_free(r.d);
	return status;
}
