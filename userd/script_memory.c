// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings: the shell's own go, the migrant's come. The kernel's special ones
 * are moved, through scratch room behind the area; private memory is mapped
 * empty, to be registered with userfaultfd before anything can touch it; files
 * that PREPARE found to be the same are mapped from this host.
 *
 * A FILE mapping is one whose pages the source will not send, because READY
 * said that the file is the same here. Where we do not remember the same, the
 * image is refused: a guess would be wrong data.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "script.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define TOP		0x7ffffffff000ULL
#define PAGE		4096ULL
#define ADVICE_FLAGS	(TERN_VMA_DONTFORK | TERN_VMA_WIPEONFORK | TERN_VMA_DONTDUMP | \
			 TERN_VMA_HUGEPAGE | TERN_VMA_NOHUGEPAGE | TERN_VMA_MERGEABLE | \
			 TERN_VMA_SEQUENTIAL | TERN_VMA_RANDOM)

/**
 * struct area - a mapping to be made: one or several adjacent equal ones
 * @start: page-aligned
 * @end: not included
 * @v: the first of them
 * @path: of the local file, NULL: private memory
 */
struct area {
	__u64 start;
	__u64 end;
	const struct tern_obj_vma *v;
	const char *path;
};

static int compare_known(const void *key, const void *entry)
{
	return strcmp(key, ((const struct tern_known *)entry)->path);
}

/** tern_known_find() - what PREPARE said of @path, NULL: nothing */
const struct tern_known *tern_known_find(const struct tern_dress *dress, const char *path)
{
	if (!dress->nr_known)
		return NULL;
	return bsearch(path, dress->known, dress->nr_known, sizeof(*dress->known), compare_known);
}

/* ---- special mappings ---------------------------------------------------- */

static bool is_special(const struct tern_obj_vma *v)
{
	return v->kind == TERN_VMA_VDSO || v->kind == TERN_VMA_VVAR;
}

static int no_match(const struct tern_dress *dress, struct tern_why *why)
{
	return tern_why_set(why, -EOPNOTSUPP,
			    "the vDSO is laid out differently on %s: its kernel must be the same version as the source's",
			    dress->host);
}

/* The source's special mappings, each as large as ours of the same rank. */
static int match_special(const struct tern_dress *dress, struct tern_special *to,
			 unsigned int *nr, struct tern_why *why)
{
	const struct tern_obj *obj = NULL;
	unsigned int n = 0;

	while ((obj = tern_image_find(dress->image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);

		if (!is_special(v))
			continue;
		if (n == dress->nr_special || dress->special[n].kind != v->kind ||
		    dress->special[n].end - dress->special[n].start != v->end - v->start)
			return no_match(dress, why);
		to[n++] = (struct tern_special){ v->start, v->end, v->kind };
	}
	if (n && n != dress->nr_special)
		return no_match(dress, why);
	*nr = n;
	return 0;
}

static void move(struct tern_script *s, __u64 from, __u64 to, __u64 len)
{
	SCRIPT(s, "the vDSO could not be moved", SYS_mremap, from, len, len,
	       MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

static void clear_below(struct tern_script *s, __u64 start, __u64 end)
{
	if (start < end)
		SCRIPT(s, "the shell's own memory could not be unmapped", SYS_munmap, start,
		       end - start);
}

/* Take the special mappings aside, empty the rest, put them where they belong. */
static int replace_own(struct tern_script *s, struct tern_dress *dress, struct tern_why *why)
{
	struct tern_special to[SCRIPT_SPECIAL_MAX];
	__u64 aside = s->base + s->size;
	unsigned int i, nr = 0;
	int err;

	err = match_special(dress, to, &nr, why);
	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		__u64 len = to[i].end - to[i].start;

		if (aside + len > s->base + s->size + SHELL_SCRATCH)
			return no_match(dress, why);
		move(s, dress->special[i].start, aside, len);
		dress->special[i].start = aside;
		dress->special[i].end = aside + len;
		aside += len;
	}
	clear_below(s, 0, s->base);
	clear_below(s, aside, TOP);
	for (i = 0; i < nr; i++)
		move(s, dress->special[i].start, to[i].start, to[i].end - to[i].start);
	return 0;
}

/* ---- mappings -------------------------------------------------------------- */

static int file_changed(const char *path, struct tern_why *why)
{
	return tern_why_set(why, -EAGAIN,
			    "%s was replaced or mapped anew while the migration was prepared; try again",
			    path);
}

/* Private memory (NULL in @path), or this host's file? */
static int choose(const struct tern_dress *dress, const struct tern_obj *obj,
		  const char **path, struct tern_why *why)
{
	const struct tern_obj_vma *v = tern_obj_payload(obj);
	const struct tern_known *known;
	const char *name;
	size_t len;

	*path = NULL;
	if (v->kind != TERN_VMA_FILE)
		return 0;
	name = tern_obj_tail(obj, &len);
	known = tern_known_find(dress, name);
	if (!known || !known->same || known->file.ino != v->ino)
		return file_changed(name, why);
	if (!(known->file.flags & TERN_WIRE_FILE_SHARED) && known->file.size != v->size)
		return file_changed(name, why);
	*path = name;
	return 0;
}

static bool joins(const struct area *a, const struct tern_obj_vma *v, const char *path)
{
	__u32 differ = (a->v->flags ^ v->flags) & ~TERN_VMA_BACKED;

	if (a->end != v->start || a->v->prot != v->prot || differ || !a->path != !path)
		return false;
	/* a stack that may grow must stay the mapping that it is */
	if (v->flags & TERN_VMA_GROWSDOWN)
		return false;
	if (!path)
		return true;
	return !strcmp(a->path, path) && v->pgoff == a->v->pgoff + (a->end - a->v->start) / PAGE;
}

static unsigned int map_flags(const struct area *a)
{
	unsigned int flags = MAP_FIXED_NOREPLACE;

	if (a->v->flags & TERN_VMA_NORESERVE)
		flags |= MAP_NORESERVE;
	if (!a->path) {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
		if (a->v->flags & TERN_VMA_GROWSDOWN)
			flags |= MAP_GROWSDOWN | MAP_STACK;
		return flags;
	}
	return flags | (a->v->flags & TERN_VMA_SHARED ? MAP_SHARED : MAP_PRIVATE);
}

static void advise(struct tern_script *s, const struct area *a)
{
	static const struct {
		__u32 flag;
		int advice;
		unsigned int op_flags;
	} all[] = {
		{ TERN_VMA_DONTFORK, MADV_DONTFORK, 0 },
		{ TERN_VMA_WIPEONFORK, MADV_WIPEONFORK, 0 },
		{ TERN_VMA_DONTDUMP, MADV_DONTDUMP, 0 },
		{ TERN_VMA_SEQUENTIAL, MADV_SEQUENTIAL, 0 },
		{ TERN_VMA_RANDOM, MADV_RANDOM, 0 },
		/* a kernel may be built without these; they change no result */
		{ TERN_VMA_HUGEPAGE, MADV_HUGEPAGE, SHELL_MAY_FAIL },
		{ TERN_VMA_NOHUGEPAGE, MADV_NOHUGEPAGE, SHELL_MAY_FAIL },
		{ TERN_VMA_MERGEABLE, MADV_MERGEABLE, SHELL_MAY_FAIL },
	};
	unsigned int i;

	if (!(a->v->flags & ADVICE_FLAGS))
		return;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (a->v->flags & all[i].flag)
			SCRIPT(s, "no such advice can be given for", SYS_madvise, a->start,
			       a->end - a->start, all[i].advice)->flags = all[i].op_flags;
}

/**
 * struct mapper - state of making all mappings
 * @s: the writer
 * @dress: the rest
 * @open: path of the file that is open in the shell, NULL: none
 * @seeds: room at @dress->seeds
 * @barrier: something that cannot be registered stands behind the last seed
 * @last: end of the last seed
 */
struct mapper {
	struct tern_script *s;
	struct tern_dress *dress;
	const char *open;
	unsigned int seeds;
	bool barrier;
	__u64 last;
};

static void close_file(struct mapper *m)
{
	if (m->open)
		SCRIPT(m->s, NULL, SYS_close, SHELL_SLOT_FREE)->slots = 1 << 0;
	m->open = NULL;
}

static void open_file(struct mapper *m, const char *path)
{
	if (m->open && !strcmp(m->open, path))
		return;
	close_file(m);
	SCRIPT(m->s, "a mapped file could not be opened:", SYS_openat, AT_FDCWD,
	       tern_script_data(m->s, path, strlen(path) + 1),
	       O_RDONLY | O_CLOEXEC | O_NOCTTY)->out = SHELL_SLOT_FREE;
	m->open = path;
}

static int add_seed(struct mapper *m, const struct area *a)
{
	struct tern_seeds *seeds = &m->dress->seeds;
	struct tern_seed *seed;

	if (seeds->nr == m->seeds) {
		unsigned int more = m->seeds ? m->seeds * 2 : 256;

		seed = realloc(seeds->seed, more * sizeof(*seed));
		if (!seed)
			return -ENOMEM;
		seeds->seed = seed;
		m->seeds = more;
	}
	seed = &seeds->seed[seeds->nr++];
	*seed = (struct tern_seed){ .start = a->start, .end = a->end };
	if (a->v->flags & TERN_VMA_DONTFORK)
		seed->flags |= TERN_SEED_DONTFORK;
	if (a->v->flags & TERN_VMA_WIPEONFORK)
		seed->flags |= TERN_SEED_WIPEONFORK;
	if (!m->barrier && !(m->last <= m->s->base && m->s->base < a->start))
		seed->flags |= TERN_SEED_SPAN;
	m->barrier = false;
	m->last = a->end;
	return 0;
}

static int map_area(struct mapper *m, const struct area *a)
{
	struct shell_op *op;

	if (!a->v)
		return 0;
	if (a->path)
		open_file(m, a->path);
	op = SCRIPT(m->s, "no room for mapping", SYS_mmap, a->start, a->end - a->start,
		    a->v->prot, map_flags(a), a->path ? SHELL_SLOT_FREE : -1ULL,
		    a->path ? a->v->pgoff * PAGE : 0);
	if (a->path)
		op->slots = 1 << 4;
	advise(m->s, a);
	if (!a->path)
		return add_seed(m, a);
	m->barrier = true;
	return 0;
}

static bool in_the_way(const struct tern_script *s, const struct tern_obj_vma *v)
{
	return v->start < s->base + s->size + SHELL_SCRATCH && v->end > s->base;
}

static int map_all(struct mapper *m, struct tern_why *why)
{
	const struct tern_obj *obj = NULL;
	struct area area = { 0 };
	int err;

	while ((obj = tern_image_find(m->dress->image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);
		const char *path;

		if (in_the_way(m->s, v))
			return tern_why_set(why, -EAGAIN,
					    "the process has mapped %llx-%llx, which was free when the migration was prepared; try again",
					    (unsigned long long)v->start,
					    (unsigned long long)v->end);
		if (is_special(v)) {
			err = map_area(m, &area);
			if (err)
				return err;
			area.v = NULL;
			m->barrier = true;
			continue;
		}
		err = choose(m->dress, obj, &path, why);
		if (err)
			return err;
		if (area.v && joins(&area, v, path)) {
			area.end = v->end;
			continue;
		}
		err = map_area(m, &area);
		if (err)
			return err;
		area = (struct area){ v->start, v->end, v, path };
	}
	err = map_area(m, &area);
	close_file(m);
	return err;
}

/* ---- the fields of mm -------------------------------------------------------- */

/* Kernels differ in the room that they have; what counts ends with AT_NULL. */
static size_t auxv_size(const __u64 *auxv, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len / 8; i += 2)
		if (!auxv[i])
			return (i + 2) * 8;
	return len / 16 * 16;
}

/*
 * What /proc/PID/exe names, open in a slot; false: it is not the same here, or
 * not here, and no name is better than a wrong one.
 */
static bool open_exe(struct tern_script *s, const struct tern_dress *dress)
{
	const char *exe = (const char *)(dress->task + 1);
	const struct tern_known *known;

	known = tern_known_find(dress, exe);
	if (!known || !known->same)
		return false;
	SCRIPT(s, "the executable could not be opened:", SYS_openat, AT_FDCWD,
	       tern_script_data(s, exe, dress->task->exe), O_RDONLY | O_CLOEXEC)->out = SHELL_SLOT_FREE;
	return true;
}

static void set_mm(struct tern_script *s, const struct tern_dress *dress)
{
	const struct tern_obj_mm *mm = tern_obj_payload(dress->mm);
	struct prctl_mm_map map = {
		.start_code = mm->start_code, .end_code = mm->end_code,
		.start_data = mm->start_data, .end_data = mm->end_data,
		.start_brk = mm->start_brk, .brk = mm->brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start, .arg_end = mm->arg_end,
		.env_start = mm->env_start, .env_end = mm->env_end,
		.exe_fd = -1,
	};
	bool exe = open_exe(s, dress);
	const void *auxv;
	size_t len;
	__u64 at;

	auxv = tern_obj_tail(dress->mm, &len);
	len = auxv_size(auxv, len);
	map.auxv = len ? (__u64 *)tern_script_data(s, auxv, len) : NULL;
	map.auxv_size = len;
	at = tern_script_data(s, &map, sizeof(map));
	if (exe)
		SCRIPT(s, NULL, SHELL_OP_STORE, at + offsetof(struct prctl_mm_map, exe_fd),
		       SHELL_SLOT_FREE)->slots = 1 << 1;
	SCRIPT(s, "the fields of the address space could not be set (PR_SET_MM_MAP)", SYS_prctl,
	       PR_SET_MM, PR_SET_MM_MAP, at, sizeof(map));
	if (exe)
		SCRIPT(s, NULL, SYS_close, SHELL_SLOT_FREE)->slots = 1 << 0;
}

/**
 * tern_script_memory() - from the shell's address space to the migrant's
 * @s: the writer
 * @dress: seeds are filled in
 * @why: sentence
 */
int tern_script_memory(struct tern_script *s, struct tern_dress *dress, struct tern_why *why)
{
	struct mapper m = { .s = s, .dress = dress };
	int err;

	err = replace_own(s, dress, why);
	if (!err)
		err = map_all(&m, why);
	if (err)
		return err;
	set_mm(s, dress);
	return 0;
}

static void register_range(struct tern_script *s, __u64 start, __u64 end)
{
	struct uffdio_register reg = {
		.range = { .start = start, .len = end - start },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	SCRIPT(s, "memory could not be registered with userfaultfd", SYS_ioctl, SHELL_SLOT_UFFD,
	       UFFDIO_REGISTER, tern_script_data(s, &reg, sizeof(reg)))->slots = 1 << 0;
}

/**
 * tern_script_register() - register all private memory with userfaultfd
 * @s: the writer
 * @dress: after tern_script_memory()
 *
 * One call may span holes, but neither file and special mappings nor the area.
 */
void tern_script_register(struct tern_script *s, const struct tern_dress *dress)
{
	const struct tern_seed *seed = dress->seeds.seed;
	unsigned int i, first = 0;

	for (i = 1; i <= dress->seeds.nr; i++) {
		if (i < dress->seeds.nr && seed[i].flags & TERN_SEED_SPAN)
			continue;
		register_range(s, seed[first].start, seed[i - 1].end);
		first = i;
	}
}
