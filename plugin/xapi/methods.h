/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_H
#define METHODS_H

#include "base/strbuf.h"

/* Answers one methodCall of n bytes as xapi passes it: asks the agent on the socket where the
 * function needs it, at most `seconds` long, and appends the methodResponse to reply. What goes
 * wrong is a Failure in the reply. */
void plugin_answer(
    const char *call, size_t n, const char *socket_path, double seconds, struct strbuf *reply);

#endif
