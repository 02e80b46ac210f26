/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The xapi plugin: one XML-RPC call as the only argument, one reply on standard output. */
#include <config.h>

#include <stdio.h>

#include "base/file.h"
#include "base/util.h"
#include "plugin/xapi/methods.h"

#define AGENT_SOCKET "/run/xenscope/http.sock"
#define MAX_SECONDS 10 /* xapi itself waits for ever */

int
main(int argc, char **argv)
{
	_cleanup_(strbuf_done) struct strbuf reply = {NULL, 0, 0};
	/* for tests: xapi starts plugins with nothing but PATH in their environment */
	const char *socket_path = getenv("XENSCOPE_SOCKET");
	int r;

	if (argc != 2) {
		(void)fprintf(stderr,
		    "xenscope: wrong number of arguments: xapi starts this plugin with one XML-RPC "
		    "call.\n"
		    "By hand: xe host-call-plugin host-uuid=UUID plugin=xenscope fn=help\n");
		return 1;
	}
	plugin_answer(argv[1], strlen(argv[1]), socket_path ? socket_path : AGENT_SOCKET,
	    MAX_SECONDS, &reply);
	r = write_all(STDOUT_FILENO, reply.text, reply.n);
	if (r < 0) {
		(void)fprintf(stderr, "xenscope: cannot write the reply: %s\n", strerror(-r));
		return 1;
	}
	return 0;
}
