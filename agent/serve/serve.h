/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/loop.h"
#include "metrics/record.h"
#include "metrics/sample.h"

struct config;
struct gate;
struct secrets;

/* The unprivileged half: a process of its own that reads files below the public directory and records from
 * a socket, and answers HTTP. Nothing that it does reaches the hypervisor. */

#define MAX_LISTEN 8

/* What the parent opens before it forks, as long as it has the rights. */
struct serve_sockets {
	int listen[MAX_LISTEN]; /* listening sockets */
	bool remote[MAX_LISTEN]; /* other hosts reach it: TLS, and a token or a client's certificate */
	size_t n;
	char where[MAX_LISTEN][128]; /* "http://127.0.0.1:9965/", "unix:/run/xenscope/http.sock" */
	struct secrets *secrets; /* for those, owned */
	struct gate *gate;	 /* the serve half's, NULL: everybody may ask */
	int drawer;		 /* likewise: by whom it has pictures drawn (drawer.h), 0: by nobody */
};

/* Binds the addresses of the configuration, those that systemd has not bound already. Refuses what would be unsafe.
 * -errno, and ret_where says what is wrong with which, and the way out. */
int serve_listen(const struct config *config, struct serve_sockets *ret, const char **ret_where);

/* Whether serve_listen would refuse this configuration as it is, without binding anything: the same results. */
int serve_check(const struct config *config, const char **ret_where);
void serve_sockets_close(struct serve_sockets *s);

/* Reads the secrets again if their files have changed: 1; 0: they have not; -errno: what the files have now is not
 * good, as ret_why says, and the old ones stay; -EAGAIN: they could not be read for now, and are looked at again. */
int serve_renew(const struct config *config, struct serve_sockets *s, const char **ret_why);

/* Forks the serve half. In the child: rights dropped, files closed, serves until the link is closed, exits.
 * In the parent: the end of the link to write to. -errno. */
int serve_start(const struct config *config, const struct serve_sockets *sockets, pid_t *ret_pid, int *ret_link);

#endif
