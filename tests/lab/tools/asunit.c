/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asunit UNIT [OPTION...]: Dom0 of the lab has no systemd. This becomes what the installed unit starts, with OPTIONs, as the
 * unit says: its run-time directory, umask, priorities, limits, capabilities. What systemd builds of namespaces, control
 * groups and seccomp is left out; tests/systemd has it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_WORDS 64

static const char *const capabilities[] = { /* by their numbers */
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
	"linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
	"sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
	"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
	"mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
	"checkpoint_restore",
};
#define N_CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

static char directory[256], *start[MAX_WORDS];
static mode_t directory_mode = 0755;
static unsigned long long keep = ~0ULL; /* capabilities */
static int keep_is_set;

static void
die(const char *what, const char *value)
{
	fprintf(stderr, "asunit: %s: %s\n", what, value);
	exit(2);
}

static void
check(int failed, const char *what)
{
	if (failed)
		die(what, strerror(errno));
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd), path);
}

static void
limit(int which, const char *value)
{
	char *end;
	rlim_t n = strtoull(value, &end, 10);
	if (*end)
		n <<= *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : (die("no size", value), 0);
	check(setrlimit(which, &(struct rlimit){n, n}) < 0, value);
}

/* Each line of them adds some. */
static void
capability_set(char *value)
{
	if (!keep_is_set)
		keep = 0;
	keep_is_set = 1;
	for (char *w = strtok(value, " "); w; w = strtok(NULL, " ")) {
		size_t i = 0;
		while (i < N_CAPABILITIES && (strncmp(w, "CAP_", 4) || strcasecmp(w + 4, capabilities[i])))
			i++;
		if (i == N_CAPABILITIES)
			die("no capability", w);
		keep |= 1ULL << i;
	}
}

static void
exec_start(char *value)
{
	size_t n = 0;
	for (char *w = strtok(strdup(value), " "); w && n < MAX_WORDS - 1; w = strtok(NULL, " "))
		start[n++] = w;
	start[n] = NULL;
}

static void
setting(const char *key, char *value)
{
	if (!strcmp(key, "ExecStart"))
		exec_start(value);
	else if (!strcmp(key, "RuntimeDirectory"))
		snprintf(directory, sizeof(directory), "/run/%s", value);
	else if (!strcmp(key, "RuntimeDirectoryMode"))
		directory_mode = strtoul(value, NULL, 8);
	else if (!strcmp(key, "UMask"))
		umask(strtoul(value, NULL, 8));
	else if (!strcmp(key, "Nice"))
		check(setpriority(PRIO_PROCESS, 0, atoi(value)) < 0, key);
	else if (!strcmp(key, "OOMScoreAdjust"))
		write_file("/proc/self/oom_score_adj", value);
	else if (!strcmp(key, "LimitCORE"))
		limit(RLIMIT_CORE, value);
	else if (!strcmp(key, "LimitMEMLOCK"))
		limit(RLIMIT_MEMLOCK, value);
	else if (!strcmp(key, "CapabilityBoundingSet"))
		capability_set(value);
	else if (!strcmp(key, "NoNewPrivileges"))
		check(!strcmp(value, "yes") && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0, key);
	else if (!strcmp(key, "User") || !strcmp(key, "Group") || !strncmp(key, "Limit", 5) || !strcmp(key, "StateDirectory"))
		die("not known here", key);
}

int
main(int argc, char **argv)
{
	char line[1024], *equals;
	FILE *f = argc > 1 ? fopen(argv[1], "re") : NULL;

	if (!f)
		return fprintf(stderr, "usage: asunit UNIT [OPTION...]\n"), 2;
	for (int service = 0; fgets(line, sizeof(line), f);) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '[')
			service = !strcmp(line, "[Service]");
		else if (service && line[0] != '#' && (equals = strchr(line, '='))) {
			*equals = '\0';
			setting(line, equals + 1);
		}
	}
	fclose(f);
	size_t n = 0;
	while (start[n])
		n++;
	for (int i = 2; i < argc && n < MAX_WORDS - 1; i++)
		start[n++] = argv[i];
	if (directory[0]) /* whatever the umask is */
		check((mkdir(directory, 0700) < 0 && errno != EEXIST) || chmod(directory, directory_mode) < 0, directory);
	for (size_t c = 0; c < N_CAPABILITIES; c++)
		check(!(keep >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EINVAL, capabilities[c]);
	check(!start[0] || execv(start[0], start) < 0, "ExecStart");
}
