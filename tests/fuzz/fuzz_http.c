/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "serve/http.h"
#include "store/store.h"
#include "tests/made_up.h"
#include "tests/remove_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a client sends to the serve half, byte for byte: through libmicrohttpd, the routes, their parameters, the files
 * below the directory, and back until nothing more comes: then the client goes away. */

#define PATIENCE 20    /* turns of the loop, of which each part of an answer takes one or two */
#define MAX_SENT 32768 /* bytes: more than a request may have, less than a socket holds */

static struct loop *loop;
static struct view view;
static char dir[] = "/tmp/xenscope-fuzz-XXXXXX";

static void
must(bool done)
{
	if (!done)
		abort();
}

static void
clean(void)
{
	remove_tree(dir);
}

/* Two samples of made-up domains in the RRD files. */
static void
make_up_store(struct sample *newest)
{
	struct sample *older = sample_copy(newest);
	struct store *store = NULL;

	older->at.real -= 5;
	must(store_open(dir, 5, getegid(), &store) == 0 && store_write(store, older) == 0 &&
	    store_write(store, newest) == 0);
	store_close(store);
	sample_free(older);
}

/* A record in the journal. */
static void
make_up_journal(void)
{
	_cleanup_(freep) char *path = xasprintf("%s/migrations.jsonl", dir);
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct migration_record r;
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *line = NULL;
	size_t n = 0;

	made_up_record(&r, 7, 3);
	r.result = RESULT_COMPLETED;
	record_gen(g, &r);
	must(yajl_gen_get_buf(g, &line, &n) == yajl_gen_status_ok && write_all(fd, line, n) == 0 &&
	    write_all(fd, "\n", 1) == 0);
	yajl_gen_free(g);
	record_done(&r);
}

static int
listen_there(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	must(fd >= 0 && bind(fd, (const struct sockaddr *) &address, sizeof(address)) == 0 && listen(fd, 8) == 0);
	return fd;
}

/* Once for all inputs: what one of them leaves behind, the next one meets. */
static void
begin(void)
{
	struct serve_sockets sockets = {.n = 1};
	struct sample *s = made_up_sample(3);
	struct migration_record *running = xcalloc(1, sizeof(*running));
	struct http *http;

	must(mkdtemp(dir) != NULL && atexit(clean) == 0);
	make_up_store(s);
	make_up_journal();
	made_up_record(running, 1, 2);
	view.dir = dir;
	view.step = 5;
	view_set_sample(&view, s);
	view_set_record(&view, running);
	sockets.listen[0] = listen_there();
	must(loop_new(&loop) == 0 && http_new(loop, &sockets, &view, &http) == 0);
}

static int
connect_there(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	must(fd >= 0 && connect(fd, (const struct sockaddr *) &address, sizeof(address)) == 0);
	return fd;
}

struct client {
	int fd;
	unsigned quiet; /* turns of the loop without an answer */
};

static void
on_answer(void *arg, uint32_t events, const struct tick *now)
{
	struct client *c = arg;
	char answer[65536];

	(void) events, (void) now;
	c->quiet = 0;
	if (recv(c->fd, answer, sizeof(answer), 0) <= 0)
		loop_stop(loop, 0);
}

static void
on_turn(void *arg, uint32_t events, const struct tick *now)
{
	struct client *c = arg;

	(void) events, (void) now;
	if (++c->quiet > PATIENCE)
		loop_stop(loop, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c = {.fd = -1};
	int turns;

	if (size > MAX_SENT)
		return 0;
	if (!loop)
		begin();
	c.fd = connect_there();
	must(send(c.fd, data, size, MSG_NOSIGNAL) == (ssize_t) size);
	turns = loop_every(loop, 0, 1e-9, on_turn, &c);
	must(turns >= 0 && loop_add(loop, c.fd, EPOLLIN, on_answer, &c) == 0 && loop_run(loop) == 0);
	loop_cancel(loop, turns);
	loop_remove(loop, c.fd);
	(void) close(c.fd);
	return 0;
}
