/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "notify/notify.h"

#include <errno.h>
#include <jansson.h>
#include <syslog.h>

#include "base/log.h"
#include "base/util.h"
#include "notify/console_watch.h"
#include "notify/derive.h"
#include "notify/hook.h"
#include "store/notice_log.h"

#define MAX_RECORDS 64	     /* under way, or lately */
#define MAX_EARLY 64	     /* notices before the file is open */
#define LOOK_SECONDS 60.0    /* between two looks into Xen's console ring */
#define MEMORY "boot.state"

/* What of a record was told. */
struct told {
	char id[RECORD_ID_SIZE];
	unsigned kinds;
};

struct notifier {
	const struct config *config;
	bool replay;
	double downtime_limit; /* s */
	struct hook *hook; /* NULL: none */
	char *dir; /* of the file; NULL: not yet */
	struct notice_log *log;
	struct trouble trouble, memory_trouble;
	struct notice *early; /* NULL once the file was opened, or was not to be */
	size_t n_early;

	struct told told[MAX_RECORDS]; /* a ring */
	size_t n_told;
	bool no_trace; /* told */
	struct boot_memory memory;
	bool compared; /* this boot, memory.boot_id, with the last one */
	bool remembers; /* the file was read */
	double looked; /* CLOCK_MONOTONIC */
	uint64_t count[NOTICE_COUNT];
};

struct notifier *
notifier_new(const struct config *config, bool replay, struct loop *loop)
{
	const char *command = config_text(config, OPTION_event_hook);
	struct notifier *t = xcalloc(1, sizeof(*t));
	const char *why;

	t->config = config;
	t->replay = replay;
	t->downtime_limit = (double) config_number(config, OPTION_downtime_limit) / 1000;
	t->early = xcalloc(MAX_EARLY, sizeof(*t->early));
	if (!replay)
		openlog("xenscoped", LOG_PID, LOG_DAEMON);
	if (replay || !loop || !*command)
		return t;
	why = hook_check(command);
	if (why)
		log_err("hook", "event_hook %s is not run: %s", command, why);
	t->hook = hook_new(command, HOOK_SECONDS, loop);
	return t;
}

void
notifier_free(struct notifier *t)
{
	if (!t)
		return;
	hook_free(t->hook);
	notice_log_close(t->log);
	free(t->dir);
	free(t->early);
	free(t);
}

/* --- one notice --- */

/* Where standard error is systemd's journal, syslog is as well. */
static void
announce(const struct notifier *t, const struct notice *n)
{
	const struct notice_info *info = &notice_table[n->kind];
	enum log_level level = info->severity <= LOG_ERR ? LOG_LEVEL_ERR
	    : info->severity == LOG_WARNING		 ? LOG_LEVEL_WARN
							 : LOG_LEVEL_INFO;

	if (!t->replay)
		syslog(info->severity, "%s %s seq=%llu: %s", info->message_id, info->name,
		    (unsigned long long) n->seq, n->text);
	if (t->replay || !getenv("JOURNAL_STREAM"))
		log_write(level, "event", "%s", n->text);
}

static void
tell(void *arg, struct notice *n)
{
	_cleanup_(freep) char *json = NULL;
	struct notifier *t = arg;
	int r;

	n->replay = t->replay;
	if (t->early) {
		if (t->n_early < MAX_EARLY)
			t->early[t->n_early++] = *n;
		return;
	}
	t->count[n->kind]++;
	r = t->log ? notice_log_add(t->log, n, &json) : 0;
	if (r < 0)
		complain(&t->trouble, "event", "event %llu cannot be written (%s): make room in the state_dir",
		    (unsigned long long) n->seq, strerror(-r));
	else
		complain_over(&t->trouble, "event", "writing events");
	announce(t, n);
	if (t->hook && json)
		hook_run(t->hook, n, json);
}

/* --- what was told already --- */

struct past {
	const char *id;
	unsigned kinds;
};

static bool
is_of(const json_t *notice, const char *migration)
{
	const char *id = json_string_value(json_object_get(notice, "migration"));

	return id && strcmp(id, migration) == 0;
}

/* Until the first notice of the record. */
static bool
look_for_kinds(void *arg, uint64_t seq, const char *line, size_t n)
{
	struct past *p = arg;
	const char *kind;
	json_t *o;

	(void) seq;
	if (!memmem(line, n, p->id, strlen(p->id))) /* parsing each would take long */
		return true;
	o = json_loadb(line, n, 0, NULL);
	kind = json_string_value(json_object_get(o, "kind"));
	if (kind && is_of(o, p->id) && notice_find(kind) < NOTICE_COUNT)
		p->kinds |= KIND_BIT(notice_find(kind));
	json_decref(o);
	return !(p->kinds & KIND_BIT(NOTICE_STARTED));
}

/* By earlier agents, as far as the file reaches back. */
static unsigned
told_before(const struct notifier *t, const char *id)
{
	struct past p = {.id = id};

	if (t->dir)
		(void) notice_log_read(t->dir, look_for_kinds, &p);
	return p.kinds;
}

static struct told *
find_told(struct notifier *t, const char *id, bool begun)
{
	struct told *x;

	for (size_t i = 0; i < MIN(t->n_told, MAX_RECORDS); i++)
		if (strcmp(t->told[i].id, id) == 0)
			return &t->told[i];
	x = &t->told[t->n_told++ % MAX_RECORDS];
	str_copy(x->id, sizeof(x->id), id);
	x->kinds = begun ? 0 : KIND_BIT(NOTICE_STARTED) | told_before(t, id); /* by the agent that saw it begin */
	return x;
}

/* --- life --- */

/* What was seen before the file could be read; some of it an earlier agent may have told. */
static void
tell_early(struct notifier *t)
{
	struct notice *early = TAKE_PTR(t->early);

	for (size_t i = 0; i < t->n_early; i++)
		if (!*early[i].migration || !(KIND_BIT(early[i].kind) & told_before(t, early[i].migration)))
			tell(t, &early[i]);
	free(early);
	for (size_t i = 0; i < MIN(t->n_told, MAX_RECORDS); i++)
		t->told[i].kinds |= told_before(t, t->told[i].id);
}

int
notifier_open(struct notifier *t, const char *dir, gid_t gid)
{
	const char *repaired = NULL;
	int r = notice_log_open(dir, gid, &t->log, &repaired);

	if (r < 0)
		log_err("event", "cannot open the file of events in %s: %s", dir, strerror(-r));
	if (repaired)
		log_warn("event", "%s", repaired);
	t->dir = xstrdup(dir);
	tell_early(t);
	return r;
}

/* --- of records --- */

void
notifier_record(struct notifier *t, bool begun, const struct migration_record *r)
{
	struct told *told = find_told(t, r->id, begun);
	unsigned kinds = derive_kinds(r, t->downtime_limit) & ~told->kinds;

	told->kinds |= kinds;
	for (enum notice_kind kind = 0; kind < NOTICE_COUNT; kind++)
		if (kinds & KIND_BIT(kind)) {
			struct notice n;

			derive_record(kind, r, tick_now().real, &n);
			tell(t, &n);
		}
}

/* --- of the boot --- */

static char *
memory_path(const struct notifier *t)
{
	return xasprintf("%s/" MEMORY, config_text(t->config, OPTION_state_dir));
}

static void
remember(struct notifier *t)
{
	_cleanup_(freep) char *path = memory_path(t);
	int r = boot_memory_write(path, &t->memory);

	if (r < 0)
		complain(&t->memory_trouble, "event", "%s: %s", path, strerror(-r));
	else
		complain_over(&t->memory_trouble, "event", "remembering this boot");
}

/* Every question that the report is made of was answered, or refused for good. */
static bool
is_whole(const struct sample *s)
{
	for (size_t i = 0; i < s->n_collectors; i++)
		if (strcmp(s->collector[i].name, "features") == 0)
			return !*s->collector[i].error;
	return false;
}

static void
look_back(struct notifier *t, bool same_boot, double now)
{
	if (!t->replay) /* the files are those of this host */
		console_look_back(config_text(t->config, OPTION_console_log), config_text(t->config, OPTION_crash_dir),
		    same_boot, now, &t->memory, tell, t);
}

static void
compare(struct notifier *t, const struct sample *s)
{
	bool same_boot = strcmp(t->memory.boot_id, s->host.boot_id) == 0;
	struct boot_features features;
	struct notice n[FEATURE_COUNT + 1];
	size_t count = same_boot ? 0 : derive_changes(&t->memory.features, &s->features, s->at.real, n);

	for (size_t i = 0; i < count; i++)
		tell(t, &n[i]);
	derive_features(&s->features, &features);
	derive_remember(&t->memory.features, &features);
	t->memory.features = features;
	if (!same_boot)
		t->memory.ring_violations = 0;
	str_copy(t->memory.boot_id, sizeof(t->memory.boot_id), s->host.boot_id);
	look_back(t, same_boot, s->at.real);
	t->compared = true;
}

/* A replay may go from one boot to the next. */
static bool
is_new(struct notifier *t, const struct sample *s)
{
	_cleanup_(freep) char *path = NULL;
	int r;

	if (!*s->host.boot_id || !is_whole(s))
		return false;
	if (!t->remembers) {
		path = memory_path(t);
		r = boot_memory_read(path, &t->memory);
		if (r < 0 && r != -ENOENT)
			log_warn("event", "%s: %s; this boot cannot be compared with the last one", path, strerror(-r));
		t->remembers = true;
	}
	return !t->compared || strcmp(t->memory.boot_id, s->host.boot_id) != 0;
}

void
notifier_sample(struct notifier *t, struct hv *hv, struct sample *s)
{
	bool fresh = is_new(t, s), changed = fresh;

	if (fresh)
		compare(t, s);
	if (t->compared && (fresh || !(s->at.mono - t->looked < LOOK_SECONDS))) {
		t->looked = s->at.mono;
		if (console_look(hv, s->at.real, &t->memory, tell, t)) {
			look_back(t, true, s->at.real); /* the saved log has it, too */
			changed = true;
		}
	}
	if (changed)
		remember(t);
	for (size_t i = 0; i < NOTICE_COUNT; i++)
		s->notice[i].value[METRIC_AT(M_NOTICE_TOLD, NOTICE)] = (double) t->count[i];
}

void
notifier_trace(struct notifier *t, const char *why)
{
	struct notice n;

	if (*why && !t->no_trace) {
		notice_init(&n, NOTICE_NO_TRACE, tick_now().real);
		notice_say(&n, "%s", why);
		notice_text(&n, "reason", why);
		tell(t, &n);
	}
	t->no_trace = *why != '\0';
}

void
notifier_child_ended(struct notifier *t)
{
	if (t->hook)
		hook_child_ended(t->hook);
}
