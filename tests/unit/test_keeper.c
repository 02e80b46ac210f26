/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One agent keeps a directory, whatever others who may read it do. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/util.h"
#include "keeper.h"
#include "tests/tap.h"

static char dir[] = "/tmp/xenscope-keeper-XXXXXX";
static struct config config;

static void
on_record(void *arg, enum record_change change, const struct migration_record *r, const struct round *round)
{
	(void) arg;
	(void) change;
	(void) r;
	(void) round;
}

/* What keeper_open says; whoever has opened it is left so. */
static int
opens(struct keeper **ret, struct migrations *m)
{
	*ret = keeper_new();
	return keeper_open(*ret, &config, m);
}

static void
test_lock(struct migrations *m)
{
	char *public_dir = xasprintf("%s/public", dir), *path = keeper_lock_path(&config);
	int reader = mkdir(public_dir, 0755) == 0 ? open(public_dir, O_RDONLY | O_DIRECTORY) : -1, looker;
	struct keeper *first = NULL, *second;
	struct stat st;

	ok(reader >= 0 && flock(reader, LOCK_SH) == 0 && opens(&first, m) == 0,
	    "who may read the directory cannot keep an agent from it by a lock");
	ok(stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600,
	    "the file that is locked is for the agent's user alone");
	ok(opens(&second, m) == -EWOULDBLOCK, "a second agent is refused");
	keeper_free(second);
	keeper_free(first);
	(void) close(reader);
	ok(opens(&first, m) == 0, "when the first has ended another one may come");
	looker = open(public_dir, O_RDONLY | O_DIRECTORY);
	ok(flock(looker, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK,
	    "which shows the serve half of an agent that was killed that it is there");
	(void) close(looker);
	keeper_free(first);
	(void) unlink(path);
	ok(symlink("/dev/null", path) == 0 && opens(&first, m) == -ELOOP, "what is put in the file's place is not opened");
	keeper_free(first);
	free(path);
	free(public_dir);
}

int
main(void)
{
	struct migrations *m = migrations_new(on_record, NULL);
	char *clean;

	if (!mkdtemp(dir))
		abort();
	clean = xasprintf("rm -r %s", dir);
	config_init(&config);
	if (config_set(&config, "state_dir", dir) < 0)
		abort();
	test_lock(m);
	ok(system(clean) == 0, "the test clears up");
	migrations_free(m);
	config_done(&config);
	free(clean);
	return done_testing();
}
