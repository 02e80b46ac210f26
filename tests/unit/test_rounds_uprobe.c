/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "observe/observer.h"
#include "tests/tap.h"

/* A tree that looks like tracefs from outside but does not obey: what can be tested without a
 * kernel is that other people's probes stay and that nothing of ours does. */
#define TRACING "/sys/kernel/debug/tracing"

static void
put(const char *root, const char *path, const char *text)
{
	_cleanup_(freep) char *full = xasprintf("%s%s", root, path), *directory = xstrdup(full);
	FILE *f;

	*strrchr(directory, '/') = '\0';
	(void) mkdir_parents(directory, 0755);
	f = fopen(full, "w");
	if (f) {
		(void) fputs(text, f);
		(void) fclose(f);
	}
}

static char *
get(const char *root, const char *path)
{
	_cleanup_(freep) char *full = xasprintf("%s%s", root, path);
	char *text = NULL;

	return file_read(full, 65536, &text, NULL) == 0 ? text : xstrdup("");
}

int
main(void)
{
	static const char probes[] =
	    "p:other/open /lib/libxenctrl.so.4.17:0x16d90\n"
	    "p:xenscope/prefix /lib/libxenctrl.so.4.17:0x169e0 text=+0(%si):string\n"
	    "p:xenscopes/prefix /lib/libxenctrl.so.4.17:0x169e0\n"
	    "r:xenscope/shadow_ret /lib/libxenctrl.so.4.17:0xc6f0 ret=$retval:s32\n"
	    "garbage\n";
	char root[] = "/tmp/test_rounds_uprobe.XXXXXX";
	_cleanup_(freep) char *command = NULL, *text = NULL, *instance = NULL, *living = NULL;
	_cleanup_(closep) int lock = -1;
	struct observer *o = NULL;
	const char *why = NULL;
	struct stat st;
	int r;

	if (!mkdtemp(root))
		return 1;
	ok(rounds_uprobe_open(root, &o, &why) == -ENOENT && why && strstr(why, "mount -t tracefs"),
	    "without tracefs the reason and the way out are said: %s", why ? why : "");
	put(root, TRACING "/uprobe_events", probes);
	put(root, TRACING "/instances/other/trace", "");
	why = NULL;
	r = rounds_uprobe_open(root, &o, &why);
	ok(r < 0 && !o && why && strstr(why, "clock"),
	    "a tracefs that does not obey is given up: %s", why ? why : "");
	text = get(root, TRACING "/uprobe_events");
	ok(strncmp(text, probes, strlen(probes)) == 0, "nobody's probes were cut off");
	ok(strncmp(text + strlen(probes), "-:xenscope/prefix\n-:xenscope/shadow_ret\n",
	       strlen("-:xenscope/prefix\n-:xenscope/shadow_ret\n")) == 0,
	    "the probes that an earlier agent left were removed, one by one");
	ok(!strstr(text, "-:other") && !strstr(text, "-:xenscopes"), "and those of no other group");
	instance = xasprintf("%s" TRACING "/instances/xenscope", root);
	ok(stat(instance, &st) < 0 && errno == ENOENT, "no instance is left");
	living = xasprintf("%s" TRACING "/instances/xenscope", root);
	put(root, TRACING "/uprobe_events", "p:xenscope/prefix /lib/x:0x1\n");
	lock = mkdir(living, 0700) == 0 ? open(living, O_RDONLY | O_DIRECTORY) : -1;
	ok(lock >= 0 && flock(lock, LOCK_EX) == 0, "an agent lives beside");
	(void) rounds_uprobe_open(root, &o, &why);
	free(text);
	text = get(root, TRACING "/uprobe_events");
	ok(!strstr(text, "-:xenscope/prefix") && stat(living, &st) == 0, "its probes and its instance stay");
	command = xasprintf("rm -rf %s", root);
	ok(system(command) == 0, "the temporary directory is gone");
	return done_testing();
}
