/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/util.h"
#include "serve/gate.h"
#include "tests/tap.h"

static const struct secrets none;

static const struct sockaddr *
address(const char *text)
{
	static struct sockaddr_in six4;
	static struct sockaddr_in6 six;

	if (inet_pton(AF_INET, text, &six4.sin_addr) == 1) {
		six4.sin_family = AF_INET;
		return (struct sockaddr *) &six4;
	}
	six.sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
		abort();
	return (struct sockaddr *) &six;
}

typedef bool may(struct gate *g, const struct sockaddr *from, const struct tick *now);

/* How many of n that come at that time may. */
static unsigned
count(may *fn, struct gate *g, const char *from, double mono, unsigned n)
{
	const struct tick now = {.mono = mono};
	unsigned good = 0;

	while (n-- > 0)
		good += fn(g, address(from), &now);
	return good;
}

static unsigned
paced(struct gate *g, const char *from, double mono, unsigned n)
{
	return count(gate_paces, g, from, mono, n);
}

static unsigned
admitted(struct gate *g, const char *from, double mono, unsigned n)
{
	return count(gate_admits, g, from, mono, n);
}

static void
test_rate(void)
{
	struct gate *g = gate_new(&none, false, 10);

	ok(paced(g, "192.0.2.1", 100, 60) == 50, "five seconds' worth may come at once");
	ok(paced(g, "192.0.2.2", 100, 1) == 1 || paced(g, "192.0.2.3", 100, 1) == 1, "another address has its own");
	ok(admitted(g, "192.0.2.1", 100, 100) == 30, "who goes on is answered 429 for a while, then not taken at all");
	ok(admitted(g, "192.0.2.1", 100.5, 100) == 5, "nor any faster than the rate from then on");
	ok(paced(g, "192.0.2.1", 105.5, 100) == 10, "after the five seconds of Retry-After there are some again");
	ok(paced(g, "192.0.2.1", 1000, 100) == 50, "and never more than at first");
	ok(paced(g, "192.0.2.1", 999, 1) == 0, "a clock that stands still gives none");
	gate_free(g);
}

static void
test_networks(void)
{
	struct gate *g = gate_new(&none, false, 1);

	ok(paced(g, "2001:db8:1:2::1", 100, 5) == 5 && paced(g, "2001:db8:1:2:ffff::9", 100, 1) == 0,
	    "a network of IPv6 counts as one address");
	ok(paced(g, "198.51.100.7", 100, 5) == 5 && paced(g, "::ffff:198.51.100.7", 100, 1) == 0,
	    "an IPv4 address is the same through a socket of IPv6");
	gate_free(g);
	g = gate_new(&none, false, 0);
	ok(paced(g, "192.0.2.1", 100, 100000) == 100000 && admitted(g, "192.0.2.1", 100, 1000) == 1000,
	    "a rate of 0 is no limit");
	gate_free(g);
}

static void
test_many(void)
{
	struct gate *g = gate_new(&none, false, 1);
	unsigned good = 0;

	for (unsigned i = 0; i < 60000; i++) {
		char from[32];

		(void) snprintf(from, sizeof(from), "10.0.%u.%u", i >> 8, i & 255);
		good += paced(g, from, 100, 1);
	}
	ok(good > 2000 && good <= 5 * 1024, "who comes from many addresses gets a bounded share: %u of 60000", good);
	gate_free(g);
}

static void
test_names(void)
{
	static const char *const own[] = {"localhost", "LocalHost:9965", "127.0.0.1", "127.0.0.1:9965", "[::1]", "[::1]:9965"};
	static const char *const others[] = {"", "evil.example", "localhost.evil.example", "localhost:9965.evil.example",
	    "127.0.0.1.evil.example", "[::1].evil.example", "::", "x"};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		ok(gate_is_own_name(own[i]), "%s is this host", own[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ok(!gate_is_own_name(others[i]), "\"%s\" is not", others[i]);
}

int
main(void)
{
	test_names();
	test_rate();
	test_networks();
	test_many();
	return done_testing();
}
