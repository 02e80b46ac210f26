/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serve half as it ships, taken over: a debugger makes its process run the system calls that an attacker would
 * choose, with his arguments, and looks what it can reach. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "config/config.h"
#include "serve/link.h"
#include "serve/serve.h"
#include "tests/made_up.h"
#include "tests/tap.h"

#ifndef HAVE_SECCOMP
#define HAVE_SECCOMP 0
#endif

#ifdef __x86_64__

static pid_t victim;
static struct user_regs_struct before;
static unsigned long long code; /* where a "syscall" instruction was put */

static void
must(long r, const char *what)
{
	if (r >= 0)
		return;
	perror(what);
	exit(99);
}

/* Stops it, wherever it is; a system call that it waits in is begun again afterwards. */
static void
take_over(void)
{
	int status;

	must(ptrace(PTRACE_ATTACH, victim, NULL, NULL), "ptrace");
	must(waitpid(victim, &status, 0), "waitpid");
	must(ptrace(PTRACE_GETREGS, victim, NULL, &before), "registers");
	code = before.rip;
	errno = 0;
	(void) ptrace(PTRACE_PEEKTEXT, victim, (void *) code, NULL);
	must(-errno, "peek");
	must(ptrace(PTRACE_POKETEXT, victim, (void *) code, (void *) 0x050fL), "poke"); /* syscall */
}

/* Its stack, below what it uses: for texts. */
static unsigned long long
put(const char *text)
{
	unsigned long long at = (before.rsp - 4096) & ~7ULL;
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < n; i += sizeof(long)) {
		long word = 0;

		memcpy(&word, text + i, MIN(sizeof(word), n - i));
		must(ptrace(PTRACE_POKEDATA, victim, (void *) (at + i), (void *) word), "poke");
	}
	return at;
}

/* The result of a system call that it makes. */
static long
call(long number, unsigned long long a, unsigned long long b, unsigned long long c, unsigned long long d)
{
	struct user_regs_struct r = before;
	int status;

	r.rax = (unsigned long long) number;
	r.orig_rax = (unsigned long long) -1; /* it is in no system call that could be begun again */
	r.rip = code;
	r.rdi = a;
	r.rsi = b;
	r.rdx = c;
	r.r10 = d;
	r.r8 = r.r9 = 0;
	must(ptrace(PTRACE_SETREGS, victim, NULL, &r), "registers");
	must(ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL), "step");
	must(waitpid(victim, &status, 0), "waitpid");
	if (!WIFSTOPPED(status)) {
		victim = 0;
		return -EOWNERDEAD;
	}
	must(ptrace(PTRACE_GETREGS, victim, NULL, &r), "registers");
	return (long) r.rax;
}

static long
open_in_it(const char *path, int flags)
{
	return call(SYS_openat, (unsigned long long) AT_FDCWD, put(path), (unsigned) flags, 0600);
}

static void
test_files(void)
{
	static const char *const outside[] = {"/etc/passwd", "/proc/self/mem", "/proc/1/environ",
	    "/dev/xen/privcmd", "/proc/xen/privcmd", "/dev/mem", "/dev/null", "../../../../etc/passwd",
	    "/run/xenscope/control", "/var/log/messages"};
	long fd = open_in_it("/migrations.jsonl", O_RDONLY);

	ok(fd >= 0, "it can read what it is there to show: %ld", fd);
	(void) call(SYS_close, (unsigned long long) fd, 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		fd = open_in_it(outside[i], O_RDONLY);
		ok(fd < 0, "it cannot open %s: %ld", outside[i], fd);
	}
	fd = open_in_it("/migrations.jsonl", O_RDWR);
	ok(fd < 0, "nor write the journal: %ld", fd);
	fd = open_in_it("/new", O_WRONLY | O_CREAT);
	ok(fd < 0, "nor make a file: %ld", fd);
	ok(call(SYS_unlink, put("/migrations.jsonl"), 0, 0, 0) < 0 &&
		call(SYS_chmod, put("/migrations.jsonl"), 0777, 0, 0) < 0 &&
		call(SYS_rename, put("/migrations.jsonl"), put("/x"), 0, 0) < 0,
	    "nor take away, open up or rename one");
	ok(call(SYS_mknod, put("/mem"), S_IFCHR | 0600, 0x101, 0) < 0, "nor make itself a device");
	ok(call(SYS_chroot, put("."), 0, 0, 0) < 0 && call(SYS_mount, put("/"), put("/"), put("x"), 0) < 0,
	    "nor move its root directory or mount anything");
}

static void
test_rights(void)
{
	static const long forbidden[] = {SYS_setuid, SYS_setgid, SYS_setgroups, SYS_capset, SYS_ptrace, SYS_kill,
	    SYS_clone, SYS_fork, SYS_vfork, SYS_execve, SYS_socket, SYS_connect, SYS_bind, SYS_ioctl, SYS_bpf,
	    SYS_perf_event_open, SYS_init_module, SYS_reboot, SYS_unshare, SYS_setns, SYS_process_vm_readv,
	    SYS_prctl, SYS_keyctl, SYS_memfd_create, SYS_io_setup};
	long worst = 0;

	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		long r = call(forbidden[i], 0, 0, 0, 0);

		if (r != -EPERM) {
			printf("# system call %ld: %ld\n", forbidden[i], r);
			worst = r;
		}
	}
	ok(worst == 0, "%zu system calls that would give it more fail, each with EPERM", ARRAY_SIZE(forbidden));
	ok(call(SYS_mmap, 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS) == -EPERM &&
		call(SYS_mprotect, before.rsp & ~4095ULL, 4096, 7, 0) == -EPERM,
	    "it gets no memory to execute code of its own in");
}

/* The descriptors that it has: none leads anywhere but to clients, to the reading end of the link, and to the drawer,
 * which has no more rights (test_drawer). */
static void
test_link(int link)
{
	char word = 'x', path[64];
	int sockets = 0, others = 0, unix_ends = 0;

	for (int fd = 0; fd < 64; fd++) {
		char target[256];
		ssize_t n;

		(void) snprintf(path, sizeof(path), "/proc/%d/fd/%d", victim, fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strncmp(target, "socket:", 7) == 0)
			sockets++;
		else if (strncmp(target, "anon_inode:", 11) != 0 && fd > STDERR_FILENO)
			others++;
		if (strncmp(target, "socket:", 7) == 0 && fd > STDERR_FILENO &&
		    call(SYS_sendto, (unsigned long long) fd, put("rubbish"), 7, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			unix_ends++;
	}
	ok(sockets > 0 && others == 0, "it has sockets and what it waits with, no file: %d, %d", sockets, others);
	ok(recv(link, &word, 1, MSG_DONTWAIT) <= 0 && unix_ends == 1,
	    "what it says into them never reaches the root half; the drawer alone takes it: %d", unix_ends);
}

static void
run(const char *dir)
{
	char *journal = xasprintf("%s/public/migrations.jsonl", dir), *public_dir = xasprintf("%s/public", dir);
	struct sample *sample = made_up_sample(3);
	struct serve_sockets s = {.n = 0};
	struct link_writer *w;
	const char *why = "";
	struct config c;
	struct loop *loop;
	FILE *f;
	int link, status;

	config_init(&c);
	must(config_set(&c, "state_dir", dir), "state_dir");
	must(config_set(&c, "listen", "127.0.0.1:0"), "listen");
	must(config_set(&c, "socket", ""), "socket");
	must(config_set(&c, "xapi_socket", ""), "xapi_socket");
	must(config_set(&c, "graph_program", "/bin/cat"), "graph_program");
	must(mkdir(public_dir, 0755), public_dir);
	f = fopen(journal, "w");
	if (!f || fclose(f) != 0 || chmod(journal, 0644) < 0 || loop_new(&loop) < 0)
		abort();
	must(serve_listen(&c, &s, &why), why);
	must(serve_start(&c, &s, &victim, &link), "start");
	w = link_writer_new(loop, link);
	link_send_sample(w, sample);
	(void) usleep(300000); /* until it waits for clients */
	take_over();
	test_files();
	test_rights();
	test_link(link);
	ok(victim > 0, "it is still there: nothing of this killed it");
	(void) kill(victim, SIGKILL);
	(void) waitpid(victim, &status, 0);
	(void) unlink(journal);
	(void) rmdir(public_dir);
	link_writer_free(w);
	loop_free(loop);
	sample_free(sample);
	serve_sockets_close(&s);
	config_done(&c);
	free(journal);
	free(public_dir);
}

int
main(void)
{
	char dir[] = "/tmp/xenscope-takeover-XXXXXX";

	if (geteuid() != 0 || !HAVE_SECCOMP) {
		printf("1..0 # SKIP %s\n", geteuid() ? "not root" : "built without libseccomp");
		return 0;
	}
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		abort();
	run(dir);
	(void) rmdir(dir);
	return done_testing();
}

#else

int
main(void)
{
	printf("1..0 # SKIP only on x86-64\n");
	return 0;
}

#endif
