/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flood [DOMAINS [TICKS]]: whether who asks too much delays the collector. A whole agent on a made-up hypervisor ticks
 * each second, in turns left alone and asked by 32 clients without a pause, beside one that takes no answer; how late
 * its ticks are, beside the most punctual one, and how long they take. */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "agent.h"
#include "base/parse.h"
#include "base/util.h"
#include "tests/bench/busy_host.h"
#include "tests/remove_tree.h"

#define CLIENTS 32
#define STEP 1.0   /* s: config's least */
#define TURN 10    /* ticks of each turn; the first one of it is not counted */
#define WARM_UP 20 /* ticks, in which the files are made */

static const char *const asked[] = {"/metrics", "/api/v1/domains", "/api/v1/domains?limit=100",
    "/api/v1/history?metric=xenscope_host_domains&start=-600", "/api/v1/migrations", "/nothing"};

struct client {
	int fd; /* -1: not connected */
	size_t next;
};

enum turn { ALONE, FLOODED, TURNS };

struct bench {
	struct loop *loop;
	struct fake_hv *host;
	struct agent *agent;
	double first; /* CLOCK_MONOTONIC: the first tick that counts */
	size_t ticks, wanted;
	double *late[TURNS], *took[TURNS];
	size_t n[TURNS];
	pid_t flood;
	uint64_t *bytes; /* shared with it: what was read */
};

static void
set(struct config *config, const char *name, const char *value)
{
	if (config_set(config, name, value) < 0)
		exit(1);
}

/* --- the clients, one process --- */

static int
connected(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	str_copy(a.sun_path, sizeof(a.sun_path), path);
	if (fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof(a)) == 0)
		return fd;
	if (fd >= 0)
		(void) close(fd);
	return -1;
}

static void
ask(struct client *c, const char *path, int epoll)
{
	_cleanup_(freep) char *text =
	    xasprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", asked[c->next++ % ARRAY_SIZE(asked)]);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	c->fd = connected(path);
	if (c->fd >= 0 && (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)) {
		(void) close(c->fd);
		c->fd = -1;
	}
}

/* Each asks the next as soon as it has an answer; the slow reader never takes its own. */
static void
flood(const char *path, uint64_t *bytes)
{
	static char buf[1 << 20];
	struct client client[CLIENTS], slow = {.fd = -1, .next = 1};
	int epoll = epoll_create1(0), nobody = epoll_create1(0);

	for (size_t i = 0; i < CLIENTS; i++)
		client[i] = (struct client){.fd = -1, .next = i};
	for (;;) {
		struct epoll_event e[CLIENTS];
		int n;

		if (slow.fd < 0)
			ask(&slow, path, nobody);
		for (size_t i = 0; i < CLIENTS; i++)
			if (client[i].fd < 0)
				ask(&client[i], path, epoll);
		n = epoll_wait(epoll, e, CLIENTS, 100);
		for (int i = 0; i < n; i++) {
			struct client *c = e[i].data.ptr;
			ssize_t got = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

			if (got > 0)
				*bytes += (uint64_t) got;
			if (got > 0 || (got < 0 && errno == EAGAIN))
				continue;
			(void) close(c->fd);
			c->fd = -1;
		}
	}
}

/* --- the agent --- */

static void
on_tick(void *arg, uint32_t events, const struct tick *now)
{
	struct bench *b = arg;
	enum turn turn = b->ticks < WARM_UP ? ALONE : (b->ticks - WARM_UP) / TURN % TURNS;
	double began = tick_now().mono;

	(void) events;
	agent_tick(b->agent, now);
	if (b->ticks == WARM_UP)
		b->first = began;
	if (b->ticks > WARM_UP && (b->ticks - WARM_UP) % TURN > 0) {
		b->late[turn][b->n[turn]] = remainder(began - b->first, STEP);
		b->took[turn][b->n[turn]++] = tick_now().mono - began;
	}
	busy_host_go_on(b->host);
	b->ticks++;
	turn = b->ticks < WARM_UP ? ALONE : (b->ticks - WARM_UP) / TURN % TURNS;
	(void) kill(b->flood, turn == FLOODED ? SIGCONT : SIGSTOP);
	if (b->ticks >= b->wanted)
		loop_stop(b->loop, 0);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Milliseconds: the median, and the greatest. */
static double
show(const char *what, double *value, size_t n)
{
	qsort(value, n, sizeof(*value), by_size);
	(void) printf("  %-44s median %8.3f ms, greatest %8.3f ms, of %zu ticks\n", what, value[n / 2] * 1e3,
	    value[n - 1] * 1e3, n);
	return value[n / 2];
}

static void
report(struct bench *b, uint64_t domains)
{
	double seconds = (double) b->n[FLOODED] * TURN / (TURN - 1) * STEP, alone, flooded, punctual = 0;

	for (int t = 0; t < TURNS; t++)
		for (size_t i = 0; i < b->n[t]; i++)
			punctual = fmin(punctual, b->late[t][i]);
	for (int t = 0; t < TURNS; t++)
		for (size_t i = 0; i < b->n[t]; i++)
			b->late[t][i] -= punctual;

	(void) printf("%ju domains, a tick each second; %d clients and a slow reader took %.0f MB/s\n", (uintmax_t) domains,
	    CLIENTS, (double) *b->bytes / 1e6 / seconds);
	alone = show("delay of a tick, nobody asking", b->late[ALONE], b->n[ALONE]);
	flooded = show("delay of a tick, flooded", b->late[FLOODED], b->n[FLOODED]);
	(void) printf("  ratio of the medians %.2f; flooded, %.5f of a step\n", flooded / alone, flooded / STEP);
	alone = show("a tick, nobody asking", b->took[ALONE], b->n[ALONE]);
	flooded = show("a tick, flooded", b->took[FLOODED], b->n[FLOODED]);
	(void) printf("  ratio of the medians %.2f\n", flooded / alone);
}

/* The agent as start_live has it, but for observers. */
static int
start(struct bench *b, const struct config *config, struct hv *hv)
{
	int r = loop_new(&b->loop);

	b->agent = agent_new(config);
	if (r == 0)
		r = agent_keep(b->agent, false, b->loop);
	if (r == 0)
		r = agent_serve(b->agent, b->loop);
	if (r < 0)
		return r;
	agent_set_hv(b->agent, hv, NULL);
	return loop_every(b->loop, 0.001, STEP, on_tick, b);
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/xenscope-bench-XXXXXX";
	struct bench b = {.first = 0};
	uint64_t domains = 1000, ticks = 60;
	struct config config;
	char *path;

	if ((argc > 1 && parse_u64(argv[1], 1, 1000, &domains) < 0) || (argc > 2 && parse_u64(argv[2], 2 * TURN, 3600, &ticks) < 0))
		return 2;
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return 1;
	b.host = busy_host_new((unsigned) domains);
	path = xasprintf("%s/sock", dir);
	config_init(&config);
	set(&config, "state_dir", dir);
	set(&config, "socket", path);
	set(&config, "xapi_socket", "");
	set(&config, "listen", "");
	set(&config, "step", "1");
	b.wanted = WARM_UP + ticks;
	for (int t = 0; t < TURNS; t++) {
		b.late[t] = xcalloc(ticks, sizeof(double));
		b.took[t] = xcalloc(ticks, sizeof(double));
	}
	b.bytes = mmap(NULL, sizeof(*b.bytes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	b.flood = fork();
	if (b.flood == 0) {
		(void) raise(SIGSTOP);
		flood(path, b.bytes);
	}
	if (b.bytes == MAP_FAILED || start(&b, &config, &b.host->hv) < 0 || loop_run(b.loop) < 0)
		return 1;
	(void) kill(b.flood, SIGKILL);
	(void) waitpid(b.flood, NULL, 0);
	report(&b, domains);
	agent_free(b.agent);
	b.host->hv.ops->close(&b.host->hv);
	loop_free(b.loop);
	config_done(&config);
	for (int t = 0; t < TURNS; t++) {
		free(b.late[t]);
		free(b.took[t]);
	}
	free(path);
	remove_tree(dir);
	return 0;
}
