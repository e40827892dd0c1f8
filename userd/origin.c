// SPDX-License-Identifier: GPL-2.0
/*
 * A migrant keeps the addresses of the vDSO that it was started with. If the
 * destination's kernel has another one, the image says where the original was and
 * what was in it; what earlier moves put around it is left out. So an image never
 * shows how many kernels a migrant has seen, and on a host with the original
 * kernel it is again as if it had never left.
 *
 * What stands in for the original is ordinary memory of the migrant, made by
 * script_vdso.c: nothing that it says is believed. Owns nothing, no locks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "dev.h"
#include "origin.h"

#define PAGE	4096ULL

/**
 * struct origin - what is known of the original
 * @data: where its data begins
 * @text: where its code is
 * @code: the code
 * @stands_in: mapping at @text, if the code is another kernel's; NULL: it is ours
 * @zeros: likewise, at @data; NULL: there were no data
 * @copy: from malloc: @code, read from the migrant
 */
struct origin {
	__u64 data;
	__u64 text;
	struct tern_vdso code;
	struct tern_obj_vma *stands_in;
	struct tern_obj_vma *zeros;
	void *copy;
};

static struct tern_obj_vma *next_vma(const struct tern_image *image, const struct tern_obj **obj)
{
	*obj = tern_image_find(image, TERN_OBJ_VMA, *obj);
	return *obj ? (struct tern_obj_vma *)tern_obj_payload(*obj) : NULL;
}

/**
 * struct own - the special mappings of this kernel: neighbours, the code last
 * @first: object
 * @start: of the first
 * @behind: object of the mapping right behind them; NULL: none
 * @vdso: the code; NULL: there are none
 */
struct own {
	const struct tern_obj *first;
	__u64 start;
	const struct tern_obj *behind;
	const struct tern_obj_vma *vdso;
};

/* -EBADMSG: the process has taken them apart. */
static int find_own(const struct tern_image *image, struct own *own)
{
	const struct tern_obj *obj = NULL;
	const struct tern_obj_vma *v;
	__u64 end = 0;

	memset(own, 0, sizeof(*own));
	while ((v = next_vma(image, &obj))) {
		if (!tern_vma_is_special(v)) {
			if (own->vdso && v->start == own->vdso->end)
				own->behind = obj;
			continue;
		}
		if (own->vdso || (own->first && v->start != end))
			return -EBADMSG;
		if (!own->first) {
			own->first = obj;
			own->start = v->start;
		}
		if (v->kind == TERN_VMA_VDSO)
			own->vdso = v;
		end = v->end;
	}
	return own->first && !own->vdso ? -EBADMSG : 0;
}

/* -EAGAIN: a process that runs has unmapped it meanwhile. */
static int read_memory(int pid, __u64 at, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)at, len };
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return n < 0 && errno != EFAULT ? -errno : (size_t)n == len ? 0 : -EAGAIN;
}

static int read_code(int pid, __u64 at, size_t size, struct origin *o)
{
	o->copy = malloc(size);
	if (!o->copy)
		return -ENOMEM;
	o->code = (struct tern_vdso){ o->copy, size };
	return read_memory(pid, at, o->copy, size);
}

static struct tern_obj_vma *find_vma(const struct tern_image *image, __u64 start, __u64 end)
{
	const struct tern_obj *obj = NULL;
	struct tern_obj_vma *v;

	while ((v = next_vma(image, &obj)))
		if (v->start == start && v->end == end)
			return v->kind == TERN_VMA_ANON ? v : NULL;
	return NULL;
}

/*
 * Is there a note behind our vDSO? Then it was not the first. A note that is not, or
 * not any more, of what is mapped is like none: what it was about stays memory like
 * any other, and leads to a vDSO that is moved on like an original.
 */
static int read_note(const struct tern_image *image, const struct own *own, int pid,
		     struct origin *o)
{
	const struct tern_obj_vma *v = own->behind ? tern_obj_payload(own->behind) : NULL;
	struct tern_vdso_note note;
	int rc;

	if (!v || v->kind != TERN_VMA_ANON || v->prot != PROT_READ)
		return 0;
	rc = read_memory(pid, v->start, &note, sizeof(note));
	if (rc || note.magic != TERN_VDSO_NOTE)
		return rc;
	if (!note.size || note.size % PAGE || note.size > TERN_VDSO_MAX ||
	    v->end - v->start != PAGE + note.size)
		return 0;
	o->zeros = find_vma(image, note.data, note.text);
	if (!o->zeros && note.data != note.text)
		return 0;
	o->stands_in = find_vma(image, note.text, note.text + note.size);
	if (!o->stands_in)
		return 0;
	o->data = note.data;
	o->text = note.text;
	return read_code(pid, v->start + PAGE, note.size, o);
}

/* This kernel's; -EBADMSG: the process has changed it. */
static int take_own(const struct own *own, int pid, const struct tern_vdso *ours,
		    struct origin *o)
{
	int rc;

	if (own->vdso->end - own->vdso->start != ours->size)
		return -EBADMSG;
	o->text = own->vdso->start;
	o->data = own->start;
	rc = read_code(pid, o->text, ours->size, o);
	return rc ? rc : memcmp(o->copy, ours->text, ours->size) ? -EBADMSG : 0;
}

/* ---- as if there had been no other ------------------------------------------------- */

/* As our own kernel's CAPTURE would have it. */
static void make_special(struct tern_obj_vma *v, unsigned int kind, unsigned int prot)
{
	v->kind = kind;
	v->prot = prot;
	v->flags = 0;
	v->pkey = 0;
}

/* Our special mappings, and the note: objects @from up to the one before @to. */
static void cut(struct tern_image *image, const struct tern_obj *from, const struct tern_obj *to)
{
	const struct tern_obj *obj = from, *end;
	size_t len = (const char *)to - (const char *)from;
	unsigned int nr = 0;

	for (; obj != to; obj = tern_image_next(image, obj))
		nr++;
	end = tern_image_find(image, TERN_OBJ_END, NULL);
	((struct tern_obj_end *)tern_obj_payload(end))->objects -= nr;
	memmove((void *)from, to, (const char *)image->data + image->len - (const char *)to);
	image->len -= len;
}

static void normalize(struct tern_image *image, const struct own *own, const struct origin *o)
{
	const struct tern_obj *mm = tern_image_find(image, TERN_OBJ_MM, NULL);

	make_special(o->stands_in, TERN_VMA_VDSO, PROT_READ | PROT_EXEC);
	if (o->zeros)
		make_special(o->zeros, TERN_VMA_VVAR, PROT_READ);
	((struct tern_obj_mm *)tern_obj_payload(mm))->vdso = o->text;
	cut(image, own->first, tern_image_next(image, own->behind));
}

static int apply(struct tern_image *image, int pid, const struct tern_vdso *ours, __u64 peer,
		 const struct own *own, struct origin *o)
{
	struct tern_obj_vdso obj;
	int rc;

	rc = read_note(image, own, pid, o);
	if (!rc && !o->stands_in)
		rc = take_own(own, pid, ours, o);
	if (rc)
		return rc;
	if (o->stands_in)
		normalize(image, own, o);
	if (tern_vdso_hash(&o->code) == peer)
		return 0;
	obj = (struct tern_obj_vdso){ .data = o->data, .text = o->text };
	return tern_image_add(image, TERN_OBJ_VDSO, &obj, sizeof(obj), o->code.text, o->code.size);
}

/**
 * tern_origin_apply() - let an image speak of the original vDSO alone
 * @image: the capture, our own kernel's; of a migrant that stands it is known that nobody
 *	stands in our vDSO or comes back to it
 * @pid: the migrant
 * @ours: this kernel's
 * @peer: tern_vdso_hash() of the destination's, which is not ours
 * @why: sentence
 */
int tern_origin_apply(struct tern_image *image, int pid, const struct tern_vdso *ours,
		      __u64 peer, struct tern_why *why)
{
	struct origin o = { 0 };
	struct own own;
	int rc;

	rc = find_own(image, &own);
	if (!rc && own.vdso)
		rc = apply(image, pid, ours, peer, &own, &o);
	free(o.copy);
	if (rc == -EBADMSG)
		return tern_why_set(why, -EOPNOTSUPP,
				    "the process has changed its vDSO or moved it apart: only a host with this kernel will do");
	return rc ? tern_why_set(why, rc, "the vDSO of the process cannot be read: %s",
				 strerror(-rc)) : 0;
}
