/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/bpf_kernel.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/util.h"

#define ALIGN4(n) (((n) + 3u) & ~3u)

/* Kernels before 5.11 count maps and programs as locked memory, of which systemd allows 64 KiB. */
static int
call(int cmd, union bpf_attr *attr)
{
	struct rlimit kept = {0, 0}, all = {RLIM_INFINITY, RLIM_INFINITY};
	bool raised = getrlimit(RLIMIT_MEMLOCK, &kept) == 0 && setrlimit(RLIMIT_MEMLOCK, &all) == 0;
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	r = r < 0 ? -errno : r;
	if (raised)
		(void) setrlimit(RLIMIT_MEMLOCK, &kept);
	return (int) r;
}

int
bpf_map_new(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_type = type;
	a.key_size = key_size;
	a.value_size = value_size;
	a.max_entries = entries;
	return call(BPF_MAP_CREATE, &a);
}

int
bpf_map_set(int map, const void *key, const void *value)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t) map;
	a.key = (uintptr_t) key;
	a.value = (uintptr_t) value;
	a.flags = BPF_ANY;
	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &a, sizeof(a)) < 0 ? -errno : 0;
}

int
bpf_map_get(int map, const void *key, void *ret_value)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t) map;
	a.key = (uintptr_t) key;
	a.value = (uintptr_t) ret_value;
	return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &a, sizeof(a)) < 0 ? -errno : 0;
}

int
bpf_kprobe_program(const struct bpf_insn *insn, size_t n)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.prog_type = BPF_PROG_TYPE_KPROBE;
	a.insns = (uintptr_t) insn;
	a.insn_cnt = (uint32_t) n;
	a.license = (uintptr_t) "GPL"; /* the helpers that read memory and write rings ask for it */
	a.kern_version = kernel_version_code();
	return call(BPF_PROG_LOAD, &a);
}

/* The note "Linux", type 0, of one segment of notes; 0 if it is not there. */
static uint32_t
version_in_notes(const unsigned char *p, size_t n)
{
	while (n >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		size_t size;

		memcpy(&h, p, sizeof(h));
		size = sizeof(h) + ALIGN4(h.n_namesz) + ALIGN4(h.n_descsz);
		if (size > n)
			return 0;
		if (h.n_type == 0 && h.n_descsz == 4 && h.n_namesz == sizeof("Linux") &&
		    memcmp(p + sizeof(h), "Linux", sizeof("Linux")) == 0) {
			uint32_t version;

			memcpy(&version, p + sizeof(h) + ALIGN4(h.n_namesz), sizeof(version));
			return version;
		}
		p += size;
		n -= size;
	}
	return 0;
}

static uint32_t
version_of_vdso(void)
{
	const unsigned char *vdso = (const unsigned char *) getauxval(AT_SYSINFO_EHDR);
	uint32_t version = 0;
	Elf64_Ehdr e;

	if (!vdso)
		return 0;
	memcpy(&e, vdso, sizeof(e));
	for (size_t i = 0; i < e.e_phnum && !version; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, vdso + e.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_NOTE)
			version = version_in_notes(vdso + ph.p_offset, ph.p_filesz);
	}
	return version;
}

uint32_t
kernel_version_code(void)
{
	uint32_t version = version_of_vdso();
	unsigned major = 0, minor = 0, patch = 0;
	struct utsname u;

	if (version)
		return version;
	if (uname(&u) < 0 || sscanf(u.release, "%3u.%3u.%3u", &major, &minor, &patch) < 2)
		return 0;
	return major << 16 | minor << 8 | MIN(patch, 255u);
}
