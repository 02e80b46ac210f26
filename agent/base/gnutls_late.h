/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GNUTLS_LATE_H
#define GNUTLS_LATE_H

#ifdef HAVE_GNUTLS
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* What the client needs of GnuTLS, which it loads when it first does: linked to it each xenscope would hold 2.7 MiB
 * more, and only one that asks another host has a use for it. gnutls_free is a variable. */
#define GNUTLS_LATE(X) \
	X(bye) \
	X(certificate_allocate_credentials) \
	X(certificate_free_credentials) \
	X(certificate_set_x509_system_trust) \
	X(certificate_set_x509_trust_mem) \
	X(certificate_verification_status_print) \
	X(certificate_verify_peers3) \
	X(check_version) \
	X(credentials_set) \
	X(deinit) \
	X(error_is_fatal) \
	X(free) \
	X(handshake) \
	X(hash_fast) \
	X(init) \
	X(priority_set_direct) \
	X(record_recv) \
	X(record_send) \
	X(server_name_set) \
	X(strerror) \
	X(transport_set_errno) \
	X(transport_set_ptr) \
	X(transport_set_pull_function) \
	X(transport_set_push_function)

struct gnutls_late {
#define MEMBER(name) __typeof__(gnutls_##name) *name;
	GNUTLS_LATE(MEMBER)
#undef MEMBER
};

/* Holds till the program ends. NULL: the library is not there, or lacks one of them. */
const struct gnutls_late *gnutls_late(void);
#endif

#endif
