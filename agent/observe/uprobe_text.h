/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UPROBE_TEXT_H
#define UPROBE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "metrics/event.h"

/* Reads the text of a tracing instance's trace_pipe, with the probes that rounds_uprobe.c defines,
 * and makes events of it: an operation's entry and return are joined by thread. Lines may be cut
 * anywhere between two calls of feed; what is not ours is passed over. */
struct uprobe_text;

struct uprobe_text *uprobe_text_new(void);
void uprobe_text_free(struct uprobe_text *u);

void uprobe_text_feed(struct uprobe_text *u, const char *text, size_t n, event_fn *fn, void *arg);

/* Events that the kernel had no room for, as its text says. */
uint64_t uprobe_text_lost(const struct uprobe_text *u);

#endif
