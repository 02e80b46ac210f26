/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "base/util.h"

#define KILL_SECONDS 5.0 /* a killed process that is not gone by then hangs in the kernel */

struct command {
	pid_t pid; /* 0: it is gone */
	int fd;
	double deadline;
	bool killed;
	int result;
	char output[MAX_COMMAND_OUTPUT + 1];
	size_t n;
};

/* A group of its own, so that what it starts can be ended with it. The loop blocks signals for its
 * own use. */
static int
spawn(const char *const *argv, int output, pid_t *ret_pid)
{
	static char *const environment[] = {
	    (char *) "PATH=/usr/bin:/bin:/usr/sbin:/sbin", (char *) "LC_ALL=C", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int r;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	r = posix_spawn_file_actions_init(&files);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r != 0) {
		(void) posix_spawn_file_actions_destroy(&files);
		return -r;
	}
	(void) posix_spawnattr_setflags(
	    &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void) posix_spawnattr_setsigmask(&attributes, &none);
	(void) posix_spawnattr_setsigdefault(&attributes, &defaults);
	r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, output, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, output, 2);
	if (r == 0)
		r = posix_spawn(
		    ret_pid, argv[0], &files, &attributes, (char *const *) argv, environment);
	(void) posix_spawnattr_destroy(&attributes);
	(void) posix_spawn_file_actions_destroy(&files);
	return -r;
}

int
command_start(const char *const *argv, double seconds, const struct tick *now, struct command **ret)
{
	struct command *c;
	int pair[2], r;
	pid_t pid = 0;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	r = spawn(argv, pair[1], &pid);
	(void) close(pair[1]);
	if (r == 0 && fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r < 0) {
		(void) close(pair[0]);
		return r;
	}
	c = xcalloc(1, sizeof(*c));
	c->pid = pid;
	c->fd = pair[0];
	c->deadline = now->mono + seconds;
	*ret = c;
	return 0;
}

/* What is more than there is room for is read too, or the program would wait for its reader. */
static void
drain(struct command *c)
{
	char more[512];
	ssize_t n;

	while ((n = read(c->fd, more, sizeof(more))) > 0) {
		size_t take = MIN((size_t) n, MAX_COMMAND_OUTPUT - c->n);

		memcpy(c->output + c->n, more, take);
		c->n += take;
		c->output[c->n] = '\0';
	}
}

static void
end(struct command *c, const struct tick *now)
{
	(void) kill(-c->pid, SIGKILL);
	if (!c->killed)
		c->deadline = now->mono + KILL_SECONDS;
	c->killed = true;
}

int
command_poll(struct command *c, const struct tick *now)
{
	int status;
	pid_t r;

	if (!c->pid)
		return c->result;
	r = waitpid(c->pid, &status, WNOHANG);
	drain(c);
	if (r == 0 && now->mono < c->deadline)
		return -EAGAIN;
	if (r == 0 && !c->killed) {
		end(c, now);
		return -EAGAIN;
	}
	c->pid = 0;
	if (r <= 0 || c->killed)
		c->result = -ETIMEDOUT;
	else
		c->result = WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
	return c->result;
}

const char *
command_output(const struct command *c)
{
	return c->output;
}

void
command_free(struct command *c)
{
	if (!c)
		return;
	if (c->pid) {
		struct timespec moment = {0, 10000000};

		(void) kill(-c->pid, SIGKILL);
		for (int i = 0; i < 20 && waitpid(c->pid, NULL, WNOHANG) == 0; i++)
			(void) nanosleep(&moment, NULL);
	}
	(void) close(c->fd);
	free(c);
}
