// SPDX-License-Identifier: GPL-2.0
/* What a netlink socket is: its numbers, and the groups that it hears. */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

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

static int ask_kind(int fd, int name, __u32 *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, name, value, &len) ? -errno : 0;
}

/**
 * tern_seen_netlink() - a netlink socket: NETLINK
 * @seen: where to
 * @desc: the description
 * @own: it
 * @fresh: a new one of its kind
 */
int tern_seen_netlink(struct tern_seen *seen, __u32 desc, int own, int fresh)
{
	struct tern_obj_netlink obj = { .desc = desc };
	int err = ask_kind(own, SO_TYPE, &obj.type);

	if (!err)
		err = ask_kind(own, SO_PROTOCOL, &obj.protocol);
	if (!err)
		err = ask_names(own, &obj);
	if (!err)
		err = ask_groups(own, &obj, seen->why);
	if (!err)
		err = ask_buffer(own, fresh, SO_SNDBUF, &obj.sndbuf);
	if (!err)
		err = ask_buffer(own, fresh, SO_RCVBUF, &obj.rcvbuf);
	return err ? err : tern_image_add(seen->image, TERN_OBJ_NETLINK, &obj, sizeof(obj), NULL, 0);
}
