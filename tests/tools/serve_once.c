/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve_once STATE_DIR DASHBOARD_DIR SOCKET [DOMAINS]: the serve half as it ships, on a port that
 * the kernel chooses and on a socket, with a made-up sample and a migration under way, and one step
 * of it stored. Prints where it listens and the serve half's process id, a line each, and ends with
 * its standard input. */
#include <config.h>

#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "config/config.h"
#include "serve/link.h"
#include "serve/rights.h"
#include "serve/serve.h"
#include "store/store.h"
#include "tests/made_up.h"

static void
must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void) fprintf(stderr, "serve_once: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void
on_input(void *arg, uint32_t events, const struct tick *now)
{
	struct loop *loop = arg;
	char c;

	(void) events;
	(void) now;
	if (read(STDIN_FILENO, &c, 1) <= 0)
		loop_stop(loop, 0);
}

/* Two samples a step apart, the second of now. */
static void
store(const struct config *config, const struct sample *newest)
{
	_cleanup_(freep) char *dir = xasprintf("%s/public", config_text(config, OPTION_state_dir));
	unsigned step = (unsigned) config_number(config, OPTION_step);
	struct sample *older = sample_copy(newest);
	struct store *s = NULL;
	struct user user = {.gid = (gid_t) -1};

	must(user_find(config, &user), "user");
	older->at.real -= step;
	must(store_open(dir, step, geteuid() == 0 ? user.gid : getegid(), &s), dir);
	must(store_write(s, older), "store");
	must(store_write(s, newest), "store");
	store_close(s);
	sample_free(older);
}

int
main(int argc, char **argv)
{
	struct sample *sample = made_up_sample(argc > 4 ? (unsigned) atoi(argv[4]) : 3);
	struct migration_record record;
	struct serve_sockets sockets;
	struct link_writer *writer;
	struct config config;
	struct loop *loop;
	const char *where = "";
	int link, status = 0;
	pid_t pid;

	if (argc < 4)
		return 2;
	config_init(&config);
	must(config_set(&config, "state_dir", argv[1]), argv[1]);
	must(config_set(&config, "dashboard_dir", argv[2]), argv[2]);
	must(config_set(&config, "socket", argv[3]), argv[3]);
	must(config_set(&config, "listen", "127.0.0.1:0"), "listen");
	must(config_set(&config, "xapi_socket", ""), "xapi_socket");
	sample->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = (double) sample->n_domains;
	store(&config, sample);
	must(serve_listen(&config, &sockets, &where), where);
	must(serve_start(&config, &sockets, &pid, &link), "start");
	for (size_t i = 0; i < sockets.n; i++)
		(void) printf("%s\n", sockets.where[i]);
	serve_sockets_close(&sockets);

	must(loop_new(&loop), "loop");
	writer = link_writer_new(loop, link);
	link_send_sample(writer, sample);
	made_up_record(&record, 7, 3);
	link_send_record(writer, &record);
	(void) printf("%d\n", pid);
	(void) fflush(stdout);
	must(loop_add(loop, STDIN_FILENO, EPOLLIN, on_input, loop), "standard input");
	must(loop_run(loop), "loop");

	(void) kill(pid, SIGTERM); /* as the agent ends it */
	(void) waitpid(pid, &status, 0);
	link_writer_free(writer);
	(void) close(link);
	record_done(&record);
	sample_free(sample);
	loop_free(loop);
	config_done(&config);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 0 : 1;
}
