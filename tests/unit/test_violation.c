/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <string.h>

#include "base/util.h"
#include "collect/violation.h"
#include "metrics/event.h"
#include "tests/tap.h"

static struct violation v[2];

static size_t
find(const char *text)
{
	memset(v, 0, sizeof(v));
	return violations_find(text, strlen(text), v, ARRAY_SIZE(v));
}

static void
test_forms(void)
{
	static const char *const none[] = {"", "Xen SMAP violation\n", "(d1) Xen SMAP violation\n",
	    "(XEN) Xen SMXP violation\n", "(XEN) Xen SMAQ violation\n", "(XEN) Xen SMAP violations\n",
	    "(XEN) a Xen SMAP violation\n", "(XEN) Xen SM", "(XEN) d1 fatal SMAP violation\n",
	    "(XEN) dv0 fatal SMAP violation\n", "(XEN) x1v0 fatal SMAP violation\n", "(XEN) fatal SMAP violation\n",
	    "(XEN)  fatal SMAP violation\n", "(XEN) d1v fatal SMAP violation\n"};

	ok(find("(XEN) Xen SMAP violation\n") == 1 && v[0].feature == FEATURE_SMAP && !v[0].guest &&
		v[0].domid == NO_DOMID && strcmp(v[0].line, "Xen SMAP violation") == 0,
	    "Xen's own is found");
	ok(find("(XEN) [2026-11-23 10:00:00] Xen SMEP violation") == 1 && v[0].feature == FEATURE_SMEP,
	    "also with a time, and where the line does not end");
	ok(find("[2026-11-23 10:00:00] (XEN) [   12.345678] d17v3 fatal SMEP violation\r\n") == 1 &&
		v[0].feature == FEATURE_SMEP && v[0].guest && v[0].domid == 17,
	    "a guest's names the domain");
	ok(find("  Console Ring:\n    (XEN) Xen SMAP violation\n") == 1, "a crash log has it indented");
	ok(find("(XEN) d99999999999999v0 fatal SMAP violation\n") == 1 && v[0].domid == NO_DOMID,
	    "a number beyond all domains is none");
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		ok(find(none[i]) == 0, "none is in \"%.*s\"", (int) strcspn(none[i], "\n"), none[i]);
}

static void
test_many(void)
{
	static const char text[] = "(XEN) d1v0 fatal SMAP violation\n(XEN) d2v0 fatal SMAP violation\n"
				   "(XEN) other\n(XEN) d3v0 fatal SMAP violation\n";

	ok(find(text) == 3 && v[0].domid == 2 && v[1].domid == 3, "all are counted, the last ones told");
	ok(violations_find(text, sizeof(text) - 1, NULL, 0) == 3, "or none told");
	ok(violations_find("(XEN) \0(XEN) Xen SMAP violation\n", 33, v, 2) == 0, "a NUL ends no line");
}

int
main(void)
{
	test_forms();
	test_many();
	return done_testing();
}
