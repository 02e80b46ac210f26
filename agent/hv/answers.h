/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "hv/capture.h"

/* The newest answer to each question, sorted by question. Zero-initialised is empty. */
struct answer {
	enum capture_call call;
	uint64_t arg[2];
	uint64_t hash; /* the recorder's: of what was written */
	uint32_t error;
	void *data; /* owned */
	size_t n;
};

struct answers {
	struct answer *answer;
	size_t n, room;
};

/* Empties it. */
void answers_done(struct answers *a);

/* NULL if there is none. Pointers hold until the next answers_add. */
struct answer *answers_find(
    const struct answers *a, enum capture_call call, uint64_t arg0, uint64_t arg1);

/* The one to this call with the greatest first argument up to arg0. */
struct answer *answers_find_below(const struct answers *a, enum capture_call call, uint64_t arg0);

/* Finds or makes it; NULL beyond MAX_CAPTURE_ANSWERS. */
struct answer *answers_add(struct answers *a, enum capture_call call, uint64_t arg0, uint64_t arg1);

/* Forgets those to this call whose first argument is greater. */
void answers_forget_above(struct answers *a, enum capture_call call, uint64_t arg0);

#endif
