/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/xapi/page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* FNV-1a: it tells answers apart that were made a moment after each other. */
static void
version_of(const char *text, size_t n, char ret[VERSION_DIGITS + 1])
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char) text[i]) * 1099511628211u;
	(void) snprintf(ret, VERSION_DIGITS + 1, "%016llx", (unsigned long long) hash);
}

/* Where the page behind so many ends: before a character, not within one. */
static size_t
end_of(const char *text, size_t n, uint64_t pages)
{
	size_t at = (size_t) pages * PAGE_BYTES;

	if (at >= n)
		return n;
	while (at > 0 && ((unsigned char) text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static void
add_quoted(struct strbuf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] == '"' || text[i] == '\\')
			strbuf_printf(b, "\\%c", text[i]);
		else if ((unsigned char) text[i] < ' ')
			strbuf_printf(b, "\\u%04x", (unsigned char) text[i]);
		else
			strbuf_add(b, text + i, 1);
}

int
page_add(struct strbuf *b, const char *text, size_t n, const struct page *asked)
{
	uint64_t pages = n > MAX_VALUE ? (n + PAGE_BYTES - 1) / PAGE_BYTES : 1;
	char version[VERSION_DIGITS + 1];
	size_t from;

	version_of(text, n, version);
	if (asked->version && strcmp(asked->version, version) != 0)
		return -ESTALE;
	if (asked->number > 1 && !asked->version)
		return -EINVAL;
	if (asked->number > pages)
		return -ERANGE;
	if (pages == 1) {
		strbuf_add(b, text, n);
		return 0;
	}
	from = end_of(text, n, asked->number - 1);
	strbuf_printf(b, "{\"page\":%llu,\"pages\":%llu,\"version\":\"%s\",\"text\":\"",
	    (unsigned long long) asked->number, (unsigned long long) pages, version);
	add_quoted(b, text + from, end_of(text, n, asked->number) - from);
	strbuf_str(b, "\"}");
	return 0;
}
