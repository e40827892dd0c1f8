// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors: the steps around all kinds of descriptions (script_fds.h), and the
 * order in which they come. The shell's own descriptors move above the migrant's
 * first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "script_fds.h"

#define OWN_MIN		64	/* above what the shell has open before */
#define OWN_ROOM	16	/* its own, and a few at a time in between */

static const struct script_kind *const kinds[] = {
	[TERN_DESC_FILE] = &script_file,
	[TERN_DESC_DEVICE] = &script_device,
	[TERN_DESC_EPOLL] = &script_epoll,
	[TERN_DESC_NULL] = &script_null,
	[TERN_DESC_EVENTFD] = &script_eventfd,
	[TERN_DESC_SIGNALFD] = &script_signalfd,
	[TERN_DESC_TIMERFD] = &script_timerfd,
	[TERN_DESC_PATH] = &script_named,
	[TERN_DESC_INOTIFY] = &script_inotify,
	[TERN_DESC_SOCKET] = &script_socket,
	[TERN_DESC_CARRIED] = &script_carried,
	[TERN_DESC_TAKEN] = &script_taken,
	[TERN_DESC_REOPENED] = &script_reopened,
	[TERN_DESC_MASTER] = &script_master,
	[TERN_DESC_SLAVE] = &script_slave,
	[TERN_DESC_MATE] = &script_mated,
	[TERN_DESC_INET] = &script_inet,
	[TERN_DESC_NETLINK] = &script_netlink,
};

/* Of pipes there is none: they are made with all of their ends. */
static const struct script_kind *kind_of(const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	return d->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[d->kind] : NULL;
}

/* ---- an index ------------------------------------------------------------------ */

static int compare_fd(const void *a, const void *b)
{
	const struct tern_obj_fd *x = *(const struct tern_obj_fd *const *)a;
	const struct tern_obj_fd *y = *(const struct tern_obj_fd *const *)b;

	if (x->desc != y->desc)
		return x->desc < y->desc ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

static int compare_end(const void *a, const void *b)
{
	const struct tern_obj_desc *x = tern_obj_payload(*(const struct tern_obj *const *)a);
	const struct tern_obj_desc *y = tern_obj_payload(*(const struct tern_obj *const *)b);

	if (x->pipe != y->pipe)
		return x->pipe < y->pipe ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int compare_socket(const void *a, const void *b)
{
	const struct tern_obj_socket *x = tern_obj_payload(*(const struct tern_obj *const *)a);
	const struct tern_obj_socket *y = tern_obj_payload(*(const struct tern_obj *const *)b);

	if (x->pair != y->pair)
		return x->pair < y->pair ? -1 : 1;
	return (x->desc > y->desc) - (x->desc < y->desc);
}

/* Objects that belong to one description start with its id. */
static void index_extra(struct script_fds *fds, const struct tern_obj *obj)
{
	const struct tern_obj_event *e = tern_obj_payload(obj);

	switch (obj->type) {
	case TERN_OBJ_EVENT:
	case TERN_OBJ_TIMERFD:
	case TERN_OBJ_SOCKET:
	case TERN_OBJ_TERMINAL:
	case TERN_OBJ_INET:
	case TERN_OBJ_NETLINK:
		fds->extra[e->desc] = obj;
		break;
	}
}

static void index_object(struct script_fds *fds, const struct tern_obj *obj, int *max)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_obj_epoll *reg = tern_obj_payload(obj);
	const struct tern_obj_fd *fd = tern_obj_payload(obj);
	const struct tern_obj_option *o = tern_obj_payload(obj);
	const struct tern_obj_interface *i = tern_obj_payload(obj);

	switch (obj->type) {
	case TERN_OBJ_INTERFACE:
		if (!fds->interface[i->desc])
			fds->interface[i->desc] = obj;
		break;
	case TERN_OBJ_OPTION:
		if (!fds->option[o->desc])
			fds->option[o->desc] = obj;
		break;
	case TERN_OBJ_DESC:
		fds->desc[d->id] = obj;
		if (d->kind == TERN_DESC_PIPE)
			fds->end[fds->nr_ends++] = obj;
		break;
	case TERN_OBJ_SOCKET:
		fds->socket[fds->nr_sockets++] = obj;
		break;
	case TERN_OBJ_FD:
		fds->fd[fds->nr++] = fd;
		*max = fd->fd > *max ? fd->fd : *max;
		break;
	case TERN_OBJ_EPOLL:
		/* it may be closed, and is needed for a moment all the same */
		*max = reg->fd > *max ? reg->fd : *max;
		break;
	}
}

static void index_fds(struct script_fds *fds)
{
	unsigned int i = 0, id;

	qsort(fds->fd, fds->nr, sizeof(*fds->fd), compare_fd);
	for (id = 1; id <= fds->nr_descs + 1; id++) {
		fds->first[id] = i;
		while (i < fds->nr && fds->fd[i]->desc == id)
			i++;
	}
}

/*
 * What has no descriptor: another process of the tree has it, and takes it from here, or it
 * is under way. Most have neither.
 */
static int number_spares(struct script_fds *fds)
{
	unsigned int id, i;

	if (!fds->nr_sockets)
		return 0;
	fds->spare = calloc(fds->nr_descs + 1, sizeof(*fds->spare));
	if (!fds->spare)
		return -ENOMEM;
	for (id = 1; id <= fds->nr_descs; id++)
		if (script_fd_of(fds, id) < 0)
			fds->spare[fds->nr_spares++].desc = id;
	for (i = 0; i < fds->nr_spares; i++) {
		fds->spare[i].fd = fds->above + i;
		fds->spare[i].cloexec = 1;
		fds->fd[fds->nr++] = &fds->spare[i];
	}
	index_fds(fds);
	return 0;
}

static int collect(struct script_fds *fds, const struct tern_dress *dress)
{
	const struct tern_obj *obj = NULL;
	int max = -1;

	fds->dress = dress;
	fds->nr_descs = tern_image_count(dress->image, TERN_OBJ_DESC);
	fds->fd = calloc(tern_image_count(dress->image, TERN_OBJ_FD) + fds->nr_descs + 1,
			 sizeof(*fds->fd));
	fds->first = calloc(fds->nr_descs + 2, sizeof(*fds->first));
	fds->desc = calloc(fds->nr_descs + 1, sizeof(*fds->desc));
	fds->extra = calloc(fds->nr_descs + 1, sizeof(*fds->extra));
	fds->option = calloc(fds->nr_descs + 1, sizeof(*fds->option));
	fds->interface = calloc(fds->nr_descs + 1, sizeof(*fds->interface));
	fds->end = calloc(fds->nr_descs + 1, sizeof(*fds->end));
	fds->socket = calloc(fds->nr_descs + 1, sizeof(*fds->socket));
	if (!fds->fd || !fds->first || !fds->desc || !fds->extra || !fds->option ||
	    !fds->interface || !fds->end || !fds->socket)
		return -ENOMEM;
	while ((obj = tern_image_next(dress->image, obj))) {
		index_object(fds, obj, &max);
		index_extra(fds, obj);
	}
	qsort(fds->end, fds->nr_ends, sizeof(*fds->end), compare_end);
	qsort(fds->socket, fds->nr_sockets, sizeof(*fds->socket), compare_socket);
	index_fds(fds);
	fds->above = max + 1;
	if (number_spares(fds))
		return -ENOMEM;
	fds->high = fds->above + fds->nr_spares;
	if (fds->high < OWN_MIN)
		fds->high = OWN_MIN;
	return 0;
}

/* Of an image that was worn no more is needed to go on from it. */
static int collect_extra(struct script_fds *fds, const struct tern_dress *worn)
{
	const struct tern_obj *obj = NULL;

	fds->dress = worn;
	fds->nr_descs = tern_image_count(worn->image, TERN_OBJ_DESC);
	fds->extra = calloc(fds->nr_descs + 1, sizeof(*fds->extra));
	if (!fds->extra)
		return -ENOMEM;
	while ((obj = tern_image_next(worn->image, obj)))
		index_extra(fds, obj);
	return 0;
}

static void drop(struct script_fds *fds)
{
	free(fds->stays);
	free(fds->spare);
	free(fds->socket);
	free(fds->end);
	free(fds->interface);
	free(fds->option);
	free(fds->extra);
	free(fds->desc);
	free(fds->first);
	free(fds->fd);
}

/** script_fd_of() - a descriptor of description @id, -1: none */
int script_fd_of(const struct script_fds *fds, __u32 id)
{
	return fds->first[id] < fds->first[id + 1] ? fds->fd[fds->first[id]]->fd : -1;
}

/** script_extra() - payload of the object that description @id has beside DESC */
const void *script_extra(const struct script_fds *fds, __u32 id)
{
	return tern_obj_payload(fds->extra[id]);
}

/* ---- steps that every kind needs ------------------------------------------------ */

/** script_close() - close what is in a slot */
void script_close(struct tern_script *s, unsigned int slot)
{
	SCRIPT(s, NULL, SYS_close, slot)->slots = 1 << 0;
}

/** script_lift() - from slot @low to @high, out of the way of the migrant's numbers */
void script_lift(struct tern_script *s, const struct script_fds *fds, unsigned int low,
		 unsigned int high)
{
	struct shell_op *op;

	op = SCRIPT(s, "no free descriptor", SYS_fcntl, low, F_DUPFD_CLOEXEC, fds->high);
	op->slots = 1 << 0;
	op->out = high;
	script_close(s, low);
}

/** script_spread() - to all descriptors of description @id; slot @high is closed */
void script_spread(struct tern_script *s, const struct script_fds *fds, __u32 id,
		   unsigned int high)
{
	unsigned int i;

	for (i = fds->first[id]; i < fds->first[id + 1]; i++)
		SCRIPT(s, "a descriptor could not be put in place", SYS_dup3, high,
		       fds->fd[i]->fd, fds->fd[i]->cloexec ? O_CLOEXEC : 0)->slots = 1 << 0;
	script_close(s, high);
}

/** script_set_flags() - what of @flags fcntl(2) can set, where it is clear */
void script_set_flags(struct tern_script *s, unsigned int slot, __u32 flags)
{
	if (flags & SETFL_FLAGS)
		SCRIPT(s, "the flags of a descriptor could not be set", SYS_fcntl, slot, F_SETFL,
		       flags & SETFL_FLAGS)->slots = 1 << 0;
}

/** script_place() - what has been made, in @slot, gets its flags and its descriptors */
void script_place(struct tern_script *s, const struct script_fds *fds,
		  const struct tern_obj_desc *d, unsigned int slot)
{
	script_set_flags(s, slot, d->flags);
	script_spread(s, fds, d->id, slot);
}

/* The shell's own, to @fds->high and above. */
static void move_own(struct tern_script *s, struct script_fds *fds, struct tern_dress *dress)
{
	bool become = dress->become;
	unsigned int slot;

	dress->own_fds = fds->high;
	for (slot = 0; slot < SHELL_SLOT_OWN; slot++) {
		__s32 old = tern_script_value(s, slot);

		if (slot == SHELL_SLOT_DEV && !become)
			continue;
		SCRIPT(s, "no free descriptor", SYS_dup3, slot, fds->high, O_CLOEXEC)->slots = 1;
		SCRIPT(s, NULL, SHELL_OP_STORE, tern_script_slot(s, slot), fds->high);
		SCRIPT(s, NULL, SYS_close, old);
		fds->high++;
	}
}

static void set_owner(struct tern_script *s, int fd, const struct tern_obj_desc *d)
{
	struct f_owner_ex owner = {
		.type = TERN_OWNER_TYPE(d->owner), .pid = TERN_OWNER_PID(d->owner),
	};

	if (owner.pid)
		SCRIPT(s, "the owner of a descriptor could not be set", SYS_fcntl, fd,
		       F_SETOWN_EX, tern_script_data(s, &owner, sizeof(owner)));
	if (TERN_OWNER_SIGNAL(d->owner))
		SCRIPT(s, "the signal of a descriptor could not be set", SYS_fcntl, fd, F_SETSIG,
		       TERN_OWNER_SIGNAL(d->owner));
	if (d->flags & O_ASYNC)
		SCRIPT(s, "the flags of a descriptor could not be set", SYS_fcntl, fd, F_SETFL,
		       d->flags & (SETFL_FLAGS | O_ASYNC));
}

static bool has_end(const struct tern_image *image)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *d = tern_obj_payload(obj);

		if (d->owner || d->flags & O_ASYNC)
			return true;
	}
	return tern_image_find(image, TERN_OBJ_LOCK, NULL) ||
	       tern_image_find(image, TERN_OBJ_INET, NULL);
}

static bool is_master(const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	return d->kind == TERN_DESC_MASTER;
}

/* What it was made from, if it is left where it is. */
static const struct tern_obj *stays(const struct script_fds *fds, const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	return fds->stays ? fds->stays[d->id] : NULL;
}

/* Those that are masters of a terminal, without which there are no slaves, or all others. */
static int build_kinds(struct tern_script *s, const struct script_fds *fds, bool masters,
		       struct tern_why *why)
{
	const struct tern_obj *obj = NULL;
	int err = 0;

	while (!err && (obj = tern_image_find(fds->dress->image, TERN_OBJ_DESC, obj))) {
		const struct script_kind *kind = kind_of(obj);

		if (kind && is_master(obj) == masters && !stays(fds, obj))
			err = kind->open(s, fds, obj, why);
	}
	return err;
}

/* So that others find them. */
static int note_spares(const struct script_fds *fds, struct tern_dress *dress)
{
	unsigned int i;

	dress->spare = calloc(fds->nr_spares + 1, sizeof(*dress->spare));
	if (!dress->spare)
		return -ENOMEM;
	for (i = 0; i < fds->nr_spares; i++) {
		const struct tern_obj_desc *d = tern_obj_payload(fds->desc[fds->spare[i].desc]);
		const struct tern_obj_socket *mate = d->kind == TERN_DESC_SOCKET ?
			script_mate(fds, script_extra(fds, d->id)) : NULL;

		/* nobody else's would be known */
		if (mate)
			dress->spare[dress->nr_spares++] = (struct tern_spare){
				.pid = dress->task->pid, .fd = script_fd_of(fds, mate->desc),
				.number = fds->spare[i].fd,
			};
	}
	return 0;
}

/* All of them, where there are none but those that stay. */
static int build(struct tern_script *s, const struct script_fds *fds, struct tern_dress *dress,
		 struct tern_why *why)
{
	const struct tern_image *image = dress->image;
	const struct tern_obj *obj = NULL;
	int err = note_spares(fds, dress);

	dress->anew = true;
	dress->end_fds = fds->above;
	if (!err)
		err = build_kinds(s, fds, true, why);
	if (!err)
		err = build_kinds(s, fds, false, why);
	while (!err && (obj = tern_image_find(image, TERN_OBJ_PIPE, obj)))
		err = script_pipe(s, fds, obj, why);
	if (!err)
		script_sockets_with_rights(s, fds);
	while (!err && (obj = tern_image_find(image, TERN_OBJ_EPOLL, obj)))
		script_epoll_add(s, fds, tern_obj_payload(obj));
	if (!err)
		script_watches(s, fds);
	return err;
}

static int too_high(const struct script_fds *fds, const struct tern_dress *dress,
		    struct tern_why *why)
{
	if (fds->high + OWN_ROOM <= dress->nr_open)
		return 0;
	return tern_why_set(why, -EMFILE,
			    "the process has a descriptor %u, above what fs.nr_open of %s leaves room for",
			    fds->high - 1, dress->host);
}

/**
 * tern_script_files() - all descriptors of the migrant
 * @s: the writer
 * @dress: the rest
 * @why: sentence
 */
int tern_script_files(struct tern_script *s, struct tern_dress *dress, struct tern_why *why)
{
	struct script_fds fds = { 0 };
	int err;

	err = collect(&fds, dress);
	if (!err)
		err = too_high(&fds, dress, why);
	if (!err) {
		tern_script_limits_open(s, dress, fds.high + OWN_ROOM);
		move_own(s, &fds, dress);
		s->again = false;
		err = build(s, &fds, dress, why);
	}
	drop(&fds);
	return err;
}

static void lock_some(struct tern_script *s, const struct script_fds *fds, bool posix)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(fds->dress->image, TERN_OBJ_LOCK, obj))) {
		const struct tern_obj_lock *lock = tern_obj_payload(obj);

		if ((lock->kind == TERN_LOCK_POSIX) == posix)
			script_lock(s, fds, lock);
	}
}

/*
 * To close any descriptor of a file ends all locks that the process has on it by fcntl(2),
 * so what is only under way is closed before these are taken: it has been sent.
 */
static void lock_all(struct tern_script *s, const struct script_fds *fds)
{
	const struct tern_obj_desc *d;
	unsigned int i;

	lock_some(s, fds, false);
	for (i = 0; i < fds->nr_spares; i++) {
		d = tern_obj_payload(fds->desc[fds->spare[i].desc]);
		/* the other end of a socket is for another process to take */
		if (d->kind != TERN_DESC_SOCKET)
			SCRIPT(s, NULL, SYS_close, fds->spare[i].fd);
	}
	lock_some(s, fds, true);
}

/**
 * tern_script_files_end() - what must not work before everything else is in place
 * @s: the writer
 * @dress: the last image
 *
 * Whose signals a description sends, for those that the shell causes would be the
 * migrant's; locks, which a draft would keep from others for long; and sockets that listen, or
 * are sent to, for whoever does must find the migrant.
 */
int tern_script_files_end(struct tern_script *s, struct tern_dress *dress)
{
	struct script_fds fds = { 0 };
	unsigned int id;
	int err;

	if (!has_end(dress->image))
		return 0;
	err = collect(&fds, dress);
	for (id = 1; !err && id <= fds.nr_descs; id++)
		if (script_fd_of(&fds, id) >= 0)
			set_owner(s, script_fd_of(&fds, id), tern_obj_payload(fds.desc[id]));
	if (!err) {
		script_inet_end(s, &fds);
		lock_all(s, &fds);
	}
	drop(&fds);
	return err;
}

/* ---- from one image to the next -------------------------------------------------- */

/* Objects of one type in two images, in step. False: one has more of them. */
static bool next_pair(const struct tern_image *a, const struct tern_image *b, unsigned int type,
		      const struct tern_obj **x, const struct tern_obj **y)
{
	*x = tern_image_find(a, type, *x);
	*y = tern_image_find(b, type, *y);
	return !*x == !*y;
}

/* The same description, but for its id, where it stands, and what fcntl(2) can set? */
static bool same_desc(const struct tern_obj *x, const struct tern_obj *y)
{
	struct tern_obj_desc a = *(const struct tern_obj_desc *)tern_obj_payload(x);
	struct tern_obj_desc b = *(const struct tern_obj_desc *)tern_obj_payload(y);
	size_t len, other;
	const char *path = tern_obj_tail(x, &len), *name = tern_obj_tail(y, &other);

	a.id = b.id;
	a.pos = b.pos;
	a.size = b.size;
	a.flags = (a.flags & ~(SETFL_FLAGS | O_ASYNC)) | (b.flags & (SETFL_FLAGS | O_ASYNC));
	a.owner = b.owner;
	return len == other && !memcmp(path, name, len) && !memcmp(&a, &b, sizeof(a));
}

/* Do descriptors and registrations mean the same by its id? */
static bool same_id(const struct tern_obj *x, const struct tern_obj *y)
{
	const struct tern_obj_desc *a = tern_obj_payload(x), *b = tern_obj_payload(y);

	return a->id == b->id;
}

/* Of files that move it is the stash that says whether one is still the same. */
static bool same_stash(const struct tern_dress *a, const struct tern_dress *b,
		       const struct tern_obj *desc)
{
	const struct tern_obj_desc *d = tern_obj_payload(desc);

	return d->kind != TERN_DESC_CARRIED ||
	       !strcmp(a->stash_path[d->pipe - 1], b->stash_path[d->pipe - 1]);
}

/* Has it taken a description that is not the one any more? */
static bool took_old(const struct tern_dress *worn, const struct tern_dress *dress)
{
	const struct tern_obj *obj = NULL;

	if (worn->taken == dress->taken)
		return false;
	while ((obj = tern_image_find(dress->image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *d = tern_obj_payload(obj);

		if (tern_desc_is_elsewhere(d) || d->kind == TERN_DESC_SLAVE)
			return true;
	}
	return false;
}

/* All of a type, to the last byte. */
static bool same_objects(const struct tern_image *a, const struct tern_image *b, unsigned int type)
{
	const struct tern_obj *x = NULL, *y = NULL;

	do {
		if (!next_pair(a, b, type, &x, &y) ||
		    (x && (x->len != y->len || memcmp(x, y, x->len))))
			return false;
	} while (x);
	return true;
}

/* Can every descriptor stay where it is? */
static bool same_shape(const struct tern_dress *worn, const struct tern_dress *dress)
{
	const struct tern_image *a = worn->image, *b = dress->image;
	const struct tern_obj *x = NULL, *y = NULL;

	if (took_old(worn, dress))
		return false;
	do {
		if (!next_pair(a, b, TERN_OBJ_FD, &x, &y) ||
		    (x && memcmp(tern_obj_payload(x), tern_obj_payload(y),
				 sizeof(struct tern_obj_fd))))
			return false;
	} while (x);
	do {
		if (!next_pair(a, b, TERN_OBJ_DESC, &x, &y) ||
		    (x && (!same_id(x, y) || !same_desc(x, y) || !same_stash(worn, dress, y))))
			return false;
	} while (x);
	do {
		if (!next_pair(a, b, TERN_OBJ_PIPE, &x, &y) || (x && !script_pipe_same(x, y)))
			return false;
	} while (x);
	return same_objects(a, b, TERN_OBJ_WATCH) && same_objects(a, b, TERN_OBJ_OPTION) &&
	       same_objects(a, b, TERN_OBJ_INTERFACE);
}

static int alter_desc(struct tern_script *s, const struct script_fds *was,
		      const struct script_fds *fds, const struct tern_obj *old,
		      const struct tern_obj *new)
{
	const struct tern_obj_desc *a = tern_obj_payload(old), *b = tern_obj_payload(new);
	const struct script_kind *kind = kind_of(new);
	int fd = script_fd_of(fds, b->id), ret = 1;

	if (fd < 0)
		return 1;
	if (kind && kind->alter)
		ret = kind->alter(s, was, fds, old, new);
	if (ret == 1 && (a->flags ^ b->flags) & SETFL_FLAGS)
		SCRIPT(s, "the flags of a descriptor could not be set", SYS_fcntl, fd, F_SETFL,
		       b->flags & SETFL_FLAGS);
	return ret;
}

/* In place. 1: done; 0: it cannot be done like this, and what is written is harmless. */
static int alter(struct tern_script *s, const struct script_fds *was,
		 const struct script_fds *fds)
{
	const struct tern_image *old = was->dress->image, *new = fds->dress->image;
	const struct tern_obj *x = NULL, *y = NULL;
	int ret = 1;

	while (ret == 1 && next_pair(old, new, TERN_OBJ_PIPE, &x, &y) && x)
		ret = script_pipe_alter(s, fds, x, y);
	x = NULL;
	y = NULL;
	while (ret == 1 && next_pair(old, new, TERN_OBJ_DESC, &x, &y) && x)
		ret = alter_desc(s, was, fds, x, y);
	return ret == 1 ? script_epoll_alter(s, fds, old, new) : ret;
}

/* ---- what stays -------------------------------------------------------------------- */

static int compare_number(const void *a, const void *b)
{
	const struct tern_obj_fd *x = *(const struct tern_obj_fd *const *)a;
	const struct tern_obj_fd *y = *(const struct tern_obj_fd *const *)b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* Has description @new of @fds the descriptors that @old of @was had, and no others? */
static bool same_fds(const struct script_fds *was, __u32 old, const struct script_fds *fds,
		     __u32 new)
{
	const struct tern_obj_fd **x = &was->fd[was->first[old]], **y = &fds->fd[fds->first[new]];
	unsigned int nr = fds->first[new + 1] - fds->first[new], i;

	if (was->first[old + 1] - was->first[old] != nr)
		return false;
	for (i = 0; i < nr; i++)
		if (x[i]->fd != y[i]->fd || x[i]->cloexec != y[i]->cloexec)
			return false;
	return true;
}

/* To open one of those again may cost many round trips to a file server. */
static bool may_stay(const struct tern_obj *obj)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	return d->kind == TERN_DESC_FILE && S_ISREG(d->mode);
}

/* Those of @was are in @number, by their numbers. */
static const struct tern_obj *find_old(const struct script_fds *was,
				       const struct tern_obj_fd **number,
				       const struct script_fds *fds, __u32 id)
{
	const struct tern_obj_fd key = { .fd = script_fd_of(fds, id) }, *want = &key, **found;
	const struct tern_obj *old;

	if (key.fd < 0 || !may_stay(fds->desc[id]))
		return NULL;
	found = bsearch(&want, number, was->nr, sizeof(*number), compare_number);
	old = found ? was->desc[(*found)->desc] : NULL;
	return old && same_desc(old, fds->desc[id]) &&
	       same_fds(was, (*found)->desc, fds, id) ? old : NULL;
}

/* Open files that are in both, at the same numbers. */
static int find_stays(const struct script_fds *was, struct script_fds *fds)
{
	const struct tern_obj_fd **number = calloc(was->nr + 1, sizeof(*number));
	__u32 id;

	fds->stays = calloc(fds->nr_descs + 1, sizeof(*fds->stays));
	if (!number || !fds->stays) {
		free(number);
		return -ENOMEM;
	}
	memcpy(number, was->fd, was->nr * sizeof(*number));
	qsort(number, was->nr, sizeof(*number), compare_number);
	for (id = 1; id <= fds->nr_descs; id++)
		fds->stays[id] = find_old(was, number, fds, id);
	free(number);
	return 0;
}

/* Where nothing stays. */
static void close_gap(struct tern_script *s, unsigned int from, unsigned int to)
{
	if (from < to)
		SCRIPT(s, "descriptors could not be closed", SYS_close_range, from, to - 1, 0);
}

/* All below @end, but for those that stay. */
static int close_others(struct tern_script *s, const struct script_fds *fds, unsigned int end)
{
	const struct tern_obj_fd **number = calloc(fds->nr + 1, sizeof(*number));
	unsigned int i, nr = 0, from = 0;

	if (!number)
		return -ENOMEM;
	for (i = 0; i < fds->nr; i++)
		if (fds->stays[fds->fd[i]->desc])
			number[nr++] = fds->fd[i];
	qsort(number, nr, sizeof(*number), compare_number);
	for (i = 0; i < nr; i++) {
		close_gap(s, from, number[i]->fd);
		from = number[i]->fd + 1;
	}
	close_gap(s, from, end);
	free(number);
	return 0;
}

/* They are as they were, but for where they stand. */
static void alter_stays(struct tern_script *s, const struct script_fds *was,
			const struct script_fds *fds)
{
	__u32 id;

	for (id = 1; id <= fds->nr_descs; id++)
		if (fds->stays[id])
			alter_desc(s, was, fds, fds->stays[id], fds->desc[id]);
}

/* Nearly from nothing, above whatever the shell has had until now. */
static int rebuild(struct tern_script *s, const struct tern_dress *worn,
		   struct tern_dress *dress, struct script_fds *fds, struct tern_why *why)
{
	unsigned int own_end = worn->own_fds + SHELL_SLOT_OWN;
	bool stay = fds->high <= worn->own_fds;
	struct script_fds was = { 0 };
	int err;

	err = collect(&was, worn);
	if (!err)
		err = find_stays(&was, fds);
	if (!err)
		err = close_others(s, fds, worn->own_fds);
	if (!err)
		alter_stays(s, &was, fds);
	drop(&was);
	if (err)
		return err;
	if (fds->high < own_end)
		fds->high = own_end;
	err = too_high(fds, dress, why);
	if (err)
		return err;
	tern_script_limits_open(s, dress, fds->high + OWN_ROOM);
	if (!stay)
		move_own(s, fds, dress);
	s->again = true;
	return build(s, fds, dress, why);
}

/**
 * tern_script_alter_files() - from one image's descriptors to another's
 * @s: the writer
 * @worn: how the shell looks
 * @dress: how it is to look
 * @why: sentence
 *
 * What merely stands elsewhere is set in place; where descriptors have come or
 * gone, all of them are made anew but for open files that are where they were.
 */
int tern_script_alter_files(struct tern_script *s, const struct tern_dress *worn,
			    struct tern_dress *dress, struct tern_why *why)
{
	struct script_fds was = { 0 }, fds = { 0 };
	int err, done = 0;

	dress->own_fds = worn->own_fds;
	dress->end_fds = worn->end_fds;
	if (!(dress->types & TERN_FILES_TYPES) && !took_old(worn, dress))
		return 0;
	err = collect_extra(&was, worn);
	if (!err)
		err = collect(&fds, dress);
	/* what others have taken must be where it was */
	if (!err && same_shape(worn, dress) && (!fds.nr_spares || fds.above == worn->end_fds))
		done = alter(s, &was, &fds);
	if (!err && !done)
		err = rebuild(s, worn, dress, &fds, why);
	drop(&was);
	drop(&fds);
	return err;
}
