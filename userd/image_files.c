// SPDX-License-Identifier: GPL-2.0
/*
 * The check of images: descriptors and their descriptions, and what belongs to one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

#include "image_check.h"

#define PIPE_CAPACITY	(32U << 20)

static bool is_terminal(const struct tern_obj_desc *d)
{
	return d->kind == TERN_DESC_MASTER || d->kind == TERN_DESC_SLAVE;
}

static int check_desc_path(struct image_check *c, const struct tern_obj *obj,
			   const struct tern_obj_desc *d)
{
	size_t len;
	const char *path = tern_obj_tail(obj, &len);

	if (len != d->path)
		return check_bad(c, obj, "bad path");
	switch (d->kind) {
	case TERN_DESC_FILE:
		if (!check_is_path(path, len))
			return check_bad(c, obj, "bad path of a file");
		if (!S_ISREG(d->mode) && !S_ISDIR(d->mode))
			return check_bad(c, obj, "neither a file nor a directory");
		return 0;
	case TERN_DESC_PATH:
		if (!check_is_path(path, len) || !(d->flags & O_PATH))
			return check_bad(c, obj, "bad path");
		return 0;
	case TERN_DESC_DEVICE:
		if (!check_is_path(path, len) || strncmp(path, "/dev/", 5))
			return check_bad(c, obj, "bad path of a device");
		if (!S_ISCHR(d->mode))
			return check_bad(c, obj, "not a character device");
		return 0;
	default:
		if (len && !check_is_path(path, len))
			return check_bad(c, obj, "bad path");
		return 0;
	}
}

static bool owner_possible(__u64 owner)
{
	return TERN_OWNER_TYPE(owner) <= F_OWNER_PID && TERN_OWNER_SIGNAL(owner) <= 64 &&
	       TERN_OWNER_PID(owner) >= 0;
}

int check_desc(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	if (!d->id || d->id > c->room || c->descs[d->id - 1])
		return check_bad(c, obj, "the same id twice, or an impossible one");
	if (d->kind < TERN_DESC_FILE || d->kind > TERN_DESC_NETLINK)
		return check_bad(c, obj, "unknown kind of description");
	if (!owner_possible(d->owner) || (d->flags & O_ACCMODE) == O_ACCMODE)
		return check_bad(c, obj, "a field is out of range");
	if (tern_desc_is_elsewhere(d) && (d->dev < 1 || d->dev > INT_MAX || d->ino >= FD_MAX))
		return check_bad(c, obj, "an impossible place where it is");
	if (is_terminal(d) && (d->dev || d->ino >= TERN_TERMINALS_MAX))
		return check_bad(c, obj, "an impossible terminal");
	if (d->pos > LOW_BITS(63) || d->size > LOW_BITS(63))
		return check_bad(c, obj, "impossible position or size");
	if (!!d->pipe != (d->kind == TERN_DESC_PIPE || d->kind == TERN_DESC_CARRIED))
		return check_bad(c, obj, "a number of a pipe or file where none belongs, or none where one does");
	c->descs[d->id - 1] = d;
	c->nr_descs++;
	return check_desc_path(c, obj, d);
}

int check_fd(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_fd *f = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || f->reserved || f->cloexec > 1)
		return check_bad(c, obj, "a field is out of range");
	if (f->fd < 0 || f->fd >= FD_MAX)
		return check_bad(c, obj, "impossible descriptor");
	if (c->fds[f->fd / 8] & 1 << f->fd % 8)
		return check_bad(c, obj, "the same descriptor twice");
	c->fds[f->fd / 8] |= 1 << f->fd % 8;
	return 0;
}

int check_pipe(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_pipe *p = tern_obj_payload(obj);
	__u32 sum = 0, i;
	const __u32 *sizes;
	size_t len;

	sizes = tern_obj_tail(obj, &len);
	if (!p->pipe)
		return check_bad(c, obj, "a field is out of range");
	if (p->capacity < PAGE || p->capacity > PIPE_CAPACITY || p->capacity % PAGE)
		return check_bad(c, obj, "impossible capacity");
	if (p->data > p->capacity || p->pieces > p->capacity / PAGE ||
	    len != p->data + p->pieces * sizeof(*sizes))
		return check_bad(c, obj, "bad contents");
	for (i = 0; i < p->pieces; i++) {
		__u32 size = sizes[i] & ~TERN_PIPE_PACKET;

		if (!size || size > p->data - sum || (size != sizes[i] && size > PAGE))
			return check_bad(c, obj, "bad pieces");
		sum += size;
	}
	if (p->pieces && sum != p->data)
		return check_bad(c, obj, "bad pieces");
	c->pipes[c->count[TERN_OBJ_PIPE] - 1] = p->pipe;
	return 0;
}

int check_epoll(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_epoll *e = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || e->fd < 0 || e->fd >= FD_MAX)
		return check_bad(c, obj, "a field is out of range");
	return 0;
}

/* Belongs to a description, as each of them that may has exactly one. */
int check_extra(struct image_check *c, const struct tern_obj *obj, __u32 desc)
{
	if (!desc || desc > c->room || c->extra[desc - 1])
		return check_bad(c, obj, "of no description, or the second of one");
	c->extra[desc - 1] = obj->type;
	return 0;
}

int check_event(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_event *e = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || e->flags & ~TERN_EVENT_SEMAPHORE)
		return check_bad(c, obj, "a field is out of range");
	return check_extra(c, obj, e->desc);
}

int check_timerfd(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_timerfd *t = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || t->reserved || t->flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return check_bad(c, obj, "a field is out of range");
	if (t->clock != CLOCK_REALTIME && t->clock != CLOCK_MONOTONIC &&
	    t->clock != CLOCK_BOOTTIME && t->clock != CLOCK_REALTIME_ALARM &&
	    t->clock != CLOCK_BOOTTIME_ALARM)
		return check_bad(c, obj, "unknown clock");
	if (t->expires > TIME_MAX || t->interval > TIME_MAX)
		return check_bad(c, obj, "impossible time");
	return check_extra(c, obj, t->desc);
}

int check_terminal(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_terminal *t = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (t->reserved || t->index >= TERN_TERMINALS_MAX || t->flags & ~TERN_TERMINAL_FLAGS_ALL ||
	    t->session < 0 || t->group < 0 || t->fd < 0 || t->fd >= FD_MAX)
		return check_bad(c, obj, "a field is out of range");
	if (t->input >= TERN_TERMINAL_BYTES || t->output >= TERN_TERMINAL_BYTES ||
	    len != t->input + t->output)
		return check_bad(c, obj, "bad contents");
	return check_extra(c, obj, t->desc);
}

static int check_messages(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_socket *k = tern_obj_payload(obj);
	const struct tern_message *m;
	__u32 sum = 0, rights = 0, i;
	size_t len;

	m = tern_obj_tail(obj, &len);
	if (k->data > TERN_SOCKET_DATA_MAX || k->messages > TERN_SOCKET_DATA_MAX ||
	    k->rights > TERN_SOCKET_DATA_MAX ||
	    len != k->messages * sizeof(*m) + k->rights * sizeof(__u32) + k->data + k->name +
	    k->path)
		return check_bad(c, obj, "bad contents");
	for (i = 0; i < k->messages; i++) {
		if (m[i].rights > TERN_RIGHTS_MAX || m[i].rights > k->rights - rights)
			return check_bad(c, obj, "descriptors under way that are not there");
		rights += m[i].rights;
		if (m[i].len > k->data - sum || (!m[i].len && k->type == SOCK_STREAM))
			return check_bad(c, obj, "a message of impossible length");
		if (m[i].pid < 0 || m[i].uid == ~0U || m[i].gid == ~0U)
			return check_bad(c, obj, "a message from somebody else");
		sum += m[i].len;
	}
	return sum == k->data && rights == k->rights ? 0 : check_bad(c, obj, "bad contents");
}

/* What must be told apart: a name in the file system has a place there, no other has. */
static int check_socket_path(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_socket *k = tern_obj_payload(obj);
	const char *name = tern_socket_data(k) + k->data;

	if (k->flags & TERN_SOCKET_CALLS)
		return k->type == SOCK_DGRAM && k->path && !k->mode && !k->uid && !k->gid && !k->ino &&
		       check_is_path(name, k->path) && name[k->path - 2] != '/' ? 0 :
		       check_bad(c, obj, "a bad path of a socket that is called");
	if (!(k->name && *name) != !k->path)
		return check_bad(c, obj, "a name in the file system without a place, or the other way round");
	if (!k->path)
		return k->mode || k->uid || k->gid || k->ino ?
		       check_bad(c, obj, "an owner where there is no file") : 0;
	if (!S_ISSOCK(k->mode) || k->uid == ~0U || k->gid == ~0U)
		return check_bad(c, obj, "a file that is no socket, or nobody's");
	return check_is_path(name + k->name, k->path) && name[k->name + k->path - 2] != '/' ? 0 :
	       check_bad(c, obj, "bad path of a socket");
}

int check_socket(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_socket *k = tern_obj_payload(obj);
	__u32 ends = k->flags & (TERN_SOCKET_PAIR | TERN_SOCKET_BEREFT | TERN_SOCKET_CALLS);

	if (k->type != SOCK_STREAM && k->type != SOCK_DGRAM && k->type != SOCK_SEQPACKET)
		return check_bad(c, obj, "unknown type");
	if (k->flags & ~TERN_SOCKET_FLAGS_ALL || k->reserved || k->shutdown > 3 || k->peek_off < -1 ||
	    k->name > TERN_SOCKET_NAME_MAX || k->path > TERN_PATH_MAX ||
	    k->sndbuf > INT_MAX || k->rcvbuf > INT_MAX ||
	    k->rcvtimeo > TIME_MAX || k->sndtimeo > TIME_MAX)
		return check_bad(c, obj, "a field is out of range");
	if ((ends & (ends - 1)) || !k->pair != !(ends & TERN_SOCKET_PAIR) ||
	    (k->messages && !(ends & ~TERN_SOCKET_CALLS)))
		return check_bad(c, obj, "a pair where none can be, or none where one must be");
	if ((k->name && ends) || (k->flags & TERN_SOCKET_LISTENS && !k->name))
		return check_bad(c, obj, "a name where none can be, or none where one must be");
	c->sockets[c->count[TERN_OBJ_SOCKET] - 1] = k;
	if (check_messages(c, obj) || check_socket_path(c, obj))
		return -EBADMSG;
	return check_extra(c, obj, k->desc);
}

int check_peer(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_peer *p = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (p->fd < 0 || p->fd >= FD_MAX || p->pid < 0 || p->reserved ||
	    (p->uid == ~0U) != (p->gid == ~0U) || (p->uid == ~0U && p->pid))
		return check_bad(c, obj, "a field is out of range");
	return p->name > TERN_SOCKET_NAME_MAX || len != p->name ?
	       check_bad(c, obj, "bad name") : 0;
}

int check_barrier(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_barrier *b = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	return len || b->fd < 0 || b->fd >= FD_MAX || b->flags & ~TERN_BARRIER_UNWRITTEN ?
	       check_bad(c, obj, "a field is out of range") : 0;
}

int check_lock(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_lock *l = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || l->reserved || l->write > 1 || l->kind < TERN_LOCK_FLOCK ||
	    l->kind > TERN_LOCK_OFD)
		return check_bad(c, obj, "a field is out of range");
	if (l->start > LOW_BITS(63) || l->len > LOW_BITS(63) - l->start ||
	    (l->kind == TERN_LOCK_FLOCK && (l->start || l->len)))
		return check_bad(c, obj, "an impossible range");
	return 0;
}

int check_watch(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_watch *w = tern_obj_payload(obj), *last = c->watch;
	size_t len;
	const char *path = tern_obj_tail(obj, &len);

	if (!w->wd || w->wd > TERN_WATCH_MAX ||
	    w->mask & ~(IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT) || !(w->mask & IN_ALL_EVENTS))
		return check_bad(c, obj, "a field is out of range");
	if (last && (w->desc < last->desc || (w->desc == last->desc && w->wd <= last->wd)))
		return check_bad(c, obj, "watches are out of order");
	if (len != w->path || !check_is_path(path, len))
		return check_bad(c, obj, "bad path");
	c->watch = w;
	return 0;
}

/* As many as there are, and each other than the rest: then they are 1 to n. */
int relate_descs(struct image_check *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_descs; i++)
		if (!c->descs[i])
			return check_bad(c, NULL, "ids of descriptions have gaps");
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
	case TERN_DESC_MASTER:
		return TERN_OBJ_TERMINAL;
	case TERN_DESC_INET:
		return TERN_OBJ_INET;
	case TERN_DESC_NETLINK:
		return TERN_OBJ_NETLINK;
	default:
		return 0;
	}
}

int relate_extra(struct image_check *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_descs; i++)
		if (c->extra[i] != extra_type(c->descs[i]))
			return check_bad(c, NULL, "a description without its object, or with another's");
	return 0;
}

static int compare_pair(const void *a, const void *b)
{
	const struct tern_obj_socket *x = *(const struct tern_obj_socket *const *)a;
	const struct tern_obj_socket *y = *(const struct tern_obj_socket *const *)b;

	return (x->pair > y->pair) - (x->pair < y->pair);
}

static int relate_queue(struct image_check *c, const struct tern_obj_socket *k)
{
	const __u32 *right = tern_socket_rights(k);
	unsigned int i;

	for (i = 0; i < k->rights; i++) {
		if (!right[i] || right[i] > c->nr_descs)
			return check_bad(c, NULL, "nothing that is under way");
		if (c->carries[right[i] - 1])
			return check_bad(c, NULL, "sockets under way, to which others are");
	}
	return 0;
}

/* What is under way can be made before the sockets to which it is. */
static int relate_rights(struct image_check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_SOCKET];
	int err = 0;

	/* the two ends follow each other, and are filled at once */
	for (i = 0; i < n; i++) {
		const struct tern_obj_socket *k = c->sockets[i];
		const struct tern_obj_socket *last = i ? c->sockets[i - 1] : k;
		bool mates = k->pair && k->pair == last->pair;

		c->carries[k->desc - 1] |= k->rights || (mates && last->rights);
		if (mates)
			c->carries[last->desc - 1] |= !!k->rights;
	}
	for (i = 0; i < n && !err; i++)
		err = relate_queue(c, c->sockets[i]);
	return err;
}

/* Two ends each, of one type. */
int relate_sockets(struct image_check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_SOCKET];

	qsort(c->sockets, n, sizeof(*c->sockets), compare_pair);
	for (i = 0; i < n && !c->sockets[i]->pair; i++)
		;
	for (; i < n; i += 2)
		if (i + 1 == n || c->sockets[i]->pair != c->sockets[i + 1]->pair ||
		    c->sockets[i]->type != c->sockets[i + 1]->type ||
		    (i + 2 < n && c->sockets[i]->pair == c->sockets[i + 2]->pair))
			return check_bad(c, NULL, "a pair of sockets that is none");
	return relate_rights(c);
}

int relate_pipes(struct image_check *c)
{
	unsigned int i, n = c->count[TERN_OBJ_PIPE];

	qsort(c->pipes, n, sizeof(*c->pipes), check_compare_u32);
	for (i = 1; i < n; i++)
		if (c->pipes[i] == c->pipes[i - 1])
			return check_bad(c, NULL, "the same pipe twice");
	for (i = 0; i < c->nr_descs; i++)
		if (c->descs[i]->kind == TERN_DESC_PIPE &&
		    !bsearch(&c->descs[i]->pipe, c->pipes, n, sizeof(*c->pipes), check_compare_u32))
			return check_bad(c, NULL, "an end of a pipe that is not in the image");
	return 0;
}

/* Whoever gets its signals is the process, or one of its threads. */
int relate_owner(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	__s32 pid = TERN_OWNER_PID(d->owner);

	if (tern_desc_is_elsewhere(d) && (!c->task->parent || d->dev == (__u64)c->task->pid))
		return check_bad(c, obj, "of a process of a tree that it does not have");
	if (!pid || (TERN_OWNER_TYPE(d->owner) == F_OWNER_PID ? pid == c->task->pid :
		     check_is_thread(c, pid)))
		return 0;
	return check_bad(c, obj, "signals for an unknown thread");
}
