/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/http_get.h"
#include "cli/commands.h"
#include "serve/half.h"
#include "serve/link.h"
#include "tests/made_up.h"
#include "tests/tap.h"

/* The serve half as it ships, in a process of its own, and clients of many kinds. */

static char url[64];
static uint16_t port;
static pid_t server;
static int link_fd;
static struct loop *loop;
static struct link_writer *writer;
static char dir[] = "/tmp/xenscope-http-XXXXXX";

static int
listening(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *) &a, n) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *) &a, &n) < 0)
		abort();
	port = ntohs(a.sin_port);
	(void) snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	return fd;
}

static void
start(void)
{
	struct serve_sockets sockets = {.listen = {listening()}, .n = 1};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0 || loop_new(&loop) < 0)
		abort();
	(void) fflush(stdout);
	server = fork();
	if (server == 0) {
		struct view view = {.dir = dir, .step = 5};
		int status;

		(void) close(pair[0]);
		loop_free(loop);
		status = half_run(&view, &sockets, pair[1]);
		view_done(&view);
		exit(status);
	}
	(void) close(pair[1]);
	(void) close(sockets.listen[0]);
	link_fd = pair[0];
	writer = link_writer_new(loop, link_fd);
}

static void
stop(void)
{
	link_writer_free(writer);
	(void) close(link_fd);
	loop_free(loop);
}

static void
on_quiet(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	(void) now;
	loop_stop(loop, 0);
}

/* True when the server's answers are of a sample of so many domains. */
static int
has_domains(unsigned domains)
{
	char *want = xasprintf("\"xenscope_host_domains\":%u,", domains), *body = NULL;
	unsigned status = 0;
	size_t n;
	int has = http_get(url, "/api/v1/host", 5, &status, &body, &n) == 0 && strstr(body, want);

	free(body);
	free(want);
	return has;
}

/* Until it has arrived. */
static void
send_sample(unsigned domains)
{
	struct sample *s = made_up_sample(domains);
	int timer = loop_every(loop, 0.01, 0.01, on_quiet, NULL);

	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = domains;
	link_send_sample(writer, s);
	sample_free(s);
	for (int i = 0; i < 500 && !has_domains(domains); i++)
		(void) loop_run(loop);
	loop_cancel(loop, timer);
}

/* Sends the text as it is; what comes back until the end of the connection, or a while. */
static char *
raw(const char *text, size_t n)
{
	static char answer[65536];
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t got = 0;

	answer[0] = '\0';
	if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		return answer;
	(void) !send(fd, text, n, MSG_NOSIGNAL);
	while (got < sizeof(answer) - 1 && poll(&p, 1, 3000) > 0) {
		ssize_t r = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);

		if (r <= 0)
			break;
		got += (size_t) r;
		answer[got] = '\0';
	}
	return answer;
}

static char *
say(const char *text)
{
	return raw(text, strlen(text));
}

#define CLOSE "\r\nHost: x\r\nConnection: close\r\n\r\n"

/* xapi drops a header line with a second colon. */
static int
headers_have_one_colon(const char *answer)
{
	const char *line = strstr(answer, "\r\n") + 2, *end = strstr(answer, "\r\n\r\n");

	while (line < end) {
		const char *next = strstr(line, "\r\n");
		const char *colon = memchr(line, ':', (size_t) (next - line));

		if (!colon || memchr(colon + 1, ':', (size_t) (next - colon - 1)))
			return 0;
		line = next + 2;
	}
	return 1;
}

static void
test_headers(void)
{
	const char *a = say("GET / HTTP/1.1" CLOSE);

	ok(strncmp(a, "HTTP/1.1 200 OK\r\n", 17) == 0, "a page is served");
	ok(strstr(a, "\r\nContent-Security-Policy: default-src 'none'; "), "with a content security policy");
	ok(strstr(a, "; frame-ancestors 'none'\r\n"), "no other page may show it as its own");
	ok(headers_have_one_colon(a), "no header has a second colon");
	ok(!strstr(a, "chunked") && strstr(a, "\r\nContent-Length: "), "and a length");
	a = say("GET /api/v1/host HTTP/1.1" CLOSE);
	ok(strstr(a, "\r\nContent-Type: application/json\r\n") &&
		strstr(a, "\r\nX-Content-Type-Options: nosniff\r\n") &&
		strstr(a, "\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-anc") &&
		strstr(a, "\r\nCache-Control: no-store\r\n") && headers_have_one_colon(a),
	    "an answer of the API has its headers");
	a = say("HEAD /api/v1/host HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 200 OK\r\n", 17) == 0 &&
		strcmp(strstr(a, "\r\n\r\n"), "\r\n\r\n") == 0 && !strstr(a, "Content-Length: 0"),
	    "HEAD is answered by the head alone");
	a = say("GET /services/plugin/xenscope HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 301", 12) == 0 &&
		strstr(a, "\r\nLocation: /services/plugin/xenscope/\r\n"),
	    "the bare prefix leads on");
	a = say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v1/host HTTP/1.1" CLOSE);
	ok(strstr(a, "\"status\":\"ok\"") && strstr(a, "command_line"), "two requests share a connection");
}

static void
test_refused(void)
{
	static char large[40000];
	char *request;
	const char *a =
	    say("POST /api/v1/host HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
	size_t n;

	ok(strncmp(a, "HTTP/1.1 405", 12) == 0 && strstr(a, "\r\nAllow: GET, HEAD\r\n") &&
		strstr(a, "\"detail\":"),
	    "POST: 405");
	a = say("DELETE /api/v1/host HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 405", 12) == 0, "DELETE: 405");
	a = say("GET /api/v1/host HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
	ok(strncmp(a, "HTTP/1.1 400", 12) == 0 && strstr(a, "has no body"), "a GET with a body: 400");
	a = say("GET /api/v1/migrations?limit=x&uuid HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 400", 12) == 0, "a wrong parameter: 400");
	a = say("GET /api/v1/host?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 400", 12) == 0 && strstr(a, "at most 16 parameters"), "too many parameters: 400");
	request = xasprintf("GET /healthz HTTP/1.1\r\nX-Long: %09000d" CLOSE, 0);
	a = say(request);
	ok(strncmp(a, "HTTP/1.1 431", 12) == 0 && strstr(a, "8192 characters"), "headers of 9000 characters: 431");
	free(request);
	a = say("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 404", 12) == 0, "a path that climbs: 404");
	a = say("nonsense\r\n\r\n");
	ok(!strstr(a, " 200 "), "what is not HTTP is refused");
	memset(large, 'a', sizeof(large));
	memcpy(large, "GET /", 5);
	memcpy(large + 2000, " HTTP/1.1" CLOSE, sizeof(" HTTP/1.1" CLOSE) - 1);
	a = raw(large, 2000 + sizeof(" HTTP/1.1" CLOSE) - 1);
	ok(strncmp(a, "HTTP/1.1 414", 12) == 0 && strstr(a, "512 characters"),
	    "a path of 2000 characters: 414");
	n = sizeof(large) - 100;
	memset(large + 5, 'a', sizeof(large) - 5);
	memcpy(large + n, " HTTP/1.1" CLOSE, sizeof(" HTTP/1.1" CLOSE) - 1);
	a = raw(large, n + sizeof(" HTTP/1.1" CLOSE) - 1);
	ok(!strstr(a, " 200 "), "one beyond all measure is refused too");
	a = say("GET /healthz HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 200", 12) == 0, "after all that the server still answers");
}

/* Clients that have said no more than this yet. */
static void
dawdle(int *fd, size_t n, const char *said)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};

	for (size_t i = 0; i < n; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd[i], (struct sockaddr *) &a, sizeof(a)) < 0)
			abort();
		(void) !send(fd[i], said, strlen(said), MSG_NOSIGNAL);
	}
}

static void
leave(const int *fd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void) close(fd[i]);
}

/* As many as a browser or two and some programs hold, each with a connection that it keeps. */
static void
test_keepers(void)
{
	int fd[60];
	char answer[32];
	size_t answered = 0;

	dawdle(fd, ARRAY_SIZE(fd), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		answered += poll(&(struct pollfd){fd[i], POLLIN, 0}, 1, 2000) == 1 && recv(fd[i], answer, sizeof(answer), 0) > 12 &&
			    strncmp(answer, "HTTP/1.1 200", 12) == 0;
	ok(answered == ARRAY_SIZE(fd), "sixty clients that keep their connections are all answered: %zu", answered);
	leave(fd, ARRAY_SIZE(fd));
}

/* More than there is room for; those that are let in after they have gone hold a place for IDLE_SECONDS. */
static void
test_flood(void)
{
	int fd[75];
	unsigned status = 0;
	char *body = NULL;
	size_t n = 0;

	dawdle(fd, ARRAY_SIZE(fd), "GET /he");
	(void) poll(NULL, 0, 50);
	leave(fd, ARRAY_SIZE(fd));
	ok(http_get(url, "/healthz", 5, &status, &body, &n) == 0 && status == 200,
	    "who comes after a flood that has gone is answered");
	free(body);
}

static void
test_many(void)
{
	int fd[20];
	unsigned status = 0;
	char *body = NULL;
	size_t n = 0;

	dawdle(fd, ARRAY_SIZE(fd), "GET /he");
	ok(http_get(url, "/healthz", 5, &status, &body, &n) == 0 && status == 200,
	    "clients that dawdle hold nobody up");
	free(body);
	leave(fd, ARRAY_SIZE(fd));
	send_sample(2000);
	ok(http_get(url, "/api/v1/domains", 10, &status, &body, &n) == 0 && status == 200 &&
		n > 1000000 && body[n - 1] == '\n',
	    "an answer about 2000 domains comes whole: %zu bytes", n);
	free(body);
}

/* The value of a header in the raw text of an answer, in a buffer of its own each time; "" if it is not there. */
static const char *
header(const char *text, const char *name)
{
	static char value[128];
	const char *p = strstr(text, name);

	*value = '\0';
	if (p)
		(void) sscanf(p + strlen(name), "%127[^\r]", value);
	return value;
}

/* A client that asks for much and takes nothing of it. */
static int
greedy(void)
{
	static const char ask[] = "GET /api/v1/domains HTTP/1.1\r\nHost: x\r\n\r\n";
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 4096;
	char first;

	(void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		abort();
	(void) !send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL);
	(void) !recv(fd, &first, 1, 0); /* it is being answered */
	return fd;
}

static unsigned
status_of_domains(void)
{
	unsigned status = 0;
	char *body = NULL;
	size_t n;

	if (http_get(url, "/api/v1/domains", 10, &status, &body, &n) == 0)
		free(body);
	return status;
}

static void
test_greedy(void)
{
	int same[10], fd[18];
	unsigned status = 0;
	char *body = NULL;
	size_t n;

	send_sample(MAX_DOMAINS);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		same[i] = greedy();
	ok(status_of_domains() == 200, "clients that do not take the same answer share it");
	leave(same, ARRAY_SIZE(same));
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = greedy();
		send_sample(MAX_DOMAINS - 1 - i % 2);
	}
	if (http_get(url, "/api/v1/domains", 10, &status, &body, &n) < 0)
		body = NULL;
	ok(status == 503 && body && strstr(body, "on their way"),
	    "what waits for clients that do not take it is bounded: %u", status);
	free(body);
	leave(fd, ARRAY_SIZE(fd));
	for (int i = 0; i < 20 && (status = status_of_domains()) != 200; i++)
		(void) poll(NULL, 0, 20);
	ok(status == 200, "and free again when they are gone");
}

static void
test_kept(void)
{
	char etag[128], *request;
	const char *a;

	send_sample(50);
	a = say("GET /api/v1/domains HTTP/1.1" CLOSE);
	str_copy(etag, sizeof(etag), header(a, "\r\nETag: "));
	ok(strncmp(a, "HTTP/1.1 200", 12) == 0 && *etag == '"', "an answer that is kept has a tag: %s", etag);
	request = xasprintf("GET /api/v1/domains HTTP/1.1\r\nIf-None-Match: \"x\", %s" CLOSE, etag);
	a = say(request);
	ok(strncmp(a, "HTTP/1.1 304", 12) == 0 && strcmp(header(a, "\r\nETag: "), etag) == 0 &&
		!strstr(a, "domains"),
	    "who has it is told that it is the same");
	send_sample(51);
	a = say(request);
	ok(strncmp(a, "HTTP/1.1 200", 12) == 0 && strcmp(header(a, "\r\nETag: "), etag) != 0,
	    "until something has changed");
	free(request);
	a = say("GET /api/v1/domains HTTP/1.1\r\nAccept-Encoding: br;q=1, gzip" CLOSE);
	ok(strstr(a, "\r\nContent-Encoding: gzip\r\n") && strstr(a, "\r\nContent-Length: ") &&
		strstr(header(a, "\r\nETag: "), "-g\""),
	    "gzip for who asks for it, with its length and a tag of its own");
	a = say("GET /api/v1/domains HTTP/1.1\r\nAccept-Encoding: gzip;q=0" CLOSE);
	ok(!strstr(a, "Content-Encoding"), "and not for who refuses it");
	a = say("GET /api/v1/host HTTP/1.1\r\nIf-None-Match: *" CLOSE);
	ok(strncmp(a, "HTTP/1.1 200", 12) == 0 && !*header(a, "\r\nETag: "),
	    "what is made for one request has no tag");
	a = say("GET /api/v1/domains?x=a:b HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 400", 12) == 0 &&
		strncmp(header(a, "\r\nX-Xenscope-Error: "), "unknown parameter", 17) == 0 &&
		!strchr(header(a, "\r\nX-Xenscope-Error: "), ':'),
	    "an error is told in a header without a colon, too: %s", header(a, "\r\nX-Xenscope-Error: "));
}

/* The body of an answer in chunks, put together in place. */
static const char *
unchunk(char *answer)
{
	char *from = strstr(answer, "\r\n\r\n") + 4, *to = from, *body = from;
	unsigned n;

	while (sscanf(from, "%x", &n) == 1 && n > 0) {
		from = strchr(from, '\n') + 1;
		memmove(to, from, n);
		to += n;
		from += n + 2;
	}
	*to = '\0';
	return body;
}

static void
test_selected(void)
{
	char etag[128], *request, *a, *body = NULL;
	const char *kept;
	unsigned status = 0;
	size_t n = 0;

	send_sample(20);
	a = say("GET /api/v1/domains?after=2 HTTP/1.1" CLOSE);
	str_copy(etag, sizeof(etag), header(a, "\r\nETag: "));
	ok(strcmp(header(a, "\r\nTransfer-Encoding: "), "chunked") == 0 && *etag,
	    "a selection is sent as it is made, and has a tag");
	kept = unchunk(a);
	ok(strstr(kept, "\"vm3\"") && !strstr(kept, "\"vm2\"") && kept[strlen(kept) - 1] == '\n' &&
		kept[strlen(kept) - 2] == '}',
	    "it comes whole");
	a = say("GET /services/plugin/xenscope/api/v1/domains?after=2 HTTP/1.1" CLOSE);
	ok(!strstr(a, "chunked") && *header(a, "\r\nContent-Length: ") && strstr(a, "\"next\":null"),
	    "xapi's proxy is told the length instead");
	a = say("GET /services/plugin/xenscope/api/v1/domains?after=2 HTTP/1.1\r\nAccept-Encoding: gzip" CLOSE);
	ok(strstr(a, "\r\nContent-Encoding: gzip\r\n") && *header(a, "\r\nContent-Length: "), "of gzip, too");
	a = say("GET /api/v1/domains?after=2 HTTP/1.1\r\nAccept-Encoding: gzip" CLOSE);
	ok(strstr(a, "\r\nContent-Encoding: gzip\r\n") && strstr(a, "chunked") &&
		strcmp(header(a, "\r\nETag: "), etag) != 0,
	    "others get it in chunks");
	request = xasprintf("GET /api/v1/domains?after=2 HTTP/1.1\r\nIf-None-Match: %s" CLOSE, etag);
	a = say(request);
	ok(strncmp(a, "HTTP/1.1 304", 12) == 0 && strcmp(header(a, "\r\nETag: "), etag) == 0,
	    "who has the selection is told that it is the same");
	free(request);
	request = xasprintf("GET /api/v1/domains?after=3 HTTP/1.1\r\nIf-None-Match: %s" CLOSE, etag);
	ok(strncmp(say(request), "HTTP/1.1 200", 12) == 0, "another one is not");
	send_sample(21);
	free(request);
	request = xasprintf("GET /api/v1/domains?after=2 HTTP/1.1\r\nIf-None-Match: %s" CLOSE, etag);
	ok(strncmp(say(request), "HTTP/1.1 200", 12) == 0, "nor is one of another sample");
	free(request);
	a = say("GET /api/v1/domains?after=x HTTP/1.1\r\nIf-None-Match: *" CLOSE);
	ok(strncmp(a, "HTTP/1.1 400", 12) == 0 && !*header(a, "\r\nETag: "), "an error has no tag");
	a = say("HEAD /api/v1/domains?after=2 HTTP/1.1" CLOSE);
	ok(strncmp(a, "HTTP/1.1 200", 12) == 0 && strcmp(strstr(a, "\r\n\r\n"), "\r\n\r\n") == 0,
	    "HEAD is told without it");
	a = say("GET /api/v1/domains?after=2 HTTP/1.0\r\n\r\n");
	ok(strstr(a, " 200 ") && !strstr(a, "chunked") && *header(a, "\r\nContent-Length: ") &&
		strstr(a, "\"next\":null"),
	    "HTTP/1.0, which knows no chunks, is told the length");
	ok(http_get(url, "/api/v1/domains?after=2", 5, &status, &body, &n) == 0 && status == 200 &&
		strncmp(body, "{", 1) == 0 && strcmp(body + n - 2, "}\n") == 0,
	    "our own client reads it, so a selection comes whole: %zu bytes", n);
	free(body);
}

static void
test_self(void)
{
	const char *a;

	(void) say("GET /api/v1/domains?limit=x HTTP/1.1" CLOSE);
	(void) say("GET /nothing/at/all HTTP/1.1" CLOSE);
	send_sample(30);
	a = say("GET /metrics HTTP/1.1" CLOSE);
	ok(strstr(a, "\nxenscope_http_requests_total{route=\"/api/v1/domains\",status=\"2xx\"} ") &&
		strstr(a, "\nxenscope_http_requests_total{route=\"/api/v1/domains\",status=\"3xx\"} ") &&
		strstr(a, "\nxenscope_http_requests_total{route=\"/api/v1/domains\",status=\"4xx\"} ") &&
		strstr(a, "\nxenscope_http_requests_total{route=\"none\",status=\"4xx\"} "),
	    "the serve half counts its answers by route and status");
	ok(strstr(a, "\nxenscope_serve_cpu_seconds_total 0.") && strstr(a, "\nxenscope_serve_kept_bytes "),
	    "and what they cost");
	a = say("GET /api/v1/host HTTP/1.1" CLOSE);
	ok(strstr(a, "\"xenscope_serve_cpu_seconds_total\":0."), "which is told of the host, too");
}

static void
test_client_of_ours(void)
{
	char *with = xasprintf("--url=%s", url);
	char *argv[] = {(char *) "xenscope", (char *) "status", with, NULL};
	char *json[] = {(char *) "xenscope", (char *) "status", with, (char *) "--json", NULL};
	int out = dup(STDOUT_FILENO), r, s;

	(void) fflush(stdout);
	if (!freopen("/dev/null", "w", stdout))
		abort();
	r = xenscope_main(3, argv);
	s = xenscope_main(4, json);
	(void) fflush(stdout);
	(void) dup2(out, STDOUT_FILENO);
	ok(r == EXIT_OK && s == EXIT_OK, "xenscope status gets its answers from a real agent");
	free(with);
}

/* The root half is gone without a word. */
static void
test_orphan(void)
{
	unsigned status = 0;
	char *body = NULL;
	size_t n;
	int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 200; i++) {
		free(TAKE_PTR(body));
		if (http_get(url, "/api/v1/host", 5, &status, &body, &n) == 0 && strstr(body, "\"stale\":true"))
			break;
		(void) poll(NULL, 0, 10);
	}
	ok(body && status == 200 && strstr(body, "\"stale\":true") && strstr(body, "age_seconds"),
	    "the serve half outlives a root half that was killed, and says that its figures are stale");
	free(TAKE_PTR(body));
	ok(http_get(url, "/api/v1/domains", 5, &status, &body, &n) == 0 && status == 200 &&
		strstr(body, "\"stale\":true"),
	    "in answers that are kept, too");
	free(TAKE_PTR(body));
	ok(http_get(url, "/metrics", 5, &status, &body, &n) == 0 && status == 503 && strstr(body, "has gone"),
	    "a monitoring system sees the agent down");
	free(TAKE_PTR(body));
	ok(http_get(url, "/healthz", 5, &status, &body, &n) == 0 && status == 503, "and not healthy");
	free(TAKE_PTR(body));
	ok(lock >= 0 && flock(lock, LOCK_EX) == 0, "the directory is free for a new agent");
}

int
main(void)
{
	unsigned status = 0;
	char *body = NULL;
	size_t n;
	int wstatus = -1;

	if (!mkdtemp(dir))
		abort();
	start();
	ok(http_get(url, "/api/v1/host", 5, &status, &body, &n) == 0 && status == 503 &&
		strstr(body, "no sample yet"),
	    "before the first sample: 503");
	free(body);
	send_sample(3);
	test_headers();
	test_refused();
	test_many();
	test_keepers();
	test_flood();
	test_selected();
	test_self();
	test_client_of_ours();
	test_kept();
	test_greedy();
	stop();
	test_orphan();
	ok(waitpid(server, &wstatus, 0) == server && WIFEXITED(wstatus) &&
		WEXITSTATUS(wstatus) == 0,
	    "and makes room for an agent that has taken the directory");
	(void) rmdir(dir);

	start();
	ok(send(link_fd, "rubbish", 7, 0) == 7 && waitpid(server, &wstatus, 0) == server &&
		WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == EXIT_FAILURE,
	    "what is no record of ours on the link ends it with a failure");
	stop();
	return done_testing();
}
