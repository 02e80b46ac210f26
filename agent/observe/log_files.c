/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/util.h"
#include "observe/line_buffer.h"
#include "observe/log_line.h"

#define HEAD 48 /* bytes of a line in which its stamp is */

extern char **environ;

struct log_file {
	int fd;
	pid_t unpacker; /* 0: none */
	double changed; /* seconds since 1970 */
	struct line_buffer buffer;
	struct log_lines lines;
	char head[HEAD]; /* of the last line */
	size_t head_n;
	bool ended;
	bool piped; /* its first bytes are to come */
	bool has_event;
	struct event event; /* the next one */
};

struct reader {
	struct log_file *file;
	size_t n;
	double last; /* the newest stamp of all that was read */
	uint64_t told;
	event_fn *fn;
	void *arg;
	struct migrations *m; /* or NULL */
};

/* -- compressed ones -- */

static const struct {
	const char *magic;
	size_t n;
	const char *program;
} unpackers[] = {
    {"\x1f\x8b", 2, "gzip"},
    {"BZh", 3, "bzip2"},
    {"\xfd" "7zXZ", 5, "xz"},
    {"\x28\xb5\x2f\xfd", 4, "zstd"},
};

/* NULL: it is not compressed. */
static const char *
unpacker_of(const char *head, ssize_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(unpackers); i++)
		if (n >= (ssize_t) unpackers[i].n && memcmp(head, unpackers[i].magic, unpackers[i].n) == 0)
			return unpackers[i].program;
	return NULL;
}

/* Puts the program's output in the place of the file. */
static int
unpack(struct log_file *x, const char *program)
{
	char *argv[] = {(char *) program, (char *) "-dc", NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void) posix_spawn_file_actions_init(&actions);
	(void) posix_spawn_file_actions_adddup2(&actions, x->fd, STDIN_FILENO);
	(void) posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	r = -posix_spawnp(&x->unpacker, program, &actions, NULL, argv, environ);
	(void) posix_spawn_file_actions_destroy(&actions);
	(void) close(ends[1]);
	if (r < 0) {
		x->unpacker = 0;
		(void) close(ends[0]);
		return r;
	}
	(void) close(x->fd);
	x->fd = ends[0];
	return 0;
}

static int
open_file(struct log_file *x, const char *path)
{
	const char *program;
	struct stat st;
	char head[8];
	ssize_t n;

	x->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				       : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (x->fd < 0 || fstat(x->fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	x->changed = S_ISREG(st.st_mode) ? (double) st.st_mtime : tick_now().real;
	line_buffer_init(&x->buffer);
	log_lines_init(&x->lines, x->changed);
	n = pread(x->fd, head, sizeof(head), 0);
	x->piped = n < 0 && errno == ESPIPE;
	program = unpacker_of(head, n);
	return program ? unpack(x, program) : 0;
}

static int
end_file(struct log_file *x)
{
	int status = 0;
	pid_t pid = x->unpacker;

	closep(&x->fd);
	x->unpacker = 0;
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0)
		return -EIO;
	return 0;
}

/* -- one file -- */

/* More of it into the buffer. 0: there is no more. */
static ssize_t
read_more(struct log_file *x)
{
	size_t room;
	char *to = line_buffer_room(&x->buffer, &room);
	ssize_t n;

	do
		n = read(x->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (x->piped && unpacker_of(to, n))
		return -EBADMSG;
	x->piped = false;
	line_buffer_added(&x->buffer, (size_t) n);
	return n;
}

static bool
is_event(struct log_file *x, const char *line, size_t n)
{
	if (!log_line_read(&x->lines, line, n, &x->event))
		return false;
	if (isnan(x->event.at))
		x->event.at = x->changed;
	return true;
}

/* Goes on to the next line that tells something. -errno. */
static int
advance(struct log_file *x)
{
	const char *line = NULL;
	size_t n = 0;
	ssize_t r;

	x->has_event = false;
	while (!x->ended) {
		const char *last = NULL;
		size_t last_n = 0;

		while (line_buffer_next(&x->buffer, &line, &n)) {
			last = line;
			last_n = n;
			if (is_event(x, line, n)) {
				x->has_event = true;
				return 0;
			}
		}
		if (last) {
			x->head_n = MIN(last_n, HEAD);
			memcpy(x->head, last, x->head_n);
		}
		r = read_more(x);
		if (r > 0)
			continue;
		x->ended = true;
		if (r == 0 && line_buffer_last(&x->buffer, &line, &n))
			x->has_event = is_event(x, line, n);
		r = r < 0 ? r : end_file(x);
		if (r < 0)
			return (int) r;
	}
	return 0;
}

/* -- all of them -- */

/* Of two that have the same stamp the one that names its process: the other may know the domain only. */
static bool
is_before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (!(b->at < a->at) && a->pid && !b->pid);
}

static struct log_file *
earliest(const struct reader *in)
{
	struct log_file *found = NULL;

	for (size_t i = 0; i < in->n; i++)
		if (in->file[i].has_event && (!found || is_before(&in->file[i].event, &found->event)))
			found = &in->file[i];
	return found;
}

static void
hand_over(struct reader *in, const struct event *e)
{
	const struct tick at = {.mono = e->at, .real = e->at};

	in->told++;
	in->last = MAX(in->last, e->at);
	if (in->m) {
		migrations_log_time(in->m, e->at);
		migrations_event(in->m, e, &at);
	} else
		in->fn(in->arg, e);
}

static int
merge(struct reader *in, size_t *ret_bad)
{
	struct log_file *x;
	int r = 0;

	for (size_t i = 0; i < in->n && r == 0; i++) {
		r = advance(&in->file[i]);
		*ret_bad = i;
	}
	while (r == 0 && (x = earliest(in)) != NULL) {
		hand_over(in, &x->event);
		r = advance(x);
		*ret_bad = (size_t) (x - in->file);
	}
	return r;
}

static int
open_all(struct reader *in, char *const *path, size_t n, size_t *ret_bad)
{
	int r = 0;

	in->file = xcalloc(MAX(n, 1), sizeof(*in->file));
	for (size_t i = 0; i < n && r == 0; i++) {
		in->file[i].fd = -1;
		r = open_file(&in->file[in->n++], path[i]);
		*ret_bad = i;
	}
	return r;
}

static void
close_all(struct reader *in, struct log_files_count *ret_count)
{
	ret_count->told = in->told;
	ret_count->too_long = 0;
	for (size_t i = 0; i < in->n; i++) {
		ret_count->too_long += in->file[i].buffer.too_long;
		line_buffer_done(&in->file[i].buffer);
		(void) end_file(&in->file[i]);
	}
	free(in->file);
}

/* How far the logs go, also in lines that tell nothing. */
static double
end_of_logs(const struct reader *in)
{
	double last = in->last, resolution;

	for (size_t i = 0; i < in->n; i++) {
		struct log_file *x = &in->file[i];

		last = fmax(last, log_line_time(&x->lines, x->head, x->head_n, &resolution));
	}
	return last;
}

static int
read_all(struct reader *in, char *const *path, size_t n, struct log_files_count *ret_count, size_t *ret_bad)
{
	int r;

	*ret_bad = 0;
	if (n > MAX_LOG_FILES)
		return -E2BIG;
	r = open_all(in, path, n, ret_bad);
	if (r == 0)
		r = merge(in, ret_bad);
	if (r == 0 && in->m) {
		migrations_log_time(in->m, end_of_logs(in));
		migrations_log_time(in->m, INFINITY);
	}
	close_all(in, ret_count);
	return r;
}

int
log_files_read(char *const *path, size_t n, record_fn *fn, void *arg, struct log_files_count *ret_count,
    size_t *ret_bad)
{
	struct reader in = {.m = migrations_new(fn, arg)};
	int r;

	migrations_by_log(in.m);
	r = read_all(&in, path, n, ret_count, ret_bad);
	migrations_free(in.m);
	return r;
}

int
log_files_events(char *const *path, size_t n, event_fn *fn, void *arg, struct log_files_count *ret_count,
    size_t *ret_bad)
{
	struct reader in = {.fn = fn, .arg = arg};

	return read_all(&in, path, n, ret_count, ret_bad);
}
