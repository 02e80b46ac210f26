/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOG_MESSAGE_H
#define LOG_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "metrics/event.h"

/* A message of xenguest's control protocol, one JSON object (xenserver/xen.pg, xg_emu.c):
 * { "event" : "MIGRATION", "data": {"sent": N, "remaining": N, "iteration": N}}, the last one with "status":
 * "completed". True: it is such a message, whole, and was put into e: a round, or that it is sent. */
bool log_message_read(const char *text, size_t n, struct event *e);

#endif
