/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* The terminal as one page that is drawn again and again, by the control sequences that VT100 and all its
 * successors have; curses would be a library more in Dom0 for five of them. On every way out (return, signals,
 * a crash) the terminal is as it was before. */

enum screen_event { SCREEN_TIME, SCREEN_REDRAW, SCREEN_KEY, SCREEN_END };

/* Takes over the terminal on standard output, keys come from standard input. There is one screen. -ENOTTY,
 * -errno. */
int screen_begin(void);
void screen_end(void);

/* Now, or what the terminal says of itself: at least 1 each. */
void screen_size(unsigned *ret_columns, unsigned *ret_rows);

/* Shows text in place of what is there, cut to the screen's rows; lines are no longer than its columns. */
void screen_show(const char *text);

/* Waits: SCREEN_TIME when the seconds are over; SCREEN_REDRAW: the size has changed, or the program was stopped
 * and goes on; SCREEN_KEY: *ret_key was pressed; SCREEN_END: a signal asks to end, or the terminal has gone.
 * Works without screen_begin, too: then there are no keys. */
enum screen_event screen_wait(double seconds, char *ret_key);

/* Lets screen_wait see the signals that end the program, also where there is no screen. */
void screen_catch_signals(void);

#endif
