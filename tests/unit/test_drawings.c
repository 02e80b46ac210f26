/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/http_get.h"
#include "serve/drawings.h"
#include "serve/half.h"
#include "serve/link.h"
#include "serve/picture.h"
#include "store/store.h"
#include "tests/made_up.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"

/* The serve half as it ships, in a process of its own; this test is its drawer, and its clients. */

#define CLIENTS 16

static char dir[] = "/tmp/xenscope-drawings-XXXXXX";
static uint16_t port;
static pid_t server;
static int link_fd, drawer; /* our ends */
static struct loop *loop;
static bool clogged; /* the server cannot tell its drawer anything until we have read */
static struct link_writer *writer;
static int client[CLIENTS];
static char *body; /* of the last answer */
static size_t body_n;

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
	return fd;
}

static void
start(bool draws)
{
	struct serve_sockets sockets = {.listen = {listening()}, .n = 1};
	int pair[2], ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0 || loop_new(&loop) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
		abort();
	sockets.drawer = draws ? ends[0] : 0;
	while (clogged && send(ends[0], "x", 1, MSG_DONTWAIT) > 0)
		;
	(void) fflush(stdout);
	server = fork();
	if (server == 0) {
		struct view view = {.dir = dir, .step = 5};
		int status;

		(void) close(pair[0]);
		(void) close(ends[1]);
		loop_free(loop);
		status = half_run(&view, &sockets, pair[1]);
		view_done(&view);
		exit(status);
	}
	(void) close(pair[1]);
	(void) close(ends[0]);
	(void) close(sockets.listen[0]);
	link_fd = pair[0];
	drawer = ends[1];
	writer = link_writer_new(loop, link_fd);
}

static void
on_time(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	(void) now;
	loop_stop(loop, 0);
}

static void
send_sample(const struct sample *s)
{
	link_send_sample(writer, s);
	(void) loop_every(loop, 0.1, 0.1, on_time, NULL);
	(void) loop_run(loop);
	(void) loop_run(loop);
}

static void
stop(void)
{
	int status;

	link_writer_free(writer);
	(void) close(link_fd);
	(void) close(drawer);
	loop_free(loop);
	(void) kill(server, SIGTERM);
	(void) waitpid(server, &status, 0);
}

/* Client i asks for a picture; what is different is the width. */
static void
ask(int i, unsigned width)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	char *text = xasprintf("GET /graph/history.png?metric=xenscope_host_domains&width=%u HTTP/1.1\r\nHost: x\r\n\r\n",
	    width);

	client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(client[i], (struct sockaddr *) &a, sizeof(a)) < 0 ||
	    send(client[i], text, strlen(text), MSG_NOSIGNAL) < 0)
		abort();
	free(text);
}

/* What client i gets. */
static unsigned
answered(int i)
{
	unsigned status = 0;
	int r;

	free(TAKE_PTR(body));
	r = http_read(client[i], tick_now().mono + 5, &status, &body, &body_n);
	(void) close(client[i]);
	return r < 0 ? 0 : status;
}

static int
says(const char *text)
{
	return body && strstr(body, text) != NULL;
}

/* The width of the picture that the drawer is asked for; 0: nothing is asked within so many ms. */
static unsigned
asked_for(int ms)
{
	static char request[PICTURE_REQUEST_MAX + 1];
	struct pollfd p = {.fd = drawer, .events = POLLIN};
	ssize_t n = poll(&p, 1, ms) > 0 ? recv(drawer, request, sizeof(request), 0) : 0;
	const struct picture *picture = (const struct picture *) request;

	return n > (ssize_t) sizeof(*picture) && (size_t) n == picture_bytes(picture) ? picture->width : 0;
}

static void
packet(char kind, const char *text, size_t n)
{
	char p[PICTURE_PACKET] = {kind};

	memcpy(p + 1, text, n);
	(void) !send(drawer, p, n + 1, MSG_NOSIGNAL);
}

static void
end(int how)
{
	char c = (char) how;

	packet(PICTURE_END, &c, 1);
}

static void
test_one(void)
{
	ask(0, 300);
	ok(asked_for(3000) == 300, "a picture that is asked for is drawn");
	packet(PICTURE_PART, "first ", 6);
	packet(PICTURE_PART, "sec\0nd", 6);
	end(PICTURE_DONE);
	ok(answered(0) == 200 && body_n == 12 && memcmp(body, "first sec\0nd", 12) == 0, "and given, whole");
	ask(0, 300);
	ok(answered(0) == 200 && body_n == 12 && asked_for(50) == 0, "the next time it is not drawn again");
}

static void
test_together(void)
{
	unsigned status = 0;
	char *text = xasprintf("http://127.0.0.1:%u", port), *other = NULL;
	size_t n;

	ask(0, 400);
	ok(asked_for(3000) == 400, "while one is drawn");
	ask(1, 400);
	ask(2, 401);
	ok(asked_for(100) == 0, "no other is begun");
	ok(http_get(text, "/api/v1/host", 5, &status, &other, &n) == 0 && status == 200, "others are answered");
	packet(PICTURE_PART, "400", 3);
	end(PICTURE_DONE);
	ok(answered(0) == 200 && says("400") && answered(1) == 200 && says("400"), "all who wait for it get it");
	ok(asked_for(3000) == 401, "then the next one is drawn");
	(void) close(client[2]);
	packet(PICTURE_PART, "401", 3);
	end(PICTURE_DONE);
	ask(3, 402);
	ok(asked_for(3000) == 402, "a client that went away does not matter");
	end(PICTURE_DONE);
	ok(answered(3) == 500, "a picture without a byte is none");
	free(text);
	free(other);
}

static void
test_failures(void)
{
	static const struct {
		int how;
		unsigned status;
		const char *text;
	} failures[] = {{PICTURE_FAILED, 500, "could not draw"}, {PICTURE_NOT_INSTALLED, 501, "package xenscope-graphs"},
	    {PICTURE_LATE, 503, "within 10 seconds"}, {99, 500, "could not draw"}};

	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		ask(0, 500);
		ok(asked_for(3000) == 500, "a failure is not kept: it is drawn again");
		packet(PICTURE_PART, "torn", 4);
		end(failures[i].how);
		ok(answered(0) == failures[i].status && says(failures[i].text) && !says("torn"), "%d is answered by %u",
		    failures[i].how, failures[i].status);
	}
}

static void
test_many(void)
{
	for (int i = 0; i < MAX_DRAWINGS_WAITED; i++)
		ask(i, 600 + (unsigned) i);
	ok(asked_for(3000) == 600, "many are waited for");
	(void) poll(NULL, 0, 100);
	ask(MAX_DRAWINGS_WAITED, 700);
	ok(answered(MAX_DRAWINGS_WAITED) == 503 && says("waited for already"), "beyond %d: 503", MAX_DRAWINGS_WAITED);
	for (int i = 0; i < MAX_DRAWINGS_WAITED; i++) {
		if (i > 0 && asked_for(3000) == 0)
			break;
		packet(PICTURE_PART, "x", 1);
		end(PICTURE_DONE);
	}
	for (int i = 0; i < MAX_DRAWINGS_WAITED; i++)
		if (answered(i) != 200)
			ok(0, "picture %d is given", i);
}

/* Twice as many as are kept. */
static void
test_kept(void)
{
	unsigned again;

	for (unsigned i = 0; i < 2 * MAX_DRAWINGS_KEPT; i++) {
		ask(0, 800 + i);
		(void) asked_for(3000);
		packet(PICTURE_PART, "x", 1);
		end(PICTURE_DONE);
		(void) answered(0);
	}
	ask(0, 800 + 2 * MAX_DRAWINGS_KEPT - 1);
	ok(asked_for(50) == 0 && answered(0) == 200, "the newest are kept");
	ask(0, 800);
	again = asked_for(3000);
	packet(PICTURE_PART, "x", 1);
	end(PICTURE_DONE);
	ok(again == 800 && answered(0) == 200, "the oldest are not");
}

static void
test_rubbish(void)
{
	ask(0, 900);
	ok(asked_for(3000) == 900, "a drawer that");
	packet('X', "rubbish", 7);
	ok(answered(0) == 503 && says("has ended"), "says what is none of ours is not listened to any more");
	ask(0, 901);
	ok(answered(0) == 503 && says("has ended"), "and pictures are refused from then on");
	stop();
}

/* What is too large is the same: a drawer of ours would have said so. */
static void
test_too_large(void)
{
	static const char zeros[PICTURE_PACKET - 1];

	ask(0, 900);
	(void) asked_for(3000);
	for (size_t n = 0; n <= PICTURE_BYTES; n += sizeof(zeros))
		packet(PICTURE_PART, zeros, sizeof(zeros));
	ok(answered(0) == 503, "a picture that is too large is not taken");
	stop();
}

static void
test_clogged(void)
{
	char byte;

	ask(0, 910);
	ok(answered(0) == 503 && says("in a moment"), "a picture that the drawer cannot be told of is refused");
	while (recv(drawer, &byte, 1, MSG_DONTWAIT) > 0)
		;
	ask(0, 911);
	ok(asked_for(3000) == 911, "the next one is drawn when there is room");
	packet(PICTURE_PART, "x", 1);
	end(PICTURE_DONE);
	ok(answered(0) == 200, "and given");
	stop();
}

int
main(void)
{
	struct sample *s = made_up_sample(3), *older = sample_copy(s);
	struct store *store = NULL;

	(void) signal(SIGPIPE, SIG_IGN);
	older->at.real -= 10;
	if (!mkdtemp(dir) || store_open(dir, 5, getegid(), &store) < 0 || store_write(store, older) < 0 ||
	    store_write(store, s) < 0)
		abort();
	start(true);
	send_sample(s);
	test_one();
	test_together();
	test_failures();
	test_many();
	test_kept();
	test_rubbish();
	start(true);
	send_sample(s);
	test_too_large();
	clogged = true;
	start(true);
	send_sample(s);
	test_clogged();
	clogged = false;
	start(false);
	send_sample(s);
	ask(0, 300);
	ok(answered(0) == 501 && says("graph_program"), "where nothing draws the answer names the option");
	stop();
	free(body);
	store_close(store);
	sample_free(older);
	sample_free(s);
	remove_tree(dir);
	return done_testing();
}
