/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "notify/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"

struct call {
	const char *kind;
	char seq[24];
	char *json; /* owned */
};

struct hook {
	char *path;
	double seconds;
	struct loop *loop;
	struct call waiting[MAX_HOOK_QUEUE]; /* oldest first */
	size_t n;
	pid_t pid; /* 0: none runs */
	int timer;
	uint64_t dropped;
	struct trouble full, refused;
};

/* --- whether it may be run --- */

/* Only root and this process's user can change what the name stands for. In a sticky directory nobody else can replace
 * it either. */
static bool
is_guarded(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
		return false;
	return !(st.st_mode & (S_IWGRP | S_IWOTH)) || (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX));
}

const char *
hook_check(const char *path)
{
	_cleanup_(freep) char *real = NULL;
	struct stat st;

	if (path[0] != '/')
		return "it is not an absolute path";
	real = realpath(path, NULL);
	if (!real || stat(real, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode) || access(real, X_OK) < 0)
		return "it is not an executable file";
	for (char *slash = real + strlen(real); slash; slash = strrchr(real, '/')) {
		*slash = '\0';
		if (!is_guarded(*real ? real : "/"))
			return "it, or a directory above it, is not root's, or others may write there";
	}
	return NULL;
}

/* --- running it --- */

struct hook *
hook_new(const char *path, double seconds, struct loop *loop)
{
	struct hook *h = xcalloc(1, sizeof(*h));

	h->path = xstrdup(path);
	h->seconds = seconds;
	h->loop = loop;
	h->timer = -1;
	return h;
}

static void
end_timer(struct hook *h)
{
	if (h->timer >= 0)
		loop_cancel(h->loop, h->timer);
	h->timer = -1;
}

static void
drop_first(struct hook *h)
{
	free(h->waiting[0].json);
	memmove(h->waiting, h->waiting + 1, --h->n * sizeof(*h->waiting));
}

void
hook_free(struct hook *h)
{
	if (!h)
		return;
	end_timer(h);
	if (h->pid > 0) {
		(void) kill(-h->pid, SIGKILL);
		(void) waitpid(h->pid, NULL, 0);
	}
	while (h->n > 0)
		drop_first(h);
	free(h->path);
	free(h);
}

/* In the child. Nothing of the agent's is left to it: no descriptor, no signal that is blocked or ignored. */
static void
become(const char *path, const struct call *c)
{
	char *const argv[] = {(char *) (uintptr_t) path, (char *) (uintptr_t) c->kind, (char *) (uintptr_t) c->seq,
	    c->json, NULL};
	static char path_variable[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = {path_variable, NULL};
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void) signal(s, SIG_DFL);
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || chdir("/") < 0)
		_exit(126);
	close_others(NULL, 0);
	(void) execve(path, argv, environment);
	_exit(127);
}

static void
on_timeout(void *arg, uint32_t events, const struct tick *now)
{
	struct hook *h = arg;

	(void) events;
	(void) now;
	log_warn("hook", "%s took more than %.0f s and was killed", h->path, h->seconds);
	end_timer(h);
	(void) kill(-h->pid, SIGKILL); /* its end then comes as any other */
}

/* -errno: it was not run, and why is said. */
static int
start(struct hook *h, const struct call *c)
{
	const char *why = hook_check(h->path);
	pid_t pid;

	if (why) {
		complain(&h->refused, "hook", "%s is not run: %s", h->path, why);
		return -EPERM;
	}
	complain_over(&h->refused, "hook", h->path);
	pid = fork();
	if (pid == 0) {
		(void) setpgid(0, 0);
		become(h->path, c);
	}
	if (pid < 0) {
		log_warn("hook", "%s cannot be started: %s", h->path, strerror(errno));
		return -errno;
	}
	(void) setpgid(pid, pid); /* whoever is first */
	h->pid = pid;
	h->timer = loop_every(h->loop, h->seconds, h->seconds, on_timeout, h);
	return 0;
}

static void
start_next(struct hook *h)
{
	while (h->pid == 0 && h->n > 0) {
		(void) start(h, &h->waiting[0]);
		drop_first(h);
	}
	if (h->n > 0 || !h->full.said)
		return;
	log_info("hook", "%s keeps up again; it was not run for %llu events so far", h->path,
	    (unsigned long long) h->dropped);
	h->full.said = false;
}

void
hook_run(struct hook *h, const struct notice *n, const char *json)
{
	struct call *c = &h->waiting[h->n];

	if (h->n == MAX_HOOK_QUEUE) {
		h->dropped++;
		complain(&h->full, "hook", "%s is too slow: it is not run for some events", h->path);
		return;
	}
	c->kind = notice_table[n->kind].name;
	(void) snprintf(c->seq, sizeof(c->seq), "%llu", (unsigned long long) n->seq);
	c->json = xstrdup(json);
	h->n++;
	start_next(h);
}

void
hook_child_ended(struct hook *h)
{
	siginfo_t info = {.si_pid = 0};
	int status = 0;

	if (h->pid <= 0 || waitid(P_PID, (id_t) h->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
		return;
	(void) kill(-h->pid, SIGKILL); /* what it left behind, while its number is still its own */
	(void) waitpid(h->pid, &status, 0);
	h->pid = 0;
	end_timer(h);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_warn("hook", "%s ended with status %d", h->path, WEXITSTATUS(status));
	start_next(h);
}

uint64_t
hook_dropped(const struct hook *h)
{
	return h->dropped;
}
