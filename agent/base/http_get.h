/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HTTP_GET_H
#define HTTP_GET_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#define HTTP_GET_SECONDS 10.0	     /* for one answer, connecting included */
#define HTTP_GET_MAX (64u << 20) /* bytes of one answer */

/* Asks the agent: one GET of HTTP/1.0, which knows no chunks: an answer has its length and is whole, or an error.
 * target: "unix:/path" or "http://127.0.0.1:9965" (a loopback address, [::1] or localhost).
 * The caller frees *ret_body, NUL-terminated. -EINVAL: not such a target; -EPERM: not a loopback
 * address; -ETIMEDOUT; -ECONNRESET: the connection ended before the answer did; -EBADMSG: the answer is not
 * HTTP or has no length; -EFBIG; else why it is not to be reached. */
int http_get(const char *target, const char *path, double seconds, unsigned *ret_status,
    char **ret_body, size_t *ret_n);

/* The second half of it: reads the answer from a non-blocking descriptor until deadline
 * (CLOCK_MONOTONIC, seconds). */
int http_read(int fd, double deadline, unsigned *ret_status, char **ret_body, size_t *ret_n);

/* A connection, for who speaks HTTP over something else than a plain socket. */
struct http_stream {
	int fd;		 /* non-blocking; -1: not connected yet; its owner closes it */
	double deadline; /* CLOCK_MONOTONIC, seconds */
	/* Wait until they can do something: how many bytes, 0 at the end, -ETIMEDOUT, -errno. */
	ssize_t (*receive)(struct http_stream *s, void *buf, size_t n);
	ssize_t (*send)(struct http_stream *s, const void *buf, size_t n);
	void *session; /* theirs */
};

ssize_t http_plain_receive(struct http_stream *s, void *buf, size_t n);
ssize_t http_plain_send(struct http_stream *s, const void *buf, size_t n);

/* Waits for these events of poll(2). -ETIMEDOUT, -errno. */
int http_wait(const struct http_stream *s, short events);

/* Opens s->fd. -ETIMEDOUT, -errno. */
int http_connect(struct http_stream *s, const struct sockaddr *to, socklen_t n);

/* Sends the request and reads the answer; as http_get. */
int http_exchange(struct http_stream *s, const char *request, unsigned *ret_status, char **ret_body, size_t *ret_n);

#endif
