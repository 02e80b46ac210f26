/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/serve.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "config/config.h"
#include "serve/drawer.h"
#include "serve/gate.h"
#include "serve/half.h"
#include "serve/host_uuid.h"
#include "serve/openmetrics.h"
#include "serve/rights.h"
#include "serve/syscalls.h"

#define NICE 5 /* beyond the root half: who asks must not keep it from looking */
#define PROCESS_NAME "xenscoped-serve" /* the kernel keeps 15 characters */

/* The parent's signals are not ours. Ctrl-C reaches both halves; this one ends with the link. */
static void
reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	(void) signal(SIGTERM, SIG_DFL);
	(void) signal(SIGHUP, SIG_IGN);
	(void) signal(SIGINT, SIG_IGN);
	(void) signal(SIGPIPE, SIG_IGN);
	(void) signal(SIGCHLD, SIG_IGN); /* its only child is not waited for */
}

static void
read_pages(const struct config *config, struct pages *pages)
{
	const char *dir = config_text(config, OPTION_dashboard_dir);
	int r = pages_read(pages, dir);

	if (r < 0)
		log_warn("serve", "dashboard_dir %s: %s", dir, strerror(-r));
}

/* 1: whom it becomes; 0: it is not root, and stays who it is; -ENOENT. */
static int
find_user(const struct config *config, struct user *ret)
{
	int r;

	if (geteuid() != 0) {
		log_warn("serve", "not root: the serving process keeps this user's rights");
		return 0;
	}
	r = user_find(config, ret);
	if (r < 0)
		log_err("serve", "neither the user %s nor nobody is there to become",
		    config_text(config, OPTION_user));
	else if (ret->fallback)
		log_warn("serve", "no user %s: the serving process becomes %s",
		    config_text(config, OPTION_user), ret->name);
	return r < 0 ? r : 1;
}

/* Without it all is served but pictures; a host without the program is spared the process. */
static int
start_drawer(const struct config *config, const struct user *user)
{
	const char *program = config_text(config, OPTION_graph_program);
	int fd = 0, r = 0;

	if (access(program, X_OK) == 0)
		r = drawer_start(program, DRAWER_SECONDS, user, &fd);
	if (r < 0)
		log_warn("serve", "no pictures: %s", strerror(-r));
	return fd;
}

/* user: NULL: it stays who it is. *ret_dir: where the public directory is from then on. */
static int
become_harmless(const struct user *user, const char *public_dir, const char **ret_dir)
{
	const char *step = "limits";
	int r;

	*ret_dir = user ? "/" : public_dir;
	r = user ? rights_drop(user, public_dir, &step) : rights_limit(false);
	if (r < 0)
		log_err("serve", "rights cannot be given up: %s: %s", step, strerror(-r));
	return r;
}

/* Without the library there is no filter; with it, no serving without one, unless the kernel has none. */
static int
limit_calls(void)
{
	int r = syscalls_limit();

	if (r == -ENOSYS || r == -EINVAL) {
		log_info("serve", "no filter of system calls: %s",
		    r == -ENOSYS ? "built without libseccomp" : "this kernel has none");
		return 0;
	}
	if (r < 0)
		log_err("serve", "the filter of system calls cannot be loaded: %s", strerror(-r));
	return r;
}

static int
child(const struct config *config, const struct serve_sockets *sockets, int link)
{
	_cleanup_(freep) char *public_dir =
	    xasprintf("%s/public", config_text(config, OPTION_state_dir));
	struct view view = {.step = (unsigned) config_number(config, OPTION_step),
	    .shown = (config_bool(config, OPTION_metrics_devices) ? SHOW_DEVICES : 0) |
		(config_bool(config, OPTION_metrics_created) ? SHOW_CREATED : 0)};
	struct serve_sockets own = *sockets;
	int keep[ARRAY_SIZE(own.listen) + 1];
	struct user user;
	int status, is_root;

	(void) prctl(PR_SET_NAME, PROCESS_NAME);
	(void) !nice(NICE);
	reset_signals();
	memcpy(keep, own.listen, sizeof(own.listen));
	keep[own.n] = link;
	close_others(keep, own.n + 1);
	(void) umask(077);
	read_pages(config, &view.pages);
	host_uuid_read("", view.host_uuid);
	advisor_init(&view.advisor, config_text(config, OPTION_stop_rule));
	is_root = find_user(config, &user);
	if (is_root < 0)
		return EXIT_FAILURE;
	own.drawer = start_drawer(config, is_root ? &user : NULL);
	if (become_harmless(is_root ? &user : NULL, public_dir, &view.dir) < 0)
		return EXIT_FAILURE;
	if (limit_calls() < 0)
		return EXIT_FAILURE;
	own.gate = gate_new(own.secrets, config_bool(config, OPTION_local_token),
	    (unsigned) config_number(config, OPTION_request_rate));
	status = half_run(&view, &own, link);
	gate_free(own.gate);
	view_done(&view);
	return status;
}

/* The directory is the store's; where it has not been made yet, so that there is something to go
 * into. */
static int
make_public(const struct config *config)
{
	_cleanup_(freep) char *dir = xasprintf("%s/public", config_text(config, OPTION_state_dir));
	struct user user;
	int r;

	if (access(dir, F_OK) == 0)
		return 0;
	r = mkdir_parents(dir, 0755);
	if (r == 0 && geteuid() == 0 && user_find(config, &user) == 0 &&
	    (chown(dir, 0, user.gid) < 0 || chmod(dir, 0750) < 0))
		r = -errno;
	return r;
}

int
serve_start(
    const struct config *config, const struct serve_sockets *sockets, pid_t *ret_pid, int *ret_link)
{
	int pair[2], r = make_public(config);
	pid_t pid;

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	(void) shutdown(
	    pair[0], SHUT_RD); /* one way: what the serve half says is not even received */
	(void) fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void) close(pair[0]);
		_exit(child(config, sockets, pair[1]));
	}
	(void) close(pair[1]);
	if (pid < 0) {
		r = -errno;
		(void) close(pair[0]);
		return r;
	}
	*ret_pid = pid;
	*ret_link = pair[0];
	return 0;
}
