// SPDX-License-Identifier: GPL-2.0
/*
 * TCP and UDP sockets, and those of netlink. They have their addresses as soon as they are
 * made, so that whoever has one of them is found out before the process stands still; but
 * nobody can connect to one, or send to it, before everything else is in place. Connections of
 * TCP, with their addresses, and datagrams that wait are LOAD's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "net.h"
#include "script_fds.h"

#define NO_OPTION	"an option of a socket could not be set"
#define NO_GROUP	"a socket could not be in its multicast group again"

/* As calls take it; @to: zeros. Return: bytes of it that they look at. */
static size_t put_address(struct sockaddr_storage *to, __u32 family, const __u8 addr[16],
			  __u32 port)
{
	struct sockaddr_in6 *in6 = (void *)to;
	struct sockaddr_in *in = (void *)to;

	to->ss_family = family;
	if (family == AF_INET6) {
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, addr, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	}
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, addr, sizeof(in->sin_addr));
	return sizeof(*in);
}

/* Address and @port, as bind(2) and connect(2) take them, in the script's data. */
static __u64 address(struct tern_script *s, const struct tern_obj_inet *k, const __u8 addr[16],
		     __u32 port, size_t *len)
{
	struct sockaddr_storage to = { 0 };

	*len = put_address(&to, k->family, addr, port);
	return tern_script_data(s, &to, *len);
}

static void set(struct tern_script *s, int level, int name, const void *value, size_t len)
{
	script_option(s, NO_OPTION, SLOT_HIGH, level, name, value, len);
}

/* The next one that was set of socket @desc; @obj: NULL at first. NULL: that was all. */
static const struct tern_obj_option *next_option(const struct script_fds *fds, __u32 desc,
						 const struct tern_obj **obj)
{
	const struct tern_obj_option *o;

	*obj = *obj ? tern_image_next(fds->dress->image, *obj) : fds->option[desc];
	if (!*obj || (*obj)->type != TERN_OBJ_OPTION)
		return NULL;
	o = tern_obj_payload(*obj);
	return o->desc == desc ? o : NULL;
}

/* In SLOT_HIGH. */
static void make(struct tern_script *s, const struct script_fds *fds, int family, int type,
		 int protocol)
{
	SCRIPT(s, "no socket could be made", SYS_socket, family, type | SOCK_CLOEXEC,
	       protocol)->out = SLOT_LOW;
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
}

static void set_options(struct tern_script *s, const struct script_fds *fds, __u32 desc)
{
	const struct tern_obj_option *o;
	const struct tern_obj *obj = NULL;

	while ((o = next_option(fds, desc, &obj)))
		set(s, o->level, o->name, o->value, o->len);
}

/* ---- interfaces ----------------------------------------------------------------- */

static void join4(struct tern_script *s, const struct tern_obj_interface *i, int number)
{
	struct ip_mreqn group = { .imr_ifindex = number };

	memcpy(&group.imr_multiaddr, i->address, sizeof(group.imr_multiaddr));
	memcpy(&group.imr_address, i->own, sizeof(group.imr_address));
	script_option(s, NO_GROUP, SLOT_HIGH, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group,
		      sizeof(group));
}

static void join6(struct tern_script *s, const struct tern_obj_interface *i, int number)
{
	struct ipv6_mreq group = { .ipv6mr_interface = number };

	memcpy(&group.ipv6mr_multiaddr, i->address, sizeof(group.ipv6mr_multiaddr));
	script_option(s, NO_GROUP, SLOT_HIGH, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group,
		      sizeof(group));
}

/* Whoever has joined hears all, until it says whom. */
static int set_sources(struct tern_script *s, const struct tern_obj_interface *i, int number,
		       const __u8 (*source)[16])
{
	const size_t len = GROUP_FILTER_SIZE(i->nr_sources);
	struct group_filter *filter = calloc(1, len);
	unsigned int n;

	if (!filter)
		return -ENOMEM;
	filter->gf_interface = number;
	put_address(&filter->gf_group, i->family, i->address, 0);
	filter->gf_fmode = i->include ? MCAST_INCLUDE : MCAST_EXCLUDE;
	filter->gf_numsrc = i->nr_sources;
	for (n = 0; n < i->nr_sources; n++)
		put_address(&filter->gf_slist[n], i->family, source[n], 0);
	script_option(s, NO_GROUP, SLOT_HIGH, i->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		      MCAST_MSFILTER, filter, len);
	free(filter);
	return 0;
}

static int join(struct tern_script *s, const struct tern_obj_interface *i, int number,
		const __u8 (*source)[16])
{
	if (i->family == AF_INET6)
		join6(s, i, number);
	else
		join4(s, i, number);
	return i->nr_sources ? set_sources(s, i, number, source) : 0;
}

static void send_by(struct tern_script *s, const struct tern_obj_interface *i, int number)
{
	struct ip_mreqn multicast = { .imr_ifindex = number };
	__u32 swapped = htonl(number);

	if (i->family == AF_INET6 && i->use == TERN_INTERFACE_MULTICAST) {
		set(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, &number, sizeof(number));
	} else if (i->family == AF_INET6) {
		set(s, IPPROTO_IPV6, IPV6_UNICAST_IF, &swapped, sizeof(swapped));
	} else if (i->use == TERN_INTERFACE_MULTICAST) {
		memcpy(&multicast.imr_address, i->own, sizeof(multicast.imr_address));
		set(s, IPPROTO_IP, IP_MULTICAST_IF, &multicast, sizeof(multicast));
	} else {
		set(s, IPPROTO_IP, IP_UNICAST_IF, &swapped, sizeof(swapped));
	}
}

static int use_interface(struct tern_script *s, const struct script_fds *fds,
			 const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_interface *i = tern_obj_payload(obj);
	int number = tern_net_number(fds->dress->pid, i->name);
	size_t len;

	if (number < 0)
		return tern_why_set(why, number,
				    "a UDP socket uses interface \"%s\", which is not there on %s (%s): make it there",
				    i->name, fds->dress->host, strerror(-number));
	if (i->use == TERN_INTERFACE_GROUP)
		return join(s, i, number, tern_obj_tail(obj, &len));
	send_by(s, i, number);
	return 0;
}

static int use_interfaces(struct tern_script *s, const struct script_fds *fds, __u32 desc,
			  struct tern_why *why)
{
	const struct tern_obj *obj = fds->interface[desc];
	const struct tern_obj_interface *i;
	int err = 0;

	while (obj && !err && obj->type == TERN_OBJ_INTERFACE) {
		i = tern_obj_payload(obj);
		if (i->desc != desc)
			break;
		err = use_interface(s, fds, obj, why);
		obj = tern_image_next(fds->dress->image, obj);
	}
	return err;
}

/* ---- addresses ------------------------------------------------------------------ */

static bool has_address(const struct tern_obj_inet *k)
{
	static const __u8 any[16];

	return k->port || memcmp(k->local, any, sizeof(any));
}

static bool has_option(const struct script_fds *fds, __u32 desc, __u32 level, __u32 name)
{
	const struct tern_obj_option *o;
	const struct tern_obj *obj = NULL;

	while ((o = next_option(fds, desc, &obj)))
		if (o->level == level && o->name == name)
			return true;
	return false;
}

/*
 * Connections to a socket that listens may have its address already: then the kernel gives it
 * to those only that say they reuse it. Afterwards that is as it was.
 */
static void reuse(struct tern_script *s, const struct script_fds *fds,
		  const struct tern_obj_inet *k, int fd, unsigned int slots, int on)
{
	if (k->type == SOCK_STREAM && !has_option(fds, k->desc, SOL_SOCKET, SO_REUSEADDR))
		SCRIPT(s, NO_OPTION, SYS_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR,
		       tern_script_data(s, &on, sizeof(on)), sizeof(on))->slots = slots;
}

/* To @fd; @slots: 1: that is a slot. */
static void give_addresses(struct tern_script *s, const struct script_fds *fds,
			   const struct tern_obj_inet *k, int fd, unsigned int slots)
{
	size_t len;
	__u64 at;

	if (has_address(k)) {
		at = address(s, k, k->local, k->port, &len);
		reuse(s, fds, k, fd, slots, 1);
		SCRIPT(s, "a socket could not be bound", SYS_bind, fd, at, len)->slots = slots;
		reuse(s, fds, k, fd, slots, 0);
	}
	if (k->flags & TERN_INET_CONNECTED) {
		at = address(s, k, k->peer, k->peer_port, &len);
		SCRIPT(s, "a UDP socket could not be connected", SYS_connect, fd, at,
		       len)->slots = slots;
	}
}

/* Others may have the address, too, and would not be sent any more what they are sent. */
static bool shares_address(const struct script_fds *fds, const struct tern_obj_inet *k)
{
	return has_option(fds, k->desc, SOL_SOCKET, SO_REUSEADDR) ||
	       has_option(fds, k->desc, SOL_SOCKET, SO_REUSEPORT);
}

/* Nothing comes in: it would be of a time when the migrant was not here. */
static void close_ears(struct tern_script *s)
{
	const struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1 };

	program.filter = (void *)(unsigned long)tern_script_data(s, &none, sizeof(none));
	set(s, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int inet_open(struct tern_script *s, const struct script_fds *fds,
		     const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_obj_inet *k = script_extra(fds, d->id);
	int err;

	make(s, fds, k->family, k->type, 0);
	SCRIPT(s, "the owner of a socket could not be set", SYS_fchown, SLOT_HIGH, k->uid,
	       k->gid)->slots = 1 << 0;
	script_buffers(s, NO_OPTION, SLOT_HIGH, k->sndbuf, k->rcvbuf);
	if (k->type == SOCK_DGRAM)
		close_ears(s);
	/* of one that is bound to a device these may not be set */
	err = use_interfaces(s, fds, d->id, why);
	if (err)
		return err;
	set_options(s, fds, d->id);
	if (k->maxseg)
		set(s, IPPROTO_TCP, TCP_MAXSEG, &k->maxseg, sizeof(k->maxseg));
	if (k->type == SOCK_STREAM ? !(k->flags & TERN_INET_CONNECTED) : !shares_address(fds, k))
		give_addresses(s, fds, k, SLOT_HIGH, 1 << 0);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

/* What is as it was stays; options have been compared before. */
static int socket_alter(struct tern_script *s, const struct script_fds *was,
		      const struct script_fds *fds, const struct tern_obj *old,
		      const struct tern_obj *new)
{
	const struct tern_obj_desc *d = tern_obj_payload(new);
	const struct tern_obj *x = was->extra[d->id], *y = fds->extra[d->id];

	(void)s;
	(void)old;
	return x->len == y->len && !memcmp(x, y, x->len);
}

const struct script_kind script_inet = { .open = inet_open, .alter = socket_alter };

/* ---- netlink -------------------------------------------------------------------- */

static void bind_netlink(struct tern_script *s, const struct tern_obj_netlink *k)
{
	const struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_pid = k->port };
	const struct sockaddr_nl peer = {
		.nl_family = AF_NETLINK, .nl_pid = k->peer_port, .nl_groups = k->peer_groups,
	};
	int group;

	if (k->port)
		SCRIPT(s, "a netlink socket could not have its number again (nl_pid)", SYS_bind,
		       SLOT_HIGH, tern_script_data(s, &own, sizeof(own)),
		       sizeof(own))->slots = 1 << 0;
	for (group = 1; group <= 64; group++)
		if (k->groups >> (group - 1) & 1)
			set(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
	if (k->peer_port || k->peer_groups)
		SCRIPT(s, "a netlink socket could not be connected", SYS_connect, SLOT_HIGH,
		       tern_script_data(s, &peer, sizeof(peer)), sizeof(peer))->slots = 1 << 0;
}

static int netlink_open(struct tern_script *s, const struct script_fds *fds,
			const struct tern_obj *obj, struct tern_why *why)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_obj_netlink *k = script_extra(fds, d->id);

	(void)why;
	make(s, fds, AF_NETLINK, k->type, k->protocol);
	script_buffers(s, NO_OPTION, SLOT_HIGH, k->sndbuf, k->rcvbuf);
	set_options(s, fds, d->id);
	bind_netlink(s, k);
	script_place(s, fds, d, SLOT_HIGH);
	return 0;
}

const struct script_kind script_netlink = { .open = netlink_open, .alter = socket_alter };

/* ---- in the last step ------------------------------------------------------------- */

static void open_ears(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj_inet *k)
{
	int fd = script_fd_of(fds, k->desc), none = 0;

	if (shares_address(fds, k))
		give_addresses(s, fds, k, fd, 0);
	SCRIPT(s, NO_OPTION, SYS_setsockopt, fd, SOL_SOCKET, SO_DETACH_FILTER,
	       tern_script_data(s, &none, sizeof(none)), sizeof(none));
	/* of one that is not connected it is done, too, and an error all the same */
	if (k->shutdown)
		SCRIPT(s, "a UDP socket could not be shut down", SYS_shutdown, fd,
		       k->shutdown - 1)->flags =
			k->flags & TERN_INET_CONNECTED ? 0 : SHELL_MAY_FAIL;
}

/** script_inet_end() - from here on there may be connections, and datagrams */
void script_inet_end(struct tern_script *s, const struct script_fds *fds)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(fds->dress->image, TERN_OBJ_INET, obj))) {
		const struct tern_obj_inet *k = tern_obj_payload(obj);

		int fd = script_fd_of(fds, k->desc);

		if (k->type == SOCK_DGRAM) {
			open_ears(s, fds, k);
		} else if (k->flags & TERN_INET_LISTENS) {
			reuse(s, fds, k, fd, 0, 1);
			SCRIPT(s, "a TCP socket could not listen", SYS_listen, fd, k->backlog);
			reuse(s, fds, k, fd, 0, 0);
		}
	}
}
