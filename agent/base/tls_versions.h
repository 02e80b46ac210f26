/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TLS_VERSIONS_H
#define TLS_VERSIONS_H

#define TLS_13_SINCE "3.6.5" /* of GnuTLS; before it does not know that name */

/* GnuTLS's priorities of who answers and of who asks: TLS 1.2, and 1.3 where GnuTLS has it. has_13: what
 * gnutls_check_version(TLS_13_SINCE) says. */
static inline const char *
tls_versions(const char *has_13)
{
	return has_13 ? "NORMAL:-VERS-TLS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" : "NORMAL:-VERS-TLS-ALL:+VERS-TLS1.2";
}

#endif
