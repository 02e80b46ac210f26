/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GnuTLS as that of CentOS 7 sees itself: a version without TLS 1.3. */
#ifndef OLD_GNUTLS_H
#define OLD_GNUTLS_H

#include <stddef.h>
#include <string.h>
#include_next <gnutls/gnutls.h>

static inline const char *
old_gnutls_version(const char *wanted)
{
	return !wanted || strverscmp(wanted, "3.3.29") <= 0 ? "3.3.29" : NULL;
}
#define gnutls_check_version old_gnutls_version

#endif
