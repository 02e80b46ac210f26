/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/shadow_program.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "base/utf8.h"
#include "base/util.h"

/* xen/privcmd.h: _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall)); that struct is the
 * number of the hypercall and five arguments, 64 bits each. */
#define IOCTL_PRIVCMD_HYPERCALL 0x305000
#define HYPERVISOR_DOMCTL 36
#define DOMCTL_UNPAUSE 4
#define DOMCTL_SHADOW_OP 10
#define DOMCTL_RESUME 27

/* struct xen_domctl: the same offsets from 4.13 (0x12) to 4.22 (0x18). */
#define DOMCTL_VERSION_MIN 0x12
#define DOMCTL_VERSION_MAX 0x18
enum {
	DOMCTL_CMD = 0,
	DOMCTL_VERSION = 4,
	DOMCTL_DOMID = 8, /* 16 bits */
	DOMCTL_OP = 16,
	DOMCTL_MODE = 20,
	DOMCTL_HEAD = 24,  /* so much the entry program reads */
	DOMCTL_PAGES = 40, /* 64 bits */
	DOMCTL_DIRTY = 52,
};

/* struct pt_regs of x86-64 */
enum { REGS_AX = 80, REGS_DX = 96, REGS_SI = 104 };

/* enum bpf_func_id */
enum {
	FN_MAP_LOOKUP = 1,
	FN_MAP_UPDATE = 2,
	FN_MAP_DELETE = 3,
	FN_KTIME = 5,
	FN_PID_TGID = 14,
	FN_COMM = 16,
	FN_PERF_OUTPUT = 25,
};

/* Places that jumps go to, always forwards. */
enum label { LABEL_FRESH, LABEL_WANTED, LABEL_DROPPED, LABEL_OUT, LABEL_COUNT };

#define MAX_JUMPS 16

struct assembly {
	struct shadow_program *p;
	const struct shadow_maps *maps;
	size_t at[LABEL_COUNT];
	struct {
		size_t at;
		enum label label;
	} jump[MAX_JUMPS];
	size_t jumps;
};

static void
emit(struct assembly *a, unsigned code, unsigned dst, unsigned src, int off, int32_t imm)
{
	struct bpf_insn *i = &a->p->insn[a->p->n++];

	assert(a->p->n <= SHADOW_PROGRAM_MAX);
	i->code = (uint8_t) code;
	i->dst_reg = dst & 0xf;
	i->src_reg = src & 0xf;
	i->off = (int16_t) off;
	i->imm = imm;
}

static void
move(struct assembly *a, unsigned dst, unsigned src)
{
	emit(a, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void
set(struct assembly *a, unsigned dst, int32_t value)
{
	emit(a, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

/* dst = the address of the stack's bytes at off */
static void
address(struct assembly *a, unsigned dst, int off)
{
	move(a, dst, BPF_REG_10);
	emit(a, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, off);
}

static void
load(struct assembly *a, unsigned size, unsigned dst, unsigned src, int off)
{
	emit(a, BPF_LDX | BPF_MEM | size, dst, src, off, 0);
}

static void
keep(struct assembly *a, int off, unsigned src)
{
	emit(a, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, src, off, 0);
}

static void
map(struct assembly *a, unsigned dst, int fd)
{
	emit(a, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd);
	emit(a, 0, 0, 0, 0, 0);
}

static void
call(struct assembly *a, int32_t function)
{
	emit(a, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

static void
jump(struct assembly *a, unsigned condition, unsigned reg, int32_t value, enum label to)
{
	assert(a->jumps < MAX_JUMPS);
	a->jump[a->jumps].at = a->p->n;
	a->jump[a->jumps++].label = to;
	emit(a, BPF_JMP | condition | BPF_K, reg, 0, 0, value);
}

static void
place(struct assembly *a, enum label l)
{
	a->at[l] = a->p->n;
}

/* calls[key at off on the stack], by lookup or delete */
static void
on_call(struct assembly *a, int32_t function, int key)
{
	map(a, BPF_REG_1, a->maps->calls);
	address(a, BPF_REG_2, key);
	call(a, function);
}

/* Reads size bytes at the address in register src to the stack. r0 is not 0 if it could not. */
static void
read_memory(struct assembly *a, enum shadow_reader reader, int to, int32_t size, unsigned src)
{
	move(a, BPF_REG_3, src);
	address(a, BPF_REG_1, to);
	set(a, BPF_REG_2, size);
	call(a, reader);
}

/* dropped[0] += 1; index: four bytes of the stack to use */
static void
count_dropped(struct assembly *a, int index)
{
	emit(a, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, index, 0);
	map(a, BPF_REG_1, a->maps->dropped);
	address(a, BPF_REG_2, index);
	call(a, FN_MAP_LOOKUP);
	emit(a, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0);
	set(a, BPF_REG_1, 1);
	emit(a, BPF_STX | BPF_XADD | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0);
}

/* The common end: r0 = 0, and the jumps learn where their labels came to stand. */
static void
finish(struct assembly *a)
{
	place(a, LABEL_OUT);
	set(a, BPF_REG_0, 0);
	emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = 0; i < a->jumps; i++) {
		size_t to = a->at[a->jump[i].label];

		assert(to > a->jump[i].at);
		a->p->insn[a->jump[i].at].off = (int16_t) (to - a->jump[i].at - 1);
	}
}

void
shadow_program_entry(
    struct shadow_program *p, const struct shadow_maps *maps, enum shadow_reader reader)
{
	static const int32_t wanted[] = {
	    SHADOW_OP_OFF, SHADOW_OP_ENABLE_LOGDIRTY, SHADOW_OP_CLEAN, SHADOW_OP_ENABLE};
	/* the stack: op and domctl are the hypercall's first words, domctl and began are a
	 * shadow_call */
	enum {
		KEY = -8,
		BEGAN = -16,
		DOMCTL = -24,
		OP = -32,
		HEAD = OP - DOMCTL_HEAD,
		INDEX = HEAD - 8
	};
	struct assembly a = {.p = p, .maps = maps};

	p->n = 0;
	move(&a, BPF_REG_6, BPF_REG_1);
	call(&a, FN_PID_TGID);
	keep(&a, KEY, BPF_REG_0);

	/* A call of this thread that is still in the map never came to the return program (the
	 * kernel has few kretprobe instances): it is dropped, and its entry must not be taken for
	 * this call's. */
	on_call(&a, FN_MAP_LOOKUP, KEY);
	jump(&a, BPF_JEQ, BPF_REG_0, 0, LABEL_FRESH);
	on_call(&a, FN_MAP_DELETE, KEY);
	count_dropped(&a, INDEX);

	place(&a, LABEL_FRESH);
	load(&a, BPF_W, BPF_REG_1, BPF_REG_6, REGS_SI);
	jump(&a, BPF_JNE, BPF_REG_1, IOCTL_PRIVCMD_HYPERCALL, LABEL_OUT);
	load(&a, BPF_DW, BPF_REG_7, BPF_REG_6, REGS_DX);
	read_memory(&a, reader, OP, 16, BPF_REG_7);
	jump(&a, BPF_JNE, BPF_REG_0, 0, LABEL_OUT);
	load(&a, BPF_DW, BPF_REG_1, BPF_REG_10, OP);
	jump(&a, BPF_JNE, BPF_REG_1, HYPERVISOR_DOMCTL, LABEL_OUT);
	load(&a, BPF_DW, BPF_REG_7, BPF_REG_10, DOMCTL);
	read_memory(&a, reader, HEAD, DOMCTL_HEAD, BPF_REG_7);
	jump(&a, BPF_JNE, BPF_REG_0, 0, LABEL_OUT);
	load(&a, BPF_W, BPF_REG_1, BPF_REG_10, HEAD + DOMCTL_CMD);
	jump(&a, BPF_JEQ, BPF_REG_1, DOMCTL_UNPAUSE, LABEL_WANTED);
	jump(&a, BPF_JEQ, BPF_REG_1, DOMCTL_RESUME, LABEL_WANTED);
	jump(&a, BPF_JNE, BPF_REG_1, DOMCTL_SHADOW_OP, LABEL_OUT);
	load(&a, BPF_W, BPF_REG_1, BPF_REG_10, HEAD + DOMCTL_OP);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		jump(&a, BPF_JEQ, BPF_REG_1, wanted[i], LABEL_WANTED);
	jump(&a, BPF_JA, 0, 0, LABEL_OUT);

	place(&a, LABEL_WANTED);
	call(&a, FN_KTIME);
	keep(&a, BEGAN, BPF_REG_0);
	map(&a, BPF_REG_1, maps->calls);
	address(&a, BPF_REG_2, KEY);
	address(&a, BPF_REG_3, DOMCTL);
	set(&a, BPF_REG_4, BPF_ANY);
	call(&a, FN_MAP_UPDATE);
	jump(&a, BPF_JEQ, BPF_REG_0, 0, LABEL_OUT);
	count_dropped(&a, INDEX); /* the map is full */
	finish(&a);
}

void
shadow_program_return(
    struct shadow_program *p, const struct shadow_maps *maps, enum shadow_reader reader)
{
	enum { RECORD = -(int) sizeof(struct shadow_record), INDEX = RECORD - 8 };
#define FIELD(f) (RECORD + (int) offsetof(struct shadow_record, f))
	struct assembly a = {.p = p, .maps = maps};

	p->n = 0;
	move(&a, BPF_REG_6, BPF_REG_1);
	call(&a, FN_PID_TGID);
	keep(&a, FIELD(thread), BPF_REG_0);
	on_call(&a, FN_MAP_LOOKUP, FIELD(thread));
	jump(&a, BPF_JEQ, BPF_REG_0, 0, LABEL_OUT);

	load(&a, BPF_DW, BPF_REG_7, BPF_REG_0, (int) offsetof(struct shadow_call, domctl));
	load(&a, BPF_DW, BPF_REG_8, BPF_REG_0, (int) offsetof(struct shadow_call, began));
	keep(&a, FIELD(began), BPF_REG_8);
	call(&a, FN_KTIME);
	keep(&a, FIELD(ended), BPF_REG_0);
	on_call(&a, FN_MAP_DELETE, FIELD(thread));
	load(&a, BPF_DW, BPF_REG_1, BPF_REG_6, REGS_AX);
	keep(&a, FIELD(result), BPF_REG_1);
	read_memory(
	    &a, reader, FIELD(domctl), sizeof(((struct shadow_record *) 0)->domctl), BPF_REG_7);
	jump(&a, BPF_JNE, BPF_REG_0, 0, LABEL_DROPPED);
	address(&a, BPF_REG_1, FIELD(comm));
	set(&a, BPF_REG_2, sizeof(((struct shadow_record *) 0)->comm));
	call(&a, FN_COMM);

	move(&a, BPF_REG_1, BPF_REG_6);
	map(&a, BPF_REG_2, maps->rings);
	emit(&a, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, -1); /* BPF_F_CURRENT_CPU: 32 bits */
	address(&a, BPF_REG_4, RECORD);
	set(&a, BPF_REG_5, sizeof(struct shadow_record));
	call(&a, FN_PERF_OUTPUT);
	jump(&a, BPF_JEQ, BPF_REG_0, 0, LABEL_OUT);
	jump(&a, BPF_JEQ, BPF_REG_0, -ENOSPC, LABEL_OUT); /* a full ring counts for itself */

	place(&a, LABEL_DROPPED);
	count_dropped(&a, INDEX);
	finish(&a);
#undef FIELD
}

static uint32_t
word(const struct shadow_record *r, size_t at)
{
	uint32_t v;

	memcpy(&v, r->domctl + at, sizeof(v));
	return v;
}

/* The kind of event that a domctl makes. -EBADMSG: of none. */
static int
kind_of(const struct shadow_record *r)
{
	switch (word(r, DOMCTL_CMD)) {
	case DOMCTL_UNPAUSE:
	case DOMCTL_RESUME:
		return EVENT_RELEASED;
	case DOMCTL_SHADOW_OP:
		break;
	default:
		return -EBADMSG;
	}
	switch (word(r, DOMCTL_OP)) {
	case SHADOW_OP_OFF:
	case SHADOW_OP_ENABLE_LOGDIRTY:
	case SHADOW_OP_CLEAN:
	case SHADOW_OP_ENABLE:
		return EVENT_SHADOW_OP;
	default:
		return -EBADMSG;
	}
}

int
shadow_record_event(const struct shadow_record *r, struct event *ret)
{
	uint32_t version = word(r, DOMCTL_VERSION);
	int kind = kind_of(r);
	char comm[sizeof(r->comm) + 1] = {0};
	struct event e;

	if (version < DOMCTL_VERSION_MIN || version > DOMCTL_VERSION_MAX)
		return -EPROTO;
	if (kind < 0)
		return kind;

	memset(&e, 0, sizeof(e));
	e.kind = (enum event_kind) kind;
	e.source = SOURCE_BPF;
	e.at = (double) r->ended / 1e9;
	e.seconds = (double) (r->ended - r->began) / 1e9;
	e.pid = (pid_t) (r->thread >> 32);
	e.domid = word(r, DOMCTL_DOMID) & 0xffff;
	e.result = r->result;
	if (kind == EVENT_SHADOW_OP) {
		e.op = word(r, DOMCTL_OP);
		e.mode = word(r, DOMCTL_MODE);
	}
	if (kind == EVENT_SHADOW_OP && e.op == SHADOW_OP_CLEAN && r->result >= 0) {
		memcpy(&e.pages, r->domctl + DOMCTL_PAGES, sizeof(e.pages));
		e.dirty = word(r, DOMCTL_DIRTY);
	}
	memcpy(comm, r->comm, sizeof(r->comm));
	utf8_clean(e.comm, sizeof(e.comm), comm);
	*ret = e;
	return 0;
}
