// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink in two network namespaces. A socket belongs for ever to that in which it was
 * made; so the calling thread visits the pod's for a moment, and is back when a call returns.
 *
 * Owns nothing beyond a struct tern_net_space. libnl has its own numbers of errors: behind
 * these functions they are negative errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net.h"
#include "net_space.h"

/** tern_net_errno() - what libnl says, as negative errno; 0 remains */
int tern_net_errno(int err)
{
	switch (err < 0 ? -err : 0) {
	case 0:
		return 0;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_OPNOTSUPP:
	case NLE_AF_NOSUPPORT:
		return -EOPNOTSUPP;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_RANGE:
	case NLE_INVAL:
		return -EINVAL;
	default:
		return -EIO;
	}
}

static int open_sock(struct nl_sock **sock)
{
	int err;

	*sock = nl_socket_alloc();
	if (!*sock)
		return -ENOMEM;
	err = nl_connect(*sock, NETLINK_ROUTE);
	if (!err)
		return 0;
	nl_socket_free(*sock);
	*sock = NULL;
	return tern_net_errno(err);
}

static int open_there(void *arg)
{
	struct tern_net_space *space = arg;

	return open_sock(&space->there);
}

static bool is_ours(int ns)
{
	struct stat ours, theirs;

	return !stat("/proc/thread-self/ns/net", &ours) && !fstat(ns, &theirs) &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/**
 * tern_net_open() - the way to a pod's network
 * @space: filled
 * @pid: a process of it
 *
 * Return: 1; 0: it has no network namespace of its own, and nothing is open; or negative errno.
 */
int tern_net_open(struct tern_net_space *space, int pid)
{
	char path[64];
	int err;

	*space = (struct tern_net_space){ .ns = -1 };
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	space->ns = open(path, O_RDONLY | O_CLOEXEC);
	if (space->ns < 0)
		return -errno;
	if (is_ours(space->ns)) {
		tern_net_close(space);
		return 0;
	}
	err = open_sock(&space->here);
	if (!err)
		err = tern_net_inside(space, open_there, space);
	if (err)
		tern_net_close(space);
	return err ? err : 1;
}

/** tern_net_close() - the pod's may go */
void tern_net_close(struct tern_net_space *space)
{
	if (space->here)
		nl_socket_free(space->here);
	if (space->there)
		nl_socket_free(space->there);
	if (space->ns >= 0)
		close(space->ns);
	*space = (struct tern_net_space){ .ns = -1 };
}

/**
 * tern_net_inside() - do something in the pod's network namespace
 * @space: open
 * @fn: what; its result is returned
 * @arg: its argument
 */
int tern_net_inside(const struct tern_net_space *space, int (*fn)(void *arg), void *arg)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), rc;

	if (home < 0)
		return -errno;
	if (setns(space->ns, CLONE_NEWNET)) {
		rc = -errno;
	} else {
		rc = fn(arg);
		/* a daemon that has lost its host must not go on: there will be another */
		if (setns(home, CLONE_NEWNET))
			abort();
	}
	close(home);
	return rc;
}

/**
 * tern_net_find() - an interface
 * @sock: where
 * @index: its number, 0: by name
 * @name: its name, NULL: by number
 * @link: receives it; rtnl_link_put() it
 *
 * -ENODEV: there is none.
 */
int tern_net_find(struct nl_sock *sock, int index, const char *name, struct rtnl_link **link)
{
	int err = rtnl_link_get_kernel(sock, index, name, link);

	if (err)
		*link = NULL;
	return tern_net_errno(err);
}

/**
 * tern_net_end() - this host's end of a pod's interface
 * @space: open
 * @eth0: the pod's end
 * @end: receives it
 *
 * -ENODEV: there is none, or it is not what "tern run" makes.
 */
int tern_net_end(const struct tern_net_space *space, const struct rtnl_link *eth0,
		 struct rtnl_link **end)
{
	struct rtnl_link *pod = (struct rtnl_link *)eth0;
	int index = rtnl_link_get_link(pod), err;

	*end = NULL;
	if (!rtnl_link_is_veth(pod) || index <= 0)
		return -ENODEV;
	err = tern_net_find(space->here, index, NULL, end);
	if (err)
		return err;
	if (rtnl_link_is_veth(*end) && rtnl_link_get_link(*end) == rtnl_link_get_ifindex(pod))
		return 0;
	rtnl_link_put(*end);
	*end = NULL;
	return -ENODEV;
}

/** tern_net_set_up() - let an interface be up, or down */
int tern_net_set_up(struct nl_sock *sock, struct rtnl_link *link, bool up)
{
	struct rtnl_link *change = rtnl_link_alloc();
	int err;

	if (!change)
		return -ENOMEM;
	if (up)
		rtnl_link_set_flags(change, IFF_UP);
	else
		rtnl_link_unset_flags(change, IFF_UP);
	err = rtnl_link_change(sock, link, change, 0);
	rtnl_link_put(change);
	return tern_net_errno(err);
}

static int number_of(void *name)
{
	unsigned int index = if_nametoindex(name);

	return index ? (int)index : -errno;
}

/**
 * tern_net_number() - the number of an interface
 * @pid: a process, in whose network namespace it is
 * @name: its name
 *
 * -ENODEV: there is none.
 */
int tern_net_number(int pid, const char *name)
{
	struct tern_net_space space;
	int rc = tern_net_open(&space, pid);

	if (rc < 0)
		return rc;
	if (!rc)
		return number_of((void *)name);
	rc = tern_net_inside(&space, number_of, (void *)name);
	tern_net_close(&space);
	return rc;
}
