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

struct parameter {
	const char *name, *value; /* unescaped; value "" where none was given */
};

struct request {
	const struct view *view;
	struct tick now;
	const char *method, *path; /* the path unescaped, without the query */
	const char *accept;	   /* that header, NULL for none */
	struct parameter parameter[MAX_PARAMETERS];
	size_t n_parameters; /* more than there is room for: those are not there */
	size_t query_bytes, header_bytes;
	char key[MAX_KEY]; /* set by answer() */
};

struct reply {
	unsigned status;
	const char *type;	 /* Content-Type */
	const char *allow;	 /* header of that name, NULL for none */
	const char *location;	 /* likewise */
	char error[256];	 /* what was wrong, "" nothing */
	const struct page *page; /* the body if set, else: */
	struct strbuf body;
};

/* Answers by routes.def. *ret is overwritten; the caller drops it with reply_done. */
void answer(struct request *q, struct reply *ret);
void reply_done(struct reply *r);

/* Under which name the body of this request's answer may be kept, as long as the view does not change; "" if it may
 * not. */
void answer_key(const struct request *q, char *ret, size_t n);

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

/* One function for each function of routes.def. */
#define ROUTE(path, parameters, life, function, help)                                            \
	void function(const struct request *q, struct reply *ret);
#include "serve/routes.def"

#endif
