/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVE_H
#define SERVE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/loop.h"
#include "metrics/record.h"
#include "metrics/sample.h"

struct config;

/* The unprivileged half: a process of its own that reads files below the public directory and records from
 * a socket, and answers HTTP. Nothing that it does reaches the hypervisor. */

/* What the parent opens before it forks, as long as it has the rights. */
struct serve_sockets {
	int listen[8]; /* listening sockets */
	size_t n;
	char where[8][128]; /* "http://127.0.0.1:9965/", "unix:/run/xenscope/http.sock" */
};

/* Binds the addresses of the configuration. -errno, and ret_where names the one that failed. */
int serve_listen(const struct config *config, struct serve_sockets *ret, const char **ret_where);
void serve_sockets_close(struct serve_sockets *s);

/* Forks the serve half. In the child: rights dropped, files closed, serves until the link is closed, exits.
 * In the parent: the end of the link to write to. -errno. */
int serve_start(const struct config *config, const struct serve_sockets *sockets, pid_t *ret_pid, int *ret_link);

#endif
