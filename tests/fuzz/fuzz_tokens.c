/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include "base/tokens.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file of tokens, then the same bytes as the token that a client sends. A file that is good stays the same when it
 * is read again. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = xasprintf("%.*s", (int) size, (const char *) data);
	struct tokens t, again;
	unsigned line;
	int r = tokens_parse(text, &t, &line);

	if (t.n > MAX_TOKENS || line == 0 || line > size + 1)
		abort();
	if (r < 0)
		return 0;
	for (size_t i = 0; i < t.n; i++)
		if (!*t.token[i].name || strlen(t.token[i].name) >= sizeof(t.token[i].name))
			abort();
	if (tokens_parse(text, &again, &line) < 0 || again.n != t.n)
		abort();
	if (tokens_find(&t, text) && t.n == 0)
		abort();
	return 0;
}
