/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SECRETS_H
#define SECRETS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/tokens.h"
#include "config/config.h"

/* Certificates, keys and tokens: read by the root half, handed to the serve half when that is forked. */
struct secrets {
	char *certificate, *key, *clients; /* PEM, owned; NULL: none. With a certificate there is a key that fits. */
	struct tokens tokens;
	struct stat seen[4]; /* the files as they were before they were read */
};

/* Reads the files that the configuration names, and tries what is in them. The caller owns the result. -errno, and
 * *ret_why names the option and what to do. */
int secrets_read(const struct config *config, struct secrets **ret, const char **ret_why);

/* Whether other hosts may be served by these: 0; -EPERM, and *ret_why as above. */
int secrets_suffice(const struct secrets *s, const char **ret_why);

/* Whether one of the files is another than the one that was looked at last. Looking at it is all that it does. */
bool secrets_changed(struct secrets *s, const struct config *config);

/* The next look finds them changed. */
void secrets_forget(struct secrets *s);

void secrets_free(struct secrets *s); /* accepts NULL */

#endif
