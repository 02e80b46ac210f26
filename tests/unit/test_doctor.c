/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/doctor_checks.h"
#include "cli/fields.h"
#include "tests/remove_tree.h"
#include "tests/tap.h"

/* A host in a directory: what is there, a line of text each; nothing below /dev/xen is a device. */
static const char *const dom0[][2] = {{"/proc/xen/capabilities", "control_d"}, {"/sys/hypervisor/type", "xen"},
    {"/sys/hypervisor/version/major", "4"}, {"/sys/hypervisor/version/minor", "17"},
    {"/sys/hypervisor/version/extra", ".7"}, {"/dev/xen/privcmd", ""}, {"/run/xenstored/socket", ""},
    {"/sys/bus/event_source/devices/kprobe/type", "7"}, {"/sys/kernel/tracing/uprobe_events", ""},
    {"/usr/lib64/libxenctrl.so.4.17.0", ""}, {"/var/log/daemon.log", ""}, {"/state/public/host.rrd", ""},
    {"/proc/77/comm", "cat"}, {XAPI_INVENTORY, ""}, {"/dev/shm/metrics/x", ""}, {"/var/lib/xcp/x", ""},
    {"/etc/xapi.d/plugins/xenscope", ""}, {"/draw", ""}};

static void
put(const char *root, const char *path, const char *text)
{
	_cleanup_(freep) char *file = xasprintf("%s%s", root, path), *dir = xstrdup(file);
	FILE *f;

	*strrchr(dir, '/') = '\0';
	if (mkdir_parents(dir, 0755) < 0)
		abort();
	f = fopen(file, "w");
	if (!f)
		abort();
	(void) fprintf(f, "%s\n", text);
	(void) fclose(f);
	(void) chmod(file, 0755);
}

static void
put_socket(const char *root, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void) snprintf(a.sun_path, sizeof(a.sun_path), "%s%s", root, path);
	if (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
		abort();
	(void) close(fd);
}

/* The checks of that host, with a configuration of these lines, and no agent. */
static json_t *
look(const char *root, const char *config, int *ret_status)
{
	_cleanup_(freep) char *path = xasprintf("%s/xenscoped.conf", root);
	struct asker a = {.target = {{.url = "unix:/nothing/here"}}, .n_targets = 1};
	const struct doctor_options o = {.root = root, .config = path, .asker = &a};
	json_t *answer = NULL;

	put(root, "/xenscoped.conf", config);
	(void) chmod(path, 0644);
	*ret_status = doctor_look(&o, &answer);
	return answer;
}

static const json_t *
check(const json_t *answer, const char *name)
{
	const json_t *list = json_object_get(answer, "checks");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(text(json_array_get(list, i), "check"), name) == 0)
			return json_array_get(list, i);
	return NULL;
}

static bool
is(const json_t *answer, const char *name, const char *state, const char *found)
{
	const json_t *c = check(answer, name);

	if (strcmp(text(c, "state"), state) == 0 && strstr(text(c, "found"), found))
		return true;
	printf("# %s: %s, %s\n", name, text(c, "state"), text(c, "found"));
	return false;
}

#define CONFIG "state_dir = /state\nuser = root\nxapi_socket = /var/lib/xcp/s\ncontrol_socket = /var/lib/xcp/c\n" \
	       "rrdd_dir = /dev/shm/metrics\ngraph_program = /draw\n"

static void
test_whole(const char *root)
{
	int status;
	json_t *a;

	for (size_t i = 0; i < ARRAY_SIZE(dom0); i++)
		put(root, dom0[i][0], dom0[i][1]);
	put_socket(root, "/var/lib/xcp/s");
	put_socket(root, "/var/lib/xcp/c");
	a = look(root, CONFIG, &status);
	ok(status == EXIT_ANSWER && is(a, "agent", "missing", "no agent answers"), "without an agent something is missing");
	ok(is(a, "Dom0", "ok", "control domain") && is(a, "Xen", "ok", "Xen 4.17.7"), "a Dom0 and its Xen are told");
	ok(is(a, "privcmd", "ok", "/dev/xen/privcmd") && is(a, "xenstore", "ok", "/run/xenstored/socket") &&
		is(a, "eBPF", "ok", "kprobes") && is(a, "tracefs", "ok", "/sys/kernel/tracing") &&
		is(a, "uprobes", "ok", "libxenctrl.so.4.17.0"),
	    "so is what the agent sees by");
	ok(is(a, "configuration", "ok", "xenscoped.conf") && is(a, "store", "ok", "/state/public") &&
		is(a, "space", "ok", "MiB are free") && is(a, "permissions", "ok", "nobody") && is(a, "user", "ok", "root"),
	    "and what it keeps, as its configuration says");
	ok(is(a, "logs", "ok", "/var/log/daemon.log") && is(a, "trace buffers", "ok", "nobody") &&
		is(a, "xcp-rrdd", "ok", "runs") && is(a, "plugin socket", "ok", "/var/lib/xcp/s") &&
		is(a, "control socket", "ok", "/var/lib/xcp/c") && is(a, "xapi plugin", "ok", "xapi.d") &&
		is(a, "pictures", "ok", "/draw"),
	    "and what it reads and offers");
	json_decref(a);
}

static void
test_lacking(const char *root)
{
	int status;
	json_t *a;

	put(root, "/sys/kernel/security/lockdown", "none integrity [confidentiality]");
	put(root, "/proc/77/comm", "xentrace");
	put(root, "/sys/hypervisor/version/minor", "12");
	a = look(root, CONFIG "trace_percent = 20\n", &status);
	ok(is(a, "eBPF", "limited", "locked down") && *text(check(a, "eBPF"), "cost") && *text(check(a, "eBPF"), "remedy"),
	    "a kernel that is locked down is told, with what it costs and what to do");
	ok(is(a, "trace buffers", "limited", "xentrace (process 77)"), "so is another reader of the trace");
	ok(is(a, "Xen", "limited", "Xen 4.12.7"), "and a Xen that is too old");
	json_decref(a);
	a = look(root, CONFIG "rounds_bpf = no\nrounds_uprobe = no\nrounds_log = no\ntrace = no\ncontrol_socket =\n"
			       "rrdd_dir =\ngraph_program =\n", &status);
	ok(is(a, "eBPF", "limited", "rounds_bpf = no") && is(a, "tracefs", "limited", "rounds_uprobe = no") &&
		is(a, "logs", "limited", "rounds_log = no") && is(a, "trace buffers", "limited", "trace = no") &&
		is(a, "control socket", "limited", "empty") && is(a, "xcp-rrdd", "limited", "empty") &&
		is(a, "pictures", "limited", "empty"),
	    "what was turned off is told as that");
	json_decref(a);
	a = look(root, "stepp = 5\n", &status);
	ok(status == EXIT_ANSWER && is(a, "configuration", "missing", "stepp"), "a configuration that cannot be read is missing");
	json_decref(a);
}

static void
test_nothing(const char *root)
{
	_cleanup_(freep) char *none = xasprintf("%s/none", root);
	char *out = NULL;
	size_t n, longest = 0;
	int status;
	json_t *a = look(none, "user = nobody-of-this-name\n", &status);
	FILE *f;

	ok(status == EXIT_ANSWER && is(a, "Dom0", "missing", "no Xen") && is(a, "privcmd", "missing", "there is no") &&
		is(a, "store", "missing", "no agent has run"),
	    "where there is nothing, what the agent needs is missing");
	ok(is(a, "user", "limited", "nobody-of-this-name") && is(a, "xenstore", "limited", "neither") &&
		is(a, "uprobes", "limited", "libxenctrl") && is(a, "tracefs", "limited", "no uprobes"),
	    "and the rest limited");
	ok(is(a, "xcp-rrdd", "ok", "not needed") && is(a, "xapi plugin", "ok", "not needed") &&
		is(a, "logs", "ok", "none is needed"),
	    "xapi's parts are not needed without xapi");
	f = open_memstream(&out, &n);
	show_doctor(a, 80, f);
	fclose(f);
	for (char *line = out; *line; line = line + strcspn(line, "\n") + 1) {
		size_t indent = strspn(line, " ");

		if (strcspn(line + indent, " \n") < strcspn(line + indent, "\n")) /* a path is not broken */
			longest = MAX(longest, strcspn(line, "\n"));
	}
	ok(longest <= 80 && strstr(out, "missing  Dom0           no Xen runs below this kernel\n") &&
		strstr(out, "                        do:    modprobe xen-privcmd") && strstr(out, "the agent cannot\nwork.\n"),
	    "it is told in 80 columns, with a sum");
	free(out);
	json_decref(a);
}

/* What an agent tells of itself. */
static bool
agent_is(check_fn *asked, bool well, const char *words, const char *answer)
{
	struct doctor d = {.root = "", .host = json_loads(answer, 0, NULL)};
	char found[MAX_FOUND] = "";
	bool is = asked(&d, found) == well && strstr(found, words);

	if (!is)
		printf("# %s\n", found);
	json_decref(d.host);
	return is;
}

static void
test_agent(void)
{
	ok(agent_is(check_agent, true, "0.1 answers, its newest sample is 9 s old",
	       "{\"agent_version\":\"0.1\",\"age_seconds\":9,\"step\":5}"),
	    "an agent that answers is well");
	ok(agent_is(check_agent, false, "hangs", "{\"age_seconds\":90,\"step\":5}"), "one that has no new samples hangs");
	ok(agent_is(check_agent, false, "has gone", "{\"age_seconds\":9,\"step\":5,\"stale\":true}"), "or has gone");
	ok(agent_is(check_version, false, "the agent is 9.9", "{\"agent_version\":\"9.9\"}"), "another version is told");
	ok(agent_is(check_notes, false, "no tracefs; host: refused",
	       "{\"notes\":[\"no tracefs\"],\"collectors\":[{\"name\":\"host\",\"error\":\"refused\"},{\"error\":null}]}"),
	    "so is what it complains of");
	ok(agent_is(check_notes, true, "nothing", "{\"notes\":[]}"), "if anything");
}

static void
test_remote(void)
{
	struct asker a = {.target = {{.url = "unix:/nothing/here"}}, .n_targets = 1, .remote = true};
	const struct doctor_options o = {.root = "", .asker = &a};
	json_t *answer = NULL;
	int status = doctor_look(&o, &answer);

	ok(status == EXIT_ANSWER && check(answer, "agent") && !check(answer, "privcmd"),
	    "of another host nothing of this one is looked at");
	json_decref(answer);
}

int
main(void)
{
	char top[] = "/tmp/test_doctor.XXXXXX";

	if (!mkdtemp(top))
		return 99;
	test_whole(top);
	test_lacking(top);
	test_nothing(top);
	test_agent();
	test_remote();
	remove_tree(top);
	return done_testing();
}
