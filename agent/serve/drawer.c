/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/drawer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "serve/picture.h"

#define PROCESS_NAME "xenscoped-draw"
#define NICE 5		      /* beyond the serve half: answers go before pictures */
#define MAX_FILE (4u << 20)   /* bytes: of the values that librrd gets in a file */
#define CANNOT_RUN 126	      /* exit statuses of what was to be the program, as shells have them */
#define NOT_THERE 127

static void
limit(int what, rlim_t value)
{
	const struct rlimit l = {value, value};

	(void) setrlimit(what, &l);
}

/* If memory is short here, a picture is what can be done without. */
static void
offer_to_end_first(void)
{
	_cleanup_(closep) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void) write_all(fd, "1000", 4);
}

static int
become_program(const char *program, unsigned seconds, int fd)
{
	const char *zone = getenv("TZ");
	_cleanup_(freep) char *tz = zone ? xasprintf("TZ=%s", zone) : NULL;
	char *argv[] = {(char *) "xenscope-graph", NULL};
	char *environment[] = {tz, NULL};

	(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void) !nice(NICE);
	limit(RLIMIT_CPU, seconds);
	limit(RLIMIT_FSIZE, MAX_FILE);
	offer_to_end_first();
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return CANNOT_RUN;
	(void) execve(program, argv, environment);
	return errno == ENOENT ? NOT_THERE : CANNOT_RUN;
}

/* Until the process has closed its end of the pipe, the time is over, or nobody waits for it any more. */
static bool
wait_for_end(int pipe_fd, int fd, unsigned seconds)
{
	struct pollfd p[] = {{.fd = pipe_fd}, {.fd = fd}};
	int r;

	do
		r = poll(p, ARRAY_SIZE(p), (int) seconds * 1000);
	while (r < 0 && errno == EINTR);
	return r > 0 && p[0].revents;
}

static enum picture_end
run_program(const char *program, unsigned seconds, int fd)
{
	int ends[2], status = 0;
	bool in_time;
	pid_t pid;

	if (pipe2(ends, 0) < 0) /* the program keeps it open without knowing, and so does no other */
		return PICTURE_FAILED;
	pid = fork();
	if (pid == 0) {
		(void) close(ends[0]);
		_exit(become_program(program, seconds, fd));
	}
	(void) close(ends[1]);
	in_time = pid > 0 && wait_for_end(ends[0], fd, seconds);
	(void) close(ends[0]);
	if (pid < 0)
		return PICTURE_FAILED;
	if (!in_time)
		(void) kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!in_time)
		return PICTURE_LATE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE)
		return PICTURE_NOT_INSTALLED;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? PICTURE_DONE : PICTURE_FAILED;
}

/* What the program did not read. */
static void
drain(int fd)
{
	char c;

	while (recv(fd, &c, sizeof(c), MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
}

static int
serve_drawings(const char *program, unsigned seconds, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		char end[2] = {PICTURE_END};

		if (poll(&p, 1, -1) < 0 && errno == EINTR)
			continue;
		if (!(p.revents & POLLIN) || (p.revents & POLLHUP))
			return EXIT_SUCCESS;
		end[1] = (char) run_program(program, seconds, fd);
		drain(fd);
		if (send(fd, end, sizeof(end), MSG_NOSIGNAL) < 0)
			return EXIT_SUCCESS;
	}
}

static int
child(const char *program, unsigned seconds, const struct user *user, int fd)
{
	const char *step = "limits";
	int r;

	(void) prctl(PR_SET_NAME, PROCESS_NAME);
	(void) signal(SIGCHLD, SIG_DFL);
	close_others(&fd, 1);
	r = user ? rights_drop_but_fork(user, &step) : rights_limit(true);
	if (r < 0) {
		log_err("serve", "no pictures: rights cannot be given up: %s: %s", step, strerror(-r));
		return EXIT_FAILURE;
	}
	return serve_drawings(program, seconds, fd);
}

int
drawer_start(const char *program, unsigned seconds, const struct user *user, int *ret_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	(void) fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(child(program, seconds, user, pair[1]));
	(void) close(pair[1]);
	if (pid < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
		int r = -errno;

		(void) close(pair[0]);
		return r;
	}
	*ret_fd = pair[0];
	return 0;
}
