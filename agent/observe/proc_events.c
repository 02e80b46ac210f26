/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/proc_events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>

#include "base/util.h"

#define MAX_MESSAGE 4096

/* A message is a netlink header, a connector header, and the event: include/uapi/linux/cn_proc.h.
 */
#define EVENT_AT (NLMSG_HDRLEN + sizeof(struct cn_msg))
#define WHAT_AT (EVENT_AT + offsetof(struct proc_event, what))
#define PID_AT (EVENT_AT + offsetof(struct proc_event, event_data.exit.process_pid))
#define TGID_AT (EVENT_AT + offsetof(struct proc_event, event_data.exit.process_tgid))

static int
listen_to(int fd, enum proc_cn_mcast_op op)
{
	unsigned char message[EVENT_AT + sizeof(op)];
	struct nlmsghdr netlink;
	struct cn_msg connector;

	memset(&netlink, 0, sizeof(netlink));
	netlink.nlmsg_len = sizeof(message);
	netlink.nlmsg_type = NLMSG_DONE;
	memset(&connector, 0, sizeof(connector));
	connector.id.idx = CN_IDX_PROC;
	connector.id.val = CN_VAL_PROC;
	connector.len = sizeof(op);
	memcpy(message, &netlink, sizeof(netlink));
	memcpy(message + NLMSG_HDRLEN, &connector, sizeof(connector));
	memcpy(message + EVENT_AT, &op, sizeof(op));
	return send(fd, message, sizeof(message), 0) < 0 ? -errno : 0;
}

int
proc_events_open(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	_cleanup_(closep) int fd =
	    socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	int r, opened;

	if (fd < 0)
		return -errno;
	r = proc_events_filter(fd, false);
	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
		return -errno;
	r = listen_to(fd, PROC_CN_MCAST_LISTEN);
	if (r < 0)
		return r;
	opened = fd;
	fd = -1;
	return opened;
}

void
proc_events_close(int fd)
{
	if (fd < 0)
		return;
	(void) listen_to(fd, PROC_CN_MCAST_IGNORE); /* old kernels count listeners, not sockets */
	(void) close(fd);
}

int
proc_events_filter(int fd, bool ends)
{
	/* Words are loaded as from the network, so that the constants are turned round too. */
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_AT),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 5, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ends ? htonl(PROC_EVENT_EXIT) : UINT32_MAX, 0, 5),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PID_AT),
	    BPF_STMT(BPF_MISC | BPF_TAX, 0),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TGID_AT),
	    BPF_JUMP(
		BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1), /* not a thread of a process that goes on */
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

int
proc_events_parse(const void *message, size_t n, struct proc_event_seen *ret)
{
	struct proc_event e;
	size_t room;

	if (n < EVENT_AT + offsetof(struct proc_event, event_data) + sizeof(e.event_data.exec))
		return 0;
	room = n - EVENT_AT;
	memset(&e, 0, sizeof(e));
	memcpy(&e, (const char *) message + EVENT_AT, MIN(room, sizeof(e)));
	if (e.what != PROC_EVENT_EXEC && e.what != PROC_EVENT_EXIT)
		return 0;
	ret->ended = e.what == PROC_EVENT_EXIT;
	ret->pid = ret->ended ? e.event_data.exit.process_tgid : e.event_data.exec.process_tgid;
	ret->status = ret->ended ? (int) e.event_data.exit.exit_code : 0;
	ret->at = (double) e.timestamp_ns / 1e9;
	return ret->pid > 0;
}

int
proc_events_next(int fd, struct proc_event_seen *ret)
{
	for (;;) {
		char message[MAX_MESSAGE];
		struct sockaddr_nl from;
		socklen_t size = sizeof(from);
		ssize_t n =
		    recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *) &from, &size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (from.nl_pid != 0) /* not the kernel */
			continue;
		if (proc_events_parse(message, (size_t) n, ret))
			return 1;
	}
}
