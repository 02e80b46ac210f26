/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdint.h>

#include "base/file.h"
#include "base/util.h"
#include "observe/trace_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CPUS 3

/* No sum may be what no sum can be. */
static void
check(struct trace_decoder *d)
{
	const struct trace_summary *s = trace_decoder_summary(d);
	size_t n = trace_decoder_vcpus(d);

	if (s->first_tsc > s->last_tsc)
		abort();
	for (size_t i = 0; i < n; i++) {
		const struct trace_vcpu *v = trace_decoder_vcpu(d, i);
		uint64_t exits = 0;

		for (size_t k = 0; k < v->n_exits; k++) {
			const struct trace_exit *e = &v->exit[k];

			(void) trace_reason_name(e->reason, v->svm);
			exits += e->count;
			if (e->cycles > INT64_MAX || e->cpu_cycles > e->cycles ||
			    (k > 0 && e->reason <= v->exit[k - 1].reason))
				abort();
		}
		for (unsigned c = 0; c < TRACE_CLASSES; c++)
			if (v->class_cycles[c] > INT64_MAX)
				abort();
		if (exits != v->exits)
			abort();
	}
}

static void
read_file(const uint8_t *data, size_t size)
{
	_cleanup_(fclosep) FILE *f = tmpfile();
	_cleanup_(trace_file_closep) struct trace_file *t = NULL;
	struct trace_decoder *d;
	const char *why = NULL;
	char path[64];

	if (!f || write_all(fileno(f), data, size) < 0)
		abort();
	(void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(f));
	if (trace_file_open(path, &t, &why) < 0) {
		if (!why)
			abort();
		return;
	}
	d = trace_decoder_new(false);
	trace_decoder_strict(d);
	if (trace_file_decode(t, d) < 0)
		abort();
	if (trace_decoder_summary(d)->bytes + trace_file_facts(t)->skipped_bytes > size)
		abort();
	check(d);
	trace_decoder_free(d);
}

/* As if they were CPUs' buffers, read in windows. */
static void
read_buffers(const uint8_t *data, size_t size)
{
	struct trace_decoder *d = trace_decoder_new(size & 1);
	struct trace_span span[CPUS];
	uint64_t until = 1000000;

	for (size_t i = 0; i < CPUS; i++)
		span[i] = (struct trace_span){data + size / CPUS * i, size / CPUS, i == 1};
	for (unsigned window = 0; window < 4; window++, until *= 1000) {
		trace_decode(d, span, CPUS, until);
		check(d);
		trace_decoder_forget(d);
	}
	span[1].more = false;
	trace_decode(d, span, CPUS, UINT64_MAX);
	check(d);
	trace_decoder_restart(d);
	check(d);
	trace_decoder_free(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_file(data, size);
	read_buffers(data, size);
	return 0;
}
