/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANSWER_H
#define ANSWER_H

#include "base/strbuf.h"
#include "base/tick.h"
#include "serve/view.h"

/* From a request to a reply, without a socket: what http.c does with libmicrohttpd, tests do by
 * hand. */

#define PATH_PREFIX "/services/plugin/xenscope" /* under which xapi forwards */
#define MAX_PATH 512
#define MAX_PARAMETERS 16
#define MAX_QUERY 2048  /* bytes of names and values */
#define MAX_HEADERS 8192 /* likewise */
#define MAX_KEY 64 /* of what stands for {...} in a route's path */

/* The rows of routes.def, and one for no route. */
enum route_id {
#define ROUTE(path, parameters, life, function, answer, help) ROUTE_##function,
#include "serve/routes.def"
	NO_ROUTE,
	ROUTE_COUNT
};

struct parameter {
	const char *name, *value; /* unescaped; value "" where none was given */
};

struct request {
	const struct view *view;
	struct tick now;
	const char *method, *path; /* the path unescaped, without the query */
	const char *accept;	   /* that header, NULL for none */
	const char *version;	   /* of the protocol, NULL for the present one */
	struct parameter parameter[MAX_PARAMETERS];
	size_t n_parameters; /* more than there is room for: those are not there */
	size_t query_bytes, header_bytes;
	size_t expected; /* bytes of the answer, as the last one had; 0 unknown */
	enum route_id route; /* this and the key are set by answer() and answer_key() */
	char key[MAX_KEY];
};

/* A body that is made part by part while it is sent. */
struct stream {
	/* Appends a part, always to the same b. False: that was the last one. */
	bool (*more)(struct stream *s, struct strbuf *b);
	void (*free)(struct stream *s);
	size_t bytes; /* that it keeps from being freed, at most */
};

struct reply {
	unsigned status;
	const char *type;	 /* Content-Type */
	const char *allow;	 /* header of that name, NULL for none */
	const char *location;	 /* likewise */
	char error[256];	 /* what was wrong, "" nothing */
	const struct page *page; /* the body if set, else: */
	struct strbuf body;
	struct strbuf drawing; /* what xenscope-graph is to draw (picture.h): the picture is the body; empty: nothing */
	struct stream *stream; /* what follows the body, NULL for nothing; owned */
};

/* Answers by routes.def. *ret is overwritten; the caller drops it with reply_done. */
void answer(struct request *q, struct reply *ret);
void reply_done(struct reply *r);
void stream_free(struct stream *s); /* accepts NULL */

/* What names this request's answer as long as the view does not change: its path and query. "": an answer that changes
 * by itself. */
#define ANSWER_KEY (MAX_PATH + MAX_QUERY + 3 * MAX_PARAMETERS)
void answer_key(struct request *q, char *ret, size_t n);

/* True if the answer must be made whole, so that its length is known: for HEAD, for xapi's proxy, which copies that
 * many bytes, and for HTTP/1.0, which knows no chunks. */
bool answer_whole(const struct request *q);

/* For routes: an error as RFC 9457 has it. The text says what was wrong and the way out. */
void problem(const struct request *q, struct reply *ret, unsigned status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a parameter of the query: status 400, and the parameter's name as a member of its own. */
void problem_of(const struct request *q, struct reply *ret, const char *parameter, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The parameter's value, NULL if it was not given. */
const char *request_parameter(const struct request *q, const char *name);

/* A UUID among the parameters, lower case in ret[37]; "" when none was given. False: refused,
 * *ret_reply says so. */
bool request_uuid(const struct request *q, struct reply *ret_reply, char *ret);

/* True if the client would rather have OpenMetrics than Prometheus' text format. */
bool metrics_format(const struct request *q);

/* The path that a row of routes.def has. */
const char *answer_path(enum route_id route);

/* One function for each function of routes.def. */
#define ROUTE(path, parameters, life, function, answer, help)                                            \
	void function(const struct request *q, struct reply *ret);
#include "serve/routes.def"

#endif
