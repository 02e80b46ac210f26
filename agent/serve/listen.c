/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "base/unix_socket.h"
#include "base/util.h"
#include "config/config.h"
#include "serve/rights.h"
#include "serve/secrets.h"

#define BACKLOG 64
#define MAX_UNIX 2 /* socket and xapi_socket */
#define SEPARATORS ", \t"

/* A numeric address and port: "127.0.0.1:9965", "[::1]:9965". */
union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static char trouble[768]; /* what serve_listen says through ret_where; one thread */

static int
fail(int error, const char *object, const char *why)
{
	(void) snprintf(trouble, sizeof(trouble), "%s (%s)", object, why);
	return error;
}

static int
parse_address(const char *text, union address *ret, socklen_t *ret_n)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	uint64_t port;

	if (!colon || (size_t) (colon - text) >= sizeof(host) ||
	    parse_u64(colon + 1, 0, 65535, &port) < 0)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	str_copy(host, (size_t) (colon - text) + 1, text);
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t) port);
		*ret_n = sizeof(ret->v4);
		return 0;
	}
	if (host[0] != '[' || host[strlen(host) - 1] != ']')
		return -EINVAL;
	host[strlen(host) - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) != 1)
		return -EINVAL;
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons((uint16_t) port);
	*ret_n = sizeof(ret->v6);
	return 0;
}

static bool
is_loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* Takes fd over. */
static void
add(struct serve_sockets *s, int *fd)
{
	s->listen[s->n++] = *fd;
	*fd = -1;
}

/* The address as a URL, with the port that the kernel chose where 0 was asked for. */
static void
describe(int fd, bool remote, char *where, size_t n)
{
	const char *scheme = remote ? "https" : "http";
	char host[INET6_ADDRSTRLEN] = "";
	union address a;
	socklen_t len = sizeof(a);

	memset(&a, 0, sizeof(a));
	(void) getsockname(fd, &a.any, &len);
	if (a.any.sa_family == AF_INET) {
		(void) inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host));
		(void) snprintf(where, n, "%s://%s:%u/", scheme, host, ntohs(a.v4.sin_port));
	} else {
		(void) inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host));
		(void) snprintf(where, n, "%s://[%s]:%u/", scheme, host, ntohs(a.v6.sin6_port));
	}
}

static int
check_remote(const char *text, const struct serve_sockets *s)
{
	const char *why = "";
	int r = secrets_suffice(s->secrets, &why);

	return r < 0 ? fail(r, text, why) : 0;
}

/* One of the addresses of listen, and whether other hosts reach it, which then must be safe. */
static int
check_tcp(const char *text, const struct serve_sockets *s, union address *ret, socklen_t *ret_n, bool *ret_remote)
{
	if (parse_address(text, ret, ret_n) < 0)
		return fail(-EINVAL, text,
		    "listen takes numbers and ports: 127.0.0.1:9965 or [::1]:9965");
	*ret_remote = !is_loopback(ret);
	return *ret_remote ? check_remote(text, s) : 0;
}

static int
listen_tcp(const char *text, struct serve_sockets *ret)
{
	_cleanup_(closep) int fd = -1;
	union address a;
	socklen_t n;
	int on = 1, r;

	if (ret->n == MAX_LISTEN - MAX_UNIX)
		return fail(-E2BIG, text, "listen takes six addresses");
	r = check_tcp(text, ret, &a, &n, &ret->remote[ret->n]);
	if (r < 0)
		return r;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-errno, text, "no socket of this kind");
	(void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.any, n) < 0 || listen(fd, BACKLOG) < 0)
		return fail(-errno, text,
		    errno == EADDRINUSE ? "the port is taken: end the other program, or choose "
					  "another with listen ="
					: "it cannot be listened on");
	describe(fd, ret->remote[ret->n], ret->where[ret->n], sizeof(ret->where[0]));
	add(ret, &fd);
	return 0;
}

static int
try_tcp(const char *text, struct serve_sockets *s)
{
	union address a;
	socklen_t n;
	bool remote;

	return check_tcp(text, s, &a, &n, &remote);
}

/* Does this with each address of a list, until one fails. */
static int
each_address(const char *list, int (*fn)(const char *, struct serve_sockets *), struct serve_sockets *s)
{
	int r = 0;

	while (r == 0 && *(list += strspn(list, SEPARATORS))) {
		size_t n = strcspn(list, SEPARATORS);
		_cleanup_(freep) char *text = xasprintf("%.*s", (int) n, list);

		r = fn(text, s);
		list += n;
	}
	return r;
}

/* gid: the group that may connect, (gid_t) -1 for none. */
static int
listen_unix(const char *path, unsigned mode, gid_t gid, struct serve_sockets *ret)
{
	const char *why;
	_cleanup_(closep) int fd = unix_listen(path, SOCK_STREAM, mode, BACKLOG, &why);

	if (fd < 0)
		return fail(fd, path, why);
	if (gid != (gid_t) -1 && chown(path, (uid_t) -1, gid) < 0)
		return fail(-errno, path, "it cannot be given to its group");
	(void) snprintf(ret->where[ret->n], sizeof(ret->where[0]), "unix:%s", path);
	add(ret, &fd);
	return 0;
}

/* xapi looks for plugins in a directory below its own, which is there on its hosts only. */
static bool
has_xapi(const char *path)
{
	_cleanup_(freep) char *dir = xstrdup(path);
	struct stat st;

	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(dir, '/');

		if (!slash || slash == dir)
			return false;
		*slash = '\0';
	}
	return stat(dir, &st) == 0 && S_ISDIR(st.st_mode);
}

int
serve_listen(const struct config *config, struct serve_sockets *ret, const char **ret_where)
{
	const char *tcp = config_text(config, OPTION_listen);
	const char *local = config_text(config, OPTION_socket);
	const char *xapi = config_text(config, OPTION_xapi_socket);
	struct serve_sockets s = {.n = 0};
	struct user user;
	gid_t gid = geteuid() == 0 && user_find(config, &user) == 0 ? user.gid : (gid_t) -1;
	int r = secrets_read(config, &s.secrets, ret_where);

	if (r < 0)
		return r;
	r = each_address(tcp, listen_tcp, &s);
	if (r == 0 && *local)
		r = listen_unix(local, 0660, gid, &s);
	if (r == 0 && *xapi && has_xapi(xapi))
		r = listen_unix(xapi, 0600, (gid_t) -1, &s);
	if (r < 0) {
		serve_sockets_close(&s);
		*ret_where = trouble;
		return r;
	}
	*ret = s;
	return 0;
}

int
serve_check(const struct config *config, const char **ret_where)
{
	struct serve_sockets s = {.n = 0};
	int r = secrets_read(config, &s.secrets, ret_where);

	if (r < 0)
		return r;
	*ret_where = trouble;
	r = each_address(config_text(config, OPTION_listen), try_tcp, &s);
	serve_sockets_close(&s);
	return r;
}

void
serve_sockets_close(struct serve_sockets *s)
{
	while (s->n > 0)
		(void) close(s->listen[--s->n]);
	secrets_free(s->secrets);
	s->secrets = NULL;
}

int
serve_renew(const struct config *config, struct serve_sockets *s, const char **ret_why)
{
	struct secrets *fresh = NULL;
	int r = secrets_changed(s->secrets, config) ? secrets_read(config, &fresh, ret_why) : 0;

	for (size_t i = 0; r == 0 && fresh && i < s->n; i++)
		if (s->remote[i])
			r = secrets_suffice(fresh, ret_why);
	if (r < 0 || !fresh) {
		secrets_free(fresh);
		return r;
	}
	secrets_free(s->secrets);
	s->secrets = fresh;
	return 1;
}
