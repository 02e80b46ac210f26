/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/xapi/xmlrpc.h"

#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/utf8.h"
#include "base/util.h"

enum place {
	AT_TOP,
	AT_CALL,
	AT_METHOD,
	AT_PARAMS,
	AT_PARAM,
	AT_PARAM_VALUE,
	AT_PARAM_STRING,
	AT_STRUCT,
	AT_MEMBER,
	AT_NAME,
	AT_MEMBER_VALUE,
	AT_MEMBER_STRING,
};

/* All that may stand in a call. A document cannot be deeper than this table. */
static const struct {
	enum place parent;
	const char *element;
	enum place child;
} grammar[] = {
    {AT_TOP, "methodCall", AT_CALL},
    {AT_CALL, "methodName", AT_METHOD},
    {AT_CALL, "params", AT_PARAMS},
    {AT_PARAMS, "param", AT_PARAM},
    {AT_PARAM, "value", AT_PARAM_VALUE},
    {AT_PARAM_VALUE, "string", AT_PARAM_STRING},
    {AT_PARAM_VALUE, "struct", AT_STRUCT},
    {AT_STRUCT, "member", AT_MEMBER},
    {AT_MEMBER, "name", AT_NAME},
    {AT_MEMBER, "value", AT_MEMBER_VALUE},
    {AT_MEMBER_VALUE, "string", AT_MEMBER_STRING},
};

/* Bytes of text that may stand there; 0: only white space. */
static const size_t max_text[] = {
    [AT_METHOD] = MAX_CALL_METHOD,
    [AT_PARAM_VALUE] = MAX_CALL_VALUE,
    [AT_PARAM_STRING] = MAX_CALL_VALUE,
    [AT_NAME] = MAX_CALL_NAME,
    [AT_MEMBER_VALUE] = MAX_CALL_VALUE,
    [AT_MEMBER_STRING] = MAX_CALL_VALUE,
};

struct reader {
	XML_Parser expat;
	struct xmlrpc_call *call;
	enum place place;
	struct strbuf text;
	bool typed;	    /* the value at hand has had its <string> or <struct> */
	char *name, *value; /* of the member at hand */
	unsigned params;
	bool is_struct; /* the parameter at hand */
	char *why;
	size_t why_size;
	bool failed;
};

static void fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first reason stays: Expat may report what it had already read. */
static void
fail(struct reader *r, const char *format, ...)
{
	va_list ap;

	if (r->failed)
		return;
	va_start(ap, format);
	(void)vsnprintf(r->why, r->why_size, format, ap);
	va_end(ap);
	r->failed = true;
	(void)XML_StopParser(r->expat, XML_FALSE);
}

static char *
take_text(struct reader *r)
{
	char *text = r->text.text ? TAKE_PTR(r->text.text) : xstrdup("");

	strbuf_done(&r->text);
	return text;
}

static void XMLCALL
on_start(void *arg, const char *element, const char **attributes)
{
	struct reader *r = arg;

	if (r->failed)
		return;
	if (attributes[0]) {
		fail(r, "<%.32s> has attributes", element);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(grammar); i++) {
		if (grammar[i].parent != r->place || strcmp(grammar[i].element, element) != 0)
			continue;
		if ((r->place == AT_PARAM_VALUE || r->place == AT_MEMBER_VALUE) &&
		    (r->typed || strspn(r->text.n ? r->text.text : "", " \t\r\n") != r->text.n)) {
			fail(r, "a value holds more than one thing");
			return;
		}
		r->place = grammar[i].child;
		r->typed = r->place == AT_PARAM_STRING || r->place == AT_MEMBER_STRING ||
			   r->place == AT_STRUCT;
		if (r->place == AT_STRUCT)
			r->is_struct = true;
		strbuf_done(&r->text);
		return;
	}
	fail(r,
	    r->place == AT_MEMBER_VALUE ? "an argument is a <%.32s>, not a string"
					: "<%.32s> stands where it does not belong",
	    element);
}

/* The first parameter is the session, the second the arguments. */
static void
end_param(struct reader *r)
{
	r->params++;
	if (r->params > 2 || r->is_struct != (r->params == 2))
		fail(r, "the parameters are not a session and a struct of arguments");
	r->is_struct = false;
}

static void
end_member(struct reader *r)
{
	struct xmlrpc_call *c = r->call;

	if (!r->name || !r->value) {
		fail(r, "a member has no name or no value");
		return;
	}
	if (c->n_arguments == MAX_CALL_ARGUMENTS) {
		fail(r, "more than %d arguments", MAX_CALL_ARGUMENTS);
		return;
	}
	for (size_t i = 0; i < c->n_arguments; i++)
		if (strcmp(c->argument[i].name, r->name) == 0) {
			fail(r, "the argument \"%s\" is given twice", r->name);
			return;
		}
	c->argument[c->n_arguments].name = TAKE_PTR(r->name);
	c->argument[c->n_arguments++].value = TAKE_PTR(r->value);
}

/* Stores a text that may stand there only once. */
static void
end_text(struct reader *r, char **slot, const char *element)
{
	if (*slot)
		fail(r, "<%s> is given twice", element);
	else
		*slot = take_text(r);
}

static void XMLCALL
on_end(void *arg, const char *element)
{
	struct reader *r = arg;
	enum place place = r->place;

	if (r->failed)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(grammar); i++)
		if (grammar[i].child == place)
			r->place = grammar[i].parent;
	switch (place) {
	case AT_METHOD:
		end_text(r, &r->call->method, element);
		break;
	case AT_NAME:
		end_text(r, &r->name, element);
		break;
	case AT_MEMBER_STRING:
		end_text(r, &r->value, element);
		break;
	case AT_MEMBER_VALUE: /* <value>text</value> is a string, too */
		if (!r->typed)
			end_text(r, &r->value, element);
		r->typed = false;
		break;
	case AT_MEMBER:
		end_member(r);
		break;
	case AT_STRUCT: /* its members had values of their own */
		r->typed = true;
		break;
	case AT_PARAM_VALUE:
		r->typed = false;
		break;
	case AT_PARAM:
		end_param(r);
		break;
	case AT_PARAM_STRING:
	case AT_PARAMS:
	case AT_CALL:
	case AT_TOP:
		break;
	}
}

static void XMLCALL
on_text(void *arg, const char *text, int n)
{
	struct reader *r = arg;
	size_t max = max_text[r->place];

	if (r->failed)
		return;
	if (r->typed && (r->place == AT_PARAM_VALUE || r->place == AT_MEMBER_VALUE))
		max = 0;
	if (max == 0) {
		for (int i = 0; i < n; i++)
			if (!strchr(" \t\r\n", text[i])) {
				fail(r, "text stands where it does not belong");
				return;
			}
		return;
	}
	if (r->text.n + (size_t)n > max)
		fail(r, "a name or value is longer than %zu bytes", max);
	else
		strbuf_add(&r->text, text, (size_t)n);
}

/* A call has none; without it there are no entities to expand. */
static void XMLCALL
on_doctype(void *arg, const char *name, const char *sysid, const char *pubid, int subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)subset;
	fail(arg, "it has a DOCTYPE");
}

static int
finish(struct reader *r, enum XML_Status status)
{
	if (r->failed)
		return -EBADMSG;
	if (status != XML_STATUS_OK) {
		fail(r, "%s at byte %ld", XML_ErrorString(XML_GetErrorCode(r->expat)),
		    (long)XML_GetCurrentByteIndex(r->expat));
		return -EBADMSG;
	}
	if (!r->call->method || !*r->call->method) {
		fail(r, "it names no function");
		return -EBADMSG;
	}
	if (r->params != 2) {
		fail(r, "the parameters are not a session and a struct of arguments");
		return -EBADMSG;
	}
	return 0;
}

int
xmlrpc_parse(const char *text, size_t n, struct xmlrpc_call *ret, char *why, size_t size)
{
	struct xmlrpc_call call = {.method = NULL};
	struct reader r = {.call = &call, .why = why, .why_size = size};
	int result;

	if (n > MAX_CALL) {
		(void)snprintf(why, size, "it is longer than %u bytes", MAX_CALL);
		return -EMSGSIZE;
	}
	r.expat = XML_ParserCreate("UTF-8");
	if (!r.expat)
		abort();
	XML_SetUserData(r.expat, &r);
	XML_SetElementHandler(r.expat, on_start, on_end);
	XML_SetCharacterDataHandler(r.expat, on_text);
	XML_SetStartDoctypeDeclHandler(r.expat, on_doctype);
	result = finish(&r, XML_Parse(r.expat, text, (int)n, 1));
	XML_ParserFree(r.expat);
	strbuf_done(&r.text);
	free(r.name);
	free(r.value);
	if (result < 0)
		xmlrpc_call_done(&call);
	else
		*ret = call;
	return result;
}

void
xmlrpc_call_done(struct xmlrpc_call *c)
{
	for (size_t i = 0; i < c->n_arguments; i++) {
		free(c->argument[i].name);
		free(c->argument[i].value);
	}
	free(c->method);
	*c = (struct xmlrpc_call){.method = NULL};
}

/* XML 1.0, section 2.2: no control characters but tab and line ends, no U+FFFE, no U+FFFF. */
static bool
is_xml(const char *s, size_t n)
{
	if (n == 1)
		return (unsigned char)*s >= 0x20 || *s == '\t' || *s == '\n';
	return n > 0 && memcmp(s, "\xef\xbf\xbe", 3) != 0 && memcmp(s, "\xef\xbf\xbf", 3) != 0;
}

static void
add_string(struct strbuf *b, const char *s)
{
	strbuf_str(b, "<value><string>");
	while (*s) {
		size_t n = utf8_length(s);

		if (!is_xml(s, n))
			strbuf_str(b, UTF8_REPLACEMENT);
		else if (*s == '&')
			strbuf_str(b, "&amp;");
		else if (*s == '<')
			strbuf_str(b, "&lt;");
		else if (*s == '>')
			strbuf_str(b, "&gt;");
		else
			strbuf_add(b, s, n);
		s += n ? n : 1;
	}
	strbuf_str(b, "</string></value>\n");
}

/* Line by line as XenAPIPlugin.py prints it: a reply has two members. */
static void
begin_reply(struct strbuf *b, const char *status, const char *member)
{
	strbuf_str(b,
	    "<?xml "
	    "version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><struct>\n<member>\n"
	    "<name>Status</name>\n");
	add_string(b, status);
	strbuf_printf(b, "</member>\n<member>\n<name>%s</name>\n", member);
}

static void
end_reply(struct strbuf *b)
{
	strbuf_str(b, "</member>\n</struct></value>\n</param>\n</params>\n</methodResponse>\n\n");
}

void
xmlrpc_success(struct strbuf *b, const char *value)
{
	begin_reply(b, "Success", "Value");
	add_string(b, value);
	end_reply(b);
}

void
xmlrpc_failure(struct strbuf *b, const char *const *words, size_t n)
{
	begin_reply(b, "Failure", "ErrorDescription");
	strbuf_str(b, "<value><array><data>\n");
	for (size_t i = 0; i < n; i++)
		add_string(b, words[i]);
	strbuf_str(b, "</data></array></value>\n");
	end_reply(b);
}
