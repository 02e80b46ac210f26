/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPF_KERNEL_H
#define BPF_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

/* bpf(2) as much as a kprobe program needs it, on kernels from 4.19. */

/* A new map, for the caller to close. -errno. */
int bpf_map_new(enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t entries);
int bpf_map_set(int map, const void *key, const void *value);
int bpf_map_get(int map, const void *key, void *ret_value);

/* Loads a program for a kprobe or kretprobe; the caller closes it. -errno; -EINVAL or -EACCES: the
 * verifier refused it, or the kernel lacks a helper that it calls. */
int bpf_kprobe_program(const struct bpf_insn *insn, size_t n);

/* LINUX_VERSION_CODE of the running kernel, which kernels before 5.0 want to be told. Taken from
 * the vDSO's note: uname says 4.19.0 where XenServer's kernel is 4.19.19. */
uint32_t kernel_version_code(void);

#endif
