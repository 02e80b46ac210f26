/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <jansson.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/discover.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"

/* xenscope discover: lists, and a pool that a made-up xe tells of. */

static char dir[] = "/tmp/xenscope-discover-XXXXXX";
static char list[64], output[64], xe[64];
static json_t *found;

static void
put(const char *path, const char *text, mode_t mode)
{
	if (file_publish(path, text) < 0 || chmod(path, mode) < 0)
		abort();
}

/* The exit status; what it printed is in found. */
static int
run(const struct discover_options *o)
{
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);
	int status = discover_command(o, f);

	(void) fclose(f);
	json_decref(found);
	found = json_loads(out, 0, NULL);
	free(out);
	return status;
}

static int
run_list(const char *text)
{
	const struct discover_options o = {.list = list};

	put(list, text, 0600);
	return run(&o);
}

static const char *
target(size_t i)
{
	const char *s = json_string_value(json_array_get(json_object_get(json_array_get(found, i), "targets"), 0));

	return s ? s : "";
}

static const char *
label(size_t i, const char *name)
{
	const char *s = json_string_value(json_object_get(json_object_get(json_array_get(found, i), "labels"), name));

	return s ? s : "";
}

static void
test_list(void)
{
	struct discover_options o = {.list = list};

	ok(run_list("# ours\n\nxen1.example\n10.0.0.1:9966\track=7 # below\r\n"
		    "fe80::1\n[2001:db8::1]\n[2001:db8::2]:80 pool=a=b site=") == EXIT_OK &&
		json_array_size(found) == 5,
	    "a host a line; what is empty or a comment is none");
	ok(strcmp(target(0), "xen1.example:9965") == 0 && strcmp(target(1), "10.0.0.1:9966") == 0,
	    "a host without a port has the agent's");
	ok(strcmp(target(2), "[fe80::1]:9965") == 0 && strcmp(target(3), "[2001:db8::1]:9965") == 0 &&
		strcmp(target(4), "[2001:db8::2]:80") == 0,
	    "IPv6 addresses are put in brackets");
	ok(strcmp(label(1, "rack"), "7") == 0 && strcmp(label(4, "pool"), "a=b") == 0 &&
		json_object_size(json_object_get(json_array_get(found, 4), "labels")) == 1 &&
		!*label(0, "__metrics_path__"),
	    "labels are taken over, empty ones left out");

	o.port = 9966;
	ok(run(&o) == EXIT_OK && strcmp(target(0), "xen1.example:9966") == 0 && strcmp(target(4), "[2001:db8::2]:80") == 0,
	    "another port is for hosts without one");
	o.port = 0;
	o.xapi = true;
	ok(run(&o) == EXIT_OK && strcmp(target(0), "xen1.example") == 0 && strcmp(target(3), "[2001:db8::1]") == 0 &&
		strcmp(label(0, "__scheme__"), "https") == 0 &&
		strcmp(label(0, "__metrics_path__"), "/services/plugin/xenscope/metrics") == 0,
	    "through xapi it is the port of HTTPS, and xapi's path");
	ok(run_list("x a=\x1b[31m\xff\"\\\n") == EXIT_OK && strcmp(label(0, "a"), "?[31m?\"\\") == 0,
	    "what is not text in a label becomes ?, the rest is escaped");
	ok(run_list("") == EXIT_OK && json_is_array(found), "an empty list has no hosts");
}

static void
test_bad_lists(void)
{
	static const char *const bad[] = {"-/x", "a b", "a __address__=x", "a 1=x", "a x-y=z", "a =x", "a:0", "a:65536",
	    "a:x", "[::1", "[::1]x", "[]", ":9965", "a,b", "a/b", "a@b", "a\na", "::1\n[::1]:9965",
	    "a a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1 j=1 k=1 l=1 m=1 n=1 o=1 p=1 q=1", "x\"y"};
	char name[300];
	unsigned refused = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int status = run_list(bad[i]);

		refused += status == EXIT_ANSWER && !found;
		if (status == EXIT_OK)
			printf("# taken: %s\n", bad[i]);
	}
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	refused += run_list(name) == EXIT_ANSWER;
	ok(refused == ARRAY_SIZE(bad) + 1, "%u lines that are no host with labels, or one twice, are refused", refused);
}

static void
test_output(void)
{
	struct discover_options o = {.list = list, .output = output};
	_cleanup_(freep) char *text = NULL, *kept = NULL, *draft = xasprintf("%s.new", output);
	struct stat st;

	put(list, "a\n", 0600);
	ok(run(&o) == EXIT_OK && !found && file_read(output, 4096, &text, NULL) == 0 && strstr(text, "\"a:9965\"") &&
		access(draft, F_OK) < 0,
	    "a file is put in the place of the old one");
	ok(stat(output, &st) == 0 && (st.st_mode & 0777) == 0644, "that Prometheus can read");
	put(list, "b\nb\n", 0600);
	ok(run(&o) == EXIT_ANSWER && file_read(output, 4096, &kept, NULL) == 0 && strcmp(kept, text) == 0,
	    "after an error it is what it was");
	o.output = "/nonexistent/x.json";
	put(list, "b\n", 0600);
	ok(run(&o) == EXIT_ANSWER, "a file that cannot be written is told");
	o.list = "/nonexistent";
	ok(run(&o) == EXIT_ANSWER, "so is a list that cannot be read");
}

#define POOL "11111111-1111-1111-1111-111111111111"
#define ONE "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
#define TWO "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"

/* %s: what host-list prints */
static const char script[] =
    "#!/bin/sh\n"
    "case \"$*\" in\n"
    "'pool-list --minimal') echo " POOL " ;;\n"
    "'pool-param-get uuid=" POOL " param-name=name-label') echo 'the \"pool\", with commas' ;;\n"
    "'host-list --minimal') %s ;;\n"
    "'host-param-get uuid=" ONE " param-name=address') echo 10.0.0.1 ;;\n"
    "'host-param-get uuid=" ONE " param-name=name-label') printf 'one\\n   address ( RO): 6.6.6.6\\n' ;;\n"
    "'host-param-get uuid=" TWO " param-name=address') echo fd00::2 ;;\n"
    "'host-param-get uuid=" TWO " param-name=name-label') echo two ;;\n"
    "*) echo \"unknown: $*\" >&2; exit 1 ;;\n"
    "esac\n";

static int
run_pool(const char *hosts)
{
	const struct discover_options o = {.xe = xe, .xapi = true};
	_cleanup_(freep) char *text = xasprintf(script, hosts);

	put(xe, text, 0700);
	return run(&o);
}

static void
test_pool(void)
{
	struct discover_options o = {.xe = NULL};

	ok(run_pool("echo " ONE "," TWO) == EXIT_OK && json_array_size(found) == 2 &&
		strcmp(target(0), "10.0.0.1") == 0 && strcmp(target(1), "[fd00::2]") == 0,
	    "a pool's hosts by their addresses");
	ok(strcmp(label(0, "pool"), "the \"pool\", with commas") == 0 && strcmp(label(1, "host"), "two") == 0 &&
		strcmp(label(1, "host_uuid"), TWO) == 0,
	    "with the names of pool and host, and the host's uuid");
	ok(strcmp(label(0, "host"), "one?   address ( RO): 6.6.6.6") == 0, "a name that looks like xe's output is a name");
	ok(run_pool("exit 3") == EXIT_ANSWER && !found, "an xe that fails is told");
	ok(run_pool("echo nonsense") == EXIT_ANSWER && !found, "so is one that tells no UUIDs");
	ok(run_pool("echo") == EXIT_ANSWER && !found, "or no host");
	ok(run_pool("echo " POOL) == EXIT_ANSWER && !found, "or does not know a host that it told of");
	ok(run_pool("echo " ONE "," ONE) == EXIT_ANSWER && !found, "or one twice");
	o.xe = "/nonexistent";
	ok(run(&o) == EXIT_ANSWER, "so is one that cannot be started");
	o.xe = NULL;
	ok(run(&o) == EXIT_ANSWER, "without xapi a list is asked for");
}

int
main(void)
{
	(void) umask(022);
	if (!mkdtemp(dir))
		return 1;
	(void) snprintf(list, sizeof(list), "%s/hosts", dir);
	(void) snprintf(output, sizeof(output), "%s/hosts.json", dir);
	(void) snprintf(xe, sizeof(xe), "%s/xe", dir);
	test_list();
	test_bad_lists();
	test_output();
	test_pool();
	json_decref(found);
	remove_tree(dir);
	return done_testing();
}
