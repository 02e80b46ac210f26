/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/http_get.h"
#include "base/tokens.h"
#include "base/unix_socket.h"
#include "config/config.h"
#include "serve/link.h"
#include "serve/rights.h"
#include "serve/serve.h"
#include "tests/made_up.h"
#include "tests/tap.h"

static char dir[] = "/tmp/xenscope-serve-XXXXXX";

/* A configuration with these addresses and everything below dir. */
static void
configure(struct config *c, const char *listen, const char *sock, const char *xapi)
{
	char *state = xasprintf("%s/state", dir);

	config_init(c);
	if (config_set(c, "listen", listen) < 0 || config_set(c, "socket", sock) < 0 ||
	    config_set(c, "xapi_socket", xapi) < 0 || config_set(c, "state_dir", state) < 0 ||
	    config_set(c, "dashboard_dir", "") < 0)
		abort();
	free(state);
}

/* What serve_listen returns; the sockets are closed again. */
static int
listen_to(const char *tcp, const char *sock, const char *xapi, struct serve_sockets *ret,
    char *where, size_t n)
{
	struct config c;
	const char *why = "";
	int r;

	configure(&c, tcp, sock, xapi);
	r = serve_listen(&c, ret, &why);
	str_copy(where, n, r < 0 ? why : ret->n > 0 ? ret->where[0] : "");
	config_done(&c);
	return r;
}

static void
test_tcp(void)
{
	static const char *const bad[] = {"localhost:80", "127.0.0.1", "127.0.0.1:65536", "[::1:80",
	    "127.0.0.1:", ":80", "300.0.0.1:80", "[zz]:80", "[]:1"};
	static const char *const outside[] = {"0.0.0.0:0", "192.0.2.1:80", "[::]:80",
	    "[2001:db8::1]:80", "[::ffff:127.0.0.1]:0", "128.0.0.1:80"};
	struct serve_sockets s, t;
	char where[256], address[64];

	ok(listen_to("127.0.0.1:0", "", "", &s, where, sizeof(where)) == 0 && s.n == 1 &&
		strncmp(where, "http://127.0.0.1:", 17) == 0 && strcmp(where + 17, "0/") != 0,
	    "port 0 is any, and told: %s", where);
	str_copy(address, strlen(where) - 7, where + 7);
	ok(listen_to(address, "", "", &t, where, sizeof(where)) == -EADDRINUSE &&
		strstr(where, address) && strstr(where, "taken"),
	    "a port in use is named: %s", where);
	serve_sockets_close(&s);
	ok(listen_to("127.8.9.10:0", "", "", &s, where, sizeof(where)) == 0,
	    "all of 127.0.0.0/8 is loopback");
	serve_sockets_close(&s);
	if (listen_to("[::1]:0", "", "", &s, where, sizeof(where)) == 0) {
		ok(strncmp(where, "http://[::1]:", 13) == 0, "so is ::1: %s", where);
		serve_sockets_close(&s);
	} else {
		ok(1, "so is ::1 # SKIP no IPv6 here");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(listen_to(bad[i], "", "", &s, where, sizeof(where)) == -EINVAL &&
			strstr(where, bad[i]),
		    "%s is refused: %s", bad[i], where);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		ok(listen_to(outside[i], "", "", &s, where, sizeof(where)) == -EPERM &&
			strstr(where, outside[i]) && strstr(where, "tls_certificate"),
		    "%s is refused: %s", outside[i], where);
	ok(listen_to("", "", "", &s, where, sizeof(where)) == 0 && s.n == 0,
	    "no address is no socket");
	serve_sockets_close(&s);
	ok(listen_to("127.0.0.1:0, 127.0.0.2:0 127.0.0.3:0,", "", "", &s, where, sizeof(where)) == 0 && s.n == 3 &&
		strncmp(s.where[2], "http://127.0.0.3:", 17) == 0,
	    "several addresses are several sockets: %s", s.where[1]);
	serve_sockets_close(&s);
	ok(listen_to("127.0.0.1:0 127.0.0.1:0 127.0.0.1:0 127.0.0.1:0 127.0.0.1:0 127.0.0.1:0 127.0.0.1:0", "", "", &s,
	       where, sizeof(where)) == -E2BIG,
	    "more than there is room for are refused: %s", where);
	ok(listen_to("127.0.0.1:0,0.0.0.0:0", "", "", &s, where, sizeof(where)) == -EPERM,
	    "one that is unsafe is enough to refuse all");
}

static void
test_unix(void)
{
	char *path = xasprintf("%s/run/deep/http.sock", dir),
	     *xapi = xasprintf("%s/xcp/plugin/xenscope", dir);
	char *file = xasprintf("%s/file", dir), *xcp = xasprintf("%s/xcp", dir);
	struct serve_sockets s, t;
	char where[256];
	struct stat st;
	FILE *f;

	ok(listen_to("", path, xapi, &s, where, sizeof(where)) == 0 && s.n == 1 &&
		strncmp(where, "unix:/", 6) == 0,
	    "a socket is made, its directory too, and none for xapi where there is no xapi");
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0660, "only its group may connect");
	ok(listen_to("", path, "", &t, where, sizeof(where)) == -EADDRINUSE && strstr(where, path),
	    "one that answers is left alone: %s", where);
	serve_sockets_close(&s);
	ok(mkdir(xcp, 0755) == 0 && listen_to("", path, xapi, &s, where, sizeof(where)) == 0 &&
		s.n == 2,
	    "one that nobody answers is replaced; where xapi is, it gets its own");
	ok(stat(xapi, &st) == 0 && (st.st_mode & 07777) == 0600, "to which only root may connect");
	serve_sockets_close(&s);
	f = fopen(file, "w");
	if (!f || fclose(f) != 0)
		abort();
	ok(listen_to("", file, "", &s, where, sizeof(where)) == -EEXIST && access(file, F_OK) == 0,
	    "a file in its place is left alone: %s", where);
	ok(listen_to("", "relative", "", &s, where, sizeof(where)) == -EINVAL,
	    "a relative path is refused");
	free(TAKE_PTR(path));
	path = xasprintf("%s/file/http.sock", dir);
	ok(listen_to("", path, "", &s, where, sizeof(where)) == -ENOTDIR || geteuid() != 0,
	    "a directory that cannot be made is named: %s", where);
	free(path);
	free(xapi);
	free(file);
	free(xcp);
}

/* A listening socket of any loopback address. */
static int
any_socket(int type)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || (type == SOCK_STREAM && listen(fd, 8) < 0))
		abort();
	return fd;
}

/* What serve_listen makes of descriptors from 3 on that systemd left, in a process of its own: one text a line. */
static const char *
activated(const int *fd, size_t n, const char *listen, const char *sock, pid_t whose)
{
	static char said[1024];
	size_t n_said = 0;
	int out[2];
	ssize_t got;
	pid_t pid;

	if (pipe(out) < 0)
		abort();
	(void) fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct serve_sockets s;
		char where[256], number[24];

		(void) dup2(out[1], 100);
		for (size_t i = 0; i < n; i++)
			(void) dup2(fd[i], 200 + (int) i);
		for (size_t i = 0; i < n; i++)
			(void) dup2(200 + (int) i, 3 + (int) i);
		(void) snprintf(number, sizeof(number), "%d", whose ? whose : getpid());
		(void) setenv("LISTEN_PID", number, 1);
		(void) snprintf(number, sizeof(number), "%zu", n);
		(void) setenv("LISTEN_FDS", number, 1);
		if (listen_to(listen, sock, "", &s, where, sizeof(where)) < 0) {
			dprintf(100, "refused %s", where);
			exit(0);
		}
		for (size_t i = 0; i < s.n; i++)
			dprintf(100, "%s\n", s.where[i]);
		serve_sockets_close(&s);
		exit(0);
	}
	(void) close(out[1]);
	while ((got = read(out[0], said + n_said, sizeof(said) - 1 - n_said)) > 0)
		n_said += (size_t) got;
	said[n_said] = '\0';
	(void) close(out[0]);
	(void) waitpid(pid, NULL, 0);
	return said;
}

static void
test_activation(void)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	int tcp = any_socket(SOCK_STREAM), udp = any_socket(SOCK_DGRAM), outside = socket(AF_INET, SOCK_STREAM, 0), local;
	char *path = xasprintf("%s/activated", dir), where[64], address[32], both[512];
	const char *why;

	(void) getsockname(tcp, (struct sockaddr *) &a, &n);
	(void) snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(a.sin_port));
	(void) snprintf(where, sizeof(where), "http://%s/\n", address);
	local = unix_listen(path, SOCK_STREAM, 0660, 8, &why);
	(void) snprintf(both, sizeof(both), "%sunix:%s\n", where, path);
	ok(strcmp(activated((const int[]){tcp, local}, 2, address, path, 0), both) == 0,
	    "what systemd has bound is taken, and not bound again");
	ok(strcmp(activated((const int[]){tcp}, 1, "", "", 0), where) == 0, "also what no option names");
	ok(strcmp(activated((const int[]){tcp}, 1, "", "", 1), "") == 0, "what is for another process is not");
	ok(strstr(activated((const int[]){udp}, 1, "", "", 0), "ListenStream"), "what is no such socket is refused");
	a = (struct sockaddr_in){.sin_family = AF_INET};
	ok(bind(outside, (struct sockaddr *) &a, sizeof(a)) == 0 && listen(outside, 8) == 0 &&
		strstr(activated((const int[]){outside}, 1, "", "", 0), "tls_certificate"),
	    "as is one that other hosts reach without TLS");
	(void) close(tcp);
	(void) close(udp);
	(void) close(outside);
	(void) close(local);
	(void) unlink(path);
	free(path);
}

/* A line of /proc/PID/status. */
static char *
status_of(pid_t pid, const char *name)
{
	char *path = xasprintf("/proc/%d/status", pid), *text = NULL, *line, *found = NULL;

	if (file_read(path, 65536, &text, NULL) == 0 && (line = strstr(text, name)) != NULL) {
		line += strlen(name) + strspn(line + strlen(name), "\t ");
		line[strcspn(line, "\n")] = '\0';
		found = xstrdup(line);
	}
	free(path);
	free(text);
	return found ? found : xstrdup("");
}

static int
status_is(pid_t pid, const char *name, const char *value)
{
	char *v = status_of(pid, name);
	int same = strcmp(v, value) == 0;

	if (!same)
		printf("# %s %s, not %s\n", name, v, value);
	free(v);
	return same;
}

static unsigned
get_status(const char *where, const char *path)
{
	unsigned status = 0;
	char *body = NULL;
	size_t n;

	if (http_get(where, path, 5, &status, &body, &n) < 0)
		return 0;
	free(body);
	return status;
}

/* The link and a request may come in one turn of its loop, in any order. */
static bool
answers(const char *where, const char *path, unsigned status)
{
	for (int tries = 0; tries < 500; tries++) {
		if (get_status(where, path) == status)
			return true;
		(void) poll(NULL, 0, 10);
	}
	return false;
}

static void
test_rights(pid_t pid)
{
	char *root = xasprintf("/proc/%d/root/", pid),
	     *public_dir = xasprintf("%s/state/public", dir);
	char *uid = status_of(pid, "Uid:");
	struct stat a, b;

	ok(*uid && *uid != '0', "it is not root");
	ok(status_is(pid, "CapEff:", "0000000000000000") &&
		status_is(pid, "CapPrm:", "0000000000000000") &&
		status_is(pid, "CapBnd:", "0000000000000000"),
	    "it has no capability and can get none");
	ok(status_is(pid, "Groups:", ""), "it is in no other group");
	ok(stat(root, &a) == 0 && stat(public_dir, &b) == 0 && a.st_ino == b.st_ino &&
		a.st_dev == b.st_dev,
	    "its root directory is the public one");
	free(uid);
	free(root);
	free(public_dir);
}

static void
test_start(void)
{
	char *path = xasprintf("%s/run/http.sock", dir);
	struct serve_sockets s;
	struct config c;
	const char *why;
	struct loop *loop;
	struct link_writer *w;
	struct sample *sample = made_up_sample(3);
	pid_t pid;
	int link, wstatus = -1;

	configure(&c, "127.0.0.1:0", path, "");
	ok(serve_listen(&c, &s, &why) == 0 && serve_start(&c, &s, &pid, &link) == 0,
	    "the serve half starts");
	ok(get_status(s.where[0], "/healthz") == 503, "it answers before it has a sample");
	if (loop_new(&loop) < 0)
		abort();
	w = link_writer_new(loop, link);
	link_send_sample(w, sample);
	ok(answers(s.where[0], "/api/v1/host", 200) && answers(s.where[1], "/api/v1/host", 200),
	    "and with one, over TCP and over its socket");
	ok(status_is(pid, "Name:", "xenscoped-serve"), "it can be told from the root half");
	ok(status_is(pid, "NoNewPrivs:", "1"), "it cannot gain rights");
	if (geteuid() == 0)
		test_rights(pid);
	else
		ok(1, "it gives up root's rights # SKIP the test does not run as root");
	(void) kill(pid, SIGINT);
	ok(get_status(s.where[0], "/healthz") == 200, "Ctrl-C is for the root half");
	link_writer_free(w);
	(void) close(link);
	ok(answers(s.where[0], "/healthz", 503), "it outlives the link");
	(void) kill(pid, SIGTERM);
	ok(waitpid(pid, &wstatus, 0) == pid && WIFSIGNALED(wstatus) && WTERMSIG(wstatus) == SIGTERM,
	    "and ends when it is told to");
	serve_sockets_close(&s);
	loop_free(loop);
	sample_free(sample);
	config_done(&c);
	free(path);
}

#ifdef HAVE_GNUTLS
/* The status of an answer to a request with this header. */
static unsigned
status_with(const char *where, const char *header)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *request = xasprintf("GET /healthz HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n", header), answer[13] = "";

	a.sin_port = htons((uint16_t) atoi(strrchr(where, ':') + 1));
	if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
	    recv(fd, answer, 12, MSG_WAITALL) < 0)
		abort();
	free(request);
	return (unsigned) atoi(answer + 9);
}

static void
test_local_token(void)
{
	char *file = xasprintf("%s/tokens", dir), *path = xasprintf("%s/run/http.sock", dir), token[TOKEN_TEXT],
	     line[TOKEN_LINE], *header;
	struct serve_sockets s;
	struct config c;
	const char *why;
	int link = -1;
	pid_t pid = -1;

	configure(&c, "127.0.0.1:0", path, "");
	if (token_new("test", token, line) < 0 || file_replace(file, line) < 0 || config_set(&c, "tokens", file) < 0 ||
	    config_set(&c, "local_token", "yes") < 0)
		abort();
	ok(serve_check(&c, &why) == 0 && serve_listen(&c, &s, &why) == 0 && serve_start(&c, &s, &pid, &link) == 0,
	    "a token may be asked for on loopback");
	header = xasprintf("Authorization: bearer  %s", token);
	ok(get_status(s.where[0], "/healthz") == 401, "there is no answer without one");
	ok(status_with(s.where[0], header) == 503, "with it there is");
	ok(status_with(s.where[0], "Authorization: Basic QTpC") == 401, "other ways to say who one is are none");
	ok(get_status(s.where[1], "/healthz") == 503, "a UNIX socket is guarded by its mode");
	ok(pid > 0 && kill(pid, SIGTERM) == 0 && waitpid(pid, NULL, 0) == pid, "it ends");
	ok(config_set(&c, "listen", "127.0.0.1:1, 192.0.2.1:1") == 0 && serve_check(&c, &why) == -EPERM &&
		strstr(why, "192.0.2.1:1") && strstr(why, "tls_certificate"),
	    "the configuration can be checked without listening: %s", why);
	(void) close(link);
	serve_sockets_close(&s);
	config_done(&c);
	free(header);
	free(file);
	free(path);
}
#endif

/* In a process of its own, as it cannot be undone. */
static void
test_bound(void)
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		ok(1, "the root half's bounding set # SKIP the test does not run as root");
		return;
	}
	(void) fflush(stdout);
	pid = fork();
	if (pid == 0) {
		char *text = status_of(getpid(), "CapBnd:");
		unsigned long long before = strtoull(text, NULL, 16), after;

		free(text);
		if (rights_bound() < 0)
			_exit(1);
		text = status_of(getpid(), "CapBnd:");
		after = strtoull(text, NULL, 16);
		free(text);
		_exit(after == (before & 0x000000c0002411e1ULL) ? 0 : 2);
	}
	ok(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "what the root half starts can have the unit's ten capabilities and no others: %d", WEXITSTATUS(status));
}

static void
test_user(void)
{
	struct config c;
	struct user user;

	config_init(&c);
	ok(config_set(&c, "user", "no-such-user-here") == 0 && user_find(&c, &user) == 0 &&
		user.fallback && strcmp(user.name, "nobody") == 0,
	    "without the user it is nobody");
	ok(config_set(&c, "user", "root") == 0 && user_find(&c, &user) == 0 && user.uid != 0,
	    "root it never is");
	config_done(&c);
}

int
main(void)
{
	char *clean;

	if (!mkdtemp(dir))
		abort();
	test_tcp();
	test_unix();
	test_activation();
	test_user();
	test_bound();
	test_start();
#ifdef HAVE_GNUTLS
	test_local_token();
#endif
	clean = xasprintf("rm -r %s", dir);
	ok(system(clean) == 0, "the test clears up");
	free(clean);
	return done_testing();
}
