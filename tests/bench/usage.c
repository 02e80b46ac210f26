/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* usage PROGRAM ARGUMENT...: runs it without its output; then its seconds of CPU and its greatest
 * resident set in KiB. A program of its own, since a child begins with the resident set of the
 * process that made it: this one's is small. */
int
main(int argc, char **argv)
{
	struct rusage u;
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0)
			(void) execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &u) < 0)
		return 1;
	(void) printf("%d.%06d %ld %d\n",
	    (int) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(int) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000000,
	    (int) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) % 1000000, u.ru_maxrss,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	return 0;
}
