/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include "base/file.h"
#include "base/util.h"
#include "observe/helper_name.h"
#include "observe/observer.h"
#include "observe/proc_events.h"
#include "observe/proc_helper.h"
#include "tests/tap.h"

/* Arguments as /proc/PID/cmdline has them, of a text with spaces between them; good until the next.
 */
static const char *
argv_of(const char *text)
{
	static char line[256];

	str_copy(line, sizeof(line), text);
	for (char *c = line; *c; c++)
		if (*c == ' ')
			*c = '\0';
	return line;
}

#define ARGV(s) argv_of(s), sizeof(s)

static void
test_libxl(void)
{
	struct proc_helper h;

	ok(proc_helper_parse(
	       ARGV("/usr/lib/xen-4.17/bin/libxl-save-helper --save-domain 8 0 1 1 12 0"), "xl",
	       &h) == 0 &&
		h.role == ROLE_LIVE_SAVE && h.domid == 1 && h.toolstack == TOOLSTACK_XL,
	    "xl migrates domain 1 live");
	ok(proc_helper_parse(
	       ARGV("libxl-save-helper --save-domain 8 -1 12 0 1 12 0"), "virtxend", &h) == 0 &&
		h.role == ROLE_SAVE && h.domid == 12 && h.toolstack == TOOLSTACK_LIBVIRT,
	    "libvirt saves domain 12, with the arguments of 4.13");
	ok(proc_helper_parse(ARGV("libxl-save-helper --restore-domain 0 1 5 3 0 4 0 1 0 0 0"),
	       "libvirtd", &h) == 0 &&
		h.role == ROLE_RESTORE && h.domid == 5 && h.toolstack == TOOLSTACK_LIBVIRT,
	    "libvirt restores domain 5");
	ok(proc_helper_parse(ARGV("libxl-save-helper --save-domain 8 9 1 1 12 1"), "xl", &h) == 0 &&
		h.role == ROLE_REPLICATE && h.domid == 1,
	    "the type of the stream tells Remus");
	ok(proc_helper_parse(ARGV("libxl-save-helper --save-domain 8 9 1 1 0 12 2"), "xl", &h) == 0 &&
		h.role == ROLE_REPLICATE,
	    "and COLO, with the arguments of 4.13");
	ok(proc_helper_parse(ARGV("libxl-save-helper --save-domain 8 0 1 5 12 0"), "init", &h) ==
		    0 &&
		h.toolstack == TOOLSTACK_UNKNOWN && h.role == ROLE_LIVE_SAVE,
	    "another parent leaves the toolstack unknown");
	ok(proc_helper_parse(ARGV("libxl-save-helper --save-domain 8 0 x 1 12 0"), "xl", &h) ==
		-EBADMSG,
	    "a domain must be a number");
	ok(proc_helper_parse(ARGV("libxl-save-helper --save-domain 8 0 32752 1 12 0"), "xl", &h) ==
		-EBADMSG,
	    "and not a reserved one");
	ok(proc_helper_parse(ARGV("libxl-save-helper --save-domain 8 0 1 - 12 0"), "xl", &h) ==
		-EBADMSG,
	    "flags must be a number");
	ok(proc_helper_parse(ARGV("libxl-save-helper --help 8 0 1 1 12 0"), "xl", &h) == -EBADMSG,
	    "another mode is not understood");
	ok(proc_helper_parse(ARGV("libxl-save-helper --save-domain 8"), "xl", &h) == -EBADMSG,
	    "nor are too few arguments");
}

static void
test_xapi(void)
{
	struct proc_helper h;

	ok(proc_helper_parse(ARGV("/usr/lib64/xen/bin/emu-manager -controloutfd 8 -controlinfd 9 "
				  "-fd 10 -mode hvm_save -domid 7 -live true"),
	       "xenopsd", &h) == 0 &&
		h.role == ROLE_LIVE_SAVE && h.domid == 7 && h.toolstack == TOOLSTACK_XAPI,
	    "xapi migrates domain 7 live");
	ok(proc_helper_parse(ARGV("emu-manager -mode save -domid 7"), "", &h) == 0 &&
		h.role == ROLE_SAVE,
	    "without -live it is a save");
	ok(proc_helper_parse(ARGV("emu-manager -mode hvm_restore -domid 7"), "", &h) == 0 &&
		h.role == ROLE_RESTORE,
	    "or a restore");
	ok(proc_helper_parse(ARGV("/usr/libexec/xen/bin/xenguest -debug -domid 7 -controloutfd 2 "
				  "-controlinfd 0 -mode listen"),
	       "emu-manager", &h) == 0 &&
		h.role == ROLE_UNKNOWN && h.domid == 7,
	    "xenguest listens to its manager");
	ok(proc_helper_parse(ARGV("xenguest -mode listen"), "", &h) == -EBADMSG,
	    "a helper without a domain is refused");
	ok(proc_helper_parse(ARGV("xenguest -domid"), "", &h) == -EBADMSG,
	    "an option without its value too");
	ok(proc_helper_parse(ARGV("grep xenguest -domid 7"), "", &h) == -ENOENT,
	    "who only names one is none");
	ok(proc_helper_parse("", 0, "", &h) == -ENOENT, "a process without arguments is none");
	ok(proc_helper_parse("xenguest", 8, "", &h) == -ENOENT,
	    "nor is one whose arguments are cut");
	ok(helper_find("libxl-save-help") == HELPER_LIBXL && helper_find("xenguest\n") == HELPER_XENGUEST &&
		helper_find("emu-manager") == HELPER_MANAGER && helper_find("xenguest2") == HELPERS &&
		helper_find("xengues") == HELPERS && helper_find("libxl-save-helper") == HELPERS &&
		helper_find("") == HELPERS,
	    "the kernel's cut names are known");
}

static void
test_stat(void)
{
	static const char line[] = "265 (libxl-save-help) R 260 265 1 0 -1 4194304 150 0 0 0 20 9 "
				   "0 0 20 0 1 0 4128 9 8 7\n";
	struct proc_stat s;

	ok(proc_stat_parse(line, &s) == 0 && s.parent == 260 && s.started == 4128 &&
		s.state == 'R' && strcmp(s.comm, "libxl-save-help") == 0,
	    "stat tells name, state, parent and start");
	ok(proc_stat_parse("1 (a) Z 9 () b) S 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 77 0", &s) == 0 &&
		s.parent == 2 && s.started == 77 && strcmp(s.comm, "a) Z 9 () b") == 0,
	    "brackets in a name do not confuse it");
	ok(proc_stat_parse("1 (a) S 2 0 0", &s) == -EBADMSG, "a cut line is refused");
	ok(proc_stat_parse("", &s) == -EBADMSG && proc_stat_parse(")(", &s) == -EBADMSG,
	    "and what is none");
}

struct seen_events {
	struct event e[16];
	size_t n;
};

static void
collect(void *arg, const struct event *e)
{
	struct seen_events *s = arg;

	if (s->n < ARRAY_SIZE(s->e))
		s->e[s->n++] = *e;
}

static void
put(const char *root, int pid, const char *file, const char *text, size_t n)
{
	_cleanup_(freep) char *directory = xasprintf("%s/proc/%d", root, pid),
			      *path = xasprintf("%s/%s", directory, file);
	FILE *f;

	(void) mkdir_parents(directory, 0755);
	f = fopen(path, "w");
	if (f) {
		(void) fwrite(text, 1, n, f);
		(void) fclose(f);
	}
}

static void
put_process(const char *root, int pid, const char *comm, char state, int parent, unsigned started,
    const char *argv, size_t n)
{
	_cleanup_(freep) char *stat =
	    xasprintf("%d (%s) %c %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 %u 0 0\n", pid, comm, state,
		parent, started);
	_cleanup_(freep) char *line = xasprintf("%s\n", comm);

	put(root, pid, "comm", line, strlen(line));
	put(root, pid, "stat", stat, strlen(stat));
	put(root, pid, "cmdline", argv, n);
}

static void
drop(const char *root, int pid)
{
	_cleanup_(freep) char *command = xasprintf("rm -rf %s/proc/%d", root, pid);

	if (system(command) != 0)
		ok(0, "process %d is taken away", pid);
}

/* Away under another name: its inode is not given to the next, as the kernel never does in /proc.
 */
static void
set_aside(const char *root, int pid)
{
	_cleanup_(freep) char *from = xasprintf("%s/proc/%d", root, pid),
			      *to = xasprintf("%s/old", root);

	ok(rename(from, to) == 0, "process %d ends", pid);
}

static void
look(struct observer *o, double mono, struct seen_events *s)
{
	struct tick now = {.mono = mono, .real = 0};

	s->n = 0;
	ok(o->ops->read(o, &now, collect, s) == 0, "the processes at %g s are read", mono);
}

static void
test_life(const char *root, struct observer *o)
{
	struct seen_events s;

	put_process(root, 1, "init", 'S', 0, 1, ARGV("init"));
	put_process(root, 260, "xl", 'S', 1, 4000, ARGV("xl migrate"));
	put_process(root, 265, "libxl-save-help", 'S', 260, 4128,
	    ARGV("/usr/lib/xen/bin/libxl-save-helper --save-domain 8 0 1 1 12 0"));
	look(o, 1000, &s);
	ok(s.n == 1 && s.e[0].kind == EVENT_PROCESS_BEGIN && s.e[0].source == SOURCE_PROCESS &&
		s.e[0].pid == 265 && s.e[0].domid == 1 && s.e[0].role == ROLE_LIVE_SAVE &&
		s.e[0].toolstack == TOOLSTACK_XL && s.e[0].started == 4128 &&
		strcmp(s.e[0].comm, "libxl-save-help") == 0,
	    "a helper's begin is told");
	ok(isnan(s.e[0].seconds) && s.e[0].at <= 1000, "with the time at which it began");
	ok(proc_watch_alive(root, 265, 4128), "it is alive");
	ok(!proc_watch_alive(root, 265, 4129), "one that began at another time is not");
	ok(!proc_watch_alive(root, 260, 4000), "one that is no helper is not");
	ok(!proc_watch_alive(root, 999, 1), "nor one that is not there");

	put_process(root, 266, "xl", 'S', 260, 4200, ARGV("xl migrate"));
	look(o, 1005, &s);
	ok(s.n == 0, "it is told once");
	put_process(root, 266, "libxl-save-help", 'S', 260, 4200,
	    ARGV("libxl-save-helper --save-domain 8 0 2 1 12 0"));
	look(o, 1006, &s);
	ok(s.n == 1 && s.e[0].pid == 266,
	    "a process that executes the helper after its fork is found");

	put_process(root, 265, "libxl-save-help", 'Z', 260, 4128, "", 0);
	ok(!proc_watch_alive(root, 265, 4128), "a zombie is not alive");
	look(o, 1010, &s);
	ok(s.n == 1 && s.e[0].kind == EVENT_PROCESS_END && s.e[0].pid == 265 && s.e[0].domid == 1 &&
		s.e[0].at == 1010,
	    "its end is told");
	drop(root, 266);
	look(o, 1015, &s);
	ok(s.n == 1 && s.e[0].kind == EVENT_PROCESS_END && s.e[0].pid == 266,
	    "and that of one that is gone");

	set_aside(root, 260);
	put_process(root, 260, "xenguest", 'S', 1, 9000, ARGV("xenguest -mode listen -domid 4"));
	look(o, 1020, &s);
	ok(s.n == 1 && s.e[0].kind == EVENT_PROCESS_BEGIN && s.e[0].pid == 260 && s.e[0].domid == 4,
	    "a pid that was used again is looked at again");
	put_process(root, 260, "xenguest", 'S', 1, 9001, ARGV("xenguest -mode listen -domid 5"));
	look(o, 1021, &s);
	ok(s.n == 2, "if both were helpers, the new one begins and the old one ends (%u)",
	    (unsigned) s.n);
}

static void
test_many(const char *root, struct observer *o)
{
	struct seen_events s;

	for (int pid = 1000; pid < 1300; pid++)
		put_process(
		    root, pid, "xenguest", 'S', 1, 5, ARGV("xenguest -mode listen -domid 4"));
	look(o, 2000, &s);
	ok(s.n == ARRAY_SIZE(s.e) && o->ops->lost(o) > 0,
	    "more helpers than fit are counted as lost: %u", (unsigned) o->ops->lost(o));
}

static void
test_tree(void)
{
	char root[] = "/tmp/test_proc_watch.XXXXXX";
	_cleanup_(freep) char *command = NULL;
	struct observer *o = NULL;
	const char *why = NULL;

	if (!mkdtemp(root)) {
		ok(0, "a temporary directory is made");
		return;
	}
	ok(proc_watch_open(root, &o, &why) == -ENOENT && why && strstr(why, "/proc"),
	    "without /proc the reason is said: %s", why);
	ok(!proc_watch_alive(root, 1, 1), "without /proc nobody is alive");
	put(root, 1, "comm", "init\n", 5);
	ok(proc_watch_open(root, &o, &why) == 0, "a tree is opened");
	ok(o->ops->fd(o) == -1 && o->ops->lost(o) == 0 && o->since > 0, "it is read every tick");
	test_life(root, o);
	test_many(root, o);
	o->ops->close(o);
	command = xasprintf("rm -rf %s", root);
	ok(system(command) == 0, "the temporary directory is gone");
}

#define HEADERS (NLMSG_HDRLEN + sizeof(struct cn_msg))

static int
parse(const struct proc_event *e, size_t n, struct proc_event_seen *ret)
{
	char message[HEADERS + sizeof(*e)] = {0};

	memcpy(message + HEADERS, e, sizeof(*e));
	return proc_events_parse(message, n, ret);
}

static void
test_message(void)
{
	const size_t whole = HEADERS + sizeof(struct proc_event);
	struct proc_event_seen seen;
	struct proc_event e;

	memset(&e, 0, sizeof(e));
	e.what = PROC_EVENT_EXEC;
	e.timestamp_ns = 1500000000;
	e.event_data.exec.process_pid = 8;
	e.event_data.exec.process_tgid = 7;
	ok(parse(&e, whole, &seen) == 1 && !seen.ended && seen.pid == 7 && seen.at == 1.5,
	    "an execution is read");
	for (size_t n = 0; n < HEADERS + 16; n++)
		if (parse(&e, n, &seen) != 0)
			ok(0, "a message of %u bytes is too short", (unsigned) n);
	e.what = PROC_EVENT_EXIT;
	e.event_data.exit.process_tgid = 9;
	e.event_data.exit.exit_code = SIGTERM;
	ok(parse(&e, whole, &seen) == 1 && seen.ended && seen.pid == 9 && seen.status == SIGTERM,
	    "an end is read, and what brought it about");
	e.what = PROC_EVENT_FORK;
	ok(parse(&e, whole, &seen) == 0, "a fork is passed over");
}

static int
wait_for(int fd, pid_t pid, bool ended, struct proc_event_seen *ret)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, 2000) > 0)
		while (proc_events_next(fd, ret) == 1)
			if (ret->pid == pid && ret->ended == ended)
				return 1;
	return 0;
}

/* The connector of the machine that builds it, if it lets us. */
static void
test_connector(void)
{
	struct proc_event_seen seen;
	int fd = proc_events_open();
	struct tick now = tick_now();
	pid_t child;

	if (fd < 0) {
		ok(1, "the kernel tells of processes # SKIP %s", strerror(-fd));
		return;
	}
	ok(proc_events_filter(fd, true) == 0, "ends are asked for");
	child = fork();
	if (child == 0) {
		execl("/bin/true", "true", (char *) NULL);
		_exit(1);
	}
	ok(wait_for(fd, child, false, &seen), "an execution is told");
	ok(seen.at >= now.mono - 1 && seen.at < now.mono + 5, "with its time");
	ok(wait_for(fd, child, true, &seen), "and the end");
	(void) waitpid(child, NULL, 0);
	proc_events_close(fd);
}

/* What this program is when it is called by a helper's name. */
static void
be_helper(void)
{
	(void) sleep(10);
	_exit(0);
}

/* Reads until so many events have come. */
static void
await(struct observer *o, struct seen_events *s, size_t n)
{
	struct pollfd p = {.fd = o->ops->fd(o), .events = POLLIN};

	for (unsigned i = 0; i < 200 && s->n < n; i++) {
		struct tick now = tick_now();

		(void) poll(&p, 1, 20);
		(void) o->ops->read(o, &now, collect, s);
	}
}

/* A toolstack's process that starts a helper and is ended by a signal. */
static void
test_orphan(void)
{
	char root[] = "/tmp/test_proc_watch.XXXXXX", self[256] = "";
	_cleanup_(freep) char *path = NULL;
	struct observer *o = NULL;
	const char *why = "";
	struct seen_events s = {.n = 0};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t toolstack;

	if (n < 0 || !mkdtemp(root) || proc_watch_open("", &o, &why) < 0 || o->ops->fd(o) < 0) {
		ok(1, "a toolstack's end is told # SKIP no process events");
		if (o)
			o->ops->close(o);
		(void) rmdir(root);
		return;
	}
	path = xasprintf("%s/libxl-save-helper", root);
	ok(symlink(self, path) == 0, "a helper");
	toolstack = fork();
	if (toolstack == 0) {
		(void) signal(SIGINT, SIG_DFL); /* a shell's background job ignores it, and so do its children */
		if (fork() == 0) {
			(void) prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void) execl(path, path, "--save-domain", "8", "0", "1", "1", "12", "0", (char *) NULL);
			_exit(1);
		}
		(void) pause();
		_exit(0);
	}
	await(o, &s, 1);
	ok(s.n >= 1 && s.e[0].kind == EVENT_PROCESS_BEGIN && s.e[0].domid == 1, "is found");
	(void) kill(toolstack, SIGINT);
	(void) waitpid(toolstack, NULL, 0);
	await(o, &s, 3);
	ok(s.n == 3 && (s.e[1].kind == EVENT_TOOLSTACK_END || s.e[2].kind == EVENT_TOOLSTACK_END),
	    "when a signal ends its toolstack, that is told, before its own end or after it");
	for (size_t i = 1; i < s.n; i++) {
		bool orphan = s.e[i].kind == EVENT_TOOLSTACK_END;

		ok(s.e[i].pid == s.e[0].pid && s.e[i].result == (orphan ? SIGINT : SIGKILL),
		    "%s with what ended it", orphan ? "that" : "the helper's end");
	}
	(void) unlink(path);
	(void) rmdir(root);
	o->ops->close(o);
}

/* This machine's own processes. */
static void
test_live(void)
{
	struct observer *o = NULL;
	const char *why = "";
	struct seen_events s = {.n = 0};
	struct tick now = tick_now();

	ok(proc_watch_open("", &o, &why) == 0, "the real /proc is opened %s", why);
	if (!o)
		return;
	ok(o->ops->read(o, &now, collect, &s) == 0, "and read");
	o->ops->close(o);
}

static void
test_written(void)
{
	uint64_t before = proc_written(getpid());
	FILE *f = tmpfile();
	bool written = f && fwrite("12345678", 8, 1, f) == 1 && fflush(f) == 0;

	ok(written && proc_written(getpid()) >= before + 8, "what a process writes is counted");
	ok(proc_written(INT32_MAX) == 0, "of one that is not there it is unknown");
	if (f)
		(void) fclose(f);
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--save-domain") == 0)
		be_helper();
	test_libxl();
	test_xapi();
	test_stat();
	test_tree();
	test_message();
	test_connector();
	test_orphan();
	test_live();
	test_written();
	return done_testing();
}
