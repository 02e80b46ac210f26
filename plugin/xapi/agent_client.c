/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/xapi/agent_client.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/tick.h"
#include "base/util.h"

static int
wait_for(int fd, short events, double deadline)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		double left = deadline - tick_now().mono;
		int r;

		if (left <= 0)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)(left * 1000) + 1);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

/* A connection to a UNIX socket is there at once, or -EAGAIN: the agent's queue is full. */
static int
connect_to(const char *path, int *ret_fd)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_(closep) int fd = -1;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	str_copy(sa.sun_path, sizeof(sa.sun_path), path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int
send_all(int fd, const char *text, size_t n, double deadline)
{
	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
		int r;

		if (sent >= 0) {
			text += sent;
			n -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(fd, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
receive_all(int fd, struct strbuf *b, double deadline)
{
	char buf[16384];

	for (;;) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);
		int r;

		if (got == 0)
			return 0;
		if (got > 0) {
			if (b->n + (size_t)got > MAX_AGENT_REPLY)
				return -EFBIG;
			strbuf_add(b, buf, (size_t)got);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(fd, POLLIN, deadline);
		if (r < 0)
			return r;
	}
}

/* A number in the base 10 or 16 that fits a reply. Returns its length in digits, 0 if there is
 * none. */
static size_t
read_size(const char *s, const char *end, unsigned base, size_t *ret)
{
	const char *p = s;
	size_t v = 0;

	for (; p < end && isxdigit((unsigned char)*p); p++) {
		unsigned digit = isdigit((unsigned char)*p) ? (unsigned)(*p - '0')
							    : (unsigned)(*p | 0x20) - 'a' + 10;

		if (digit >= base || v > MAX_AGENT_REPLY)
			return 0;
		v = v * base + digit;
	}
	*ret = v;
	return (size_t)(p - s);
}

/* RFC 9112, section 7.1. Trailers are left unread. */
static int
add_chunks(const char *p, const char *end, struct strbuf *body)
{
	for (;;) {
		const char *line = memchr(p, '\n', (size_t)(end - p));
		size_t n;

		if (!line || read_size(p, line, 16, &n) == 0)
			return -EPROTO;
		p = line + 1;
		if (n == 0)
			return 0;
		if ((size_t)(end - p) < n + 2 || p[n] != '\r' || p[n + 1] != '\n')
			return -EPROTO;
		strbuf_add(body, p, n);
		p += n + 2;
	}
}

/* The value of a header whose line is [line, end), NULL if it is another header. */
static const char *
header_value(const char *line, const char *end, const char *name)
{
	size_t n = strlen(name);

	if ((size_t)(end - line) <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	for (line += n + 1; line < end && (*line == ' ' || *line == '\t'); line++)
		;
	return line;
}

int
agent_reply_parse(const char *reply, size_t n, unsigned *ret_status, struct strbuf *body)
{
	static const char version[] = "HTTP/1.";
	const char *end = reply + n, *line = reply;
	size_t status, length = 0;
	bool chunked = false, sized = false;

	if (n < 13 || memcmp(reply, version, sizeof(version) - 1) != 0 || reply[8] != ' ' ||
	    read_size(reply + 9, reply + 12, 10, &status) != 3)
		return -EPROTO;
	for (;;) {
		const char *lf = memchr(line, '\n', (size_t)(end - line)), *eol, *value;

		if (!lf)
			return -EPROTO;
		eol = lf > line && lf[-1] == '\r' ? lf - 1 : lf;
		if (eol == line) {
			line = lf + 1;
			break;
		}
		value = header_value(line, eol, "Transfer-Encoding");
		if (value)
			chunked = eol - value == 7 && strncasecmp(value, "chunked", 7) == 0;
		value = header_value(line, eol, "Content-Length");
		if (value && read_size(value, eol, 10, &length) == 0)
			return -EPROTO;
		sized |= value != NULL;
		line = lf + 1;
	}
	/* without a length a reply that was cut could not be told from a whole one */
	if (!chunked && (!sized || (size_t)(end - line) < length))
		return -EPROTO;
	if (!chunked)
		strbuf_add(body, line, length);
	else if (add_chunks(line, end, body) < 0)
		return -EPROTO;
	*ret_status = (unsigned)status;
	return 0;
}

int
agent_get(const char *socket_path, const char *target, double seconds, unsigned *ret_status,
    struct strbuf *body)
{
	_cleanup_(strbuf_done) struct strbuf request = {NULL, 0, 0}, reply = {NULL, 0, 0};
	_cleanup_(closep) int fd = -1;
	double deadline = tick_now().mono + seconds;
	int r;

	r = connect_to(socket_path, &fd);
	if (r < 0)
		return r;
	strbuf_printf(&request,
	    "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nConnection: "
	    "close\r\n\r\n",
	    target);
	r = send_all(fd, request.text, request.n, deadline);
	if (r == 0)
		r = receive_all(fd, &reply, deadline);
	if (r < 0)
		return r;
	return agent_reply_parse(reply.text ? reply.text : "", reply.n, ret_status, body);
}
