/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/migration_state.h"

#include <math.h>

#include "base/util.h"

#define PAGE_BYTES 4096
#define END_SECONDS 10	 /* after the helper's end judgement is given without the domain */
#define OFF_SECONDS 60	 /* after OFF, where no helper's end was seen */
#define WINDOW_SECONDS 0.25 /* after OFF the last trace window may come */
#define INCOMING_TICKS 2 /* a restore is then shown: its other half is not on this host */

enum tracking_mode
migration_infer_mode(const struct migrations *m, int kind)
{
	bool intel = strstr(m->cpu_model, "Intel") != NULL;

	if (kind == DOMAIN_PV || m->hap == NO)
		return TRACKING_SHADOW;
	if (m->pml == PML_IN_USE)
		return TRACKING_PML;
	if (m->pml == PML_DISABLED || (intel && m->pml == PML_UNSUPPORTED))
		return TRACKING_EPT_WP;
	if (strstr(m->cpu_model, "AMD") || strstr(m->cpu_model, "Hygon"))
		return TRACKING_NPT_WP;
	return TRACKING_UNKNOWN;
}

/* Without what xl appends while it receives a domain or has sent it away (xen.git tools/xl/xl_migrate.c). */
static void
copy_name(char *dst, size_t n, const char *name)
{
	static const char *const appended[] = {"--incoming", "--migratedaway"};
	size_t length;

	str_copy(dst, n, name);
	length = strlen(dst);
	for (size_t i = 0; i < ARRAY_SIZE(appended); i++) {
		size_t cut = strlen(appended[i]);

		if (length > cut && strcmp(dst + length - cut, appended[i]) == 0)
			dst[length - cut] = '\0';
	}
}

bool
migration_learn(const struct migrations *m, struct open *o, const struct known_domain *d)
{
	struct migration_record *r = &o->r;
	enum tracking_mode mode = r->tracking_mode;
	bool named = d && (strcmp(d->uuid, r->uuid) != 0 || r->memory_pages == UNSEEN);

	if (d && (named || !*r->name)) {
		str_copy(r->uuid, sizeof(r->uuid), d->uuid);
		copy_name(r->name, sizeof(r->name), d->name);
		r->memory_pages = d->pages;
		o->kind = (int) d->kind;
	}
	if (!*r->boot_id && *m->boot_id) {
		str_copy(r->boot_id, sizeof(r->boot_id), m->boot_id);
		str_copy(r->cpu_model, sizeof(r->cpu_model), m->cpu_model);
		str_copy(r->xen_version, sizeof(r->xen_version), m->xen_version);
		str_copy(r->xen_extra, sizeof(r->xen_extra), m->xen_extra);
		r->origin = m->replay ? ORIGIN_REPLAY : ORIGIN_LIVE;
	}
	if (mode == TRACKING_UNKNOWN && (r->n_rounds || r->final.pages != UNSEEN)) {
		r->tracking_mode = migration_infer_mode(m, o->kind);
		r->mode_source =
		    r->tracking_mode == TRACKING_UNKNOWN ? MODE_SOURCE_NONE : MODE_SOURCE_INFERRED;
	}
	return named || r->tracking_mode != mode;
}

/* Keeps of the sample what events will need. */
static void
remember(struct migrations *m, const struct sample *s)
{
	m->known = xrealloc(m->known, MAX(s->n_domains, 1) * sizeof(*m->known));
	m->n_known = s->n_domains;
	for (size_t i = 0; i < s->n_domains; i++) {
		const struct sample_domain *d = &s->domain[i];
		struct known_domain *k = &m->known[i];
		double bytes = d->value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)];
		double vcpus = d->value[METRIC_AT(M_DOMAIN_VCPUS, DOMAIN)];

		k->domid = d->domid;
		k->kind = d->kind;
		str_copy(k->uuid, sizeof(k->uuid), d->uuid);
		str_copy(k->name, sizeof(k->name), d->name);
		k->pages = bytes >= 0 ? (int64_t) (bytes / PAGE_BYTES) : UNSEEN;
		k->vcpus = vcpus >= 0 && vcpus <= INT32_MAX ? (int32_t) vcpus : UNSEEN;
	}
	str_copy(m->cpu_model, sizeof(m->cpu_model), s->host.cpu_model);
	str_copy(m->xen_version, sizeof(m->xen_version), s->host.xen_version);
	str_copy(m->xen_extra, sizeof(m->xen_extra), s->host.xen_extra);
	str_copy(m->boot_id, sizeof(m->boot_id), s->host.boot_id);
	m->pml = s->features.pml.state;
	m->hap = s->features.hap;
	m->replay = s->replay;
}

/* The sample has all domains of this moment, not those of an earlier one or a part of them. */
static bool
lists_all(const struct sample *s)
{
	for (size_t i = 0; i < s->n_collectors; i++)
		if (strcmp(s->collector[i].name, "domain") == 0 && *s->collector[i].error)
			return false;
	return s->n_domains > 0 && s->n_domains < MAX_DOMAINS;
}

static enum presence
presence(const struct open *o, const struct sample *s)
{
	const struct sample_domain *d = sample_find_domain(s, o->r.domid);

	if (!lists_all(s))
		return DOMAIN_UNKNOWN;
	if (!d || (*o->r.uuid && strcmp(o->r.uuid, d->uuid) != 0) || strcmp(d->state, "dying") == 0)
		return DOMAIN_GONE;
	if (d->value[METRIC_AT(M_DOMAIN_SHUTDOWN, DOMAIN)] > 0 ||
	    strcmp(d->state, "shutdown") == 0 || strcmp(d->state, "crashed") == 0)
		return DOMAIN_STOPPED;
	if (d->value[METRIC_AT(M_DOMAIN_PAUSED, DOMAIN)] > 0 || strcmp(d->state, "paused") == 0)
		return DOMAIN_PAUSED;
	return DOMAIN_RUNNING;
}

static bool
is_elsewhere(const struct open *o, const struct sample *s)
{
	for (size_t i = 0; *o->r.uuid && i < s->n_domains; i++)
		if (s->domain[i].domid != o->r.domid && strcmp(s->domain[i].uuid, o->r.uuid) == 0)
			return true;
	return false;
}

static double
deadline(const struct open *o)
{
	if (!isnan(o->helper_gone))
		return o->helper_gone + END_SECONDS;
	if (!isnan(o->r.evidence.off))
		return o->r.evidence.off - o->r.evidence.epoch + OFF_SECONDS;
	return isnan(o->missing) ? INFINITY : o->missing + END_SECONDS;
}

static struct sight
look(const struct migrations *m, struct open *o, const struct sample *s)
{
	struct sight x = {.here = presence(o, s),
	    .elsewhere = is_elsewhere(o, s),
	    .helper_gone = !isnan(o->helper_gone),
	    .rebooted = *o->r.boot_id && *m->boot_id && strcmp(o->r.boot_id, m->boot_id) != 0,
	    .missed = !migration_nothing_missed(m, o)};
	const struct sample_domain *d = sample_find_domain(s, o->r.domid);

	o->crashed = o->crashed || (x.here == DOMAIN_STOPPED && strcmp(d->state, "crashed") == 0);
	x.crashed = o->crashed;
	if (x.here != DOMAIN_GONE)
		o->missing = NAN;
	else if (isnan(o->missing))
		o->missing = s->at.mono;
	x.overdue = s->at.mono >= deadline(o);
	return x;
}

bool
migration_is_other_half(struct migrations *m, struct open *o)
{
	bool found = recents_ended_since(&m->recents, o->r.uuid, o->begun);

	for (size_t i = 0; i < m->n_open && !found && *o->r.uuid; i++) {
		struct open *out = m->open[i];

		if (out->r.direction == DIRECTION_IN || out->r.direction == DIRECTION_PROBE ||
		    strcmp(out->r.uuid, o->r.uuid) != 0)
			continue;
		found = true;
		if (out->r.direction == DIRECTION_OUT)
			out->r.direction = DIRECTION_LOCAL;
		if (isnan(out->r.released) && o->r.released > out->r.final.started) {
			out->r.released = o->r.released;
			out->r.released_source = o->r.released_source;
		}
		migration_say(m, out, RECORD_CHANGED, NULL);
	}
	return found && *o->r.uuid;
}

static void
identify(struct migrations *m, struct open *o)
{
	const struct known_domain *d = migration_find_known(m, o->r.domid);
	bool over = !isnan(o->r.evidence.off) || !isnan(o->helper_gone);

	/* What was known at its beginning may be older than the domain; once it is over, the number
	 * may have been given to another. */
	if (o->identified || (over && *o->r.uuid && d && strcmp(d->uuid, o->r.uuid) != 0))
		d = NULL;
	o->changed = migration_learn(m, o, d) || o->changed;
	o->identified = o->identified || d;
}

static bool
awaits_window(const struct open *o, double off, double now)
{
	return o->traced < off && now - off < WINDOW_SECONDS;
}

/* What is seen of a guest that comes in: its memory grows as its pages arrive, and at some time it runs. Where the
 * hypercall that let it was not seen, the list of domains tells so, late by up to a tick. */
static void
watch_arrival(const struct migrations *m, struct open *o, const struct sight *sight, double now)
{
	const struct known_domain *d = migration_find_known(m, o->r.domid);

	if (sight->here == DOMAIN_GONE || sight->here == DOMAIN_UNKNOWN)
		return;
	if (d && d->pages > o->r.memory_pages) {
		o->r.memory_pages = d->pages;
		o->changed = true;
	}
	if (sight->here == DOMAIN_RUNNING && sight->helper_gone && isnan(o->r.released)) {
		o->r.released = migration_stamp(o, now);
		o->r.released_source = RELEASE_DOMAIN_LIST;
	}
}

static void
judge(struct migrations *m, struct open *o, const struct sample *s)
{
	struct sight sight = look(m, o, s);
	double off = o->r.evidence.off - o->r.evidence.epoch;

	if (o->r.direction == DIRECTION_PROBE) {
		migration_judge_probe(m, o, &sight);
		return;
	}
	if (o->r.direction == DIRECTION_IN)
		watch_arrival(m, o, &sight, s->at.mono);
	if (!o->shown && (++o->ticks >= INCOMING_TICKS || !isnan(o->helper_gone)))
		migration_show(m, o);
	if (!o->shown)
		return;
	if (o->r.direction == DIRECTION_OUT && sight.elsewhere) {
		o->r.direction = DIRECTION_LOCAL;
		o->changed = true;
	}
	/* An end that is newer than the list of domains is judged by the next one. */
	if (!(off > s->at.mono) && !awaits_window(o, off, s->at.mono) && !(o->helper_gone > s->at.mono) &&
	    migration_try_end(m, o, &sight, s->at.mono))
		return;
	if (o->changed || !isnan(o->waits))
		migration_say(m, o, RECORD_CHANGED, NULL);
	o->changed = false;
}

static void
fill(const struct migrations *m, struct sample *s)
{
	size_t running = 0;

	for (size_t i = m->n_open; i-- > 0;) {
		const struct open *o = m->open[i];
		double value[VALUES(MIGRATION)];

		if (!o->shown || o->r.direction == DIRECTION_PROBE)
			continue;
		running++;
		recent_values(&o->r, migration_stamp(o, s->at.mono), value);
		recent_show(s, o->r.uuid, o->r.direction, value);
	}
	recents_show(&m->recents, s);
	s->host.value[METRIC_AT(M_HOST_RUNNING, HOST)] = (double) running;
	s->host.value[METRIC_AT(M_HOST_MIGRATIONS, HOST)] = (double) m->ended;
	s->host.value[METRIC_AT(M_HOST_FAILED, HOST)] = (double) m->failed;
	s->host.value[METRIC_AT(M_HOST_ROUNDS, HOST)] = (double) m->rounds;
	s->host.value[METRIC_AT(M_HOST_FALLBACKS, HOST)] = (double) m->fallbacks;
	s->host.value[METRIC_AT(M_HOST_CONTRADICTIONS, HOST)] = (double) m->contradictions;
	forecasts_show(&m->forecasts, s->host.value);
}

void
migrations_tick(struct migrations *m, struct sample *s)
{
	remember(m, s);
	for (size_t i = 0; i < m->n_open; i++)
		if (m->open[i]->begun <= s->at.mono)
			identify(m, m->open[i]);
	for (size_t i = m->n_open; i-- > 0;) /* from the end, as some leave */
		if (!m->open[i]->shown && m->open[i]->begun <= s->at.mono && migration_is_other_half(m, m->open[i]))
			migration_drop(m, m->open[i]);
	for (size_t i = m->n_open; i-- > 0;)
		if (m->open[i]->begun <= s->at.mono)
			judge(m, m->open[i], s);
	recents_expire(&m->recents, s->at.mono);
	tracking_tick(m->tracking, s);
	fill(m, s);
}

void
migrations_resume(
    struct migrations *m, struct migration_record *r, bool alive, const struct tick *now)
{
	struct open *o = xcalloc(1, sizeof(*o));
	double last;

	o->r = *r;
	record_init(r);
	o->r.result = RESULT_RUNNING;
	o->r.evidence.away = true;
	if (!isfinite(o->r.evidence.epoch))
		o->r.evidence.epoch = now->real - now->mono;
	o->begun = now->mono;
	o->helper_gone = alive ? NAN : now->mono;
	o->missing = o->traced = o->waits = o->logged.over = NAN;
	o->logged.round = -1;
	o->logged.last = now->mono;
	o->shown = o->resumed = true;
	o->identified = *o->r.uuid != '\0';
	o->fell_back = o->r.mode_source == MODE_SOURCE_TRACE && *o->r.mode_note;
	o->kind = -1;
	if (m->n_open == MAX_OPEN) {
		o->r.result = RESULT_LOST;
		str_copy(o->r.reason, sizeof(o->r.reason), "too many were under way");
		migration_say(m, o, RECORD_ENDED, NULL);
		record_done(&o->r);
		free(o);
		return;
	}
	m->open[m->n_open++] = o;
	last = o->r.evidence.last - o->r.evidence.epoch;
	if (last <= now->mono &&
	    tracking_operation(m->tracking, o->r.domid, o->r.uuid, o->r.pid, last, last) &&
	    o->r.n_rounds && isnan(o->r.evidence.off))
		tracking_on(m->tracking, o->r.domid, last);
}
