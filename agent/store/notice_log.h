/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NOTICE_LOG_H
#define NOTICE_LOG_H

#include "metrics/notice.h"

/* events.jsonl: a notice a line, appended whole and synced. When it is full it becomes events.jsonl.1, in the place of
 * the one before. */
struct notice_log;

/* Opens or creates it below dir; mode 0640, root:gid. Drops a torn last line (and keeps it in NAME.torn). ret_note:
 * static text when something was repaired, else NULL. -errno. */
int notice_log_open(const char *dir, gid_t gid, struct notice_log **ret, const char **ret_note);
void notice_log_close(struct notice_log *l);

/* Gives the notice its number, one more than the last one's, also where writing it fails, and its line as JSON, which
 * the caller frees. -errno: it is not written, and after a restart its number may be given again. */
int notice_log_add(struct notice_log *l, struct notice *n, char **ret_json);

/* For readers, in any process: calls fn with each line (without its line end) and its number, the newest first, until
 * it returns false. -errno; 0 also when there is no file yet. */
typedef bool notice_line_fn(void *arg, uint64_t seq, const char *line, size_t n);
int notice_log_read(const char *dir, notice_line_fn *fn, void *arg);

#endif
