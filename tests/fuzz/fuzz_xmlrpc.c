/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdint.h>

#include "base/util.h"
#include "plugin/xapi/agent_client.h"
#include "plugin/xapi/methods.h"
#include "plugin/xapi/xmlrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Enters where xapi hands over its argument; whatever it is, the answer must be a call's reply. The same bytes are
 * then what an agent could have said. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char end[] = "</methodResponse>\n\n";
	_cleanup_(strbuf_done) struct strbuf reply = {NULL, 0, 0}, again = {NULL, 0, 0}, body = {NULL, 0, 0};
	unsigned status;

	plugin_answer((const char *) data, size, "/nonexistent/http.sock", 0, &reply);
	if (reply.n < sizeof(end) || strcmp(reply.text + reply.n - (sizeof(end) - 1), end) != 0)
		abort();
	if (agent_reply_parse((const char *) data, size, &status, &body) == 0) {
		strbuf_add(&body, "", 0);
		xmlrpc_success(&again, body.text);
	}
	return 0;
}
