/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xenscope-graph: one picture. A request (serve/picture.h) is read from standard input, the picture written to standard
 * output in packets, then it ends. The only program that needs librrd's drawing part, with its fonts and libraries. */
#include <config.h>

#include <errno.h>
#include <locale.h>
#include <rrd.h>
#include <stdarg.h>

#include "base/file.h"
#include "base/util.h"
#include "graph/draw.h"
#include "serve/syscalls.h"

static int __attribute__((format(printf, 1, 2)))
fail(const char *format, ...)
{
	va_list ap;

	(void) fputs("xenscope-graph: ", stderr);
	va_start(ap, format);
	(void) vfprintf(stderr, format, ap);
	va_end(ap);
	(void) fputc('\n', stderr);
	return EXIT_FAILURE;
}

static int
write_picture(const struct strbuf *b)
{
	char packet[PICTURE_PACKET] = {PICTURE_PART};
	size_t room = sizeof(packet) - 1;

	for (size_t at = 0; at < b->n; at += room) {
		size_t n = MIN(room, b->n - at);
		int r;

		memcpy(packet + 1, b->text + at, n);
		r = write_all(STDOUT_FILENO, packet, n + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
answer_request(void)
{
	_cleanup_(freep) struct picture *p = xcalloc(1, PICTURE_REQUEST_MAX + 1);
	_cleanup_(strbuf_done) struct strbuf b = {NULL, 0, 0};
	ssize_t n;
	int r;

	r = syscalls_limit_drawing();
	if (r < 0 && r != -ENOSYS && r != -EINVAL)
		return fail("the filter of system calls cannot be loaded: %s", strerror(-r));
	(void) setlocale(LC_CTYPE, "C.UTF-8");
	n = read(STDIN_FILENO, p, PICTURE_REQUEST_MAX + 1);
	if (n < (ssize_t) sizeof(*p) || (size_t) n != picture_bytes(p))
		return fail("what it got is not a request of this version of xenscoped");
	r = draw(p, (const double *) (p + 1), &b);
	if (r == 0 && b.n > PICTURE_BYTES)
		r = -EFBIG;
	if (r == 0)
		r = write_picture(&b);
	if (r < 0)
		return fail("%s", r == -EIO && *rrd_get_error() ? rrd_get_error() : strerror(-r));
	return EXIT_SUCCESS;
}

/* What libraries would do at an exit is not waited for. */
int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return printf("xenscope-graph %s, librrd %s\n", PACKAGE_VERSION, rrd_strversion()) < 0;
	if (argc > 1)
		return fail("draws what xenscoped asks for by its standard input; see xenscope-graph(8)");
	_exit(answer_request());
}
