// SPDX-License-Identifier: GPL-2.0
/*
 * What has been set of a socket by setsockopt(2): whatever is not as it is of a new one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "option.h"
#include "seen.h"

/* Bytes of the value, up to the NUL of a string; -1: such sockets have no such option. */
static int get(int fd, const struct tern_option *o, __u8 value[16])
{
	socklen_t len = o->text ? 16 : o->len;

	memset(value, 0, 16);
	if (getsockopt(fd, o->level, o->name, value, &len))
		return -1;
	if (o->text)
		return strnlen((char *)value, o->len);
	return len == o->len ? (int)len : -1;
}

/* What another host may have otherwise, and which of its addresses it takes depends on it. */
static bool is_told_always(const struct tern_option *o)
{
	return o->level == IPPROTO_IPV6 && o->name == IPV6_V6ONLY;
}

/*
 * Of a connection: as it goes on the kernel changes them, and has them in TCP; or one that is
 * accepted has what nobody can set, and nobody needs.
 */
static bool is_the_connections(const struct tern_option *o)
{
	switch (o->level) {
	case IPPROTO_TCP:
		return o->name == TCP_QUICKACK || o->name == TCP_WINDOW_CLAMP;
	case IPPROTO_IP:
		return o->name == IP_MULTICAST_TTL;
	case IPPROTO_IPV6:
		return o->name == IPV6_MULTICAST_HOPS;
	default:
		return false;
	}
}

static int ask(int fd, int name, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(fd, SOL_SOCKET, name, value, &len);
}

static bool is_connection(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int type;

	return !ask(fd, SO_TYPE, &type) && type == SOCK_STREAM &&
	       !getpeername(fd, (struct sockaddr *)&peer, &len);
}

static int add_changed(struct tern_seen *seen, __u32 desc, int own, int fresh)
{
	bool connection = is_connection(own);
	const struct tern_option *o;
	__u8 value[16];
	int len, err;

	for (o = tern_options; o->len; o++) {
		struct tern_obj_option obj = { .desc = desc, .level = o->level, .name = o->name };

		if (connection && is_the_connections(o))
			continue;
		len = get(own, o, obj.value);
		if (len < 0 || (get(fresh, o, value) == len && !memcmp(value, obj.value, len) &&
				!is_told_always(o)))
			continue;
		memset(obj.value + len, 0, sizeof(obj.value) - len);
		obj.len = len;
		err = tern_image_add(seen->image, TERN_OBJ_OPTION, &obj, sizeof(obj), NULL, 0);
		if (err)
			return err;
	}
	return 0;
}

/* What there is beside, and what has been set, of @own; @fresh is a new one of its kind. */
static int add(struct tern_seen *seen, __u32 desc, int own, int fresh, int family)
{
	int err = family == AF_NETLINK ? tern_seen_netlink(seen, desc, own, fresh) : 0;

	return err ? err : add_changed(seen, desc, own, fresh);
}

/* Is it what it was when the kernel saw it? */
static bool is_the_same(const struct tern_seen_fd *fd, int family, int type)
{
	return family == (int)fd->family && (family == AF_NETLINK || type == (int)fd->type);
}

/** tern_seen_socket() - a socket: OPTION for whatever has been set; of netlink NETLINK, too */
int tern_seen_socket(struct tern_seen *seen, const struct tern_seen_fd *fd)
{
	int own = tern_seen_dup(seen, fd->fd), fresh, family, type, protocol, err = 0;
	bool same;

	if (own == -EAGAIN && seen->draft) {
		/* it has been closed since, and will not be in the next capture */
		seen->why->text[0] = '\0';
		return 0;
	}
	if (own < 0)
		return own;
	same = !ask(own, SO_DOMAIN, &family) && !ask(own, SO_TYPE, &type) &&
	       !ask(own, SO_PROTOCOL, &protocol) && is_the_same(fd, family, type);
	if (same) {
		fresh = socket(family, type | SOCK_CLOEXEC, protocol);
		err = fresh < 0 ? -errno : add(seen, fd->desc, own, fresh, family);
		if (fresh >= 0)
			close(fresh);
	} else if (!seen->draft) {
		err = tern_why_set(seen->why, -EAGAIN, "descriptor %d is another one now", fd->fd);
	}
	/* otherwise it has been closed, and its number is another one's now */
	close(own);
	return err;
}
