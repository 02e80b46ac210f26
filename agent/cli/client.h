/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLIENT_H
#define CLIENT_H

#include <stddef.h>

#define CLIENT_SECONDS 10.0	     /* for one answer, connecting included */
#define CLIENT_MAX_REPLY (64u << 20) /* bytes of one answer */

/* Asks the agent: one HTTP/1.1 GET.
 * target: "unix:/path" or "http://127.0.0.1:9965" (a loopback address, [::1] or localhost).
 * The caller frees *ret_body, NUL-terminated. -EINVAL: not such a target; -EPERM: not a loopback
 * address; -ETIMEDOUT; -EBADMSG: the answer is not HTTP or ends too early; -EFBIG; else why it is
 * not to be reached. */
int client_get(const char *target, const char *path, double seconds, unsigned *ret_status,
    char **ret_body, size_t *ret_n);

#endif
