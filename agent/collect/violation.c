/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "collect/violation.h"

#include <ctype.h>

#include "base/util.h"
#include "collect/boot_text.h"
#include "metrics/event.h"

#define VIOLATION " violation"

struct found {
	struct violation *ret;
	size_t max, n;
};

/* "d3v0" */
static bool
reads_vcpu(const char *s, size_t n, uint32_t *ret_domid)
{
	uint64_t domid = 0;
	size_t i = 1;

	for (; i < n && isdigit((unsigned char) s[i]); i++)
		domid = MIN(domid * 10 + (uint64_t) (s[i] - '0'), NO_DOMID);
	*ret_domid = (uint32_t) domid;
	return s[0] == 'd' && i > 1 && i + 1 < n && s[i] == 'v' && isdigit((unsigned char) s[i + 1]);
}

/* The whole line, so that no other text that holds these words counts. */
static bool
read_line(const char *said, struct violation *ret)
{
	size_t n = strcspn(said, " ");
	const char *name;

	memset(ret, 0, sizeof(*ret));
	ret->domid = NO_DOMID;
	if (strncmp(said, "Xen SM", 6) == 0)
		name = said + 4;
	else if (strncmp(said + n, " fatal SM", 9) == 0 && reads_vcpu(said, n, &ret->domid))
		name = said + n + 7;
	else
		return false;
	ret->guest = ret->domid != NO_DOMID;
	ret->feature = name[2] == 'A' ? FEATURE_SMAP : FEATURE_SMEP;
	str_copy(ret->line, sizeof(ret->line), said);
	return (name[2] == 'A' || name[2] == 'E') && name[3] == 'P' && strcmp(name + 4, VIOLATION) == 0;
}

static void
on_line(void *arg, const char *said)
{
	struct found *f = arg;
	struct violation v;

	if (!read_line(said, &v))
		return;
	if (f->n >= f->max && f->max > 0)
		memmove(f->ret, f->ret + 1, (f->max - 1) * sizeof(*f->ret));
	if (f->max > 0)
		f->ret[MIN(f->n, f->max - 1)] = v;
	f->n++;
}

size_t
violations_find(const char *text, size_t n, struct violation *ret, size_t max)
{
	struct found f = {.ret = ret, .max = max};

	xen_lines(text, n, on_line, &f);
	return f.n;
}
