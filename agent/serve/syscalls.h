/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SYSCALLS_H
#define SYSCALLS_H

/* Leaves this process the system calls that answering takes, for good: reading files, sockets that it has, memory that
 * is never executed. All others fail with EPERM. To be called with no_new_privs set. -ENOSYS: built without
 * libseccomp. -errno. */
int syscalls_limit(void);

/* The same for xenscope-graph: no other program, no socket, nothing of another process. */
int syscalls_limit_drawing(void);

#endif
