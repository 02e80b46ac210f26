/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_HOOKS_H
#define PROBE_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tick.h"
#include "observe/probe_record.h"

#define WHY_SIZE 288 /* a sentence for a person; a record keeps the beginning of it */

/* What the agent lends to this folder. */
struct probe_hooks {
	void *arg;
	struct migrations *migrations;
	/* Reads now what the observers hold; each event comes to prober_event before it returns. */
	void (*look)(void *arg);
	/* Log-dirty operations that the kernel's probe saw and could not tell, since its start. */
	uint64_t (*lost)(void *arg);
	/* Traces the domain; NULL: nobody does. */
	void (*follow)(void *arg, uint32_t domid, bool on, const struct tick *now);
	/* The newest finished record of this domain, of this boot, says that tracking was left on.
	 */
	bool (*left_on)(void *arg, const struct guest_id *guest);
	struct tick (*clock)(void);
	const char *root; /* of the file system: "" for "/" */
};

#endif
