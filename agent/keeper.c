/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "observe/observer.h"
#include "serve/rights.h"
#include "store/journal.h"
#include "store/retention.h"
#include "store/store.h"

#define MAX_UNSAVED 64	       /* finished records that the journal could not take yet */
#define RECALL_SECONDS 3600.0  /* migrations that ended so long ago are of no interest to the state machine */

struct keeper {
	char *dir; /* state_dir/public */
	gid_t gid;
	int lock; /* locked: two agents would write the same files */
	int sign; /* the directory, locked for the serve half of an agent that was killed to see */
	struct store *store;
	struct retention retention;
	struct journal *journal;
	struct journal_limits limits;
	struct migration_record unsaved[MAX_UNSAVED];
	size_t n_unsaved;
	struct trouble store_trouble, journal_trouble;
	struct migrations *migrations;
	double last_seen; /* seconds since 1970 */
};

/* The directory that the serve half is shut into: it may read it and nothing else. */
static int
make_directory(struct keeper *k, const struct config *config)
{
	struct user reader;
	int r;

	k->gid = user_find(config, &reader) == 0 && geteuid() == 0 ? reader.gid : getegid();
	k->dir = xasprintf("%s/public", config_text(config, OPTION_state_dir));
	r = mkdir_parents(k->dir, 0755);
	if (r == 0 && access(k->dir, W_OK | X_OK) < 0)
		r = -errno;
	if (r < 0) {
		log_err("agent", "cannot write in %s (%s): choose another place with --state-dir=DIR or run as root",
		    k->dir, strerror(-r));
		return r;
	}
	if (geteuid() == 0 && (chown(k->dir, 0, k->gid) < 0 || chmod(k->dir, 0750) < 0))
		log_warn("agent", "%s: cannot set owner or mode: %s", k->dir, strerror(errno));
	return 0;
}

/* Whoever can open a file can lock it, so this one is for the user of the agent alone. */
static int
lock_others_out(struct keeper *k, const struct config *config)
{
	_cleanup_(freep) char *path = keeper_lock_path(config);
	int r = 0;

	k->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (k->lock < 0 || flock(k->lock, LOCK_EX | LOCK_NB) < 0)
		r = -errno;
	if (r == -EWOULDBLOCK)
		log_err("agent", "another xenscoped writes in %s: end it, or choose another place with --state-dir=DIR",
		    k->dir);
	else if (r < 0)
		log_err("agent", "%s: %s", path, strerror(-r));
	return r;
}

/* The serve half that an agent left, which sees nothing but this directory, looks for it (half.c), and holds it for
 * moments meanwhile. */
static void
show_presence(struct keeper *k)
{
	int r = -1;

	k->sign = open(k->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 5 && r < 0; i++) {
		r = flock(k->sign, LOCK_EX | LOCK_NB);
		if (r < 0)
			(void) poll(NULL, 0, 10);
	}
	if (r < 0)
		log_warn("agent",
		    "somebody has locked %s: the serving process of an agent that was killed will not make room",
		    k->dir);
}

/* --- the journal --- */

static void
finish(struct keeper *k, const struct migration_record *r)
{
	int e = k->journal ? journal_finish(k->journal, r) : -EAGAIN; /* a record of its own opening */

	if (e == 0) {
		complain_over(&k->journal_trouble, "journal", "writing");
		return;
	}
	complain(&k->journal_trouble, "journal", "migration %s cannot be written (%s), will try again: make room in %s",
	    r->id, strerror(-e), k->dir);
	if (k->n_unsaved < MAX_UNSAVED)
		record_copy(&k->unsaved[k->n_unsaved++], r);
}

static void
finish_unsaved(struct keeper *k)
{
	size_t n = k->n_unsaved;

	k->n_unsaved = 0;
	for (size_t i = 0; i < n; i++) {
		struct migration_record r = k->unsaved[i];

		finish(k, &r);
		record_done(&r);
	}
}

static void
note(struct keeper *k, const struct migration_record *r)
{
	int e = journal_note(k->journal, r);

	if (e < 0)
		complain(&k->journal_trouble, "journal", "migration %s cannot be noted (%s): make room in %s", r->id,
		    strerror(-e), k->dir);
}

static void
on_open_record(void *arg, struct migration_record *r)
{
	struct keeper *k = arg;
	struct tick now = tick_now();

	k->last_seen = fmin(k->last_seen, isnan(r->evidence.last) ? r->started : r->evidence.last);
	migrations_resume(k->migrations, r, proc_watch_alive("", r->pid, r->process_started), &now);
}

/* Newest first. */
static bool
on_finished_record(void *arg, const char *line, size_t n)
{
	struct keeper *k = arg;
	struct tick now = tick_now();
	struct migration_record r;
	bool more = true;

	if (record_parse(line, n, &r) == 0) {
		migrations_recall(k->migrations, &r, &now);
		more = !(r.ended < now.real - RECALL_SECONDS);
		record_done(&r);
	}
	return more;
}

static int
open_journal(struct keeper *k)
{
	const char *repaired = NULL;
	uint64_t ended, failed;
	int r = journal_open(k->dir, k->gid, on_open_record, k, &k->journal, &repaired);

	if (r < 0) {
		log_err("journal", "cannot open the journal in %s: %s", k->dir, strerror(-r));
		return r;
	}
	if (repaired)
		log_warn("journal", "%s", repaired);
	(void) journal_read(k->dir, on_finished_record, k);
	journal_counts(k->journal, &ended, &failed);
	migrations_set_counts(k->migrations, ended, failed);
	return 0;
}

static void
trim_journal(struct keeper *k, const struct tick *now)
{
	int r = journal_keep(k->journal, &k->limits, now);

	if (r < 0)
		log_warn("journal", "old migrations cannot be dropped (%s), will try again in an hour: make room in %s",
		    strerror(-r), k->dir);
}

char *
keeper_lock_path(const struct config *config)
{
	return xasprintf("%s/lock", config_text(config, OPTION_state_dir));
}

struct keeper *
keeper_new(void)
{
	struct keeper *k = xcalloc(1, sizeof(*k));

	k->lock = k->sign = -1;
	k->last_seen = NAN;
	return k;
}

int
keeper_open(struct keeper *k, const struct config *config, struct migrations *m)
{
	int r;

	k->migrations = m;
	k->limits = (struct journal_limits){.days = config_number(config, OPTION_journal_days),
	    .bytes = config_number(config, OPTION_journal_size) << 20};
	r = make_directory(k, config);
	if (r == 0)
		r = lock_others_out(k, config);
	if (r == 0) {
		show_presence(k);
		r = open_journal(k);
	}
	if (r == 0 && (r = store_open(k->dir, (unsigned) config_number(config, OPTION_step), k->gid, &k->store)) < 0)
		log_err("store", "cannot open the RRD files in %s: %s", k->dir, strerror(-r));
	return r;
}

void
keeper_free(struct keeper *k)
{
	if (!k)
		return;
	if (k->journal)
		finish_unsaved(k);
	for (size_t i = 0; i < k->n_unsaved; i++)
		record_done(&k->unsaved[i]);
	journal_close(k->journal);
	store_close(k->store);
	closep(&k->sign);
	closep(&k->lock);
	free(k->dir);
	free(k);
}

void
keeper_record(struct keeper *k, enum record_change change, const struct migration_record *r)
{
	if (change == RECORD_ENDED)
		finish(k, r);
	else if (k->journal)
		note(k, r);
}

void
keeper_sample(struct keeper *k, const struct sample *s)
{
	int r = store_write(k->store, s);

	if (r < 0)
		complain(&k->store_trouble, "store", "RRD files in %s: %s", k->dir, strerror(-r));
	else
		complain_over(&k->store_trouble, "store", "writing");
	retention_sweep(&k->retention, k->dir, s);
	if (k->n_unsaved)
		finish_unsaved(k);
	trim_journal(k, &s->at);
}

double
keeper_last_seen(const struct keeper *k)
{
	return k->last_seen;
}

const char *
keeper_dir(const struct keeper *k)
{
	return k->dir;
}

gid_t
keeper_gid(const struct keeper *k)
{
	return k->gid;
}
