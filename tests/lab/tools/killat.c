/* SPDX-License-Identifier: GPL-2.0-or-later */
/* killat FILE OP COUNT MS PID: follows the record that bpfdirty writes into FILE, and MS milliseconds after
 * the COUNTth operation OP from now returned sends SIGKILL to PID.  Says when it did; the kill comes later
 * than asked for where the record came later.  Gives up after two minutes. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE 120.0

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
sleep_for(double seconds)
{
	struct timespec t = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* The next whole line of a file that grows; 0: patience is at its end. */
static int
next_line(FILE *f, char *line, size_t size, double end)
{
	size_t have = 0;
	while (now() < end) {
		if (!fgets(line + have, (int)(size - have), f)) {
			clearerr(f);
			sleep_for(0.002);
			continue;
		}
		have = strlen(line);
		if (have && line[have - 1] == '\n')
			return 1;
		if (have + 1 >= size)
			have = 0;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	char line[512], word[64], *mono;
	if (argc != 6)
		return fprintf(stderr, "usage: killat FILE OP COUNT MS PID\n"), 2;
	long count = atol(argv[3]);
	double delay = atof(argv[4]) / 1e3, end = now() + PATIENCE;
	pid_t pid = atol(argv[5]);
	FILE *f = fopen(argv[1], "r");
	if (!f || fseek(f, 0, SEEK_END))
		return perror(argv[1]), 1;
	snprintf(word, sizeof word, " op=%s ", argv[2]);
	while (next_line(f, line, sizeof line, end)) {
		if (!strstr(line, word) || !(mono = strstr(line, "mono=")) || --count > 0)
			continue;
		double at = atof(mono + 5), left = at + delay - now();
		if (left > 0)
			sleep_for(left);
		if (kill(pid, SIGKILL))
			return perror("kill"), 1;
		printf("KILL mono=%.6f pid=%d op=%s at=%.6f after_ms=%.1f asked_ms=%.1f\n", now(), (int)pid,
			argv[2], at, (now() - at) * 1e3, delay * 1e3);
		return 0;
	}
	printf("KILL never: no %s\n", argv[2]);
	return 1;
}
