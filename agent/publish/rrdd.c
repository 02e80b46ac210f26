/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "publish/rrdd.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/util.h"
#include "publish/page.h"

#define PAGE_BYTES 4096 /* a file is a multiple of it */
#define MORE_GUESTS 32U /* room for at least so many that come later */

struct source {
	enum metric_id metric;
	const char *type, *unit;
};

static const struct source sources[] = {
#define SOURCE(id, type, unit) {M_##id, type, unit},
#include "publish/sources.def"
};

/* A place in the page means the same from its making to its end: guests that come are appended, those that go leave
 * theirs empty until the page is made anew. So nobody who reads while it is written takes one source's value for
 * another's, and xcp-rrdd learns of a new guest without forgetting the others for a while. */
struct rrdd {
	char *path;
	int fd; /* -1: there is no page */
	char (*guest)[UUID_SIZE];
	size_t n_guests, room; /* xcp-rrdd maps the file once: it never grows */
	size_t last; /* the place of the guest that was found last: the next one's is mostly behind it */
	struct trouble trouble;
};

/* xcp-rrdd has to see that it is gone before there can be another one: that is for the next tick. */
static void
end_page(struct rrdd *p)
{
	if (p->fd >= 0)
		(void) unlink(p->path);
	closep(&p->fd);
	p->n_guests = p->last = 0;
	p->room = MAX_RRDD_GUESTS;
}

struct rrdd *
rrdd_new(const char *dir)
{
	struct rrdd *p = xcalloc(1, sizeof(*p));

	p->path = xasprintf("%s/xenscope", dir);
	p->guest = xcalloc(MAX_RRDD_GUESTS, sizeof(*p->guest));
	p->fd = -1;
	end_page(p);
	return p;
}

void
rrdd_free(struct rrdd *p)
{
	if (!p)
		return;
	end_page(p);
	free(p->guest);
	free(p->path);
	free(p);
}

/* --- the guests' places --- */

/* -1: it has none. */
static int
find_guest(struct rrdd *p, const char *uuid)
{
	for (size_t i = 1; i <= p->n_guests; i++) {
		size_t at = (p->last + i) % p->n_guests;

		if (strcmp(p->guest[at], uuid) == 0) {
			p->last = at;
			return (int) at;
		}
	}
	return -1;
}

/* Gives each of the sample's guests a place. False: they need a new page. */
static bool
place_guests(struct rrdd *p, const struct sample *s)
{
	size_t found = 0;
	bool fit = true;

	for (size_t i = 0; i < s->n_domains; i++) {
		const struct sample_domain *d = &s->domain[i];

		if (d->domid == 0)
			continue;
		if (find_guest(p, d->uuid) >= 0) {
			found++;
		} else if (p->n_guests < p->room) {
			p->last = p->n_guests++;
			str_copy(p->guest[p->last], UUID_SIZE, d->uuid);
			found++;
		} else {
			fit = false;
		}
	}
	return fit || found == MAX_RRDD_GUESTS; /* no page holds more of them */
}

/* --- what they are --- */

static size_t
host_sources(void)
{
	size_t n = 0;

	while (metric_scope_of(sources[n].metric) == MS_HOST)
		n++;
	return n;
}

static void
add_limit(struct strbuf *b, const char *name, double limit, const char *none)
{
	strbuf_printf(b, ",\"%s\":\"", name);
	if (isnan(limit))
		strbuf_str(b, none);
	else
		strbuf_number(b, limit);
	strbuf_str(b, "\"");
}

/* A counter goes without _total: what xcp-rrdd keeps is not one. All values are strings. */
static void
describe(struct strbuf *b, const struct source *x, const char *owner)
{
	const struct metric *m = &metric_table[x->metric];
	int n = (int) (strlen(m->name) - (m->type == MT_COUNTER ? strlen("_total") : 0));

	if (b->text[b->n - 1] != '{')
		strbuf_str(b, ",");
	strbuf_printf(b, "\"%.*s\":{\"description\":\"%s\",\"owner\":\"%s\"", n, m->name, m->help, owner);
	strbuf_printf(b, ",\"value_type\":\"float\",\"type\":\"%s\",\"default\":\"true\"", x->type);
	strbuf_printf(b, ",\"units\":\"%s\"", x->unit);
	add_limit(b, "min", m->min, "-inf");
	add_limit(b, "max", m->max, "inf");
	strbuf_str(b, "}");
}

static void
describe_guest(struct strbuf *b, const char *uuid)
{
	_cleanup_(freep) char *owner = xasprintf("vm %s", uuid);

	for (size_t i = host_sources(); i < ARRAY_SIZE(sources); i++)
		describe(b, &sources[i], owner);
}

/* The names of a guest's sources are those of another's, too: xcp-rrdd reads the members of this object as a list. */
static void
describe_all(struct strbuf *b, const struct rrdd *p)
{
	strbuf_str(b, "{\"datasources\":{");
	for (size_t i = 0; i < host_sources(); i++)
		describe(b, &sources[i], "host");
	for (size_t i = 0; i < p->n_guests; i++)
		describe_guest(b, p->guest[i]);
	strbuf_str(b, "}}");
}

/* --- their values --- */

static size_t
count_values(const struct rrdd *p)
{
	return host_sources() + p->n_guests * (ARRAY_SIZE(sources) - host_sources());
}

/* Those of sources[first] ... [end - 1], which are of one scope, of object i of the sample. */
static void
put_values(const struct sample *s, size_t i, size_t first, size_t end, uint64_t *bits)
{
	enum metric_scope scope = metric_scope_of(sources[first].metric);
	double value[METRIC_COUNT];

	sample_values(s, scope, i, value);
	for (size_t k = first; k < end; k++)
		memcpy(bits++, &value[sources[k].metric - metric_scopes[scope].first], sizeof(*bits));
}

/* Those of all guests: bits + (a guest's place) * each. */
static void
put_guests(struct rrdd *p, const struct sample *s, uint64_t *bits)
{
	size_t first = host_sources(), each = ARRAY_SIZE(sources) - first, end;

	for (size_t k = first; k < ARRAY_SIZE(sources); k = end) {
		enum metric_scope scope = metric_scope_of(sources[k].metric);

		for (end = k; end < ARRAY_SIZE(sources) && metric_scope_of(sources[end].metric) == scope;)
			end++;
		for (size_t i = 0; i < sample_count(s, scope); i++) {
			char uuid[UUID_SIZE];
			int place;

			sample_label(s, scope, i, 0, uuid, sizeof(uuid));
			place = find_guest(p, uuid);
			if (place >= 0)
				put_values(s, i, k, end, bits + (size_t) place * each + k - first);
		}
	}
}

static int
write_page(struct rrdd *p, int fd, const struct sample *s, const struct strbuf *json)
{
	size_t n = count_values(p);
	_cleanup_(freep) uint64_t *bits = xcalloc(n, sizeof(*bits));
	const double absent = NAN;

	for (size_t i = 0; i < n; i++)
		memcpy(&bits[i], &absent, sizeof(*bits));
	put_values(s, 0, 0, host_sources(), bits);
	put_guests(p, s, bits + host_sources());
	return page_write(fd, s->at.real, bits, (uint32_t) n, json);
}

/* --- the page --- */

/* The room is settled here: for the guests that there are, and some that come later. */
static size_t
settle_size(struct rrdd *p, const struct strbuf *json)
{
	struct strbuf b = {.n = 0};
	size_t more, bytes;

	p->room = MIN(p->n_guests + MAX(MORE_GUESTS, p->n_guests / 2), MAX_RRDD_GUESTS);
	strbuf_str(&b, ",");
	describe_guest(&b, "00000000-0000-0000-0000-000000000000");
	more = p->room - p->n_guests;
	bytes = page_size(count_values(p) + more * (ARRAY_SIZE(sources) - host_sources()), json->n + more * b.n);
	strbuf_done(&b);
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* xcp-rrdd looks at it as soon as it has its name, so it gets that last. */
static int
make_file(struct rrdd *p, const struct sample *s, const struct strbuf *json, const char *draft)
{
	_cleanup_(closep) int fd = open(draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = -posix_fallocate(fd, 0, (off_t) settle_size(p, json));
	if (r == 0)
		r = write_page(p, fd, s, json);
	if (r == 0 && rename(draft, p->path) < 0)
		r = -errno;
	if (r == 0) {
		p->fd = fd;
		fd = -1;
	}
	return r;
}

/* Does nothing where there is no xcp-rrdd. What an agent that was killed has left goes first, and xcp-rrdd has a tick
 * to see that. */
static int
make_page(struct rrdd *p, const struct sample *s)
{
	_cleanup_(freep) char *draft = xasprintf("%s.tmp", p->path);
	struct strbuf json = {.n = 0};
	int r;

	if (unlink(p->path) == 0)
		return 0;
	(void) unlink(draft);
	(void) place_guests(p, s);
	describe_all(&json, p);
	r = make_file(p, s, &json, draft);
	strbuf_done(&json);
	if (p->fd < 0) {
		(void) unlink(draft);
		end_page(p);
	}
	return r == -ENOENT ? 0 : r;
}

static int
renew_page(struct rrdd *p, const struct sample *s)
{
	size_t before = p->n_guests;
	bool fit = place_guests(p, s);
	struct strbuf json = {.n = 0};
	int r = 0;

	if (fit && p->n_guests > before)
		describe_all(&json, p);
	if (fit)
		r = write_page(p, p->fd, s, json.n ? &json : NULL);
	strbuf_done(&json);
	if (!fit || r < 0)
		end_page(p);
	return r;
}

void
rrdd_publish(struct rrdd *p, const struct sample *s)
{
	struct stat st;
	int r;

	if (p->fd >= 0 && (fstat(p->fd, &st) < 0 || st.st_nlink == 0)) { /* somebody removed it */
		closep(&p->fd);
		end_page(p);
	}
	r = p->fd < 0 ? make_page(p, s) : renew_page(p, s);
	if (r < 0)
		complain(&p->trouble, "rrdd", "%s cannot be written (%s), will try again: make room there", p->path,
		    strerror(-r));
	else
		complain_over(&p->trouble, "rrdd", "writing for xcp-rrdd");
}
