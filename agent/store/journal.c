/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <yajl/yajl_gen.h>

#include "base/util.h"
#include "store/lines.h"

#define FINISHED "migrations.jsonl"
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
	int finished, open;
	uint64_t ended, failed;
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

/* From the newest line to the oldest. The member's quotes cannot stand in a name: there they are
 * escaped. */
static bool
count_line(void *arg, const char *line, size_t n)
{
	static const char completed[] = "\"result\":\"completed\"";
	static const char probe[] = "\"direction\":\"probe\"";
	struct journal *j = arg;
	char id[RECORD_ID_SIZE];

	if (!line_id(line, n, id))
		return true;
	if (j->n_known < MAX_KNOWN)
		know(j, id);
	if (memmem(line, n, probe, sizeof(probe) - 1))
		return true;
	j->ended++;
	if (!memmem(line, n, completed, sizeof(completed) - 1))
		j->failed++;
	return true;
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
take_note(void *arg, const char *line, size_t n)
{
	struct journal *j = arg;
	char id[RECORD_ID_SIZE];
	char *copy;

	if (!line_id(line, n, id) || is_known(j, id) || find_noted(j, id))
		return true;
	copy = xmalloc(n + 1);
	memcpy(copy, line, n);
	copy[n] = '\n';
	remember(j, id, copy, n + 1);
	return true;
}

static int
open_file(const char *path, int flags, gid_t gid, int *ret_fd)
{
	_cleanup_(closep) int fd =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0640);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_gid != gid && fchown(fd, (uid_t) -1, gid) < 0) || fchmod(fd, 0640) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
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
	r = open_file(path, O_TRUNC | O_APPEND, j->gid, &fd);
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
read_finished(struct journal *j)
{
	off_t size;
	int repaired, r;

	repaired = lines_repair(j->finished, j->finished_path, &size);
	if (repaired < 0)
		return repaired;
	r = lines_backwards(j->finished, size, MAX_RECORD_JSON, count_line, j);
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
	r = lines_backwards(j->open, size, MAX_RECORD_JSON, take_note, j);
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
	j->finished = j->open = -1;
	r = open_file(j->finished_path, O_APPEND, gid, &j->finished);
	if (r == 0)
		r = open_file(j->open_path, O_APPEND, gid, &j->open);
	if (r == 0)
		r = read_finished(j);
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
	closep(&j->finished);
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
		result = lines_append(j->finished, line, n, true);
		if (result < 0)
			return result;
		know(j, r->id);
		j->ended += r->direction != DIRECTION_PROBE;
		j->failed += r->direction != DIRECTION_PROBE && r->result != RESULT_COMPLETED;
	}
	forget(j, r->id);
	/* A note that stays does no harm: its id is known. */
	(void) compact(j);
	return 0;
}

void
journal_counts(const struct journal *j, uint64_t *ret_ended, uint64_t *ret_failed)
{
	*ret_ended = j->ended;
	*ret_failed = j->failed;
}

int
journal_read(const char *dir, journal_line_fn *fn, void *arg)
{
	_cleanup_(freep) char *path = xasprintf("%s/" FINISHED, dir);
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return lines_backwards(fd, st.st_size, MAX_RECORD_JSON, fn, arg);
}

int
journal_state(const char *dir, struct journal_state *ret)
{
	_cleanup_(freep) char *path = xasprintf("%s/" FINISHED, dir);
	struct stat st;

	*ret = (struct journal_state){.size = 0};
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret = (struct journal_state){.device = st.st_dev,
	    .inode = st.st_ino,
	    .size = (uint64_t) st.st_size,
	    .changed =
		(uint64_t) st.st_mtim.tv_sec * 1000000000u + (uint64_t) st.st_mtim.tv_nsec};
	return 0;
}

struct search {
	const char *uuid, *boot_id;
	uint32_t domid;
	bool left_on;
};

static bool
look_at_line(void *arg, const char *line, size_t n)
{
	struct search *x = arg;
	struct migration_record r;
	bool found;

	if (!memmem(line, n, x->uuid, strlen(x->uuid)) || record_parse(line, n, &r) < 0)
		return true;
	found = strcmp(r.uuid, x->uuid) == 0;
	x->left_on = found && r.tracking_left_on && r.domid == x->domid && strcmp(r.boot_id, x->boot_id) == 0;
	record_done(&r);
	return !found;
}

bool
journal_left_on(const char *dir, const char *uuid, uint32_t domid, const char *boot_id)
{
	struct search x = {.uuid = uuid, .boot_id = boot_id, .domid = domid};

	(void) journal_read(dir, look_at_line, &x);
	return x.left_on;
}
