/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdint.h>

#include "base/parse.h"
#include "base/util.h"

/* trace_make RECORDS [CPUS]: writes a trace as xentrace would, of a guest with one vCPU on each CPU
 * while it is live migrated under EPT write protection: exits of four kinds, and a halt after every
 * 32 of them. The same bytes each time. Without PML-full exits, so that xenalyze gets to its end.
 */

#define MAX_CPUS 64
#define PIECE (64u << 10) /* bytes: half of xentrace's default buffer */
#define IDLE 0x7fffu
#define GUEST 1u

struct writer {
	uint8_t bytes[PIECE];
	uint32_t n;
	uint64_t tsc, random;
};

static uint64_t written;

static void
put(const void *p, size_t n)
{
	if (fwrite(p, 1, n, stdout) != n)
		exit(1);
}

static void
record(struct writer *w, uint32_t event, uint64_t later, unsigned words, const uint32_t *data)
{
	uint32_t head = event | words << 28 | (later > 0 ? 1u << 31 : 0);

	w->tsc += later;
	(void) memcpy(w->bytes + w->n, &head, 4);
	w->n += 4;
	if (later > 0) {
		(void) memcpy(w->bytes + w->n, &w->tsc, 8);
		w->n += 8;
	}
	if (words > 0)
		(void) memcpy(w->bytes + w->n, data, 4 * words);
	w->n += 4 * words;
	written++;
}

static void
runstate(struct writer *w, uint32_t domain, uint32_t vcpu, unsigned from, unsigned to)
{
	uint32_t data[1] = {domain << 16 | vcpu};

	record(w, 0x21001 | from << 8 | to << 4, 400, 1, data);
}

static void
one_exit(struct writer *w, uint32_t reason, uint64_t cycles)
{
	uint32_t data[3] = {reason, 0x81043c90, 0xffffffff};
	uint32_t npf[6] = {0x1234000, 0, 0x5678, 0, 0x1aa, 2};

	w->random = w->random * 6364136223846793005u + 1442695040888963407u;
	record(w, 0x81102, 500 + (w->random >> 52), 3, data);
	if (reason == 48)
		record(w, 0x82021, 0, 6, npf);
	record(w, 0x81001, cycles, 0, NULL);
}

/* The guest wakes, works, and halts. */
static void
burst(struct writer *w, unsigned cpu)
{
	static const uint32_t reasons[] = {48, 18, 32, 48, 18, 48, 31, 48};
	uint32_t halt[3] = {12, 0x81a592ea, 0xffffffff};

	runstate(w, GUEST, cpu, 2, 1);
	runstate(w, IDLE, cpu, 0, 1);
	runstate(w, GUEST, cpu, 1, 0);
	record(w, 0x81001, 700, 0, NULL);
	for (unsigned i = 0; i < 32; i++)
		one_exit(w, reasons[i % ARRAY_SIZE(reasons)], 1000);
	record(w, 0x81102, 600, 3, halt);
	runstate(w, GUEST, cpu, 0, 2);
	runstate(w, IDLE, cpu, 1, 0);
	w->tsc += 100000;
}

int
main(int argc, char **argv)
{
	uint64_t records, cpus = 1;
	static struct writer w[MAX_CPUS];

	if (argc < 2 || parse_u64(argv[1], 1, UINT64_MAX, &records) < 0 ||
	    (argc > 2 && parse_u64(argv[2], 1, MAX_CPUS, &cpus) < 0)) {
		(void) fprintf(stderr, "usage: trace_make RECORDS [CPUS] > FILE\n");
		return 2;
	}
	for (unsigned i = 0; i < cpus; i++)
		w[i] = (struct writer){.tsc = 1000000000 + i, .random = i};
	while (written < records)
		for (unsigned i = 0; i < cpus; i++) {
			uint32_t head[3] = {0x2001f003, i, 0};

			for (w[i].n = 0; w[i].n < PIECE - 2048 && written < records;)
				burst(&w[i], i);
			head[2] = w[i].n;
			put(head, sizeof(head));
			put(w[i].bytes, w[i].n);
		}
	return fflush(stdout) != 0;
}
