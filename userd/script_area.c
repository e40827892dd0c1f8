// SPDX-License-Identifier: GPL-2.0
/*
 * The mappings that an image asks for, as this host makes them: adjacent equal
 * ones are one; private memory is empty and its pages come from the source;
 * files that PREPARE found to be the same are this host's own. Pure logic: what
 * becomes of it is script_memory.c's.
 *
 * A FILE mapping is one whose pages the source will not send, because READY
 * said that the file is the same here. Where we do not remember the same, the
 * image is refused: a guess would be wrong data.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "script.h"

#define PAGE	4096ULL

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

static int file_changed(const char *path, struct tern_why *why)
{
	return tern_why_set(why, -EAGAIN,
			    "%s was replaced or mapped anew while the migration was prepared; try again",
			    path);
}

/* Of a file that another process of the tree has brought along. */
static int choose_taken(const struct tern_dress *dress, const struct tern_obj_vma *v,
			const char **path, struct tern_why *why)
{
	unsigned int i;

	for (i = 0; i < dress->nr_taken_files; i++) {
		const struct tern_taken *t = &dress->taken_file[i];

		*path = t->path;
		if (t->pid == (int)v->memory && t->fs == v->dev && t->ino == v->ino)
			return 0;
	}
	return tern_why_set(why, -EPROTO, "process %u does not have what is mapped at %llx",
			    v->memory, (unsigned long long)v->start);
}

/* Memory (NULL in @path), or this host's file, or one that has been made here? */
static int choose(const struct tern_dress *dress, const struct tern_obj *obj,
		  const char **path, struct tern_why *why)
{
	const struct tern_obj_vma *v = tern_obj_payload(obj);
	const struct tern_known *known;
	const char *name;
	size_t len;

	*path = v->kind == TERN_VMA_CARRIED ? dress->stash_path[v->memory - 1] : NULL;
	if (v->kind == TERN_VMA_TAKEN)
		return choose_taken(dress, v, path, why);
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

/* BACKED says something about the source's pages, not about the mapping. */
static bool alike(const struct tern_obj_vma *a, const struct tern_obj_vma *b)
{
	return a->prot == b->prot && a->pkey == b->pkey &&
	       !((a->flags ^ b->flags) & ~TERN_VMA_BACKED);
}

static bool same_path(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool joins(const struct tern_area *a, const struct tern_obj_vma *v, const char *path)
{
	if (a->end != v->start || !alike(a->v, v) || !same_path(a->path, path) ||
	    a->v->memory != v->memory)
		return false;
	/* a stack that may grow must stay the mapping that it is */
	if (v->flags & TERN_VMA_GROWSDOWN)
		return false;
	return (!path && !v->memory) || v->pgoff == a->v->pgoff + (a->end - a->v->start) / PAGE;
}

static bool same_memory(const struct tern_obj *a, const struct tern_obj *b)
{
	return a && b ? a->len == b->len && !memcmp(a, b, a->len) : a == b;
}

/** tern_area_same() - would one mapping do for both? */
bool tern_area_same(const struct tern_area *a, const struct tern_area *b)
{
	return a->start == b->start && a->end == b->end && alike(a->v, b->v) &&
	       same_path(a->path, b->path) && same_memory(a->memory, b->memory) &&
	       ((!a->path && !a->memory) || a->v->pgoff == b->v->pgoff) &&
	       /* to open it again is to learn from its server how long it is now */
	       (!(a->v->flags & TERN_VMA_MAYWRITE) || a->v->size == b->v->size);
}

static bool in_the_way(const struct tern_script *s, const struct tern_obj_vma *v)
{
	return v->start < s->base + s->size + SHELL_SCRATCH && v->end > s->base;
}

static struct tern_area *add_area(struct tern_areas *areas)
{
	struct tern_area *area = tern_grow(areas->area, areas->nr, &areas->room, sizeof(*area));

	if (!area)
		return NULL;
	areas->area = area;
	return &areas->area[areas->nr++];
}

/* MEMORY objects by id - 1, from malloc; NULL: no memory. */
static const struct tern_obj **find_memories(const struct tern_image *image)
{
	const struct tern_obj **memory, *obj = NULL;

	memory = calloc(tern_image_count(image, TERN_OBJ_MEMORY) + 1, sizeof(*memory));
	while (memory && (obj = tern_image_find(image, TERN_OBJ_MEMORY, obj)))
		memory[((const struct tern_obj_memory *)tern_obj_payload(obj))->id - 1] = obj;
	return memory;
}

static int find(const struct tern_script *s, struct tern_dress *dress,
		const struct tern_obj **memory, struct tern_why *why)
{
	struct tern_areas *areas = &dress->areas;
	const struct tern_obj *obj = NULL;
	struct tern_area *area = NULL;
	bool barrier = false;
	int err;

	areas->nr = 0;
	while ((obj = tern_image_find(dress->image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);
		const char *path;

		if (in_the_way(s, v))
			return tern_why_set(why, -EAGAIN,
					    "the process has mapped %llx-%llx, which was free when the migration was prepared; try again",
					    (unsigned long long)v->start,
					    (unsigned long long)v->end);
		if (tern_vma_is_special(v)) {
			area = NULL;
			barrier = true;
			continue;
		}
		err = choose(dress, obj, &path, why);
		if (err)
			return err;
		if (area && joins(area, v, path)) {
			area->end = v->end;
			continue;
		}
		area = add_area(areas);
		if (!area)
			return -ENOMEM;
		*area = (struct tern_area){
			.start = v->start, .end = v->end, .v = v, .path = path,
			.memory = v->kind == TERN_VMA_MEMORY ? memory[v->memory - 1] : NULL,
			.barrier = barrier,
		};
		barrier = false;
	}
	return 0;
}

/**
 * tern_areas_find() - all mappings of the image but the special ones
 * @s: the writer, whose area no mapping may overlap
 * @dress: its areas are filled in
 * @why: sentence
 */
int tern_areas_find(const struct tern_script *s, struct tern_dress *dress, struct tern_why *why)
{
	const struct tern_obj **memory = find_memories(dress->image);
	int err = memory ? find(s, dress, memory, why) : -ENOMEM;

	free(memory);
	return err;
}

/**
 * tern_seeds_find() - the areas whose pages come from the source
 * @s: the writer
 * @dress: after tern_areas_find(); its seeds are filled in
 */
int tern_seeds_find(const struct tern_script *s, struct tern_dress *dress)
{
	struct tern_seeds *seeds = &dress->seeds;
	bool barrier = true;
	__u64 last = 0;
	unsigned int i;

	free(seeds->seed);
	seeds->nr = 0;
	seeds->seed = malloc((dress->areas.nr + 1) * sizeof(*seeds->seed));
	if (!seeds->seed)
		return -ENOMEM;
	for (i = 0; i < dress->areas.nr; i++) {
		const struct tern_area *a = &dress->areas.area[i];
		struct tern_seed *seed = &seeds->seed[seeds->nr];

		barrier |= a->barrier || a->path;
		if (a->path)
			continue;
		*seed = (struct tern_seed){ .start = a->start, .end = a->end };
		if (a->v->flags & TERN_VMA_DONTFORK)
			seed->flags |= TERN_SEED_DONTFORK;
		if (a->v->flags & TERN_VMA_WIPEONFORK)
			seed->flags |= TERN_SEED_WIPEONFORK;
		if (a->memory)
			seed->flags |= TERN_SEED_SHARED;
		if (a->v->flags & TERN_VMA_HUGEPAGE)
			seed->flags |= TERN_SEED_HUGE;
		if (!barrier && !(last <= s->base && s->base < a->start))
			seed->flags |= TERN_SEED_SPAN;
		barrier = false;
		last = a->end;
		seeds->nr++;
	}
	return 0;
}
