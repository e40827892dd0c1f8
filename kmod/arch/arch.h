/* SPDX-License-Identifier: GPL-2.0 */
/* All that another architecture would have to provide. */
#ifndef TERN_ARCH_H
#define TERN_ARCH_H

#include <linux/types.h>
#include <tern/image.h>

struct mm_struct;
struct pt_regs;
struct task_struct;
struct tern_reasons;
struct tern_thread;

/** tern_arch_xstate_size() - bytes of extended state of a thread */
u32 tern_arch_xstate_size(void);
/** tern_arch_xfeatures() - which extended features user space may use */
u64 tern_arch_xfeatures(void);

/** tern_arch_pkeys() - bit per protection key that @mm has allocated, but for key 0 */
u32 tern_arch_pkeys(const struct mm_struct *mm);

/** tern_arch_check() - what of @task's processor state cannot move */
void tern_arch_check(struct task_struct *task, struct tern_reasons *reasons);

/**
 * tern_arch_resume_call() - make a call that parking interrupted restart
 * @obj: gets TERN_RESTART_TIMEOUT if the call is made anew with what is left
 * @slept_ns: how long it had been waiting
 *
 * For calls that return EINTR merely because a task work had to run, and those
 * whose time-out the kernel has shortened by what had passed. In the context of
 * the thread, before its registers are saved; may sleep.
 */
void tern_arch_resume_call(struct tern_obj_thread *obj, u64 slept_ns);
/** tern_arch_set_timeout() - put what is left, @left_ns, where @obj's call finds it */
void tern_arch_set_timeout(const struct tern_obj_thread *obj, u64 left_ns);

/** tern_arch_in_vdso() - will current go on within the vDSO's code? */
bool tern_arch_in_vdso(void);
/** tern_arch_is_native() - current runs, and calls, as this file understands it */
bool tern_arch_is_native(void);
/** tern_arch_save() - registers and extended state of current */
int tern_arch_save(struct tern_thread *thread);
/**
 * tern_arch_glimpse() - registers of another thread, as user space left them
 * @task: on no processor; it may have gone on meanwhile, or be ending: then this is a wrong hint
 * @obj: gets them
 *
 * Return: true: there are some.
 */
bool tern_arch_glimpse(struct task_struct *task, struct tern_obj_thread *obj);

/** tern_arch_valid() - may @obj's registers be loaded into a user thread? */
bool tern_arch_valid(const struct tern_obj_thread *obj);
/** tern_arch_park_xstate() - in BECOME: bring current's extended state to memory */
void tern_arch_park_xstate(void);
/** tern_arch_load_xstate() - give a thread that waits in BECOME its extended state */
int tern_arch_load_xstate(struct task_struct *task, const void *xstate);
/** tern_arch_load() - in task work of current: take registers from @obj */
void tern_arch_load(const struct tern_obj_thread *obj);

/** tern_arch_call() - number of the call that current is in, -1: none */
long tern_arch_call(void);
/** tern_arch_call_of() - of another thread, which may run, or be ending: a hint */
long tern_arch_call_of(struct task_struct *task);
/** tern_arch_call_restarts() - will it be restarted through its restart block? */
bool tern_arch_call_restarts(void);
/** tern_arch_call_arg() - its argument @n, from 0 */
unsigned long tern_arch_call_arg(unsigned int n);

#endif /* TERN_ARCH_H */
