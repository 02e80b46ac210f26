/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "notify/console_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/util.h"
#include "collect/violation.h"
#include "hv/dom0_files.h"

#define MAX_TOLD 16	  /* of one text, the newest */
#define MAX_CRASHES 256	  /* directories looked into */
#define BOOT "(XEN) Xen version " /* of a boot's first line */

static void
tell(const struct violation *v, const char *found_in, double now, notice_fn *fn, void *arg)
{
	const char *feature = v->feature == FEATURE_SMAP ? "SMAP" : "SMEP";
	struct notice n;

	notice_init(&n, NOTICE_VIOLATION, now);
	n.domid = v->domid;
	if (v->guest)
		notice_say(&n, "Xen ended domain %u for a violation of %s, says %s: %s", v->domid, feature, found_in,
		    v->line);
	else
		notice_say(&n, "Xen itself crashed by a violation of %s, says %s: %s", feature, found_in, v->line);
	notice_text(&n, "feature", feature_table[v->feature].name);
	notice_text(&n, "found_in", found_in);
	notice_text(&n, "line", v->line);
	fn(arg, &n);
}

/* The last `new` of what the text holds. */
static void
tell_last(const struct violation *v, size_t found, size_t new, const char *found_in, double now, notice_fn *fn,
    void *arg)
{
	size_t kept = MIN(found, MAX_TOLD);

	for (size_t i = kept - MIN(new, kept); i < kept; i++)
		tell(&v[i], found_in, now, fn, arg);
}

bool
console_look(struct hv *hv, double now, struct boot_memory *m, notice_fn *fn, void *arg)
{
	_cleanup_(freep) char *text = NULL;
	struct violation v[MAX_TOLD];
	size_t n = 0, found;

	if (hv->ops->console_ring(hv, &text, &n) < 0)
		return false;
	found = violations_find(text, n, v, MAX_TOLD);
	if (found > m->ring_violations)
		tell_last(v, found, found - m->ring_violations, "Xen's console ring", now, fn, arg);
	if (found == m->ring_violations)
		return false;
	m->ring_violations = (uint32_t) found; /* fewer: the ring has lost them */
	return true;
}

/* --- what is left of earlier boots --- */

/* Bytes before the last boot's first line; all where there is none. */
static size_t
before_boot(const char *text, size_t n)
{
	size_t end = n;

	for (const char *p = text; (p = memmem(p, n - (size_t) (p - text), BOOT, strlen(BOOT))) != NULL; p++)
		end = (size_t) (p - text);
	return end;
}

static void
look_at_log(const char *path, bool same_boot, double now, struct boot_memory *m, notice_fn *fn, void *arg)
{
	_cleanup_(freep) char *text = NULL;
	struct violation v[MAX_TOLD];
	struct stat st;
	uint64_t from;
	size_t n, found;

	if (!*path || stat(path, &st) < 0)
		return;
	from = st.st_ino == m->log_inode && (uint64_t) st.st_size >= m->log_read ? m->log_read : 0;
	m->log_inode = st.st_ino;
	m->log_read = (uint64_t) st.st_size;
	if (same_boot || m->log_read == from ||
	    dom0_file_tail(path, MIN((size_t) (m->log_read - from), MAX_CONSOLE), &text, &n) < 0)
		return;
	found = violations_find(text, before_boot(text, n), v, MAX_TOLD);
	tell_last(v, found, found, path, now, fn, arg);
}

/* What Xen went on after was in its console ring, and told of, before it crashed. */
static void
look_at_crash(const char *path, double now, notice_fn *fn, void *arg)
{
	_cleanup_(freep) char *text = NULL;
	struct violation v[MAX_TOLD];
	size_t n, found;

	if (dom0_file_tail(path, MAX_CONSOLE, &text, &n) < 0)
		return;
	found = violations_find(text, n, v, MAX_TOLD);
	for (size_t i = 0; i < MIN(found, MAX_TOLD); i++)
		if (!v[i].guest)
			tell(&v[i], path, now, fn, arg);
}

static void
look_at_crashes(const char *dir, double now, struct boot_memory *m, notice_fn *fn, void *arg)
{
	DIR *d = *dir ? opendir(dir) : NULL;
	int64_t newest = m->crash_time;
	struct dirent *e;

	for (int i = 0; d && i < MAX_CRASHES && (e = readdir(d)) != NULL; i++) {
		_cleanup_(freep) char *path = xasprintf("%s/%s/xen.log", dir, e->d_name);
		struct stat st;

		if (e->d_name[0] == '.' || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
		    st.st_mtim.tv_sec <= m->crash_time)
			continue;
		look_at_crash(path, now, fn, arg);
		newest = MAX(newest, st.st_mtim.tv_sec);
	}
	m->crash_time = newest;
	if (d)
		(void) closedir(d);
}

void
console_look_back(const char *log_path, const char *crash_dir, bool same_boot, double now, struct boot_memory *m,
    notice_fn *fn, void *arg)
{
	look_at_log(log_path, same_boot, now, m, fn, arg);
	look_at_crashes(crash_dir, now, m, fn, arg);
}
