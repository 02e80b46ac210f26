/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PEM_H
#define PEM_H

#include <gnutls/x509.h>
#include <time.h>

#include "base/util.h"

/* A new key, and a certificate that vouches for itself; the caller frees both texts. */
static void
pem_pair(char **ret_certificate, char **ret_key)
{
	gnutls_datum_t out[2];
	gnutls_x509_crt_t c;
	gnutls_x509_privkey_t k;
	time_t now = time(NULL);

	if (gnutls_x509_privkey_init(&k) < 0 || gnutls_x509_crt_init(&c) < 0 ||
	    gnutls_x509_privkey_generate(k, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) < 0 ||
	    gnutls_x509_crt_set_version(c, 3) < 0 || gnutls_x509_crt_set_serial(c, "\1", 1) < 0 ||
	    gnutls_x509_crt_set_activation_time(c, now - 60) < 0 ||
	    gnutls_x509_crt_set_expiration_time(c, now + 3600) < 0 ||
	    gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, "localhost", 9) < 0 ||
	    gnutls_x509_crt_set_ca_status(c, 1) < 0 || gnutls_x509_crt_set_key(c, k) < 0 ||
	    gnutls_x509_crt_sign2(c, c, k, GNUTLS_DIG_SHA256, 0) < 0 ||
	    gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &out[0]) < 0 ||
	    gnutls_x509_privkey_export2(k, GNUTLS_X509_FMT_PEM, &out[1]) < 0)
		abort();
	*ret_certificate = xasprintf("%.*s", (int) out[0].size, (const char *) out[0].data);
	*ret_key = xasprintf("%.*s", (int) out[1].size, (const char *) out[1].data);
	gnutls_free(out[0].data);
	gnutls_free(out[1].data);
	gnutls_x509_crt_deinit(c);
	gnutls_x509_privkey_deinit(k);
}

#endif
