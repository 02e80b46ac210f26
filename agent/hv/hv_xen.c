/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/hv.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <xenctrl.h>
#include <xenguest.h>
#include <xenstat.h>
#include <xenstore.h>
#include <xen/hvm/save.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/util.h"
#include "hv/dom0_files.h"
#include "hv/logdirty_xen.h"
#include "hv/xen_log.h"

#define FIRST_RING (64 * 1024)
#define FEW_DOMAINS (4096 / sizeof(xc_domaininfo_t)) /* fit the page that libxencall keeps */
#define MAX_POLICY_LEAVES 512 /* 4.17 has fewer than 128; larger than needed is fine */
#define MAX_POLICY_MSRS 64
#define CPUINFO "/proc/cpuinfo"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define XENSTORED_SOCKET "/var/run/xenstored/socket"

/* what Xen answers where XSM denies a string: xen/common/version.c, xen_deny() */
#define DENIED "<denied>"

#define NAME_PATH "/local/domain/%u/name"
#define TOKEN_DOMAINS "domains"
#define TOKEN_NAME "name"

struct hv_xen {
	struct hv hv;
	xc_interface *xc;
	struct xs_handle *xs;  /* NULL: there is no xenstore */
	xenstat_handle *stat;  /* NULL until it is asked for */
	xc_domaininfo_t *list; /* MAX_HV_LIST */
	size_t domains;	       /* there were so many when the list was asked for last */
};

static struct hv_xen *
of(struct hv *hv)
{
	return (struct hv_xen *) hv;
}

/* The handle for a hypercall, which it counts. */
static xc_interface *
ask(struct hv *hv)
{
	hv->hypercalls++;
	return of(hv)->xc;
}

/* The -errno of a library call that failed; never 0. */
static int
failure(void)
{
	return errno > 0 ? -errno : -EIO;
}

/* The same of libxenstore, which loses its descriptor when xenstored ends. */
static int
xenstore_failure(void)
{
	return errno == EBADF ? -ENOTCONN : failure();
}

/* Where xenstored does not run, the library falls back to the kernel's xenbus device, and a read
 * there waits, unkillable, until it does. libxenstat opens its own connection in the same way. */
static bool
xenstored_runs(void)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = XENSTORED_SOCKET};

	return fd >= 0 && connect(fd, (const struct sockaddr *) &address, sizeof(address)) == 0;
}

static int
xen_version(struct hv *hv, struct hv_version *ret)
{
	xen_extraversion_t extra;
	xen_changeset_info_t changeset;
	xen_capabilities_info_t capabilities;
	int version = xc_version(ask(hv), XENVER_version, NULL);

	if (version < 0 || xc_version(ask(hv), XENVER_extraversion, extra) < 0 ||
	    xc_version(ask(hv), XENVER_changeset, changeset) < 0 ||
	    xc_version(ask(hv), XENVER_capabilities, capabilities) < 0)
		return failure();
	ret->major = (unsigned) version >> 16;
	ret->minor = (unsigned) version & 0xffff;
	str_copy(ret->extra, sizeof(ret->extra), strcmp(extra, DENIED) == 0 ? "" : extra);
	str_copy(ret->changeset, sizeof(ret->changeset),
	    strcmp(changeset, DENIED) == 0 ? "" : changeset);
	str_copy(ret->capabilities, sizeof(ret->capabilities), capabilities);
	return 0;
}

static int
xen_cmdline(struct hv *hv, char ret[MAX_CMDLINE])
{
	xen_commandline_t cmdline;

	if (xc_version(ask(hv), XENVER_commandline, cmdline) < 0)
		return failure();
	if (strcmp(cmdline, DENIED) == 0)
		return -EACCES;
	str_copy(ret, MAX_CMDLINE, cmdline);
	return 0;
}

static int
xen_physinfo(struct hv *hv, struct hv_physinfo *ret)
{
	xc_physinfo_t info;

	memset(&info, 0, sizeof(info));
	if (xc_physinfo(ask(hv), &info) < 0)
		return failure();
	*ret = (struct hv_physinfo){
	    .cpus = info.nr_cpus,
	    .cpu_khz = info.cpu_khz,
	    .total_pages = info.total_pages,
	    .free_pages = info.free_pages,
	    .hvm = info.capabilities & XEN_SYSCTL_PHYSCAP_hvm,
	    .pv = info.capabilities & XEN_SYSCTL_PHYSCAP_pv,
	    .hap = info.capabilities & XEN_SYSCTL_PHYSCAP_hap,
	    .shadow = info.capabilities & XEN_SYSCTL_PHYSCAP_shadow,
	};
	return 0;
}

static int
xen_featureset(
    struct hv *hv, enum hv_featureset set, uint32_t words[MAX_FEATURE_WORDS], size_t *ret_n)
{
#ifdef HAVE_XC_GET_CPU_FEATURESET
	static const uint32_t index[HV_FEATURESETS] = {
	    [HV_FEATURES_RAW] = XEN_SYSCTL_cpu_featureset_raw,
	    [HV_FEATURES_HOST] = XEN_SYSCTL_cpu_featureset_host,
	    [HV_FEATURES_PV] = XEN_SYSCTL_cpu_featureset_pv,
	    [HV_FEATURES_HVM] = XEN_SYSCTL_cpu_featureset_hvm,
	};
	uint32_t answer[MAX_FEATURE_WORDS] = {0};
	uint32_t n = MAX_FEATURE_WORDS;

	if (xc_get_cpu_featureset(ask(hv), index[set], &n, answer) < 0)
		return failure();
	memcpy(words, answer, sizeof(answer));
	*ret_n = MIN(n, MAX_FEATURE_WORDS);
	return 0;
#else
	(void) hv, (void) set, (void) words, (void) ret_n;
	return -ENOSYS;
#endif
}

static int
xen_console_ring(struct hv *hv, char **ret_text, size_t *ret_n)
{
	_cleanup_(freep) char *text = NULL;
	unsigned room = FIRST_RING, n;

	for (;;) {
		uint32_t index = 0;

		n = room;
		text = xrealloc(text, room + 1);
		/* clear = 0: others want to read it too */
		if (xc_readconsolering(ask(hv), text, &n, 0, 0, &index) < 0)
			return failure();
		if (n < room || room == MAX_CONSOLE)
			break;
		room = MIN(room * 2, MAX_CONSOLE);
	}
	n = MIN(n, room);
	text[n] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_n = n;
	return 0;
}

static struct hv_domain
domain_of(const xc_domaininfo_t *info)
{
	unsigned reason = info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	bool down = info->flags & XEN_DOMINF_shutdown, hvm = info->flags & XEN_DOMINF_hvm_guest;
	struct hv_domain d = {
	    .domid = info->domain,
	    .hvm = hvm,
	    .hap = info->flags & XEN_DOMINF_hap,
	    /* A PVH guest has a local APIC, as Dom0 an I/O APIC and PCI too; but only a device
	     * model brings an emulated chipset. */
	    .device_model = hvm && (info->arch_config.emulation_flags & XEN_X86_EMU_PM),
	    .dying = info->flags & XEN_DOMINF_dying,
	    .crashed = down && reason == SHUTDOWN_crash,
	    .shutdown = down && reason != SHUTDOWN_crash,
	    .paused = info->flags & XEN_DOMINF_paused,
	    .blocked = info->flags & XEN_DOMINF_blocked,
	    .running = info->flags & XEN_DOMINF_running,
	    .online_vcpus = info->nr_online_vcpus,
	    .max_vcpu_id = info->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : info->max_vcpu_id,
	    .cpu_ns = info->cpu_time,
	    .pages = info->tot_pages,
	    .max_pages = info->max_pages,
	};

	memcpy(d.uuid, info->handle, sizeof(d.uuid));
	return d;
}

/* Room for all that there can be costs more than the hypercall, since the library maps, locks and
 * copies it: asks for some more than there were, and again if that is not enough. */
static int
get_list(struct hv *hv, uint32_t first, size_t max)
{
	struct hv_xen *x = of(hv);
	size_t few = MAX(x->domains + x->domains / 8, FEW_DOMAINS);
	int n;

	if (first == 0 && few < max) {
		n = xc_domain_getinfolist(ask(hv), first, (unsigned) few, x->list);
		if (n < (int) few)
			return n;
	}
	return xc_domain_getinfolist(ask(hv), first, (unsigned) max, x->list);
}

static int
xen_domain_list(struct hv *hv, uint32_t first, struct hv_domain *ret, size_t max, size_t *ret_n)
{
	struct hv_xen *x = of(hv);
	int n = 0;

	if (!x->list)
		x->list = xcalloc(MAX_HV_LIST, sizeof(*x->list));
	/* the hypercall's first id has 16 bits: beyond the last one it would begin anew */
	if (first < DOMID_FIRST_RESERVED)
		n = get_list(hv, first, MIN(max, MAX_HV_LIST));
	if (n < 0)
		return failure();
	if (first == 0)
		x->domains = (size_t) n;
	for (int i = 0; i < n; i++)
		ret[i] = domain_of(&x->list[i]);
	*ret_n = (size_t) n;
	return 0;
}

static int
xen_domain_uuid(struct hv *hv, uint32_t domid, uint8_t ret[16])
{
	xc_domaininfo_t info;
	int n = xc_domain_getinfolist(ask(hv), domid, 1, &info);

	if (n < 0)
		return failure();
	if (n == 0 || info.domain != domid) /* the next one */
		return -ESRCH;
	memcpy(ret, info.handle, sizeof(info.handle));
	return 0;
}

/* The domain's CPUID leaves; *n: room, then their number. */
static int
policy_leaves(struct hv *hv, uint32_t domid, xen_cpuid_leaf_t *leaves, uint32_t *n)
{
	xen_msr_entry_t msrs[MAX_POLICY_MSRS];
	uint32_t n_msrs = MAX_POLICY_MSRS;
#ifdef HAVE_XC_CPU_POLICY_GET_DOMAIN
	xc_cpu_policy_t *policy = xc_cpu_policy_init();
	int r = 0;

	if (!policy)
		return failure();
	if (xc_cpu_policy_get_domain(ask(hv), domid, policy) < 0 ||
	    xc_cpu_policy_serialise(of(hv)->xc, policy, leaves, n, msrs, &n_msrs) < 0)
		r = failure();
	xc_cpu_policy_destroy(policy);
	return r;
#elif defined HAVE_XC_GET_DOMAIN_CPU_POLICY
	return xc_get_domain_cpu_policy(ask(hv), domid, n, leaves, &n_msrs, msrs) < 0 ? failure()
										      : 0;
#else
	(void) hv, (void) domid, (void) leaves, (void) n, (void) msrs, (void) n_msrs;
	return -ENOSYS;
#endif
}

static int
xen_domain_policy(struct hv *hv, uint32_t domid, struct hv_policy *ret)
{
	_cleanup_(freep) xen_cpuid_leaf_t *leaves = xcalloc(MAX_POLICY_LEAVES, sizeof(*leaves));
	uint32_t n = MAX_POLICY_LEAVES;
	int r = policy_leaves(hv, domid, leaves, &n);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < MIN(n, MAX_POLICY_LEAVES); i++)
		if (leaves[i].leaf == 7 && leaves[i].subleaf == 0) {
			*ret = (struct hv_policy){leaves[i].b, leaves[i].c, leaves[i].d};
			return 0;
		}
	return -ENODATA;
}

static int
xen_logdirty(struct hv *hv, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty)
{
	return logdirty_xen(ask(hv), domid, op, ret_dirty);
}

static int
xen_vcpu_cr4(struct hv *hv, uint32_t domid, unsigned vcpu, uint64_t *ret_cr4)
{
	HVM_SAVE_TYPE(CPU) cpu;

	if (vcpu > UINT16_MAX)
		return -EINVAL;
	if (xc_domain_hvm_getcontext_partial(
		ask(hv), domid, HVM_SAVE_CODE(CPU), (uint16_t) vcpu, &cpu, sizeof(cpu)) < 0)
		return failure();
	*ret_cr4 = cpu.cr4;
	return 0;
}

static int
xen_domain_name(struct hv *hv, uint32_t domid, char ret[MAX_HV_NAME])
{
	_cleanup_(freep) char *name = NULL;
	char path[64];
	unsigned n;

	if (!of(hv)->xs)
		return -ENOTCONN;
	(void) snprintf(path, sizeof(path), NAME_PATH, domid);
	hv->xenstore_reads++;
	name = xs_read(of(hv)->xs, XBT_NULL, path, &n);
	if (!name)
		return xenstore_failure();
	str_copy(ret, MAX_HV_NAME, name);
	return 0;
}

static int
xen_change_fd(struct hv *hv)
{
	return of(hv)->xs ? xs_fileno(of(hv)->xs) : -1;
}

/* The domain whose name's path this is. */
static bool
path_domid(const char *path, uint32_t *ret_domid)
{
	char id[16], again[64];
	uint64_t domid;

	if (sscanf(path, "/local/domain/%15[0-9]/", id) != 1 ||
	    parse_u64(id, 0, UINT32_MAX, &domid) < 0)
		return false;
	(void) snprintf(again, sizeof(again), NAME_PATH, (unsigned) domid);
	*ret_domid = (uint32_t) domid;
	return strcmp(path, again) == 0;
}

static int
xen_next_change(struct hv *hv, struct hv_change *ret)
{
	struct hv_xen *x = of(hv);

	if (!x->xs)
		return -EAGAIN;
	for (;;) {
		/* what is freed is one block with both strings */
		_cleanup_(freep) char **event = xs_check_watch(x->xs);
		uint32_t domid;

		if (!event)
			return xenstore_failure();
		if (strcmp(event[XS_WATCH_TOKEN], TOKEN_DOMAINS) == 0) {
			*ret = (struct hv_change){.domains = true};
			return 0;
		}
		if (path_domid(event[XS_WATCH_PATH], &domid)) {
			*ret = (struct hv_change){.name = true, .domid = domid};
			return 0;
		}
	}
}

static int
xen_watch_name(struct hv *hv, uint32_t domid, bool on)
{
	struct hv_xen *x = of(hv);
	char path[64];

	if (!x->xs)
		return -ENOTCONN;
	(void) snprintf(path, sizeof(path), NAME_PATH, domid);
	if (on && !xs_watch(x->xs, path, TOKEN_NAME) && errno != EEXIST)
		return xenstore_failure();
	if (!on && !xs_unwatch(x->xs, path, TOKEN_NAME) && errno != ENOENT)
		return xenstore_failure();
	return 0;
}

static struct hv_xenstat
xenstat_of(xenstat_domain *d)
{
	unsigned nets = xenstat_domain_num_networks(d), disks = xenstat_domain_num_vbds(d);
	struct hv_xenstat s = {
	    .domid = xenstat_domain_id(d), .has_net = nets > 0, .has_block = disks > 0};

	for (unsigned i = 0; i < nets; i++) {
		xenstat_network *net = xenstat_domain_network(d, i);

		/* the interface's own view, in Dom0: what it receives the guest sent */
		s.net_rx_bytes += xenstat_network_tbytes(net);
		s.net_tx_bytes += xenstat_network_rbytes(net);
	}
	for (unsigned i = 0; i < disks; i++) {
		xenstat_vbd *disk = xenstat_domain_vbd(d, i);

		s.block_reads += xenstat_vbd_rd_reqs(disk);
		s.block_writes += xenstat_vbd_wr_reqs(disk);
	}
	return s;
}

static int
xen_xenstat(struct hv *hv, struct hv_xenstat *ret, size_t max, size_t *ret_n)
{
	struct hv_xen *x = of(hv);
	xenstat_node *node;
	size_t n;

	if (!x->stat && !xenstored_runs())
		return -ENOTCONN;
	if (!x->stat)
		x->stat = xenstat_init();
	if (!x->stat)
		return failure();
	node = xenstat_get_node(x->stat, XENSTAT_NETWORK | XENSTAT_VBD);
	hv->hypercalls += 2; /* its physinfo and domain list */
	/* It says nothing of the reason, and leaves out domains that have lost their names, even
	 * Dom0: perhaps a new handle has better luck. */
	if (!node || xenstat_node_num_domains(node) == 0) {
		if (node)
			xenstat_free_node(node);
		xenstat_uninit(TAKE_PTR(x->stat));
		return -EIO;
	}
	n = MIN(xenstat_node_num_domains(node), max);
	hv->xenstore_reads += xenstat_node_num_domains(node);
	for (size_t i = 0; i < n; i++)
		ret[i] = xenstat_of(xenstat_node_domain_by_index(node, (unsigned) i));
	xenstat_free_node(node);
	*ret_n = n;
	return 0;
}

static int
xen_cpu_model(struct hv *hv, char *buf, size_t n)
{
	(void) hv;
	return dom0_cpu_model(CPUINFO, buf, n);
}

static int
xen_boot_id(struct hv *hv, char ret_boot_id[37])
{
	(void) hv;
	return dom0_boot_id(BOOT_ID, ret_boot_id);
}

static int
xen_console_log(struct hv *hv, const char *path, size_t max, char **ret_text, size_t *ret_n)
{
	(void) hv;
	return dom0_file_tail(path, MIN(max, MAX_CONSOLE), ret_text, ret_n);
}

static void
xen_close(struct hv *hv)
{
	struct hv_xen *x = of(hv);

	if (x->stat)
		xenstat_uninit(x->stat);
	if (x->xs)
		xs_close(x->xs);
	if (x->xc)
		xc_interface_close(x->xc);
	free(x->list);
	free(x);
}

static const struct hv_ops xen_ops = {
    .version = xen_version,
    .cmdline = xen_cmdline,
    .physinfo = xen_physinfo,
    .featureset = xen_featureset,
    .console_ring = xen_console_ring,
    .domain_list = xen_domain_list,
    .domain_uuid = xen_domain_uuid,
    .logdirty = xen_logdirty,
    .domain_policy = xen_domain_policy,
    .vcpu_cr4 = xen_vcpu_cr4,
    .domain_name = xen_domain_name,
    .change_fd = xen_change_fd,
    .next_change = xen_next_change,
    .watch_name = xen_watch_name,
    .xenstat = xen_xenstat,
    .cpu_model = xen_cpu_model,
    .boot_id = xen_boot_id,
    .console_log = xen_console_log,
    .close = xen_close,
};

static struct xs_handle *
open_xenstore(void)
{
	struct xs_handle *xs = xenstored_runs() ? xs_open(0) : NULL;

	if (xs && xs_watch(xs, "@introduceDomain", TOKEN_DOMAINS) &&
	    xs_watch(xs, "@releaseDomain", TOKEN_DOMAINS))
		return xs;
	if (xs)
		xs_close(xs);
	return NULL;
}

int
hv_xen_open(struct hv **ret_hv, const char **ret_note)
{
	struct hv_xen *x = xcalloc(1, sizeof(*x));

	x->hv.ops = &xen_ops;
	errno = 0;
	x->xc = xc_interface_open(xen_log(), xen_log(), 0);
	if (!x->xc) {
		int r = failure();

		xen_close(&x->hv);
		return r;
	}
	x->xs = open_xenstore();
	*ret_note = x->xs ? NULL
			  : "xenstore is not to be reached (is xenstored running?): "
			    "domains have no names until the agent is started again";
	*ret_hv = &x->hv;
	return 0;
}
