/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xenlab: what the hypervisor says of itself when the lab asks it: version, command line, physinfo and the
 * featuresets. Another program than the agent, so that the lab's assertions have a second witness.
 *   xenlab cpu               the CPU time of each domain, in ns, as Xen accounts it
 *   xenlab track DOM N MS    log-dirty by hand, without a migration: ENABLE, N harvests MS apart, OFF; the pages
 *                            that each found, and the CPU time of that domain. Spoils a migration under way. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include <xenctrl.h>
#include <xenguest.h>
#include <xen/version.h>

static xc_interface *xch;

static void
fset(const char *name, unsigned idx)
{
	uint32_t fs[64];
	memset(fs, 0, sizeof fs);
	uint32_t n = 64;
	int rc = xc_get_cpu_featureset(xch, idx, &n, fs);
	if (rc) {
		printf("FS %-8s rc=%d errno=%d %s\n", name, rc, errno, strerror(errno));
		return;
	}
	printf("FS %-8s nr=%u", name, n);
	for (unsigned i = 0; i < n; i++)
		printf(" %08x", fs[i]);
	/* XEN_CPUFEATURE: word 5 = leaf 7.0 ebx; word 1 = 1.ecx; word 3 = e1c; word 2 = e1d */
	printf("\nFS %-8s 7b0=%08x smep=%u smap=%u umip=%u pku=%u hypervisor=%u svm=%u nx=%u\n",
		name, fs[5], (fs[5] >> 7) & 1, (fs[5] >> 20) & 1, (fs[6] >> 2) & 1,
		(fs[6] >> 3) & 1, (fs[1] >> 31) & 1, (fs[3] >> 2) & 1, (fs[2] >> 20) & 1);
}

static void
info(void)
{
	xen_extraversion_t ev;
	xen_capabilities_info_t ci;
	xen_changeset_info_t cs;
	xen_commandline_t cl;
	xen_compile_info_t co;
	int v = xc_version(xch, XENVER_version, NULL);
	xc_version(xch, XENVER_extraversion, &ev);
	xc_version(xch, XENVER_capabilities, &ci);
	xc_version(xch, XENVER_changeset, &cs);
	xc_version(xch, XENVER_commandline, &cl);
	xc_version(xch, XENVER_compile_info, &co);
	printf("XEN %d.%d%s changeset=%s\nXEN caps=%s\nXEN cmdline=[%s]\nXEN compiler=%s by=%s@%s "
	       "date=%s\n",
		v >> 16, v & 0xffff, ev, cs, ci, cl, co.compiler, co.compile_by, co.compile_domain,
		co.compile_date);
	xc_physinfo_t pi;
	memset(&pi, 0, sizeof pi);
	int rc = xc_physinfo(xch, &pi);
	printf("PHYS rc=%d cpus=%u cores/s=%u thr/c=%u khz=%u total=%" PRIu64 "pg free=%" PRIu64
	       "pg scrub=%" PRIu64 " outstanding=%" PRIu64 " max_possible_mfn=%" PRIu64
	       " caps=%#x arch_caps=%#x:",
		rc, pi.nr_cpus, pi.cores_per_socket, pi.threads_per_core, pi.cpu_khz,
		(uint64_t)pi.total_pages, (uint64_t)pi.free_pages, (uint64_t)pi.scrub_pages,
		(uint64_t)pi.outstanding_pages, (uint64_t)pi.max_mfn, pi.capabilities,
		pi.arch_capabilities);
	static const char *cn[] = {"hvm", "pv", "directio", "hap", "shadow", "iommu_hap_pt_share",
		"vmtrace", "vpmu", "gnttab_v1", "gnttab_v2"};
	for (int i = 0; i < 10; i++)
		if (pi.capabilities & (1u << i))
			printf(" %s", cn[i]);
	printf("\nPHYS hw_cap:");
	for (int i = 0; i < 8; i++)
		printf(" %08x", pi.hw_cap[i]);
	printf("\n");
	fset("raw", 0);
	fset("host", 1);
	fset("pv", 2);
	fset("hvm", 3);
	fset("pv_max", 4);
	fset("hvm_max", 5);
	uint32_t lc = 0;
	rc = xc_get_cpu_levelling_caps(xch, &lc);
	printf("LEVELLING rc=%d caps=%#x\n", rc, lc);
}

static uint64_t
cpu_ns(uint32_t domid)
{
	xc_domaininfo_t d;
	if (xc_domain_getinfolist(xch, domid, 1, &d) != 1 || d.domain != domid)
		return 0;
	return d.cpu_time;
}

static int
cpu(void)
{
	xc_domaininfo_t d[64];
	int n = xc_domain_getinfolist(xch, 0, 64, d);
	for (int i = 0; i < n; i++)
		printf("CPU dom=%u ns=%" PRIu64 "\n", d[i].domain, (uint64_t)d[i].cpu_time);
	return n < 0;
}

static void
wait_until(double mono)
{
	struct timespec t = {(time_t)mono, (long)((mono - (time_t)mono) * 1e9)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static int
track(uint32_t domid, unsigned n, double period)
{
	DECLARE_HYPERCALL_BUFFER(unsigned long, bits);
	xc_shadow_op_stats_t stats;
	struct timespec now;
	xen_pfn_t top = 0;
	int r = xc_domain_maximum_gpfn(xch, domid, &top);
	bits = xc_hypercall_buffer_alloc_pages(xch, bits, top / 8 / 4096 + 1);
	if (r || !bits || xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0))
		return printf("TRACK dom=%u: %s\n", domid, strerror(errno)), 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("TRACK dom=%u op=on dirty=0 ns=%" PRIu64 "\n", domid, cpu_ns(domid));
	for (unsigned i = 1; i <= n; i++) {
		wait_until(now.tv_sec + now.tv_nsec / 1e9 + i * period);
		r = xc_logdirty_control(xch, domid, XEN_DOMCTL_SHADOW_OP_CLEAN, HYPERCALL_BUFFER(bits),
			top + 1, 0, &stats) < 0;
		printf("TRACK dom=%u op=clean dirty=%u ns=%" PRIu64 "\n", domid, r ? 0 : stats.dirty_count,
			cpu_ns(domid));
	}
	r |= xc_shadow_control(xch, domid, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
	xc_hypercall_buffer_free_pages(xch, bits, top / 8 / 4096 + 1);
	return r;
}

int
main(int argc, char **argv)
{
	xch = xc_interface_open(NULL, NULL, 0);
	if (!xch)
		return printf("xc_interface_open: %s\n", strerror(errno)), 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "cpu"))
		return cpu();
	if (argc == 5 && !strcmp(argv[1], "track"))
		return track(atoi(argv[2]), atoi(argv[3]), atof(argv[4]) / 1e3);
	info();
	return 0;
}
