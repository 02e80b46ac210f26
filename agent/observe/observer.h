/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OBSERVER_H
#define OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tick.h"
#include "metrics/event.h"

/* A passive source of events. Each has a file of its own and is opened by its function below:
 * -errno where it cannot work, and then ret_why (static text) names what is missing and what to do. */
struct observer;

struct observer_ops {
	const char *name; /* "bpf", "uprobe", "log", "process" */
	enum event_source source;
	/* To wait on with EPOLLIN, or -1: call read every tick. What came before the descriptor was added
	 * to a loop need not wake it: read once after that. Reading each tick does no harm. */
	int (*fd)(struct observer *o);
	/* Hands over all that is there, without waiting. -errno. */
	int (*read)(struct observer *o, const struct tick *now, event_fn *fn, void *arg);
	/* Events that had to be dropped so far. */
	uint64_t (*lost)(struct observer *o);
	/* Takes away all that it put into the kernel. */
	void (*close)(struct observer *o);
};

struct observer {
	const struct observer_ops *ops;
	double since; /* CLOCK_MONOTONIC: from when on it sees everything */
	bool continues; /* an earlier agent's probes went on until this one was opened, and what they saw was
			 * taken over whole: only what happened during the opening is not in it */
};

/* kprobe and kretprobe on privcmd_ioctl with an eBPF program. */
int rounds_bpf_open(struct observer **ret, const char **ret_why);
/* uprobes on libxenctrl through tracefs; root is the file system's root ("" for "/"). Events that an
 * earlier agent's probes left in their buffer are read first. */
int rounds_uprobe_open(const char *root, struct observer **ret, const char **ret_why);
/* The toolstack's own logs, at most MAX_LOGS (log_follow.h); left out are "" and those whose directory is not
 * there. since: what was written since then (seconds since 1970) is read first; NAN: nothing is. -ENOENT: none is
 * there. */
int rounds_log_open(const char *const *path, size_t n, double since, struct observer **ret, const char **ret_why);
/* /proc: libxl-save-helper, xenguest, emu-manager. */
int proc_watch_open(const char *root, struct observer **ret, const char **ret_why);
/* True if this process still runs as a migration helper and began at this starttime. */
bool proc_watch_alive(const char *root, pid_t pid, uint64_t started);

#endif
