/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serve half as its parent sees it: started, exchanged, started again. */
#include <config.h>

#include <poll.h>
#include <signal.h>

#include "base/file.h"
#include "base/http_get.h"
#include "base/tokens.h"
#include "serving.h"
#include "tests/made_up.h"
#include "tests/tap.h"

static char dir[] = "/tmp/xenscope-serving-XXXXXX";
static struct config config;
static struct loop *loop;
static struct serving *serving;
static char *where; /* "unix:..." */

static void
set(const char *name, const char *value)
{
	if (config_set(&config, name, value) < 0)
		abort();
}

static void
on_time(void *arg, uint32_t events, const struct tick *now)
{
	(void) arg;
	(void) events;
	(void) now;
	loop_stop(loop, 0);
}

/* Lets the loop run until the answer has this text: true; false after some seconds. */
static int
comes(const char *path, const char *text)
{
	int timer = loop_every(loop, 0.02, 0.02, on_time, NULL), found = 0;

	for (int i = 0; i < 100 && !found; i++) {
		unsigned status = 0;
		char *body = NULL;
		size_t n;

		(void) loop_run(loop);
		if (http_get(where, path, 0.2, &status, &body, &n) == 0)
			found = strstr(body, text) != NULL;
		free(body);
	}
	loop_cancel(loop, timer);
	return found;
}

static void
sample(void)
{
	struct sample *s = made_up_sample(3);

	serving_sample(serving, s);
	sample_free(s);
}

/* The only child of this process; 0: none. */
static pid_t
child(void)
{
	char *path = xasprintf("/proc/self/task/%d/children", getpid()), *text = NULL;
	pid_t pid = file_read(path, 4096, &text, NULL) == 0 ? (pid_t) atoi(text) : 0;

	free(text);
	free(path);
	return pid;
}

static void
test_exchange(const char *file)
{
	pid_t first = child(), second;

	sample();
	ok(child() == first, "what has not changed changes nothing");
	if (file_replace(file, "a:b\n") < 0)
		abort();
	sample();
	ok(child() == first, "nor does what is not good");
	if (file_replace(file, "# nobody\n") < 0)
		abort();
	sample();
	second = child();
	ok(second > 0 && second != first, "with other tokens another process serves");
	ok(comes("/api/v1/host", "xen_version"), "which has a sample at once");
	ok(comes("/api/v1/migrations", "\"m-7\""), "and the migrations that are under way");
}

/* One that takes no signal but those that cannot be blocked. */
static void
test_stopped(const char *file)
{
	pid_t first = child();

	if (kill(first, SIGSTOP) < 0 || file_replace(file, "# nobody yet\n") < 0)
		abort();
	(void) alarm(20); /* that would be the end of the test */
	sample();
	(void) alarm(0);
	ok(child() > 0 && child() != first, "one that stands still does not hold up its parent");
	ok(comes("/api/v1/host", "xen_version"), "and another one serves");
}

static void
test_killed(void)
{
	int timer = loop_every(loop, 0.02, 0.02, on_time, NULL);
	const struct tick now = tick_now();
	pid_t first = child();

	ok(kill(first, SIGKILL) == 0, "it is killed");
	for (int i = 0; i < 200; i++) { /* as the signal's handler would, once */
		(void) poll(NULL, 0, 5);
		serving_child_ended(serving, &now);
		if (child() == 0)
			break;
	}
	for (int i = 0; i < 500 && child() == 0; i++)
		(void) loop_run(loop);
	loop_cancel(loop, timer);
	ok(child() != first && comes("/api/v1/migrations", "no sample yet"), "another one comes");
	sample();
	ok(comes("/api/v1/migrations", "\"m-7\""), "which has the same migrations");
}

int
main(void)
{
	char *state, *sock, *file, *clean;
	struct migration_record r;

	if (!mkdtemp(dir) || loop_new(&loop) < 0)
		abort();
	state = xasprintf("%s/state", dir);
	sock = xasprintf("%s/http.sock", dir);
	file = xasprintf("%s/tokens", dir);
	clean = xasprintf("rm -r %s", dir);
	if (file_replace(file, "") < 0)
		abort();
	config_init(&config);
	set("listen", "");
	set("xapi_socket", "");
	set("dashboard_dir", "");
	set("socket", sock);
	set("state_dir", state);
	set("tokens", file);
	where = xasprintf("unix:%s", sock);
	ok(serving_start(&config, loop, false, &serving) == 0, "it starts");
	made_up_record(&r, 7, 3);
	serving_record(serving, &r);
	record_done(&r);
	sample();
	ok(comes("/api/v1/migrations", "\"m-7\""), "a migration under way is shown");
	test_exchange(file);
	test_stopped(file);
	test_killed();
	serving_end(serving);
	ok(child() == 0, "it ends");
	loop_free(loop);
	config_done(&config);
	ok(system(clean) == 0, "the test clears up");
	free(state);
	free(sock);
	free(file);
	free(clean);
	free(where);
	return done_testing();
}
