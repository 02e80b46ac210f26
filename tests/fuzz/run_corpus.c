/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <dirent.h>
#include <stdint.h>

#include "base/file.h"
#include "base/util.h"
#include "tests/tap.h"

/* Runs a fuzz target over the files given or, without any, over its corpus: what the fuzzer once
 * found stays found, without a fuzzer. */

#define MAX_CORPUS_FILE (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run_file(const char *path)
{
	_cleanup_(freep) char *text = NULL;
	size_t n = 0;
	int r = file_read(path, MAX_CORPUS_FILE, &text, &n);

	ok(r == 0 && LLVMFuzzerTestOneInput((const uint8_t *) text, n) == 0, "%s is survived",
	    path);
}

static int
visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* The corpus of .../fuzz_NAME is tests/fuzz/corpus/NAME. */
static void
run_corpus(const char *program)
{
	const char *srcdir = getenv("srcdir"), *name = strstr(program, "fuzz_");
	_cleanup_(freep) char *dir = xasprintf("%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
	    name ? name + strlen("fuzz_") : program);
	struct dirent **entry = NULL;
	int n = scandir(dir, &entry, visible, alphasort);

	ok(n > 0, "%s has files", dir);
	for (int i = 0; i < n; i++) {
		_cleanup_(freep) char *path = xasprintf("%s/%s", dir, entry[i]->d_name);

		run_file(path);
		free(entry[i]);
	}
	free(entry);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc == 1)
		run_corpus(argv[0]);
	return done_testing();
}
