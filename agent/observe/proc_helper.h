/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROC_HELPER_H
#define PROC_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "metrics/event.h"

/* A process that moves a domain's memory (helper_name.h). */
struct proc_helper {
	pid_t pid, parent;
	uint64_t started; /* starttime, in clock ticks since boot */
	uint32_t domid;
	enum helper_role role;
	enum toolstack toolstack;
	char comm[16], parent_comm[16];
};

/* What /proc/PID/stat says. */
struct proc_stat {
	char comm[16];
	char state;
	pid_t parent;
	uint64_t started;
};

/* Sets domid, role and toolstack from the arguments, each of which ends with a NUL (libxl of
 * Xen 4.13 to 4.21, xenopsd; reference in proc_helper.c). The parent's name tells xl from libvirt.
 * -ENOENT: not a helper; -EBADMSG: a helper with arguments that are not understood. */
int proc_helper_parse(const char *cmdline, size_t n, const char *parent, struct proc_helper *ret);

/* The text of /proc/PID/stat, proc(5). -EBADMSG. */
int proc_stat_parse(const char *text, struct proc_stat *ret);

/* Bytes that a process has written to files, pipes and sockets since it began, wchar of /proc/PID/io (proc(5)); 0:
 * unknown, as of a process that is gone. */
uint64_t proc_written(pid_t pid);

#endif
