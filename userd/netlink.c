// SPDX-License-Identifier: GPL-2.0
/* What a netlink socket is: its numbers, the groups that it hears, and what has been set. */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "seen.h"

static int ask_names(int fd, struct tern_obj_netlink *obj)
{
	struct sockaddr_nl own = { 0 }, peer = { 0 };
	socklen_t len = sizeof(own), peer_len = sizeof(peer);

	if (getsockname(fd, (struct sockaddr *)&own, &len) ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len))
		return -errno;
	obj->port = own.nl_pid;
	obj->peer_port = peer.nl_pid;
	obj->peer_groups = peer.nl_groups;
	return 0;
}

/* The kernel says how many bytes it would have filled. */
static int ask_groups(int fd, struct tern_obj_netlink *obj, struct tern_why *why)
{
	__u32 words[32] = { 0 };
	socklen_t len = sizeof(words);
	unsigned int i;

	if (getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &len))
		return -errno;
	obj->groups = words[0] | (__u64)words[1] << 32;
	for (i = 2; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i])
			return tern_why_set(why, -EOPNOTSUPP,
					    "a netlink socket of the process hears a group above 64");
	return 0;
}

static int ask_buffer(int fd, int fresh, int name, __u32 *size)
{
	int own, usual;
	socklen_t len = sizeof(own);

	if (getsockopt(fd, SOL_SOCKET, name, &own, &len) ||
	    getsockopt(fresh, SOL_SOCKET, name, &usual, &len))
		return -errno;
	*size = own == usual ? 0 : own;
	return 0;
}

static int ask(int fd, struct tern_obj_netlink *obj, struct tern_why *why)
{
	int fresh = socket(AF_NETLINK, obj->type | SOCK_CLOEXEC, obj->protocol);
	int err = fresh < 0 ? -errno : ask_names(fd, obj);

	if (!err)
		err = ask_groups(fd, obj, why);
	if (!err)
		err = ask_buffer(fd, fresh, SO_SNDBUF, &obj->sndbuf);
	if (!err)
		err = ask_buffer(fd, fresh, SO_RCVBUF, &obj->rcvbuf);
	if (fresh >= 0)
		close(fresh);
	return err;
}

/** tern_seen_netlink() - a netlink socket: NETLINK, and OPTION */
int tern_seen_netlink(struct tern_seen *seen, const struct tern_seen_fd *fd)
{
	struct tern_obj_netlink obj = { .desc = fd->desc };
	int own = tern_seen_dup(seen, fd->fd), type = 0, protocol = 0, err;
	socklen_t len = sizeof(int);

	if (own < 0)
		return own;
	if (getsockopt(own, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    getsockopt(own, SOL_SOCKET, SO_PROTOCOL, &protocol, &len)) {
		err = errno == ENOTSOCK ? -EAGAIN : -errno;
	} else {
		obj.type = type;
		obj.protocol = protocol;
		err = ask(own, &obj, seen->why);
	}
	close(own);
	if (!err)
		err = tern_image_add(seen->image, TERN_OBJ_NETLINK, &obj, sizeof(obj), NULL, 0);
	return err ? err : tern_seen_options(seen, fd);
}
