// SPDX-License-Identifier: GPL-2.0
/*
 * The check of images that everything else relies on. It is strict on purpose: what
 * it lets through is later used without a second look, as lengths, counts, addresses
 * and references. Pure logic, as image.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "image_check.h"
#include "vdso.h"

#define ADDR_MIN	0x1000ULL
#define ADDR_MAX	0x7ffffffff000ULL
#define AUXV_MAX	4096U
#define GROUPS_MAX	65536U
#define MEMBARRIERS	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | \
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | \
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)

int check_bad(struct image_check *c, const struct tern_obj *obj, const char *what)
{
	return tern_why_set(c->why, -EBADMSG,
			    "the image is malformed: object %u (%s): %s; both hosts must run the same version of Tern",
			    c->index, obj && obj->type < __TERN_OBJ_MAX && image_kinds[obj->type].name ?
			    image_kinds[obj->type].name : "unknown", what);
}

static bool skipped(const struct image_check *c, unsigned int type)
{
	return type < __TERN_OBJ_MAX && c->skip >> type & 1;
}

bool check_is_zero(const void *buf, size_t len)
{
	const char *p = buf;

	while (len--)
		if (*p++)
			return false;
	return true;
}

/* A whole path: absolute, ended by the only NUL, filling its place exactly. */
bool check_is_path(const char *path, size_t len)
{
	return len >= 2 && len <= TERN_PATH_MAX && path[0] == '/' &&
	       strnlen(path, len) == len - 1;
}

/* A name as memfd_create(2) takes it. */
bool check_is_name(const char *name, size_t len)
{
	return len && len <= TERN_MEMORY_NAME_MAX && strnlen(name, len) == len - 1;
}

/* ---- one check per type ------------------------------------------------ */

static int check_task(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_task *t = tern_obj_payload(obj);
	size_t len;
	const char *exe = tern_obj_tail(obj, &len);
	unsigned int i;

	if (t->pid < 1)
		return check_bad(c, obj, "impossible pid");
	if (!t->nr_threads || t->nr_threads > TERN_THREADS_MAX)
		return check_bad(c, obj, "impossible number of threads");
	if (t->umask & ~0777U || t->no_new_privs > 1 || t->dumpable > 2 ||
	    t->is_session_leader > 1 || t->is_group_leader > 1 ||
	    t->child_subreaper > 1 || t->exit_signal > 64)
		return check_bad(c, obj, "a field is out of range");
	if (t->flags & ~TERN_TASK_FLAGS_ALL)
		return check_bad(c, obj, "unknown flags");
	if (t->parent < 0 || t->group < 0 || t->session < 0 || t->parent == t->pid ||
	    (!t->parent && (t->group || t->session)))
		return check_bad(c, obj, "an impossible place in its tree");
	if (t->oom_score_adj_min < -1000 || t->oom_score_adj_min > t->oom_score_adj ||
	    t->oom_score_adj > 1000)
		return check_bad(c, obj, "impossible badness for the OOM killer");
	if (t->coredump_filter & ~0x1ffU || t->thp_disable > 1 || t->mdwe == 2 || t->mdwe > 3 ||
	    t->membarrier & ~(__u32)MEMBARRIERS)
		return check_bad(c, obj, "an attribute is out of range");
	for (i = 0; i < 16; i++)
		if (t->rlim_cur[i] > t->rlim_max[i])
			return check_bad(c, obj, "a soft limit above its hard limit");
	if (strnlen(t->comm, sizeof(t->comm)) == sizeof(t->comm))
		return check_bad(c, obj, "a name without its end");
	if (len != t->exe || !check_is_path(exe, len))
		return check_bad(c, obj, "bad path of the executable");
	c->task = t;
	return 0;
}

static int check_names(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_names *n = tern_obj_payload(obj);
	static const __u8 zero[sizeof(n->reserved)];
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || !memchr(n->node, '\0', sizeof(n->node)) ||
	    !memchr(n->domain, '\0', sizeof(n->domain)) ||
	    memcmp(n->reserved, zero, sizeof(zero)))
		return check_bad(c, obj, "names that cannot be");
	return 0;
}

static int check_ended(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_ended *e = tern_obj_payload(obj), *last = c->ended;
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || e->pid < 2 || e->status > 0xffff || e->uid == ~0U || e->reserved ||
	    (last && e->pid == last->pid))
		return check_bad(c, obj, "a child that cannot be");
	c->ended = e;
	return 0;
}

static int check_mm(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_mm *mm = tern_obj_payload(obj);
	const __u64 *field = &mm->start_code;
	size_t len;
	unsigned int i;

	tern_obj_tail(obj, &len);
	for (i = 0; i < 12; i++)
		if (field[i] > ADDR_MAX)
			return check_bad(c, obj, "an address beyond user space");
	if (mm->start_code > mm->end_code || mm->start_data > mm->end_data ||
	    mm->start_brk > mm->brk || mm->arg_start > mm->arg_end ||
	    mm->env_start > mm->env_end)
		return check_bad(c, obj, "a range that ends before it starts");
	if (mm->mmap_base % PAGE || mm->vdso % PAGE || mm->vdso >= ADDR_MAX)
		return check_bad(c, obj, "an address that is no page's");
	if (mm->reserved)
		return check_bad(c, obj, "a reserved field is not zero");
	if (mm->flags & ~TERN_MM_FLAGS_ALL || mm->flags == TERN_MM_LOCK_ONFAULT)
		return check_bad(c, obj, "an impossible flag");
	if (mm->pkeys & ~(LOW_BITS(TERN_PKEYS) - 1))
		return check_bad(c, obj, "an impossible protection key");
	c->pkeys = mm->pkeys | 1;
	if (len != mm->auxv || len > AUXV_MAX || len % 8)
		return check_bad(c, obj, "bad auxiliary vector");
	return 0;
}

static int check_vma(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_vma *v = tern_obj_payload(obj);
	size_t len;
	const char *path = tern_obj_tail(obj, &len);

	if (v->start % PAGE || v->end % PAGE || v->start < ADDR_MIN ||
	    v->end > ADDR_MAX || v->start >= v->end)
		return check_bad(c, obj, "impossible address range");
	if (v->start < c->vma_end)
		return check_bad(c, obj, "mappings overlap or are out of order");
	c->vma_end = v->end;
	if (v->prot & ~(__u32)(PROT_READ | PROT_WRITE | PROT_EXEC) ||
	    v->flags & ~TERN_VMA_FLAGS_ALL ||
	    (v->flags & TERN_VMA_LOCK_ONFAULT && !(v->flags & TERN_VMA_LOCKED)))
		return check_bad(c, obj, "unknown protection or flag");
	if (v->flags & TERN_VMA_MAYWRITE && !(v->flags & TERN_VMA_SHARED))
		return check_bad(c, obj, "private and shared at once");
	if (v->flags & TERN_VMA_SHARED && v->prot & PROT_WRITE && !(v->flags & TERN_VMA_MAYWRITE))
		return check_bad(c, obj, "written to, but only for reading");
	if (v->pkey >= TERN_PKEYS ||
	    !!v->memory != (v->kind == TERN_VMA_MEMORY || v->kind == TERN_VMA_CARRIED ||
			    v->kind == TERN_VMA_TAKEN))
		return check_bad(c, obj, "a field is out of range");
	if (v->flags & TERN_VMA_SYSV && v->kind == TERN_VMA_TAKEN &&
	    (v->pgoff || v->ino > INT32_MAX))
		return check_bad(c, obj, "a mapping of a part of a segment");
	if ((v->flags & TERN_VMA_SYSV && v->kind != TERN_VMA_CARRIED &&
	     v->kind != TERN_VMA_TAKEN) ||
	    (v->flags & (TERN_VMA_FLOCK_SH | TERN_VMA_FLOCK_EX) && v->kind != TERN_VMA_CARRIED))
		return check_bad(c, obj, "a flag that goes with a file that moves");
	c->pkeys_used |= 1U << v->pkey;
	if (v->pgoff > LOW_BITS(51) - (v->end - v->start) / PAGE)
		return check_bad(c, obj, "impossible offset in the file");
	switch (v->kind) {
	case TERN_VMA_FILE:
		if (v->flags & (TERN_VMA_GROWSDOWN | TERN_VMA_WIPEONFORK | TERN_VMA_BACKED))
			return check_bad(c, obj, "a flag that does not go with a file");
		if (len != v->path || !check_is_path(path, len))
			return check_bad(c, obj, "bad path of a mapped file");
		return 0;
	case TERN_VMA_ANON:
		if (v->flags & TERN_VMA_SHARED)
			return check_bad(c, obj, "anonymous and shared");
		break;
	case TERN_VMA_MEMORY:
	case TERN_VMA_CARRIED:
	case TERN_VMA_TAKEN:
		if (!(v->flags & TERN_VMA_SHARED) ||
		    v->flags & (TERN_VMA_GROWSDOWN | TERN_VMA_WIPEONFORK | TERN_VMA_BACKED))
			return check_bad(c, obj, "a flag that does not go with shared memory");
		break;
	case TERN_VMA_VDSO:
		c->vdso_map = v;
		c->nr_vdso_maps++;
		/* fallthrough */
	case TERN_VMA_VVAR:
		if (v->pkey ||
		    v->flags & (TERN_VMA_SHARED | TERN_VMA_GROWSDOWN | TERN_VMA_BACKED |
				TERN_VMA_LOCKED))
			return check_bad(c, obj, "a flag that does not go with the vDSO");
		break;
	default:
		return check_bad(c, obj, "unknown kind of mapping");
	}
	/* a private copy of a file may still say where it came from */
	if (len != v->path || (len && !check_is_path(path, len)))
		return check_bad(c, obj, "bad path");
	return 0;
}

/* A name as memfd_create(2) takes it: with its prefix it must fit a file's name. */
static int check_memory(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_memory *m = tern_obj_payload(obj);
	size_t len;
	const char *name = tern_obj_tail(obj, &len);

	if (m->reserved || (m->kind != TERN_MEMORY_ANON && m->kind != TERN_MEMORY_MEMFD))
		return check_bad(c, obj, "a field is out of range");
	if (m->size > ADDR_MAX)
		return check_bad(c, obj, "impossible size");
	if (len != m->name || !check_is_name(name, len))
		return check_bad(c, obj, "bad name");
	if (!m->id || m->id > c->room_memories || c->memories[m->id - 1])
		return check_bad(c, obj, "the same id twice, or an impossible one");
	c->memories[m->id - 1] = true;
	return 0;
}

static int check_vdso(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_vdso *v = tern_obj_payload(obj);

	tern_obj_tail(obj, &c->vdso_size);
	if (!c->vdso_size || c->vdso_size % PAGE || c->vdso_size > TERN_VDSO_MAX)
		return check_bad(c, obj, "impossible size");
	if (v->data % PAGE || v->text % PAGE || v->data < ADDR_MIN || v->data > v->text ||
	    v->text > ADDR_MAX)
		return check_bad(c, obj, "impossible address");
	c->vdso = v;
	return 0;
}

static int check_creds(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_creds *cr = tern_obj_payload(obj);
	const __u32 *groups;
	unsigned int i;
	size_t len;

	groups = tern_obj_tail(obj, &len);
	if (cr->nr_groups > GROUPS_MAX || len != cr->nr_groups * sizeof(__u32))
		return check_bad(c, obj, "bad list of groups");
	for (i = 0; i < 4; i++)
		if (cr->uid[i] == ~0U || cr->gid[i] == ~0U)
			return check_bad(c, obj, "an invalid user or group");
	for (i = 0; i < cr->nr_groups; i++)
		if (groups[i] == ~0U)
			return check_bad(c, obj, "an invalid group");
	for (i = 0; i < 5; i++)
		if (cr->cap[i] & ~LOW_BITS(63))
			return check_bad(c, obj, "an impossible capability");
	if (cr->cap[2] & ~cr->cap[1])
		return check_bad(c, obj, "effective capabilities that are not permitted");
	if (cr->cap[4] & ~(cr->cap[0] & cr->cap[1]))
		return check_bad(c, obj, "ambient capabilities that are not permitted and inheritable");
	if (cr->securebits & ~0xffU)
		return check_bad(c, obj, "unknown securebits");
	return 0;
}

static int check_sigactions(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_sigactions *s = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len)
		return check_bad(c, obj, "too long");
	if (s->action[8].handler || s->action[18].handler)
		return check_bad(c, obj, "SIGKILL and SIGSTOP cannot be handled");
	return 0;
}

static int check_signal(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_signal *s = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len)
		return check_bad(c, obj, "too long");
	if (!s->signo || s->signo > 64 || s->signo == 9 || s->signo == 19)
		return check_bad(c, obj, "a signal that cannot wait");
	if (s->tid < 0)
		return check_bad(c, obj, "impossible thread");
	return 0;
}

static int check_fs(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_fs *fs = tern_obj_payload(obj);
	size_t len;
	const char *cwd = tern_obj_tail(obj, &len);

	if (fs->reserved)
		return check_bad(c, obj, "a reserved field is not zero");
	if (len != fs->cwd || !check_is_path(cwd, len))
		return check_bad(c, obj, "bad path of the working directory");
	return 0;
}

static bool is_policy(__u32 policy, __u32 priority)
{
	switch (policy) {
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return !priority;
	case SCHED_FIFO:
	case SCHED_RR:
		return priority >= 1 && priority <= 99;
	default:
		return false;
	}
}

/* Is as much there as the blocks say that are named? */
static bool is_xstate(const struct tern_obj_thread *t, size_t len)
{
	size_t blocks = 0;
	unsigned int i;

	for (i = 0; i < TERN_XSTATE_WORDS; i++)
		blocks += __builtin_popcountll(t->xstate_blocks[i]);
	return len == t->xstate && len == blocks * TERN_XSTATE_BLOCK;
}

static int check_thread(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_thread *t = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (t->tid < 1 || t->nice < -20 || t->nice > 19)
		return check_bad(c, obj, "a field is out of range");
	if (t->reset_on_fork > 1 || t->ioprio >> 16 || t->pdeath_signal > 64 ||
	    t->attrs & ~TERN_THREAD_ATTRS)
		return check_bad(c, obj, "a field is out of range");
	if (!is_policy(t->policy, t->priority))
		return check_bad(c, obj, "impossible scheduling policy or priority");
	if (check_is_zero(t->cpus, sizeof(t->cpus)))
		return check_bad(c, obj, "no processor to run on");
	if (t->reserved || t->restore_mask > 1 || t->restart >= __TERN_RESTART_MAX)
		return check_bad(c, obj, "a field is out of range");
	if (strnlen(t->comm, sizeof(t->comm)) == sizeof(t->comm))
		return check_bad(c, obj, "a name without its end");
	if (!is_xstate(t, len))
		return check_bad(c, obj, "bad extended state");
	c->tids[c->count[TERN_OBJ_THREAD] - 1] = t->tid;
	return 0;
}

/* Of a time or a span of time: what the kernel itself can count. */
static bool is_time(__u64 ns)
{
	return ns <= LOW_BITS(63);
}

static int check_times(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_times *t = tern_obj_payload(obj);
	const __u32 counted = 1U << ITIMER_VIRTUAL | 1U << ITIMER_PROF;
	unsigned int i;
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || t->reserved || t->armed > 1 || t->cpu_armed & ~counted ||
	    t->next_timer > LOW_BITS(31))
		return check_bad(c, obj, "a field is out of range");
	if (!is_time(t->monotonic) || !is_time(t->boottime))
		return check_bad(c, obj, "impossible time");
	for (i = 0; i < 3; i++)
		if (!is_time(t->itimer[i].expires) || !is_time(t->itimer[i].interval))
			return check_bad(c, obj, "impossible time");
	for (i = ITIMER_VIRTUAL; i <= ITIMER_PROF; i++)
		if (t->itimer[i].expires && !(t->cpu_armed >> i & 1))
			return check_bad(c, obj, "a timer that expires and is not armed");
	return 0;
}

static bool is_cpu_clock(__s32 clock)
{
	return clock < 0;
}

/* The thread that a CPU time clock counts, 0: the process. */
static __s32 clock_tid(__s32 clock)
{
	return ~(clock >> 3);
}

static bool is_clock(__s32 clock)
{
	/* per thread or not; all of the time, user time, or by the scheduler */
	if (is_cpu_clock(clock))
		return (clock & 3) != 3 && !(clock & 4) == !clock_tid(clock);
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
	       clock == CLOCK_TAI;
}

static int check_timer(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_timer *t = tern_obj_payload(obj);
	bool thread = t->notify & SIGEV_THREAD_ID;
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || t->id < 0 || t->state & ~TERN_TIMER_STATES || t->again < 0)
		return check_bad(c, obj, "a field is out of range");
	if (!is_clock(t->clock))
		return check_bad(c, obj, "a clock that no timer can have");
	if (t->relative > (t->clock == CLOCK_REALTIME))
		return check_bad(c, obj, "a clock that cannot be set, as if it could");
	if (t->notify != SIGEV_NONE && t->notify != SIGEV_SIGNAL && t->notify != SIGEV_THREAD &&
	    t->notify != SIGEV_THREAD_ID)
		return check_bad(c, obj, "unknown way to notify");
	/* without a signal its number may be anything */
	if (t->notify != SIGEV_NONE && (!t->signo || t->signo > 64))
		return check_bad(c, obj, "impossible signal");
	if (thread != !!t->tid || t->tid < 0)
		return check_bad(c, obj, "a thread where none belongs, or none where one does");
	if (t->notify == SIGEV_NONE && t->state & TERN_TIMER_PENDING)
		return check_bad(c, obj, "a signal that is never sent");
	if (t->overrun < -1 || t->overrun_last < -1)
		return check_bad(c, obj, "impossible overrun");
	if (!is_time(t->expires) || !is_time(t->interval))
		return check_bad(c, obj, "impossible time");
	c->timers[c->count[TERN_OBJ_TIMER] - 1] = t->id;
	return 0;
}

static int check_end(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_end *end = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || end->reserved || end->objects != c->index + 1)
		return check_bad(c, obj, "wrong count of objects");
	return 0;
}

static int check_payload(struct image_check *c, const struct tern_obj *obj)
{
	switch (obj->type) {
	case TERN_OBJ_TASK: return check_task(c, obj);
	case TERN_OBJ_MM: return check_mm(c, obj);
	case TERN_OBJ_VMA: return check_vma(c, obj);
	case TERN_OBJ_CREDS: return check_creds(c, obj);
	case TERN_OBJ_SIGACTIONS: return check_sigactions(c, obj);
	case TERN_OBJ_SIGNAL: return check_signal(c, obj);
	case TERN_OBJ_FS: return check_fs(c, obj);
	case TERN_OBJ_DESC: return check_desc(c, obj);
	case TERN_OBJ_FD: return check_fd(c, obj);
	case TERN_OBJ_PIPE: return check_pipe(c, obj);
	case TERN_OBJ_EPOLL: return check_epoll(c, obj);
	case TERN_OBJ_THREAD: return check_thread(c, obj);
	case TERN_OBJ_TIMES: return check_times(c, obj);
	case TERN_OBJ_TIMER: return check_timer(c, obj);
	case TERN_OBJ_END: return check_end(c, obj);
	case TERN_OBJ_EVENT: return check_event(c, obj);
	case TERN_OBJ_TIMERFD: return check_timerfd(c, obj);
	case TERN_OBJ_TERMINAL: return check_terminal(c, obj);
	case TERN_OBJ_MEMORY: return check_memory(c, obj);
	case TERN_OBJ_VDSO: return check_vdso(c, obj);
	case TERN_OBJ_WATCH: return check_watch(c, obj);
	case TERN_OBJ_SOCKET: return check_socket(c, obj);
	case TERN_OBJ_PEER: return check_peer(c, obj);
	case TERN_OBJ_INET: return check_inet(c, obj);
	case TERN_OBJ_INTERFACE: return check_interface(c, obj);
	case TERN_OBJ_OPTION: return check_option(c, obj);
	case TERN_OBJ_NETLINK: return check_netlink(c, obj);
	case TERN_OBJ_DATAGRAM: return check_datagram(c, obj);
	case TERN_OBJ_LATE: return check_late(c, obj);
	case TERN_OBJ_BARRIER: return check_barrier(c, obj);
	case TERN_OBJ_LOCK: return check_lock(c, obj);
	case TERN_OBJ_ENDED: return check_ended(c, obj);
	case TERN_OBJ_NAMES: return check_names(c, obj);
	case TERN_OBJ_CARRIED: return check_carried(c, obj);
	case TERN_OBJ_DATA: return check_data(c, obj);
	default: return check_bad(c, obj, "unknown type");
	}
}

/* ---- what one object says about another --------------------------------- */

int check_compare_s32(const void *a, const void *b)
{
	__s32 x = *(const __s32 *)a, y = *(const __s32 *)b;

	return (x > y) - (x < y);
}

int check_compare_u32(const void *a, const void *b)
{
	__u32 x = *(const __u32 *)a, y = *(const __u32 *)b;

	return (x > y) - (x < y);
}

static int relate_counts(struct image_check *c)
{
	static const unsigned int once[] = {
		TERN_OBJ_TASK, TERN_OBJ_MM, TERN_OBJ_CREDS, TERN_OBJ_FS,
		TERN_OBJ_SIGACTIONS, TERN_OBJ_TIMES, TERN_OBJ_END,
	};
	unsigned int i;

	for (i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (c->count[once[i]] != 1)
			return tern_why_set(c->why, -EBADMSG,
					    "the image is malformed: %s is missing",
					    image_kinds[once[i]].name);
	if (c->count[TERN_OBJ_THREAD] != c->task->nr_threads)
		return check_bad(c, NULL, "the number of threads is not that of the task");
	return 0;
}

static int relate_threads(struct image_check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_THREAD];

	qsort(c->tids, n, sizeof(*c->tids), check_compare_s32);
	for (i = 1; i < n; i++)
		if (c->tids[i] == c->tids[i - 1])
			return check_bad(c, NULL, "the same thread twice");
	if (!bsearch(&c->task->pid, c->tids, n, sizeof(*c->tids), check_compare_s32))
		return check_bad(c, NULL, "no thread is the leader");
	return 0;
}

static int relate_timers(struct image_check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_TIMER];

	qsort(c->timers, n, sizeof(*c->timers), check_compare_s32);
	for (i = 1; i < n; i++)
		if (c->timers[i] == c->timers[i - 1])
			return check_bad(c, NULL, "the same timer twice");
	return 0;
}

bool check_is_thread(const struct image_check *c, __s32 tid)
{
	return bsearch(&tid, c->tids, c->count[TERN_OBJ_THREAD], sizeof(*c->tids),
		       check_compare_s32);
}

/* Keys of mappings that were skipped have been looked at with an earlier image. */
static int relate_pkeys(struct image_check *c)
{
	return c->pkeys_used & ~c->pkeys ?
	       check_bad(c, NULL, "a mapping with a protection key that is not allocated") : 0;
}

/* Its code has one place. If mappings were skipped, they have not changed. */
static int relate_vdso(struct image_check *c)
{
	if (!c->vdso || skipped(c, TERN_OBJ_VMA))
		return 0;
	if (c->nr_vdso_maps != 1 || c->vdso_map->start != c->vdso->text ||
	    c->vdso_map->end - c->vdso_map->start != c->vdso_size)
		return check_bad(c, NULL, "the vDSO is not where it is mapped");
	return 0;
}

/* References, once every object is known. */
static int relate(struct image_check *c, const struct tern_image *image)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_next(image, obj))) {
		const struct tern_obj_fd *f = tern_obj_payload(obj);
		const struct tern_obj_epoll *e = tern_obj_payload(obj);
		const struct tern_obj_signal *s = tern_obj_payload(obj);
		const struct tern_obj_vma *v = tern_obj_payload(obj);
		const struct tern_obj_timer *t = tern_obj_payload(obj);
		const struct tern_obj_watch *w = tern_obj_payload(obj);
		const struct tern_obj_lock *l = tern_obj_payload(obj);
		const struct tern_obj_ended *ended = tern_obj_payload(obj);

		if (skipped(c, obj->type))
			continue;
		if (obj->type == TERN_OBJ_DESC && relate_owner(c, obj))
			return -EBADMSG;
		if (obj->type == TERN_OBJ_FD && (!f->desc || f->desc > c->nr_descs))
			return check_bad(c, obj, "a descriptor of nothing");
		if (obj->type == TERN_OBJ_LOCK &&
		    (!l->desc || l->desc > c->nr_descs ||
		     (c->descs[l->desc - 1]->kind != TERN_DESC_FILE &&
		      c->descs[l->desc - 1]->kind != TERN_DESC_CARRIED &&
		      c->descs[l->desc - 1]->kind != TERN_DESC_TAKEN)))
			return check_bad(c, obj, "a lock of something that is no file");
		if (obj->type == TERN_OBJ_WATCH &&
		    (!w->desc || w->desc > c->nr_descs ||
		     c->descs[w->desc - 1]->kind != TERN_DESC_INOTIFY))
			return check_bad(c, obj, "a watch of something that is no inotify instance");
		if (obj->type == TERN_OBJ_OPTION && relate_option(c, obj))
			return -EBADMSG;
		if (obj->type == TERN_OBJ_VMA && v->kind == TERN_VMA_TAKEN) {
			if (!c->task->parent || v->memory < 1 || v->memory > INT32_MAX ||
			    v->memory == (__u32)c->task->pid)
				return check_bad(c, obj, "of a process of a tree that it does not have");
		} else if (obj->type == TERN_OBJ_VMA &&
		    v->memory > (v->kind == TERN_VMA_CARRIED ? c->count[TERN_OBJ_CARRIED] :
				 c->room_memories)) {
			return check_bad(c, obj, "a mapping of nothing");
		}
		if (obj->type == TERN_OBJ_VMA && v->kind == TERN_VMA_CARRIED) {
			if (relate_segment(c, obj))
				return -EBADMSG;
			c->is_used[v->memory - 1] = true;
		}
		if (obj->type == TERN_OBJ_ENDED && check_is_thread(c, ended->pid))
			return check_bad(c, obj, "a child that is a thread");
		if (obj->type == TERN_OBJ_SIGNAL && s->tid && !check_is_thread(c, s->tid))
			return check_bad(c, obj, "a signal for an unknown thread");
		if (obj->type == TERN_OBJ_TIMER && t->tid && !check_is_thread(c, t->tid))
			return check_bad(c, obj, "a timer for an unknown thread");
		if (obj->type == TERN_OBJ_TIMER && is_cpu_clock(t->clock) && t->clock & 4 &&
		    !check_is_thread(c, clock_tid(t->clock)))
			return check_bad(c, obj, "a clock of an unknown thread");
		if (obj->type != TERN_OBJ_EPOLL)
			continue;
		if (!e->desc || e->desc > c->nr_descs ||
		    c->descs[e->desc - 1]->kind != TERN_DESC_EPOLL)
			return check_bad(c, obj, "a registration with something that is not an epoll");
		if (!e->target || e->target > c->nr_descs || e->target == e->desc)
			return check_bad(c, obj, "a registration of nothing");
	}
	return 0;
}

/* ---- the check as a whole ------------------------------------------------ */

/* Header of the object at @data, of which @left bytes are there. */
static int check_header(struct image_check *c, const struct tern_obj *obj, size_t left)
{
	const struct image_kind *kind;

	if (left < sizeof(*obj))
		return check_bad(c, NULL, "cut off");
	if (obj->len < sizeof(*obj) || obj->len > left || pad8(obj->len) > left)
		return check_bad(c, obj, "impossible length");
	if (obj->reserved || obj->flags & ~TERN_OBJ_MAY_SKIP)
		return check_bad(c, obj, "a reserved field is not zero");
	if (!check_is_zero((const char *)obj + obj->len, pad8(obj->len) - obj->len))
		return check_bad(c, obj, "padding is not zero");
	if (!obj->type || obj->type >= __TERN_OBJ_MAX || !image_kinds[obj->type].name) {
		if (obj->flags & TERN_OBJ_MAY_SKIP)
			return 0;
		return check_bad(c, obj, "unknown type");
	}
	kind = &image_kinds[obj->type];
	if (obj->version != TERN_OBJ_VERSION)
		return check_bad(c, obj, "unknown version");
	if (obj->len - sizeof(*obj) < kind->fixed)
		return check_bad(c, obj, "too short");
	/* what is not looked at has no place in the tables either */
	if (!skipped(c, obj->type) && ++c->count[obj->type] > kind->most)
		return check_bad(c, obj, "too many of this type");
	return 0;
}

static int check_objects(struct image_check *c, const struct tern_image *image)
{
	size_t done = 0;
	bool ended = false;

	for (c->index = 0; done < image->len; c->index++) {
		const struct tern_obj *obj = (const void *)((const char *)image->data + done);
		int err = check_header(c, obj, image->len - done);

		if (err)
			return err;
		if (ended)
			return check_bad(c, obj, "something stands behind the end");
		if (!err && obj->type < __TERN_OBJ_MAX && image_kinds[obj->type].name &&
		    !skipped(c, obj->type))
			err = check_payload(c, obj);
		if (err)
			return err;
		ended = obj->type == TERN_OBJ_END;
		c->before = obj;
		done += pad8(obj->len);
	}
	return ended ? 0 : check_bad(c, NULL, "cut off");
}

/*
 * As much as the image can need: what is made for the most that there may be
 * costs more than the check itself. Headers that do not fit end the count, and
 * the check will say so.
 */
static int make_room(struct image_check *c, const struct tern_image *image)
{
	unsigned int nr[__TERN_OBJ_MAX] = { 0 };
	size_t done = 0;

	while (image->len - done >= sizeof(struct tern_obj)) {
		const struct tern_obj *obj = (const void *)((const char *)image->data + done);
		const struct tern_obj_fd *fd = tern_obj_payload(obj);

		if (obj->len < sizeof(*obj) || pad8(obj->len) > image->len - done)
			break;
		if (obj->type < __TERN_OBJ_MAX && !skipped(c, obj->type))
			nr[obj->type]++;
		if (obj->type == TERN_OBJ_FD && !skipped(c, TERN_OBJ_FD) &&
		    obj->len >= sizeof(*obj) + sizeof(*fd) &&
		    fd->fd >= 0 && fd->fd < FD_MAX && (__u32)fd->fd >= c->nr_fds)
			c->nr_fds = fd->fd + 1;
		done += pad8(obj->len);
	}
	c->room = nr[TERN_OBJ_DESC];
	c->room_memories = nr[TERN_OBJ_MEMORY];
	c->memories = calloc(c->room_memories + 1, sizeof(*c->memories));
	c->descs = calloc(c->room + 1, sizeof(*c->descs));
	c->fds = calloc(c->nr_fds / 8 + 1, 1);
	c->tids = calloc(nr[TERN_OBJ_THREAD] + 1, sizeof(*c->tids));
	c->timers = calloc(nr[TERN_OBJ_TIMER] + 1, sizeof(*c->timers));
	c->pipes = calloc(nr[TERN_OBJ_PIPE] + 1, sizeof(*c->pipes));
	c->extra = calloc(c->room + 1, 1);
	c->carries = calloc(c->room + 1, sizeof(*c->carries));
	c->has_options = calloc(c->room + 1, sizeof(*c->has_options));
	c->sockets = calloc(nr[TERN_OBJ_SOCKET] + 1, sizeof(*c->sockets));
	c->carried = calloc(nr[TERN_OBJ_CARRIED] + 1, sizeof(*c->carried));
	c->is_used = calloc(nr[TERN_OBJ_CARRIED] + 1, sizeof(*c->is_used));
	return c->carried && c->is_used && c->memories && c->sockets && c->extra && c->carries &&
	       c->has_options &&
	       c->descs && c->fds && c->tids && c->timers && c->pipes ? 0 : -ENOMEM;
}

static int check_image(const struct tern_image *image, __u64 skip, struct tern_why *why)
{
	struct image_check c = { .why = why, .skip = skip };
	int err;

	if (!image->data || !image->len || image->len > TERN_IMAGE_MAX || image->len % 8 ||
	    (unsigned long)image->data % 8)
		return tern_why_set(why, -EBADMSG,
				    "the image is malformed: its size is impossible");
	err = make_room(&c, image);
	if (err)
		goto out;
	err = check_objects(&c, image);
	if (!err)
		err = relate_counts(&c);
	if (!err)
		err = relate_threads(&c);
	if (!err)
		err = relate_timers(&c);
	if (!err)
		err = relate_descs(&c);
	if (!err)
		err = relate_extra(&c);
	if (!err)
		err = relate_sockets(&c);
	if (!err)
		err = relate_pipes(&c);
	if (!err)
		err = relate_pkeys(&c);
	if (!err)
		err = relate_vdso(&c);
	if (!err)
		err = relate(&c, image);
	if (!err)
		err = relate_carried(&c);
out:
	free(c.is_used);
	free(c.carried);
	free(c.sockets);
	free(c.carries);
	free(c.has_options);
	free(c.extra);
	free(c.memories);
	free(c.pipes);
	free(c.timers);
	free(c.tids);
	free(c.fds);
	free(c.descs);
	return err;
}

/**
 * tern_image_check_sockets() - are these TCP and STREAM objects, and sound?
 * @image: of them; data aligned to 8; all of it may come from a peer
 * @why: receives a sentence
 *
 * Return: 0 or -EBADMSG.
 */
int tern_image_check_sockets(const struct tern_image *image, struct tern_why *why)
{
	struct image_check c = { .why = why };
	size_t done = 0;
	int err = 0;

	for (; done < image->len && !err; c.index++) {
		const struct tern_obj *obj = (const void *)((const char *)image->data + done);

		err = check_header(&c, obj, image->len - done);
		if (!err && obj->type == TERN_OBJ_TCP)
			err = check_tcp(&c, obj);
		else if (!err && obj->type == TERN_OBJ_STREAM)
			err = check_stream(&c, obj);
		else if (!err)
			err = check_bad(&c, obj, "nothing of a connection");
		done += err ? 0 : pad8(obj->len);
	}
	return err;
}

/**
 * tern_image_check() - is this a whole, sound image?
 * @image: data aligned to 8; everything behind it may come from a peer
 * @why: receives a sentence
 *
 * Return: 0, -EBADMSG, or -ENOMEM.
 */
int tern_image_check(const struct tern_image *image, struct tern_why *why)
{
	return check_image(image, 0, why);
}

/**
 * tern_image_check_changes() - is this a sound image still?
 * @image: of which most objects stand in an image that was checked
 * @types: bit per type of which that is not true of all of them, and of them alone
 * @why: receives a sentence
 *
 * Mappings and descriptors, of which there may be very many, are looked at again
 * only where they have changed. What is related is looked at together.
 *
 * Return: as tern_image_check().
 */
int tern_image_check_changes(const struct tern_image *image, __u64 types,
			     struct tern_why *why)
{
	const __u64 memory = TERN_TYPE(VMA) | TERN_TYPE(MEMORY);
	__u64 skip = 0;

	/* files that move may be mapped, too */
	if (tern_image_find(image, TERN_OBJ_CARRIED, NULL) || types & TERN_TYPE(CARRIED))
		return check_image(image, 0, why);
	if (!(types & memory))
		skip |= memory;
	if (!(types & TERN_FILES_TYPES))
		skip |= TERN_FILES_TYPES;
	return check_image(image, skip, why);
}
