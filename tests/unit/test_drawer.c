/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/tick.h"
#include "base/util.h"
#include "serve/drawer.h"
#include "serve/picture.h"
#include "serve/syscalls.h"
#include "tests/tap.h"

/* Who starts the drawing program, with programs that are none. */

static char dir[] = "/tmp/xenscope-drawer-XXXXXX";
static char said[PICTURE_PACKET + 1]; /* parts, without their first bytes */

/* Asks; how it ended, -1: it has gone. */
static int
ask(int fd, const char *request)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char packet[PICTURE_PACKET + 1];
	ssize_t n;

	said[0] = '\0';
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -1;
	while (poll(&p, 1, 10000) > 0 && (n = recv(fd, packet, sizeof(packet) - 1, 0)) > 0) {
		packet[n] = '\0';
		said[strcspn(said, "\n")] = '\0';
		if (packet[0] == PICTURE_END)
			return n == 2 ? packet[1] : -1;
		(void) strncat(said, packet + 1, sizeof(said) - strlen(said) - 1);
	}
	return -1;
}

/* A program of these lines. */
static char *
script(const char *text)
{
	static char path[64];
	FILE *f;

	(void) snprintf(path, sizeof(path), "%s/program", dir);
	(void) unlink(path);
	f = fopen(path, "w");
	if (!f || fprintf(f, "#!/bin/sh\n%s\n", text) < 0 || fclose(f) != 0 || chmod(path, 0755) < 0)
		abort();
	return path;
}

static int
start(const char *program, const struct user *user)
{
	int fd = -1;

	if (drawer_start(program, 1, user, &fd) < 0)
		abort();
	return fd;
}

static void
stop(int fd)
{
	(void) close(fd);
	while (wait(NULL) > 0)
		;
}

static void
test_ends(void)
{
	int fd = start("/nonexistent/program", NULL);

	ok(ask(fd, "x") == PICTURE_NOT_INSTALLED, "a program that is not there is not installed");
	ok(ask(fd, "x") == PICTURE_NOT_INSTALLED, "and still is not");
	stop(fd);
	fd = start(dir, NULL);
	ok(ask(fd, "x") == PICTURE_FAILED, "one that cannot be run fails");
	stop(fd);
	fd = start("/bin/true", NULL);
	ok(ask(fd, "x") == PICTURE_DONE && !*said, "success is told");
	ok(ask(fd, "y") == PICTURE_DONE, "a request that was not read is not left for the next one");
	stop(fd);
	fd = start("/bin/false", NULL);
	ok(ask(fd, "x") == PICTURE_FAILED, "so is failure");
	stop(fd);
	fd = start(script("kill -SEGV $$"), NULL);
	ok(ask(fd, "x") == PICTURE_FAILED, "and a crash");
	stop(fd);
	fd = start(script("exec sleep 100"), NULL);
	ok(ask(fd, "x") == PICTURE_LATE, "one that takes too long is ended");
	ok(ask(fd, "x") == PICTURE_LATE, "and the next one begins anew");
	stop(fd);
}

static void
test_program(void)
{
	int fd;

	(void) setenv("SECRET", "1", 1);
	(void) setenv("TZ", "UTC", 1);
	fd = start(script("dd bs=1000 count=1 2>/dev/null"), NULL);
	ok(ask(fd, "Prequest") == PICTURE_DONE && strcmp(said, "request") == 0,
	    "the program reads the request and writes the picture: %s", said);
	stop(fd);
	fd = start(script("echo P$SECRET,$TZ,$(ulimit -c),$(cat /proc/self/oom_score_adj)"), NULL);
	ok(ask(fd, "x") == PICTURE_DONE && strcmp(said, ",UTC,0,1000") == 0,
	    "its environment has nothing but the time zone; no core file; the first to end when memory is short: %s", said);
	stop(fd);
	fd = start(script("echo P$(ls /proc/self/fd | tr '\\n' ' ')"), NULL);
	ok(ask(fd, "x") == PICTURE_DONE && strncmp(said, "0 1 2 ", 6) == 0 && strlen(said) <= strlen("0 1 2 3 4 5 "),
	    "it has no descriptors of the agent's: %s", said);
	stop(fd);
}

static void
test_rights(void)
{
	struct user nobody = {.uid = 65534, .gid = 65534};
	int fd;

	if (geteuid() != 0)
		return;
	if (chmod(dir, 0755) < 0)
		abort();
	fd = start(script("echo P$(grep -E '^(Uid|Gid|Groups|Cap[EPB]..|NoNewPrivs):' /proc/self/status | tr -s '\\n\\t' ' ')"),
	    &nobody);
	ok(ask(fd, "x") == PICTURE_DONE &&
		strcmp(said, "Uid: 65534 65534 65534 65534 Gid: 65534 65534 65534 65534 Groups: CapPrm: 0000000000000000 "
			     "CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1") == 0,
	    "it is a user without any right, for good: %s", said);
	stop(fd);
}

static void *
run_thread(void *arg)
{
	return arg;
}

/* In a process of its own, since there is no way back: how many of these it may, a bit for each. */
static int
confined(void)
{
	static char *const none[] = {NULL};
	int status, may = 0;
	pthread_t thread;
	pid_t pid = fork();

	if (pid != 0)
		return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (syscalls_limit_drawing() < 0)
		_exit(255);
	may |= pthread_create(&thread, NULL, run_thread, NULL) == 0;
	may |= (open("/etc/passwd", O_RDONLY) >= 0) << 1;
	may |= (socket(AF_INET, SOCK_STREAM, 0) >= 0) << 2;
	may |= (kill(getppid(), 0) == 0) << 3;
	may |= (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) << 4;
	pid = fork();
	if (pid == 0)
		_exit(0);
	may |= (pid > 0) << 5;
	(void) execve("/bin/true", none, none);
	_exit(may);
}

/* Of xenscope-graph itself. */
static void
test_confined(void)
{
#ifdef HAVE_SECCOMP
	int may = confined();

	ok(may == 3, "the program may have threads and read files, but no socket, other process or program: %d", may);
#endif
}

static void
test_orphan(void)
{
	int fd = -1;
	double begin = tick_now().mono;

	if (drawer_start(script("exec sleep 100"), 50, NULL, &fd) < 0)
		abort();
	(void) !send(fd, "x", 1, 0);
	(void) poll(NULL, 0, 100);
	stop(fd);
	ok(tick_now().mono - begin < 20, "when nobody waits any more, it and its program end at once");
}

int
main(void)
{
	if (!mkdtemp(dir))
		abort();
	test_ends();
	test_program();
	test_rights();
	test_confined();
	test_orphan();
	(void) unlink(script(""));
	(void) rmdir(dir);
	return done_testing();
}
