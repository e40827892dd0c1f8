// SPDX-License-Identifier: GPL-2.0
/*
 * How this kernel's vDSO stands in for another one's. The other one's code stays
 * where programs look for it, but each of its functions begins with a jump to the
 * function of the same name here. What has no counterpart finds zeros for its data:
 * no clock that it may read, so it asks the kernel.
 *
 * The code comes from another host, and the process may have written it: every
 * offset is checked. libelf would not do: what it says of a file that is made up may
 * point to memory that it has given back (elf_strptr() of a compressed section).
 * Owns nothing, no locks.
 */
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <xxhash.h>

#include "dev.h"
#include "prepare.h"
#include "vdso.h"

#define PREFIX		"__vdso_"
#define ENTRIES_MAX	64

/* One instruction, so that nobody is ever in the midst of it: jmp *0(%rip). */
static const unsigned char jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
#define JUMP_SIZE	(sizeof(jump) + sizeof(__u64))

/**
 * struct entry - a function
 * @name: without its prefix
 * @at: offset
 */
struct entry {
	char name[32];
	__u64 at;
};

struct entries {
	struct entry entry[ENTRIES_MAX];
	unsigned int nr;
};

/* @len bytes at offset @at of the file; NULL: it is not that long. */
static const char *part(const struct tern_vdso *vdso, __u64 at, __u64 len)
{
	if (at > vdso->size || len > vdso->size - at)
		return NULL;
	return (const char *)vdso->text + at;
}

/* Section @n of the file, and what is in it; NULL: there is none. */
static const char *section(const struct tern_vdso *vdso, const Elf64_Ehdr *head, unsigned int n,
			   Elf64_Shdr *shdr)
{
	const char *at = NULL;

	if (n < head->e_shnum && head->e_shoff <= vdso->size)
		at = part(vdso, head->e_shoff + n * sizeof(*shdr), sizeof(*shdr));
	if (!at)
		return NULL;
	memcpy(shdr, at, sizeof(*shdr));
	return part(vdso, shdr->sh_offset, shdr->sh_size);
}

static const char *find_section(const struct tern_vdso *vdso, const Elf64_Ehdr *head,
				unsigned int type, Elf64_Shdr *shdr)
{
	unsigned int i;

	for (i = 0; i < head->e_shnum; i++) {
		const char *at = section(vdso, head, i, shdr);

		if (at && shdr->sh_type == type)
			return at;
	}
	return NULL;
}

static bool is_ours(const Elf64_Ehdr *head)
{
	return !memcmp(head->e_ident, ELFMAG, SELFMAG) && head->e_ident[EI_CLASS] == ELFCLASS64 &&
	       head->e_ident[EI_DATA] == ELFDATA2LSB && head->e_machine == EM_X86_64 &&
	       head->e_shentsize == sizeof(Elf64_Shdr);
}

/* Symbol @sym, which is called @name; @left bytes are left from there. */
static int add(struct entries *e, const char *name, size_t left, const Elf64_Sym *sym,
	       size_t size)
{
	const size_t skip = strlen(PREFIX);
	size_t len = strnlen(name, left);
	struct entry *entry;

	if (len == left)
		return -EBADMSG;
	if (len <= skip || memcmp(name, PREFIX, skip) || sym->st_shndx == SHN_UNDEF)
		return 0;
	if (e->nr == ENTRIES_MAX || len - skip >= sizeof(entry->name) ||
	    sym->st_size < JUMP_SIZE || sym->st_value >= size ||
	    sym->st_size > size - sym->st_value)
		return -EBADMSG;
	entry = &e->entry[e->nr++];
	strcpy(entry->name, name + skip);
	entry->at = sym->st_value;
	return 0;
}

static int read_entries(const struct tern_vdso *vdso, struct entries *e)
{
	const char *head_at = part(vdso, 0, sizeof(Elf64_Ehdr)), *symbols, *names;
	Elf64_Shdr table, strings;
	Elf64_Ehdr head;
	Elf64_Sym sym;
	__u64 i;
	int err = 0;

	if (!head_at)
		return -EBADMSG;
	memcpy(&head, head_at, sizeof(head));
	if (!is_ours(&head))
		return -EBADMSG;
	symbols = find_section(vdso, &head, SHT_DYNSYM, &table);
	names = symbols ? section(vdso, &head, table.sh_link, &strings) : NULL;
	if (!names || strings.sh_type != SHT_STRTAB)
		return -EBADMSG;
	for (i = 0; !err && i < table.sh_size / sizeof(sym); i++) {
		memcpy(&sym, symbols + i * sizeof(sym), sizeof(sym));
		err = sym.st_name < strings.sh_size ?
		      add(e, names + sym.st_name, strings.sh_size - sym.st_name, &sym,
			  vdso->size) : -EBADMSG;
	}
	return err ? err : e->nr ? 0 : -EBADMSG;
}

static int compare_at(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* Ascending; a jump must not reach into the next one. */
static int find_entries(const struct tern_vdso *vdso, struct entries *e)
{
	unsigned int i;
	int err;

	e->nr = 0;
	err = read_entries(vdso, e);
	qsort(e->entry, e->nr, sizeof(e->entry[0]), compare_at);
	for (i = 1; !err && i < e->nr; i++)
		if (e->entry[i].at - e->entry[i - 1].at < JUMP_SIZE)
			err = -EBADMSG;
	return err;
}

static const struct entry *find(const struct entries *e, const char *name)
{
	unsigned int i;

	for (i = 0; i < e->nr; i++)
		if (!strcmp(e->entry[i].name, name))
			return &e->entry[i];
	return NULL;
}

/* Without data of the kernel's it would be wrong, and not only slow. */
static bool needs_data(const char *name)
{
	return !strcmp(name, "clock_gettime") || !strcmp(name, "gettimeofday") ||
	       !strcmp(name, "clock_getres") || !strcmp(name, "time");
}

static void put_jump(char *at, __u64 to)
{
	memcpy(at, jump, sizeof(jump));
	memcpy(at + sizeof(jump), &to, sizeof(to));
}

/**
 * tern_vdso_divert() - let the functions of a vDSO be those of another
 * @text: its code, which is changed
 * @size: bytes of it
 * @to: the other
 * @to_at: where the other is in the process
 * @why: sentence
 *
 * A function that the other does not have stays as it is, if it can do without
 * the kernel's data: it asks the kernel then.
 */
int tern_vdso_divert(void *text, size_t size, const struct tern_vdso *to, __u64 to_at,
		     struct tern_why *why)
{
	struct entries old, new;
	unsigned int i;
	int err;

	err = find_entries(&(struct tern_vdso){ text, size }, &old);
	if (err)
		return tern_why_set(why, err,
				    "the vDSO that the process was started with cannot be read");
	err = find_entries(to, &new);
	if (err)
		return tern_why_set(why, err, "the vDSO of this kernel cannot be read");
	for (i = 0; !err && i < old.nr; i++) {
		const struct entry *own = find(&new, old.entry[i].name);

		if (own)
			put_jump((char *)text + old.entry[i].at, to_at + own->at);
		else if (needs_data(old.entry[i].name))
			err = tern_why_set(why, -EOPNOTSUPP,
					   "the vDSO of this kernel has no \"%s\"",
					   old.entry[i].name);
	}
	return err;
}

/* The mapping that begins where @arg does. */
static int find_text(void *arg, const struct tern_proc_map *map)
{
	struct tern_vdso *vdso = arg;

	if (map->start == (unsigned long)vdso->text)
		vdso->size = map->end - map->start;
	return 0;
}

/**
 * tern_vdso_own() - this kernel's
 * @vdso: filled
 *
 * Return: -ENODATA: the kernel was booted without.
 */
int tern_vdso_own(struct tern_vdso *vdso)
{
	int rc;

	*vdso = (struct tern_vdso){ .text = (const void *)getauxval(AT_SYSINFO_EHDR) };
	rc = tern_proc_maps(getpid(), find_text, vdso);
	return rc || vdso->size ? rc : -ENODATA;
}

/** tern_vdso_hash() - what tells one vDSO from another */
__u64 tern_vdso_hash(const struct tern_vdso *vdso)
{
	return XXH64(vdso->text, vdso->size, 0);
}
