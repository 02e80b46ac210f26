/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bare_server PORT FILE [jansson]: answers each GET with the file's bytes, by one epoll loop and one write: what no server
 * of HTTP can do with less. With jansson it makes the document, which the file has as JSON, anew for each request:
 * every object of it, then the text. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/util.h"

#define MAX_FILE (64u << 20)
#define MAX_REQUEST 4096

struct client {
	int fd;
	char request[MAX_REQUEST];
	size_t n;
	struct strbuf made;	       /* of this request alone */
	const struct strbuf *answer; /* NULL: none under way */
	size_t sent;
};

static struct strbuf kept;
static json_t *document;

static void
make(struct strbuf *b, const char *type, const char *text, size_t n)
{
	strbuf_printf(b, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, n);
	strbuf_add(b, text, n);
}

static const struct strbuf *
answer(struct client *c)
{
	json_t *copy;
	char *text;

	if (!document)
		return &kept;
	copy = json_deep_copy(document);
	text = json_dumps(copy, JSON_COMPACT);
	json_decref(copy);
	make(&c->made, "application/json", text, strlen(text));
	free(text);
	return &c->made;
}

/* False: it has gone. */
static bool
send_on(struct client *c)
{
	ssize_t n = write(c->fd, c->answer->text + c->sent, c->answer->n - c->sent);

	if (n < 0)
		return errno == EAGAIN;
	c->sent += (size_t) n;
	if (c->sent < c->answer->n)
		return true; /* the socket is full, and tells when it is not */
	strbuf_done(&c->made);
	c->answer = NULL;
	c->sent = c->n = 0;
	return true;
}

static bool
read_on(struct client *c)
{
	ssize_t n = read(c->fd, c->request + c->n, sizeof(c->request) - 1 - c->n);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->n += (size_t) n;
	c->request[c->n] = '\0';
	if (!strstr(c->request, "\r\n\r\n"))
		return c->n < sizeof(c->request) - 1;
	c->answer = answer(c);
	return send_on(c);
}

static void
take(int epoll, int listener)
{
	struct client *c = xcalloc(1, sizeof(*c));
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};

	c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	(void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (c->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
		exit(1);
}

static void
drop(struct client *c)
{
	(void) close(c->fd);
	strbuf_done(&c->made);
	free(c);
}

static int
listen_on(const char *port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t) atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, (struct sockaddr *) &at, sizeof(at)) < 0 || listen(fd, SOMAXCONN) < 0)
		exit(1);
	return fd;
}

static void
serve(int listener)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN};

	(void) epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		struct epoll_event ready[64];
		int n = epoll_wait(epoll, ready, (int) ARRAY_SIZE(ready), -1);

		for (int i = 0; i < n; i++) {
			struct client *c = ready[i].data.ptr;

			if (!c)
				take(epoll, listener);
			else if (!(c->answer ? send_on(c) : read_on(c)))
				drop(c);
		}
	}
}

int
main(int argc, char **argv)
{
	char *text;
	size_t n;

	(void) signal(SIGPIPE, SIG_IGN); /* a client may go before it has all */
	if (argc < 3 || file_read(argv[2], MAX_FILE, &text, &n) < 0)
		return 2;
	if (argc > 3)
		document = json_loadb(text, n, 0, NULL);
	if (argc > 3 && !document)
		return 2;
	make(&kept, "text/plain", text, n);
	serve(listen_on(argv[1]));
}
