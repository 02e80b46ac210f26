/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TICK_H
#define TICK_H

/* The time of one wake-up, read once and handed down. Both in seconds. */
struct tick {
	double mono; /* CLOCK_MONOTONIC: for intervals */
	double real; /* CLOCK_REALTIME, since 1970: for stamps */
};

/* Reads both clocks. */
struct tick tick_now(void);

/* The wall-clock time of a monotonic stamp, as seen from this tick. */
static inline double
tick_real_of(const struct tick *t, double mono)
{
	return t->real - (t->mono - mono);
}

#endif
