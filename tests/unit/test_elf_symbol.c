/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "observe/elf_symbol.h"
#include "observe/uprobe_library.h"
#include "tests/tap.h"

/* A library that this test has loaded, so that what the dynamic linker says can be compared. */
struct loaded {
	const char *path;
	uintptr_t base;
};

static int
find_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct loaded *l = arg;

	(void) size;
	if (!strstr(info->dlpi_name, "/libc.so.6") && !strstr(info->dlpi_name, "/libc-2."))
		return 0;
	l->path = info->dlpi_name;
	l->base = info->dlpi_addr;
	return 1;
}

static void
test_libc(void)
{
	_cleanup_(freep) char *image = NULL;
	struct loaded l = {NULL, 0};
	uint64_t offset = 0, whole;
	size_t n = 0;
	unsigned wrong = 0;
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	const void *at;

	(void) dl_iterate_phdr(find_libc, &l);
	ok(l.path && file_read(l.path, 64u << 20, &image, &n) == 0, "libc is read");
	if (!image)
		return;
	ok(elf_symbol_offset(image, n, "qsort", &offset) == 0 && offset > 0 && offset < n,
	    "qsort is found");
	whole = offset;
	at = libc ? dlsym(libc, "qsort") : NULL; /* not a sanitizer's */
	ok(at && offset + 64 <= n && memcmp(image + offset, at, 64) == 0,
	    "where the file holds the code that the process runs");
	ok(elf_symbol_offset(image, n, "qsor", &offset) == -ENOENT, "a name must be whole");
	ok(elf_symbol_offset(image, n, "", &offset) == -ENOENT, "the empty name is no function");
	ok(elf_symbol_offset(image, n, "stdout", &offset) == -ENOENT, "a variable is no function");
	ok(elf_symbol_offset(image, 0, "qsort", &offset) == -ENOEXEC, "an empty file is refused");
	for (size_t cut = 0; cut < n; cut += cut < 4096 ? 3 : n / 199) {
		_cleanup_(freep) char *part = xmalloc(cut);
		int r;

		memcpy(part, image, cut);
		offset = 0;
		r = elf_symbol_offset(part, cut, "qsort", &offset);
		if (r != -ENOEXEC && (r != 0 || offset != whole))
			wrong++;
	}
	ok(wrong == 0,
	    "a library that is cut is refused, or only what is not needed was cut (%u wrong)",
	    wrong);
	if (libc)
		(void) dlclose(libc);
	image[EI_CLASS] = ELFCLASS32;
	ok(elf_symbol_offset(image, n, "qsort", &offset) == -ENOEXEC,
	    "a library of 32 bits is refused");
}

/* A library made by hand: one segment, section headers for .dynsym and its strings. */
struct small {
	Elf64_Ehdr head;
	Elf64_Phdr load[2];
	Elf64_Shdr section[3];
	Elf64_Sym symbol[3];
	char strings[32];
	char code[64];
};

static void
small_init(struct small *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->head.e_ident, ELFMAG, SELFMAG);
	s->head.e_ident[EI_CLASS] = ELFCLASS64;
	s->head.e_ident[EI_DATA] = ELFDATA2LSB;
	s->head.e_type = ET_DYN;
	s->head.e_machine = EM_X86_64;
	s->head.e_phoff = offsetof(struct small, load);
	s->head.e_phnum = 2;
	s->head.e_phentsize = sizeof(Elf64_Phdr);
	s->head.e_shoff = offsetof(struct small, section);
	s->head.e_shnum = 3;
	s->head.e_shentsize = sizeof(Elf64_Shdr);
	s->load[0].p_type = PT_NOTE;
	s->load[1].p_type = PT_LOAD;
	s->load[1].p_offset = offsetof(struct small, code);
	s->load[1].p_vaddr = 0x10000;
	s->load[1].p_filesz = sizeof(s->code);
	s->section[1].sh_type = SHT_DYNSYM;
	s->section[1].sh_offset = offsetof(struct small, symbol);
	s->section[1].sh_size = sizeof(s->symbol);
	s->section[1].sh_link = 2;
	s->section[2].sh_type = SHT_STRTAB;
	s->section[2].sh_offset = offsetof(struct small, strings);
	s->section[2].sh_size = sizeof(s->strings);
	memcpy(s->strings, "\0one\0two", 9);
	s->symbol[1].st_name = 1; /* imported */
	s->symbol[1].st_info = STT_FUNC;
	s->symbol[2].st_name = 5;
	s->symbol[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
	s->symbol[2].st_shndx = 1;
	s->symbol[2].st_value = 0x10008;
}

static int
find(const struct small *s, const char *name)
{
	uint64_t offset = 0;
	int r = elf_symbol_offset(s, sizeof(*s), name, &offset);

	return r < 0 ? r : (int) offset;
}

/* Every field of every header set to values that point elsewhere; the sanitizers watch. */
static void
test_hostile(void)
{
	static const uint64_t values[] = {
	    0, 1, 0x7fff, 0x8000, UINT32_MAX, INT64_MAX, UINT64_MAX - 8, UINT64_MAX};
	struct small s;
	unsigned outside = 0;

	for (size_t at = 0; at + 8 <= offsetof(struct small, code); at++)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			int r;

			small_init(&s);
			memcpy((char *) &s + at, &values[i], 8);
			r = find(&s, "two");
			if (r >= (int) sizeof(s))
				outside++;
		}
	ok(outside == 0, "no header leads outside the file");
}

static void
test_small(void)
{
	struct small s;

	small_init(&s);
	ok(find(&s, "two") == (int) offsetof(struct small, code) + 8,
	    "an address is translated by its segment");
	ok(find(&s, "one") == -ENOENT, "an imported function is not found");
	s.symbol[2].st_value = 0x10000 + sizeof(s.code);
	ok(find(&s, "two") == -ENOEXEC, "a function outside all segments is refused");
	small_init(&s);
	s.load[1].p_offset = sizeof(s);
	ok(find(&s, "two") == -ENOEXEC, "a segment behind the file's end is refused");
	small_init(&s);
	s.section[1].sh_link = 3;
	ok(find(&s, "two") == -ENOEXEC, "symbols without their strings are refused");
	small_init(&s);
	s.section[1].sh_type = SHT_SYMTAB;
	ok(find(&s, "two") == -ENOEXEC, "a file without dynamic symbols is refused");
	small_init(&s);
	s.symbol[2].st_name = sizeof(s.strings) - 2;
	ok(find(&s, "two") == -ENOENT, "a name that goes over the strings' end is passed over");
	small_init(&s);
	s.head.e_phoff = UINT64_MAX - 8;
	ok(find(&s, "two") == -ENOEXEC, "program headers behind the file's end are refused");
}

static void
touch(const char *root, const char *path, const char *text)
{
	_cleanup_(freep) char *full = xasprintf("%s%s", root, path), *directory = xstrdup(full);
	FILE *f;

	*strrchr(directory, '/') = '\0';
	(void) mkdir_parents(directory, 0755);
	f = fopen(full, "w");
	if (f) {
		(void) fputs(text, f);
		(void) fclose(f);
	}
}

/* The path found below root, which the caller frees, or NULL. */
static char *
library(const char *root)
{
	char *path = NULL;

	return uprobe_library_find(root, &path) == 0 ? path : NULL;
}

static int
ends_with(const char *s, const char *end)
{
	return s && strlen(s) >= strlen(end) && strcmp(s + strlen(s) - strlen(end), end) == 0;
}

static void
test_library(void)
{
	char root[] = "/tmp/test_elf_symbol.XXXXXX";
	char *path;

	if (!mkdtemp(root)) {
		ok(0, "a temporary directory is made");
		return;
	}
	ok(!library(root), "without a library nothing is found");
	touch(root, "/usr/lib64/libxenctrl.so.4.9.0", "");
	touch(root, "/usr/lib64/libxenctrl.so.4.17.0", "");
	touch(root, "/usr/lib64/libxenctrl.so.4.17.0.debug", "");
	touch(root, "/usr/lib64/libxenctrl.so", "");
	touch(root, "/lib/libxenctrl.so.4.17.0", "");
	path = library(root);
	ok(ends_with(path, "/usr/lib64/libxenctrl.so.4.17.0"),
	    "the newest is taken, of the first directory: %s", path);
	free(path);
	touch(root, "/sys/hypervisor/version/major", "4\n");
	touch(root, "/sys/hypervisor/version/minor", "9\n");
	path = library(root);
	ok(ends_with(path, "libxenctrl.so.4.9.0"),
	    "but that of the running Xen goes before a newer one: %s", path);
	free(path);
	touch(root, "/sys/hypervisor/version/minor", "13\n");
	path = library(root);
	ok(ends_with(path, "libxenctrl.so.4.17.0"), "if it is there: %s", path);
	free(path);
	{
		_cleanup_(freep) char *spaced = xasprintf("%s/a b", root);

		touch(spaced, "/usr/lib/libxenctrl.so.4.17.0", "");
		ok(!library(spaced), "a path that uprobe_events would take apart is not taken");
	}
	path = xasprintf("rm -rf %s", root);
	ok(system(path) == 0, "the temporary directory is gone");
	free(path);
	path = NULL;
	ok(uprobe_library_find("", &path) <= 0, "this machine's own library: %s",
	    path ? path : "none");
	free(path);
}

int
main(void)
{
	test_libc();
	test_small();
	test_hostile();
	test_library();
	return done_testing();
}
