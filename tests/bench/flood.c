/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flood [DOMAINS [TICKS]]: whether who asks too much delays the collector. A whole agent on a made-up hypervisor, with
 * 500 migrations in its journal, ticks each second, in turns left alone and asked by 32 clients without a pause, beside
 * one that takes no answer; how late its ticks are, beside the most punctual one, and how long they take. Fails if one of
 * the 32 got no whole answer, or another status than its question has. */
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
#include "store/journal.h"
#include "tests/bench/busy_host.h"
#include "tests/remove_tree.h"

#define CLIENTS 32
#define MIGRATIONS 500
#define STEP 1.0   /* s: config's least */
#define TURN 10    /* ticks of each turn; the first one of it is not counted */
#define STOPPED (TURN * STEP / 2) /* s: who has not come on for so long was stopped, and may have been given up */
#define LENGTH "\r\nContent-Length: "
#define LAST_CHUNK "0\r\n\r\n"
#define WARM_UP 40 /* ticks, in which the files are made */

static const struct {
	const char *path, *status;
} asked[] = {
    {"/metrics", "200"},
    {"/api/v1/domains", "200"},
    {"/api/v1/domains?limit=100", "200"},
    {"/api/v1/history?metric=xenscope_host_domains&start=-600", "200"},
    {"/api/v1/migrations?limit=500", "200"},
    {"/api/v1/migrations?result=failed", "200"},
    {"/nothing", "404"},
};

struct client {
	int fd; /* -1: not connected */
	size_t next, at; /* at: which of asked[] is under way */
	char head[512];	 /* of its answer, as far as it is there */
	size_t n_head;
	char tail[5];	 /* and its end */
	uint64_t bytes;	 /* of the answer */
};

/* What the clients saw, shared with their process. */
struct tally {
	uint64_t bytes, answers, wrong;
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
	struct tally *tally;
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
	_cleanup_(freep) char *text = NULL;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	c->at = c->next++ % ARRAY_SIZE(asked);
	c->n_head = 0;
	c->bytes = 0;
	text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", asked[c->at].path);
	c->fd = connected(path);
	if (c->fd >= 0 && (send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)) {
		(void) close(c->fd);
		c->fd = -1;
	}
}

static void
hang_up(struct client *c)
{
	if (c->fd >= 0)
		(void) close(c->fd);
	c->fd = -1;
}

static void
received(struct client *c, const char *data, size_t n)
{
	size_t room = sizeof(c->head) - 1 - c->n_head, last = MIN(n, sizeof(c->tail));

	memcpy(c->head + c->n_head, data, MIN(n, room));
	c->n_head += MIN(n, room);
	c->head[c->n_head] = '\0';
	c->bytes += n;
	memmove(c->tail, c->tail + last, sizeof(c->tail) - last);
	memcpy(c->tail + sizeof(c->tail) - last, data + n - last, last);
}

/* The status is the one that the question has, and all of the body came: by its length, or to the last chunk. */
static bool
is_right(const struct client *c)
{
	const char *length = strcasestr(c->head, LENGTH), *body = strstr(c->head, "\r\n\r\n");

	if (!body || strncmp(c->head, "HTTP/1.1 ", 9) != 0 || strncmp(c->head + 9, asked[c->at].status, 3) != 0)
		return false;
	if (!length || length > body)
		return memcmp(c->tail, LAST_CHUNK, sizeof(c->tail)) == 0;
	return c->bytes == (uint64_t) (body + 4 - c->head) + strtoull(length + strlen(LENGTH), NULL, 10);
}

static void
take(struct client *c, struct tally *tally)
{
	static char buf[1 << 20];
	ssize_t got = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (got > 0) {
		received(c, buf, (size_t) got);
		tally->bytes += (uint64_t) got;
	}
	if (got > 0 || (got < 0 && errno == EAGAIN))
		return;
	tally->answers++;
	if (!is_right(c) && tally->wrong++ == 0)
		(void) printf("%s: after %ju bytes of: %s\n", asked[c->at].path, (uintmax_t) c->bytes, c->head);
	(void) fflush(stdout);
	hang_up(c);
}

/* Each asks the next as soon as it has an answer; the slow reader never takes its own. */
static void
flood(const char *path, struct tally *tally)
{
	struct client client[CLIENTS], slow = {.fd = -1, .next = 1};
	int epoll = epoll_create1(0), nobody = epoll_create1(0);
	double seen = tick_now().mono;

	for (size_t i = 0; i < CLIENTS; i++)
		client[i] = (struct client){.fd = -1, .next = i};
	for (;;) {
		struct epoll_event e[CLIENTS];
		double before = seen;
		int n;

		seen = tick_now().mono;
		for (size_t i = 0; i < CLIENTS && seen > before + STOPPED; i++)
			hang_up(&client[i]);
		if (slow.fd < 0)
			ask(&slow, path, nobody);
		for (size_t i = 0; i < CLIENTS; i++)
			if (client[i].fd < 0)
				ask(&client[i], path, epoll);
		n = epoll_wait(epoll, e, CLIENTS, 100);
		for (int i = 0; i < n; i++)
			take(e[i].data.ptr, tally);
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
	    CLIENTS, (double) b->tally->bytes / 1e6 / seconds);
	alone = show("delay of a tick, nobody asking", b->late[ALONE], b->n[ALONE]);
	flooded = show("delay of a tick, flooded", b->late[FLOODED], b->n[FLOODED]);
	(void) printf("  ratio of the medians %.2f; flooded, %.5f of a step\n", flooded / alone, flooded / STEP);
	alone = show("a tick, nobody asking", b->took[ALONE], b->n[ALONE]);
	flooded = show("a tick, flooded", b->took[FLOODED], b->n[FLOODED]);
	(void) printf("  ratio of the medians %.2f\n", flooded / alone);
	(void) printf("  %ju answers, %ju of them not whole or not as they should be\n", (uintmax_t) b->tally->answers,
	    (uintmax_t) b->tally->wrong);
}

/* A journal as it is after a year or two of a busy host. */
static int
make_journal(const char *state_dir)
{
	_cleanup_(freep) char *dir = xasprintf("%s/public", state_dir);
	struct journal *j;
	const char *note;
	int r = mkdir(dir, 0755) < 0 ? -errno : journal_open(dir, getgid(), NULL, NULL, &j, &note);

	for (int i = 0; i < MIGRATIONS && r == 0; i++) {
		struct migration_record m;

		record_init(&m);
		(void) snprintf(m.id, sizeof(m.id), "20260101T000000Z-d%d-1", i);
		(void) snprintf(m.uuid, sizeof(m.uuid), "5a0c9b3e-0f6d-4a38-9d6e-%012d", i % 100);
		(void) snprintf(m.name, sizeof(m.name), "vm%d", i % 100);
		m.direction = DIRECTION_OUT;
		m.toolstack = TOOLSTACK_XL;
		m.started = 1.7e9 + i * 3600.0;
		m.ended = m.started + 30;
		m.result = i % 20 ? RESULT_COMPLETED : RESULT_FAILED;
		for (int n = 0; n < 5; n++) {
			struct round *round = record_add_round(&m);

			round->n = n;
			round->seen = true;
			round->seconds = 5.5;
			round->pages_dirtied = round->pages_sent = 32784 >> n;
		}
		r = journal_finish(j, &m);
		record_done(&m);
	}
	if (r == 0)
		journal_close(j);
	return r;
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
	if (make_journal(dir) < 0)
		return 1;
	b.tally = mmap(NULL, sizeof(*b.tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	b.flood = fork();
	if (b.flood == 0) {
		(void) raise(SIGSTOP);
		flood(path, b.tally);
	}
	if (b.tally == MAP_FAILED || start(&b, &config, &b.host->hv) < 0 || loop_run(b.loop) < 0)
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
	return b.tally->wrong > 0 || b.tally->answers == 0;
}
