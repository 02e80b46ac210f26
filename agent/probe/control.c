/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/control.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/unix_socket.h"
#include "base/util.h"

#define MAX_CLIENTS 4
#define REQUEST_SECONDS 5.0 /* from connecting to the request */

struct client {
	int fd; /* -1: free */
	bool asked;
	double deadline;
};

struct control {
	char *path;
	int fd;
	struct loop *loop;
	int timer;
	struct client client[MAX_CLIENTS];
	control_request_fn *request;
	control_gone_fn *gone;
	void *arg;
};

static void
drop(struct control *c, int client)
{
	loop_remove(c->loop, c->client[client].fd);
	closep(&c->client[client].fd);
}

static void
drop_gone(struct control *c, int client)
{
	bool asked = c->client[client].asked;

	drop(c, client);
	if (asked)
		c->gone(c->arg, client);
}

void
control_reply(struct control *c, int client, struct control_reply *r, bool last)
{
	ssize_t n;

	if (client < 0 || c->client[client].fd < 0)
		return;
	r->magic = CONTROL_MAGIC;
	r->version = CONTROL_VERSION;
	n = send(c->client[client].fd, r, sizeof(*r), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (last)
		drop(c, client);
	else if (n != (ssize_t) sizeof(*r))
		drop_gone(c, client);
}

static void
refuse(struct control *c, int client, int error, const char *text)
{
	struct control_reply r;

	memset(&r, 0, sizeof(r));
	r.state = CONTROL_REFUSED;
	r.error = error;
	str_copy(r.text, sizeof(r.text), text);
	control_reply(c, client, &r, true);
}

/* --- requests --- */

static bool
is_whole(const struct control_request *r, ssize_t n)
{
	return n == (ssize_t) sizeof(*r) && r->magic == CONTROL_MAGIC &&
	       r->version == CONTROL_VERSION;
}

static void
take_request(struct control *c, int client, struct control_request *r, ssize_t n)
{
	if (!is_whole(r, n)) {
		refuse(c, client, -EPROTO, "this is another version of xenscope than the agent's");
		return;
	}
	if (c->client[client].asked != (r->op == CONTROL_CANCEL)) {
		bool asked = c->client[client].asked;

		refuse(c, client, -EPROTO, "one request a connection");
		if (asked)
			c->gone(c->arg, client);
		return;
	}
	c->client[client].asked = true;
	r->domain[sizeof(r->domain) - 1] = '\0';
	c->request(c->arg, client, r);
}

static void
read_client(struct control *c, int client)
{
	struct control_request r;
	ssize_t n;

	memset(&r, 0, sizeof(r));
	n = recv(c->client[client].fd, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		drop_gone(c, client);
	else
		take_request(c, client, &r, n);
}

static void
on_client(void *arg, uint32_t events, const struct tick *now)
{
	struct control *c = arg;

	(void) events;
	(void) now;
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (c->client[i].fd >= 0)
			read_client(c, i);
}

/* --- connections --- */

static bool
may_ask(int fd)
{
	struct ucred peer = {0, (uid_t) -1, (gid_t) -1};
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

void
control_step(struct control *c, const struct tick *now)
{
	bool waiting = false;

	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (c->client[i].fd < 0 || c->client[i].asked)
			continue;
		if (now->mono >= c->client[i].deadline)
			drop(c, i);
		else
			waiting = true;
	}
	if (!waiting && c->timer >= 0) {
		loop_cancel(c->loop, c->timer);
		c->timer = -1;
	}
}

static void
on_timer(void *arg, uint32_t events, const struct tick *now)
{
	(void) events;
	control_step(arg, now);
}

static void
on_connection(void *arg, uint32_t events, const struct tick *now)
{
	struct control *c = arg;
	_cleanup_(closep) int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int i = 0;

	(void) events;
	if (fd < 0)
		return;
	if (!may_ask(fd)) {
		log_warn("control", "a connection of another user than root was refused");
		return;
	}
	while (i < MAX_CLIENTS && c->client[i].fd >= 0)
		i++;
	if (i == MAX_CLIENTS || loop_add(c->loop, fd, EPOLLIN, on_client, c) < 0)
		return;
	c->client[i] = (struct client){.fd = fd, .deadline = now->mono + REQUEST_SECONDS};
	fd = -1;
	if (c->timer < 0)
		c->timer = loop_every(c->loop, 1, 1, on_timer, c);
}

/* --- the socket --- */

int
control_new(const char *path, struct loop *loop, control_request_fn *request, control_gone_fn *gone,
    void *arg, struct control **ret)
{
	const char *why;
	struct control *c;
	int fd = unix_listen(path, SOCK_SEQPACKET, 0600, MAX_CLIENTS, &why), r;

	if (fd < 0)
		return fd;
	c = xcalloc(1, sizeof(*c));
	c->path = xstrdup(path);
	c->fd = fd;
	c->loop = loop;
	c->timer = -1;
	for (int i = 0; i < MAX_CLIENTS; i++)
		c->client[i].fd = -1;
	c->request = request;
	c->gone = gone;
	c->arg = arg;
	r = loop_add(loop, fd, EPOLLIN, on_connection, c);
	if (r < 0) {
		control_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void
control_free(struct control *c)
{
	if (!c)
		return;
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (c->client[i].fd >= 0)
			drop(c, i);
	if (c->timer >= 0)
		loop_cancel(c->loop, c->timer);
	loop_remove(c->loop, c->fd);
	closep(&c->fd);
	(void) unlink(c->path);
	free(c->path);
	free(c);
}
