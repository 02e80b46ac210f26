/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/gate.h"

#include <netinet/in.h>
#ifdef HAVE_GNUTLS
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#endif

#include "base/tls_versions.h"
#include "base/util.h"

#define TOKEN_IS_NEEDED "a token is needed here, as Authorization: Bearer; xenscope token makes one"
#define MAX_PER_ADDRESS 8u /* connections */
#define BUCKETS 1024u
#define BURST_SECONDS 5	/* of requests that may come at once */
#define DEBT_SECONDS 4	/* of requests beyond that which are refused by an answer; then connections are */

#if MHD_VERSION < 0x00095300
#define MHD_USE_TLS MHD_USE_SSL
#endif

/* Requests that an address may still make; below 0 is what it asked beyond that. */
struct bucket {
	double level, at; /* at: CLOCK_MONOTONIC, 0: never */
};

struct gate {
	const struct secrets *secrets;
	bool local_token;
	double rate; /* a second; 0: no limit */
	uint64_t seed;
	struct bucket bucket[BUCKETS];
};

struct gate *
gate_new(const struct secrets *secrets, bool local_token, unsigned rate)
{
	struct gate *g = xcalloc(1, sizeof(*g));
	const struct tick now = tick_now();

	g->secrets = secrets;
	g->local_token = local_token;
	g->rate = rate;
	g->seed = (uint64_t) (now.real * 1e6) ^ (uint64_t) (now.mono * 1e9) << 20;
	return g;
}

void
gate_free(struct gate *g)
{
	free(g);
}

unsigned
gate_flags(void)
{
	return MHD_USE_TLS;
}

void
gate_options(const struct gate *g, struct MHD_OptionItem ret[GATE_OPTIONS])
{
	size_t n = 0;

	ret[n++] = (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, MAX_PER_ADDRESS, NULL};
	ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
	    (void *) (uintptr_t) tls_versions(gnutls_check_version(TLS_13_SINCE))};
	ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, g->secrets->certificate};
	ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, g->secrets->key};
	if (g->secrets->clients)
		ret[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, g->secrets->clients};
	ret[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

/* --- rate --- */

/* Of IPv6 the network, which one host may have for itself. */
static uint64_t
hash_of(const struct gate *g, const struct sockaddr *from)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *) (const void *) from)->sin6_addr;
	uint64_t hash = g->seed;
	uint8_t address[8] = {0};

	if (from->sa_family == AF_INET)
		memcpy(address, &((const struct sockaddr_in *) (const void *) from)->sin_addr, 4);
	else if (from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
		memcpy(address, six->s6_addr + 12, 4);
	else if (from->sa_family == AF_INET6)
		memcpy(address, six->s6_addr, sizeof(address));
	for (size_t i = 0; i < sizeof(address); i++)
		hash = (hash ^ address[i]) * 1099511628211u; /* FNV-1a */
	return hash ^ hash >> 32;
}

/* Takes one from the address's bucket, down to its deepest: whether it then still has this much. Addresses that fall
 * together share a bucket, so that memory is bounded and many addresses gain nobody much. */
static bool
draw(struct gate *g, const struct sockaddr *from, const struct tick *now, double least)
{
	struct bucket *b = &g->bucket[hash_of(g, from) % BUCKETS];
	double most = g->rate * BURST_SECONDS;

	if (g->rate <= 0)
		return true;
	b->level = b->at > 0 ? MIN(most, b->level + (now->mono - b->at) * g->rate) : most;
	b->at = now->mono;
	if (b->level - 1 < -g->rate * DEBT_SECONDS)
		return false;
	b->level -= 1;
	return b->level >= least;
}

bool
gate_admits(struct gate *g, const struct sockaddr *from, const struct tick *now)
{
	return draw(g, from, now, -g->rate * DEBT_SECONDS);
}

bool
gate_paces(struct gate *g, const struct sockaddr *from, const struct tick *now)
{
	return draw(g, from, now, 0);
}

/* --- identity --- */

static const char *
token_of(struct MHD_Connection *c)
{
	const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");

	if (!value || strncasecmp(value, "Bearer ", 7) != 0)
		return "";
	return value + 7 + strspn(value + 7, " ");
}

#ifdef HAVE_GNUTLS
/* True if the client has shown a certificate that is for clients and from one of tls_clients. */
static bool
is_vouched_for(const struct gate *g, void *session)
{
	gnutls_typed_vdata_st purpose = {
	    .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *) (uintptr_t) GNUTLS_KP_TLS_WWW_CLIENT};
	unsigned status = 0;

	return g->secrets->clients && gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 &&
	       status == 0;
}
#else
static bool
is_vouched_for(const struct gate *g, void *session)
{
	(void) g;
	(void) session;
	return false;
}
#endif

bool
gate_is_own_name(const char *host)
{
	static const char local[] = "localhost";
	size_t n = *host == '[' ? strspn(host, "[]:.0123456789ABCDEFabcdef") : strspn(host, "0123456789.");

	if (strncasecmp(host, local, strlen(local)) == 0)
		n = strlen(local);
	if (n == 0 || host[n] != ':')
		return n > 0 && host[n] == '\0';
	return strspn(host + n + 1, "0123456789") == strlen(host + n + 1);
}

/* Without TLS, on this host. A web page whose name was made to point here would be asked for by its own name. */
static bool
allows_local(const struct gate *g, struct MHD_Connection *c, const struct request *q, struct reply *ret)
{
	const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host");

	if (host && !gate_is_own_name(host)) {
		problem(q, ret, 421, "the header Host has to be localhost or an address here; who forwards requests "
		    "sets it");
		return false;
	}
	if (!g->local_token || tokens_find(&g->secrets->tokens, token_of(c)))
		return true;
	problem(q, ret, 401, TOKEN_IS_NEEDED);
	return false;
}

bool
gate_allows(struct gate *g, struct MHD_Connection *c, const struct request *q, struct reply *ret)
{
	const union MHD_ConnectionInfo *tls = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const union MHD_ConnectionInfo *client = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *from = client ? client->client_addr : NULL;

	if (!tls)
		return !from || (from->sa_family != AF_INET && from->sa_family != AF_INET6) ||
		       allows_local(g, c, q, ret);
	if (from && !gate_paces(g, from, &q->now)) {
		problem(q, ret, 429, "this address asks more often than request_rate = %.0f allows; wait some seconds",
		    g->rate);
		return false;
	}
	if (tokens_find(&g->secrets->tokens, token_of(c)) || is_vouched_for(g, tls->tls_session))
		return true;
	problem(q, ret, 401, TOKEN_IS_NEEDED);
	return false;
}
