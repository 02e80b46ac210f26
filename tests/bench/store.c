/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store agent|librrd DIR DOMAINS TICKS PACE: stores so many ticks, one each PACE seconds (0:
 * without a pause), of domains with ten values each, after the ticks that it takes until every file
 * is there, in its turn and once round its finest archive. Says "ready" then, and in the end what a
 * tick cost.
 *
 *   agent   the agent's store
 *   librrd  nothing but librrd, 60 ticks an update, and a sixtieth of the files a tick: what cannot
 * be done for less */
#include <config.h>

#include <fcntl.h>
#include <math.h>
#include <rrd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/util.h"
#include "metrics/metric_text.h"
#include "store/rrd_schema.h"
#include "store/store.h"

#define T0 1700000000.0
#define STEP 5
#define BATCH 60

struct load {
	const char *dir;
	int domains;
	struct store *store;
	struct sample *sample;
};

static double
cpu_seconds(void)
{
	struct timespec t;

	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void
uuid_of(int domain, char *ret)
{
	(void) snprintf(ret, UUID_SIZE, "be9c0000-0000-4000-8000-%012d", domain);
}

/* Counters have fractions, as seconds have; gauges are whole, as bytes are. */
static double
value_of(int tick, int domain, enum metric_id id)
{
	if (metric_table[id].type == MT_COUNTER)
		return id == M_DOMAIN_CPU ? tick * (1.1 + domain % 7 / 16.0) + domain * 0.001
					  : (double) tick * (1000 + domain * 3);
	return 1 + (tick * 37 + domain * 11) % 4096;
}

static double
time_of(int tick)
{
	return T0 + tick * STEP + 0.25 + tick % 5 / 100.0;
}

static int
agent_begin(struct load *l)
{
	struct tick at = {0, T0};

	l->sample = sample_new(&at);
	for (int d = 0; d < l->domains; d++)
		uuid_of(d, sample_add_domain(l->sample)->uuid);
	return store_open(l->dir, STEP, getgid(), &l->store);
}

static int
agent_tick(struct load *l, int tick)
{
	struct sample *s = l->sample;

	s->at.real = time_of(tick);
	s->at.mono = s->at.real - T0;
	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = l->domains;
	for (int d = 0; d < l->domains; d++)
		for (enum metric_id id = M_DOMAIN_FIRST; id < M_DOMAIN_END; id++)
			s->domain[d].value[id - M_DOMAIN_FIRST] = value_of(tick, d, id);
	return store_write(l->store, s);
}

/* What an answer about history costs: a metric of each domain, once. */
static void
agent_read(const struct load *l, double span, double step)
{
	static const enum metric_id id[] = {M_DOMAIN_CPU};
	double end = l->sample->at.real, begin = cpu_seconds();
	size_t rows = 0;

	for (int d = 0; d < l->domains; d++) {
		struct series x = {0, 0, 0, NULL};
		struct stored *stored;
		char uuid[UUID_SIZE];

		uuid_of(d, uuid);
		if (stored_open(l->dir, &stored) < 0)
			continue;
		if (store_read(stored, uuid, id, 1, "AVERAGE", end - span, end, step, &x) == 0)
			rows += x.n;
		free(x.values);
		stored_close(stored);
	}
	printf("agent: %.0f us of CPU to read %zu values back to %.0f s\n",
	    (cpu_seconds() - begin) / l->domains * 1e6, rows / (size_t) l->domains, span);
}

static void
vm_path(const struct load *l, int domain, char *ret)
{
	char uuid[UUID_SIZE];

	uuid_of(domain, uuid);
	(void) rrd_path(ret, l->dir, RRD_VM, uuid);
}

/* The same files, synced and dropped from the cache, as the agent makes them. */
static int
librrd_begin(struct load *l)
{
	char path[RRD_PATH_SIZE];
	int r = 0;

	(void) snprintf(path, sizeof(path), "%s/vm", l->dir);
	r = mkdir_parents(path, 0755);
	for (int d = 0; d < l->domains && r == 0; d++) {
		_cleanup_(closep) int fd = -1;

		vm_path(l, d, path);
		r = rrd_make(path, RRD_VM, STEP, T0 - STEP, NULL);
		fd = open(path, O_RDONLY);
		if (fd < 0 || fsync(fd) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
			return -1;
	}
	return r;
}

static int
librrd_tick(struct load *l, int tick)
{
	static char text[BATCH][MAX_SOURCES * 24];
	const char *argv[BATCH];
	char path[RRD_PATH_SIZE];

	for (int d = tick % BATCH; d < l->domains; d += BATCH) {
		int lines = 0;

		for (int t = MAX(tick - BATCH + 1, 0); t <= tick; t++) {
			char *p = text[lines];

			p += sprintf(p, "%.2f", time_of(t));
			for (enum metric_id id = M_DOMAIN_FIRST; id < M_DOMAIN_END; id++) {
				double v = value_of(t, d, id);

				if (metric_table[id].type == MT_COUNTER)
					v -= value_of(t - 1, d, id);
				if (*metric_table[id].ds)
					p += sprintf(p, ":%.10g", v);
			}
			argv[lines] = text[lines];
			lines++;
		}
		vm_path(l, d, path);
		rrd_clear_error();
		if (rrd_update_r(path, NULL, lines, argv) < 0) {
			printf("%s\n", rrd_get_error());
			return -1;
		}
	}
	return 0;
}

static const struct way {
	const char *name;
	int (*begin)(struct load *l);
	int (*tick)(struct load *l, int tick);
} ways[] = {
    {"agent", agent_begin, agent_tick},
    {"librrd", librrd_begin, librrd_tick},
};

static double
bytes_dirtied(void)
{
	_cleanup_(freep) char *text = NULL;
	const char *p;
	unsigned long long n = 0;

	if (file_read("/proc/self/io", 4096, &text, NULL) == 0 &&
	    (p = strstr(text, "\nwrite_bytes: ")))
		(void) sscanf(p, "\nwrite_bytes: %llu", &n);
	return (double) n;
}

static int
run(const struct way *way, struct load *l, int ticks, double pace)
{
	int warm = l->domains / 32 + 2 * BATCH + (int) rrd_archive_rows(0, STEP), r = way->begin(l);
	struct timespec next;
	double cpu, bytes;
	struct rusage u;

	for (int i = 0; i < warm && r == 0; i++)
		r = way->tick(l, i);
	sync();
	printf("ready\n");
	(void) fflush(stdout);
	cpu = cpu_seconds();
	bytes = bytes_dirtied();
	(void) clock_gettime(CLOCK_MONOTONIC, &next);
	for (int i = warm; i < warm + ticks && r == 0; i++) {
		double at = (double) next.tv_sec + (double) next.tv_nsec / 1e9 + pace;

		r = way->tick(l, i);
		next.tv_sec = (time_t) at;
		next.tv_nsec = (long) ((at - floor(at)) * 1e9);
		if (pace > 0)
			(void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	(void) getrusage(RUSAGE_SELF, &u);
	printf("%s: %.3f ms of CPU and %.1f kB dirtied a tick, %ld kB of memory at most\n",
	    way->name, (cpu_seconds() - cpu) / ticks * 1e3, (bytes_dirtied() - bytes) / ticks / 1e3,
	    u.ru_maxrss);
	if (l->store && r == 0) {
		agent_read(l, 86400, 60);
		agent_read(l, 300, 0);
	}
	return r;
}

int
main(int argc, char **argv)
{
	struct load l = {NULL, 0, NULL, NULL};
	uint64_t domains, ticks, pace;
	int r = -1;

	if (argc != 6 || parse_u64(argv[3], 1, MAX_DOMAINS, &domains) < 0 ||
	    parse_u64(argv[4], 1, 1000000, &ticks) < 0 || parse_u64(argv[5], 0, 60, &pace) < 0) {
		(void) fprintf(stderr, "usage: %s agent|librrd DIR DOMAINS TICKS PACE\n", argv[0]);
		return 64;
	}
	l.dir = argv[2];
	l.domains = (int) domains;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			r = run(&ways[i], &l, (int) ticks, (double) pace);
	store_close(l.store);
	sample_free(l.sample);
	return r < 0;
}
