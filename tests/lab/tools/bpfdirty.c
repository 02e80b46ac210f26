/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpfdirty: every XEN_DOMCTL_shadow_op that any program of this Dom0 issues, with its arguments, its
 * result and its duration.  kprobe and kretprobe on privcmd_ioctl, raw bpf(2): no libbpf, no clang, no BTF.
 * The lab's independent observer: nothing in it is shared with the agent, and must never be.
 *
 *   struct privcmd_hypercall { u64 op; u64 arg[5]; }      op 36: domctl, arg[0]: the domctl
 *   struct xen_domctl: cmd @0 (10: shadow_op), domid @8 (u16), then shadow_op:
 *       op @16, mode @20, bitmap @32, pages @40 (u64), stats.fault @48, stats.dirty @52
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <x86intrin.h>

#define IOCTL_PRIVCMD_HYPERCALL 0x305000
#define HYPERVISOR_DOMCTL 36
#define DOMCTL_SHADOW_OP 10

enum { OP_OFF = 0, OP_ENABLE_LOGDIRTY = 2, OP_CLEAN = 11, OP_PEEK = 12 };

/* struct pt_regs, x86-64 */
enum { REG_AX = 80, REG_DX = 96, REG_SI = 104 };

#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADDI(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, s, o) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define JEQ(d, i) INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, 0, i)
#define JNE(d, i) INSN(BPF_JMP | BPF_JNE | BPF_K, d, 0, 0, i)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct event {
	uint64_t end, begin, pid_tgid;
	int64_t ret;
	uint8_t domctl[64];
	char comm[16];
};

/* A program under construction; jumps marked by out() go to its end. */
struct program {
	struct bpf_insn insn[96];
	int n, out[8], outs;
};

static void
add(struct program *p, struct bpf_insn i)
{
	p->insn[p->n++] = i;
}

static void
out(struct program *p, struct bpf_insn i)
{
	p->out[p->outs++] = p->n;
	add(p, i);
}

static void
map_fd(struct program *p, int reg, int fd)
{
	add(p, INSN(BPF_LD | BPF_DW | BPF_IMM, reg, BPF_PSEUDO_MAP_FD, 0, fd));
	add(p, INSN(0, 0, 0, 0, 0));
}

static void
finish(struct program *p)
{
	for (int i = 0; i < p->outs; i++)
		p->insn[p->out[i]].off = p->n - p->out[i] - 1;
	add(p, MOVI(0, 0));
	add(p, EXIT());
}

static long
bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static int
map_create(int type, int key, int value, int entries)
{
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.map_type = type;
	a.key_size = key;
	a.value_size = value;
	a.max_entries = entries;
	return bpf(BPF_MAP_CREATE, &a);
}

static int
load(const struct program *p)
{
	static char log[1 << 16];
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_KPROBE;
	a.insns = (uintptr_t)p->insn;
	a.insn_cnt = p->n;
	a.license = (uintptr_t) "GPL";
	a.log_buf = (uintptr_t)log;
	a.log_size = sizeof log;
	a.log_level = 1;
	int fd = bpf(BPF_PROG_LOAD, &a);
	if (fd < 0)
		printf("BPF load: %s\n%s\n", strerror(errno), log);
	return fd;
}

static int
attach(int prog, int at_return, const char *function)
{
	struct perf_event_attr p;
	int type = -1;
	FILE *f = fopen("/sys/bus/event_source/devices/kprobe/type", "r");
	if (f) {
		if (fscanf(f, "%d", &type) != 1)
			type = -1;
		fclose(f);
	}
	memset(&p, 0, sizeof p);
	p.size = sizeof p;
	p.type = type;
	p.config = at_return;
	p.kprobe_func = (uintptr_t)function;
	int fd = syscall(SYS_perf_event_open, &p, -1, 0, -1, 0);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) ||
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		printf("BPF attach to %s (return %d): %s\n", function, at_return, strerror(errno));
		return -1;
	}
	return fd;
}

/* Entry: remember argument and time by thread.  Stack: key -24, value { arg -16, time -8 } */
static void
entry_program(struct program *p, int calls)
{
	add(p, MOV(6, 1));
	add(p, LOAD(BPF_DW, 1, 6, REG_SI));
	out(p, JNE(1, IOCTL_PRIVCMD_HYPERCALL));
	add(p, LOAD(BPF_DW, 7, 6, REG_DX));
	add(p, STORE(BPF_DW, 10, 7, -16));
	add(p, CALL(BPF_FUNC_ktime_get_ns));
	add(p, STORE(BPF_DW, 10, 0, -8));
	add(p, CALL(BPF_FUNC_get_current_pid_tgid));
	add(p, STORE(BPF_DW, 10, 0, -24));
	map_fd(p, 1, calls);
	add(p, MOV(2, 10));
	add(p, ADDI(2, -24));
	add(p, MOV(3, 10));
	add(p, ADDI(3, -16));
	add(p, MOVI(4, 0));
	add(p, CALL(BPF_FUNC_map_update_elem));
	finish(p);
}

/* Return.  Stack: struct event at -120, privcmd_hypercall (2 words) at -136, key at -144 */
static void
return_program(struct program *p, int calls, int queue)
{
	const int ev = -120, call = -136, key = -144;
	add(p, LOAD(BPF_DW, 9, 1, REG_AX));
	add(p, CALL(BPF_FUNC_get_current_pid_tgid));
	add(p, STORE(BPF_DW, 10, 0, key));
	add(p, STORE(BPF_DW, 10, 0, ev + 16));
	add(p, STORE(BPF_DW, 10, 9, ev + 24));
	map_fd(p, 1, calls);
	add(p, MOV(2, 10));
	add(p, ADDI(2, key));
	add(p, CALL(BPF_FUNC_map_lookup_elem));
	out(p, JEQ(0, 0));
	add(p, LOAD(BPF_DW, 7, 0, 0));
	add(p, LOAD(BPF_DW, 8, 0, 8));
	add(p, STORE(BPF_DW, 10, 8, ev + 8));
	map_fd(p, 1, calls);
	add(p, MOV(2, 10));
	add(p, ADDI(2, key));
	add(p, CALL(BPF_FUNC_map_delete_elem));
	add(p, MOV(1, 10));
	add(p, ADDI(1, call));
	add(p, MOVI(2, 16));
	add(p, MOV(3, 7));
	add(p, CALL(BPF_FUNC_probe_read_user));
	out(p, JNE(0, 0));
	add(p, LOAD(BPF_DW, 1, 10, call));
	out(p, JNE(1, HYPERVISOR_DOMCTL));
	add(p, MOV(1, 10));
	add(p, ADDI(1, ev + 32));
	add(p, MOVI(2, 64));
	add(p, LOAD(BPF_DW, 3, 10, call + 8));
	add(p, CALL(BPF_FUNC_probe_read_user));
	out(p, JNE(0, 0));
	add(p, LOAD(BPF_W, 1, 10, ev + 32));
	out(p, JNE(1, DOMCTL_SHADOW_OP));
	add(p, CALL(BPF_FUNC_ktime_get_ns));
	add(p, STORE(BPF_DW, 10, 0, ev));
	add(p, MOV(1, 10));
	add(p, ADDI(1, ev + 96));
	add(p, MOVI(2, 16));
	add(p, CALL(BPF_FUNC_get_current_comm));
	map_fd(p, 1, queue);
	add(p, MOV(2, 10));
	add(p, ADDI(2, ev));
	add(p, MOVI(3, BPF_EXIST));
	add(p, CALL(BPF_FUNC_map_push_elem));
	finish(p);
}

static const char *
op_name(uint32_t op)
{
	switch (op) {
	case OP_OFF: return "OFF";
	case OP_ENABLE_LOGDIRTY: return "ENABLE_LOGDIRTY";
	case OP_CLEAN: return "CLEAN";
	case OP_PEEK: return "PEEK";
	}
	return "?";
}

static uint32_t
word(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static uint64_t
mono_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* CLOCK_MONOTONIC and the TSC at one moment: of some tries the one that was least disturbed. The stamps of Xen's
 * trace are the TSC's, which Dom0 reads unchanged. */
static void
read_pair(uint64_t *mono, uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < 5; i++) {
		uint64_t before = __rdtsc(), now = mono_ns(), after = __rdtsc();
		if (after - before < best) {
			best = after - before;
			*mono = now;
			*tsc = before + best / 2;
		}
	}
}

/* What ties the stamps of the other lines, CLOCK_MONOTONIC, to the time of day and to the TSC. */
static void
print_clocks(void)
{
	struct timespec real;
	uint64_t mono, tsc, wall = mono_ns();
	clock_gettime(CLOCK_REALTIME, &real);
	read_pair(&mono, &tsc);
	printf("BPF clock mono=%.6f real=%.6f tsc=%llu tsc_mono=%.9f\n", wall / 1e9,
		real.tv_sec + real.tv_nsec / 1e9, (unsigned long long)tsc, mono / 1e9);
}

static volatile sig_atomic_t stopped;

static void
stop(int sig)
{
	(void)sig;
	stopped = 1;
}

int
main(void)
{
	static struct program entry, ret;
	unsigned peeks = 0;
	int tracked = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	int calls = map_create(BPF_MAP_TYPE_LRU_HASH, 8, 16, 4096);
	int queue = map_create(BPF_MAP_TYPE_QUEUE, 0, sizeof(struct event), 8192);
	if (calls < 0 || queue < 0) {
		printf("BPF map: %s\n", strerror(errno));
		return 1;
	}
	entry_program(&entry, calls);
	return_program(&ret, calls, queue);
	int pe = load(&entry), pr = load(&ret);
	if (pe < 0 || pr < 0 || attach(pe, 0, "privcmd_ioctl") < 0 ||
		attach(pr, 1, "privcmd_ioctl") < 0)
		return 1;
	print_clocks();
	printf("BPF attached\n");

	for (;;) {
		struct event e;
		union bpf_attr a;
		int last = stopped;
		memset(&a, 0, sizeof a);
		a.map_fd = queue;
		a.value = (uintptr_t)&e;
		if (bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, &a)) {
			if (last)
				break;
			usleep(tracked ? 2000 : 20000); /* killat waits for the next line */
			continue;
		}
		uint32_t op = word(e.domctl + 16);
		uint64_t pages, mono, tsc;
		memcpy(&pages, e.domctl + 40, 8);
		if (op == OP_PEEK) {
			peeks++;
			continue;
		}
		if (op == OP_ENABLE_LOGDIRTY || op == OP_OFF)
			tracked = op == OP_ENABLE_LOGDIRTY;
		read_pair(&mono, &tsc);
		printf("BPF mono=%.6f us=%.0f pid=%u comm=%.16s dom=%u op=%s mode=%u pages=%llu "
		       "ret=%lld fault=%u dirty=%u tsc=%llu tsc_mono=%.9f\n",
			e.end / 1e9, (e.end - e.begin) / 1e3, (unsigned)(e.pid_tgid >> 32), e.comm,
			word(e.domctl + 8) & 0xffff, op_name(op), word(e.domctl + 20),
			(unsigned long long)pages, (long long)e.ret, word(e.domctl + 48),
			word(e.domctl + 52), (unsigned long long)tsc, mono / 1e9);
	}
	print_clocks();
	printf("BPF end peeks=%u\n", peeks);
	return 0;
}
