/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include "base/util.h"
#include "serve/params.h"
#include "tests/tap.h"

static struct reply reply;

static bool
says(const char *part)
{
	return reply.status == 400 && strstr(reply.error, part);
}

int
main(void)
{
	static const char *const word[] = {"out", "in"};
	static const struct words words = {word, ARRAY_SIZE(word)};
	struct request q = {.path = "/", .now = {.real = 1000}, .n_parameters = 3,
	    .parameter = {{"n", "7"}, {"t", "-1"}, {"w", "in"}}};
	uint64_t n = 1;
	double t = 1;
	uint32_t set = 1;

	ok(param_number(&q, &reply, "x", 0, 9, &n) && param_time(&q, &reply, "x", &t) &&
	    param_words(&q, &reply, "x", &words, &set) && n == 1 && t == 1 && set == 1,
	    "what is not given changes nothing");
	ok(param_number(&q, &reply, "n", 0, 9, &n) && n == 7, "a number is taken");
	ok(param_time(&q, &reply, "t", &t) && t == 999, "a time is taken");
	ok(param_words(&q, &reply, "w", &words, &set) && set == 2, "a word is taken");
	ok(!param_number(&q, &reply, "n", 8, 9, &n) && says("n takes a whole number from 8 to 9"),
	    "a number outside its range is refused");
	ok(!param_time(&q, &reply, "w", &t) && says("w takes a time like"), "what is no time is refused");
	ok(!param_words(&q, &reply, "n", &words, &set) && says("n takes one or more, joined by commas, of: out, in"),
	    "another word is refused, and the words are said");
	reply_done(&reply);
	return done_testing();
}
