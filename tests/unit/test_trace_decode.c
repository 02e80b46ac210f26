/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include "base/util.h"
#include "observe/trace_decode.h"
#include "tests/tap.h"
#include "tests/unit/trace_builder.h"

#define CPUS 4

static struct builder cpu[CPUS];

static void
begin(void)
{
	memset(cpu, 0, sizeof(cpu));
}

/* What was built, decoded at once. */
static void
decode(struct trace_decoder *d, uint64_t until)
{
	struct trace_span span[CPUS];

	for (unsigned i = 0; i < CPUS; i++)
		span[i] = (struct trace_span){cpu[i].bytes, cpu[i].n, false};
	trace_decode(d, span, CPUS, until);
	for (unsigned i = 0; i < CPUS; i++) {
		memmove(cpu[i].bytes, span[i].bytes, span[i].n);
		cpu[i].n = span[i].n;
	}
}

static struct trace_decoder *
decoded(bool svm)
{
	struct trace_decoder *d = trace_decoder_new(svm);

	decode(d, UINT64_MAX);
	return d;
}

static const struct trace_vcpu *
vcpu(struct trace_decoder *d, uint32_t domid, uint32_t number)
{
	static const struct trace_vcpu none;
	size_t n = trace_decoder_vcpus(d);

	for (size_t i = 0; i < n; i++)
		if (trace_decoder_vcpu(d, i)->domid == domid &&
		    trace_decoder_vcpu(d, i)->vcpu == number)
			return trace_decoder_vcpu(d, i);
	return &none;
}

static struct trace_exit
of(struct trace_decoder *d, uint32_t domid, uint32_t number, uint32_t reason)
{
	const struct trace_vcpu *v = vcpu(d, domid, number);

	for (size_t i = 0; i < v->n_exits; i++)
		if (v->exit[i].reason == reason)
			return v->exit[i];
	return (struct trace_exit){.count = 0};
}

static bool
is(struct trace_exit e, uint64_t count, uint64_t cycles, uint64_t cpu_cycles)
{
	return e.count == count && e.cycles == cycles && e.cpu_cycles == cpu_cycles;
}

static void
test_arcs(void)
{
	struct trace_decoder *d;

	begin();
	runs(&cpu[0], 100, 1, 0);
	vmentry(&cpu[0], 150);
	vmexit(&cpu[0], 200, 18);
	vmentry(&cpu[0], 210);
	vmexit_as(&cpu[0], 0x81002, 300, 18);
	vmentry(&cpu[0], 305);
	vmexit(&cpu[0], 400, 12);
	changes(&cpu[0], 410, 1, 0, 0, 2);
	changes(&cpu[0], 411, IDLE_DOM, 0, 1, 0);
	changes(&cpu[0], 900, 1, 0, 2, 1);
	runs(&cpu[0], 910, 1, 0);
	vmentry(&cpu[0], 920);
	vmexit(&cpu[0], 1000, 0x80000021);
	d = decoded(false);
	ok(trace_decoder_vcpus(d) == 1, "the idle domain and Dom0 have no exits, and no place");
	ok(is(of(d, 1, 0, 18), 2, 15, 15), "exits are counted, their cycles go to the next entry");
	ok(is(of(d, 1, 0, 12), 1, 520, 520 - (911 - 410)),
	    "an arc has the time without a CPU, cpu_cycles has not");
	ok(is(of(d, 1, 0, 0x80000021), 1, 0, 0),
	    "an exit that has no entry yet counts, without cycles");
	ok(vcpu(d, 1, 0)->exits == 4 && vcpu(d, 1, 0)->entries == 4,
	    "totals are those of all reasons");
	ok(vcpu(d, 1, 0)->exit[0].reason == 12, "reasons come in their order");
	ok(!vcpu(d, 1, 0)->svm, "it is Intel's if nothing tells otherwise");
	ok(trace_decoder_summary(d)->first_tsc == 100 && trace_decoder_summary(d)->last_tsc == 1000,
	    "the span is that of the stamps");
	trace_decoder_free(d);
	trace_decoder_free(NULL);
}

static void
test_classes_intel(void)
{
	static const struct {
		uint32_t qualification, type;
	} faults[] = {{0x1aa, 2}, {0x1a9, 2}, {0x1aa, 4}, {0x1aa, 0}};
	struct trace_decoder *d;
	uint64_t t = 1000;

	begin();
	runs(&cpu[0], 100, 7, 3);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++, t += 1000) {
		vmexit(&cpu[0], t, 48);
		npf_record(&cpu[0], faults[i].qualification, faults[i].type);
		npf_record(&cpu[0], faults[i].qualification, faults[i].type);
		vmentry(&cpu[0], t + 10);
	}
	vmexit(&cpu[0], t, 49);
	vmentry(&cpu[0], t + 100);
	vmexit(&cpu[0], t + 200, 62);
	vmentry(&cpu[0], t + 300);
	vmexit(&cpu[0], t + 400, 30);
	npf_record(&cpu[0], 2, 2);
	vmentry(&cpu[0], t + 500);
	d = decoded(false);
	ok(vcpu(d, 7, 3)->class_count[TRACE_VIOLATION] == 1 &&
		vcpu(d, 7, 3)->class_cycles[TRACE_VIOLATION] == 10,
	    "a violation is log-dirty's if it is a write to a page of that type, and once");
	ok(of(d, 7, 3, 48).count == 4, "the others are EPT violations all the same");
	ok(vcpu(d, 7, 3)->class_count[TRACE_RECALC] == 1 &&
		vcpu(d, 7, 3)->class_cycles[TRACE_RECALC] == 100,
	    "a misconfiguration is a recalculation");
	ok(vcpu(d, 7, 3)->class_count[TRACE_PML_FULL] == 1 &&
		vcpu(d, 7, 3)->class_cycles[TRACE_PML_FULL] == 100,
	    "reason 62 is a full PML buffer");
	ok(vcpu(d, 7, 3)->npf_records == 9, "records of faults are counted");
	trace_decoder_free(d);
}

static void
test_classes_amd(void)
{
	struct trace_decoder *d;

	for (unsigned generation = 0; generation < 2; generation++) {
		uint32_t event = generation ? 0x81103 : 0x81102;

		begin();
		runs(&cpu[0], 100, 1, 0);
		vmexit_as(&cpu[0], event, 200, 0x400);
		npf_record(&cpu[0], 0, 0);
		vmentry(&cpu[0], 230);
		vmexit_as(&cpu[0], event, 300, 0x400);
		vmentry(&cpu[0], 305);
		vmexit_as(&cpu[0], event, 400, 0x400);
		npf_record(&cpu[0], 0, 4);
		vmentry(&cpu[0], 401);
		vmexit_as(&cpu[0], event & ~0x100u, 500, 62);
		vmentry(&cpu[0], 600);
		d = decoded(false);
		ok(vcpu(d, 1, 0)->svm, "generation %u: that it is AMD's is found out", generation);
		ok(is(of(d, 1, 0, 0x400), 3, 36, 36), "generation %u: NPFs are exits", generation);
		ok(vcpu(d, 1, 0)->class_count[TRACE_VIOLATION] == 1 &&
			vcpu(d, 1, 0)->class_cycles[TRACE_VIOLATION] == 30,
		    "generation %u: with a record of RAM it is a violation", generation);
		ok(vcpu(d, 1, 0)->class_count[TRACE_RECALC] == 1 &&
			vcpu(d, 1, 0)->class_cycles[TRACE_RECALC] == 5,
		    "generation %u: without one it is a recalculation", generation);
		ok(vcpu(d, 1, 0)->class_count[TRACE_PML_FULL] == 0 &&
			strcmp(trace_reason_name(0x400, true), "NPF") == 0,
		    "generation %u: 62 is no full buffer there", generation);
		trace_decoder_free(d);
	}
	begin();
	runs(&cpu[0], 100, 1, 0);
	vmexit_as(&cpu[0], 0x81502, 200, 49);
	put_record(&cpu[0], 0x81401, 240, 0, NULL);
	d = decoded(true);
	ok(is(of(d, 1, 0, 49), 1, 40, 40),
	    "exits and entries of a guest's guest are the vCPU's too");
	ok(vcpu(d, 1, 0)->class_count[TRACE_RECALC] == 0, "49 is no misconfiguration on AMD");
	trace_decoder_free(d);
}

/* A vCPU halts on CPU 1 and wakes on CPU 0; meanwhile another one runs on CPU 1. */
static void
test_cpus(void)
{
	struct trace_decoder *d;

	begin();
	runs(&cpu[1], 100, 1, 40);
	vmentry(&cpu[1], 110);
	vmexit(&cpu[1], 200, 12);
	changes(&cpu[1], 210, 1, 40, 0, 2);
	changes(&cpu[1], 211, 2, 0, 1, 0);
	vmentry(&cpu[1], 220);
	vmexit(&cpu[1], 5000, 1);
	vmentry(&cpu[1], 5001);
	runs(&cpu[0], 299, 1, 40);
	vmentry(&cpu[0], 310);
	vmexit(&cpu[0], 400, 18);
	vmentry(&cpu[0], 450);
	put_record(&cpu[2], 0x2800a, 500, 4, (uint32_t[]){IDLE_DOM, 2, 1, 41});
	vmexit(&cpu[2], 600, 18);
	vmentry(&cpu[2], 607);
	d = decoded(false);
	ok(is(of(d, 1, 40, 12), 1, 110, 110 - 90), "an arc ends where the vCPU enters, on any CPU");
	ok(is(of(d, 1, 40, 18), 1, 50, 50) && is(of(d, 2, 0, 1), 1, 1, 1),
	    "exits are those of the vCPU that runs on their CPU");
	ok(is(of(d, 1, 41, 18), 1, 7, 7), "a switch tells who runs, too");
	ok(trace_decoder_summary(d)->backwards == 0, "CPUs' records are no disorder");
	trace_decoder_free(d);
}

static void
test_until(void)
{
	struct trace_decoder *d = trace_decoder_new(false);

	begin();
	runs(&cpu[0], 100, 1, 0);
	runs(&cpu[1], 105, 1, 1);
	for (unsigned i = 0; i < 10; i++) {
		vmexit(&cpu[0], 1000 + 100 * i, 49);
		vmentry(&cpu[0], 1050 + 100 * i);
		vmexit(&cpu[1], 1010 + 100 * i, 49);
		vmentry(&cpu[1], 1060 + 100 * i);
	}
	decode(d, 1250);
	ok(of(d, 1, 0, 49).count == 3 && of(d, 1, 0, 49).cycles == 100, "until ends a window");
	ok(of(d, 1, 1, 49).count == 3, "on each CPU");
	trace_decoder_forget(d);
	ok(trace_decoder_vcpus(d) == 0, "the next one begins with nothing");
	decode(d, UINT64_MAX);
	ok(is(of(d, 1, 0, 49), 7, 400, 400), "but for the arcs that are open");
	ok(vcpu(d, 1, 0)->class_count[TRACE_RECALC] == 7, "a class counts an exit in its window");
	trace_decoder_restart(d);
	vmexit(&cpu[0], 9000, 49);
	vmentry(&cpu[0], 9001);
	decode(d, UINT64_MAX);
	ok(vcpu(d, TRACE_NO_DOMAIN, 0)->exits == 1 && vcpu(d, 1, 0)->exits == 0,
	    "after a gap nobody is known to run");
	decode(d, 0);
	trace_decoder_free(d);
}

/* Each with what came before the first word on who runs there. */
static void
test_begin(void)
{
	static const struct {
		bool strict;
		const char *what;
		uint64_t vcpu, nobody;
	} rows[] = {{false, "what came before is the vCPU's that goes", 2, 0},
	    {true, "strictly, only what came after its record is", 0, 2},
	    {false, "what came before is the vCPU's that goes on", 3, 0},
	    {true, "strictly, that tells nothing", 0, 3}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trace_decoder *d = trace_decoder_new(false);

		if (rows[i].strict)
			trace_decoder_strict(d);
		begin();
		vmexit(&cpu[0], 100, 18);
		vmentry(&cpu[0], 110);
		vmexit(&cpu[0], 200, 12);
		if (i < 2) {
			changes(&cpu[0], 220, 1, 5, 0, 2);
			changes(&cpu[0], 221, IDLE_DOM, 0, 1, 0);
			runs(&cpu[1], 300, 1, 5);
			vmentry(&cpu[1], 320);
		} else {
			continues(&cpu[0], 210, 1, 5);
			vmentry(&cpu[0], 220);
			vmexit(&cpu[0], 300, 18);
			vmentry(&cpu[0], 310);
		}
		decode(d, UINT64_MAX);
		ok(vcpu(d, 1, 5)->exits == rows[i].vcpu &&
			vcpu(d, TRACE_NO_DOMAIN, 0)->exits == rows[i].nobody,
		    "%s", rows[i].what);
		if (!rows[i].strict)
			ok(of(d, 1, 5, 12).cycles == (i < 2 ? 120 : 20), "and its arc goes on");
		trace_decoder_free(d);
	}
}

static void
test_loss(void)
{
	struct trace_decoder *d;

	begin();
	runs(&cpu[0], 100, 1, 0);
	runs(&cpu[1], 100, 1, 1);
	runs(&cpu[2], 100, 1, 2);
	vmexit(&cpu[2], 110, 12);
	changes(&cpu[2], 111, 1, 2, 0, 2);
	vmexit(&cpu[0], 200, 48);
	vmexit(&cpu[1], 200, 49);
	lost(&cpu[0], 300, 5);
	vmentry(&cpu[0], 310);
	vmexit(&cpu[0], 320, 30);
	vmentry(&cpu[0], 330);
	lost(&cpu[0], 400, 2);
	vmentry(&cpu[0], 450);
	vmexit(&cpu[0], 460, 31);
	changes(&cpu[0], 470, 1, 0, 0, 1);
	changes(&cpu[0], 471, 1, 2, 1, 0);
	vmentry(&cpu[0], 500);
	vmentry(&cpu[1], 500);
	d = decoded(false);
	ok(trace_decoder_summary(d)->lost_records == 7 &&
		trace_decoder_summary(d)->lost_events == 2 && trace_decoder_lost(d, 0) == 7 &&
		trace_decoder_lost(d, 1) == 0 && trace_decoder_lost(d, 4000) == 0,
	    "lost records are counted by CPU");
	ok(is(of(d, 1, 0, 48), 1, 0, 0), "an arc that may have ended unseen has no cycles");
	ok(is(of(d, 1, 1, 49), 1, 300, 300), "that of another CPU has");
	ok(is(of(d, 1, 2, 12), 1, 0, 0),
	    "a vCPU without a CPU may have run where the records were lost");
	ok(vcpu(d, TRACE_NO_DOMAIN, 0xffff)->exits == 1 && of(d, 1, 0, 30).count == 0,
	    "between two losses nobody is known to run");
	ok(of(d, 1, 0, 31).count == 1, "after the last one it is who goes");
	trace_decoder_free(d);

	begin();
	runs(&cpu[0], 100, 1, 0);
	vmexit(&cpu[0], 200, 12);
	runs(&cpu[1], 900, 1, 0); /* where it stopped and ran in between is lost, which is told later */
	vmentry(&cpu[1], 910);
	vmexit(&cpu[1], 920, 12);
	vmentry(&cpu[1], 925);
	lost(&cpu[0], 1000, 5);
	d = decoded(false);
	ok(is(of(d, 1, 0, 12), 2, 5, 5),
	    "an arc on one CPU does not end on another without a stop: %llu cycles",
	    (unsigned long long) of(d, 1, 0, 12).cycles);
	trace_decoder_free(d);
}

static void
test_torn(void)
{
	struct trace_decoder *d = trace_decoder_new(false);
	struct trace_span span = {cpu[0].bytes, 0, false};
	size_t whole;

	begin();
	runs(&cpu[0], 100, 1, 0);
	vmexit(&cpu[0], 200, 49);
	vmentry(&cpu[0], 201);
	whole = cpu[0].n;
	for (size_t n = 1; n <= whole; n++) {
		span.n = n - (size_t) (span.bytes - cpu[0].bytes);
		trace_decode(d, &span, 1, UINT64_MAX);
	}
	ok(span.n == 0 && is(of(d, 1, 0, 49), 1, 1, 1),
	    "a record that is not whole yet is waited for");
	trace_decoder_free(d);

	begin();
	runs(&cpu[0], 100, 1, 0);
	runs(&cpu[1], 100, 1, 1);
	vmexit(&cpu[0], 200, 12);
	changes(&cpu[0], 210, 1, 0, 0, 2);
	runs(&cpu[1], 290, 1, 0);
	vmentry(&cpu[1], 300);
	d = trace_decoder_new(false);
	{
		struct trace_span two[2] = {
		    {cpu[0].bytes, 40, true}, {cpu[1].bytes, cpu[1].n, false}};

		trace_decode(d, two, 2, UINT64_MAX);
		two[0].n = cpu[0].n - (size_t) (two[0].bytes - cpu[0].bytes);
		two[0].more = false;
		trace_decode(d, two, 2, UINT64_MAX);
	}
	ok(of(d, 1, 0, 12).cycles == 100, "a CPU of which more is to come is waited for");
	trace_decoder_free(d);
}

static void
test_clock(void)
{
	struct trace_decoder *d;

	begin();
	runs(&cpu[0], UINT64_MAX - 1000, 1, 0);
	vmexit(&cpu[0], UINT64_MAX - 10, 49);
	vmentry(&cpu[0], 5);
	vmexit(&cpu[0], 20, 49);
	vmentry(&cpu[0], 30);
	d = decoded(false);
	ok(is(of(d, 1, 0, 49), 2, 10, 10), "an arc over which the clock went back has no cycles");
	ok(trace_decoder_summary(d)->backwards == 1, "that it went back is told");
	trace_decoder_free(d);

	begin();
	runs(&cpu[0], 10, 1, 0);
	for (unsigned i = 0; i < 20; i++) {
		vmexit(&cpu[0], 100, 48);
		npf_record(&cpu[0], 2, 2);
		changes(&cpu[0], 101, 1, 0, 0, 1);
		runs(&cpu[0], 1 + UINT64_MAX / 3, 1, 0);
		vmentry(&cpu[0], UINT64_MAX / 2);
	}
	d = decoded(false);
	ok(of(d, 1, 0, 48).cycles <= INT64_MAX && of(d, 1, 0, 48).cycles > 0 &&
		of(d, 1, 0, 48).cpu_cycles <= of(d, 1, 0, 48).cycles &&
		vcpu(d, 1, 0)->class_cycles[TRACE_VIOLATION] <= INT64_MAX,
	    "sums that cannot be end at a limit, and are not negative");
	ok(trace_decoder_summary(d)->backwards == 19, "and the clock is told of");
	trace_decoder_free(d);
}

static void
test_limits(void)
{
	struct trace_decoder *d = trace_decoder_new(false);
	uint64_t t = 100, vcpus = 0;

	for (unsigned i = 0; i < 5000; i++, t += 100) {
		begin();
		runs(&cpu[0], t, i / 8, i % 8);
		vmexit(&cpu[0], t + 10, 18);
		vmentry(&cpu[0], t + 20);
		decode(d, UINT64_MAX);
	}
	ok(trace_decoder_vcpus(d) < 5000 && trace_decoder_summary(d)->overflowed > 0,
	    "vCPUs beyond the limit are told of");
	for (size_t i = 0; i < trace_decoder_vcpus(d); i++)
		vcpus += trace_decoder_vcpu(d, i)->exits;
	ok(vcpus + trace_decoder_summary(d)->overflowed == 5000, "no exit is forgotten");
	trace_decoder_forget(d);
	begin();
	runs(&cpu[0], t, 900, 0);
	for (unsigned i = 0; i < 200; i++)
		vmexit(&cpu[0], t + 10 + i, 1000 + i);
	decode(d, UINT64_MAX);
	ok(vcpu(d, 900, 0)->exits == 64, "dead domains make room in the next window");
	ok(trace_decoder_summary(d)->overflowed == 5000 - vcpus + 136, "so are reasons");
	trace_decoder_free(d);
}

/* Whatever the bytes are. */
static void
test_hostile(void)
{
	struct trace_decoder *d;
	uint64_t random = 1, sums = 0;

	begin();
	runs(&cpu[0], 100, 1, 0);
	put_word(&cpu[0], 0);
	put_word(&cpu[0], 0xffff);
	vmexit(&cpu[0], 200, 49);
	put_record(&cpu[0], 0x81102, 300, 0, NULL);
	put_record(&cpu[0], 0x81001, 0, 0, NULL);
	put_record(&cpu[0], 0x82021, 300, 2, (uint32_t[]){1, 2});
	put_record(&cpu[0], 0x21001, 300, 0, NULL);
	put_record(&cpu[0], 0x21002, 0, 1, (uint32_t[]){1});
	put_record(&cpu[0], 0x2800a, 300, 1, (uint32_t[]){1});
	put_record(&cpu[0], 0x1f001, 300, 0, NULL);
	put_record(&cpu[0], 0x1f002, 0, 0, NULL);
	put_record(&cpu[0], 0x22214, 300, 3, (uint32_t[]){1, 2, 3});
	runs(&cpu[0], 400, 0xffff, 0xffff);
	d = decoded(false);
	ok(trace_decoder_summary(d)->bad_bytes == 4 + 4 + 12 + 4 + 20 + 12 + 8 + 16 + 12,
	    "what is no record is skipped, and counted");
	ok(vcpu(d, 1, 0)->exits == 0 && vcpu(d, TRACE_NO_DOMAIN, 0xffff)->exits == 1,
	    "after it nobody is known to run");
	ok(trace_decoder_summary(d)->unknown == 1 && trace_decoder_summary(d)->records == 7,
	    "a record of another event is one");
	trace_decoder_free(d);

	for (unsigned round = 0; round < 200; round++) {
		d = trace_decoder_new(round & 1);
		begin();
		for (unsigned i = 0; i < CPUS; i++)
			for (cpu[i].n = 0; cpu[i].n + 64 < 4096;) {
				static const uint32_t heads[] = {0x81102, 0x81001, 0x82021, 0x21001,
				    0x21101, 0x21021, 0x21002, 0x1f001, 0x81103, 0x2800a};
				uint32_t data[7];

				random = random * 6364136223846793005u + 1442695040888963407u;
				for (unsigned w = 0; w < 7; w++)
					data[w] = (uint32_t) (random >> 60)
						  << (random >> 40 & 3) * 8;
				put_record(&cpu[i],
				    (random >> 50 & 15) < ARRAY_SIZE(heads)
					? heads[random >> 50 & 15]
					: (uint32_t) random & 0xfffffff,
				    random >> 33 & 7 ? random >> (random >> 20 & 63) : 0,
				    random >> 37 & 7, data);
			}
		decode(d, random);
		trace_decoder_forget(d);
		decode(d, UINT64_MAX);
		for (size_t i = 0, n = trace_decoder_vcpus(d); i < n; i++) {
			const struct trace_vcpu *v = trace_decoder_vcpu(d, i);

			for (size_t k = 0; k < v->n_exits; k++)
				sums += v->exit[k].cycles > INT64_MAX ||
					v->exit[k].cpu_cycles > v->exit[k].cycles;
		}
		trace_decoder_free(d);
	}
	ok(sums == 0, "disorder of any kind leaves no sum that cannot be");
}

static void
test_names(void)
{
	ok(strcmp(trace_reason_name(48, false), "EPT_VIOLATION") == 0 &&
		strcmp(trace_reason_name(49, false), "EPT_MISCONFIG") == 0 &&
		strcmp(trace_reason_name(62, false), "PML_FULL") == 0 &&
		strcmp(trace_reason_name(0x80000021, false), "INVALID_GUEST_STATE") == 0,
	    "Intel's reasons have names");
	ok(strcmp(trace_reason_name(0x78, true), "HLT") == 0 &&
		strcmp(trace_reason_name(0x4e, true), "EXCEPTION_PF") == 0 &&
		strcmp(trace_reason_name(0x10, true), "CR_WRITE") == 0 &&
		strcmp(trace_reason_name(0x5f, true), "EXCEPTION") == 0,
	    "so have AMD's");
	for (uint32_t i = 0; i < 0x1000; i++)
		if ((trace_reason_name(i, true) && strlen(trace_reason_name(i, true)) > 20) ||
		    (trace_reason_name(i, false) && strlen(trace_reason_name(i, false)) > 20))
			ok(false, "name of %u is short", i);
	ok(!trace_reason_name(35, false) && !trace_reason_name(UINT32_MAX, false) &&
		!trace_reason_name(0x404, true) && !trace_reason_name(UINT32_MAX, true),
	    "one without a name has none");
}

int
main(void)
{
	test_arcs();
	test_classes_intel();
	test_classes_amd();
	test_cpus();
	test_until();
	test_begin();
	test_loss();
	test_torn();
	test_clock();
	test_limits();
	test_hostile();
	test_names();
	return done_testing();
}
