/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RRDD_TEXT_H
#define RRDD_TEXT_H

#include "serve/answer.h"

/* Documents as xcp-rrdd writes them, for those who read it: XML, or the same as JSON in which all numbers are strings
 * (xapi 23.31; ocaml/libs/xapi-rrd, rrd.ml and rrd_updates.ml). No text of ours has a character to be escaped. */
struct rrdd_text {
	struct strbuf *b;
	bool json;
	bool first; /* nothing stands before what comes next */
};

/* False: it does not say rightly what it wants, and *ret tells. */
bool rrdd_check(const struct request *q, struct reply *ret);

/* Begins the reply's body, JSON or XML as the request wants it: by json, json=true, or Accept. */
struct rrdd_text rrdd_begin(const struct request *q, struct reply *ret);

/* Around what is written next: <tag> in XML, in JSON a bracket, '{' or '[', with the key before it. A tag that is NULL
 * is left out, a key where it stands in a list. */
void rrdd_open(struct rrdd_text *t, const char *tag, const char *key, char bracket);
void rrdd_close(struct rrdd_text *t, const char *tag, char bracket);

/* The same name is tag and key. */
void rrdd_member(struct rrdd_text *t, const char *name, const char *text);
void rrdd_count(struct rrdd_text *t, const char *name, double whole);
void rrdd_number(struct rrdd_text *t, const char *name, double v);

/* Of a list. */
void rrdd_entry(struct rrdd_text *t, const char *tag, const char *text);
void rrdd_value(struct rrdd_text *t, double v); /* <v> */

/* xapi's UUID of this host, else its firmware's, which libvirt has, too; of a replay, or if there is none, zeros. */
const char *rrdd_host_uuid(const struct view *view);

#endif
