/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONTROL_WIRE_H
#define CONTROL_WIRE_H

#include <stdint.h>

/* What goes over the control socket (AF_UNIX, SOCK_SEQPACKET), between two programs of this build
 * on one host. A connection carries one request, then replies; after CONTROL_PROBE it may carry a
 * CONTROL_CANCEL. Closing it cancels as well. */

#define CONTROL_MAGIC 0x58534350u /* "XSCP" */
#define CONTROL_VERSION 1u
#define CONTROL_SOCKET "/run/xenscope/control"
#define MAX_PROBE_SECONDS 600

enum control_op { CONTROL_PROBE = 1, CONTROL_UNTRACK, CONTROL_CANCEL };

#define CONTROL_ASK_ONLY 1u /* CONTROL_UNTRACK: tell what would be done */

struct control_request {
	uint32_t magic, version;
	uint32_t op, flags;
	uint32_t seconds; /* CONTROL_PROBE: 1 to MAX_PROBE_SECONDS */
	char domain[140]; /* number, uuid or name, ended by NUL */
};

enum control_state {
	CONTROL_REFUSED = 1, /* text: why; the last reply */
	CONTROL_LOCKING,     /* xapi is asked to lock the VM */
	CONTROL_BEGUN,
	CONTROL_INTERVAL, /* n, seconds, pages */
	CONTROL_YIELDS,	  /* text: to whom */
	CONTROL_ENDED,	  /* result, text, left_on; the last reply */
	CONTROL_WOULD,	  /* text: what untrack would do; the last reply */
	CONTROL_DONE,	  /* text: what untrack did; the last reply */
};

struct control_reply {
	uint32_t magic, version;
	uint32_t state;
	uint32_t domid;
	uint32_t n;
	uint32_t result;  /* enum record_result */
	uint32_t left_on; /* 0 or 1 */
	int32_t error;	  /* CONTROL_REFUSED: -errno */
	int64_t pages;	  /* -1: not known */
	double seconds, elapsed, wanted;
	char uuid[40], name[128], id[40];
	char text[320];
};

_Static_assert(sizeof(struct control_request) == 160, "as sent");
_Static_assert(sizeof(struct control_reply) == 592, "as sent");

#endif
