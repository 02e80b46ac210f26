/* SPDX-License-Identifier: GPL-2.0-or-later */
/* killat FILE MS PID WORD...: follows the record that bpfdirty writes into FILE, waits for a line with the first
 * WORD, then for a later one with the next, and MS milliseconds after the last one's operation returned sends
 * SIGKILL to PID.  Says when it did; that is later than asked for where the line came later.  Gives up after
 * two minutes. */
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
	char line[512], *mono;
	if (argc < 5)
		return fprintf(stderr, "usage: killat FILE MS PID WORD...\n"), 2;
	double delay = atof(argv[2]) / 1e3, end = now() + PATIENCE;
	pid_t pid = atol(argv[3]);
	char **word = argv + 4;
	FILE *f = fopen(argv[1], "r");
	if (!f || fseek(f, 0, SEEK_END))
		return perror(argv[1]), 1;
	while (next_line(f, line, sizeof line, end)) {
		if (!strstr(line, *word) || !(mono = strstr(line, "mono=")))
			continue;
		if (word[1]) {
			word++;
			continue;
		}
		double at = atof(mono + 5), left = at + delay - now();
		if (left > 0)
			sleep_for(left);
		if (kill(pid, SIGKILL))
			return perror("kill"), 1;
		printf("KILL mono=%.6f pid=%d %s at=%.6f after_ms=%.1f asked_ms=%.1f\n", now(), (int)pid, *word,
			at, (now() - at) * 1e3, delay * 1e3);
		return 0;
	}
	printf("KILL never: no %s\n", *word);
	return 1;
}
