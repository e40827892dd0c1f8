// SPDX-License-Identifier: GPL-2.0
/*
 * x86-64: general registers, segment bases, extended state, and which calls
 * need help to be restarted. Functions work on current unless they take a task.
 */
#include <linux/mm_types.h>
#include <linux/net.h>
#include <linux/regset.h>
#include <linux/sched/task_stack.h>
#include <linux/syscalls.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/unistd.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/pkru.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/syscall.h>
#include <asm/vdso.h>

#include "../compat.h"
#include "../park.h"
#include "../reasons.h"
#include "../restart.h"
#include "arch.h"

#define RED_ZONE	128	/* System V ABI, AMD64 supplement, 3.2.2 */

/* What user space may set, as in arch/x86/kernel/ptrace.c, set_flags(). */
#define USER_FLAGS (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | \
		    X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_TF | \
		    X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_RF | \
		    X86_EFLAGS_AC)

enum {
	R15, R14, R13, R12, BP, BX, R11, R10, R9, R8, AX, CX, DX, SI, DI,
	ORIG_AX, IP, CS, FLAGS, SP, SS,
};

static const struct user_regset *xstate_regset(void)
{
	const struct user_regset_view *view = task_user_regset_view(current);
	unsigned int i;

	for (i = 0; i < view->n; i++)
		if (view->regsets[i].core_note_type == NT_X86_XSTATE)
			return &view->regsets[i];
	return NULL;
}

u32 tern_arch_xstate_size(void)
{
	const struct user_regset *regset = xstate_regset();

	return regset ? regset->n * regset->size : 0;
}

u64 tern_arch_xfeatures(void)
{
	return cpu_feature_enabled(X86_FEATURE_OSXSAVE) ? xgetbv(0) : 0;
}

void tern_arch_check(struct task_struct *task, struct tern_reasons *reasons)
{
	int tid = task_pid_vnr(task);

	if (test_tsk_thread_flag(task, TIF_ADDR32))
		tern_reasons_add(reasons, "thread %d runs 32-bit code", tid);
	if (task->thread.fsindex || task->thread.gsindex)
		tern_reasons_add(reasons, "thread %d uses segment selectors", tid);
	if (task->thread.io_bitmap || task->thread.iopl_emul)
		tern_reasons_add(reasons, "thread %d has access to I/O ports", tid);
	if (test_tsk_thread_flag(task, TIF_NOTSC) || test_tsk_thread_flag(task, TIF_NOCPUID))
		tern_reasons_add(reasons, "thread %d may not use RDTSC or CPUID", tid);
#ifdef CONFIG_X86_USER_SHADOW_STACK
	if (task->thread.features)
		tern_reasons_add(reasons, "thread %d has a shadow stack", tid);
#endif
	if (!tern_arch_xstate_size())
		tern_reasons_add(reasons, "this processor has no XSAVE");
	if (tern_arch_xstate_size() > TERN_XSTATE_MAX)
		tern_reasons_add(reasons,
				 "this processor has more extended state than can be moved");
}

/* ---- calls -------------------------------------------------------------- */

long tern_arch_call(void)
{
	return syscall_get_nr(current, current_pt_regs());
}

/* Of another thread, whose stack goes when it has ended, from one moment to the next. */
static bool peek(struct task_struct *task, struct pt_regs *regs)
{
	return READ_ONCE(task->stack) &&
	       !copy_from_kernel_nofault(regs, task_pt_regs(task), sizeof(*regs));
}

long tern_arch_call_of(struct task_struct *task)
{
	struct pt_regs regs;

	return peek(task, &regs) ? regs.orig_ax : -1;
}

bool tern_arch_call_restarts(void)
{
	return tern_arch_call() >= 0 &&
	       (long)current_pt_regs()->ax == -ERESTART_RESTARTBLOCK;
}

unsigned long tern_arch_call_arg(unsigned int n)
{
	unsigned long args[6];

	syscall_get_arguments(current, current_pt_regs(), args);
	return args[n];
}

static void has_timeout(struct tern_obj_thread *obj, enum tern_timeout where,
			unsigned long addr, u64 left_ns)
{
	obj->restart = TERN_RESTART_TIMEOUT;
	obj->restart_clock = CLOCK_MONOTONIC;
	obj->restart_arg[0] = where;
	obj->restart_arg[1] = addr;
	obj->restart_arg[2] = tern_time_shift(ktime_get_ns(), min_t(u64, left_ns, S64_MAX));
}

/*
 * The program's own struct may be constant: the rest of the time goes below the
 * red zone, where nothing of the program's can be, as a signal frame would.
 */
static bool rest_on_stack(struct tern_obj_thread *obj, unsigned long *arg,
			  u64 slept_ns)
{
	unsigned long sp = current_pt_regs()->sp - RED_ZONE;
	struct timespec64 ts;
	s64 left;

	if (!*arg)
		return true;
	if (get_timespec64(&ts, (void __user *)*arg))
		return false;
	left = timespec64_to_ns(&ts) - slept_ns;
	*arg = (sp - sizeof(struct __kernel_timespec)) & ~15UL;
	has_timeout(obj, TERN_TIMEOUT_TIMESPEC, *arg, max_t(s64, left, 0));
	return true;
}

static void rest_in_register(struct tern_obj_thread *obj, int ms, u64 slept_ns)
{
	s64 left = ms * NSEC_PER_MSEC - slept_ns;

	if (ms > 0)
		has_timeout(obj, TERN_TIMEOUT_MS, 0, max_t(s64, left, 0));
}

/* The kernel has written back how much is left (fs/select.c, poll_select_finish()). */
static void rest_written(struct tern_obj_thread *obj, unsigned long addr, bool timeval)
{
	struct __kernel_old_timeval tv;
	struct timespec64 ts;

	if (!addr)
		return;
	if (!timeval && !get_timespec64(&ts, (void __user *)addr))
		has_timeout(obj, TERN_TIMEOUT_TIMESPEC, addr, timespec64_to_ns(&ts));
	else if (timeval && !copy_from_user(&tv, (void __user *)addr, sizeof(tv)))
		has_timeout(obj, TERN_TIMEOUT_TIMEVAL, addr,
			    tv.tv_sec * NSEC_PER_SEC + tv.tv_usec * NSEC_PER_USEC);
}

static bool is_socket(int fd)
{
	int err;
	struct socket *sock = sockfd_lookup(fd, &err);

	if (sock)
		sockfd_put(sock);
	return sock;
}

static void made_anew(struct tern_obj_thread *obj, struct pt_regs *regs, u64 slept_ns)
{
	bool ok = true;

	switch (tern_arch_call()) {
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
		rest_in_register(obj, regs->r10, slept_ns);
		break;
	case __NR_epoll_pwait2:
	case __NR_semtimedop:
		ok = rest_on_stack(obj, &regs->r10, slept_ns);
		break;
	case __NR_rt_sigtimedwait:
		ok = rest_on_stack(obj, &regs->dx, slept_ns);
		break;
	case __NR_semop:
	/* of a socket with a time-out, which begins anew; nothing has been done yet */
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
	case __NR_accept:
	case __NR_accept4:
	case __NR_connect:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
	case __NR_sendfile:
	case __NR_splice:
		break;
	case __NR_read:
	case __NR_readv:
	case __NR_write:
	case __NR_writev:
	case __NR_preadv2:
	case __NR_pwritev2:
		ok = is_socket(regs->di);
		break;
	default:
		return;
	}
	/* after a handler it is EINTR all the same, for such calls do not restart */
	if (ok)
		regs->ax = -ERESTARTNOHAND;
}

void tern_arch_resume_call(struct tern_obj_thread *obj, u64 slept_ns)
{
	struct pt_regs *regs = current_pt_regs();

	obj->restart = TERN_RESTART_NONE;
	if (tern_arch_call() < 0)
		return;
	if ((long)regs->ax == -ERESTARTNOHAND) {
		switch (tern_arch_call()) {
		case __NR_select:
		case __NR_pselect6:
			rest_written(obj, regs->r8, tern_arch_call() == __NR_select);
			break;
		case __NR_ppoll:
			rest_written(obj, regs->dx, false);
			break;
		}
	}
	if ((long)regs->ax == -EINTR)
		made_anew(obj, regs, slept_ns);
}

void tern_arch_set_timeout(const struct tern_obj_thread *obj, u64 left_ns)
{
	void __user *where = (void __user *)obj->restart_arg[1];
	struct timespec64 ts = ns_to_timespec64(left_ns);
	struct __kernel_old_timeval tv = ns_to_kernel_old_timeval(left_ns);

	switch (obj->restart_arg[0]) {
	case TERN_TIMEOUT_MS:
		current_pt_regs()->r10 = DIV_ROUND_UP_ULL(left_ns, NSEC_PER_MSEC);
		break;
	/* if it cannot be written the call itself will say so */
	case TERN_TIMEOUT_TIMESPEC:
		if (put_timespec64(&ts, where))
			pr_debug("tern: no time-out can be set\n");
		break;
	case TERN_TIMEOUT_TIMEVAL:
		if (copy_to_user(where, &tv, sizeof(tv)))
			pr_debug("tern: no time-out can be set\n");
		break;
	}
}

/* ---- registers ----------------------------------------------------------- */

u32 tern_arch_pkeys(const struct mm_struct *mm)
{
#ifdef CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS
	if (cpu_feature_enabled(X86_FEATURE_OSPKE))
		return mm->context.pkey_allocation_map & ~1U;
#endif
	return 0;
}

bool tern_arch_in_vdso(void)
{
	const struct vdso_image *image = current->mm->context.vdso_image;
	unsigned long at = (unsigned long)current->mm->context.vdso;

	return image && at && current_pt_regs()->ip - at < image->size;
}

bool tern_arch_is_native(void)
{
	return user_64bit_mode(current_pt_regs()) && !in_ia32_syscall();
}

static void save_regs(struct tern_obj_thread *obj, const struct pt_regs *r)
{
	obj->regs[R15] = r->r15;
	obj->regs[R14] = r->r14;
	obj->regs[R13] = r->r13;
	obj->regs[R12] = r->r12;
	obj->regs[BP] = r->bp;
	obj->regs[BX] = r->bx;
	obj->regs[R11] = r->r11;
	obj->regs[R10] = r->r10;
	obj->regs[R9] = r->r9;
	obj->regs[R8] = r->r8;
	obj->regs[AX] = r->ax;
	obj->regs[CX] = r->cx;
	obj->regs[DX] = r->dx;
	obj->regs[SI] = r->si;
	obj->regs[DI] = r->di;
	obj->regs[ORIG_AX] = r->orig_ax;
	obj->regs[IP] = r->ip;
	obj->regs[CS] = __USER_CS;
	obj->regs[FLAGS] = r->flags;
	obj->regs[SP] = r->sp;
	obj->regs[SS] = __USER_DS;
}

int tern_arch_save(struct tern_thread *thread)
{
	const struct user_regset *regset = xstate_regset();
	struct tern_obj_thread *obj = &thread->obj;
	int len, size = tern_arch_xstate_size();

	save_regs(obj, current_pt_regs());

	/* the live values: user space may change the bases without a call */
	preempt_disable();
	rdmsrl(MSR_FS_BASE, obj->fs_base);
	rdmsrl(MSR_KERNEL_GS_BASE, obj->gs_base);
	preempt_enable();

	len = regset_get(current, regset, size, thread->xstate);
	if (len < 0)
		return len;
	return len == size ? 0 : -EIO;
}

bool tern_arch_glimpse(struct task_struct *task, struct tern_obj_thread *obj)
{
	struct pt_regs regs;

	if (!peek(task, &regs))
		return false;
	save_regs(obj, &regs);
	obj->fs_base = READ_ONCE(task->thread.fsbase);
	obj->gs_base = READ_ONCE(task->thread.gsbase);
	return true;
}

bool tern_arch_valid(const struct tern_obj_thread *obj)
{
	bool by_block = (int)obj->regs[ORIG_AX] >= 0 &&
			(long)obj->regs[AX] == -ERESTART_RESTARTBLOCK;

	/* what is in the shell's own restart block must not be run */
	if (by_block && (!obj->restart || obj->restart == TERN_RESTART_TIMEOUT))
		return false;
	return obj->regs[IP] < TASK_SIZE_MAX && obj->regs[SP] < TASK_SIZE_MAX &&
	       obj->fs_base < TASK_SIZE_MAX && obj->gs_base < TASK_SIZE_MAX &&
	       obj->regs[CS] == __USER_CS && obj->regs[SS] == __USER_DS;
}

/*
 * regset->set() must not be used on current. After this the state is in memory
 * and marked to be loaded on the way to user mode (TIF_NEED_FPU_LOAD), so that
 * the daemon may write it while the thread waits.
 */
void tern_arch_park_xstate(void)
{
	kernel_fpu_begin();
	kernel_fpu_end();
}

int tern_arch_load_xstate(struct task_struct *task, const void *xstate)
{
	const struct user_regset *regset = xstate_regset();

	if (!regset->set)
		return -EOPNOTSUPP;
	return regset->set(task, regset, 0, tern_arch_xstate_size(), xstate, NULL);
}

void tern_arch_load(const struct tern_obj_thread *obj)
{
	struct pt_regs *r = current_pt_regs();

	r->r15 = obj->regs[R15];
	r->r14 = obj->regs[R14];
	r->r13 = obj->regs[R13];
	r->r12 = obj->regs[R12];
	r->bp = obj->regs[BP];
	r->bx = obj->regs[BX];
	r->r11 = obj->regs[R11];
	r->r10 = obj->regs[R10];
	r->r9 = obj->regs[R9];
	r->r8 = obj->regs[R8];
	r->ax = obj->regs[AX];
	r->cx = obj->regs[CX];
	r->dx = obj->regs[DX];
	r->si = obj->regs[SI];
	r->di = obj->regs[DI];
	r->orig_ax = obj->regs[ORIG_AX];
	r->ip = obj->regs[IP];
	r->flags = (r->flags & ~USER_FLAGS) | (obj->regs[FLAGS] & USER_FLAGS);
	r->sp = obj->regs[SP];

	preempt_disable();
	loadsegment(fs, 0);
	current->thread.fsindex = 0;
	current->thread.fsbase = obj->fs_base;
	wrmsrl(MSR_FS_BASE, obj->fs_base);
	current->thread.gsindex = 0;
	current->thread.gsbase = obj->gs_base;
	wrmsrl(MSR_KERNEL_GS_BASE, obj->gs_base);
	/* PKRU is switched with the task; this one may not have been switched */
	write_pkru(current->thread.pkru);
	preempt_enable();
}
