/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/query.h"

#include <ctype.h>
#include <string.h>

#include "base/strbuf.h"

void
add_parameter(struct strbuf *b, const char *name, const char *value)
{
	strbuf_printf(b, "%c%s=", b->text && strchr(b->text, '?') ? '&' : '?', name);
	for (; *value; value++)
		if (isalnum((unsigned char) *value) || strchr("-._~", *value))
			strbuf_add(b, value, 1);
		else
			strbuf_printf(b, "%%%02X", (unsigned char) *value);
}

void
add_history(struct strbuf *b, const char *metric, const char *uuid, const char *since, const char *until)
{
	add_parameter(b, "metric", metric);
	if (uuid)
		add_parameter(b, "uuid", uuid);
	if (since)
		add_parameter(b, "start", since);
	if (until)
		add_parameter(b, "end", until);
}
