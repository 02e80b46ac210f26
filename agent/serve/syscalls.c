/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/syscalls.h"

#include <errno.h>

#include "base/util.h"

#ifdef HAVE_SECCOMP
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>

/* Names, not numbers: of those that an architecture or an old libseccomp does not know, none is needed there. */
static const char *const allowed[] = {"accept", "accept4", "access", "brk", "clock_gettime", "clock_nanosleep",
    "close", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "exit", "exit_group",
    "fadvise64", "fcntl", "flock", "fstat", "fstatfs", "futex", "getdents64", "getpeername", "getpid", "getrandom",
    "getrusage", "getsockname", "getsockopt", "gettid", "gettimeofday", "lseek", "lstat", "madvise", "mremap",
    "munmap", "nanosleep", "newfstatat", "poll", "ppoll", "pread64", "read", "readv", "recvfrom", "recvmsg",
    "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "sendfile", "sendmsg",
    "sendto", "setsockopt", "shutdown", "sigaltstack", "stat", "statx", "tgkill", "time", "timerfd_create",
    "timerfd_settime", "uname", "write", "writev"};

/* Those that are allowed if all these bits of an argument are 0. */
static const struct {
	const char *name;
	unsigned argument;
	uint64_t forbidden;
} limited[] = {
    {"open", 1, O_ACCMODE | O_CREAT | O_TRUNC},
    {"openat", 2, O_ACCMODE | O_CREAT | O_TRUNC},
    {"mmap", 2, PROT_EXEC},
    {"mprotect", 2, PROT_EXEC},
};

static int
allow(scmp_filter_ctx filter, const char *name, unsigned n, const struct scmp_arg_cmp *arguments)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, n, arguments);
}

static int
fill(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; i++)
		r = allow(filter, allowed[i], 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(limited) && r == 0; i++) {
		const struct scmp_arg_cmp c = {
		    limited[i].argument, SCMP_CMP_MASKED_EQ, limited[i].forbidden, 0};

		r = allow(filter, limited[i].name, 1, &c);
	}
	return r;
}

int
syscalls_limit(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? fill(filter) : -ENOMEM;

	if (r == 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}

#else

int
syscalls_limit(void)
{
	return -ENOSYS;
}

#endif
