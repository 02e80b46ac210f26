/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/doctor_checks.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/util.h"
#include "cli/fields.h"
#include "observe/bpf_kernel.h"
#include "observe/uprobe_library.h"

#define MIN_FREE_MIB 512.0
#define MIN_MINOR 13 /* of Xen 4 */
#define MAX_MINOR 21
#define MAX_SMALL_FILE 4096
#define LATE_STEPS 3	 /* samples that may be missing */
#define LATE_SECONDS 10 /* and what a loaded host may take longer */
#define XAPI_SOCKETS "/var/lib/xcp"
#define PLUGIN "/etc/xapi.d/plugins/xenscope"

static bool tell(char *found, bool well, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool
tell(char *found, bool well, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(found, MAX_FOUND, format, ap);
	va_end(ap);
	return well;
}

static char *
under(const struct doctor *d, const char *path)
{
	return xasprintf("%s%s", d->root, path);
}

/* access(2) with the effective user. */
static bool
there(const struct doctor *d, const char *path, int mode)
{
	_cleanup_(freep) char *p = under(d, path);

	return faccessat(AT_FDCWD, p, mode, AT_EACCESS) == 0;
}

/* A small file without its line end, which the caller frees; "" where there is none. */
static char *
content(const struct doctor *d, const char *path)
{
	_cleanup_(freep) char *p = under(d, path);
	char *text = NULL;

	if (file_read(p, MAX_SMALL_FILE, &text, NULL) < 0)
		return xstrdup("");
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static bool
has_xapi(const struct doctor *d)
{
	return there(d, XAPI_INVENTORY, F_OK);
}

/* --- what the agent tells --- */

bool
check_agent(const struct doctor *d, char *found)
{
	double age = number(d->host, "age_seconds");

	if (!d->host)
		return tell(found, false, "%s", d->no_host);
	if (json_is_true(json_object_get(d->host, "stale")))
		return tell(found, false, "the agent has gone; what answers has its last sample, of %s",
		    text(d->host, "time_text"));
	if (age > number(d->host, "step") * LATE_STEPS + LATE_SECONDS)
		return tell(found, false, "the agent hangs: its newest sample is %.0f s old", age);
	return tell(found, true, "xenscoped %s answers, its newest sample is %.0f s old%s",
	    text(d->host, "agent_version"), age,
	    strcmp(text(d->host, "source"), "replay") == 0 ? "; it plays a capture" : "");
}

bool
check_version(const struct doctor *d, char *found)
{
	const char *agent = text(d->host, "agent_version");

	if (!*agent)
		return tell(found, true, "this is xenscope " PACKAGE_VERSION);
	return tell(found, strcmp(agent, PACKAGE_VERSION) == 0,
	    "this is xenscope " PACKAGE_VERSION ", the agent is %s", agent);
}

/* Its notes, and what its collectors complain of. */
bool
check_notes(const struct doctor *d, char *found)
{
	const json_t *notes = json_object_get(d->host, "notes"),
		     *collectors = json_object_get(d->host, "collectors");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(notes) && n < MAX_FOUND; i++) {
		const char *note = json_string_value(json_array_get(notes, i));

		n += (size_t) snprintf(found + n, MAX_FOUND - n, "%s%s", n ? "; " : "", note ? note : "");
	}
	for (size_t i = 0; i < json_array_size(collectors) && n < MAX_FOUND; i++) {
		const json_t *c = json_array_get(collectors, i);

		if (*text(c, "error"))
			n += (size_t) snprintf(found + n, MAX_FOUND - n, "%s%s: %s", n ? "; " : "",
			    text(c, "name"), text(c, "error"));
	}
	return n > 0 ? false
		     : tell(found, true,
			   d->host ? "the agent complains of nothing" : "none, as no agent answers");
}

/* --- the host --- */

bool
check_root(const struct doctor *d, char *found)
{
	(void) d;
	return geteuid() == 0 ? tell(found, true, "this looks as root")
			      : tell(found, false, "this is not root");
}

bool
check_config(const struct doctor *d, char *found)
{
	if (*d->config_error)
		return tell(found, false, "%s", d->config_error);
	return tell(found, true,
	    there(d, d->config_path, F_OK) ? "%s can be read" : "all as by default: there is no %s",
	    d->config_path);
}

bool
check_dom0(const struct doctor *d, char *found)
{
	_cleanup_(freep) char *type = content(d, "/sys/hypervisor/type"),
			      *can = content(d, "/proc/xen/capabilities");

	if (strstr(can, "control_d"))
		return tell(found, true, "this is the control domain of Xen");
	return tell(found, false,
	    strcmp(type, "xen") == 0
		? "this is a guest of Xen, or /proc/xen is not mounted (mount -t xenfs xenfs /proc/xen)"
		: "no Xen runs below this kernel");
}

bool
check_xen(const struct doctor *d, char *found)
{
	_cleanup_(freep) char *major = content(d, "/sys/hypervisor/version/major");
	_cleanup_(freep) char *minor = content(d, "/sys/hypervisor/version/minor");
	_cleanup_(freep) char *extra = content(d, "/sys/hypervisor/version/extra");
	int n;

	if (!*minor)
		return tell(found, true, "its version is not known here");
	return tell(found,
	    strcmp(major, "4") == 0 && sscanf(minor, "%3d", &n) == 1 && n >= MIN_MINOR && n <= MAX_MINOR,
	    "Xen %s.%s%s", major, minor, extra);
}

bool
check_privcmd(const struct doctor *d, char *found)
{
	static const char path[] = "/dev/xen/privcmd";

	if (!there(d, path, F_OK))
		return tell(found, false, "there is no %s", path);
	return there(d, path, R_OK | W_OK) ? tell(found, true, "%s may be used", path)
					   : tell(found, false, "%s may not be used by this user", path);
}

bool
check_xenstore(const struct doctor *d, char *found)
{
	static const char *const ways[] = {
	    "/run/xenstored/socket", "/var/run/xenstored/socket", "/dev/xen/xenbus"};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (there(d, ways[i], R_OK | W_OK))
			return tell(found, true, "%s may be used", ways[i]);
	return tell(found, false, "neither %s nor %s may be used", ways[0], ways[2]);
}

bool
check_kernel(const struct doctor *d, char *found)
{
	struct utsname u;
	int major = 0, minor = 0;

	(void) d;
	(void) uname(&u);
	return tell(found,
	    sscanf(u.release, "%5d.%5d", &major, &minor) == 2 && (major > 4 || (major == 4 && minor >= 19)),
	    "Linux %s", u.release);
}

bool
check_ebpf(const struct doctor *d, char *found)
{
	_cleanup_(freep) char *lockdown = content(d, "/sys/kernel/security/lockdown");
	_cleanup_(closep) int map = -1;

	if (!config_bool(&d->config, OPTION_rounds_bpf))
		return tell(found, false, "turned off: rounds_bpf = no");
	if (strstr(lockdown, "[confidentiality]"))
		return tell(found, false, "the kernel is locked down (confidentiality)");
	if (!there(d, "/sys/bus/event_source/devices/kprobe/type", F_OK))
		return tell(found, false, "the kernel has no kprobes for perf");
	if (*d->root)
		return tell(found, true, "the kernel has kprobes for perf");
	map = bpf_map_new(BPF_MAP_TYPE_HASH, sizeof(uint32_t), sizeof(uint32_t), 1); /* and it goes again */
	if (map < 0)
		return tell(found, false, "bpf(2) is refused: %s", strerror(-map));
	return tell(found, true, "kprobes and bpf(2) are there");
}

bool
check_tracefs(const struct doctor *d, char *found)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	if (!config_bool(&d->config, OPTION_rounds_uprobe))
		return tell(found, false, "turned off: rounds_uprobe = no");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_(freep) char *file = xasprintf("%s/uprobe_events", places[i]);

		if (there(d, file, W_OK))
			return tell(found, true, "%s has uprobes", places[i]);
	}
	return tell(found, false,
	    "%s has no uprobes that this user may use: not mounted, or not root, or locked down", places[0]);
}

bool
check_uprobes(const struct doctor *d, char *found)
{
	_cleanup_(freep) char *path = NULL;

	if (uprobe_library_find(d->root, &path) < 0)
		return tell(found, false, "the toolstack's libxenctrl was not found");
	return tell(found, true, "the toolstack uses %s", path);
}

/* --- what the agent reads, writes and offers --- */

bool
check_logs(const struct doctor *d, char *found)
{
	static const enum option_id logs[] = {OPTION_log_daemon, OPTION_log_xensource, OPTION_log_libvirt};
	size_t n = 0;

	if (!config_bool(&d->config, OPTION_rounds_log))
		return tell(found, false, "turned off: rounds_log = no");
	for (size_t i = 0; i < ARRAY_SIZE(logs) && n < MAX_FOUND; i++)
		if (*config_text(&d->config, logs[i]) && there(d, config_text(&d->config, logs[i]), R_OK))
			n += (size_t) snprintf(
			    found + n, MAX_FOUND - n, "%s%s", n ? ", " : "", config_text(&d->config, logs[i]));
	if (n > 0)
		return true;
	return has_xapi(d) ? tell(found, false, "xapi runs here, but none of the logs can be read")
			   : tell(found, true, "none, and none is needed: xl writes no log");
}

/* The other programs that read Xen's trace: Xen has one reader. */
static bool
find_reader(const struct doctor *d, char *found)
{
	static const char *const readers[] = {"xentrace", "xenbaked", "xenmon"};
	_cleanup_(freep) char *path = under(d, "/proc");
	struct dirent *e;
	DIR *proc = opendir(path);
	bool is = false;

	while (proc && !is && (e = readdir(proc))) {
		_cleanup_(freep) char *name = NULL, *comm = NULL;

		if (!isdigit((unsigned char) *e->d_name))
			continue;
		name = xasprintf("/proc/%s/comm", e->d_name);
		comm = content(d, name);
		for (size_t i = 0; i < ARRAY_SIZE(readers) && !is; i++)
			if (strcmp(comm, readers[i]) == 0)
				is = tell(found, true, "%s (process %s) reads them, and Xen has one reader",
				    comm, e->d_name);
	}
	if (proc)
		(void) closedir(proc);
	return is;
}

bool
check_trace(const struct doctor *d, char *found)
{
	if (!config_bool(&d->config, OPTION_trace))
		return tell(found, false, "turned off: trace = no");
	return find_reader(d, found) ? false : tell(found, true, "nobody else reads them");
}

bool
check_store(const struct doctor *d, char *found)
{
	const char *dir = config_text(&d->config, OPTION_state_dir);
	_cleanup_(freep) char *public = xasprintf("%s/public", dir);

	if (there(d, public, R_OK | W_OK | X_OK))
		return tell(found, true, "%s may be written", public);
	if (!there(d, public, F_OK))
		return tell(found, false, "there is no %s: no agent has run yet, or not as root", public);
	return tell(found, false, "%s may not be written by this user", public);
}

bool
check_space(const struct doctor *d, char *found)
{
	_cleanup_(freep) char *dir = under(d, config_text(&d->config, OPTION_state_dir));
	struct statvfs s;
	double mib;

	if (statvfs(dir, &s) < 0)
		return tell(found, true, "not looked at: there is no store");
	mib = (double) s.f_bavail * (double) s.f_frsize / (1 << 20);
	return tell(found, mib >= MIN_FREE_MIB, "%.0f MiB are free at %s", mib,
	    config_text(&d->config, OPTION_state_dir));
}

bool
check_rights(const struct doctor *d, char *found)
{
	const char *const paths[] = {config_text(&d->config, OPTION_state_dir), d->config_path};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_(freep) char *path = under(d, paths[i]);
		struct stat st;

		if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)))
			return tell(found, false, "others than its owner may write to %s", paths[i]);
	}
	return tell(found, true, "nobody else may write what the agent reads and keeps");
}

bool
check_user(const struct doctor *d, char *found)
{
	const char *user = config_text(&d->config, OPTION_user);

	if (!getpwnam(user))
		return tell(found, false, "there is no user %s", user);
	return tell(found, true, "the serving process runs as %s", user);
}

static bool
has_socket(const struct doctor *d, const char *path)
{
	_cleanup_(freep) char *p = under(d, path);
	struct stat st;

	return stat(p, &st) == 0 && S_ISSOCK(st.st_mode);
}

bool
check_control(const struct doctor *d, char *found)
{
	const char *path = config_text(&d->config, OPTION_control_socket);

	if (!*path)
		return tell(found, false, "turned off: control_socket is empty");
	return tell(found, has_socket(d, path), has_socket(d, path) ? "%s is there" : "there is no %s", path);
}

bool
check_pictures(const struct doctor *d, char *found)
{
	const char *program = config_text(&d->config, OPTION_graph_program);

	if (!*program)
		return tell(found, false, "turned off: graph_program is empty");
	return there(d, program, X_OK) ? tell(found, true, "%s draws them", program)
				       : tell(found, false, "there is no %s", program);
}

/* --- xapi --- */

bool
check_rrdd(const struct doctor *d, char *found)
{
	const char *dir = config_text(&d->config, OPTION_rrdd_dir);

	if (!has_xapi(d))
		return tell(found, true, "not needed: this host has no xapi");
	if (!*dir)
		return tell(found, false, "turned off: rrdd_dir is empty");
	return there(d, dir, X_OK) ? tell(found, true, "it runs: %s is there", dir)
				   : tell(found, false, "it does not run: there is no %s", dir);
}

bool
check_plugin_socket(const struct doctor *d, char *found)
{
	const char *path = config_text(&d->config, OPTION_xapi_socket);

	if (!has_xapi(d))
		return tell(found, true, "not needed: this host has no xapi");
	if (!there(d, XAPI_SOCKETS, F_OK))
		return tell(found, false, "there is no %s: is xapi installed whole?", XAPI_SOCKETS);
	return tell(
	    found, has_socket(d, path), has_socket(d, path) ? "%s is there" : "there is no socket %s", path);
}

bool
check_plugin(const struct doctor *d, char *found)
{
	if (!has_xapi(d))
		return tell(found, true, "not needed: this host has no xapi");
	return there(d, PLUGIN, X_OK) ? tell(found, true, "%s may be run", PLUGIN)
				      : tell(found, false, "there is no %s that may be run", PLUGIN);
}

bool
check_time(const struct doctor *d, char *found)
{
	struct timex t = {.modes = 0};
	int state = adjtimex(&t);

	(void) d;
	if (state == TIME_ERROR || (t.status & STA_UNSYNC))
		return tell(found, false, "nothing sets this host's clock by a server of time");
	return tell(found, state >= 0,
	    state >= 0 ? "the clock is set by a server of time" : "the clock cannot be asked");
}
