/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What an observer saw of a migration. Plain data: observers make it, a capture holds it, the state
 * machine of observe/migration.c reads it. */

/* Best first: where two sources saw the same thing, the better one counts. */
enum event_source {
	SOURCE_NONE,
	SOURCE_BPF,
	SOURCE_UPROBE,
	SOURCE_LOG, /* what the toolstack's own programs wrote into their logs */
	SOURCE_PROCESS,
	SOURCE_TRACE, /* Xen's trace buffers: exits, no operations */
	SOURCE_PROBE, /* the agent's own operations, which a person asked for */
	SOURCE_COUNT
};

enum event_kind {
	EVENT_SHADOW_OP,     /* a log-dirty operation returned: domid, op, mode, pages, result, dirty */
	EVENT_ROUND_NAMED,   /* libxc named its pass "Frames iteration N": number */
	EVENT_STEP,	     /* libxc's progress within a pass: done, total */
	EVENT_STAGE,	     /* libxc named a stage: stage */
	EVENT_PROCESS_BEGIN, /* a migration helper was found: pid, domid, role */
	EVENT_PROCESS_END,   /* it is gone: pid, result */
	EVENT_TOOLSTACK_END, /* the process that started it was ended by a signal: pid of the helper, result; comm and
			      * toolstack of the one that ended */
	EVENT_RELEASED,	     /* a toolstack let a domain run (unpausedomain, resumedomain): pid, domid, comm */
	EVENT_TRACE_WINDOW,  /* what a domain's exits were in a window of the trace: domid, window */
	EVENT_LOGGED,	     /* a program wrote of a migration in its log: logged, pid or 0, domid or NO_DOMID,
			      * toolstack, and what that word brings */
};

/* What a line of a log says. */
enum logged {
	LOGGED_NAMED,	  /* whose the domain is: uuid */
	LOGGED_BEGUN,	  /* a save or restore begins: role */
	LOGGED_ROUND,	  /* a round is about to be sent: number, total (its pages), done (pages written before it) */
	LOGGED_PROGRESS,  /* in the middle of a round: number, done (pages written, this round's among them) */
	LOGGED_STEP,	  /* the same within the round: number, done, total */
	LOGGED_STOPPING,  /* pre-copy is over, the guest is to be suspended */
	LOGGED_SUSPENDED, /* the guest is suspended */
	LOGGED_SENT,	  /* the last page was sent */
	LOGGED_SENDER,	  /* xl: the receiver answered, so that it is a migration and no save */
	LOGGED_DONE,	  /* the toolstack is through and content */
	LOGGED_FAILURE,	  /* something went wrong: text */
	LOGGED_FAILED,	  /* it came to nothing, and is over: text */
	LOGGED_ABORTED,	  /* the toolstack called it off */
	LOGGED_EXITED,	  /* the helper ended: result, its status */
};

#define NO_DOMID UINT32_MAX /* the line names no domain */
#define LOG_TEXT_SIZE 160

/* The exits that dirty tracking causes, whatever the processor calls them. */
enum trace_class {
	TRACE_VIOLATION, /* a write to a log-dirty page: EPT violation with that p2m type, or an NPF that left a
			  * record of its own (AMD) */
	TRACE_PML_FULL,	 /* the processor's buffer of 512 dirtied pages was full */
	TRACE_RECALC,	 /* an entry that a harvest invalidated: EPT misconfiguration, or an NPF without a
			  * record (AMD) */
	TRACE_CLASSES
};

/* Of one domain, from one moment to the event's. Cycles are the TSC's, from the exit to the next entry of that
 * vCPU, less the time in which it had no CPU. */
struct trace_window {
	double from; /* CLOCK_MONOTONIC, seconds */
	uint64_t count[TRACE_CLASSES], cycles[TRACE_CLASSES];
	uint64_t exits; /* of any reason */
	uint32_t lost;	/* records that Xen had to drop, of all CPUs */
	uint32_t cpu_khz;
	bool torn; /* not to be counted as a whole: records lost, a clock that went back, bytes that are no record */
};

/* XEN_DOMCTL_SHADOW_OP_*, public/domctl.h; the numbers are the same from 4.13 to 4.21. */
enum shadow_op {
	SHADOW_OP_OFF = 0,
	SHADOW_OP_ENABLE_LOGDIRTY = 2,
	SHADOW_OP_CLEAN = 11,
	SHADOW_OP_PEEK = 12,
	SHADOW_OP_ENABLE = 32,
};

/* XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL: the guest is suspended, this is the last harvest. */
#define SHADOW_MODE_FINAL 1u

/* The texts of xc_report_progress_single (xen.git tools/libs/guest/xg_sr_save.c). */
enum stage { STAGE_OTHER, STAGE_START_OF_STREAM, STAGE_SUSPENDED, STAGE_END_OF_STREAM, STAGE_COMPLETE };

/* What a helper process does, from its arguments. */
enum helper_role {
	ROLE_UNKNOWN,
	ROLE_SAVE,
	ROLE_LIVE_SAVE,
	ROLE_RESTORE,
	ROLE_REPLICATE /* a stream with checkpoints: Remus, COLO */
};

enum toolstack { TOOLSTACK_UNKNOWN, TOOLSTACK_XL, TOOLSTACK_XAPI, TOOLSTACK_LIBVIRT };

struct event {
	enum event_kind kind;
	enum event_source source;
	double at;	/* CLOCK_MONOTONIC, seconds: when the operation returned or the text was given */
	double seconds; /* EVENT_SHADOW_OP: how long the hypercall took; NAN if unknown. EVENT_LOGGED: how fine its
			 * stamp is; NAN: it had none, and at is later */
	pid_t pid;	/* the helper's process */
	uint32_t domid;
	uint32_t op, mode; /* EVENT_SHADOW_OP: enum shadow_op, SHADOW_MODE_FINAL */
	int64_t result;	   /* of the call; < 0: failed. Of a process: as of wait(2), 0 also where that is unknown */
	bool alone;	   /* EVENT_SHADOW_OP: the better source, which sees all, has missed it */
	uint64_t pages;	   /* EVENT_SHADOW_OP: page frames of the guest's physical space */
	uint32_t dirty;	   /* EVENT_SHADOW_OP with CLEAN: pages found dirty */
	uint64_t written;  /* EVENT_SHADOW_OP: bytes that the process has written since it began; 0: unknown */
	uint32_t number;   /* EVENT_ROUND_NAMED */
	uint64_t done, total; /* EVENT_STEP */
	enum stage stage;     /* EVENT_STAGE */
	enum helper_role role; /* EVENT_PROCESS_BEGIN */
	enum toolstack toolstack;
	uint64_t started; /* EVENT_PROCESS_BEGIN: starttime of /proc/PID/stat, tells a pid's reuse */
	char comm[16];	  /* the process's name as the kernel cuts it */
	struct trace_window window; /* EVENT_TRACE_WINDOW */
	char uuid[37];	  /* EVENT_PROCESS_BEGIN: of its domain at that moment; "": unknown */
	enum logged logged;	  /* EVENT_LOGGED */
	char text[LOG_TEXT_SIZE]; /* EVENT_LOGGED: UTF-8, cleaned */
};

/* Takes the events of an observer. */
typedef void event_fn(void *arg, const struct event *e);

#endif
