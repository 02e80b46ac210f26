/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: who may ask, what is understood, and a whole probe and untrack over it, by
 * the agent's half and by xenscope's. */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cli/commands.h"
#include "cli/probe.h"
#include "probe/control.h"
#include "probe/prober.h"
#include "tests/unit/probing.h"

struct served {
	struct probing x;
	struct loop *loop;
	struct prober *prober;
	char path[100];
	double until;
	double stop_at; /* of the loop, in real time */
	bool (*over)(struct served *s);
};

static struct tick
real_clock(void)
{
	host_time = tick_now().mono;
	return tick_now();
}

static void
look(void *arg)
{
	struct served *s = arg;

	while (s->x.n_queued) {
		struct event e = s->x.queued[0];
		const struct tick now = tick_now();

		memmove(s->x.queued, s->x.queued + 1, --s->x.n_queued * sizeof(e));
		migrations_event(s->x.m, &e, &now);
		if (s->prober)
			prober_event(s->prober, &e);
	}
}

static uint64_t
lost(void *arg)
{
	return ((struct served *) arg)->x.lost;
}

static bool
left_on(void *arg, const struct guest_id *guest)
{
	(void) guest;
	return ((struct served *) arg)->x.left_on;
}

static void
served_init(struct served *s)
{
	struct probe_hooks hooks = {
	    .arg = s, .look = look, .lost = lost, .left_on = left_on, .clock = real_clock};

	memset(s, 0, sizeof(*s));
	probing_init(&s->x);
	guard_free(TAKE_PTR(s->x.guard));
	probe_free(TAKE_PTR(s->x.probe));
	host_time = tick_now().mono;
	probing_tick(&s->x);
	(void) loop_new(&s->loop);
	(void) snprintf(s->path, sizeof(s->path), "%s/control", s->x.dir);
	(void) config_set(&s->x.config, "control_socket", s->path);
	hooks.migrations = s->x.m;
	hooks.root = s->x.dir;
	s->prober = prober_new(&s->x.config, &hooks, &s->x.fake->hv, s->loop);
}

static void
served_done(struct served *s)
{
	prober_free(TAKE_PTR(s->prober));
	loop_free(s->loop);
	probing_done(&s->x);
}

static void
on_timer(void *arg, uint32_t events, const struct tick *now)
{
	struct served *s = arg;

	(void) events;
	if (now->mono >= s->stop_at || (s->over && s->over(s)))
		loop_stop(s->loop, 0);
}

/* Serves for a time, or until it is over. */
static void
serve(struct served *s, double seconds, bool (*over)(struct served *))
{
	int timer;

	s->stop_at = tick_now().mono + seconds;
	s->over = over;
	timer = loop_every(s->loop, 0.005, 0.005, on_timer, s);
	(void) loop_run(s->loop);
	loop_cancel(s->loop, timer);
}

static int
connect_to(struct served *s)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	str_copy(a.sun_path, sizeof(a.sun_path), s->path);
	if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		closep(&fd);
	return fd;
}

static struct control_request
request_of(enum control_op op, const char *domain)
{
	struct control_request r;

	memset(&r, 0, sizeof(r));
	r.magic = CONTROL_MAGIC;
	r.version = CONTROL_VERSION;
	r.op = op;
	r.seconds = 1;
	str_copy(r.domain, sizeof(r.domain), domain);
	return r;
}

/* Sends n bytes and returns the state of the reply, or 0: the connection was closed, -1: there is
 * none. */
static int
send_bytes(struct served *s, int fd, const void *bytes, size_t n, struct control_reply *ret)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t got;

	(void) send(fd, bytes, n, MSG_NOSIGNAL);
	for (int i = 0; i < 100 && poll(&p, 1, 0) == 0; i++)
		serve(s, 0.01, NULL);
	got = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT);
	return got == (ssize_t) sizeof(*ret) ? (int) ret->state : got == 0 ? 0 : -1;
}

static int
send_request(struct served *s, int fd, const struct control_request *r, struct control_reply *ret)
{
	return send_bytes(s, fd, r, sizeof(*r), ret);
}

static void
test_hostile(void)
{
	struct served s;
	struct control_request r = request_of(CONTROL_PROBE, "vm-1");
	struct control_reply reply;
	struct stat st;
	int fd;
	char large[1000] = {0};

	served_init(&s);
	ok(stat(s.path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600,
	    "the socket is there, for root alone");
	fd = connect_to(&s);
	ok(send_bytes(&s, fd, &r, sizeof(r) - 1, &reply) == CONTROL_REFUSED &&
		strstr(reply.text, "version"),
	    "a request that is too short is refused");
	closep(&fd);
	memcpy(large, &r, sizeof(r));
	fd = connect_to(&s);
	ok(send_bytes(&s, fd, large, sizeof(large), &reply) == CONTROL_REFUSED,
	    "one that is too long");
	closep(&fd);
	r.version++;
	fd = connect_to(&s);
	ok(send_request(&s, fd, &r, &reply) == CONTROL_REFUSED && strstr(reply.text, "version"),
	    "one of another version");
	closep(&fd);
	r = request_of(9, "vm-1");
	fd = connect_to(&s);
	ok(send_request(&s, fd, &r, &reply) == CONTROL_REFUSED &&
		strstr(reply.text, "no such request"),
	    "one for something else");
	closep(&fd);
	r = request_of(CONTROL_CANCEL, "vm-1");
	fd = connect_to(&s);
	ok(send_request(&s, fd, &r, &reply) == CONTROL_REFUSED, "a cancel of nothing");
	closep(&fd);
	r = request_of(CONTROL_PROBE, "");
	memset(r.domain, 'x', sizeof(r.domain));
	fd = connect_to(&s);
	ok(send_request(&s, fd, &r, &reply) == CONTROL_REFUSED && reply.error == -ENOENT,
	    "a name without an end");
	closep(&fd);
	r = request_of(CONTROL_PROBE, "vm-1");
	r.seconds = 0;
	fd = connect_to(&s);
	ok(send_request(&s, fd, &r, &reply) == CONTROL_REFUSED && reply.error == -ERANGE,
	    "no seconds");
	closep(&fd);
	r.seconds = MAX_PROBE_SECONDS + 1;
	fd = connect_to(&s);
	ok(send_request(&s, fd, &r, &reply) == CONTROL_REFUSED, "too many of them");
	closep(&fd);
	fd = connect_to(&s);
	closep(&fd);
	serve(&s, 0.02, NULL);
	ok(fake_hv_domain(s.x.fake, GUEST)->enables == 0,
	    "a connection that goes at once is forgotten; nothing was touched");
	served_done(&s);
	ok(stat(s.path, &st) < 0, "the socket goes with the agent");
}

static void
test_many(void)
{
	struct served s;
	struct control_request r = request_of(CONTROL_UNTRACK, "vm-1");
	struct control_reply reply;
	int fd[8];
	unsigned there = 0;

	served_init(&s);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = connect_to(&s);
		serve(&s, 0.01, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		there += send_request(&s, fd[i], &r, &reply) == CONTROL_REFUSED &&
			 reply.error == -ENODATA;
	ok(there == 4, "of eight connections four are served");
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		closep(&fd[i]);
	fd[0] = connect_to(&s);
	ok(send_request(&s, fd[0], &r, &reply) == CONTROL_REFUSED,
	    "and when they are gone, others");
	closep(&fd[0]);
	served_done(&s);
}

/* --- a control socket by itself --- */

static void
no_request(void *arg, int client, const struct control_request *r)
{
	(void) client, (void) r;
	++*(unsigned *) arg;
}

static void
no_gone(void *arg, int client)
{
	(void) arg, (void) client;
}

static void
test_socket(void)
{
	struct served s;
	struct control *c = NULL, *other = NULL;
	unsigned asked = 0;
	char path[120];
	struct tick later;
	struct control_reply reply;
	int fd;
	FILE *f;

	served_init(&s);
	ok(control_new(s.path, s.loop, no_request, no_gone, &asked, &c) == -EADDRINUSE,
	    "the socket of another agent that runs is left alone");
	(void) snprintf(path, sizeof(path), "%s/file", s.x.dir);
	f = fopen(path, "w");
	(void) fclose(f);
	ok(control_new(path, s.loop, no_request, no_gone, &asked, &c) == -EEXIST,
	    "so is a file that is no socket");
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ok(control_new(path, s.loop, no_request, no_gone, &asked, &c) == -EINVAL,
	    "a path may be too long");
	(void) snprintf(path, sizeof(path), "%s/stale", s.x.dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	{
		struct sockaddr_un a = {.sun_family = AF_UNIX};

		str_copy(a.sun_path, sizeof(a.sun_path), path);
		(void) bind(fd, (struct sockaddr *) &a, sizeof(a));
	}
	closep(&fd);
	ok(control_new(path, s.loop, no_request, no_gone, &asked, &other) == 0,
	    "the socket of one that is gone is replaced");
	str_copy(s.path, sizeof(s.path), path);
	fd = connect_to(&s);
	serve(&s, 0.02, NULL);
	later = tick_now();
	control_step(other, &later);
	ok(recv(fd, &reply, sizeof(reply), MSG_DONTWAIT) < 0 && errno == EAGAIN,
	    "a connection has time to ask");
	later.mono += 6;
	control_step(other, &later);
	ok(recv(fd, &reply, sizeof(reply), MSG_DONTWAIT) == 0 && !asked,
	    "but not more than some seconds");
	closep(&fd);
	control_free(other);
	control_free(NULL);
	served_done(&s);
}

/* Another user than root gets nowhere, even with the socket open to him. */
static void
test_not_root(void)
{
	struct served s;
	struct control_reply reply;
	int status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		ok(1, "another user is refused # SKIP only root can become another user");
		return;
	}
	served_init(&s);
	(void) chmod(s.x.dir, 0755);
	(void) chmod(s.path, 0666);
	pid = fork();
	if (pid == 0) {
		struct control_request r = request_of(CONTROL_PROBE, "vm-1");
		struct pollfd p = {.events = POLLIN};

		if (setuid(65534) < 0)
			_exit(9);
		p.fd = connect_to(&s);
		if (p.fd < 0)
			_exit(8);
		(void) send(p.fd, &r, sizeof(r), MSG_NOSIGNAL);
		if (poll(&p, 1, 5000) <= 0)
			_exit(7);
		_exit(recv(p.fd, &reply, sizeof(reply), 0) <= 0 ? 0 : 6);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		serve(&s, 0.02, NULL);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
		fake_hv_domain(s.x.fake, GUEST)->enables == 0,
	    "another user is refused, even where the socket lets him connect");
	served_done(&s);
}

/* --- whole requests --- */

static void
test_cancel(void)
{
	struct served s;
	struct control_request r = request_of(
				   CONTROL_PROBE, "f0000000-0000-0000-0000-000000000001"),
			       cancel;
	struct control_reply reply;
	int fd, other;

	served_init(&s);
	r.seconds = 60;
	fd = connect_to(&s);
	ok(send_request(&s, fd, &r, &reply) == CONTROL_BEGUN && reply.domid == 1 &&
		strcmp(reply.name, "vm-1") == 0 && tracked(&s.x),
	    "a probe begins when it is asked for");
	other = connect_to(&s);
	ok(send_request(&s, other, &r, &reply) == CONTROL_REFUSED && reply.error == -EBUSY,
	    "a second one is refused");
	closep(&other);
	cancel = request_of(CONTROL_CANCEL, "");
	ok(send_request(&s, fd, &cancel, &reply) == CONTROL_INTERVAL,
	    "a cancel gets the last interval");
	ok(send_bytes(&s, fd, NULL, 0, &reply) == CONTROL_ENDED && reply.result == RESULT_ABORTED &&
		!tracked(&s.x) && *reply.id,
	    "and the end, with the record's id");
	closep(&fd);
	fd = connect_to(&s);
	(void) send_request(&s, fd, &r, &reply);
	ok(tracked(&s.x), "another begins");
	closep(&fd);
	for (int i = 0; i < 100 && tracked(&s.x); i++)
		serve(&s, 0.02, NULL);
	ok(!tracked(&s.x), "and ends when who asked for it is gone");
	fd = connect_to(&s);
	(void) send_request(&s, fd, &r, &reply);
	(void) send_request(&s, fd, &r, &reply);
	for (int i = 0; i < 100 && tracked(&s.x); i++)
		serve(&s, 0.02, NULL);
	ok(!tracked(&s.x), "a second request on its connection ends it too");
	closep(&fd);
	served_done(&s);
}

/* --- xenscope's half --- */

static const char record_json[] = "{\"id\":\"x\",\"tracking_mode\":\"pml\",\"overhead\":{"
				  "\"overhead_ratio\":0.0123,\"exits_per_kpage\":4.5,"
				  "\"cycles_per_page\":678,\"sampled_fraction\":0.1}}";

static json_t *
fetch(void *arg, const char *id)
{
	return arg && *id ? json_loads(arg, 0, NULL) : NULL;
}

/* Runs a command of the client in a process of its own while the agent's half serves. *ret_out:
 * what it printed. */
static int
client(struct served *s, const char *out,
    int (*command)(const struct probe_options *, const char *), const char *domain,
    struct probe_options o)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", s->x.dir, out);
	int status = -1;
	pid_t pid;

	o.control = s->path;
	o.domain = domain;
	o.fetch = fetch;
	(void) fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600),
		    null = open("/dev/null", O_RDONLY);

		(void) dup2(null, 0);
		(void) dup2(fd, 1);
		(void) dup2(fd, 2);
		exit(command(&o, path)); /* not _exit: what it executes is to be counted */
	}
	for (int i = 0; i < 1000 && waitpid(pid, &status, WNOHANG) == 0; i++)
		serve(s, 0.01, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
probe(const struct probe_options *o, const char *path)
{
	(void) path;
	return probe_command(o, stdout);
}

static int
interrupted_probe(const struct probe_options *o, const char *path)
{
	(void) path;
	if (fork() == 0) {
		(void) usleep(300000);
		(void) kill(getppid(), SIGINT);
		_exit(0);
	}
	return probe_command(o, stdout);
}

static int
untrack_it(const struct probe_options *o, const char *path)
{
	(void) path;
	return untrack_command(o, stdin, stdout);
}

static bool
printed(struct served *s, const char *out, const char *text)
{
	_cleanup_(freep) char *path = xasprintf("%s/%s", s->x.dir, out), *got = NULL;
	bool there = file_read(path, 65536, &got, NULL) == 0 && strstr(got, text);

	if (!there)
		printf("# %s\n", got ? got : "");
	return there;
}

static void
test_client(void)
{
	struct served s;
	struct probe_options o = {.seconds = 1, .arg = (void *) (uintptr_t) record_json};

	served_init(&s);
	ok(client(&s, "out", probe, "vm-1", o) == EXIT_OK &&
		printed(&s, "out", "first-touch dirty rate") && printed(&s, "out", "INTERVAL") &&
		printed(&s, "out", "1.230 %") && printed(&s, "out", "4.5 exits per 1000 pages") &&
		printed(&s, "out", "First touch:"),
	    "xenscope probe shows its intervals, the rate and the cost, and calls them "
	    "first-touch");
	ok(client(&s, "out", probe, "nobody", o) == EXIT_ANSWER &&
		printed(&s, "out", "no domain of this"),
	    "an unknown domain is said to be");
	o.seconds = MAX_PROBE_SECONDS + 1;
	ok(client(&s, "out", probe, "vm-1", o) == EXIT_USAGE, "a probe has an end");
	o.seconds = 60;
	o.arg = NULL;
	ok(client(&s, "out", interrupted_probe, "vm-1", o) == EXIT_ANSWER &&
		printed(&s, "out", "cancelled") && printed(&s, "out", "first-touch dirty rate") &&
		!tracked(&s.x),
	    "Ctrl-C ends it, with what was measured so far, be the record to be had or not");
	o.json = true;
	o.arg = (void *) (uintptr_t) record_json;
	ok(client(&s, "out", interrupted_probe, "vm-1", o) == EXIT_ANSWER &&
		printed(&s, "out", "\"tracking_mode\": \"pml\""),
	    "with --json the record");
	served_done(&s);
}

static void
test_client_refused(void)
{
	struct served s;
	struct probe_options o = {.seconds = 1};

	served_init(&s);
	(void) config_set(&s.x.config, "probe", "no");
	ok(client(&s, "out", probe, "1", o) == EXIT_ANSWER && printed(&s, "out", "probe = yes") &&
		printed(&s, "out", "domain 1 (vm-1)"),
	    "a probe that is not allowed names the option");
	str_copy(s.path, sizeof(s.path), "/nonexistent/control");
	ok(client(&s, "out", probe, "1", o) == EXIT_UNREACHABLE &&
		printed(&s, "out", "no agent answers"),
	    "no agent is said to be none");
	served_done(&s);
}

static void
test_client_untrack(void)
{
	struct served s;
	struct probe_options o = {.yes = false};

	served_init(&s);
	ok(client(&s, "out", untrack_it, "vm-1", o) == EXIT_ANSWER &&
		printed(&s, "out", "nobody has seen"),
	    "xenscope untrack is refused where nothing was left on");
	s.x.left_on = true;
	fake_hv_domain(s.x.fake, GUEST)->tracked = true;
	ok(client(&s, "out", untrack_it, "vm-1", o) == EXIT_USAGE && printed(&s, "out", "--yes") &&
		printed(&s, "out", "left on by") && tracked(&s.x),
	    "it shows what it would do, and without a terminal does nothing");
	o.yes = true;
	ok(client(&s, "out", untrack_it, "vm-1", o) == EXIT_OK &&
		printed(&s, "out", "its dirty tracking is off") && !tracked(&s.x),
	    "with --yes it does it");
	served_done(&s);
}

int
main(void)
{
	(void) signal(SIGPIPE, SIG_IGN);
	test_hostile();
	test_many();
	test_socket();
	test_not_root();
	test_cancel();
	test_client();
	test_client_refused();
	test_client_untrack();
	return done_testing();
}
