/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serve half on an address that other hosts reach, and clients that speak TLS. */
#include <config.h>

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "serve/gate.h"
#include "serve/half.h"
#include "tests/tap.h"
#include "tests/unit/pem.h"

static struct secrets secrets;
static struct sockaddr_in address;
static char token[TOKEN_TEXT];

static int
listening(void)
{
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, (struct sockaddr *) &address, n) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *) &address, &n) < 0)
		abort();
	return fd;
}

/* The end of its link; what is said on that ends it. */
static int
start(unsigned rate, pid_t *ret_pid)
{
	struct serve_sockets sockets = {.listen = {listening()}, .remote = {true}, .n = 1};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	(void) fflush(stdout);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		struct view view = {.dir = "/", .step = 5};
		int status;

		(void) close(pair[0]);
		sockets.gate = gate_new(&secrets, false, rate);
		status = half_run(&view, &sockets, pair[1]);
		gate_free(sockets.gate);
		exit(status);
	}
	(void) close(pair[1]);
	(void) close(sockets.listen[0]);
	return pair[0];
}

static void
stop(int link, pid_t pid)
{
	if (send(link, "rubbish", 7, 0) < 0 || waitpid(pid, NULL, 0) != pid)
		abort();
	(void) close(link);
}

/* The status of the answer to a client with this header and certificate, NULL for none; 0: TLS or the connection was
 * refused. */
static unsigned
ask(const char *versions, const char *header, const char *certificate, const char *key)
{
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *request = xasprintf("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s%s\r\n", header, *header ? "\r\n" : "");
	const gnutls_datum_t pair[] = {{(unsigned char *) (uintptr_t) certificate, certificate ? (unsigned) strlen(certificate) : 0},
	    {(unsigned char *) (uintptr_t) key, key ? (unsigned) strlen(key) : 0}};
	gnutls_certificate_credentials_t c;
	char answer[16] = "";
	gnutls_session_t s;

	if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
	    gnutls_certificate_allocate_credentials(&c) < 0 || gnutls_init(&s, GNUTLS_CLIENT) < 0 ||
	    (key && gnutls_certificate_set_x509_key_mem(c, &pair[0], &pair[1], GNUTLS_X509_FMT_PEM) < 0) ||
	    gnutls_priority_set_direct(s, versions, NULL) < 0 ||
	    gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, c) < 0)
		abort();
	gnutls_transport_set_int(s, fd);
	gnutls_handshake_set_timeout(s, 5000);
	if (gnutls_handshake(s) == 0 && gnutls_record_send(s, request, strlen(request)) > 0)
		(void) gnutls_record_recv(s, answer, 12);
	gnutls_deinit(s);
	gnutls_certificate_free_credentials(c);
	free(request);
	return strlen(answer) == 12 ? (unsigned) atoi(answer + 9) : 0;
}

static void
test_who(const char *clients_key, const char *stranger, const char *stranger_key)
{
	static const char any[] = "NORMAL";
	char *bearer = xasprintf("Authorization: Bearer %s", token);
	pid_t pid;
	int link = start(0, &pid);

	/* without a sample the answer is 503 */
	ok(ask(any, "", NULL, NULL) == 401, "without a token: 401");
	ok(ask(any, "Authorization: Bearer x", NULL, NULL) == 401, "with another one: 401");
	ok(ask(any, bearer, NULL, NULL) == 503, "with it there is an answer");
	ok(ask("NORMAL:-VERS-ALL:+VERS-TLS1.2", bearer, NULL, NULL) == 503, "by TLS 1.2");
	ok(!gnutls_check_version("3.6.5") || ask("NORMAL:-VERS-ALL:+VERS-TLS1.3", bearer, NULL, NULL) == 503,
	    "and 1.3, where GnuTLS has it");
	ok(ask("NORMAL:-VERS-ALL:+VERS-TLS1.1", bearer, NULL, NULL) == 0 &&
		ask("NORMAL:-VERS-ALL:+VERS-TLS1.0", bearer, NULL, NULL) == 0,
	    "not by 1.1 or 1.0");
	ok(ask(any, "", secrets.clients, clients_key) == 503, "a certificate from tls_clients is as good as a token");
	ok(ask(any, "", stranger, stranger_key) == 401, "another one is not");
	stop(link, pid);
	free(bearer);
}

static void
test_how_often(void)
{
	unsigned seen[3] = {0, 0, 0};
	pid_t pid;
	int link = start(2, &pid);

	for (int i = 0; i < 20; i++) {
		unsigned status = ask("NORMAL", "", NULL, NULL);

		seen[status == 401 ? 0 : status == 429 ? 1 : 2]++;
	}
	ok(seen[0] >= 4 && seen[1] >= 1 && seen[2] >= 5, "who asks too often gets 429 and then nothing: %u, %u, %u",
	    seen[0], seen[1], seen[2]);
	stop(link, pid);
}

int
main(void)
{
	char *clients_key, *stranger, *stranger_key, line[TOKEN_LINE];
	unsigned at;

	pem_pair(&secrets.certificate, &secrets.key);
	pem_pair(&secrets.clients, &clients_key);
	pem_pair(&stranger, &stranger_key);
	if (token_new("test", token, line) < 0 || tokens_parse(line, &secrets.tokens, &at) < 0)
		abort();
	(void) signal(SIGPIPE, SIG_IGN);
	test_who(clients_key, stranger, stranger_key);
	test_how_often();
	free(secrets.certificate);
	free(secrets.key);
	free(secrets.clients);
	free(clients_key);
	free(stranger);
	free(stranger_key);
	return done_testing();
}
