// SPDX-License-Identifier: GPL-2.0
/*
 * Images in memory: the check that everything else relies on, the walk, and
 * adding objects. The check is strict on purpose: what it lets through is later
 * used without a second look, as lengths, counts, addresses and references.
 * Pure logic: no system calls but malloc, no locks, no state beside the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include "dev.h"
#include "image.h"

#define PAGE		4096ULL
#define ADDR_MIN	0x1000ULL
#define ADDR_MAX	0x7ffffffff000ULL
#define FD_MAX		1048576
#define XSTATE_MAX	65536U
#define AUXV_MAX	4096U
#define GROUPS_MAX	65536U
#define PIPE_CAPACITY	(32U << 20)
#define TIME_MAX	LOW_BITS(62)
#define MEMBARRIERS	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | \
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | \
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define LOW_BITS(n)	((1ULL << (n)) - 1)

struct kind {
	const char *name;
	size_t fixed;
	unsigned int most;
};

static const struct kind kinds[__TERN_OBJ_MAX] = {
#define X(obj, id, type, max) [id] = { #obj, sizeof(type), max },
	TERN_OBJECTS(X)
#undef X
};

/**
 * struct check - what one run of the check has seen so far
 * @why: sentence
 * @index: of the object that is looked at
 * @count: objects by type, but for those that are skipped
 * @task: the TASK object
 * @vma_end: end of the last mapping
 * @pkeys: bit per protection key of MM
 * @pkeys_used: likewise, of mappings
 * @descs: DESC objects by id - 1
 * @nr_descs: how many
 * @room: for how many; ids go no further
 * @memories: which ids of MEMORY objects there are, by id - 1
 * @room_memories: ids go no further
 * @skip: bit per type: sound already
 * @fds: bit per descriptor number
 * @nr_fds: numbers from here on are not there
 * @tids: of the THREAD objects
 * @timers: ids of the TIMER objects
 * @pipes: pipe numbers of the PIPE objects
 * @watch: the last WATCH object
 * @sockets: SOCKET objects
 * @extra: by description's id - 1: objects that it has beside DESC
 */
struct check {
	struct tern_why *why;
	unsigned int index;
	unsigned int count[__TERN_OBJ_MAX];
	const struct tern_obj_task *task;
	__u64 vma_end;
	__u32 pkeys;
	__u32 pkeys_used;
	const struct tern_obj_desc **descs;
	unsigned int nr_descs;
	unsigned int room;
	bool *memories;
	unsigned int room_memories;
	__u32 skip;
	__u8 *fds;
	__u32 nr_fds;
	__s32 *tids;
	__s32 *timers;
	__u32 *pipes;
	const struct tern_obj_watch *watch;
	const struct tern_obj_socket **sockets;
	__u8 *extra;
};

static int bad(struct check *c, const struct tern_obj *obj, const char *what)
{
	return tern_why_set(c->why, -EBADMSG,
			    "the image is malformed: object %u (%s): %s; both hosts must run the same version of Tern",
			    c->index, obj && obj->type < __TERN_OBJ_MAX && kinds[obj->type].name ?
			    kinds[obj->type].name : "unknown", what);
}

static bool skipped(const struct check *c, unsigned int type)
{
	return type < __TERN_OBJ_MAX && c->skip >> type & 1;
}

static size_t pad8(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

static bool is_zero(const void *buf, size_t len)
{
	const char *p = buf;

	while (len--)
		if (*p++)
			return false;
	return true;
}

/* A whole path: absolute, ended by the only NUL, filling its place exactly. */
static bool is_path(const char *path, size_t len)
{
	return len >= 2 && len <= TERN_PATH_MAX && path[0] == '/' &&
	       strnlen(path, len) == len - 1;
}

/**
 * tern_obj_tail() - what stands behind the fixed payload of the object's type
 * @obj: an object of a checked image, of a known type
 * @len: out: bytes of it
 */
const void *tern_obj_tail(const struct tern_obj *obj, size_t *len)
{
	size_t head = sizeof(*obj) + kinds[obj->type].fixed;

	*len = obj->len - head;
	return (const char *)obj + head;
}

/** tern_image_next() - the object after @obj (NULL: the first), NULL at the end */
const struct tern_obj *tern_image_next(const struct tern_image *image,
				       const struct tern_obj *obj)
{
	const char *next = obj ? (const char *)obj + pad8(obj->len) : image->data;

	if (next >= (const char *)image->data + image->len)
		return NULL;
	return (const struct tern_obj *)next;
}

/** tern_image_find() - next object of @type after @after (NULL: from the start) */
const struct tern_obj *tern_image_find(const struct tern_image *image,
				       unsigned int type,
				       const struct tern_obj *after)
{
	const struct tern_obj *obj = after;

	while ((obj = tern_image_next(image, obj)))
		if (obj->type == type)
			return obj;
	return NULL;
}

/* ---- one check per type ------------------------------------------------ */

static int check_task(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_task *t = tern_obj_payload(obj);
	size_t len;
	const char *exe = tern_obj_tail(obj, &len);
	unsigned int i;

	if (t->pid < 2)
		return bad(c, obj, "impossible pid");
	if (!t->nr_threads || t->nr_threads > TERN_THREADS_MAX)
		return bad(c, obj, "impossible number of threads");
	if (t->umask & ~0777U || t->no_new_privs > 1 || t->dumpable > 2 ||
	    t->is_session_leader > 1 || t->is_group_leader > 1 ||
	    t->child_subreaper > 1 || t->exit_signal > 64)
		return bad(c, obj, "a field is out of range");
	if (t->reserved || t->reserved2)
		return bad(c, obj, "a reserved field is not zero");
	if (t->oom_score_adj_min < -1000 || t->oom_score_adj_min > t->oom_score_adj ||
	    t->oom_score_adj > 1000)
		return bad(c, obj, "impossible badness for the OOM killer");
	if (t->coredump_filter & ~0x1ffU || t->thp_disable > 1 || t->mdwe == 2 || t->mdwe > 3 ||
	    t->membarrier & ~(__u32)MEMBARRIERS)
		return bad(c, obj, "an attribute is out of range");
	for (i = 0; i < 16; i++)
		if (t->rlim_cur[i] > t->rlim_max[i])
			return bad(c, obj, "a soft limit above its hard limit");
	if (strnlen(t->comm, sizeof(t->comm)) == sizeof(t->comm))
		return bad(c, obj, "a name without its end");
	if (len != t->exe || !is_path(exe, len))
		return bad(c, obj, "bad path of the executable");
	c->task = t;
	return 0;
}

static int check_mm(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_mm *mm = tern_obj_payload(obj);
	const __u64 *field = &mm->start_code;
	size_t len;
	unsigned int i;

	tern_obj_tail(obj, &len);
	for (i = 0; i < 12; i++)
		if (field[i] > ADDR_MAX)
			return bad(c, obj, "an address beyond user space");
	if (mm->start_code > mm->end_code || mm->start_data > mm->end_data ||
	    mm->start_brk > mm->brk || mm->arg_start > mm->arg_end ||
	    mm->env_start > mm->env_end)
		return bad(c, obj, "a range that ends before it starts");
	if (mm->mmap_base % PAGE || mm->vdso % PAGE || mm->vdso >= ADDR_MAX)
		return bad(c, obj, "an address that is no page's");
	if (mm->reserved)
		return bad(c, obj, "a reserved field is not zero");
	if (mm->flags & ~TERN_MM_FLAGS_ALL || mm->flags == TERN_MM_LOCK_ONFAULT)
		return bad(c, obj, "an impossible flag");
	if (mm->pkeys & ~(LOW_BITS(TERN_PKEYS) - 1))
		return bad(c, obj, "an impossible protection key");
	c->pkeys = mm->pkeys | 1;
	if (len != mm->auxv || len > AUXV_MAX || len % 8)
		return bad(c, obj, "bad auxiliary vector");
	return 0;
}

static int check_vma(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_vma *v = tern_obj_payload(obj);
	size_t len;
	const char *path = tern_obj_tail(obj, &len);

	if (v->start % PAGE || v->end % PAGE || v->start < ADDR_MIN ||
	    v->end > ADDR_MAX || v->start >= v->end)
		return bad(c, obj, "impossible address range");
	if (v->start < c->vma_end)
		return bad(c, obj, "mappings overlap or are out of order");
	c->vma_end = v->end;
	if (v->prot & ~(__u32)(PROT_READ | PROT_WRITE | PROT_EXEC) ||
	    v->flags & ~TERN_VMA_FLAGS_ALL ||
	    (v->flags & TERN_VMA_LOCK_ONFAULT && !(v->flags & TERN_VMA_LOCKED)))
		return bad(c, obj, "unknown protection or flag");
	if (v->flags & TERN_VMA_MAYWRITE && !(v->flags & TERN_VMA_SHARED))
		return bad(c, obj, "private and shared at once");
	if (v->flags & TERN_VMA_SHARED && v->prot & PROT_WRITE && !(v->flags & TERN_VMA_MAYWRITE))
		return bad(c, obj, "written to, but only for reading");
	if (v->pkey >= TERN_PKEYS || !!v->memory != (v->kind == TERN_VMA_MEMORY))
		return bad(c, obj, "a field is out of range");
	c->pkeys_used |= 1U << v->pkey;
	if (v->pgoff > LOW_BITS(51) - (v->end - v->start) / PAGE)
		return bad(c, obj, "impossible offset in the file");
	switch (v->kind) {
	case TERN_VMA_FILE:
		if (v->flags & (TERN_VMA_GROWSDOWN | TERN_VMA_WIPEONFORK | TERN_VMA_BACKED))
			return bad(c, obj, "a flag that does not go with a file");
		if (len != v->path || !is_path(path, len))
			return bad(c, obj, "bad path of a mapped file");
		return 0;
	case TERN_VMA_ANON:
		if (v->flags & TERN_VMA_SHARED)
			return bad(c, obj, "anonymous and shared");
		break;
	case TERN_VMA_MEMORY:
		if (!(v->flags & TERN_VMA_SHARED) ||
		    v->flags & (TERN_VMA_GROWSDOWN | TERN_VMA_WIPEONFORK | TERN_VMA_BACKED))
			return bad(c, obj, "a flag that does not go with shared memory");
		break;
	case TERN_VMA_VDSO:
	case TERN_VMA_VVAR:
		if (v->pkey ||
		    v->flags & (TERN_VMA_SHARED | TERN_VMA_GROWSDOWN | TERN_VMA_BACKED |
				TERN_VMA_LOCKED))
			return bad(c, obj, "a flag that does not go with the vDSO");
		break;
	default:
		return bad(c, obj, "unknown kind of mapping");
	}
	/* a private copy of a file may still say where it came from */
	if (len != v->path || (len && !is_path(path, len)))
		return bad(c, obj, "bad path");
	return 0;
}

/* A name as memfd_create(2) takes it: with its prefix it must fit a file's name. */
static int check_memory(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_memory *m = tern_obj_payload(obj);
	size_t len;
	const char *name = tern_obj_tail(obj, &len);

	if (m->reserved || (m->kind != TERN_MEMORY_ANON && m->kind != TERN_MEMORY_MEMFD))
		return bad(c, obj, "a field is out of range");
	if (m->size > ADDR_MAX)
		return bad(c, obj, "impossible size");
	if (!len || len != m->name || len > TERN_MEMORY_NAME_MAX || strnlen(name, len) != len - 1)
		return bad(c, obj, "bad name");
	if (!m->id || m->id > c->room_memories || c->memories[m->id - 1])
		return bad(c, obj, "the same id twice, or an impossible one");
	c->memories[m->id - 1] = true;
	return 0;
}

static int check_creds(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_creds *cr = tern_obj_payload(obj);
	const __u32 *groups;
	unsigned int i;
	size_t len;

	groups = tern_obj_tail(obj, &len);
	if (cr->nr_groups > GROUPS_MAX || len != cr->nr_groups * sizeof(__u32))
		return bad(c, obj, "bad list of groups");
	for (i = 0; i < 4; i++)
		if (cr->uid[i] == ~0U || cr->gid[i] == ~0U)
			return bad(c, obj, "an invalid user or group");
	for (i = 0; i < cr->nr_groups; i++)
		if (groups[i] == ~0U)
			return bad(c, obj, "an invalid group");
	for (i = 0; i < 5; i++)
		if (cr->cap[i] & ~LOW_BITS(63))
			return bad(c, obj, "an impossible capability");
	if (cr->cap[2] & ~cr->cap[1])
		return bad(c, obj, "effective capabilities that are not permitted");
	if (cr->cap[4] & ~(cr->cap[0] & cr->cap[1]))
		return bad(c, obj, "ambient capabilities that are not permitted and inheritable");
	if (cr->securebits & ~0xffU)
		return bad(c, obj, "unknown securebits");
	return 0;
}

static int check_sigactions(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_sigactions *s = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len)
		return bad(c, obj, "too long");
	if (s->action[8].handler || s->action[18].handler)
		return bad(c, obj, "SIGKILL and SIGSTOP cannot be handled");
	return 0;
}

static int check_signal(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_signal *s = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len)
		return bad(c, obj, "too long");
	if (!s->signo || s->signo > 64 || s->signo == 9 || s->signo == 19)
		return bad(c, obj, "a signal that cannot wait");
	if (s->tid < 0)
		return bad(c, obj, "impossible thread");
	return 0;
}

static int check_fs(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_fs *fs = tern_obj_payload(obj);
	size_t len;
	const char *cwd = tern_obj_tail(obj, &len);

	if (fs->reserved)
		return bad(c, obj, "a reserved field is not zero");
	if (len != fs->cwd || !is_path(cwd, len))
		return bad(c, obj, "bad path of the working directory");
	return 0;
}

static int check_desc_path(struct check *c, const struct tern_obj *obj,
			   const struct tern_obj_desc *d)
{
	size_t len;
	const char *path = tern_obj_tail(obj, &len);

	if (len != d->path)
		return bad(c, obj, "bad path");
	switch (d->kind) {
	case TERN_DESC_FILE:
		if (!is_path(path, len))
			return bad(c, obj, "bad path of a file");
		if (!S_ISREG(d->mode) && !S_ISDIR(d->mode))
			return bad(c, obj, "neither a file nor a directory");
		return 0;
	case TERN_DESC_PATH:
		if (!is_path(path, len) || !(d->flags & O_PATH))
			return bad(c, obj, "bad path");
		return 0;
	case TERN_DESC_DEVICE:
		if (!is_path(path, len) || strncmp(path, "/dev/", 5))
			return bad(c, obj, "bad path of a device");
		if (!S_ISCHR(d->mode))
			return bad(c, obj, "not a character device");
		return 0;
	default:
		if (len && !is_path(path, len))
			return bad(c, obj, "bad path");
		return 0;
	}
}

static bool owner_possible(__u64 owner)
{
	return TERN_OWNER_TYPE(owner) <= F_OWNER_PID && TERN_OWNER_SIGNAL(owner) <= 64 &&
	       TERN_OWNER_PID(owner) >= 0;
}

static int check_desc(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	if (!d->id || d->id > c->room || c->descs[d->id - 1])
		return bad(c, obj, "the same id twice, or an impossible one");
	if (d->kind < TERN_DESC_FILE || d->kind > TERN_DESC_SOCKET)
		return bad(c, obj, "unknown kind of description");
	if (!owner_possible(d->owner) || (d->flags & O_ACCMODE) == O_ACCMODE)
		return bad(c, obj, "a field is out of range");
	if (d->pos > LOW_BITS(63) || d->size > LOW_BITS(63))
		return bad(c, obj, "impossible position or size");
	if (!!d->pipe != (d->kind == TERN_DESC_PIPE))
		return bad(c, obj, "a pipe's number where none belongs, or none where one does");
	c->descs[d->id - 1] = d;
	c->nr_descs++;
	return check_desc_path(c, obj, d);
}

static int check_fd(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_fd *f = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || f->reserved || f->cloexec > 1)
		return bad(c, obj, "a field is out of range");
	if (f->fd < 0 || f->fd >= FD_MAX)
		return bad(c, obj, "impossible descriptor");
	if (c->fds[f->fd / 8] & 1 << f->fd % 8)
		return bad(c, obj, "the same descriptor twice");
	c->fds[f->fd / 8] |= 1 << f->fd % 8;
	return 0;
}

static int check_pipe(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_pipe *p = tern_obj_payload(obj);
	__u32 sum = 0, i;
	const __u32 *sizes;
	size_t len;

	sizes = tern_obj_tail(obj, &len);
	if (!p->pipe)
		return bad(c, obj, "a field is out of range");
	if (p->capacity < PAGE || p->capacity > PIPE_CAPACITY || p->capacity % PAGE)
		return bad(c, obj, "impossible capacity");
	if (p->data > p->capacity || p->pieces > p->capacity / PAGE ||
	    len != p->data + p->pieces * sizeof(*sizes))
		return bad(c, obj, "bad contents");
	for (i = 0; i < p->pieces; i++) {
		__u32 size = sizes[i] & ~TERN_PIPE_PACKET;

		if (!size || size > p->data - sum || (size != sizes[i] && size > PAGE))
			return bad(c, obj, "bad pieces");
		sum += size;
	}
	if (p->pieces && sum != p->data)
		return bad(c, obj, "bad pieces");
	c->pipes[c->count[TERN_OBJ_PIPE] - 1] = p->pipe;
	return 0;
}

static int check_epoll(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_epoll *e = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || e->fd < 0 || e->fd >= FD_MAX)
		return bad(c, obj, "a field is out of range");
	return 0;
}

/* Belongs to a description, as each of them that may has exactly one. */
static int check_extra(struct check *c, const struct tern_obj *obj, __u32 desc)
{
	if (!desc || desc > c->room || c->extra[desc - 1])
		return bad(c, obj, "of no description, or the second of one");
	c->extra[desc - 1] = obj->type;
	return 0;
}

static int check_event(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_event *e = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || e->flags & ~TERN_EVENT_SEMAPHORE)
		return bad(c, obj, "a field is out of range");
	return check_extra(c, obj, e->desc);
}

static int check_timerfd(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_timerfd *t = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || t->reserved || t->flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return bad(c, obj, "a field is out of range");
	if (t->clock != CLOCK_REALTIME && t->clock != CLOCK_MONOTONIC &&
	    t->clock != CLOCK_BOOTTIME && t->clock != CLOCK_REALTIME_ALARM &&
	    t->clock != CLOCK_BOOTTIME_ALARM)
		return bad(c, obj, "unknown clock");
	if (t->expires > TIME_MAX || t->interval > TIME_MAX)
		return bad(c, obj, "impossible time");
	return check_extra(c, obj, t->desc);
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

static int check_messages(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_socket *k = tern_obj_payload(obj);
	const struct tern_message *m;
	__u32 sum = 0, i;
	size_t len;

	m = tern_obj_tail(obj, &len);
	if (k->data > TERN_SOCKET_DATA_MAX || k->messages > TERN_SOCKET_DATA_MAX ||
	    len != k->messages * sizeof(*m) + k->data + k->name)
		return bad(c, obj, "bad contents");
	for (i = 0; i < k->messages; i++) {
		if (m[i].len > k->data - sum || (!m[i].len && k->type == SOCK_STREAM))
			return bad(c, obj, "a message of impossible length");
		if ((m[i].pid && (!c->task || m[i].pid != c->task->pid)) || m[i].uid == ~0U ||
		    m[i].gid == ~0U)
			return bad(c, obj, "a message from somebody else");
		sum += m[i].len;
	}
	if (k->name && ((const char *)(m + k->messages))[k->data])
		return bad(c, obj, "a name in the file system");
	return sum == k->data ? 0 : bad(c, obj, "bad contents");
}

static int check_socket(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_socket *k = tern_obj_payload(obj);
	__u32 ends = k->flags & (TERN_SOCKET_PAIR | TERN_SOCKET_BEREFT);

	if (k->type != SOCK_STREAM && k->type != SOCK_DGRAM && k->type != SOCK_SEQPACKET)
		return bad(c, obj, "unknown type");
	if (k->flags & ~TERN_SOCKET_FLAGS_ALL || k->shutdown > 3 || k->peek_off < -1 ||
	    k->name > TERN_SOCKET_NAME_MAX || k->sndbuf > INT_MAX || k->rcvbuf > INT_MAX ||
	    k->rcvtimeo > TIME_MAX || k->sndtimeo > TIME_MAX)
		return bad(c, obj, "a field is out of range");
	if ((ends & (ends - 1)) || !k->pair != !(ends & TERN_SOCKET_PAIR) ||
	    (k->messages && !ends))
		return bad(c, obj, "a pair where none can be, or none where one must be");
	if ((k->name && ends) || (k->flags & TERN_SOCKET_LISTENS && !k->name))
		return bad(c, obj, "a name where none can be, or none where one must be");
	c->sockets[c->count[TERN_OBJ_SOCKET] - 1] = k;
	return check_messages(c, obj) ? -EBADMSG : check_extra(c, obj, k->desc);
}

static int check_lock(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_lock *l = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || l->reserved || l->write > 1 || l->kind < TERN_LOCK_FLOCK ||
	    l->kind > TERN_LOCK_OFD)
		return bad(c, obj, "a field is out of range");
	if (l->start > LOW_BITS(63) || l->len > LOW_BITS(63) - l->start ||
	    (l->kind == TERN_LOCK_FLOCK && (l->start || l->len)))
		return bad(c, obj, "an impossible range");
	return 0;
}

static int check_watch(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_watch *w = tern_obj_payload(obj), *last = c->watch;
	size_t len;
	const char *path = tern_obj_tail(obj, &len);

	if (!w->wd || w->wd > TERN_WATCH_MAX ||
	    w->mask & ~(IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT) || !(w->mask & IN_ALL_EVENTS))
		return bad(c, obj, "a field is out of range");
	if (last && (w->desc < last->desc || (w->desc == last->desc && w->wd <= last->wd)))
		return bad(c, obj, "watches are out of order");
	if (len != w->path || !is_path(path, len))
		return bad(c, obj, "bad path");
	c->watch = w;
	return 0;
}

static int check_thread(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_thread *t = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (t->tid < 2 || t->nice < -20 || t->nice > 19)
		return bad(c, obj, "a field is out of range");
	if (t->reset_on_fork > 1 || t->ioprio >> 16 || t->pdeath_signal > 64 ||
	    t->attrs & ~TERN_THREAD_ATTRS)
		return bad(c, obj, "a field is out of range");
	if (!is_policy(t->policy, t->priority))
		return bad(c, obj, "impossible scheduling policy or priority");
	if (is_zero(t->cpus, sizeof(t->cpus)))
		return bad(c, obj, "no processor to run on");
	if (t->reserved || t->restore_mask > 1 || t->restart >= __TERN_RESTART_MAX)
		return bad(c, obj, "a field is out of range");
	if (strnlen(t->comm, sizeof(t->comm)) == sizeof(t->comm))
		return bad(c, obj, "a name without its end");
	if (len != t->xstate || len > XSTATE_MAX)
		return bad(c, obj, "bad extended state");
	c->tids[c->count[TERN_OBJ_THREAD] - 1] = t->tid;
	return 0;
}

/* Of a time or a span of time: what the kernel itself can count. */
static bool is_time(__u64 ns)
{
	return ns <= LOW_BITS(63);
}

static int check_times(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_times *t = tern_obj_payload(obj);
	const __u32 counted = 1U << ITIMER_VIRTUAL | 1U << ITIMER_PROF;
	unsigned int i;
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || t->reserved || t->armed > 1 || t->cpu_armed & ~counted ||
	    t->next_timer > LOW_BITS(31))
		return bad(c, obj, "a field is out of range");
	if (!is_time(t->monotonic) || !is_time(t->boottime))
		return bad(c, obj, "impossible time");
	for (i = 0; i < 3; i++)
		if (!is_time(t->itimer[i].expires) || !is_time(t->itimer[i].interval))
			return bad(c, obj, "impossible time");
	for (i = ITIMER_VIRTUAL; i <= ITIMER_PROF; i++)
		if (t->itimer[i].expires && !(t->cpu_armed >> i & 1))
			return bad(c, obj, "a timer that expires and is not armed");
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

static int check_timer(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_timer *t = tern_obj_payload(obj);
	bool thread = t->notify & SIGEV_THREAD_ID;
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || t->id < 0 || t->state & ~TERN_TIMER_STATES || t->again < 0)
		return bad(c, obj, "a field is out of range");
	if (!is_clock(t->clock))
		return bad(c, obj, "a clock that no timer can have");
	if (t->relative > (t->clock == CLOCK_REALTIME))
		return bad(c, obj, "a clock that cannot be set, as if it could");
	if (t->notify != SIGEV_NONE && t->notify != SIGEV_SIGNAL && t->notify != SIGEV_THREAD &&
	    t->notify != SIGEV_THREAD_ID)
		return bad(c, obj, "unknown way to notify");
	/* without a signal its number may be anything */
	if (t->notify != SIGEV_NONE && (!t->signo || t->signo > 64))
		return bad(c, obj, "impossible signal");
	if (thread != !!t->tid || t->tid < 0)
		return bad(c, obj, "a thread where none belongs, or none where one does");
	if (t->notify == SIGEV_NONE && t->state & TERN_TIMER_PENDING)
		return bad(c, obj, "a signal that is never sent");
	if (t->overrun < -1 || t->overrun_last < -1)
		return bad(c, obj, "impossible overrun");
	if (!is_time(t->expires) || !is_time(t->interval))
		return bad(c, obj, "impossible time");
	c->timers[c->count[TERN_OBJ_TIMER] - 1] = t->id;
	return 0;
}

static int check_end(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_end *end = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || end->reserved || end->objects != c->index + 1)
		return bad(c, obj, "wrong count of objects");
	return 0;
}

static int check_payload(struct check *c, const struct tern_obj *obj)
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
	case TERN_OBJ_MEMORY: return check_memory(c, obj);
	case TERN_OBJ_WATCH: return check_watch(c, obj);
	case TERN_OBJ_SOCKET: return check_socket(c, obj);
	case TERN_OBJ_LOCK: return check_lock(c, obj);
	default: return bad(c, obj, "unknown type");
	}
}

/* ---- what one object says about another --------------------------------- */

static int compare_s32(const void *a, const void *b)
{
	__s32 x = *(const __s32 *)a, y = *(const __s32 *)b;

	return (x > y) - (x < y);
}

static int compare_u32(const void *a, const void *b)
{
	__u32 x = *(const __u32 *)a, y = *(const __u32 *)b;

	return (x > y) - (x < y);
}

static int relate_counts(struct check *c)
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
					    kinds[once[i]].name);
	if (c->count[TERN_OBJ_THREAD] != c->task->nr_threads)
		return bad(c, NULL, "the number of threads is not that of the task");
	return 0;
}

static int relate_threads(struct check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_THREAD];

	qsort(c->tids, n, sizeof(*c->tids), compare_s32);
	for (i = 1; i < n; i++)
		if (c->tids[i] == c->tids[i - 1])
			return bad(c, NULL, "the same thread twice");
	if (!bsearch(&c->task->pid, c->tids, n, sizeof(*c->tids), compare_s32))
		return bad(c, NULL, "no thread is the leader");
	return 0;
}

/* As many as there are, and each other than the rest: then they are 1 to n. */
static int relate_descs(struct check *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_descs; i++)
		if (!c->descs[i])
			return bad(c, NULL, "ids of descriptions have gaps");
	return 0;
}

/* The type of the object that a description has beside DESC; 0: none. */
static unsigned int extra_type(const struct tern_obj_desc *d)
{
	switch (d->kind) {
	case TERN_DESC_EVENTFD:
	case TERN_DESC_SIGNALFD:
		return TERN_OBJ_EVENT;
	case TERN_DESC_TIMERFD:
		return TERN_OBJ_TIMERFD;
	case TERN_DESC_SOCKET:
		return TERN_OBJ_SOCKET;
	default:
		return 0;
	}
}

static int relate_extra(struct check *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_descs; i++)
		if (c->extra[i] != extra_type(c->descs[i]))
			return bad(c, NULL, "a description without its object, or with another's");
	return 0;
}

static int compare_pair(const void *a, const void *b)
{
	const struct tern_obj_socket *x = *(const struct tern_obj_socket *const *)a;
	const struct tern_obj_socket *y = *(const struct tern_obj_socket *const *)b;

	return (x->pair > y->pair) - (x->pair < y->pair);
}

/* Two ends each, of one type. */
static int relate_sockets(struct check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_SOCKET];

	qsort(c->sockets, n, sizeof(*c->sockets), compare_pair);
	for (i = 0; i < n && !c->sockets[i]->pair; i++)
		;
	for (; i < n; i += 2)
		if (i + 1 == n || c->sockets[i]->pair != c->sockets[i + 1]->pair ||
		    c->sockets[i]->type != c->sockets[i + 1]->type ||
		    (i + 2 < n && c->sockets[i]->pair == c->sockets[i + 2]->pair))
			return bad(c, NULL, "a pair of sockets that is none");
	return 0;
}

static int relate_pipes(struct check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_PIPE];

	qsort(c->pipes, n, sizeof(*c->pipes), compare_u32);
	for (i = 1; i < n; i++)
		if (c->pipes[i] == c->pipes[i - 1])
			return bad(c, NULL, "the same pipe twice");
	for (i = 0; i < c->nr_descs; i++)
		if (c->descs[i]->pipe &&
		    !bsearch(&c->descs[i]->pipe, c->pipes, n, sizeof(*c->pipes), compare_u32))
			return bad(c, NULL, "an end of a pipe that is not in the image");
	return 0;
}

static int relate_timers(struct check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_TIMER];

	qsort(c->timers, n, sizeof(*c->timers), compare_s32);
	for (i = 1; i < n; i++)
		if (c->timers[i] == c->timers[i - 1])
			return bad(c, NULL, "the same timer twice");
	return 0;
}

static bool is_thread(const struct check *c, __s32 tid)
{
	return bsearch(&tid, c->tids, c->count[TERN_OBJ_THREAD], sizeof(*c->tids), compare_s32);
}

/* Whoever gets its signals is the process, or one of its threads. */
static int relate_owner(struct check *c, const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	__s32 pid = TERN_OWNER_PID(d->owner);

	if (!pid || (TERN_OWNER_TYPE(d->owner) == F_OWNER_PID ? pid == c->task->pid :
		     !!bsearch(&pid, c->tids, c->count[TERN_OBJ_THREAD], sizeof(*c->tids),
			       compare_s32)))
		return 0;
	return bad(c, obj, "signals for an unknown thread");
}

/* Keys of mappings that were skipped have been looked at with an earlier image. */
static int relate_pkeys(struct check *c)
{
	return c->pkeys_used & ~c->pkeys ?
	       bad(c, NULL, "a mapping with a protection key that is not allocated") : 0;
}

/* References, once every object is known. */
static int relate(struct check *c, const struct tern_image *image)
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

		if (skipped(c, obj->type))
			continue;
		if (obj->type == TERN_OBJ_DESC && relate_owner(c, obj))
			return -EBADMSG;
		if (obj->type == TERN_OBJ_FD && (!f->desc || f->desc > c->nr_descs))
			return bad(c, obj, "a descriptor of nothing");
		if (obj->type == TERN_OBJ_LOCK &&
		    (!l->desc || l->desc > c->nr_descs ||
		     c->descs[l->desc - 1]->kind != TERN_DESC_FILE))
			return bad(c, obj, "a lock of something that is no file");
		if (obj->type == TERN_OBJ_WATCH &&
		    (!w->desc || w->desc > c->nr_descs ||
		     c->descs[w->desc - 1]->kind != TERN_DESC_INOTIFY))
			return bad(c, obj, "a watch of something that is no inotify instance");
		if (obj->type == TERN_OBJ_VMA && v->memory > c->room_memories)
			return bad(c, obj, "a mapping of nothing");
		if (obj->type == TERN_OBJ_SIGNAL && s->tid && !is_thread(c, s->tid))
			return bad(c, obj, "a signal for an unknown thread");
		if (obj->type == TERN_OBJ_TIMER && t->tid && !is_thread(c, t->tid))
			return bad(c, obj, "a timer for an unknown thread");
		if (obj->type == TERN_OBJ_TIMER && is_cpu_clock(t->clock) && t->clock & 4 &&
		    !is_thread(c, clock_tid(t->clock)))
			return bad(c, obj, "a clock of an unknown thread");
		if (obj->type != TERN_OBJ_EPOLL)
			continue;
		if (!e->desc || e->desc > c->nr_descs ||
		    c->descs[e->desc - 1]->kind != TERN_DESC_EPOLL)
			return bad(c, obj, "a registration with something that is not an epoll");
		if (!e->target || e->target > c->nr_descs || e->target == e->desc)
			return bad(c, obj, "a registration of nothing");
	}
	return 0;
}

/* ---- the check as a whole ------------------------------------------------ */

/* Header of the object at @data, of which @left bytes are there. */
static int check_header(struct check *c, const struct tern_obj *obj, size_t left)
{
	const struct kind *kind;

	if (left < sizeof(*obj))
		return bad(c, NULL, "cut off");
	if (obj->len < sizeof(*obj) || obj->len > left || pad8(obj->len) > left)
		return bad(c, obj, "impossible length");
	if (obj->reserved || obj->flags & ~TERN_OBJ_MAY_SKIP)
		return bad(c, obj, "a reserved field is not zero");
	if (!is_zero((const char *)obj + obj->len, pad8(obj->len) - obj->len))
		return bad(c, obj, "padding is not zero");
	if (!obj->type || obj->type >= __TERN_OBJ_MAX || !kinds[obj->type].name) {
		if (obj->flags & TERN_OBJ_MAY_SKIP)
			return 0;
		return bad(c, obj, "unknown type");
	}
	kind = &kinds[obj->type];
	if (obj->version != TERN_OBJ_VERSION)
		return bad(c, obj, "unknown version");
	if (obj->len - sizeof(*obj) < kind->fixed)
		return bad(c, obj, "too short");
	/* what is not looked at has no place in the tables either */
	if (!skipped(c, obj->type) && ++c->count[obj->type] > kind->most)
		return bad(c, obj, "too many of this type");
	return 0;
}

static int check_objects(struct check *c, const struct tern_image *image)
{
	size_t done = 0;
	bool ended = false;

	for (c->index = 0; done < image->len; c->index++) {
		const struct tern_obj *obj = (const void *)((const char *)image->data + done);
		int err = check_header(c, obj, image->len - done);

		if (err)
			return err;
		if (ended)
			return bad(c, obj, "something stands behind the end");
		if (!err && obj->type < __TERN_OBJ_MAX && kinds[obj->type].name &&
		    !skipped(c, obj->type))
			err = check_payload(c, obj);
		if (err)
			return err;
		ended = obj->type == TERN_OBJ_END;
		done += pad8(obj->len);
	}
	return ended ? 0 : bad(c, NULL, "cut off");
}

/*
 * As much as the image can need: what is made for the most that there may be
 * costs more than the check itself. Headers that do not fit end the count, and
 * the check will say so.
 */
static int make_room(struct check *c, const struct tern_image *image)
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
		if (obj->type == TERN_OBJ_FD && !skipped(c, TERN_OBJ_FD) && obj->len >= sizeof(*obj) + sizeof(*fd) &&
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
	c->sockets = calloc(nr[TERN_OBJ_SOCKET] + 1, sizeof(*c->sockets));
	return c->memories && c->sockets && c->extra && c->descs && c->fds && c->tids &&
	       c->timers && c->pipes ? 0 : -ENOMEM;
}

static int check_image(const struct tern_image *image, __u32 skip, struct tern_why *why)
{
	struct check c = { .why = why, .skip = skip };
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
		err = relate(&c, image);
out:
	free(c.sockets);
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
int tern_image_check_changes(const struct tern_image *image, __u32 types,
			     struct tern_why *why)
{
	const __u32 memory = 1U << TERN_OBJ_VMA | 1U << TERN_OBJ_MEMORY;
	__u32 skip = 0;

	if (!(types & memory))
		skip |= memory;
	if (!(types & TERN_FILES_TYPES))
		skip |= TERN_FILES_TYPES;
	return check_image(image, skip, why);
}

/* ---- adding ---------------------------------------------------------------- */

static int reserve(struct tern_image *image, size_t more)
{
	size_t size = image->size ? image->size : 65536;
	void *data;

	if (more > TERN_IMAGE_MAX || image->len + more > TERN_IMAGE_MAX)
		return -E2BIG;
	while (size < image->len + more)
		size *= 2;
	if (size == image->size)
		return 0;
	data = realloc(image->data, size);
	if (!data)
		return -ENOMEM;
	image->data = data;
	image->size = size;
	return 0;
}

/* The END object, if the image has one yet: it is always the last. */
static struct tern_obj *find_end(const struct tern_image *image)
{
	size_t len = sizeof(struct tern_obj) + sizeof(struct tern_obj_end);
	struct tern_obj *end;

	if (image->len < len)
		return NULL;
	end = (void *)((char *)image->data + image->len - len);
	return end->type == TERN_OBJ_END && end->len == len && !end->flags ? end : NULL;
}

/**
 * tern_image_add() - append an object before END, or at the end of an image
 * that has none yet
 * @image: its buffer grows when need be
 * @type: enum tern_obj_type
 * @payload: the fixed part
 * @payload_len: its size
 * @tail: what follows; may be NULL
 * @tail_len: its size
 *
 * Return: 0, -E2BIG, -ENOMEM.
 */
int tern_image_add(struct tern_image *image, unsigned int type,
		   const void *payload, size_t payload_len,
		   const void *tail, size_t tail_len)
{
	size_t len = sizeof(struct tern_obj) + payload_len + tail_len;
	struct tern_obj head = { .type = type, .version = TERN_OBJ_VERSION, .len = len };
	struct tern_obj *end;
	char *at;
	int err;

	if (payload_len > TERN_IMAGE_MAX || tail_len > TERN_IMAGE_MAX)
		return -E2BIG;
	err = reserve(image, pad8(len));
	if (err)
		return err;
	at = (char *)image->data + image->len;
	end = find_end(image);
	if (end) {
		((struct tern_obj_end *)(end + 1))->objects++;
		at = (char *)end;
		memmove(at + pad8(len), at, end->len);
	}
	memset(at, 0, pad8(len));
	memcpy(at, &head, sizeof(head));
	if (payload_len)
		memcpy(at + sizeof(head), payload, payload_len);
	if (tail_len)
		memcpy(at + sizeof(head) + payload_len, tail, tail_len);
	image->len += pad8(len);
	return 0;
}

/** tern_image_append_bytes() - append whole objects as they stand, END or no END */
int tern_image_append_bytes(struct tern_image *image, const void *bytes, size_t len)
{
	int err = reserve(image, len);

	if (err)
		return err;
	memcpy((char *)image->data + image->len, bytes, len);
	image->len += len;
	return 0;
}

/** tern_image_append() - append a copy of @obj as it stands, with its padding */
int tern_image_append(struct tern_image *image, const struct tern_obj *obj)
{
	return tern_image_append_bytes(image, obj, pad8(obj->len));
}

/** tern_image_reserve() - room for @more bytes, touched, so that none is made later */
int tern_image_reserve(struct tern_image *image, size_t more)
{
	int err = reserve(image, more);

	if (!err)
		memset((char *)image->data + image->len, 0, more);
	return err;
}

/** tern_image_free() - give the buffer back */
void tern_image_free(struct tern_image *image)
{
	free(image->data);
	memset(image, 0, sizeof(*image));
}
