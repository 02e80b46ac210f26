/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHANGES_H
#define CHANGES_H

#include <stdbool.h>

#include "hv/hv.h"
#include "observe/probe_record.h"

/* What a probe has changed on the host: a lock of xapi, dirty tracking. It is kept in a file that
 * outlives the agent, written and synced before the change is made and taken away after it was
 * undone. */
struct changes;

/* path: of the file. */
struct changes *changes_new(const char *path);
void changes_free(struct changes *c);

/* Reads what an earlier agent left; tracking that went with a boot or with its domain is not among
 * it. */
void changes_load(struct changes *c, struct hv *hv);

/* Of which domain the next ones are. -errno: the boot's id cannot be read. */
int changes_begin(struct changes *c, const struct guest_id *guest);

/* What is changed now, or is about to be. -errno: it could not be written down, and the file is as
 * it was or gone. */
int changes_keep(struct changes *c, bool locked, bool tracked);

bool changes_locked(const struct changes *c);
const struct guest_id *changes_guest(const struct changes *c);

/* Tracking stays on, and nobody else is known to need it: said in the log and by changes_note. */
void changes_leave(struct changes *c);
/* It is off, or another's now. */
void changes_forget(struct changes *c);

/* The domain whose tracking was left on, if it is still there; else NULL. */
const struct guest_id *changes_left(struct changes *c);
/* The same as a sentence for a person; "" if there is none. */
const char *changes_note(struct changes *c);

#endif
