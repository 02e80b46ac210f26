/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>

#include "base/tokens.h"
#include "base/util.h"
#include "tests/tap.h"

/* sha256sum of "abc" and of "secret" */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

static int
is(const char *found, const char *name)
{
	return found && strcmp(found, name) == 0;
}

static void
test_file(void)
{
	static const char good[] = "# of the monitoring\nprometheus:" ABC "\n\nbackup.host-2_x:"
				   "2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B  \r\n";
	static const struct {
		const char *text;
		int error;
		unsigned line;
		const char *what;
	} bad[] = {
	    {"\n# x\na b:" ABC "\n", -EINVAL, 3, "a name with a blank"},
	    {":" ABC, -EINVAL, 1, "no name"},
	    {"a:" ABC "0", -EINVAL, 1, "a hash that is too long"},
	    {"a:ba78", -EINVAL, 1, "one that is too short"},
	    {"a:g" "a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", -EINVAL, 1,
		"one that is not hexadecimal"},
	    {"a" ABC, -EINVAL, 1, "no colon"},
	    {"abc\nd:" ABC, -EINVAL, 1, "no colon in this line"},
	    {"a123456789012345678901234567890123:" ABC, -EINVAL, 1, "a name of 33 letters"},
	    {"a:" ABC "\na:" SECRET, -EEXIST, 2, "a name again"},
	};
	struct tokens t;
	unsigned line;

	ok(tokens_parse(good, &t, &line) == 0 && t.n == 2 && strcmp(t.token[1].name, "backup.host-2_x") == 0,
	    "a file of two tokens is read");
	ok(is(tokens_find(&t, "abc"), "prometheus") && is(tokens_find(&t, "secret"), "backup.host-2_x"),
	    "each is known by its name");
	ok(!tokens_find(&t, "abd") && !tokens_find(&t, "") && !tokens_find(&t, ABC),
	    "another one, none, and the hash itself are not");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(tokens_parse(bad[i].text, &t, &line) == bad[i].error && line == bad[i].line, "refused: %s",
		    bad[i].what);
	ok(tokens_parse("", &t, &line) == 0 && t.n == 0 && !tokens_find(&t, "abc"), "an empty file knows nobody");
}

static void
test_many(void)
{
	char *text = xcalloc(1, (MAX_TOKENS + 1) * TOKEN_LINE), *end = text, token[MAX_TOKEN + 2];
	struct tokens t;
	unsigned line;

	for (int i = 0; i <= MAX_TOKENS; i++)
		end += sprintf(end, "t%d:%s\n", i, ABC);
	ok(tokens_parse(text, &t, &line) == -E2BIG && line == MAX_TOKENS + 1, "too many tokens are refused");
	*strstr(text, "t64") = '\0';
	ok(tokens_parse(text, &t, &line) == 0 && t.n == MAX_TOKENS && is(tokens_find(&t, "abc"), "t63"),
	    "as many as there may be are not");
	memset(token, 'a', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	ok(!tokens_find(&t, token), "a token that is longer than any is none");
	free(text);
}

static void
test_new(void)
{
	char token[TOKEN_TEXT], other[TOKEN_TEXT], line[TOKEN_LINE], name[34];
	struct tokens t;
	unsigned at;

	ok(token_new("prometheus", token, line) == 0 && strlen(token) == TOKEN_TEXT - 1 &&
		strncmp(line, "prometheus:", 11) == 0 && !strstr(line, token),
	    "a new token has a line that does not tell it");
	ok(tokens_parse(line, &t, &at) == 0 && is(tokens_find(&t, token), "prometheus"), "by which it is known");
	ok(token_new("prometheus", other, line) == 0 && strcmp(token, other) != 0, "and no two are the same");
	memset(name, 'x', sizeof(name) - 1);
	name[33] = '\0';
	ok(token_new("", token, line) == -EINVAL && token_new("a:b", token, line) == -EINVAL &&
		token_new("a\n", token, line) == -EINVAL && token_new(name, token, line) == -EINVAL,
	    "a name that the file could not have is refused");
	name[32] = '\0';
	ok(token_new(name, token, line) == 0 && tokens_parse(line, &t, &at) == 0, "one of 32 letters is not");
}

int
main(void)
{
	test_file();
	test_many();
	test_new();
	return done_testing();
}
