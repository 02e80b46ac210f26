/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/capture.h"

#include <errno.h>

#include "base/parse.h"
#include "base/util.h"

#define MAX_ERRNO 4095
#define ERRNO_PREFIX "errno "

/* the tables keep a row a line */
/* clang-format off */
#define FIELD(name, type, opt, st, member)                                                         \
	{name, FIELD_##type, opt, offsetof(struct st, member), sizeof(((struct st *) 0)->member),  \
	    NULL, 0}
#define NAMED(name, words, opt, st, member)                                                        \
	{name, FIELD_NAME, opt, offsetof(struct st, member), sizeof(((struct st *) 0)->member),    \
	    words, ARRAY_SIZE(words)}
#define DATA(name, type) {name, FIELD_##type, false, 0, 0, NULL, 0}
#define FIELDS(a) {a, ARRAY_SIZE(a)}
#define NONE {NULL, 0}

static const char *const call_names[CALL_COUNT] = {
    [CALL_VERSION] = "version",
    [CALL_CMDLINE] = "cmdline",
    [CALL_PHYSINFO] = "physinfo",
    [CALL_FEATURESET] = "featureset",
    [CALL_CONSOLE_RING] = "console_ring",
    [CALL_DOMAIN_LIST] = "domain_list",
    [CALL_DOMAIN_POLICY] = "domain_policy",
    [CALL_VCPU_CR4] = "vcpu_cr4",
    [CALL_DOMAIN_NAME] = "domain_name",
    [CALL_CHANGE] = "change",
    [CALL_XENSTAT] = "xenstat",
    [CALL_CPU_MODEL] = "cpu_model",
    [CALL_BOOT_ID] = "boot_id",
    [CALL_CONSOLE_LOG] = "console_log",
};

static const char *const event_names[] = {
    [EVENT_SHADOW_OP] = "shadow_op",
    [EVENT_ROUND_NAMED] = "round_named",
    [EVENT_STEP] = "step",
    [EVENT_STAGE] = "stage",
    [EVENT_PROCESS_BEGIN] = "process_begin",
    [EVENT_PROCESS_END] = "process_end",
    [EVENT_TOOLSTACK_END] = "toolstack_end",
    [EVENT_RELEASED] = "released",
    [EVENT_TRACE_WINDOW] = "trace_window",
    [EVENT_LOGGED] = "logged",
};

static const char *const source_names[SOURCE_COUNT] = {
    [SOURCE_NONE] = "none",
    [SOURCE_BPF] = "bpf",
    [SOURCE_UPROBE] = "uprobe",
    [SOURCE_LOG] = "log",
    [SOURCE_PROCESS] = "process",
    [SOURCE_TRACE] = "trace",
    [SOURCE_PROBE] = "probe",
};

static const char *const stage_names[] = {
    [STAGE_OTHER] = "other",
    [STAGE_START_OF_STREAM] = "start_of_stream",
    [STAGE_SUSPENDED] = "suspended",
    [STAGE_END_OF_STREAM] = "end_of_stream",
    [STAGE_COMPLETE] = "complete",
};

static const char *const logged_names[] = {
    [LOGGED_NAMED] = "named",
    [LOGGED_BEGUN] = "begun",
    [LOGGED_ROUND] = "round",
    [LOGGED_PROGRESS] = "progress",
    [LOGGED_STEP] = "step",
    [LOGGED_STOPPING] = "stopping",
    [LOGGED_SUSPENDED] = "suspended",
    [LOGGED_SENT] = "sent",
    [LOGGED_SENDER] = "sender",
    [LOGGED_DONE] = "done",
    [LOGGED_FAILURE] = "failure",
    [LOGGED_FAILED] = "failed",
    [LOGGED_ABORTED] = "aborted",
    [LOGGED_EXITED] = "exited",
};

static const char *const role_names[] = {
    [ROLE_UNKNOWN] = "unknown",
    [ROLE_SAVE] = "save",
    [ROLE_LIVE_SAVE] = "live_save",
    [ROLE_RESTORE] = "restore",
    [ROLE_REPLICATE] = "replicate",
};

static const char *const toolstack_names[] = {
    [TOOLSTACK_UNKNOWN] = "unknown",
    [TOOLSTACK_XL] = "xl",
    [TOOLSTACK_XAPI] = "xapi",
    [TOOLSTACK_LIBVIRT] = "libvirt",
};

static const char *const featureset_names[HV_FEATURESETS] = {
    [HV_FEATURES_RAW] = "raw",
    [HV_FEATURES_HOST] = "host",
    [HV_FEATURES_PV] = "pv",
    [HV_FEATURES_HVM] = "hvm",
};

static const struct capture_field header_fields[] = {
    FIELD("xenscope_capture", UINT, false, capture_line, version),
    FIELD("recorded", SECONDS, true, capture_line, recorded),
    FIELD("agent", TEXT, true, capture_line, agent),
    FIELD("xen", TEXT, true, capture_line, xen),
};

/* in the order of enum capture_member */
static const struct capture_field line_fields[] = {
    FIELD("t", SECONDS, false, capture_line, t),
    NAMED("call", call_names, true, capture_line, call),
    NAMED("event", event_names, true, capture_line, event.kind),
    FIELD("error", ERRNO, true, capture_line, error),
};

static const struct capture_field event_fields[] = {
    FIELD("at", SECONDS, true, event, at),
    NAMED("source", source_names, false, event, source),
    FIELD("seconds", SECONDS, true, event, seconds),
    FIELD("pid", INT, true, event, pid),
    FIELD("domid", UINT, true, event, domid),
    FIELD("op", UINT, true, event, op),
    FIELD("mode", UINT, true, event, mode),
    FIELD("result", INT, true, event, result),
    FIELD("alone", BOOL, true, event, alone),
    FIELD("pages", UINT, true, event, pages),
    FIELD("dirty", UINT, true, event, dirty),
    FIELD("written", UINT, true, event, written),
    FIELD("number", UINT, true, event, number),
    FIELD("done", UINT, true, event, done),
    FIELD("total", UINT, true, event, total),
    NAMED("stage", stage_names, true, event, stage),
    NAMED("role", role_names, true, event, role),
    NAMED("toolstack", toolstack_names, true, event, toolstack),
    FIELD("started", UINT, true, event, started),
    FIELD("comm", TEXT, true, event, comm),
    FIELD("uuid", TEXT, true, event, uuid),
    NAMED("logged", logged_names, true, event, logged),
    FIELD("text", TEXT, true, event, text),
    FIELD("from", SECONDS, true, event, window.from),
    FIELD("violations", UINT, true, event, window.count[TRACE_VIOLATION]),
    FIELD("violation_cycles", UINT, true, event, window.cycles[TRACE_VIOLATION]),
    FIELD("pml_full", UINT, true, event, window.count[TRACE_PML_FULL]),
    FIELD("pml_full_cycles", UINT, true, event, window.cycles[TRACE_PML_FULL]),
    FIELD("recalcs", UINT, true, event, window.count[TRACE_RECALC]),
    FIELD("recalc_cycles", UINT, true, event, window.cycles[TRACE_RECALC]),
    FIELD("exits", UINT, true, event, window.exits),
    FIELD("lost", UINT, true, event, window.lost),
    FIELD("cpu_khz", UINT, true, event, window.cpu_khz),
    FIELD("torn", BOOL, true, event, window.torn),
};

static const struct capture_field version_fields[] = {
    FIELD("major", UINT, false, hv_version, major),
    FIELD("minor", UINT, false, hv_version, minor),
    FIELD("extra", TEXT, false, hv_version, extra),
    FIELD("changeset", TEXT, false, hv_version, changeset),
    FIELD("capabilities", TEXT, false, hv_version, capabilities),
};

static const struct capture_field physinfo_fields[] = {
    FIELD("cpus", UINT, false, hv_physinfo, cpus),
    FIELD("cpu_khz", UINT, false, hv_physinfo, cpu_khz),
    FIELD("total_pages", UINT, false, hv_physinfo, total_pages),
    FIELD("free_pages", UINT, false, hv_physinfo, free_pages),
    FIELD("hvm", BOOL, false, hv_physinfo, hvm),
    FIELD("pv", BOOL, false, hv_physinfo, pv),
    FIELD("hap", BOOL, false, hv_physinfo, hap),
    FIELD("shadow", BOOL, false, hv_physinfo, shadow),
};

static const struct capture_field domain_fields[] = {
    FIELD("domid", UINT, false, hv_domain, domid),
    FIELD("uuid", UUID, false, hv_domain, uuid),
    FIELD("hvm", BOOL, true, hv_domain, hvm),
    FIELD("hap", BOOL, true, hv_domain, hap),
    FIELD("device_model", BOOL, true, hv_domain, device_model),
    FIELD("dying", BOOL, true, hv_domain, dying),
    FIELD("crashed", BOOL, true, hv_domain, crashed),
    FIELD("shutdown", BOOL, true, hv_domain, shutdown),
    FIELD("paused", BOOL, true, hv_domain, paused),
    FIELD("blocked", BOOL, true, hv_domain, blocked),
    FIELD("running", BOOL, true, hv_domain, running),
    FIELD("online_vcpus", UINT, false, hv_domain, online_vcpus),
    FIELD("max_vcpu_id", UINT, false, hv_domain, max_vcpu_id),
    FIELD("cpu_ns", UINT, false, hv_domain, cpu_ns),
    FIELD("pages", UINT, false, hv_domain, pages),
    FIELD("max_pages", UINT, false, hv_domain, max_pages),
};

static const struct capture_field policy_fields[] = {
    FIELD("b7", UINT, false, hv_policy, b7),
    FIELD("c7", UINT, false, hv_policy, c7),
    FIELD("d7", UINT, false, hv_policy, d7),
};

static const struct capture_field cr4_fields[] = {
    {"cr4", FIELD_UINT, false, 0, sizeof(uint64_t), NULL, 0},
};

static const struct capture_field change_fields[] = {
    FIELD("domains", BOOL, true, hv_change, domains),
    FIELD("name", BOOL, true, hv_change, name),
    FIELD("domid", UINT, true, hv_change, domid),
};

static const struct capture_field xenstat_fields[] = {
    FIELD("domid", UINT, false, hv_xenstat, domid),
    FIELD("net_rx_bytes", UINT, true, hv_xenstat, net_rx_bytes),
    FIELD("net_tx_bytes", UINT, true, hv_xenstat, net_tx_bytes),
    FIELD("block_reads", UINT, true, hv_xenstat, block_reads),
    FIELD("block_writes", UINT, true, hv_xenstat, block_writes),
    FIELD("has_net", BOOL, true, hv_xenstat, has_net),
    FIELD("has_block", BOOL, true, hv_xenstat, has_block),
};

static const struct capture_field rows_data[] = {DATA("domains", ROWS)};
static const struct capture_field words_data[] = {DATA("words", WORDS)};
static const struct capture_field text_data[] = {DATA("text", BYTES)};

static const struct capture_field set_args[] = {
    NAMED("set", featureset_names, false, capture_line, arg[0])};
static const struct capture_field first_args[] = {
    FIELD("first", UINT, false, capture_line, arg[0])};
static const struct capture_field domid_args[] = {
    FIELD("domid", UINT, false, capture_line, arg[0])};
static const struct capture_field vcpu_args[] = {
    FIELD("domid", UINT, false, capture_line, arg[0]),
    FIELD("vcpu", UINT, false, capture_line, arg[1])};
static const struct capture_field path_args[] = {
    FIELD("path", PATH, false, capture_line, arg[0])};

const struct capture_call_info capture_calls[CALL_COUNT] = {
    [CALL_VERSION] = {NONE, FIELDS(version_fields), NONE, sizeof(struct hv_version), 1},
    [CALL_CMDLINE] = {NONE, FIELDS(text_data), NONE, 1, MAX_CMDLINE - 1},
    [CALL_PHYSINFO] = {NONE, FIELDS(physinfo_fields), NONE, sizeof(struct hv_physinfo), 1},
    [CALL_FEATURESET] = {FIELDS(set_args), FIELDS(words_data), NONE, sizeof(uint32_t),
	MAX_FEATURE_WORDS},
    [CALL_CONSOLE_RING] = {NONE, FIELDS(text_data), NONE, 1, MAX_CONSOLE},
    [CALL_DOMAIN_LIST] = {FIELDS(first_args), FIELDS(rows_data), FIELDS(domain_fields),
	sizeof(struct hv_domain), MAX_HV_LIST},
    [CALL_DOMAIN_POLICY] = {FIELDS(domid_args), FIELDS(policy_fields), NONE,
	sizeof(struct hv_policy), 1},
    [CALL_VCPU_CR4] = {FIELDS(vcpu_args), FIELDS(cr4_fields), NONE, sizeof(uint64_t), 1},
    [CALL_DOMAIN_NAME] = {FIELDS(domid_args), FIELDS(text_data), NONE, 1, MAX_HV_NAME - 1},
    [CALL_CHANGE] = {NONE, FIELDS(change_fields), NONE, sizeof(struct hv_change), 1},
    [CALL_XENSTAT] = {NONE, FIELDS(rows_data), FIELDS(xenstat_fields),
	sizeof(struct hv_xenstat), MAX_HV_LIST},
    [CALL_CPU_MODEL] = {NONE, FIELDS(text_data), NONE, 1, MAX_CMDLINE - 1},
    [CALL_BOOT_ID] = {NONE, FIELDS(text_data), NONE, 1, 36},
    [CALL_CONSOLE_LOG] = {FIELDS(path_args), FIELDS(text_data), NONE, 1, MAX_CONSOLE},
};

const struct capture_fields capture_header_fields = FIELDS(header_fields);
const struct capture_fields capture_line_fields = FIELDS(line_fields);
const struct capture_fields capture_event_fields = FIELDS(event_fields);

static const struct {
	const char *name;
	uint32_t error;
} errors[] = {
#define E(x) {#x, x}
    E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(EBADF), E(EAGAIN),
    E(ENOMEM), E(EACCES), E(EFAULT), E(EBUSY), E(EEXIST), E(ENODEV), E(ENOTDIR), E(EISDIR),
    E(EINVAL), E(EFBIG), E(ENOSPC), E(EPIPE), E(ERANGE), E(ENOSYS), E(ELOOP), E(ENODATA),
    E(EPROTO), E(EBADMSG), E(EOVERFLOW), E(EOPNOTSUPP), E(ECONNRESET), E(ENOBUFS), E(ENOTCONN),
    E(ETIMEDOUT), E(ECONNREFUSED),
#undef E
};
/* clang-format on */

void
capture_error_name(uint32_t error, char *buf, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].error == error) {
			str_copy(buf, n, errors[i].name);
			return;
		}
	(void) snprintf(buf, n, ERRNO_PREFIX "%u", error);
}

int
capture_error_parse(const char *text, uint32_t *ret_error)
{
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (strcmp(errors[i].name, text) == 0) {
			*ret_error = errors[i].error;
			return 0;
		}
	if (strncmp(text, ERRNO_PREFIX, strlen(ERRNO_PREFIX)) != 0 ||
	    parse_u64(text + strlen(ERRNO_PREFIX), 1, MAX_ERRNO, &v) < 0)
		return -EINVAL;
	*ret_error = (uint32_t) v;
	return 0;
}

uint64_t
capture_hash(const char *data, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char) data[i]) * 0x100000001b3u;
	return h;
}
