// SPDX-License-Identifier: GPL-2.0
/*
 * The shell's own mappings go, but for the kernel's special ones: the vDSO and its
 * data. They are moved, through scratch room behind the area, to where the migrant
 * has its own; or they stay in that room, if the migrant was started with another
 * vDSO, which then stands where it was and leads to them (vdso.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "script.h"
#include "vdso.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define TOP	0x7ffffffff000ULL
#define PAGE	4096ULL

static int no_match(const struct tern_dress *dress, struct tern_why *why)
{
	return tern_why_set(why, -EOPNOTSUPP,
			    "the process does not have its vDSO as programs on %s have: has it unmapped or moved a part?",
			    dress->host);
}

/* ---- the same vDSO ---------------------------------------------------------------- */

/* The source's special mappings, each as large as ours of the same rank. */
static int match_special(const struct tern_dress *dress, struct tern_special *to,
			 unsigned int *nr, struct tern_why *why)
{
	const struct tern_obj *obj = NULL;
	unsigned int n = 0;

	while ((obj = tern_image_find(dress->image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);

		if (!tern_vma_is_special(v))
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

/* ---- another one ------------------------------------------------------------------ */

static void map(struct tern_script *s, __u64 start, __u64 len)
{
	SCRIPT(s, "no room for the original vDSO", SYS_mmap, start, len, PROT_READ | PROT_WRITE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1ULL, 0);
}

static void protect(struct tern_script *s, __u64 start, __u64 len, unsigned int prot)
{
	SCRIPT(s, "the original vDSO could not be protected", SYS_mprotect, start, len, prot);
}

/* Core dumps have the kernel's code, for debuggers, but not its data. */
static void protect_data(struct tern_script *s, __u64 start, __u64 len)
{
	protect(s, start, len, PROT_READ);
	SCRIPT(s, "the original vDSO's data could not be kept out of core dumps", SYS_madvise,
	       start, len, MADV_DONTDUMP);
}

/* Its data: zeros. */
static void map_data(struct tern_script *s, const struct tern_dress *dress)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(dress->image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);

		if (v->kind != TERN_VMA_VVAR)
			continue;
		map(s, v->start, v->end - v->start);
		protect_data(s, v->start, v->end - v->start);
	}
}

/* @at: of the first of our special mappings. */
static __u64 text_at(const struct tern_dress *dress, __u64 at)
{
	unsigned int i;

	for (i = 0; i < dress->nr_special; i++)
		if (dress->special[i].kind == TERN_VMA_VDSO)
			return at + dress->special[i].start - dress->special[0].start;
	return 0;
}

/*
 * The original code, which leads to ours at @own_at; and for the next hosts, as it
 * was, at @note_at.
 */
static int map_text(struct tern_script *s, const struct tern_dress *dress, __u64 own_at,
		    __u64 note_at, struct tern_why *why)
{
	const struct tern_obj_vdso *obj = tern_obj_payload(dress->vdso);
	struct tern_vdso_note note = { .magic = TERN_VDSO_NOTE, .data = obj->data,
				       .text = obj->text };
	struct tern_vdso own;
	const void *text;
	void *diverted;
	size_t size;
	__u64 at;
	int err;

	text = tern_obj_tail(dress->vdso, &size);
	note.size = size;
	err = tern_vdso_own(&own);
	if (err)
		return err;
	diverted = malloc(size);
	if (!diverted)
		return -ENOMEM;
	memcpy(diverted, text, size);
	err = tern_vdso_divert(diverted, size, &own, own_at, why);
	at = tern_script_data(s, diverted, size);
	free(diverted);
	if (err)
		return err;
	map(s, obj->text, size);
	SCRIPT(s, NULL, SHELL_OP_COPY, obj->text, at, size);
	protect(s, obj->text, size, PROT_READ | PROT_EXEC);
	map(s, note_at, PAGE + size);
	SCRIPT(s, NULL, SHELL_OP_COPY, note_at, tern_script_data(s, &note, sizeof(note)),
	       sizeof(note));
	SCRIPT(s, NULL, SHELL_OP_COPY, note_at + PAGE, tern_script_data(s, text, size), size);
	protect_data(s, note_at, PAGE + size);
	return 0;
}

/* ---- either ------------------------------------------------------------------------ */

static void clear_below(struct tern_script *s, __u64 start, __u64 end)
{
	if (start < end)
		SCRIPT(s, "the shell's own memory could not be unmapped", SYS_munmap, start,
		       end - start);
}

/**
 * tern_script_replace_own() - nothing of the shell's own memory stays but the area
 * @s: the writer
 * @dress: the shell's special mappings, and the image
 * @why: sentence
 *
 * With a foreign vDSO what is in the scratch room belongs to the migrant afterwards.
 */
int tern_script_replace_own(struct tern_script *s, const struct tern_dress *dress,
			    struct tern_why *why)
{
	const struct tern_special *own = dress->special;
	struct tern_special to[SCRIPT_SPECIAL_MAX];
	__u64 aside = s->base + s->size, end = aside;
	unsigned int i, nr = dress->nr_special;
	int err = 0;

	if (!dress->vdso)
		err = match_special(dress, to, &nr, why);
	if (err)
		return err;
	/* code finds its data by the distance */
	for (i = 0; i < nr; i++) {
		end = aside + own[i].end - own[0].start;
		if (end > aside + SHELL_SCRATCH / 2)
			return tern_why_set(why, -EOPNOTSUPP,
					    "the vDSO of %s and its data are too large", dress->host);
		move(s, own[i].start, aside + own[i].start - own[0].start,
		     own[i].end - own[i].start);
	}
	clear_below(s, 0, s->base);
	clear_below(s, end, TOP);
	if (dress->vdso) {
		map_data(s, dress);
		return map_text(s, dress, text_at(dress, aside), end, why);
	}
	for (i = 0; i < nr; i++)
		move(s, aside + own[i].start - own[0].start, to[i].start,
		     to[i].end - to[i].start);
	return 0;
}
