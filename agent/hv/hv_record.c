/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/hv.h"

#include <errno.h>
#include <math.h>

#include "base/file.h"
#include "base/util.h"
#include "hv/answers.h"
#include "hv/capture.h"

struct record {
	struct hv hv;
	struct hv *inner;
	int fd;
	int status;	      /* -errno of the write that failed */
	double begin;	      /* CLOCK_MONOTONIC */
	double t;	      /* of the next line, seconds since begin */
	struct answers asked; /* with the hash of the answer that was written last */
	struct strbuf text;
};

static struct record *
of(struct hv *hv)
{
	return (struct record *) hv;
}

/* Writes the line; with `last`, only if it says something else than the one before. After a failed
 * write the capture ends, with a torn line at worst. */
static void
put(struct record *rec, const struct capture_line *line, struct answer *last)
{
	size_t body;
	uint64_t hash;

	rec->text.n = 0;
	capture_write(&rec->text, line, &body);
	hash = capture_hash(rec->text.text + body, rec->text.n - body);
	if (last && last->hash == hash)
		return;
	rec->status = write_all(rec->fd, rec->text.text, rec->text.n);
	if (!last)
		return;
	last->hash = hash;
	/* the parts that follow belong to the new list, written or not */
	if (line->call == CALL_DOMAIN_LIST)
		answers_forget_above(&rec->asked, line->call, line->arg[0]);
}

/* Records what the call returned and hands r on. */
static int
answered(struct record *rec, int r, struct capture_line *line)
{
	struct answer *last;

	rec->hv.hypercalls = rec->inner->hypercalls;
	rec->hv.xenstore_reads = rec->inner->xenstore_reads;
	if (rec->status < 0)
		return r;
	line->kind = LINE_ANSWER;
	line->t = rec->t;
	line->error = r < 0 ? (uint32_t) -r : 0;
	last = answers_add(&rec->asked, line->call, line->arg[0], line->arg[1]);
	if (last && (line->error || line->n <= capture_calls[line->call].max))
		put(rec, line, last);
	return r;
}

static int
record_version(struct hv *hv, struct hv_version *ret)
{
	int r = of(hv)->inner->ops->version(of(hv)->inner, ret);

	return answered(
	    of(hv), r, &(struct capture_line){.call = CALL_VERSION, .data = ret, .n = 1});
}

static int
record_cmdline(struct hv *hv, char ret[MAX_CMDLINE])
{
	int r = of(hv)->inner->ops->cmdline(of(hv)->inner, ret);

	return answered(of(hv), r,
	    &(struct capture_line){
		.call = CALL_CMDLINE, .data = ret, .n = r < 0 ? 0 : strlen(ret)});
}

static int
record_physinfo(struct hv *hv, struct hv_physinfo *ret)
{
	int r = of(hv)->inner->ops->physinfo(of(hv)->inner, ret);

	return answered(
	    of(hv), r, &(struct capture_line){.call = CALL_PHYSINFO, .data = ret, .n = 1});
}

static int
record_featureset(
    struct hv *hv, enum hv_featureset set, uint32_t words[MAX_FEATURE_WORDS], size_t *ret_n)
{
	int r = of(hv)->inner->ops->featureset(of(hv)->inner, set, words, ret_n);

	return answered(of(hv), r,
	    &(struct capture_line){
		.call = CALL_FEATURESET, .arg = {set}, .data = words, .n = r < 0 ? 0 : *ret_n});
}

static int
record_console_ring(struct hv *hv, char **ret_text, size_t *ret_n)
{
	int r = of(hv)->inner->ops->console_ring(of(hv)->inner, ret_text, ret_n);

	return answered(of(hv), r,
	    &(struct capture_line){.call = CALL_CONSOLE_RING,
		.data = r < 0 ? NULL : *ret_text,
		.n = r < 0 ? 0 : *ret_n});
}

static int
record_domain_list(struct hv *hv, uint32_t first, struct hv_domain *ret, size_t max, size_t *ret_n)
{
	int r = of(hv)->inner->ops->domain_list(of(hv)->inner, first, ret, max, ret_n);

	return answered(of(hv), r,
	    &(struct capture_line){
		.call = CALL_DOMAIN_LIST, .arg = {first}, .data = ret, .n = r < 0 ? 0 : *ret_n});
}

static int
record_domain_uuid(struct hv *hv, uint32_t domid, uint8_t ret[16])
{
	return of(hv)->inner->ops->domain_uuid(of(hv)->inner, domid, ret);
}

/* What a person asks for belongs to no capture. */
static int
record_logdirty(struct hv *hv, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty)
{
	(void) hv, (void) domid, (void) op, (void) ret_dirty;
	return -EROFS;
}

static int
record_domain_policy(struct hv *hv, uint32_t domid, struct hv_policy *ret)
{
	int r = of(hv)->inner->ops->domain_policy(of(hv)->inner, domid, ret);

	return answered(of(hv), r,
	    &(struct capture_line){
		.call = CALL_DOMAIN_POLICY, .arg = {domid}, .data = ret, .n = 1});
}

static int
record_vcpu_cr4(struct hv *hv, uint32_t domid, unsigned vcpu, uint64_t *ret_cr4)
{
	int r = of(hv)->inner->ops->vcpu_cr4(of(hv)->inner, domid, vcpu, ret_cr4);

	return answered(of(hv), r,
	    &(struct capture_line){
		.call = CALL_VCPU_CR4, .arg = {domid, vcpu}, .data = ret_cr4, .n = 1});
}

static int
record_domain_name(struct hv *hv, uint32_t domid, char ret[MAX_HV_NAME])
{
	int r = of(hv)->inner->ops->domain_name(of(hv)->inner, domid, ret);

	return answered(of(hv), r,
	    &(struct capture_line){.call = CALL_DOMAIN_NAME,
		.arg = {domid},
		.data = ret,
		.n = r < 0 ? 0 : strlen(ret)});
}

static int
record_change_fd(struct hv *hv)
{
	return of(hv)->inner->ops->change_fd(of(hv)->inner);
}

static int
record_next_change(struct hv *hv, struct hv_change *ret)
{
	struct record *rec = of(hv);
	int r = rec->inner->ops->next_change(rec->inner, ret);

	if (r == 0 && rec->status == 0)
		put(rec,
		    &(struct capture_line){
			.kind = LINE_ANSWER, .t = rec->t, .call = CALL_CHANGE, .data = ret, .n = 1},
		    NULL);
	return r;
}

static int
record_watch_name(struct hv *hv, uint32_t domid, bool on)
{
	return of(hv)->inner->ops->watch_name(of(hv)->inner, domid, on);
}

static int
record_xenstat(struct hv *hv, struct hv_xenstat *ret, size_t max, size_t *ret_n)
{
	int r = of(hv)->inner->ops->xenstat(of(hv)->inner, ret, max, ret_n);

	return answered(of(hv), r,
	    &(struct capture_line){.call = CALL_XENSTAT, .data = ret, .n = r < 0 ? 0 : *ret_n});
}

static int
record_cpu_model(struct hv *hv, char *buf, size_t n)
{
	int r = of(hv)->inner->ops->cpu_model(of(hv)->inner, buf, n);

	return answered(of(hv), r,
	    &(struct capture_line){
		.call = CALL_CPU_MODEL, .data = buf, .n = r < 0 ? 0 : strlen(buf)});
}

static int
record_boot_id(struct hv *hv, char ret_boot_id[37])
{
	int r = of(hv)->inner->ops->boot_id(of(hv)->inner, ret_boot_id);

	return answered(of(hv), r,
	    &(struct capture_line){
		.call = CALL_BOOT_ID, .data = ret_boot_id, .n = r < 0 ? 0 : strlen(ret_boot_id)});
}

static int
record_console_log(struct hv *hv, const char *path, size_t max, char **ret_text, size_t *ret_n)
{
	int r = of(hv)->inner->ops->console_log(of(hv)->inner, path, max, ret_text, ret_n);

	return answered(of(hv), r,
	    &(struct capture_line){.call = CALL_CONSOLE_LOG,
		.arg = {capture_hash(path, strlen(path))},
		.path = path,
		.data = r < 0 ? NULL : *ret_text,
		.n = r < 0 ? 0 : *ret_n});
}

static void
record_close(struct hv *hv)
{
	struct record *rec = of(hv);

	hv_closep(&rec->inner);
	answers_done(&rec->asked);
	strbuf_done(&rec->text);
	free(rec);
}

static const struct hv_ops record_ops = {
    .version = record_version,
    .cmdline = record_cmdline,
    .physinfo = record_physinfo,
    .featureset = record_featureset,
    .console_ring = record_console_ring,
    .domain_list = record_domain_list,
    .domain_uuid = record_domain_uuid,
    .logdirty = record_logdirty,
    .domain_policy = record_domain_policy,
    .vcpu_cr4 = record_vcpu_cr4,
    .domain_name = record_domain_name,
    .change_fd = record_change_fd,
    .next_change = record_next_change,
    .watch_name = record_watch_name,
    .xenstat = record_xenstat,
    .cpu_model = record_cpu_model,
    .boot_id = record_boot_id,
    .console_log = record_console_log,
    .close = record_close,
};

int
hv_record_open(struct hv *inner, int fd, const struct tick *now, struct hv **ret_hv)
{
	struct record *rec = xcalloc(1, sizeof(*rec));
	struct capture_line header = {.kind = LINE_HEADER,
	    .version = CAPTURE_VERSION,
	    .recorded = now->real,
	    .agent = PACKAGE_VERSION};
	struct hv_version v;

	if (inner->ops->version(inner, &v) == 0)
		(void) snprintf(
		    header.xen, sizeof(header.xen), "%u.%u%s", v.major, v.minor, v.extra);
	rec->hv = (struct hv){&record_ops, inner->replay, inner->hypercalls, inner->xenstore_reads};
	rec->inner = inner;
	rec->fd = fd;
	rec->begin = now->mono;
	put(rec, &header, NULL);
	if (rec->status < 0) {
		int r = rec->status;

		rec->inner = NULL; /* still the caller's */
		record_close(&rec->hv);
		return r;
	}
	*ret_hv = &rec->hv;
	return 0;
}

void
hv_record_tick(struct hv *hv, const struct tick *now)
{
	struct record *rec = of(hv);

	rec->t = MAX(rec->t, now->mono - rec->begin);
}

int
hv_record_event(struct hv *hv, const struct event *e)
{
	struct record *rec = of(hv);
	struct capture_line line = {.kind = LINE_EVENT, .event = *e};
	double at = e->at - rec->begin;

	if (rec->status < 0)
		return rec->status;
	/* An event plays when it happened; what was recorded before it stays before it. */
	rec->t = line.t = MAX(rec->t, at);
	line.event.at = at == line.t ? NAN : at;
	if (e->kind == EVENT_TRACE_WINDOW)
		line.event.window.from -= rec->begin;
	put(rec, &line, NULL);
	return rec->status;
}

int
hv_record_status(struct hv *hv)
{
	return of(hv)->status;
}
