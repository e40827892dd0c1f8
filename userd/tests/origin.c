// SPDX-License-Identifier: GPL-2.0
/*
 * Images of a process that comes to a host with another vDSO: this test's own, and
 * one that was started with a third. The notes are in this process's memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev.h"
#include "origin.h"
#include "test.h"
#include "vdso.h"

#define PAGE	4096ULL
#define TEXT	0x7ffff7fc0000ULL	/* where the original code was */
#define DATA	(TEXT - 4 * PAGE)
#define SIZE	(2 * PAGE)
#define FAR	0x7ff000000000ULL	/* a place for mappings that nobody looks into */
#define OTHER	1ULL			/* hash of nothing that is here */

static struct tern_image image;
static struct tern_vdso own;
static char *note;	/* a page, then the original code; before it a copy of ours */

static void add_vma(__u64 start, __u64 end, unsigned int prot, unsigned int kind)
{
	struct tern_obj_vma v = { .start = start, .end = end, .prot = prot, .kind = kind };

	if (kind == TERN_VMA_ANON)
		v.flags = TERN_VMA_LOCKED;
	tern_image_add(&image, TERN_OBJ_VMA, &v, sizeof(v), NULL, 0);
}

static void begin(void)
{
	struct tern_obj_mm mm = { .vdso = 0x1000 };

	image.len = 0;
	tern_image_add(&image, TERN_OBJ_MM, &mm, sizeof(mm), NULL, 0);
	add_vma(0x10000, 0x20000, PROT_READ | PROT_WRITE, TERN_VMA_ANON);
}

static void end(void)
{
	struct tern_obj_end e = { 0 };
	const struct tern_obj *obj = NULL;

	add_vma(0x7ffffff00000ULL, 0x7ffffff20000ULL, PROT_READ | PROT_WRITE, TERN_VMA_ANON);
	while ((obj = tern_image_next(&image, obj)))
		e.objects++;
	e.objects++;
	tern_image_add(&image, TERN_OBJ_END, &e, sizeof(e), NULL, 0);
}

/* What stands in for the original, and this kernel's somewhere below, with the note behind. */
static void foreign(void)
{
	__u64 at = (unsigned long)note;

	begin();
	add_vma(at - own.size - 4 * PAGE, at - own.size, PROT_READ, TERN_VMA_VVAR);
	add_vma(at - own.size, at, PROT_READ | PROT_EXEC, TERN_VMA_VDSO);
	add_vma(at, at + PAGE + SIZE, PROT_READ, TERN_VMA_ANON);
	add_vma(DATA, TEXT, PROT_READ, TERN_VMA_ANON);
	add_vma(TEXT, TEXT + SIZE, PROT_READ | PROT_EXEC, TERN_VMA_ANON);
	end();
}

static void write_note(void)
{
	*(struct tern_vdso_note *)note = (struct tern_vdso_note){
		.magic = TERN_VDSO_NOTE, .data = DATA, .text = TEXT, .size = SIZE,
	};
}

static int apply(__u64 peer)
{
	struct tern_why why = { "" };

	return tern_origin_apply(&image, getpid(), &own, peer, &why);
}

static const struct tern_obj *vdso(void)
{
	return tern_image_find(&image, TERN_OBJ_VDSO, NULL);
}

static unsigned int count(unsigned int kind)
{
	const struct tern_obj *obj = NULL;
	unsigned int n = 0;

	while ((obj = tern_image_find(&image, TERN_OBJ_VMA, obj)))
		n += ((const struct tern_obj_vma *)tern_obj_payload(obj))->kind == kind;
	return n;
}

/* END says how many there are, and is the last. */
static int whole(void)
{
	const struct tern_obj *obj = NULL, *last = NULL;
	unsigned int n = 0;

	for (; (obj = tern_image_next(&image, obj)); last = obj)
		n++;
	return last->type == TERN_OBJ_END &&
	       ((const struct tern_obj_end *)tern_obj_payload(last))->objects == n;
}

static void started_here(void)
{
	__u64 text = (unsigned long)own.text;
	const struct tern_obj_vdso *v;
	size_t len;

	begin();
	add_vma(text - 4 * PAGE, text, PROT_READ, TERN_VMA_VVAR);
	add_vma(text, text + own.size, PROT_READ | PROT_EXEC, TERN_VMA_VDSO);
	end();
	CHECK(!apply(OTHER) && vdso() && whole());
	v = tern_obj_payload(vdso());
	CHECK(v->data == text - 4 * PAGE && v->text == text);
	CHECK(!memcmp(tern_obj_tail(vdso(), &len), own.text, own.size) && len == own.size);
	CHECK(count(TERN_VMA_VVAR) == 1 && count(TERN_VMA_VDSO) == 1);
	/* without a vDSO there is nothing to care for */
	begin();
	end();
	CHECK(!apply(OTHER) && !vdso() && whole());
}

/* Special mappings at @data and @text, of which the code is @size bytes long. */
static int apart(__u64 data, __u64 text, size_t size)
{
	begin();
	add_vma(data, data + 4 * PAGE, PROT_READ, TERN_VMA_VVAR);
	if (size)
		add_vma(text, text + size, PROT_READ | PROT_EXEC, TERN_VMA_VDSO);
	end();
	return apply(OTHER);
}

/* A program may also do to its vDSO what it likes. */
static void taken_apart(void)
{
	__u64 text = (unsigned long)own.text, copy = (unsigned long)note;

	CHECK(apart(text - 5 * PAGE, text, own.size) == -EOPNOTSUPP);
	CHECK(apart(text - 4 * PAGE, text, own.size + PAGE) == -EOPNOTSUPP);
	CHECK(apart(text - 4 * PAGE, text, 0) == -EOPNOTSUPP);
	/* not what is in ours */
	CHECK(apart(copy - 4 * PAGE, copy, own.size) == -EOPNOTSUPP);
	/* in two */
	begin();
	add_vma(text - 4 * PAGE, text, PROT_READ, TERN_VMA_VVAR);
	add_vma(text, text + PAGE, PROT_READ | PROT_EXEC, TERN_VMA_VDSO);
	add_vma(text + PAGE, text + own.size, PROT_READ, TERN_VMA_VDSO);
	end();
	CHECK(apply(OTHER) == -EOPNOTSUPP);
	/* gone, as soon as it is looked at */
	CHECK(apart(FAR - 4 * PAGE, FAR, own.size) == -EAGAIN);
}

static void started_elsewhere(void)
{
	struct tern_vdso original = { note + PAGE, SIZE };
	const struct tern_obj *obj = NULL;
	const struct tern_obj_mm *mm;
	size_t len;

	foreign();
	CHECK(!apply(OTHER) && vdso() && whole());
	CHECK(!memcmp(tern_obj_tail(vdso(), &len), original.text, SIZE) && len == SIZE);
	CHECK(count(TERN_VMA_VVAR) == 1 && count(TERN_VMA_VDSO) == 1 && count(TERN_VMA_ANON) == 2);
	while ((obj = tern_image_find(&image, TERN_OBJ_VMA, obj))) {
		const struct tern_obj_vma *v = tern_obj_payload(obj);

		CHECK(v->kind == TERN_VMA_ANON ||
		      (!v->flags && v->start == (v->kind == TERN_VMA_VDSO ? TEXT : DATA)));
	}
	mm = tern_obj_payload(tern_image_find(&image, TERN_OBJ_MM, NULL));
	CHECK(mm->vdso == TEXT);
	/* home */
	foreign();
	CHECK(!apply(tern_vdso_hash(&original)) && !vdso() && whole());
	CHECK(count(TERN_VMA_VVAR) == 1 && count(TERN_VMA_VDSO) == 1 && count(TERN_VMA_ANON) == 2);
}

/* The stand-in stays memory like any other, and leads to a vDSO that is moved on. */
static void foreign_changed(__u64 *field, __u64 value)
{
	__u64 old = *field;

	*field = value;
	foreign();
	CHECK(!apply(OTHER) && vdso() && whole() && count(TERN_VMA_ANON) == 5);
	*field = old;
}

/* It is not about what is mapped: it is as if there were none. */
static void is_no_note(void)
{
	begin();
	add_vma((unsigned long)own.text - 4 * PAGE, (unsigned long)own.text, PROT_READ,
		TERN_VMA_VVAR);
	add_vma((unsigned long)own.text, (unsigned long)own.text + own.size, PROT_READ | PROT_EXEC,
		TERN_VMA_VDSO);
	add_vma((unsigned long)note, (unsigned long)note + PAGE + SIZE, PROT_READ, TERN_VMA_ANON);
	end();
	CHECK(!apply(OTHER) && vdso() && whole() && count(TERN_VMA_ANON) == 3);
}

/* A program may do to its memory what it likes; then this kernel's vDSO is what counts. */
static void changed(void)
{
	struct tern_vdso_note *n = (void *)note;

	is_no_note();
	foreign_changed(&n->size, SIZE / 2);
	foreign_changed(&n->size, ~0ULL - PAGE + 1);
	foreign_changed(&n->text, TEXT + PAGE);
	foreign_changed(&n->data, DATA + PAGE);
	foreign_changed(&n->magic, 0);
}

int main(void)
{
	CHECK(!tern_vdso_own(&own));
	note = mmap(NULL, own.size + PAGE + SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(note != MAP_FAILED);
	memcpy(note, own.text, own.size);
	note += own.size;
	memset(note + PAGE, 0x5a, SIZE);
	write_note();
	started_here();
	taken_apart();
	started_elsewhere();
	changed();
	tern_image_free(&image);
	return done();
}
