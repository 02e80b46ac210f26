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
#define MAX_NOTES                                                                                  \
	((size_t) 1 << 20) /* bytes of migrations.open: it is written anew beyond this             \
			    */

/* The newest note of a record that is under way. */
struct noted {
	char id[RECORD_ID_SIZE];
	char *line;
	size_t n;
};

struct journal {
	char *finished_path, *open_path;
	gid_t gid;
	struct journal_file finished;
	struct journal_index index;
	struct journal_trim trim;
	int open;
	char known[MAX_KNOWN][RECORD_ID_SIZE]; /* a ring */
	size_t n_known;
	struct noted noted[MAX_NOTED];
	size_t n_noted;
};

/* The line of a record; the caller frees it. */
static char *
record_line(const struct migration_record *r, bool open, size_t *ret_n)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json;
	size_t n = 0;
	char *line;

	if (!g)
		abort(); /* as xmalloc */
	if (open)
		record_gen_open(g, r);
	else
		record_gen(g, r);
	(void) yajl_gen_get_buf(g, &json, &n);
	line = xmalloc(n + 1);
	memcpy(line, json, n);
	line[n] = '\n';
	yajl_gen_free(g);
	*ret_n = n + 1;
	return line;
}

/* The id of a line that record_gen wrote: its first member. */
static bool
line_id(const char *line, size_t n, char *ret_id)
{
	static const char begin[] = "{\"id\":\"";
	const char *id = line + sizeof(begin) - 1;
	const char *end;

	if (n < sizeof(begin) || memcmp(line, begin, sizeof(begin) - 1) != 0)
		return false;
	end = memchr(id, '"', MIN(n - (sizeof(begin) - 1), RECORD_ID_SIZE));
	if (!end || end == id)
		return false;
	memcpy(ret_id, id, (size_t) (end - id));
	ret_id[end - id] = '\0';
	return true;
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
	if (line_id(line, n, id))
		know(j, id);
	return j->n_known < MAX_KNOWN;
}

static struct noted *
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
	struct noted *noted = find_noted(j, id);

	if (noted) {
		free(noted->line);
		*noted = j->noted[--j->n_noted];
	}
}

/* Takes over line. */
static void
remember(struct journal *j, const char *id, char *line, size_t n)
{
	struct noted *noted = find_noted(j, id);

	if (noted)
		free(noted->line);
	else if (j->n_noted < MAX_NOTED)
		noted = &j->noted[j->n_noted++];
	else {
		free(line);
		return;
	}
	str_copy(noted->id, sizeof(noted->id), id);
	noted->line = line;
	noted->n = n;
}

/* From the newest note to the oldest: the first of an id is the one that counts. */
static bool
take_note(void *arg, const char *line, size_t n, off_t at)
{
	struct journal *j = arg;
	char id[RECORD_ID_SIZE];
	char *copy;

	(void) at;
	if (!line_id(line, n, id) || is_known(j, id) || find_noted(j, id))
		return true;
	copy = xmalloc(n + 1);
	memcpy(copy, line, n);
	copy[n] = '\n';
	remember(j, id, copy, n + 1);
	return true;
}

/* Writes migrations.open anew with what is still under way. -errno: the old one stays. */
static int
compact(struct journal *j)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;
	int r = 0;

	if (j->n_noted == 0)
		return ftruncate(j->open, 0) < 0 ? -errno : 0;
	path = xasprintf("%s.new", j->open_path);
	r = lines_open(path, O_TRUNC | O_APPEND, j->gid, &fd);
	for (size_t i = 0; r == 0 && i < j->n_noted; i++)
		r = lines_append(fd, j->noted[i].line, j->noted[i].n, i + 1 == j->n_noted);
	if (r == 0 && rename(path, j->open_path) < 0)
		r = -errno;
	if (r < 0) {
		(void) unlink(path);
		return r;
	}
	closep(&j->open);
	j->open = fd;
	fd = -1;
	return 0;
}

static bool
grown_old(const struct journal *j)
{
	size_t live = MAX_NOTES / 4;
	struct stat st;

	for (size_t i = 0; i < j->n_noted; i++)
		live += j->noted[i].n;
	return fstat(j->open, &st) == 0 && (size_t) st.st_size > live * 4;
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
read_open(struct journal *j)
{
	off_t size;
	int repaired, r;

	repaired = lines_repair(j->open, j->open_path, &size);
	if (repaired < 0)
		return repaired;
	r = lines_backwards(j->open, 0, size, MAX_RECORD_JSON, take_note, j);
	return r < 0 ? r : repaired;
}

/* Oldest first, as the notes were read from the end. What does not parse is none of ours and is
 * dropped. */
static bool
report_open(struct journal *j, journal_open_fn *fn, void *arg)
{
	bool whole = true;

	for (size_t i = j->n_noted; i-- > 0;) {
		struct migration_record r;
		char id[RECORD_ID_SIZE];

		if (record_parse(j->noted[i].line, j->noted[i].n, &r) == 0) {
			fn(arg, &r);
			continue;
		}
		whole = false;
		str_copy(id, sizeof(id), j->noted[i].id);
		forget(j, id);
	}
	return whole;
}

int
journal_open(const char *dir, gid_t gid, journal_open_fn *fn, void *arg, struct journal **ret,
    const char **ret_note)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	int r, notes = 0;

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
		notes = read_open(j);
	if (r < 0 || notes < 0) {
		journal_close(j);
		return r < 0 ? r : notes;
	}
	*ret_note = r > 0	? "the journal's last line was torn: set aside in " FINISHED ".torn"
		    : notes > 0 ? "the last note of what was under way was torn: set aside in " OPEN
				  ".torn"
				: NULL;
	if (!report_open(j, fn, arg) && !*ret_note)
		*ret_note = "a note in " OPEN " was not to be read and is left out";
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
		free(j->noted[i].line);
	free(j->finished_path);
	free(j->open_path);
	free(j);
}

/* Not synced: notes are there for an agent that is killed. When the power goes, so do the domain
 * and its migration. */
int
journal_note(struct journal *j, const struct migration_record *r)
{
	size_t n;
	char *line = record_line(r, true, &n);
	int result = lines_append(j->open, line, n, false);

	if (is_known(j, r->id))
		free(line);
	else
		remember(j, r->id, line, n);
	if (result == 0 && grown_old(j))
		(void) compact(j);
	return result;
}

int
journal_finish(struct journal *j, const struct migration_record *r)
{
	_cleanup_(freep) char *line = NULL;
	size_t n;
	int result;

	if (!is_known(j, r->id)) {
		line = record_line(r, false, &n);
		result = lines_append(j->finished.fd, line, n, true);
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
