/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XMLRPC_H
#define XMLRPC_H

#include <stddef.h>

#include "base/strbuf.h"

/* The part of XML-RPC that xapi speaks with a plugin: a call whose parameters are the caller's
 * session and a struct of strings in, Success or Failure out (xen-api ocaml/xapi/xapi_plugins.ml,
 * python3/examples/XenAPIPlugin.py). */

/* Bytes, but for the arguments. That of a call is Linux's limit for one argument, MAX_ARG_STRLEN. */
#define MAX_CALL (128u << 10)
#define MAX_CALL_METHOD 64
#define MAX_CALL_ARGUMENTS 32
#define MAX_CALL_NAME 64
#define MAX_CALL_VALUE 4096

struct xmlrpc_argument {
	char *name, *value; /* UTF-8 without NUL */
};

/* The session is not kept: nothing here needs it. */
struct xmlrpc_call {
	char *method;
	struct xmlrpc_argument argument[MAX_CALL_ARGUMENTS];
	size_t n_arguments;
};

/* Reads a methodCall of n bytes. -EMSGSIZE: too large; -EBADMSG: not such a call, or one with a
 * DOCTYPE; then why[size] tells a person what is wrong. The caller passes *ret to xmlrpc_call_done.
 */
int xmlrpc_parse(const char *text, size_t n, struct xmlrpc_call *ret, char *why, size_t size);
void xmlrpc_call_done(struct xmlrpc_call *c);

/* Append the reply that xapi turns into the caller's result, or into the API error words[0] with
 * the others as its parameters. What XML cannot hold is replaced by U+FFFD, so that the reply is
 * always well-formed UTF-8. */
void xmlrpc_success(struct strbuf *b, const char *value);
void xmlrpc_failure(struct strbuf *b, const char *const *words, size_t n);

#endif
