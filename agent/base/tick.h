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

/* How late a tick is that comes every so many seconds, of which the first was on time. *due: when it was due, 0 for
 * the first; then when the next one is, past those that were missed. All on CLOCK_MONOTONIC. */
double tick_delay(double *due, double step, double now);

/* "2026-11-03T12:00:00Z" (RFC 3339); "" for what is not between 1970 and 9999, NAN among it. */
#define TIME_TEXT_SIZE 32
void time_text(double t, char ret[TIME_TEXT_SIZE]);

/* The wall-clock time of a monotonic stamp, as seen from this tick. */
static inline double
tick_real_of(const struct tick *t, double mono)
{
	return t->real - (t->mono - mono);
}

#endif
