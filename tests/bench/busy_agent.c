/* SPDX-License-Identifier: GPL-2.0-or-later */
/* busy_agent STATE_DIR DASHBOARD_DIR PORT STEP DOMAINS PAST: the agent as it ships, both halves, on a hypervisor whose
 * every value changes before each tick, after so many ticks that lie in the past. Ends with SIGTERM. */
#include <config.h>

#include <signal.h>
#include <stdlib.h>

#include "agent.h"
#include "tests/bench/busy_host.h"

struct busy {
	struct agent *agent;
	struct fake_hv *host;
	struct loop *loop;
};

static void
must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void) fprintf(stderr, "busy_agent: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void
on_signal(void *arg, uint32_t number, const struct tick *now)
{
	struct busy *b = arg;

	if (number == SIGCHLD)
		agent_child_ended(b->agent, now);
	else
		loop_stop(b->loop, 0);
}

static void
on_tick(void *arg, uint32_t events, const struct tick *now)
{
	struct busy *b = arg;

	(void) events;
	busy_host_go_on(b->host);
	agent_tick(b->agent, now);
}

/* Until every domain has its file and its CR4 was read, which takes minutes. */
static void
play_past(struct busy *b, double step, int ticks)
{
	const struct tick now = tick_now();

	for (; ticks > 0; ticks--) {
		const double ago = step * ticks;
		const struct tick then = {.mono = now.mono - ago, .real = now.real - ago};

		on_tick(b, 0, &then);
	}
}

static void
configure(struct config *config, char **argv)
{
	_cleanup_(freep) char *listen = xasprintf("127.0.0.1:%s", argv[3]);
	const char *const set[][2] = {{"state_dir", argv[1]}, {"dashboard_dir", argv[2]}, {"listen", listen},
	    {"step", argv[4]}, {"socket", ""}, {"xapi_socket", ""}, {"log_level", "warn"}};

	config_init(config);
	for (size_t i = 0; i < ARRAY_SIZE(set); i++)
		must(config_set(config, set[i][0], set[i][1]), set[i][0]);
}

int
main(int argc, char **argv)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGCHLD, 0};
	struct config config;
	struct busy b = {.loop = NULL};

	if (argc < 7)
		return 2;
	configure(&config, argv);
	must(loop_new(&b.loop), "loop");
	must(loop_signals(b.loop, signals, on_signal, &b), "signals");
	b.agent = agent_new(&config);
	must(agent_keep(b.agent, false, b.loop), argv[1]);
	must(agent_serve(b.agent, b.loop), "serve");
	b.host = busy_host_new((unsigned) atoi(argv[5])); /* the serve half has no copy of it */
	agent_set_hv(b.agent, &b.host->hv, NULL);
	play_past(&b, atof(argv[4]), atoi(argv[6]));
	must(loop_every(b.loop, 0.001, atof(argv[4]), on_tick, &b), "tick");
	must(loop_run(b.loop), "loop");

	agent_free(b.agent);
	b.host->hv.ops->close(&b.host->hv);
	loop_free(b.loop);
	config_done(&config);
	return 0;
}
