/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CSV_TABLES_H
#define CSV_TABLES_H

#include "cli/csv.h"
#include "cli/options.h"

/* The table that a command prints with --csv; no rows where it has none. */
const struct csv *csv_of(enum command_id command);

#endif
