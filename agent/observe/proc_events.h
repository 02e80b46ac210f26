/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROC_EVENTS_H
#define PROC_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The kernel's process events (netlink connector, CONFIG_PROC_EVENTS): who executes a program and
 * who ends. The socket is filtered in the kernel, so that forks and threads wake nobody. */

struct proc_event_seen {
	pid_t pid;
	bool ended; /* else: it executed a program */
	int status; /* of one that ended, as of wait(2) */
	double at;  /* CLOCK_MONOTONIC, seconds */
};

/* A socket, to be closed by proc_events_close. -errno: needs CAP_NET_ADMIN in the first namespaces.
 */
int proc_events_open(void);
void proc_events_close(int fd);

/* With ends false only executions are told. -errno. */
int proc_events_filter(int fd, bool ends);

/* The next event: 1; 0: there is none now; -ENOBUFS: some were lost. */
int proc_events_next(int fd, struct proc_event_seen *ret);

/* Takes a message of the connector apart: 1, or 0 if it is not one of these events. */
int proc_events_parse(const void *message, size_t n, struct proc_event_seen *ret);

#endif
