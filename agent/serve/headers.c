/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/headers.h"

#include "base/util.h"

#define MAX_ERROR_TEXT 512
#define RETRY_SECONDS "5" /* a sample comes with each step, and who asked too often has had to wait */

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* Of what is no page, should a browser be made to show it as one; a picture has styles of its own. */
static const char data_policy[] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/* xapi's proxy keeps a body only of status 200, so that an error's text must stand in a header as well. */
static void
add_error(struct MHD_Response *r, const char *text)
{
	char value[MAX_ERROR_TEXT];
	size_t n = 0;

	for (; *text && n + 1 < sizeof(value); text++)
		if (*text == ':')
			value[n++] = ';';
		else if ((unsigned char) *text >= ' ' && (unsigned char) *text < 0x7f)
			value[n++] = *text;
	value[n] = '\0';
	if (n)
		(void) MHD_add_response_header(r, "X-Xenscope-Error", value);
}

void
headers_add(struct MHD_Response *r, const struct reply *reply, const char *etag, bool gzip)
{
	(void) MHD_add_response_header(r, "Content-Type", reply->type);
	(void) MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	(void) MHD_add_response_header(r, "Cache-Control", etag ? "no-cache" : "no-store");
	if (etag) {
		(void) MHD_add_response_header(r, "ETag", etag);
		(void) MHD_add_response_header(r, "Vary", "Accept, Accept-Encoding");
	}
	if (gzip)
		(void) MHD_add_response_header(r, "Content-Encoding", "gzip");
	(void) MHD_add_response_header(r, "Content-Security-Policy",
	    reply->page || strncmp(reply->type, "text/html", 9) == 0 ? page_policy : data_policy);
	if (reply->allow)
		(void) MHD_add_response_header(r, "Allow", reply->allow);
	if (reply->location)
		(void) MHD_add_response_header(r, "Location", reply->location);
	if (reply->status == MHD_HTTP_UNAUTHORIZED)
		(void) MHD_add_response_header(r, "WWW-Authenticate", "Bearer realm=\"xenscope\"");
	if (reply->status == 429 || reply->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		(void) MHD_add_response_header(r, "Retry-After", RETRY_SECONDS);
	if (*reply->error)
		add_error(r, reply->error);
}

/* The value of "q" among a list element's parameters; 1 where it has none. */
static double
quality(const char *element, size_t n)
{
	const char *q = memmem(element, n, "q=", 2);

	return q ? strtod(q + 2, NULL) : 1;
}

bool
headers_take_gzip(const char *list)
{
	while (list && *list) {
		size_t n, name;

		list += strspn(list, " \t,");
		n = strcspn(list, ",");
		name = strcspn(list, ",; \t");
		if ((name == 4 && strncasecmp(list, "gzip", 4) == 0) ||
		    (name == 6 && strncasecmp(list, "x-gzip", 6) == 0))
			return quality(list, n) > 0;
		list += n;
	}
	return false;
}

bool
headers_match(const char *list, const char *etag)
{
	size_t n = strlen(etag);

	while (list && *list) {
		list += strspn(list, " \t,");
		if (strncmp(list, "W/", 2) == 0)
			list += 2;
		if (*list == '*' || (strncmp(list, etag, n) == 0 && strchr(", \t", list[n])))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}
