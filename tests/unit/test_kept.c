/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <string.h>

#include "base/util.h"
#include "serve/kept.h"
#include "tests/tap.h"

/* A reply of n bytes; noise: such as no compression makes smaller. */
static struct reply
reply_of(size_t n, bool noise)
{
	struct reply r = {.status = 200, .type = "text/plain"};
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		char c = 'a';

		x = x * 1664525u + 1013904223u; /* Numerical Recipes */
		if (noise)
			c = (char) (x >> 24);
		strbuf_add(&r.body, &c, 1);
	}
	return r;
}

int
main(void)
{
	struct kept *k = kept_new();
	struct reply text = reply_of(5000, false), noise = reply_of(5000, true), more = reply_of(6000, false);
	struct body *a = kept_add(k, "/a", 1, &text), *b = kept_add(k, "/b", 1, &noise), *old = a;

	ok(a && kept_find(k, "/a", 1) == a && !kept_find(k, "/a", 2) && !kept_find(k, "/c", 1),
	    "a body is found by its name, as long as nothing has changed");
	ok(body_use(a, false) != body_use(a, true) && strcmp(body_etag(a, false), body_etag(a, true)) != 0,
	    "it has two forms, with tags of their own");
	ok(body_use(b, true) == body_use(b, false) && strcmp(body_etag(b, false), body_etag(b, true)) == 0,
	    "but one if gzip would not make it smaller");
	body_release(k, b);
	body_release(k, b);
	ok(kept_forget(k, "/a") == 5000 && kept_forget(k, "/c") == 0, "an old one tells how large the next will be");
	ok(!kept_find(k, "/a", 1) && kept_forget(k, "/a") == 0, "and is found no more");
	a = kept_add(k, "/a", 2, &more);
	ok(a && a != old && kept_old_bytes(k) == 5000, "who is still sent an old one keeps it");
	body_release(k, old);
	ok(kept_old_bytes(k) == 5000, "to the last of them");
	body_release(k, old);
	ok(kept_old_bytes(k) == 0, "and then it goes");
	for (int i = 0; i < 200; i++) {
		char key[16];
		struct reply r = reply_of(10, false);

		(void) snprintf(key, sizeof(key), "/%d", i);
		if (!kept_add(k, key, 2, &r))
			break;
	}
	ok(!kept_find(k, "/a", 2) && kept_find(k, "/199", 2), "there is no end of names, but of what is kept");
	kept_free(k);
	return done_testing();
}
