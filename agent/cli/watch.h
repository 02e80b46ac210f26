/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include <stdio.h>

#include "cli/ask.h"

/* xenscope watch: asks again and again, until a key or a signal ends it. The exit status. */
int watch_command(struct asker *a, unsigned interval, FILE *f);

#endif
