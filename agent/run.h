/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RUN_H
#define RUN_H

#include <stddef.h>

#include "config/config.h"

#define MAX_CAPTURES 8

/* The three ways to run: each until a signal ends it; an exit status. */

/* On this host's hypervisor. */
int run_live(const struct config *config);

/* On captures, in turn and over again. The first pass is played at once, as the past that led up to now. */
int run_replay(const struct config *config, char *const *files, size_t n);

/* Writes a capture of this host for so many seconds (0: until a signal); serves and stores nothing. */
int run_record(const struct config *config, const char *file, double seconds);

#endif
