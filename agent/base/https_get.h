/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTPS_GET_H
#define HTTPS_GET_H

#include <stddef.h>

/* An agent, maybe on another host, and the right to ask it. */
struct https_target {
	const char *url;   /* "https://host[:port][/prefix]", [::1] for IPv6; or what http_get takes, by this host */
	const char *token; /* NULL: none */
	const char *ca;	   /* file of PEM certificates to trust, the agent's own among them; NULL: the system's */
};

#define HTTPS_WHY 256 /* bytes of a reason */

/* Asks it as http_get does; over TLS 1.2 or later where the URL says https, with the certificate and its name checked.
 * The caller frees *ret_body. Errors as http_get, and -EKEYREJECTED: the certificate is not to be trusted; -EPROTO: no
 * TLS there; -EHOSTUNREACH: no such host; -ENOSYS: built without GnuTLS; -errno: ca cannot be read. why: that in words,
 * in what the user can change; empty where the error says it. */
int https_get(const struct https_target *t, const char *path, double seconds, unsigned *ret_status, char **ret_body,
    size_t *ret_n, char why[HTTPS_WHY]);

#endif
