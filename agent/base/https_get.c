/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/https_get.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>

#include "base/file.h"
#include "base/gnutls_late.h"
#include "base/http_get.h"
#include "base/parse.h"
#include "base/tick.h"
#include "base/tls_versions.h"
#include "base/util.h"

#define SCHEME "https://"
#define HOST_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define ADDRESS_CHARACTERS "ABCDEFabcdef0123456789:."
#define PATH_CHARACTERS HOST_CHARACTERS "/~"
#define MAX_CA (1u << 20)

#ifdef HAVE_GNUTLS
/* The parts of an https URL. */
struct place {
	char host[254], port[6];
	const char *authority, *prefix; /* within the URL */
	int n_authority, n_prefix;
};

static const struct gnutls_late *gnutls; /* not before get() */

struct tls {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	int error; /* of the connection below, 0: none */
	char *why; /* [HTTPS_WHY] */
};

static int __attribute__((format(printf, 3, 4)))
fail(char *why, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(why, HTTPS_WHY, format, ap);
	va_end(ap);
	return error;
}

static int
parse_place(const char *url, struct place *ret)
{
	const char *host = url + strlen(SCHEME), *end;
	bool bracket = *host == '[';
	uint64_t port = 443;
	size_t n;

	ret->authority = host;
	host += bracket;
	n = strspn(host, bracket ? ADDRESS_CHARACTERS : HOST_CHARACTERS);
	if (n == 0 || n >= sizeof(ret->host) || (bracket && host[n] != ']'))
		return -EINVAL;
	str_copy(ret->host, n + 1, host);
	end = host + n + bracket;
	if (*end == ':') {
		size_t digits = strspn(end + 1, "0123456789");
		char number[6];

		str_copy(number, MIN(digits + 1, sizeof(number)), end + 1);
		if (digits >= sizeof(number) || parse_u64(number, 1, 65535, &port) < 0)
			return -EINVAL;
		end += 1 + digits;
	}
	(void) snprintf(ret->port, sizeof(ret->port), "%u", (unsigned) port);
	ret->n_authority = (int) (end - ret->authority);
	ret->prefix = end;
	n = strlen(end);
	if ((n && *end != '/') || strspn(end, PATH_CHARACTERS) != n)
		return -EINVAL;
	while (n && end[n - 1] == '/')
		n--;
	ret->n_prefix = (int) n;
	return 0;
}

/* Each of the host's addresses has its share of the time. */
static int
connect_to(struct http_stream *s, const struct place *p, char *why)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	const double deadline = s->deadline;
	struct addrinfo *list;
	int r = getaddrinfo(p->host, p->port, &hints, &list), left = 0;

	if (r != 0)
		return fail(why, -EHOSTUNREACH, "%s: %s", p->host, gai_strerror(r));
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = list; a; a = a->ai_next, left--) {
		double now = tick_now().mono;

		closep(&s->fd);
		s->deadline = now + (deadline - now) / left;
		r = http_connect(s, a->ai_addr, a->ai_addrlen);
		if (r == 0)
			break;
	}
	s->deadline = deadline;
	freeaddrinfo(list);
	return r;
}

/* --- TLS --- */

/* To GnuTLS the connection looks like one that blocks: the waiting is http_get's, and ends at the deadline. */
static ssize_t
moved(struct tls *t, ssize_t n)
{
	if (n >= 0)
		return n;
	t->error = (int) n;
	gnutls->transport_set_errno(t->session, EIO);
	return -1;
}

static ssize_t
push(gnutls_transport_ptr_t to, const void *buf, size_t n)
{
	struct http_stream *s = to;

	return moved(s->session, http_plain_send(s, buf, n));
}

static ssize_t
pull(gnutls_transport_ptr_t from, void *buf, size_t n)
{
	struct http_stream *s = from;

	return moved(s->session, http_plain_receive(s, buf, n));
}

/* True if GnuTLS wants to be called again; a peer cannot keep it at that for ever. */
static bool
goes_on(const struct http_stream *s, ssize_t n)
{
	return n < 0 && !gnutls->error_is_fatal((int) n) && tick_now().mono < s->deadline;
}

static int
tls_error(const struct http_stream *s, ssize_t n)
{
	const struct tls *t = s->session;

	if (t->error)
		return t->error;
	if (!gnutls->error_is_fatal((int) n))
		return -ETIMEDOUT;
	return fail(t->why, -EPROTO, "TLS: %s", gnutls->strerror((int) n));
}

static ssize_t
tls_receive(struct http_stream *s, void *buf, size_t n)
{
	const struct tls *t = s->session;
	ssize_t done;

	do
		done = gnutls->record_recv(t->session, buf, n);
	while (goes_on(s, done));
	if (done == GNUTLS_E_PREMATURE_TERMINATION) /* whether the answer is whole tells its length */
		return 0;
	return done < 0 ? tls_error(s, done) : done;
}

static ssize_t
tls_send(struct http_stream *s, const void *buf, size_t n)
{
	const struct tls *t = s->session;
	ssize_t done;

	do
		done = gnutls->record_send(t->session, buf, n);
	while (goes_on(s, done));
	return done < 0 ? tls_error(s, done) : done;
}

static int
trust(struct tls *t, const char *ca)
{
	_cleanup_(freep) char *pem = NULL;
	gnutls_datum_t text;
	size_t n;
	int r;

	if (!ca) {
		r = gnutls->certificate_set_x509_system_trust(t->credentials);
		return r < 0 ? fail(t->why, -EKEYREJECTED, "the system's certificates: %s", gnutls->strerror(r)) : 0;
	}
	r = file_read(ca, MAX_CA, &pem, &n);
	if (r < 0)
		return fail(t->why, r, "%s: %s", ca, strerror(-r));
	text = (gnutls_datum_t){(unsigned char *) pem, (unsigned) n};
	r = gnutls->certificate_set_x509_trust_mem(t->credentials, &text, GNUTLS_X509_FMT_PEM);
	return r <= 0 ? fail(t->why, -EINVAL, "%s: no certificate in it", ca) : 0;
}

static int
verify(const struct tls *t, const char *host)
{
	gnutls_datum_t text;
	unsigned status;
	int r = gnutls->certificate_verify_peers3(t->session, host, &status);

	if (r < 0)
		return fail(t->why, -EKEYREJECTED, "TLS: %s", gnutls->strerror(r));
	if (status == 0)
		return 0;
	if (gnutls->certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0)
		return fail(t->why, -EKEYREJECTED, "its certificate is not trusted");
	(void) fail(t->why, 0, "%s", (char *) text.data);
	(*gnutls->free)(text.data);
	return -EKEYREJECTED;
}

static int
handshake(struct http_stream *s, const char *host)
{
	const struct tls *t = s->session;
	struct in6_addr address;
	int r;

	gnutls->transport_set_ptr(t->session, s);
	gnutls->transport_set_push_function(t->session, push);
	gnutls->transport_set_pull_function(t->session, pull);
	if (inet_pton(AF_INET, host, &address) != 1 && inet_pton(AF_INET6, host, &address) != 1)
		(void) gnutls->server_name_set(t->session, GNUTLS_NAME_DNS, host, strlen(host));
	do
		r = gnutls->handshake(t->session);
	while (goes_on(s, r));
	return r < 0 ? tls_error(s, r) : verify(t, host);
}

static int
tls_init(struct tls *t, const char *ca)
{
	if (gnutls->certificate_allocate_credentials(&t->credentials) < 0 ||
	    gnutls->init(&t->session, GNUTLS_CLIENT) < 0 ||
	    gnutls->priority_set_direct(t->session, tls_versions(gnutls->check_version(TLS_13_SINCE)), NULL) < 0 ||
	    gnutls->credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->credentials) < 0)
		return fail(t->why, -ENOSYS, "this GnuTLS cannot speak TLS 1.2");
	return trust(t, ca);
}

static void
tls_done(struct tls *t)
{
	if (t->session)
		gnutls->deinit(t->session);
	if (t->credentials)
		gnutls->certificate_free_credentials(t->credentials);
}

static int
get(const struct https_target *target, const char *path, double seconds, unsigned *ret_status, char **ret_body,
    size_t *ret_n, char *why)
{
	_cleanup_(tls_done) struct tls tls = {.why = why};
	_cleanup_(freep) char *request = NULL;
	struct http_stream s = {-1, tick_now().mono + seconds, tls_receive, tls_send, &tls};
	struct place p;
	int r = parse_place(target->url, &p);

	if (r < 0)
		return r;
	gnutls = gnutls_late();
	if (!gnutls)
		return fail(why, -ENOSYS, "GnuTLS is not installed: only this host can be asked");
	r = tls_init(&tls, target->ca);
	if (r == 0)
		r = connect_to(&s, &p, why);
	if (r == 0)
		r = handshake(&s, p.host);
	if (r == 0) {
		request = xasprintf("GET %.*s%s HTTP/1.0\r\nHost: %.*s\r\n%s%s%sAccept: application/json\r\n\r\n",
		    p.n_prefix, p.prefix, path, p.n_authority, p.authority,
		    target->token ? "Authorization: Bearer " : "", target->token ? target->token : "",
		    target->token ? "\r\n" : "");
		r = http_exchange(&s, request, ret_status, ret_body, ret_n);
		(void) gnutls->bye(tls.session, GNUTLS_SHUT_WR);
	}
	closep(&s.fd);
	return r;
}
#else
static int
get(const struct https_target *target, const char *path, double seconds, unsigned *ret_status, char **ret_body,
    size_t *ret_n, char *why)
{
	(void) target, (void) path, (void) seconds, (void) ret_status, (void) ret_body, (void) ret_n;
	(void) snprintf(why, HTTPS_WHY, "built without GnuTLS: only this host can be asked");
	return -ENOSYS;
}
#endif

int
https_get(const struct https_target *t, const char *path, double seconds, unsigned *ret_status, char **ret_body,
    size_t *ret_n, char why[HTTPS_WHY])
{
	why[0] = '\0';
	if (strncmp(t->url, SCHEME, strlen(SCHEME)) == 0)
		return get(t, path, seconds, ret_status, ret_body, ret_n, why);
	return http_get(t->url, path, seconds, ret_status, ret_body, ret_n);
}
