/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TLS_VERSIONS_H
#define TLS_VERSIONS_H

#ifdef HAVE_GNUTLS
#include <gnutls/gnutls.h>
#endif

/* GnuTLS's priorities of who answers and of who asks: TLS 1.2, and 1.3 where GnuTLS has it; before 3.6.5 it does not
 * know that name. */
static inline const char *
tls_versions(void)
{
#ifdef HAVE_GNUTLS
	if (gnutls_check_version("3.6.5"))
		return "NORMAL:-VERS-TLS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
#endif
	return "NORMAL:-VERS-TLS-ALL:+VERS-TLS1.2";
}

#endif
