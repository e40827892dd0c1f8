// SPDX-License-Identifier: GPL-2.0
/*
 * Instances of epoll(7) and their registrations. What is ready is found anew where it
 * is asked for, and nobody asks in a shell: so no event of the source is lost, and an
 * edge that the migrant has seen already may come once more. A registration that has
 * fired (EPOLLONESHOT) stays silent but for errors and hang-ups, which the kernel adds
 * to whatever is asked for.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "script_fds.h"

#define TARGET	"a descriptor could not be registered with an epoll"

static int epoll_open(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);

	(void)why;
	SCRIPT(s, "no epoll could be made", SYS_epoll_create1, EPOLL_CLOEXEC)->out = SLOT_LOW;
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

const struct script_kind script_epoll = { .open = epoll_open };

/* Has the process the descriptor that it was registered by, of the same description? */
static const struct tern_obj_fd *find_fd(const struct script_fds *fds, __u32 id, __s32 fd)
{
	unsigned int i;

	for (i = fds->first[id]; i < fds->first[id + 1]; i++)
		if (fds->fd[i]->fd == fd)
			return fds->fd[i];
	return NULL;
}

static void add(struct tern_script *s, const struct script_fds *fds,
		const struct tern_obj_epoll *e)
{
	struct epoll_event event = { .events = e->events, .data.u64 = e->data };

	SCRIPT(s, TARGET, SYS_epoll_ctl, script_fd_of(fds, e->desc), EPOLL_CTL_ADD, e->fd,
	       tern_script_data(s, &event, sizeof(event)));
}

/* What has the number now, if anything, must be there again afterwards. */
static const struct tern_obj_fd *has_number(const struct script_fds *fds, __s32 fd)
{
	unsigned int i;

	for (i = 0; i < fds->nr; i++)
		if (fds->fd[i]->fd == fd)
			return fds->fd[i];
	return NULL;
}

/*
 * The descriptor has been closed, or stands for something else now, and the
 * description lives on at another number: it is there for a moment again.
 */
static void add_detached(struct tern_script *s, const struct script_fds *fds,
			 const struct tern_obj_epoll *e)
{
	const struct tern_obj_fd *now = has_number(fds, e->fd);

	if (now)
		SCRIPT(s, TARGET, SYS_fcntl, e->fd, F_DUPFD_CLOEXEC, fds->high)->out = SLOT_HIGH;
	SCRIPT(s, TARGET, SYS_dup3, script_fd_of(fds, e->target), e->fd, O_CLOEXEC);
	add(s, fds, e);
	if (!now) {
		SCRIPT(s, NULL, SYS_close, e->fd);
		return;
	}
	SCRIPT(s, TARGET, SYS_dup3, SLOT_HIGH, e->fd, now->cloexec ? O_CLOEXEC : 0)->slots = 1;
	script_close(s, SLOT_HIGH);
}

/**
 * script_epoll_add() - a registration
 * @s: the writer
 * @fds: all of them are in place
 * @e: the registration
 */
void script_epoll_add(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj_epoll *e)
{
	/* without a descriptor they can be reached by nobody */
	if (script_fd_of(fds, e->desc) < 0 || script_fd_of(fds, e->target) < 0)
		return;
	if (find_fd(fds, e->target, e->fd))
		add(s, fds, e);
	else
		add_detached(s, fds, e);
}

/* -1: they differ, and some cannot be removed, for want of their descriptor. */
static int compare(const struct script_fds *fds, const struct tern_image *a,
		   const struct tern_image *b)
{
	const struct tern_obj *x = NULL, *y = NULL;
	bool same = true, attached = true;

	do {
		x = tern_image_find(a, TERN_OBJ_EPOLL, x);
		y = tern_image_find(b, TERN_OBJ_EPOLL, y);
		if (!x != !y || (x && memcmp(tern_obj_payload(x), tern_obj_payload(y),
					     sizeof(struct tern_obj_epoll))))
			same = false;
		if (x) {
			const struct tern_obj_epoll *e = tern_obj_payload(x);

			attached &= !!find_fd(fds, e->target, e->fd);
		}
	} while (x);
	return same ? 0 : attached ? 1 : -1;
}

/**
 * script_epoll_alter() - registrations, all anew if one has changed
 * @s: the writer
 * @fds: all of them are in place, and were in @old
 * @old: how the shell looks
 * @new: how it is to look
 *
 * What changes often is an instance with a few registrations. Return: as for
 * struct script_kind.
 */
int script_epoll_alter(struct tern_script *s, const struct script_fds *fds,
		       const struct tern_image *old, const struct tern_image *new)
{
	const struct tern_obj *obj = NULL;
	int ret = compare(fds, old, new);

	if (ret <= 0)
		return ret == 0;
	while ((obj = tern_image_find(old, TERN_OBJ_EPOLL, obj))) {
		const struct tern_obj_epoll *e = tern_obj_payload(obj);

		if (script_fd_of(fds, e->desc) >= 0)
			SCRIPT(s, "a registration with an epoll could not be removed",
			       SYS_epoll_ctl, script_fd_of(fds, e->desc), EPOLL_CTL_DEL, e->fd, 0);
	}
	while ((obj = tern_image_find(new, TERN_OBJ_EPOLL, obj)))
		script_epoll_add(s, fds, tern_obj_payload(obj));
	return 1;
}
