/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <yajl/yajl_gen.h>

#include "base/util.h"
#include "store/journal_index.h"
#include "store/journal_trim.h"
#include "store/lines.h"

#define FINISHED JOURNAL_FILE
#define OPEN "migrations.open"
#define MAX_KNOWN 1024 /* ids of finished records that are remembered, the newest */
#define MAX_NOTED 256  /* records under way */
#define MAX_NOTES ((off_t) 1 << 20) /* bytes by which migrations.open may grow until it is written anew */

struct journal {
	char *finished_path, *open_path;
	gid_t gid;
	struct journal_file finished;
	struct journal_index index;
	struct journal_trim trim;
	int open;
	char known[MAX_KNOWN][RECORD_ID_SIZE]; /* a ring */
	size_t n_known;
	struct migration_record noted[MAX_NOTED]; /* as the newest note has it */
	size_t n_noted;
	off_t compacted; /* bytes of migrations.open when it was written anew */
};

/* Appends the line of a finished record, or (open) the note of one that is under way: all of it, or if before is one of
 * its earlier states what is another since then. */
static int
append(int fd, const struct migration_record *r, bool open, const struct migration_record *before, bool sync)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	_cleanup_(freep) char *line = NULL;
	const unsigned char *json;
	size_t n = 0;

	if (!g)
		abort(); /* as xmalloc */
	if (open)
		record_gen_open(g, r, before);
	else
		record_gen(g, r);
	(void) yajl_gen_get_buf(g, &json, &n);
	line = xmalloc(n + 1);
	memcpy(line, json, n);
	line[n] = '\n';
	yajl_gen_free(g);
	return lines_append(fd, line, n + 1, sync);
}

static bool
is_known(const struct journal *j, const char *id)
{
	for (size_t i = 0; i < MIN(j->n_known, MAX_KNOWN); i++)
		if (strcmp(j->known[i], id) == 0)
			return true;
	return false;
}

static void
know(struct journal *j, const char *id)
{
	str_copy(j->known[j->n_known++ % MAX_KNOWN], RECORD_ID_SIZE, id);
}

/* From the newest line to the oldest. */
static bool
know_line(void *arg, const char *line, size_t n, off_t at)
{
	struct journal *j = arg;
	char id[RECORD_ID_SIZE];

	(void) at;
	if (journal_line_id(line, n, id))
		know(j, id);
	return j->n_known < MAX_KNOWN;
}

static struct migration_record *
find_noted(struct journal *j, const char *id)
{
	for (size_t i = 0; i < j->n_noted; i++)
		if (strcmp(j->noted[i].id, id) == 0)
			return &j->noted[i];
	return NULL;
}

static void
forget(struct journal *j, const char *id)
{
	struct migration_record *noted = find_noted(j, id);

	if (!noted)
		return;
	record_done(noted);
	j->n_noted--;
	memmove(noted, noted + 1, (size_t) (j->noted + j->n_noted - noted) * sizeof(*noted));
}

static void
remember(struct journal *j, const struct migration_record *r)
{
	struct migration_record *noted = find_noted(j, r->id);

	if (noted)
		record_done(noted);
	else if (j->n_noted < MAX_NOTED)
		noted = &j->noted[j->n_noted++];
	else
		return;
	record_copy(noted, r);
}

/* Whether the notes could be read. */
struct notes {
	struct journal *j;
	bool whole;
};

/* From the oldest note to the newest. */
static bool
take_note(void *arg, const char *line, size_t n, off_t at)
{
	struct notes *notes = arg;
	struct journal *j = notes->j;
	struct migration_record *noted;
	char id[RECORD_ID_SIZE];

	(void) at;
	if (!journal_line_id(line, n, id)) {
		notes->whole = false;
		return true;
	}
	if (is_known(j, id))
		return true;
	noted = find_noted(j, id);
	if (!noted && j->n_noted < MAX_NOTED) {
		noted = &j->noted[j->n_noted++];
		record_init(noted);
	}
	if (noted && record_apply(line, n, noted) < 0) {
		notes->whole = false;
		if (!*noted->id)
			j->n_noted--;
	}
	return true;
}

/* Writes migrations.open anew with what is still under way. -errno: the old one stays. */
static int
compact(struct journal *j)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int r = 0;

	if (j->n_noted == 0) {
		j->compacted = 0;
		return ftruncate(j->open, 0) < 0 ? -errno : 0;
	}
	path = xasprintf("%s.new", j->open_path);
	r = lines_open(path, O_TRUNC | O_APPEND, j->gid, &fd);
	for (size_t i = 0; r == 0 && i < j->n_noted; i++)
		r = append(fd, &j->noted[i], true, NULL, i + 1 == j->n_noted);
	if (r == 0 && (fstat(fd, &st) < 0 || rename(path, j->open_path) < 0))
		r = -errno;
	if (r < 0) {
		(void) unlink(path);
		return r;
	}
	closep(&j->open);
	j->open = fd;
	j->compacted = st.st_size;
	fd = -1;
	return 0;
}

static bool
grown_old(const struct journal *j)
{
	struct stat st;

	return fstat(j->open, &st) == 0 && st.st_size > j->compacted + MAX_NOTES;
}

static int
read_finished(struct journal *j, const char *dir)
{
	int fd = j->finished.fd, repaired, r;
	off_t size;

	repaired = lines_repair(fd, j->finished_path, &size);
	if (repaired < 0)
		return repaired;
	r = journal_file_begin(&j->finished);
	if (r == 0)
		r = lines_backwards(fd, j->finished.header, size, MAX_RECORD_JSON, know_line, j);
	if (r == 0)
		r = journal_index_open(&j->index, dir, j->gid, &j->finished);
	/* The ring's newest comes last. */
	for (size_t i = 0, n = j->n_known; i < n / 2; i++) {
		char id[RECORD_ID_SIZE];

		memcpy(id, j->known[i], sizeof(id));
		memcpy(j->known[i], j->known[n - 1 - i], sizeof(id));
		memcpy(j->known[n - 1 - i], id, sizeof(id));
	}
	return r < 0 ? r : repaired;
}

static int
read_open(struct journal *j, bool *ret_whole)
{
	struct notes notes = {j, true};
	off_t size;
	int repaired, r;

	repaired = lines_repair(j->open, j->open_path, &size);
	if (repaired < 0)
		return repaired;
	r = lines_forwards(j->open, 0, size, MAX_RECORD_JSON, take_note, &notes);
	*ret_whole = notes.whole;
	return r < 0 ? r : repaired;
}

static void
report_open(const struct journal *j, journal_open_fn *fn, void *arg)
{
	for (size_t i = 0; i < j->n_noted; i++) {
		struct migration_record r;

		record_copy(&r, &j->noted[i]);
		fn(arg, &r);
	}
}

int
journal_open(const char *dir, gid_t gid, journal_open_fn *fn, void *arg, struct journal **ret,
    const char **ret_note)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	int r, notes = 0;
	bool whole = true;

	j->finished_path = xasprintf("%s/" FINISHED, dir);
	j->open_path = xasprintf("%s/" OPEN, dir);
	j->gid = gid;
	j->finished.fd = j->index.fd = j->open = -1;
	journal_trim_init(&j->trim, j->finished_path);
	r = lines_open(j->finished_path, O_APPEND, gid, &j->finished.fd);
	if (r == 0)
		r = lines_open(j->open_path, O_APPEND, gid, &j->open);
	if (r == 0)
		r = read_finished(j, dir);
	if (r >= 0)
		notes = read_open(j, &whole);
	if (r < 0 || notes < 0) {
		journal_close(j);
		return r < 0 ? r : notes;
	}
	*ret_note = r > 0	? "the journal's last line was torn: set aside in " FINISHED ".torn"
		    : notes > 0 ? "the last note of what was under way was torn: set aside in " OPEN
				  ".torn"
		    : !whole	? "a note in " OPEN " was not to be read and is left out"
				: NULL;
	report_open(j, fn, arg);
	*ret = j;
	return 0;
}

void
journal_close(struct journal *j)
{
	if (!j)
		return;
	journal_trim_done(&j->trim, j->finished_path);
	journal_index_close(&j->index);
	closep(&j->finished.fd);
	closep(&j->open);
	for (size_t i = 0; i < j->n_noted; i++)
		record_done(&j->noted[i]);
	free(j->finished_path);
	free(j->open_path);
	free(j);
}

/* Not synced: notes are there for an agent that is killed. When the power goes, so do the domain
 * and its migration. */
int
journal_note(struct journal *j, const struct migration_record *r)
{
	int result = append(j->open, r, true, find_noted(j, r->id), false);

	if (result == 0 && !is_known(j, r->id))
		remember(j, r);
	if (result == 0 && grown_old(j))
		(void) compact(j);
	return result;
}

int
journal_finish(struct journal *j, const struct migration_record *r)
{
	int result;

	if (!is_known(j, r->id)) {
		result = append(j->finished.fd, r, false, NULL, true);
		if (result < 0)
			return result;
		know(j, r->id);
		(void) journal_index_extend(&j->index, &j->finished); /* readers look into the lines that it lacks */
	}
	forget(j, r->id);
	/* A note that stays does no harm: its id is known. */
	(void) compact(j);
	return 0;
}

void
journal_counts(const struct journal *j, uint64_t *ret_ended, uint64_t *ret_failed)
{
	*ret_ended = j->finished.ended + j->index.ended;
	*ret_failed = j->finished.failed + j->index.failed;
}

int
journal_keep(struct journal *j, const struct journal_limits *limits, const struct tick *now)
{
	return journal_trim(&j->trim, limits, now, j->finished_path, j->gid, &j->finished, &j->index);
}
