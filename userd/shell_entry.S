/* SPDX-License-Identifier: GPL-2.0 */
/* Where the shell begins, and the two things that C cannot say. */
	.section .text.entry, "ax", @progbits

	.globl _start
	.hidden shell_start
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	shell_start
	ud2

/* void shell_jump(void *stack, void *fn, void *arg): never returns */
	.globl shell_jump
	.hidden shell_jump
shell_jump:
	mov	%rdi, %rsp
	mov	%rdx, %rdi
	xor	%ebp, %ebp
	call	*%rsi
	ud2

/*
 * long shell_clone(struct clone_args *args, unsigned long size, void *fn, void *arg):
 * the new thread has a stack of its own, where nothing of ours stands
 */
	.globl shell_clone
	.hidden shell_clone
shell_clone:
	mov	%rdx, %r8
	mov	%rcx, %r9
	mov	$435, %eax
	syscall
	test	%eax, %eax
	jz	1f
	ret
1:	xor	%ebp, %ebp
	mov	%r9, %rdi
	call	*%r8
	ud2

	.section .note.GNU-stack, "", @progbits
