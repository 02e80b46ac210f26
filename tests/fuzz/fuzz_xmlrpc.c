/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdint.h>
#include <sys/socket.h>

#include "base/http_get.h"
#include "base/tick.h"
#include "base/util.h"
#include "plugin/xapi/methods.h"
#include "plugin/xapi/xmlrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_SAID 65536 /* bytes: what fits into a socket */

/* What an agent could have said. */
static void
read_reply(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *body = NULL;
	unsigned status;
	size_t n;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	if (send(pair[0], data, size < MAX_SAID ? size : MAX_SAID, MSG_NOSIGNAL) < 0 && size > 0)
		abort();
	(void) close(pair[0]);
	if (http_read(pair[1], tick_now().mono + 5, &status, &body, &n) == 0 && strlen(body) > n)
		abort();
	(void) close(pair[1]);
}

/* Enters where xapi hands over its argument; whatever it is, the answer must be a call's reply. The same bytes are
 * then the agent's. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char end[] = "</methodResponse>\n\n";
	_cleanup_(strbuf_done) struct strbuf reply = {NULL, 0, 0};

	plugin_answer((const char *) data, size, "/nonexistent/http.sock", 0, &reply);
	if (reply.n < sizeof(end) || strcmp(reply.text + reply.n - (sizeof(end) - 1), end) != 0)
		abort();
	read_reply(data, size);
	return 0;
}
