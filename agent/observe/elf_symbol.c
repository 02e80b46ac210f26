/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/elf_symbol.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>

#include "base/util.h"

#define MAX_HEADERS 512 /* program or section headers; libraries have some thirty */

struct image {
	const unsigned char *bytes;
	size_t n;
	Elf64_Ehdr head;
};

/* Copies n bytes at this offset of the file; false if they are not all there. */
static bool
fetch(const struct image *im, uint64_t at, void *to, size_t n)
{
	if (at > im->n || n > im->n - at)
		return false;
	memcpy(to, im->bytes + at, n);
	return true;
}

/* Element i of an array of the file. */
static bool
element(const struct image *im, uint64_t at, uint64_t i, void *to, size_t size)
{
	return i <= im->n / size && at <= im->n && fetch(im, at + i * size, to, size);
}

static bool
is_library(const struct image *im)
{
	const Elf64_Ehdr *h = &im->head;

	return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_machine == EM_X86_64 &&
	       h->e_type == ET_DYN && h->e_phentsize == sizeof(Elf64_Phdr) &&
	       h->e_shentsize == sizeof(Elf64_Shdr) && h->e_phnum <= MAX_HEADERS &&
	       h->e_shnum <= MAX_HEADERS;
}

static bool
is_named(const struct image *im, const Elf64_Shdr *strings, uint32_t at, const char *name)
{
	size_t size = strlen(name) + 1;

	return at < strings->sh_size && size <= strings->sh_size - at &&
	       strings->sh_offset <= im->n && strings->sh_offset + at <= im->n &&
	       size <= im->n - strings->sh_offset - at &&
	       memcmp(im->bytes + strings->sh_offset + at, name, size) == 0;
}

/* The address of a function that this table of symbols defines. -ENOENT, -ENOEXEC. */
static int
find_in(const struct image *im, const Elf64_Shdr *table, const char *name, uint64_t *ret_address)
{
	uint64_t count = MIN(table->sh_size, im->n) / sizeof(Elf64_Sym);
	Elf64_Shdr strings;
	Elf64_Sym s;

	if (table->sh_link >= im->head.e_shnum ||
	    !element(im, im->head.e_shoff, table->sh_link, &strings, sizeof(strings)))
		return -ENOEXEC;
	for (uint64_t i = 0; i < count; i++) {
		if (!element(im, table->sh_offset, i, &s, sizeof(s)))
			return -ENOEXEC;
		if (ELF64_ST_TYPE(s.st_info) != STT_FUNC || s.st_shndx == SHN_UNDEF)
			continue;
		if (is_named(im, &strings, s.st_name, name)) {
			*ret_address = s.st_value;
			return 0;
		}
	}
	return -ENOENT;
}

static int
to_offset(const struct image *im, uint64_t address, uint64_t *ret_offset)
{
	Elf64_Phdr p;

	for (uint64_t i = 0; i < im->head.e_phnum; i++) {
		if (!element(im, im->head.e_phoff, i, &p, sizeof(p)))
			return -ENOEXEC;
		if (p.p_type == PT_LOAD && address >= p.p_vaddr &&
		    address - p.p_vaddr < p.p_filesz) {
			uint64_t offset = address - p.p_vaddr + p.p_offset;

			if (offset >= im->n)
				return -ENOEXEC;
			*ret_offset = offset;
			return 0;
		}
	}
	return -ENOEXEC;
}

int
elf_symbol_offset(const void *image, size_t n, const char *name, uint64_t *ret_offset)
{
	struct image im = {.bytes = image, .n = n};
	uint64_t address;
	Elf64_Shdr table;

	if (!fetch(&im, 0, &im.head, sizeof(im.head)) || !is_library(&im))
		return -ENOEXEC;
	for (uint64_t i = 0; i < im.head.e_shnum; i++) {
		int r;

		if (!element(&im, im.head.e_shoff, i, &table, sizeof(table)))
			return -ENOEXEC;
		if (table.sh_type != SHT_DYNSYM)
			continue;
		r = find_in(&im, &table, name, &address);
		return r < 0 ? r : to_offset(&im, address, ret_offset);
	}
	return -ENOEXEC;
}
