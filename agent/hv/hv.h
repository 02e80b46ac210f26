/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HV_H
#define HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tick.h"
#include "metrics/event.h"

/* The seam to the hypervisor: only this folder includes Xen's headers.
 *   hv_xen.c     the real one, over libxenctrl, libxenguest, libxenstat and libxenstore
 *   hv_record.c  wraps another and writes each of its answers into a capture
 *   hv_replay.c  plays a capture
 * One thread uses it. All functions return 0 or -errno and write results only on success. */
struct hv;

#define MAX_FEATURE_WORDS 64
#define MAX_CMDLINE 1024	   /* xen_commandline_t */
#define MAX_CONSOLE (4u << 20)	   /* of the console ring that is read */
#define MAX_HV_NAME 1024	   /* a domain's name as xenstore holds it */
#define MAX_HV_LIST 1024	   /* domains of one answer */

struct hv_version {
	unsigned major, minor;
	char extra[16];	   /* ".7" */
	char changeset[64];
	char capabilities[1024];
};

struct hv_physinfo {
	uint32_t cpus;
	uint32_t cpu_khz;
	uint64_t total_pages, free_pages;
	bool hvm, pv, hap, shadow;
};

/* What is asked of dirty tracking; there is no word for CLEAN, which takes the dirty bits away from a migration. */
enum hv_logdirty {
	HV_LOGDIRTY_ENABLE, /* XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY. -EINVAL: it is on, or the domain has a device
			     * passed through; -EOPNOTSUPP: a PV domain on a Xen without shadow paging */
	HV_LOGDIRTY_PEEK,   /* the count alone, without a page of the bitmap: cannot be preempted, and so never makes
			     * another's CLEAN fail. -EBUSY: another operation is under way, skip this one */
	HV_LOGDIRTY_OFF,    /* succeeds also where it is off */
};

enum hv_featureset { HV_FEATURES_RAW, HV_FEATURES_HOST, HV_FEATURES_PV, HV_FEATURES_HVM, HV_FEATURESETS };

struct hv_domain {
	uint32_t domid;
	uint8_t uuid[16];
	bool hvm, hap;	  /* hvm: HVM or PVH */
	bool device_model; /* emulated devices: HVM, not PVH */
	bool dying, crashed, shutdown, paused, blocked, running;
	uint32_t online_vcpus, max_vcpu_id;
	uint64_t cpu_ns;
	uint64_t pages, max_pages;
};

/* CPUID leaf 7, subleaf 0, of a domain's policy. */
struct hv_policy {
	uint32_t b7, c7, d7;
};

/* libxenstat's figures that the domain list does not have. rx: what the guest received. */
struct hv_xenstat {
	uint32_t domid;
	uint64_t net_rx_bytes, net_tx_bytes, block_reads, block_writes;
	bool has_net, has_block;
};

/* A change in xenstore that concerns names. */
struct hv_change {
	bool domains; /* one came or went */
	bool name;    /* domid has a new name */
	uint32_t domid;
};

struct hv_ops {
	int (*version)(struct hv *hv, struct hv_version *ret);
	/* -EACCES: the hypervisor denies it (XSM). */
	int (*cmdline)(struct hv *hv, char ret[MAX_CMDLINE]);
	int (*physinfo)(struct hv *hv, struct hv_physinfo *ret);
	/* -EOPNOTSUPP: this Xen was built without such guests. words beyond *ret_n are 0. */
	int (*featureset)(struct hv *hv, enum hv_featureset set, uint32_t words[MAX_FEATURE_WORDS], size_t *ret_n);
	/* The whole ring, never cleared; the caller frees it. */
	int (*console_ring)(struct hv *hv, char **ret_text, size_t *ret_n);
	/* At most max domains, and MAX_HV_LIST, with ids from first on, in one hypercall (another where
	 * there are many more than the last time); ret_n of them. */
	int (*domain_list)(struct hv *hv, uint32_t first, struct hv_domain *ret, size_t max, size_t *ret_n);
	/* Of one domain, between ticks; not recorded, since the event that it was asked for has it. -ESRCH. */
	int (*domain_uuid)(struct hv *hv, uint32_t domid, uint8_t ret[16]);
	int (*domain_policy)(struct hv *hv, uint32_t domid, struct hv_policy *ret);
	/* *ret_dirty: with PEEK, the pages that became dirty since the last CLEAN of anyone (ENABLE and OFF leave the
	 * count as it is; it stands still while tracking is off; modulo 2^32); else NULL. Pauses the domain for the
	 * moment of the call. Not recorded; -EROFS in a capture. */
	int (*logdirty)(struct hv *hv, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty);
	/* Pauses that vCPU for a moment: rarely, and never while the domain is tracked. */
	int (*vcpu_cr4)(struct hv *hv, uint32_t domid, unsigned vcpu, uint64_t *ret_cr4);
	/* One xenstore read. -ENOENT: it has none. */
	int (*domain_name)(struct hv *hv, uint32_t domid, char ret[MAX_HV_NAME]);
	/* Readable when changes are to be had; -1 when there is none to wait for. */
	int (*change_fd)(struct hv *hv);
	/* The next change without waiting; -EAGAIN: none. After any other error there will be none: stop
	 * waiting for change_fd. */
	int (*next_change)(struct hv *hv, struct hv_change *ret);
	/* Asks for changes of this domain's name. */
	int (*watch_name)(struct hv *hv, uint32_t domid, bool on);
	/* Slow (17 to 24 ms in the lab); at most max, ret_n of them. -ENOTCONN: xenstored does not run. */
	int (*xenstat)(struct hv *hv, struct hv_xenstat *ret, size_t max, size_t *ret_n);
	/* Dom0's /proc/cpuinfo "model name" and boot id; ret_boot_id[37]. */
	int (*cpu_model)(struct hv *hv, char *buf, size_t n);
	int (*boot_id)(struct hv *hv, char ret_boot_id[37]);
	/* Xen's saved console log, the newest max bytes; the caller frees it. */
	int (*console_log)(struct hv *hv, const char *path, size_t max, char **ret_text, size_t *ret_n);
	void (*close)(struct hv *hv);
};

/* What every implementation begins with. */
struct hv {
	const struct hv_ops *ops;
	bool replay;
	uint64_t hypercalls, xenstore_reads; /* made so far */
};

/* Opens libxenctrl and libxenstore. Goes on without xenstore (names are then unknown) and says so through
 * ret_note (static text or NULL). -ENOENT, -EACCES ...: no hypervisor to be reached; -ENOSYS: built
 * without Xen. */
int hv_xen_open(struct hv **ret_hv, const char **ret_note);

/* Wraps inner, which it owns if it succeeds; what is written goes to fd, which stays the caller's.
 * -errno: the capture's first line could not be written. */
int hv_record_open(struct hv *inner, int fd, const struct tick *now, struct hv **ret_hv);
/* Adds an observer's event to the capture. As hv_record_status. */
int hv_record_event(struct hv *hv, const struct event *e);
/* Marks the time of the answers that follow. */
void hv_record_tick(struct hv *hv, const struct tick *now);
/* 0, or the -errno of the write that ended the recording; the calls themselves go on. */
int hv_record_status(struct hv *hv);

/* Opens a capture (docs/capture-format.md). Its first instant plays at *start. Answers are those
 * last recorded at or before the time set by hv_replay_seek; a question that nobody asked by then
 * gives -ENODATA. -EBADMSG: not a capture, or none that this version reads; a torn last line is
 * dropped and ret_note says so (static text or NULL). */
int hv_replay_open(
    const char *path, const struct tick *start, struct hv **ret_hv, const char **ret_note);
/* Going back in time plays the capture from its beginning, its events too. */
void hv_replay_seek(struct hv *hv, const struct tick *now);
/* Plays on to the end of the recorder's next tick (it asked for the domains), if that is at or before *now, and
 * gives its time (CLOCK_MONOTONIC): at no other time are the answers those of one moment. -EAGAIN: there is none;
 * what came up to *now has been played. */
int hv_replay_step(struct hv *hv, const struct tick *now, double *ret_at);
/* The next event at or before the time set, its stamps moved to the replay's time; -EAGAIN: none. */
int hv_replay_next_event(struct hv *hv, struct event *ret);
/* Seconds that the capture lasts. */
double hv_replay_length(struct hv *hv);
/* For tests: the nth call from now on (1: the next) returns -err, once; 0 turns it off. */
void hv_replay_fail(struct hv *hv, unsigned nth, int err);

static inline void
hv_closep(struct hv **hv)
{
	if (*hv)
		(*hv)->ops->close(*hv);
}

#endif
