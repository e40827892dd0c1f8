/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vDSO: code of the kernel's that runs in every process. A program keeps the
 * addresses of its functions from its start, so another kernel's must stand there.
 */
#ifndef TERN_VDSO_H
#define TERN_VDSO_H

#include <stddef.h>
#include <linux/types.h>

struct tern_why;

#define TERN_VDSO_MAX	(64UL << 10)	/* bytes of code */

/**
 * struct tern_vdso - code of a vDSO
 * @text: whole pages, an ELF file
 * @size: bytes of them
 */
struct tern_vdso {
	const void *text;
	size_t size;
};

/**
 * struct tern_vdso_note - what a migrant has behind this kernel's vDSO, if it was
 *	started with another one: the first page, the original code follows
 * @magic: TERN_VDSO_NOTE
 * @data: where the kernel's data was, up to @text
 * @text: where the code was, and what diverts its functions is
 * @size: bytes of it
 */
struct tern_vdso_note {
	__u64 magic;
	__u64 data;
	__u64 text;
	__u64 size;
};

#define TERN_VDSO_NOTE	0x316f736476726574ULL	/* "tervdso1" */

int tern_vdso_own(struct tern_vdso *vdso);
__u64 tern_vdso_hash(const struct tern_vdso *vdso);
int tern_vdso_divert(void *text, size_t size, const struct tern_vdso *to, __u64 to_at,
		     struct tern_why *why);

#endif
