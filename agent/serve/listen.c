/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/parse.h"
#include "base/unix_socket.h"
#include "base/util.h"
#include "config/config.h"
#include "serve/rights.h"
#include "serve/secrets.h"

#define BACKLOG 64
#define MAX_UNIX 2 /* socket and xapi_socket */
#define FIRST_INHERITED 3 /* SD_LISTEN_FDS_START of sd_listen_fds(3) */
#define SEPARATORS ", \t"

/* A numeric address and port: "127.0.0.1:9965", "[::1]:9965". */
union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
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

/* The address as a URL. */
static void
describe(const union address *a, bool remote, char *where, size_t n)
{
	const char *scheme = remote ? "https" : "http";
	char host[INET6_ADDRSTRLEN] = "";

	if (a->any.sa_family == AF_INET) {
		(void) inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		(void) snprintf(where, n, "%s://%s:%u/", scheme, host, ntohs(a->v4.sin_port));
	} else if (a->any.sa_family == AF_INET6) {
		(void) inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
		(void) snprintf(where, n, "%s://[%s]:%u/", scheme, host, ntohs(a->v6.sin6_port));
	} else {
		(void) snprintf(where, n, "unix:%.*s", (int) sizeof(a->local.sun_path), a->local.sun_path);
	}
}

/* Takes fd over, which is bound: with the port that the kernel chose where 0 was asked for. */
static void
add(struct serve_sockets *s, int *fd, bool remote)
{
	union address a;
	socklen_t len = sizeof(a);

	memset(&a, 0, sizeof(a));
	(void) getsockname(*fd, &a.any, &len);
	describe(&a, remote, s->where[s->n], sizeof(s->where[0]));
	s->remote[s->n] = remote;
	s->listen[s->n++] = *fd;
	*fd = -1;
}

/* True if systemd has bound it already. */
static bool
is_there(const struct serve_sockets *s, const char *where)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->where[i], where) == 0)
			return true;
	return false;
}

static int
check_remote(const char *text, const struct serve_sockets *s)
{
	const char *why = "";
	int r = secrets_suffice(s->secrets, &why);

	return r < 0 ? fail(r, text, why) : 0;
}

static bool
is_remote(const union address *a)
{
	return a->any.sa_family != AF_UNIX && !is_loopback(a);
}

/* One of the addresses of listen; one that other hosts reach must be safe. */
static int
check_tcp(const char *text, const struct serve_sockets *s, union address *ret, socklen_t *ret_n)
{
	if (parse_address(text, ret, ret_n) < 0)
		return fail(-EINVAL, text,
		    "listen takes numbers and ports: 127.0.0.1:9965 or [::1]:9965");
	return is_remote(ret) ? check_remote(text, s) : 0;
}

static int
listen_tcp(const char *text, struct serve_sockets *ret)
{
	_cleanup_(closep) int fd = -1;
	char where[sizeof(ret->where[0])];
	union address a;
	socklen_t n;
	int on = 1, r = check_tcp(text, ret, &a, &n);

	if (r < 0)
		return r;
	describe(&a, is_remote(&a), where, sizeof(where));
	if (is_there(ret, where))
		return 0;
	if (ret->n == MAX_LISTEN - MAX_UNIX)
		return fail(-E2BIG, text, "no more than six addresses");
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-errno, text, "no socket of this kind");
	(void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.any, n) < 0 || listen(fd, BACKLOG) < 0)
		return fail(-errno, text,
		    errno == EADDRINUSE ? "the port is taken: end the other program, or choose "
					  "another with listen ="
					: "it cannot be listened on");
	add(ret, &fd, is_remote(&a));
	return 0;
}

static bool
is_listening(int fd)
{
	int type = 0, accepts = 0;
	socklen_t n = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) == 0 && accepts;
}

/* One of systemd's sockets. It stays open for a second try, and no program that we run gets it. */
static int
inherit(int original, struct serve_sockets *ret)
{
	char where[sizeof(ret->where[0])] = "socket of systemd";
	_cleanup_(closep) int fd = -1;
	union address a;
	socklen_t n = sizeof(a);
	int r;

	memset(&a, 0, sizeof(a));
	if (!is_listening(original) || getsockname(original, &a.any, &n) < 0 ||
	    (a.any.sa_family != AF_INET && a.any.sa_family != AF_INET6 && a.any.sa_family != AF_UNIX))
		return fail(-EINVAL, where, "only ListenStream= of a path, or of an address and a port");
	describe(&a, is_remote(&a), where, sizeof(where));
	if (ret->n == MAX_LISTEN - MAX_UNIX)
		return fail(-E2BIG, where, "no more than six addresses");
	r = is_remote(&a) ? check_remote(where, ret) : 0;
	if (r < 0)
		return r;
	fd = fcntl(original, F_DUPFD_CLOEXEC, FIRST_INHERITED);
	if (fd < 0 || fcntl(original, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return fail(-errno, where, "it cannot be taken over");
	add(ret, &fd, is_remote(&a));
	return 0;
}

/* The sockets that systemd has opened for this process, by the protocol of sd_listen_fds(3). */
static int
inherit_all(struct serve_sockets *ret)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t n, whose;
	int r = 0;

	if (!pid || !count || parse_u64(pid, 1, INT32_MAX, &whose) < 0 || (pid_t) whose != getpid() ||
	    parse_u64(count, 0, MAX_LISTEN, &n) < 0)
		return 0;
	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = inherit(FIRST_INHERITED + (int) i, ret);
	return r;
}

static int
try_tcp(const char *text, struct serve_sockets *s)
{
	union address a;
	socklen_t n;

	return check_tcp(text, s, &a, &n);
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
	_cleanup_(freep) char *where = xasprintf("unix:%s", path);
	_cleanup_(closep) int fd = -1;
	const char *why;

	if (is_there(ret, where))
		return 0;
	fd = unix_listen(path, SOCK_STREAM, mode, BACKLOG, &why);
	if (fd < 0)
		return fail(fd, path, why);
	if (gid != (gid_t) -1 && chown(path, (uid_t) -1, gid) < 0)
		return fail(-errno, path, "it cannot be given to its group");
	add(ret, &fd, false);
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
	r = inherit_all(&s);
	if (r == 0)
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

/* It is not for the files that they could not be read. */
static bool
is_passing(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EIO || error == -EINTR;
}

int
serve_renew(const struct config *config, struct serve_sockets *s, const char **ret_why)
{
	struct secrets *fresh = NULL;
	int r = secrets_changed(s->secrets, config) ? secrets_read(config, &fresh, ret_why) : 0;

	for (size_t i = 0; r == 0 && fresh && i < s->n; i++)
		if (s->remote[i])
			r = secrets_suffice(fresh, ret_why);
	if (is_passing(r)) {
		secrets_forget(s->secrets);
		r = -EAGAIN;
	}
	if (r < 0 || !fresh) {
		secrets_free(fresh);
		return r;
	}
	secrets_free(s->secrets);
	s->secrets = fresh;
	return 1;
}
