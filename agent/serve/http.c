/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <sys/epoll.h>

#include "base/util.h"
#include "serve/answer.h"
#include "serve/headers.h"
#include "serve/kept.h"

#define MAX_CONNECTIONS 30u	  /* of each socket */
#define IDLE_SECONDS 15u	  /* until a connection that stands still is closed */
#define MAX_REQUEST (16u * 1024)  /* request line, headers and libmicrohttpd's own needs */
#define MAX_IN_FLIGHT (48u << 20) /* bytes of replies that clients have not yet taken */
#define MAX_TURNS 8		  /* of libmicrohttpd before others get their turn */

/* Names of Dom0's libmicrohttpd, 0.9.33, and of the present. */
#if MHD_VERSION < 0x00097002
#define MHD_Result int
#else
#define MHD_Result enum MHD_Result
#endif
#if MHD_VERSION < 0x00095300
#define FLAGS (MHD_USE_EPOLL_LINUX_ONLY | MHD_SUPPRESS_DATE_NO_CLOCK)
#define INFO_EPOLL MHD_DAEMON_INFO_EPOLL_FD_LINUX_ONLY
#else
#define FLAGS (MHD_USE_EPOLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK)
#define INFO_EPOLL MHD_DAEMON_INFO_EPOLL_FD
#endif

struct http {
	struct loop *loop;
	const struct view *view;
	struct MHD_Daemon *daemon[8];
	int epoll[8];
	size_t n;
	int timer;  /* -1: none */
	double due; /* CLOCK_MONOTONIC: when it fires */
	size_t in_flight; /* of what is made for one request only */
	struct kept *kept;
};

/* One request. */
struct exchange {
	size_t bytes; /* of the reply, in h->in_flight */
	struct body *body; /* or what is kept and sent to others, too; NULL */
};

/* Queues the reply and takes its body over. */
static MHD_Result
queue_reply(struct MHD_Connection *c, struct reply *reply)
{
	const struct page *page = reply->page;
	struct MHD_Response *r;
	MHD_Result done;

	if (!reply->body.text)
		strbuf_str(&reply->body, "");
	if (page)
		r = MHD_create_response_from_buffer(page->n, page->data, MHD_RESPMEM_PERSISTENT);
	else
		r = MHD_create_response_from_buffer(
		    reply->body.n, reply->body.text, MHD_RESPMEM_MUST_FREE);
	if (!r) {
		reply_done(reply);
		return MHD_NO;
	}
	headers_add(r, reply, NULL, false);
	done = MHD_queue_response(c, reply->status, r);
	MHD_destroy_response(r);
	return done;
}

static MHD_Result
add_parameter(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct request *q = arg;

	(void) kind;
	q->query_bytes += strlen(name) + (value ? strlen(value) : 0);
	if (q->n_parameters < MAX_PARAMETERS)
		q->parameter[q->n_parameters] = (struct parameter){name, value ? value : ""};
	q->n_parameters++;
	return MHD_YES;
}

static MHD_Result
add_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	size_t *bytes = arg;

	(void) kind;
	*bytes += strlen(name) + (value ? strlen(value) : 0);
	return MHD_YES;
}

static MHD_Result
queue_body(struct MHD_Connection *c, struct body *b, struct exchange *x)
{
	bool gzip = headers_take_gzip(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept-Encoding"));
	const char *known = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
	struct MHD_Response *unchanged =
	    headers_match(known, body_etag(b, gzip)) ? body_unchanged(b, gzip) : NULL;

	if (unchanged)
		return MHD_queue_response(c, MHD_HTTP_NOT_MODIFIED, unchanged);
	x->body = b;
	return MHD_queue_response(c, MHD_HTTP_OK, body_use(b, gzip));
}

static bool
is_too_much(const struct http *h, const struct reply *reply)
{
	return h->in_flight + kept_old_bytes(h->kept) + reply->body.n > MAX_IN_FLIGHT;
}

static MHD_Result
reply_to(struct http *h, struct MHD_Connection *c, struct request *q, struct exchange *x)
{
	uint64_t generation = h->view->generation; /* what is made now is of this one */
	char key[KEPT_KEY];
	struct body *b;
	struct reply reply;

	answer_key(q, key, sizeof(key));
	b = *key ? kept_find(h->kept, key, generation) : NULL;
	if (b)
		return queue_body(c, b, x);
	answer(q, &reply);
	if (is_too_much(h, &reply))
		problem(q, &reply, 503,
		    "too many large answers are on their way; ask again in a moment");
	b = *key && reply.status == 200 ? kept_add(h->kept, key, generation, &reply) : NULL;
	if (b)
		return queue_body(c, b, x);
	x->bytes = reply.body.n;
	h->in_flight += x->bytes;
	return queue_reply(c, &reply);
}

static bool
has_body(struct MHD_Connection *c)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding") ||
	       (length && strcmp(length, "0") != 0);
}

/* libmicrohttpd calls it once when the headers are there and once more when all is; what is refused
 * is refused the first time, which closes the connection without reading on. */
static MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_n, void **state)
{
	struct http *h = arg;
	struct exchange *x = *state;
	struct request q = {.view = h->view, .now = tick_now(), .method = method, .path = url};
	bool read_only = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	(void) version;
	(void) upload;
	if (*upload_n > 0)
		return MHD_NO;
	if (!x) {
		x = *state = xcalloc(1, sizeof(*x));
		if (read_only && !has_body(c))
			return MHD_YES;
		if (read_only) {
			struct reply reply = {.status = 0};

			problem(&q, &reply, 400, "a request here has no body");
			return queue_reply(c, &reply);
		}
		return reply_to(h, c, &q, x);
	}
	q.accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept");
	(void) MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_parameter, &q);
	(void) MHD_get_connection_values(c, MHD_HEADER_KIND, add_header, &q.header_bytes);
	return reply_to(h, c, &q, x);
}

static void
on_completed(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct http *h = arg;
	struct exchange *x = *state;

	(void) c;
	(void) why;
	if (x)
		h->in_flight -= x->bytes;
	if (x && x->body)
		body_release(h->kept, x->body);
	free(x);
	*state = NULL;
}

static void run(struct http *h, const struct tick *now);

static void
on_timer(void *arg, uint32_t events, const struct tick *now)
{
	struct http *h = arg;

	(void) events;
	loop_cancel(h->loop, h->timer);
	h->timer = -1;
	run(h, now);
}

static void
on_ready(void *arg, uint32_t events, const struct tick *now)
{
	(void) events;
	run(arg, now);
}

/* The timer may fire too early, never too late. */
static void
set_timer(struct http *h, double seconds, const struct tick *now)
{
	if (h->timer >= 0 && h->due <= now->mono + seconds)
		return;
	if (h->timer >= 0)
		loop_cancel(h->loop, h->timer);
	h->timer = loop_every(h->loop, seconds, IDLE_SECONDS, on_timer, h);
	h->due = now->mono + seconds;
}

/* libmicrohttpd's epoll set is edge-triggered: while it says 0 ms, it has work that no event
 * announces. */
static void
run(struct http *h, const struct tick *now)
{
	for (size_t i = 0; i < h->n; i++) {
		unsigned long long ms;
		int timed, turns = 0;

		do {
			(void) MHD_run(h->daemon[i]);
			ms = 0;
			timed = MHD_get_timeout(h->daemon[i], &ms) == MHD_YES;
		} while (timed && ms == 0 && ++turns < MAX_TURNS);
		if (timed)
			set_timer(h, MAX((double) ms / 1000, 0.001), now);
	}
}

static int
add_daemon(struct http *h, int fd)
{
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d = MHD_start_daemon(FLAGS, 0, NULL, NULL, on_request, h,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t) MAX_REQUEST, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);

	if (!d)
		return -ENOMEM;
	h->daemon[h->n] = d;
	info = MHD_get_daemon_info(d, INFO_EPOLL);
	h->epoll[h->n++] = info ? info->listen_fd : -1; /* a union of descriptors in all versions */
	return info ? loop_add(h->loop, info->listen_fd, EPOLLIN, on_ready, h) : -ENOSYS;
}

int
http_new(
    struct loop *loop, struct serve_sockets *sockets, const struct view *view, struct http **ret)
{
	struct http *h = xcalloc(1, sizeof(*h));
	int r = 0;

	h->loop = loop;
	h->view = view;
	h->kept = kept_new();
	h->timer = -1;
	for (size_t i = 0; i < sockets->n && r == 0; i++)
		r = add_daemon(h, sockets->listen[i]);
	sockets->n = 0;
	if (r < 0) {
		http_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	if (h->timer >= 0)
		loop_cancel(h->loop, h->timer);
	while (h->n > 0) {
		loop_remove(h->loop, h->epoll[--h->n]);
		MHD_stop_daemon(h->daemon[h->n]);
	}
	kept_free(h->kept);
	free(h);
}
