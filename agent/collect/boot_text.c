/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "collect/boot_text.h"

#include <string.h>

#include "base/util.h"

#define MAX_STAMP 40

struct reader {
	struct boot_text *text;
	bool in_speculation;
};

/* "[2026-01-01 00:00:00] " of xenconsoled, "[    0.123456] " of console_timestamps=. */
static const char *
skip_stamp(const char *s)
{
	size_t n;

	if (*s != '[')
		return s;
	n = strspn(s + 1, "0123456789abcdef :.-") + 1;
	return n <= MAX_STAMP && strncmp(s + n, "] ", 2) == 0 ? s + n + 2 : s;
}

/* Behind this prefix stands what Xen itself says: lines of guests begin with their number, "(d1) ".
 * NULL: not such a line. A crash log has them indented. */
static const char *
skip_prefix(const char *s)
{
	static const char prefix[] = "(XEN) ";

	s = skip_stamp(s + strspn(s, " "));
	return strncmp(s, prefix, sizeof(prefix) - 1) == 0 ? skip_stamp(s + sizeof(prefix) - 1)
							   : NULL;
}

static const char *
after(const char *s, const char *start)
{
	size_t n = strlen(start);

	return strncmp(s, start, n) == 0 ? s + n : NULL;
}

static void
begin_boot(struct reader *r, const char *version)
{
	size_t n = MIN(strcspn(version, " "), sizeof(r->text->version) - 1);

	memset(r->text, 0, sizeof(*r->text));
	r->text->begun = true;
	memcpy(r->text->version, version, n);
	r->in_speculation = false;
}

/* A line that does not fit is left out whole. */
static void
add_speculation(struct boot_text *t, const char *s)
{
	size_t at = strlen(t->speculation), n = strlen(s);

	if (at + n + 2 > sizeof(t->speculation))
		return;
	memcpy(t->speculation + at, s, n);
	t->speculation[at + n] = '\n';
	t->speculation[at + n + 1] = '\0';
}

static void
read_line(void *arg, const char *s)
{
	struct reader *r = arg;
	struct boot_text *t = r->text;
	const char *rest;

	if (r->in_speculation && strncmp(s, "  ", 2) == 0) {
		add_speculation(t, s);
		return;
	}
	r->in_speculation = false;
	if ((rest = after(s, "Xen version ")) != NULL)
		begin_boot(r, rest);
	else if ((rest = after(s, "Command line: ")) != NULL)
		str_copy(t->cmdline, sizeof(t->cmdline), rest);
	else if ((rest = after(s, "Built-in command line: ")) != NULL)
		str_copy(t->builtin, sizeof(t->builtin), rest);
	else if (strcmp(s, "Speculative mitigation facilities:") == 0)
		r->in_speculation = true;
	else if (strcmp(s, "VMX: Supported advanced features:") == 0)
		t->vmx = true;
	else if (strcmp(s, "SVM: Supported advanced features:") == 0)
		t->svm = true;
	else if (strcmp(s, " - Page Modification Logging") == 0)
		t->pml = true; /* nothing else prints this: it counts without the list's head too */
	else if (strcmp(s, "Enabling Supervisor Shadow Stacks") == 0)
		t->shstk = true;
	else if (strcmp(s, "Enabling Indirect Branch Tracking") == 0)
		t->ibt = true;
}

/* A copy that is a string of printable characters; the carriage returns of a serial line go. */
static void
copy_line(char *dst, size_t room, const char *src, size_t n)
{
	size_t at = 0;

	while (n > 0 && src[n - 1] == '\r')
		n--;
	for (size_t i = 0; i < n && at < room - 1; i++)
		dst[at++] = src[i] >= 0x20 && src[i] < 0x7f ? src[i] : '?';
	dst[at] = '\0';
}

void
xen_lines(const char *text, size_t n, xen_line_fn *fn, void *arg)
{
	char line[MAX_BOOT_LINE];

	while (n > 0) {
		const char *end = memchr(text, '\n', n), *said;
		size_t length = end ? (size_t) (end - text) : n;

		copy_line(line, sizeof(line), text, length);
		said = skip_prefix(line);
		if (said)
			fn(arg, said);
		length += end != NULL;
		text += length;
		n -= length;
	}
}

void
boot_text_parse(const char *text, size_t n, struct boot_text *ret)
{
	struct reader r = {.text = ret};

	memset(ret, 0, sizeof(*ret));
	xen_lines(text, n, read_line, &r);
}
