/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/answers.h"

#include "base/util.h"

void
answers_done(struct answers *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->answer[i].data);
	free(a->answer);
	*a = (struct answers){NULL, 0, 0};
}

static int
compare(const struct answer *a, enum capture_call call, uint64_t arg0, uint64_t arg1)
{
	if (a->call != call)
		return a->call < call ? -1 : 1;
	if (a->arg[0] != arg0)
		return a->arg[0] < arg0 ? -1 : 1;
	return a->arg[1] < arg1 ? -1 : a->arg[1] > arg1;
}

/* Where the first answer is that does not come before the question. */
static size_t
place(const struct answers *a, enum capture_call call, uint64_t arg0, uint64_t arg1)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&a->answer[middle], call, arg0, arg1) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_at(const struct answers *a, size_t i, enum capture_call call, uint64_t arg0, uint64_t arg1)
{
	return i < a->n && compare(&a->answer[i], call, arg0, arg1) == 0;
}

struct answer *
answers_find(const struct answers *a, enum capture_call call, uint64_t arg0, uint64_t arg1)
{
	size_t i = place(a, call, arg0, arg1);

	return is_at(a, i, call, arg0, arg1) ? &a->answer[i] : NULL;
}

struct answer *
answers_find_below(const struct answers *a, enum capture_call call, uint64_t arg0)
{
	size_t i = place(a, call, arg0, 0);

	if (is_at(a, i, call, arg0, 0))
		return &a->answer[i];
	return i > 0 && a->answer[i - 1].call == call ? &a->answer[i - 1] : NULL;
}

struct answer *
answers_add(struct answers *a, enum capture_call call, uint64_t arg0, uint64_t arg1)
{
	size_t i = place(a, call, arg0, arg1);

	if (is_at(a, i, call, arg0, arg1))
		return &a->answer[i];
	if (a->n == MAX_CAPTURE_ANSWERS)
		return NULL;
	if (a->n == a->room) {
		a->room = a->room ? a->room * 2 : 32;
		a->answer = xrealloc(a->answer, a->room * sizeof(*a->answer));
	}
	memmove(a->answer + i + 1, a->answer + i, (a->n - i) * sizeof(*a->answer));
	a->n++;
	a->answer[i] = (struct answer){call, {arg0, arg1}, 0, 0, NULL, 0};
	return &a->answer[i];
}

void
answers_forget_above(struct answers *a, enum capture_call call, uint64_t arg0)
{
	size_t from = place(a, call, arg0 + 1, 0), to = from;

	for (; to < a->n && a->answer[to].call == call; to++)
		free(a->answer[to].data);
	if (to == from)
		return;
	memmove(a->answer + from, a->answer + to, (a->n - to) * sizeof(*a->answer));
	a->n -= to - from;
}
