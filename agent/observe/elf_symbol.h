/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ELF_SYMBOL_H
#define ELF_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

/* The offset in the file at which a function of a shared library begins, for uprobes: image[n] is
 * the whole file, ELF of x86-64; the name is looked up in .dynsym and its address translated by the
 * PT_LOAD segment that holds it (elf(5)). Nothing in the image is trusted. -ENOENT: no such
 * function; -ENOEXEC: not a library of this kind, or cut short. */
int elf_symbol_offset(const void *image, size_t n, const char *name, uint64_t *ret_offset);

#endif
