/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMMAND_H
#define COMMAND_H

#include "base/tick.h"

#define MAX_COMMAND_OUTPUT 16384

/* Another program, run beside the loop: without a shell, with an environment of its own and a time
 * limit. */
struct command;

/* Starts argv[0], a path. seconds: when it is killed. -errno. */
int command_start(
    const char *const *argv, double seconds, const struct tick *now, struct command **ret);

/* -EAGAIN: it still runs. Else how it ended, each time: 0; its exit status; -ETIMEDOUT: it took too
 * long; -EINTR: a signal. */
int command_poll(struct command *c, const struct tick *now);

/* What it has written so far on both of its outputs, at most MAX_COMMAND_OUTPUT bytes. */
const char *command_output(const struct command *c);

/* Ends it, if it runs. */
void command_free(struct command *c);

#endif
