/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An agent on another host is asked by TLS. */
#include <config.h>

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/gnutls_late.h"
#include "base/https_get.h"
#include "base/strbuf.h"
#include "base/tokens.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"
#include "tests/unit/pem.h"

#define TLS_1_1 "NORMAL:-VERS-ALL:+VERS-TLS1.1"

static char directory[] = "/tmp/xenscope-https.XXXXXX";
static char *certificate, *key, *ca, *other_ca;

enum manner {
	ECHO,	/* the request is the body */
	HALF,	/* the answer breaks off */
	SILENT, /* nothing comes after the handshake */
	MUTE,	/* not even that */
	PLAIN,	/* HTTP without TLS */
};

static void
answer(gnutls_session_t s, enum manner manner)
{
	char request[1024], head[128];
	ssize_t n = gnutls_record_recv(s, request, sizeof(request));

	if (n <= 0)
		return;
	if (manner == SILENT)
		(void) sleep(5);
	(void) snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zd\r\n\r\n", n + (manner == HALF));
	(void) gnutls_record_send(s, head, strlen(head));
	(void) gnutls_record_send(s, request, (size_t) n);
}

static void
serve(int fd, enum manner manner, const char *versions)
{
	const gnutls_datum_t pair[] = {
	    {(unsigned char *) certificate, (unsigned) strlen(certificate)}, {(unsigned char *) key, (unsigned) strlen(key)}};
	gnutls_certificate_credentials_t c;
	gnutls_session_t s;

	if (gnutls_certificate_allocate_credentials(&c) < 0 ||
	    gnutls_certificate_set_x509_key_mem(c, &pair[0], &pair[1], GNUTLS_X509_FMT_PEM) < 0)
		abort();
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (manner == MUTE)
			(void) sleep(5);
		if (manner == PLAIN && write(client, "HTTP/1.1 400 \r\n\r\n", 17) < 0)
			abort();
		if (gnutls_init(&s, GNUTLS_SERVER) < 0 || gnutls_priority_set_direct(s, versions, NULL) < 0 ||
		    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c) < 0)
			abort();
		gnutls_transport_set_int(s, client);
		if (manner != PLAIN && gnutls_handshake(s) == 0)
			answer(s, manner);
		gnutls_deinit(s);
		(void) close(client);
	}
}

/* Asks one that behaves so, of which the URL has %u for its port. */
static int
ask_one(enum manner manner, const char *versions, const char *url, const char *trusted, const char *token, char **ret_body,
    char *why)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;
	struct strbuf where = {NULL, 0, 0};
	unsigned status = 0;
	size_t n;
	pid_t pid;

	if (bind(fd, (struct sockaddr *) &a, len) < 0 || listen(fd, 8) < 0 || getsockname(fd, (struct sockaddr *) &a, &len) < 0)
		abort();
	(void) fflush(stdout);
	pid = fork();
	if (pid == 0)
		serve(fd, manner, versions);
	(void) close(fd);
	for (const char *c = url; *c; c++)
		if (*c == '%')
			strbuf_printf(&where, "%u", ntohs(a.sin_port));
		else
			strbuf_add(&where, c, 1);
	r = https_get(&(struct https_target){where.text, token, trusted}, "/healthz", manner == ECHO ? 5 : 0.3, &status,
	    ret_body, &n, why);
	if (r == 0 && (status != 200 || n != strlen(*ret_body)))
		r = -EDOM;
	(void) kill(pid, SIGKILL);
	(void) waitpid(pid, NULL, 0);
	strbuf_done(&where);
	return r;
}

static void
test_asking(void)
{
	_cleanup_(freep) char *body = NULL, *second = NULL, *third = NULL;
	char why[HTTPS_WHY];

	ok(ask_one(ECHO, "NORMAL", "https://localhost:%/a/b/", ca, "abc", &body, why) == 0, "the answer comes");
	ok(body && strncmp(body, "GET /a/b/healthz HTTP/1.0\r\nHost: localhost:", 43) == 0, "to what was asked");
	ok(body && strstr(body, "\r\nAuthorization: Bearer abc\r\n"), "with the token");
	ok(ask_one(ECHO, "NORMAL:-VERS-ALL:+VERS-TLS1.2", "https://localhost:%", ca, NULL, &second, why) == 0, "by TLS 1.2, too");
	ok(second && !strstr(second, "Authorization") && strstr(second, "GET /healthz "), "without one");
	ok(ask_one(ECHO, "NORMAL:-VERS-ALL:+VERS-TLS1.3", "https://localhost:%", ca, NULL, &third, why) ==
		(gnutls_late()->check_version("3.6.5") ? 0 : -EPROTO),
	    "and TLS 1.3 where GnuTLS has it");
}

static void
test_refused(void)
{
	static const struct {
		enum manner manner;
		const char *versions, *url;
		int trusted; /* 0: ca, 1: the other one, 2: the system's, 3: no certificate in it, 4: no file */
		int error;
		const char *word, *claim;
	} bad[] = {
	    {ECHO, "NORMAL", "https://localhost:%", 1, -EKEYREJECTED, "NOT trusted", "a certificate of somebody else"},
	    {ECHO, "NORMAL", "https://localhost:%", 2, -EKEYREJECTED, "issuer", "one that the system does not trust"},
	    {ECHO, "NORMAL", "https://127.0.0.1:%", 0, -EKEYREJECTED, "name", "one for another name"},
	    {ECHO, "NORMAL", "https://localhost:%", 3, -EINVAL, "no certificate in it", "a file without a certificate"},
	    {ECHO, "NORMAL", "https://localhost:%", 4, -ENOENT, "No such file", "no file"},
	    {ECHO, TLS_1_1, "https://localhost:%", 0, -EPROTO, "TLS:", "TLS 1.1"},
	    {PLAIN, "NORMAL", "https://localhost:%", 0, -EPROTO, "TLS:", "an answer without TLS"},
	    {HALF, "NORMAL", "https://localhost:%", 0, -ECONNRESET, "", "half an answer"},
	    {SILENT, "NORMAL", "https://localhost:%", 0, -ETIMEDOUT, "", "no answer in time"},
	    {MUTE, "NORMAL", "https://localhost:%", 0, -ETIMEDOUT, "", "no handshake in time"},
	    {MUTE, "NORMAL", "https://localhost:1", 0, -ECONNREFUSED, "", "nobody there"},
	    {MUTE, "NORMAL", "https://[::1]:1", 0, -ECONNREFUSED, "", "nobody there by IPv6"},
	    {MUTE, "NORMAL", "https://no.such.invalid/", 0, -EHOSTUNREACH, "no.such.invalid", "a name of nobody"},
	    {MUTE, "NORMAL", "https://", 0, -EINVAL, "", "no host"},
	    {MUTE, "NORMAL", "https://u:p@localhost:%", 0, -EINVAL, "", "a user in the URL"},
	    {MUTE, "NORMAL", "https://localhost:0", 0, -EINVAL, "", "port 0"},
	    {MUTE, "NORMAL", "https://localhost:123456", 0, -EINVAL, "", "a port of six digits"},
	    {MUTE, "NORMAL", "https://[::1/", 0, -EINVAL, "", "half a bracket"},
	    {MUTE, "NORMAL", "https://localhost?a", 0, -EINVAL, "", "a query"},
	    {MUTE, "NORMAL", "https://localhost/a\r\nb", 0, -EINVAL, "", "a line end in the path"},
	    {MUTE, "NORMAL", "http://example.com", 0, -EINVAL, "", "another host without TLS"},
	};
	const char *trusted[] = {ca, other_ca, NULL, "/dev/null", "/nonexistent"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(freep) char *body = NULL;
		char why[HTTPS_WHY];
		int r = ask_one(bad[i].manner, bad[i].versions, bad[i].url, trusted[bad[i].trusted], "abc", &body, why);
		int excused = bad[i].error == -ECONNREFUSED && (r == -EADDRNOTAVAIL || r == -EHOSTUNREACH || r == -EAFNOSUPPORT);

		ok((r == bad[i].error && strstr(why, bad[i].word)) || excused, "%s: %s: %s", bad[i].claim, strerror(-r), why);
	}
}

/* What is read of a file with this text and mode. */
static int
read_token(const char *text, unsigned mode, char ret[MAX_TOKEN + 1])
{
	_cleanup_(freep) char *path = xasprintf("%s/token", directory);

	if (file_replace(path, text) < 0 || chmod(path, mode) < 0)
		abort();
	return token_read(path, ret);
}

static void
test_token(void)
{
	char token[MAX_TOKEN + 1] = "", longest[MAX_TOKEN + 2];

	ok(read_token("abc\nname:hash\n", 0640, token) == 0 && strcmp(token, "abc") == 0, "a token is a file's first line");
	ok(read_token("abc", 0604, token) == -EPERM, "which others may not read");
	ok(read_token("\n", 0600, token) == -EINVAL && read_token("", 0600, token) == -EINVAL, "and which is not empty");
	ok(read_token("a b", 0600, token) == -EINVAL, "nor with a blank");
	memset(longest, 'a', sizeof(longest));
	longest[MAX_TOKEN + 1] = '\0';
	ok(read_token(longest, 0600, token) == -EINVAL, "nor longer than a token may be");
	ok(token_read("/nonexistent", token) == -ENOENT, "a file that is not there is told");
}

int
main(void)
{
	char *other, *other_key;

	if (!mkdtemp(directory))
		abort();
	pem_pair(&certificate, &key);
	pem_pair(&other, &other_key);
	ca = xasprintf("%s/ca", directory);
	other_ca = xasprintf("%s/other", directory);
	if (file_replace(ca, certificate) < 0 || file_replace(other_ca, other) < 0)
		abort();
	(void) signal(SIGPIPE, SIG_IGN);
	test_asking();
	test_refused();
	test_token();
	remove_tree(directory);
	free(certificate);
	free(key);
	free(ca);
	free(other_ca);
	free(other);
	free(other_key);
	return done_testing();
}
