/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/http.h"

#include <errno.h>
#include <math.h>
#include <microhttpd.h>
#include <sys/epoll.h>

#include "base/usage.h"
#include "base/util.h"
#include "serve/answer.h"
#include "serve/drawings.h"
#include "serve/flow.h"
#include "serve/gate.h"
#include "serve/headers.h"
#include "serve/kept.h"
#include "serve/visits.h"

#define MAX_CONNECTIONS 64u	  /* of each socket */
#define IDLE_SECONDS 15u	  /* until a connection that stands still is closed */
#define MAX_REQUEST (16u * 1024)  /* request line, headers and libmicrohttpd's own needs */
#define MAX_IN_FLIGHT (48u << 20) /* bytes of replies that clients have not yet taken */
#define STREAM_BLOCK (16u * 1024) /* of a body that is made while it is sent */
#define STATUS_CLASSES 6
#define MAX_TURNS 8		  /* of libmicrohttpd before others get their turn */
#define FULL_SECONDS 1.0	  /* until it looks again whether one that was full has room */

/* Names of Dom0's libmicrohttpd, 0.9.33, and of the present. */
#if MHD_VERSION < 0x00097002
#define MHD_Result int
#else
#define MHD_Result enum MHD_Result
#endif
#if MHD_VERSION < 0x00095300
#define FLAGS (MHD_USE_EPOLL_LINUX_ONLY | MHD_SUPPRESS_DATE_NO_CLOCK | MHD_USE_SUSPEND_RESUME)
#define INFO_EPOLL MHD_DAEMON_INFO_EPOLL_FD_LINUX_ONLY
#else
#define FLAGS (MHD_USE_EPOLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_ALLOW_SUSPEND_RESUME)
#define INFO_EPOLL MHD_DAEMON_INFO_EPOLL_FD
#define INFO_CONNECTIONS MHD_DAEMON_INFO_CURRENT_CONNECTIONS
#define HAS_VISITS /* connections are told of; before that they only have IDLE_SECONDS */
#endif

struct http {
	struct loop *loop;
	const struct view *view;
	struct gate *gate; /* NULL: everybody may ask */
	struct visits *visits;
	struct MHD_Daemon *daemon[MAX_LISTEN];
	int epoll[MAX_LISTEN];
	size_t n;
	int timer;  /* -1: none */
	double due; /* CLOCK_MONOTONIC: when it fires */
	double began; /* seconds since 1970 */
	size_t in_flight; /* of what is made for one request only */
	struct kept *kept;
	struct drawings *drawings;
	uint64_t requests[ROUTE_COUNT][STATUS_CLASSES];
};

/* One request. */
struct exchange {
	size_t bytes; /* of the reply, in h->in_flight */
	struct body *body; /* or what is kept and sent to others, too; NULL */
	struct drawing *drawing; /* the picture that it waits for or is; NULL */
	enum route_id route;
	unsigned status; /* 0: not answered yet */
};

static ssize_t
read_flow(void *arg, uint64_t at, char *buf, size_t n)
{
	size_t got = flow_read(arg, buf, n);

	(void) at;
	return got ? (ssize_t) got : (ssize_t) MHD_CONTENT_READER_END_OF_STREAM; /* unsigned in 0.9.33 */
}

static void
free_flow(void *arg)
{
	flow_free(arg);
}

/* Takes the reply's body over; NULL: no memory. */
static struct MHD_Response *
response_of(struct reply *reply, bool gzip)
{
	const struct page *page = reply->page;
	struct flow *flow;
	struct MHD_Response *r;

	if (page)
		return MHD_create_response_from_buffer(page->n, page->data, MHD_RESPMEM_PERSISTENT);
	if (reply->stream) {
		flow = flow_new(reply, gzip);
		r = flow ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_flow, flow, free_flow)
			 : NULL;
		if (!r)
			flow_free(flow);
		return r;
	}
	if (!reply->body.text)
		strbuf_str(&reply->body, "");
	r = MHD_create_response_from_buffer(reply->body.n, reply->body.text, MHD_RESPMEM_MUST_FREE);
	if (r)
		reply->body = (struct strbuf){NULL, 0, 0};
	return r;
}

/* Queues the reply and takes it over. etag: NULL for none. */
static MHD_Result
queue_reply(struct MHD_Connection *c, struct reply *reply, struct exchange *x, const char *etag, bool gzip)
{
	struct MHD_Response *r = response_of(reply, gzip);
	MHD_Result done = MHD_NO;

	if (r) {
		headers_add(r, reply, etag, gzip);
		done = MHD_queue_response(c, reply->status, r);
		MHD_destroy_response(r);
	}
	x->status = reply->status;
	reply_done(reply);
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

static bool
takes_gzip(struct MHD_Connection *c)
{
	return headers_take_gzip(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept-Encoding"));
}

static MHD_Result
queue_body(struct MHD_Connection *c, struct body *b, struct exchange *x)
{
	bool gzip = takes_gzip(c);
	const char *known = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
	struct MHD_Response *unchanged =
	    headers_match(known, body_etag(b, gzip)) ? body_unchanged(b, gzip) : NULL;

	x->status = unchanged ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
	if (unchanged)
		return MHD_queue_response(c, MHD_HTTP_NOT_MODIFIED, unchanged);
	x->body = b;
	return MHD_queue_response(c, MHD_HTTP_OK, body_use(b, gzip));
}

static size_t
bytes_of(const struct reply *reply, bool gzip)
{
	return reply->body.n + (reply->stream ? reply->stream->bytes + (gzip ? FLOW_GZIP_BYTES : 0) : 0);
}

/* Of what too much is on its way already an error is made. */
static void
check_room(const struct http *h, const struct request *q, struct reply *reply, bool *gzip)
{
	if (h->in_flight + kept_old_bytes(h->kept) + bytes_of(reply, *gzip) <= MAX_IN_FLIGHT)
		return;
	problem(q, reply, 503, "too many large answers are on their way; ask again in a moment");
	*gzip = false;
}

/* An answer that is kept and given to others, too. */
static MHD_Result
reply_kept(struct http *h, struct MHD_Connection *c, struct request *q, struct exchange *x, const char *key)
{
	uint64_t generation = h->view->generation; /* what is made now is of this one */
	struct body *b = kept_find(h->kept, key, generation);
	bool gzip = false;
	struct reply reply;

	if (b)
		return queue_body(c, b, x);
	q->expected = kept_forget(h->kept, key);
	answer(q, &reply);
	(void) flow_drain(&reply, false);
	check_room(h, q, &reply, &gzip);
	b = reply.status == MHD_HTTP_OK ? kept_add(h->kept, key, generation, &reply) : NULL;
	if (b)
		return queue_body(c, b, x);
	x->bytes = reply.body.n;
	h->in_flight += x->bytes;
	return queue_reply(c, &reply, x, NULL, false);
}

/* The tag of an answer that depends on nothing but the view and the key; a time before now does once nothing changes
 * any more. */
static const char *
tag_of(const struct http *h, const char *key, bool gzip, char etag[ETAG_SIZE])
{
	if (!*key || !h->view->sample || h->view->sample->stale)
		return NULL;
	kept_tag(h->kept, key, h->view->generation, gzip, etag);
	return etag;
}

/* The reply to a request that can be answered: false when it waits for a picture. One that has waited is not made
 * again, as it would ask for another one by now. */
static bool
make_reply(struct http *h, struct MHD_Connection *c, struct request *q, struct exchange *x, struct reply *reply)
{
	if (x->drawing)
		*reply = (struct reply){.status = MHD_HTTP_OK};
	else
		answer(q, reply);
	return !(x->drawing || reply->drawing.n > 0) || drawings_reply(h->drawings, c, q, &x->drawing, reply);
}

/* An answer for this request alone: whole where the length must be known, else part by part. */
static MHD_Result
reply_once(struct http *h, struct MHD_Connection *c, struct request *q, struct exchange *x, const char *key)
{
	bool gzip = takes_gzip(c);
	const char *known = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-None-Match");
	char buf[ETAG_SIZE];
	const char *etag = tag_of(h, key, gzip, buf);
	struct reply reply = {.status = MHD_HTTP_NOT_MODIFIED, .type = "application/json"};

	if (etag && known && !strchr(known, '*') && headers_match(known, etag))
		return queue_reply(c, &reply, x, etag, false);
	if (!make_reply(h, c, q, x, &reply)) {
		reply_done(&reply);
		return MHD_YES;
	}
	if (!reply.stream)
		gzip = gzip && reply.status == MHD_HTTP_OK && !reply.page && reply.body.n >= MIN_GZIP;
	if (reply.stream ? answer_whole(q) : gzip)
		gzip = flow_drain(&reply, gzip) && gzip;
	check_room(h, q, &reply, &gzip);
	x->bytes = bytes_of(&reply, gzip);
	h->in_flight += x->bytes;
	return queue_reply(c, &reply, x, reply.status == MHD_HTTP_OK ? etag : NULL, gzip);
}

static MHD_Result
reply_to(struct http *h, struct MHD_Connection *c, struct request *q, struct exchange *x)
{
	char key[ANSWER_KEY];

	answer_key(q, key, sizeof(key));
	x->route = q->route;
	return *key && q->n_parameters == 0 ? reply_kept(h, c, q, x, key) : reply_once(h, c, q, x, key);
}

static bool
has_body(struct MHD_Connection *c)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Transfer-Encoding") ||
	       (length && strcmp(length, "0") != 0);
}

#ifdef HAS_VISITS
static struct visit *
visit_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void
on_connection(void *arg, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct http *h = arg;
	const struct tick now = tick_now();

	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*context = visit_begin(
		    h->visits, MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, &now);
	else if (*context)
		visit_end(h->visits, TAKE_PTR(*context));
}
#define NOTIFY_CONNECTION(h) MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
#else
static struct visit *
visit_of(struct MHD_Connection *c)
{
	(void) c;
	return NULL;
}
#define NOTIFY_CONNECTION(h)
#endif

/* libmicrohttpd calls it once when the headers are there and once more when all is; what is refused
 * is refused the first time, which closes the connection without reading on. */
static MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_n, void **state)
{
	struct http *h = arg;
	struct exchange *x = *state;
	struct request q = {
	    .view = h->view, .now = tick_now(), .method = method, .path = url, .version = version};
	bool read_only = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	(void) upload;
	if (*upload_n > 0)
		return MHD_NO;
	visit_answered(visit_of(c), &q.now);
	if (!x) {
		struct reply reply = {.status = 0};

		x = *state = xcalloc(1, sizeof(*x));
		x->route = NO_ROUTE;
		if (h->gate && !gate_allows(h->gate, c, &q, &reply))
			return queue_reply(c, &reply, x, NULL, false);
		if (read_only && !has_body(c))
			return MHD_YES;
		if (read_only) {
			problem(&q, &reply, 400, "a request here has no body");
			return queue_reply(c, &reply, x, NULL, false);
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
	const struct tick now = tick_now();

	(void) why;
	visit_done(visit_of(c), &now);
	if (x) {
		h->in_flight -= x->bytes;
		h->requests[x->route][x->status / 100 % STATUS_CLASSES]++;
	}
	if (x && x->body)
		body_release(h->kept, x->body);
	if (x)
		drawing_release(h->drawings, x->drawing);
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

/* Whether it has, or may have, as many connections as it takes. */
static bool
is_full(struct MHD_Daemon *d)
{
#ifdef INFO_CONNECTIONS
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, INFO_CONNECTIONS);

	return info && info->num_connections >= MAX_CONNECTIONS;
#else
	return d != NULL;
#endif
}

/* libmicrohttpd's epoll set is edge-triggered: while it says 0 ms, it has work that no event announces. One that is
 * full does not listen, and begins again only in the turn after the one in which connections ended, which no event
 * announces, either. */
static void
run(struct http *h, const struct tick *now)
{
	for (size_t i = 0; i < h->n; i++) {
		unsigned long long ms;
		int turns = 0, empty = 0;
		bool full, timed, again;

		do {
			full = is_full(h->daemon[i]);
			(void) MHD_run(h->daemon[i]);
			ms = 0;
			timed = MHD_get_timeout(h->daemon[i], &ms) == MHD_YES;
			empty = timed ? 0 : empty + 1;
			again = timed ? ms == 0 : full && empty == 1;
		} while (again && ++turns < MAX_TURNS);
		if (timed || again)
			set_timer(h, MIN(MAX((double) ms / 1000, 0.001), full ? FULL_SECONDS : IDLE_SECONDS), now);
	}
	visits_sweep(h->visits, now);
}

static void
run_drawn(void *arg, const struct tick *now)
{
	run(arg, now);
}

static MHD_Result
on_connect(void *arg, const struct sockaddr *from, socklen_t n)
{
	struct http *h = arg;
	const struct tick now = tick_now();

	(void) n;
	return gate_admits(h->gate, from, &now) ? MHD_YES : MHD_NO;
}

static int
add_daemon(struct http *h, int fd, bool remote)
{
	const union MHD_DaemonInfo *info;
	struct MHD_OptionItem options[GATE_OPTIONS] = {{MHD_OPTION_END, 0, NULL}};
	struct MHD_Daemon *d;

	if (remote)
		gate_options(h->gate, options);
	d = MHD_start_daemon(remote ? FLAGS | gate_flags() : FLAGS, 0, remote ? on_connect : NULL, h, on_request, h,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t) MAX_REQUEST, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_ARRAY, options,
	    NOTIFY_CONNECTION(h) MHD_OPTION_END);

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
	int r;

	h->loop = loop;
	h->view = view;
	h->gate = sockets->gate;
	h->kept = kept_new();
	h->visits = visits_new();
	h->began = tick_now().real;
	h->timer = -1;
	r = drawings_new(loop, sockets->drawer, run_drawn, h, &h->drawings);
	for (size_t i = 0; i < sockets->n && r == 0; i++)
		r = add_daemon(h, sockets->listen[i], sockets->remote[i]);
	sockets->n = 0;
	if (r < 0) {
		http_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

static double
open_connections(const struct http *h)
{
	double n = 0;

#ifdef INFO_CONNECTIONS
	for (size_t i = 0; i < h->n; i++) {
		const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon[i], INFO_CONNECTIONS);

		n += info ? info->num_connections : 0;
	}
#else
	(void) h;
	n = NAN;
#endif
	return n;
}

void
http_show(const struct http *h, struct sample *s)
{
	s->began.serve = h->began;
	s->serve[METRIC_AT(M_SERVE_CPU, SERVE)] = usage_cpu_seconds();
	s->serve[METRIC_AT(M_SERVE_KEPT, SERVE)] = (double) kept_bytes(h->kept);
	s->serve[METRIC_AT(M_SERVE_CONNECTIONS, SERVE)] = open_connections(h);
	for (unsigned route = 0; route < ROUTE_COUNT; route++)
		for (unsigned class = 1; class < STATUS_CLASSES; class++) {
			struct sample_requests *r = h->requests[route][class] ? sample_add_requests(s) : NULL;

			if (!r)
				continue;
			str_copy(r->route, sizeof(r->route), answer_path((enum route_id) route));
			r->class = class;
			r->value[METRIC_AT(M_REQUESTS, REQUESTS)] = (double) h->requests[route][class];
		}
}

void
http_free(struct http *h)
{
	const struct tick now = tick_now();

	if (!h)
		return;
	drawings_stop(h->drawings);
	run(h, &now);
	if (h->timer >= 0)
		loop_cancel(h->loop, h->timer);
	while (h->n > 0) {
		loop_remove(h->loop, h->epoll[--h->n]);
		MHD_stop_daemon(h->daemon[h->n]);
	}
	kept_free(h->kept);
	drawings_free(h->drawings);
	visits_free(h->visits);
	free(h);
}
