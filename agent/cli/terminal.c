/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/util.h"

unsigned
terminal_width(FILE *f)
{
	struct winsize w;

	return fileno(f) >= 0 && ioctl(fileno(f), TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

bool
terminal_colours(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return fileno(f) >= 0 && isatty(fileno(f)) && !(no && *no) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

bool
terminal_blocks(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

const char *
word_colour(const char *word)
{
	static const char good[] = "32", doubtful[] = "33", bad[] = "31";
	static const struct {
		const char *word, *colour;
	} words[] = {{"completed", good}, {"yes", good}, {"ok", good}, {"running", "36"}, {"aborted", doubtful},
	    {"warning", doubtful}, {"no", doubtful}, {"unknown", doubtful}, {"limited", doubtful},
	    {"failed", bad}, {"lost", bad}, {"err", bad}, {"crit", bad}, {"missing", bad}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].colour;
	return NULL;
}

static uint32_t
code_point(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *) s;
	uint32_t c = n == 1 ? u[0] : u[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (u[i] & 0x3f);
	return c;
}

static bool
plays(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

char *
visible(const char *text)
{
	struct strbuf b = {NULL, 0, 0};

	strbuf_str(&b, "");
	while (*text) {
		size_t n = utf8_length(text);
		uint32_t c = n ? code_point(text, n) : (unsigned char) *text;

		if (n > 0 && !plays(c))
			strbuf_add(&b, text, n);
		else if (c < 0x100)
			strbuf_printf(&b, "\\x%02x", c);
		else
			strbuf_printf(&b, "\\u%04x", c);
		text += n ? n : 1;
	}
	return b.text;
}

size_t
characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char) *s & 0xc0) != 0x80;
	return n;
}

void
print_wrapped(const char *s, size_t at, size_t indent, unsigned width, FILE *f)
{
	bool begun = false;

	while (*s) {
		int bytes = (int) strcspn(s, " ");
		_cleanup_(freep) char *word = xasprintf("%.*s", bytes, s);
		size_t n = characters(word);

		if (begun && width > 0 && at + 1 + n > width) {
			(void) fprintf(f, "\n%*s", (int) indent, "");
			at = indent;
			begun = false;
		}
		(void) fprintf(f, begun ? " %s" : "%s", word);
		at += n + begun;
		begun = true;
		s += bytes;
		s += strspn(s, " ");
	}
	(void) fputc('\n', f);
}

void
print_field(FILE *f, unsigned width, const char *name, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL, *shown = NULL;
	va_list ap;

	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	shown = visible(text);
	(void) fprintf(f, "%-*s", FIELD_WIDTH, name);
	print_wrapped(shown, FIELD_WIDTH, FIELD_WIDTH, width, f);
}
