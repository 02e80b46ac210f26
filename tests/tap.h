/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each claim of a test is one TAP line, a sentence. */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>

static int tap_done, tap_failed;

#define ok(cond, ...) tap_ok(!!(cond), #cond, __FILE__, __LINE__, __VA_ARGS__)
#define done_testing() (printf("1..%d\n", tap_done), tap_failed ? 1 : 0)

#define tap_ok(pass, expr, file, line, ...)                                                        \
	do {                                                                                       \
		int pass_ = (pass);                                                                \
		printf("%sok %d - ", pass_ ? "" : "not ", ++tap_done);                             \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		if (!pass_) {                                                                      \
			tap_failed++;                                                              \
			printf("# %s:%d: %s\n", file, line, expr);                                 \
		}                                                                                  \
		fflush(stdout);                                                                    \
	} while (0)

#endif
