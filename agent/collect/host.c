/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"
#include "collect/collect.h"

#define PAGE_BYTES 4096.0

/* What cannot change within a boot is asked once; the number of free pages at each tick. */
struct host {
	char boot_id[UUID_SIZE], version[VERSION_SIZE], extra[VERSION_SIZE], cpu_model[VERSION_SIZE],
	    cmdline[MAX_CMDLINE];
	struct {
		bool boot_id, version, cpu_model, cmdline;
	} settled; /* answered, or refused for good */
	int cmdline_error;
	bool has_physinfo;
	struct hv_physinfo physinfo;
};

struct host *
host_new(const struct config *config)
{
	(void) config;
	return xcalloc(1, sizeof(struct host));
}

void
host_free(struct host *h)
{
	free(h);
}

/* Only a replay can go from one boot to another under our feet; all that was kept is then of the
 * old one. */
static int
ask_boot_id(struct host *h, struct collect *in)
{
	char raw[UUID_SIZE], id[UUID_SIZE];
	int r;

	if (h->settled.boot_id && !in->hv->replay)
		return 0;
	r = in->hv->ops->boot_id(in->hv, raw);
	if (r < 0 && !collect_is_final(r))
		return collect_failed(in, r, "Dom0's boot id");
	if (r >= 0) {
		utf8_clean(id, sizeof(id), raw);
		if (h->settled.boot_id && strcmp(id, h->boot_id) != 0)
			memset(h, 0, sizeof(*h));
		memcpy(h->boot_id, id, sizeof(id));
	}
	h->settled.boot_id = true;
	return 0;
}

static int
ask_version(struct host *h, struct collect *in)
{
	struct hv_version v;
	char text[VERSION_SIZE];
	int r;

	if (h->settled.version)
		return 0;
	r = in->hv->ops->version(in->hv, &v);
	if (r < 0 && !collect_is_final(r))
		return collect_failed(in, r, "Xen's version");
	if (r >= 0) {
		(void) snprintf(text, sizeof(text), "%u.%u%.*s", v.major, v.minor,
		    (int) sizeof(v.extra), v.extra);
		utf8_clean(h->version, sizeof(h->version), text);
		(void) snprintf(text, sizeof(text), "%.*s", (int) sizeof(v.extra), v.extra);
		utf8_clean(h->extra, sizeof(h->extra), text);
	}
	h->settled.version = true;
	return 0;
}

static int
ask_cpu_model(struct host *h, struct collect *in)
{
	char model[VERSION_SIZE];
	int r;

	if (h->settled.cpu_model)
		return 0;
	r = in->hv->ops->cpu_model(in->hv, model, sizeof(model));
	if (r < 0 && !collect_is_final(r))
		return collect_failed(in, r, "the CPU's model");
	if (r >= 0)
		utf8_clean(h->cpu_model, sizeof(h->cpu_model), model);
	h->settled.cpu_model = true;
	return 0;
}

static int
ask_cmdline(struct host *h, struct collect *in)
{
	char line[MAX_CMDLINE];

	if (h->settled.cmdline)
		return 0;
	h->cmdline_error = in->hv->ops->cmdline(in->hv, line);
	if (!collect_is_final(h->cmdline_error))
		return collect_failed(in, h->cmdline_error, "Xen's command line");
	if (h->cmdline_error >= 0)
		utf8_clean(h->cmdline, sizeof(h->cmdline), line);
	h->settled.cmdline = true;
	return 0;
}

static int
ask_physinfo(struct host *h, struct collect *in)
{
	struct hv_physinfo p;
	int r = in->hv->ops->physinfo(in->hv, &p);

	h->has_physinfo = r >= 0;
	if (r < 0)
		return collect_failed(in, r, "physinfo");
	h->physinfo = p;
	return 0;
}

/* Goes on past a failure: one question that fails does not hide the answers to the others. */
int
host_collect(struct host *h, struct collect *in)
{
	static int (*const ask[])(struct host *, struct collect *) = {
	    ask_boot_id, ask_version, ask_cpu_model, ask_cmdline, ask_physinfo};
	int first = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ask); i++) {
		int r = ask[i](h, in);

		if (first == 0)
			first = r;
	}
	return first;
}

void
host_fill(const struct host *h, struct sample *s)
{
	const struct hv_physinfo *p = &h->physinfo;
	double *value = s->host.value;

	str_copy(s->host.boot_id, sizeof(s->host.boot_id), h->boot_id);
	str_copy(s->host.xen_version, sizeof(s->host.xen_version), h->version);
	str_copy(s->host.xen_extra, sizeof(s->host.xen_extra), h->extra);
	str_copy(s->host.cpu_model, sizeof(s->host.cpu_model), h->cpu_model);
	str_copy(s->host.cmdline, sizeof(s->host.cmdline), h->cmdline);
	if (h->cmdline_error < 0)
		collect_note(s,
		    "Xen does not show its command line (%s), so that options on it are not known.",
		    strerror(-h->cmdline_error));
	if (!h->has_physinfo)
		return;
	value[METRIC_AT(M_HOST_CPUS, HOST)] = p->cpus;
	value[METRIC_AT(M_HOST_MEMORY, HOST)] = (double) p->total_pages * PAGE_BYTES;
	value[METRIC_AT(M_HOST_FREE, HOST)] = (double) p->free_pages * PAGE_BYTES;
}
