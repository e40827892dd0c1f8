// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings: the migrant's come, where the shell's own were. Private memory is mapped
 * empty, to be registered with userfaultfd before anything can touch it; files
 * that PREPARE found to be the same are mapped from this host. A shell that is
 * dressed is altered where the next image differs, and nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "script.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define PAGE		4096ULL
#define ADVICE_FLAGS	(TERN_VMA_DONTFORK | TERN_VMA_WIPEONFORK | TERN_VMA_DONTDUMP | \
			 TERN_VMA_HUGEPAGE | TERN_VMA_NOHUGEPAGE | TERN_VMA_MERGEABLE | \
			 TERN_VMA_SEQUENTIAL | TERN_VMA_RANDOM)

/* ---- mappings -------------------------------------------------------------- */

/* One mapping of all of it: made and mapped by one call, it also looks the same. */
static bool is_whole_anon(const struct tern_area *a)
{
	const struct tern_obj_memory *m = tern_obj_payload(a->memory);

	return m->kind == TERN_MEMORY_ANON && !a->v->pgoff && m->size == a->end - a->start;
}

static unsigned int map_flags(const struct tern_area *a)
{
	unsigned int flags = MAP_FIXED_NOREPLACE;

	if (a->v->flags & TERN_VMA_NORESERVE)
		flags |= MAP_NORESERVE;
	if (a->memory)
		return flags | MAP_SHARED | (is_whole_anon(a) ? MAP_ANONYMOUS : 0);
	if (!a->path) {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
		if (a->v->flags & TERN_VMA_GROWSDOWN)
			flags |= MAP_GROWSDOWN | MAP_STACK;
		return flags;
	}
	return flags | (a->v->flags & TERN_VMA_SHARED ? MAP_SHARED : MAP_PRIVATE);
}

static void advise(struct tern_script *s, const struct tern_area *a)
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

/*
 * Locked page by page, whatever it was before: to bring all pages in now would
 * fill memory with zeros that is to come from the source. When the flush is over
 * they are all there, and locked.
 */
static void lock(struct tern_script *s, const struct tern_area *a)
{
	if (a->v->flags & TERN_VMA_LOCKED)
		SCRIPT(s, "memory could not be locked", SYS_mlock2, a->start, a->end - a->start,
		       MLOCK_ONFAULT);
}

static void protect(struct tern_script *s, const struct tern_area *a)
{
	if (a->v->pkey)
		SCRIPT(s, "memory could not be given its protection key", SYS_pkey_mprotect,
		       a->start, a->end - a->start, a->v->prot, a->v->pkey);
}

/**
 * struct mapper - state of making mappings
 * @s: the writer
 * @open: path of the file that is open in the shell, NULL: none
 * @flags: with which it was opened
 */
struct mapper {
	struct tern_script *s;
	const char *open;
	int flags;
};

/* Then it has an open file of its own: the lock ends with the mapping. */
static bool is_locked(const struct tern_area *a)
{
	return a->v->flags & (TERN_VMA_FLOCK_SH | TERN_VMA_FLOCK_EX);
}

static void close_file(struct mapper *m)
{
	if (m->open)
		SCRIPT(m->s, NULL, SYS_close, SHELL_SLOT_FREE)->slots = 1 << 0;
	m->open = NULL;
}

static void open_file(struct mapper *m, const struct tern_area *a)
{
	const char *path = a->path;
	struct shell_op *op;
	int flags = a->v->flags & TERN_VMA_MAYWRITE ? O_RDWR : O_RDONLY;

	if (m->open && !strcmp(m->open, path) && m->flags == flags && !is_locked(a))
		return;
	close_file(m);
	op = SCRIPT(m->s, "a mapped file could not be opened:", SYS_openat, SHELL_SLOT_FDS,
		    tern_script_data(m->s, path, strlen(path) + 1),
		    flags | O_CLOEXEC | O_NOCTTY);
	op->slots = 1 << 0;
	op->out = SHELL_SLOT_FREE;
	m->open = path;
	m->flags = flags;
}

/* With no more rights than the process has asked for; it may have given some up since. */
static void attach_segment(struct tern_script *s, const struct tern_area *a)
{
	int flags = (a->v->flags & TERN_VMA_MAYWRITE ? 0 : SHM_RDONLY) |
		    (a->v->prot & PROT_EXEC ? SHM_EXEC : 0);
	__u32 prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
		     (flags & SHM_EXEC ? PROT_EXEC : 0);

	SCRIPT(s, "a System V segment could not be attached", SYS_shmat, a->v->ino, a->start,
	       flags);
	if (a->v->prot != prot)
		SCRIPT(s, "a System V segment could not be protected", SYS_mprotect, a->start,
		       a->end - a->start, a->v->prot);
}

static void map_file(struct mapper *m, const struct tern_area *a)
{
	bool by_fd = a->path || (a->memory && !is_whole_anon(a));
	struct shell_op *op;

	if (a->path)
		open_file(m, a);
	if (is_locked(a))
		SCRIPT(m->s, "a file that the process has mapped could not be locked", SYS_flock,
		       SHELL_SLOT_FREE, LOCK_NB | (a->v->flags & TERN_VMA_FLOCK_EX ? LOCK_EX :
						   LOCK_SH))->slots = 1 << 0;
	op = SCRIPT(m->s, "no room for mapping", SYS_mmap, a->start, a->end - a->start,
		    a->v->prot, map_flags(a), by_fd ? SHELL_SLOT_FREE : -1ULL,
		    by_fd ? a->v->pgoff * PAGE : 0);
	if (by_fd)
		op->slots = 1 << 4;
	if (is_locked(a))
		close_file(m);
}

static void map_area(struct mapper *m, const struct tern_area *a)
{
	if (a->v->flags & TERN_VMA_SYSV)
		attach_segment(m->s, a);
	else
		map_file(m, a);
	advise(m->s, a);
	lock(m->s, a);
	protect(m->s, a);
}

/* ---- shared memory ---------------------------------------------------------------- */

static int compare_memory(const void *a, const void *b)
{
	const struct tern_area *x = *(const struct tern_area *const *)a;
	const struct tern_area *y = *(const struct tern_area *const *)b;

	if (x->v->memory != y->v->memory)
		return x->v->memory < y->v->memory ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

/* @nr mappings of one memory, which is theirs alone when its descriptor is closed. */
static void map_memory(struct mapper *m, const struct tern_area *const *area, unsigned int nr)
{
	const struct tern_obj_memory *memory = tern_obj_payload(area[0]->memory);
	bool by_fd = !is_whole_anon(area[0]);
	unsigned int i;
	size_t len;
	const char *name = tern_obj_tail(area[0]->memory, &len);

	if (by_fd) {
		SCRIPT(m->s, "no shared memory could be made", SYS_memfd_create,
		       tern_script_data(m->s, name, len), MFD_CLOEXEC)->out = SHELL_SLOT_FREE;
		SCRIPT(m->s, "shared memory could not be made as large as it was",
		       SYS_ftruncate, SHELL_SLOT_FREE, memory->size)->slots = 1 << 0;
	}
	for (i = 0; i < nr; i++)
		map_area(m, area[i]);
	if (by_fd)
		SCRIPT(m->s, NULL, SYS_close, SHELL_SLOT_FREE)->slots = 1 << 0;
}

/* All shared memory, each mapped wherever it belongs. */
static int map_memories(struct mapper *m, const struct tern_areas *areas)
{
	const struct tern_area **shared;
	unsigned int i, j, nr = 0;

	shared = malloc((areas->nr + 1) * sizeof(*shared));
	if (!shared)
		return -ENOMEM;
	for (i = 0; i < areas->nr; i++)
		if (areas->area[i].memory)
			shared[nr++] = &areas->area[i];
	qsort(shared, nr, sizeof(*shared), compare_memory);
	for (i = 0; i < nr; i = j) {
		for (j = i; j < nr && shared[j]->memory == shared[i]->memory; j++)
			;
		map_memory(m, shared + i, j - i);
	}
	free(shared);
	return 0;
}

/* ---- protection keys ----------------------------------------------------------- */

static void free_pkeys(struct tern_script *s, __u32 keys)
{
	unsigned int key;

	for (key = 1; key < TERN_PKEYS; key++)
		if (keys >> key & 1)
			SCRIPT(s, "a protection key could not be freed", SYS_pkey_free, key);
}

/* The kernel gives out the lowest one that is free, so all below it are taken first. */
static void set_pkeys(struct tern_script *s, __u32 old, __u32 new)
{
	unsigned int key;

	if (old == new)
		return;
	free_pkeys(s, old);
	for (key = 1; new >> key; key++) {
		struct shell_op *op = SCRIPT(s, "no protection keys (pkeys(7)), which the process uses,",
					     SYS_pkey_alloc, 0, 0, 0, 0, 0, key);

		op->flags = SHELL_EXPECT;
	}
	free_pkeys(s, ~new & ((1U << key) - 1));
}

static __u32 pkeys_of(const struct tern_dress *dress)
{
	return ((const struct tern_obj_mm *)tern_obj_payload(dress->mm))->pkeys;
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

/*
 * Who looks at arguments or environment of memory that is not registered yet (ps(1)) would bring
 * in pages of zeros, which nothing that arrives could replace. So there are none (@shown) then.
 */
static void set_mm(struct tern_script *s, const struct tern_dress *dress, bool with_exe,
		   bool shown)
{
	const struct tern_obj_mm *mm = tern_obj_payload(dress->mm);
	struct prctl_mm_map map = {
		.start_code = mm->start_code, .end_code = mm->end_code,
		.start_data = mm->start_data, .end_data = mm->end_data,
		.start_brk = mm->start_brk, .brk = mm->brk,
		.start_stack = mm->start_stack,
		.arg_start = mm->arg_start, .arg_end = shown ? mm->arg_end : mm->arg_start,
		.env_start = mm->env_start, .env_end = shown ? mm->env_end : mm->env_start,
		.exe_fd = -1,
	};
	bool exe = with_exe && open_exe(s, dress);
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

static void register_range(struct tern_script *s, __u64 start, __u64 end)
{
	struct uffdio_register reg = {
		.range = { .start = start, .len = end - start },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	SCRIPT(s, "memory could not be registered with userfaultfd", SYS_ioctl, SHELL_SLOT_UFFD,
	       UFFDIO_REGISTER, tern_script_data(s, &reg, sizeof(reg)))->slots = 1 << 0;
}

/* One call may span holes, but neither file and special mappings nor the area. */
static void register_all(struct tern_script *s, const struct tern_dress *dress)
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

/**
 * tern_script_memory() - from the shell's address space to the migrant's
 * @s: the writer
 * @dress: seeds are filled in
 * @why: sentence
 */
int tern_script_memory(struct tern_script *s, struct tern_dress *dress, struct tern_why *why)
{
	struct mapper m = { .s = s };
	unsigned int i;
	int err;

	err = tern_script_replace_own(s, dress, why);
	if (!err)
		err = tern_areas_find(s, dress, why);
	if (!err)
		err = tern_seeds_find(s, dress);
	if (err)
		return err;
	set_pkeys(s, 0, pkeys_of(dress));
	for (i = 0; i < dress->areas.nr; i++)
		if (!dress->areas.area[i].memory)
			map_area(&m, &dress->areas.area[i]);
	close_file(&m);
	err = map_memories(&m, &dress->areas);
	register_all(s, dress);
	set_mm(s, dress, true, true);
	return err;
}

/**
 * tern_script_memory_end() - what would hinder those that map, so at the very end
 * @s: the writer
 * @dress: the rest
 */
void tern_script_memory_end(struct tern_script *s, const struct tern_dress *dress)
{
	const struct tern_obj_mm *mm = tern_obj_payload(dress->mm);
	unsigned int flags = MCL_FUTURE;

	if (mm->flags & TERN_MM_LOCK_ONFAULT)
		flags |= MCL_ONFAULT;
	if (mm->flags & TERN_MM_LOCK)
		SCRIPT(s, "memory to come could not be locked (mlockall)", SYS_mlockall, flags);
}

/* ---- from one image to the next -------------------------------------------------- */

/* Nobody has touched it, and without its registration it goes without an event. */
static void unmap_area(struct tern_script *s, const struct tern_area *a)
{
	struct uffdio_range range = { .start = a->start, .len = a->end - a->start };

	if (!a->path)
		SCRIPT(s, "memory could not be unregistered from userfaultfd", SYS_ioctl,
		       SHELL_SLOT_UFFD, UFFDIO_UNREGISTER,
		       tern_script_data(s, &range, sizeof(range)))->slots = 1 << 0;
	SCRIPT(s, "a mapping could not be removed", SYS_munmap, a->start, a->end - a->start);
}

static const struct tern_area *next_shared(const struct tern_areas *areas, unsigned int *i)
{
	while (*i < areas->nr && !areas->area[*i].memory)
		(*i)++;
	return *i < areas->nr ? &areas->area[(*i)++] : NULL;
}

/* What has one mapping added or changed is made anew: nothing else knows it. */
static bool same_shared(const struct tern_areas *old, const struct tern_areas *new)
{
	const struct tern_area *o, *n;
	unsigned int i = 0, j = 0;

	do {
		o = next_shared(old, &i);
		n = next_shared(new, &j);
		if (!o != !n || (o && !tern_area_same(o, n)))
			return false;
	} while (o);
	return true;
}

static void register_shared(struct tern_script *s, const struct tern_areas *areas)
{
	unsigned int i;

	for (i = 0; i < areas->nr; i++)
		if (areas->area[i].memory)
			register_range(s, areas->area[i].start, areas->area[i].end);
}

/* Both are ascending: what stands in one alone goes, or comes. */
static int alter_areas(struct tern_script *s, const struct tern_areas *old,
		       const struct tern_areas *new)
{
	bool shared = same_shared(old, new);
	unsigned int i = 0, j = 0, pass;
	struct mapper m = { .s = s };
	int err = 0;

	/* all that goes first: it may be in the way of what comes */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0, j = 0; i < old->nr || j < new->nr;) {
			const struct tern_area *o = i < old->nr ? &old->area[i] : NULL;
			const struct tern_area *n = j < new->nr ? &new->area[j] : NULL;

			if (o && n && tern_area_same(o, n) && (shared || !o->memory)) {
				i++;
				j++;
			} else if (o && (!n || o->start <= n->start)) {
				if (!pass)
					unmap_area(s, o);
				i++;
			} else {
				if (pass && !n->memory) {
					map_area(&m, n);
					if (!n->path)
						register_range(s, n->start, n->end);
				}
				j++;
			}
		}
	}
	close_file(&m);
	if (!shared) {
		err = map_memories(&m, new);
		register_shared(s, new);
	}
	return err;
}

static bool same_areas(const struct tern_areas *a, const struct tern_areas *b)
{
	unsigned int i;

	if (a->nr != b->nr)
		return false;
	for (i = 0; i < a->nr; i++)
		if (!tern_area_same(&a->area[i], &b->area[i]))
			return false;
	return true;
}

/**
 * tern_script_alter_memory() - from one image's address space to another's
 * @s: the writer
 * @worn: how the shell looks, registration included
 * @dress: how it is to look; areas and seeds are filled in
 * @why: sentence
 *
 * Return: 1 when mappings change, 0 when they do not, or negative errno.
 */
int tern_script_alter_memory(struct tern_script *s, const struct tern_dress *worn,
			     struct tern_dress *dress, struct tern_why *why)
{
	/* a file that moves may be another one now, and one of another process, too */
	bool same = !(dress->types & (TERN_TYPE(VMA) | TERN_TYPE(CARRIED))) &&
		    worn->taken == dress->taken;
	int err;

	set_pkeys(s, pkeys_of(worn), pkeys_of(dress));
	if (!same) {
		err = tern_areas_find(s, dress, why);
		if (err)
			return err;
		same = same_areas(&worn->areas, &dress->areas);
	}
	if (!same) {
		err = tern_seeds_find(s, dress);
		if (err)
			return err;
		set_mm(s, dress, false, false);
		err = alter_areas(s, &worn->areas, &dress->areas);
		if (err)
			return err;
	}
	if (!same || worn->mm->len != dress->mm->len || memcmp(worn->mm, dress->mm, dress->mm->len))
		set_mm(s, dress, false, true);
	return !same;
}
