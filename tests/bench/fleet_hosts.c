/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fleet_hosts PORT GUESTS TEXT...: as many hosts as loopback has addresses. Each 127.X.Y.Z:PORT answers every GET with one
 * of the TEXTs, the /metrics of an agent: lines that have a $ are there for each of so many guests, the $ being the
 * guest's UUID; those of migrations for the first MOVED guests only. Counters grow, figures differ. */
#include <config.h>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/tick.h"
#include "base/util.h"

#define MAX_TEXT (1u << 20)
#define MAX_HOSTS 4000u /* that keep a connection open */
#define MOVED 2u
#define DOUBLES_IN 600.0 /* seconds, a counter */

enum kind { COMMENT, COUNTER, GAUGE, NOW };

struct line {
	enum kind kind;
	const char *name; /* with its labels */
	bool of_guest, of_migration;
	double value;
};

struct text {
	struct line *line;
	size_t n;
};

static struct text *texts;
static unsigned n_texts, guests;
static double began;

static uint32_t
scattered(uint32_t host, uint32_t guest)
{
	return (host * 4096u + guest) * 2654435761u;
}

static double
value_of(const struct line *l, uint32_t host, uint32_t guest)
{
	const double share = scattered(host, guest) / 4294967296.0;

	if (l->kind == NOW)
		return tick_now().real;
	if (l->kind == COUNTER)
		return l->value * (1 + share + share * (tick_now().mono - began) / DOUBLES_IN);
	return l->value == 0 || l->value == 1 ? l->value : l->value * (0.5 + share);
}

static void
add_line(struct strbuf *b, const struct line *l, uint32_t host, uint32_t guest)
{
	char uuid[37];

	(void) snprintf(uuid, sizeof(uuid), "%08x-0000-4000-8000-%012x", scattered(host, guest), guest);
	for (const char *p = l->name; *p; p++)
		if (*p == '$')
			strbuf_str(b, uuid);
		else
			strbuf_add(b, p, 1);
	strbuf_str(b, " ");
	strbuf_number(b, value_of(l, host, guest));
	strbuf_str(b, "\n");
}

static void
add_host(struct strbuf *b, const struct text *t, uint32_t host)
{
	for (const struct line *l = t->line; l < t->line + t->n; l++) {
		unsigned times = !l->of_guest ? 1 : l->of_migration ? MIN(MOVED, guests) : guests;

		if (l->kind == COMMENT)
			strbuf_printf(b, "%s\n", l->name);
		else
			for (unsigned guest = 0; guest < times; guest++)
				add_line(b, l, host, guest);
	}
}

static enum MHD_Result
answer(void *arg, struct MHD_Connection *c, const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_n, void **state)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t size = sizeof(own);
	struct strbuf b = {NULL, 0, 0};
	struct MHD_Response *r;
	enum MHD_Result done;
	uint32_t host;

	(void) arg, (void) url, (void) method, (void) version, (void) upload, (void) upload_n, (void) state;
	if (!info || getsockname(info->connect_fd, (struct sockaddr *) &own, &size) < 0)
		return MHD_NO;
	host = ntohl(own.sin_addr.s_addr) & 0xffffff;
	add_host(&b, &texts[host % n_texts], host);
	r = MHD_create_response_from_buffer(b.n, b.text, MHD_RESPMEM_MUST_FREE);
	(void) MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	done = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return done;
}

static struct line
parse(char *text)
{
	struct line l = {.kind = COMMENT, .name = text};
	char *blank = strrchr(text, ' ');

	if (*text == '#' || !blank)
		return l;
	*blank = '\0';
	l.value = strtod(blank + 1, NULL);
	l.kind = strstr(text, "_total") ? COUNTER : strstr(text, "timestamp") ? NOW : GAUGE;
	l.of_guest = strchr(text, '$') != NULL;
	l.of_migration = strncmp(text, "xenscope_migration_", 19) == 0;
	return l;
}

static int
load(struct text *t, const char *path)
{
	char *text;
	int r = file_read(path, MAX_TEXT, &text, NULL);

	if (r < 0)
		return r;
	for (char *one; (one = strsep(&text, "\n")) != NULL;)
		if (*one) {
			t->line = xrealloc(t->line, (t->n + 1) * sizeof(*t->line));
			t->line[t->n++] = parse(one);
		}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	(void) signal(SIGPIPE, SIG_IGN);
	began = tick_now().mono;
	guests = (unsigned) atoi(argv[2]);
	n_texts = (unsigned) argc - 3;
	texts = xcalloc(n_texts, sizeof(*texts));
	for (unsigned i = 0; i < n_texts; i++)
		if (load(&texts[i], argv[3 + i]) < 0)
			return 1;
	if (!MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t) atoi(argv[1]), NULL, NULL, answer, NULL,
		MHD_OPTION_CONNECTION_LIMIT, MAX_HOSTS, MHD_OPTION_END))
		return 1;
	for (;;)
		(void) pause();
}
