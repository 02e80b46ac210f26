/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/trace_buffers.h"

#if defined __x86_64__ || defined __i386__
#include <x86intrin.h>
#endif

#include "base/tick.h"

#define TRIES 4
#define NARROW 2e-6 /* seconds: nothing came between the readings */

static uint64_t
tsc(void)
{
#if defined __x86_64__ || defined __i386__
	return __rdtsc();
#else
	return 0;
#endif
}

/* The TSC between two readings of the other clock that are as close to each other as a few tries bring them: this
 * process may lose the CPU at any moment. */
struct trace_clock
trace_clock_now(void)
{
	struct trace_clock best = {0, 0};
	double width = 1e9;

	for (int i = 0; i < TRIES && width > NARROW; i++) {
		double before = tick_now().mono;
		uint64_t between = tsc();
		double after = tick_now().mono;

		if (after - before < width) {
			width = after - before;
			best = (struct trace_clock){(before + after) / 2, between};
		}
	}
	return best;
}
