/* SPDX-License-Identifier: GPL-2.0-or-later */
/* firstseen SOCKET: asks the agent for the migrations that run, over its UNIX socket and over and over, and says when
 * each of their rounds was first in an answer:
 *   SEEN id=... n=... started=... seen=... asked=...
 * started is what the answer tells of the round; seen, when the answer was there, and asked, when it was asked for, are
 * of this program's own clock. Goes on until it is killed; an agent that does not answer is asked again. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_US 50000 /* on one emulated processor with all that it watches */
#define MAX_SEEN 512
#define MAX_ANSWER (1 << 20)

static const char question[] = "GET /api/v1/migrations?result=running HTTP/1.0\r\nHost: localhost\r\n\r\n";
static char answer[MAX_ANSWER + 1];
static struct {
	char id[64];
	int n;
} seen[MAX_SEEN];
static size_t n_seen;

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int
open_socket(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The body of one answer, which ends with its connection; NULL: there is none. */
static const char *
ask(int fd)
{
	const char *body;
	size_t have = 0;
	ssize_t n;
	if (send(fd, question, sizeof question - 1, MSG_NOSIGNAL) != sizeof question - 1)
		return NULL;
	while (have < MAX_ANSWER && (n = read(fd, answer + have, MAX_ANSWER - have)) > 0)
		have += n;
	answer[have] = 0;
	body = strstr(answer, "\r\n\r\n");
	return body ? body + 4 : NULL;
}

static int
is_new(const char *id, int n)
{
	for (size_t i = 0; i < n_seen; i++)
		if (seen[i].n == n && !strcmp(seen[i].id, id))
			return 0;
	if (n_seen == MAX_SEEN)
		return 0;
	snprintf(seen[n_seen].id, sizeof seen[0].id, "%s", id);
	seen[n_seen++].n = n;
	return 1;
}

/* A record begins with its id, each of its rounds with its number. */
static void
look(const char *body, double asked, double at)
{
	char id[64] = "";
	double started;
	int n;
	for (const char *p = body; (p = strpbrk(p, "{")); p++)
		if (sscanf(p, "{\"id\":\"%63[^\"]\"", id) != 1 &&
		    sscanf(p, "{\"n\":%d,\"seen\":true,\"started\":%lf", &n, &started) == 2 && is_new(id, n))
			printf("SEEN id=%s n=%d started=%.6f seen=%.6f asked=%.6f\n", id, n, started, at, asked);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return fprintf(stderr, "usage: firstseen SOCKET\n"), 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		double asked = now();
		int fd = open_socket(argv[1]);
		const char *body = fd < 0 ? NULL : ask(fd);
		if (body)
			look(body, asked, now());
		if (fd >= 0)
			close(fd);
		usleep(PERIOD_US);
	}
}
