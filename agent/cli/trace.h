/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include <stdbool.h>
#include <stdio.h>

/* Writes what a file of xentrace tells of exits, as a table or as JSON. cpu_hz: the TSC's rate, 0
 * if nobody knows it. An exit status. */
int show_trace(const char *path, double cpu_hz, bool json, unsigned width, FILE *f);

/* "2600000000", "2.6G", "2600M", "2600000k". -EINVAL; -ERANGE: no processor's rate. */
int parse_hz(const char *text, double *ret_hz);

#endif
