/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/http_get.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/parse.h"
#include "base/strbuf.h"
#include "base/tick.h"
#include "base/util.h"

#define DEFAULT_PORT 80
#define MAX_HEAD (64 * 1024)
#define PROTOCOL "HTTP/1."

union target {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* What has been read of an answer. */
struct answer {
	struct strbuf text;
	size_t body;   /* where it begins; 0: not there yet */
	size_t length; /* of it */
	unsigned status;
};

static void
answer_done(struct answer *a)
{
	strbuf_done(&a->text);
}

static int
parse_host(char *host, uint16_t port, union target *ret, socklen_t *ret_n)
{
	size_t n = strlen(host);

	if (strcmp(host, "localhost") == 0)
		host = (char *) "127.0.0.1";
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		*ret_n = sizeof(ret->v4);
		return ntohl(ret->v4.sin_addr.s_addr) >> 24 == 127 ? 0 : -EPERM;
	}
	if (n < 2 || host[0] != '[' || host[n - 1] != ']')
		return -EINVAL;
	host[n - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) != 1)
		return -EINVAL;
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	*ret_n = sizeof(ret->v6);
	return IN6_IS_ADDR_LOOPBACK(&ret->v6.sin6_addr) ? 0 : -EPERM;
}

static int
parse_target(const char *text, union target *ret, socklen_t *ret_n)
{
	char host[64];
	uint64_t port = DEFAULT_PORT;
	size_t n;
	char *colon;

	memset(ret, 0, sizeof(*ret));
	if (strncmp(text, "unix:", 5) == 0) {
		if (strlen(text + 5) >= sizeof(ret->local.sun_path) || !text[5])
			return -EINVAL;
		ret->local.sun_family = AF_UNIX;
		str_copy(ret->local.sun_path, sizeof(ret->local.sun_path), text + 5);
		*ret_n = sizeof(ret->local);
		return 0;
	}
	if (strncmp(text, "http://", 7) != 0)
		return -EINVAL;
	n = strcspn(text + 7, "/");
	if (n >= sizeof(host) || (text[7 + n] && text[8 + n]))
		return -EINVAL;
	memcpy(host, text + 7, n);
	host[n] = '\0';
	colon = strrchr(host, ':');
	if (colon && !strchr(colon, ']')) {
		if (parse_u64(colon + 1, 1, 65535, &port) < 0)
			return -EINVAL;
		*colon = '\0';
	}
	return parse_host(host, (uint16_t) port, ret, ret_n);
}

int
http_wait(const struct http_stream *s, short events)
{
	struct pollfd p = {.fd = s->fd, .events = events};

	for (;;) {
		double left = s->deadline - tick_now().mono;
		int r;

		if (left <= 0)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int) (left * 1000) + 1);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

int
http_connect(struct http_stream *s, const struct sockaddr *to, socklen_t n)
{
	socklen_t len = sizeof(int);
	int error = 0, r;

	s->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	if (connect(s->fd, to, n) == 0)
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return -errno;
	r = http_wait(s, POLLOUT);
	if (r == 0 && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return r < 0 ? r : -error;
}

ssize_t
http_plain_receive(struct http_stream *s, void *buf, size_t n)
{
	for (;;) {
		ssize_t done = recv(s->fd, buf, n, 0);
		int r = 0;

		if (done >= 0)
			return done;
		if (errno == EAGAIN)
			r = http_wait(s, POLLIN);
		else if (errno != EINTR)
			return -errno;
		if (r < 0)
			return r;
	}
}

ssize_t
http_plain_send(struct http_stream *s, const void *buf, size_t n)
{
	for (;;) {
		ssize_t done = send(s->fd, buf, n, MSG_NOSIGNAL);
		int r = 0;

		if (done >= 0)
			return done;
		if (errno == EAGAIN)
			r = http_wait(s, POLLOUT);
		else if (errno != EINTR)
			return -errno;
		if (r < 0)
			return r;
	}
}

static int
send_all(struct http_stream *s, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t done = s->send(s, text, n);

		if (done < 0)
			return (int) done;
		text += done;
		n -= (size_t) done;
	}
	return 0;
}

/* What follows the header's name and colon in the head, which ends at end; NULL if it has none. */
static const char *
find_header(const char *head, const char *end, const char *name)
{
	const char *value = strcasestr(head, name);

	return value && value < end ? value + strlen(name) : NULL;
}

/* The status and the length out of the head, which ends with an empty line. Without a length an answer that was cut
 * short would look whole. */
static int
parse_head(struct answer *a)
{
	const char *head = a->text.text, *end = strstr(head, "\r\n\r\n"), *length;
	char number[24];
	uint64_t n;

	if (!end)
		return a->text.n > MAX_HEAD || strncmp(head, PROTOCOL, MIN(a->text.n, strlen(PROTOCOL))) != 0
			   ? -EBADMSG
			   : 0;
	if (sscanf(head, "HTTP/1.%*1[01] %3u", &a->status) != 1 || a->status < 100)
		return -EBADMSG;
	a->body = (size_t) (end + 4 - head);
	length = find_header(head, end, "\r\nContent-Length:");
	if (!length || find_header(head, end, "\r\nTransfer-Encoding:"))
		return -EBADMSG;
	length += strspn(length, " \t");
	str_copy(number, MIN(sizeof(number), strspn(length, "0123456789") + 1), length);
	if (parse_u64(number, 0, HTTP_GET_MAX, &n) < 0)
		return *number ? -EFBIG : -EBADMSG;
	a->length = (size_t) n;
	return 0;
}

static int
read_answer(struct http_stream *s, struct answer *a)
{
	char chunk[16384];

	while (a->body == 0 || a->text.n - a->body < a->length) {
		ssize_t n = s->receive(s, chunk, sizeof(chunk));
		int r = 0;

		if (n <= 0)
			return n < 0 ? (int) n : -ECONNRESET;
		if (a->text.n + (size_t) n > HTTP_GET_MAX)
			return -EFBIG;
		strbuf_add(&a->text, chunk, (size_t) n);
		if (a->body == 0)
			r = parse_head(a);
		if (r < 0)
			return r;
		if (tick_now().mono > s->deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

static int
read_body(struct http_stream *s, unsigned *ret_status, char **ret_body, size_t *ret_n)
{
	_cleanup_(answer_done) struct answer a = {.status = 0};
	int r = read_answer(s, &a);

	if (r < 0)
		return r;
	*ret_n = a.length;
	*ret_body = xmalloc(a.length + 1);
	memcpy(*ret_body, a.text.text + a.body, a.length);
	(*ret_body)[a.length] = '\0';
	*ret_status = a.status;
	return 0;
}

int
http_read(int fd, double deadline, unsigned *ret_status, char **ret_body, size_t *ret_n)
{
	struct http_stream s = {fd, deadline, http_plain_receive, http_plain_send, NULL};

	return read_body(&s, ret_status, ret_body, ret_n);
}

int
http_exchange(struct http_stream *s, const char *request, unsigned *ret_status, char **ret_body, size_t *ret_n)
{
	int r = send_all(s, request);

	return r < 0 ? r : read_body(s, ret_status, ret_body, ret_n);
}

int
http_get(const char *target, const char *path, double seconds, unsigned *ret_status,
    char **ret_body, size_t *ret_n)
{
	_cleanup_(freep) char *request =
	    xasprintf("GET %s HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n",
		path);
	struct http_stream s = {-1, tick_now().mono + seconds, http_plain_receive, http_plain_send, NULL};
	union target a;
	socklen_t n;
	int r = parse_target(target, &a, &n);

	if (r == 0)
		r = http_connect(&s, &a.any, n);
	if (r == 0)
		r = http_exchange(&s, request, ret_status, ret_body, ret_n);
	closep(&s.fd);
	return r;
}
