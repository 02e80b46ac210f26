/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/syscalls.h"

#include <errno.h>

#include "base/util.h"

#ifdef HAVE_SECCOMP
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>

/* Names, not numbers: of those that an architecture or an old libseccomp does not know, none is needed there. */
static const char *const allowed[] = {"accept", "accept4", "access", "brk", "clock_gettime", "clock_nanosleep",
    "close", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "exit", "exit_group",
    "fadvise64", "fcntl", "flock", "fstat", "fstatfs", "futex", "getdents64", "getpeername", "getpid",
    "getrandom", "getrusage", "getsockname", "getsockopt", "gettid", "gettimeofday", "lseek", "lstat",
    "madvise", "mremap", "munmap", "nanosleep", "newfstatat", "pipe", "pipe2", "poll", "ppoll", "pread64",
    "read", "readv", "recvfrom", "recvmsg", "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sched_yield", "sendfile", "sendmsg", "sendto", "setsockopt", "shutdown", "sigaltstack", "stat", "statx",
    "tgkill", "time", "timerfd_create", "timerfd_settime", "uname", "write", "writev"};

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

/* What xenscope-graph is refused: fonts and libraries are read in ways that no list of what is allowed foresees, but
 * none of them needs another program, a network, or another process. */
static const char *const refused[] = {"accept", "accept4", "acct", "add_key", "bind", "bpf", "chroot", "connect",
    "delete_module", "execve", "execveat", "finit_module", "fork", "init_module", "io_setup", "io_uring_setup",
    "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "kill", "listen", "mount", "move_mount",
    "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open", "personality", "pidfd_getfd",
    "pidfd_open", "pidfd_send_signal", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl",
    "reboot", "request_key", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setns", "socket", "socketpair", "swapoff",
    "swapon", "syslog", "tkill", "umount2", "unshare", "userfaultfd", "vfork", "vhangup"};

static int
rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned n, const struct scmp_arg_cmp *arguments)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, action, number, n, arguments);
}

static int
fill_serving(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; i++)
		r = rule(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(limited) && r == 0; i++) {
		const struct scmp_arg_cmp c = {
		    limited[i].argument, SCMP_CMP_MASKED_EQ, limited[i].forbidden, 0};

		r = rule(filter, SCMP_ACT_ALLOW, limited[i].name, 1, &c);
	}
	return r;
}

/* Threads are allowed, processes are not: of clone3 the filter cannot see which it is, and libc then takes clone. */
static int
fill_drawing(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp process = {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0};
	int r = rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);

	if (r == 0)
		r = rule(filter, SCMP_ACT_ERRNO(EPERM), "clone", 1, &process);
	for (size_t i = 0; i < ARRAY_SIZE(refused) && r == 0; i++)
		r = rule(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0, NULL);
	return r;
}

static int
limit(uint32_t otherwise, int (*fill)(scmp_filter_ctx filter))
{
	scmp_filter_ctx filter = seccomp_init(otherwise);
	int r = filter ? fill(filter) : -ENOMEM;

	if (r == 0)
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}

int
syscalls_limit(void)
{
	return limit(SCMP_ACT_ERRNO(EPERM), fill_serving);
}

int
syscalls_limit_drawing(void)
{
	return limit(SCMP_ACT_ALLOW, fill_drawing);
}

#else

int
syscalls_limit(void)
{
	return -ENOSYS;
}

int
syscalls_limit_drawing(void)
{
	return -ENOSYS;
}

#endif
