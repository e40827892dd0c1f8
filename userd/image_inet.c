// SPDX-License-Identifier: GPL-2.0
/* The check of images: TCP, UDP and netlink sockets. */
#include <limits.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "image_check.h"
#include "option.h"

#define PORT_MAX	65535
#define MAXSEG_MAX	32767	/* MAX_TCP_WINDOW (net/tcp.h) */

/* Of IPv4 only the first four bytes are there. */
static bool fits(const __u8 address[16], __u32 family)
{
	return family == AF_INET6 || check_is_zero(address + 4, 12);
}

int check_inet(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_inet *k = tern_obj_payload(obj);
	bool connected = k->flags & TERN_INET_CONNECTED, listens = k->flags & TERN_INET_LISTENS;
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || (k->family != AF_INET && k->family != AF_INET6) ||
	    (k->type != SOCK_STREAM && k->type != SOCK_DGRAM))
		return check_bad(c, obj, "unknown type");
	if (k->flags & ~TERN_INET_FLAGS_ALL || k->shutdown > 3 || k->sndbuf > INT_MAX ||
	    k->rcvbuf > INT_MAX || k->backlog > INT_MAX || k->maxseg > MAXSEG_MAX ||
	    k->uid == ~0U || k->gid == ~0U || k->reserved || k->port > PORT_MAX ||
	    k->peer_port > PORT_MAX || !fits(k->local, k->family) || !fits(k->peer, k->family))
		return check_bad(c, obj, "a field is out of range");
	if (k->type == SOCK_STREAM ? (connected && listens) || k->shutdown : listens || k->maxseg)
		return check_bad(c, obj, "what such a socket cannot be");
	if ((listens ? !k->port : k->backlog) ||
	    (!connected && (k->peer_port || !check_is_zero(k->peer, sizeof(k->peer)))))
		return check_bad(c, obj, "an address where none can be, or none where one must be");
	return check_extra(c, obj, k->desc);
}

/* Behind the socket that it belongs to, or another one of that. */
static bool follows_socket(const struct image_check *c, __u32 desc)
{
	const struct tern_obj_inet *k;
	const struct tern_obj_interface *i;

	if (c->before && c->before->type == TERN_OBJ_INET) {
		k = tern_obj_payload(c->before);
		return k->desc == desc && k->type == SOCK_DGRAM;
	}
	if (!c->before || c->before->type != TERN_OBJ_INTERFACE)
		return false;
	i = tern_obj_payload(c->before);
	return i->desc == desc;
}

static bool sources_fit(const __u8 (*source)[16], const struct tern_obj_interface *i)
{
	unsigned int n;

	for (n = 0; n < i->nr_sources; n++)
		if (!fits(source[n], i->family))
			return false;
	return true;
}

int check_interface(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_interface *i = tern_obj_payload(obj);
	const void *sources;
	size_t len;

	sources = tern_obj_tail(obj, &len);
	if (!follows_socket(c, i->desc))
		return check_bad(c, obj, "an interface of no UDP socket");
	if ((i->family != AF_INET && i->family != AF_INET6) ||
	    i->use > TERN_INTERFACE_UNICAST || i->include > 1 ||
	    i->nr_sources > TERN_SOURCES_MAX || !i->name[0] || i->name[sizeof(i->name) - 1] ||
	    !fits(i->address, i->family))
		return check_bad(c, obj, "a field is out of range");
	if (i->use == TERN_INTERFACE_GROUP ? i->include && !i->nr_sources :
	    i->include || i->nr_sources)
		return check_bad(c, obj, "what no group can be");
	return len != i->nr_sources * sizeof(i->address) || !sources_fit(sources, i) ?
	       check_bad(c, obj, "bad sources") : 0;
}

int check_option(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_option *o = tern_obj_payload(obj), *last = c->option;
	const struct tern_option *known = tern_option_find(o->level, o->name);
	size_t len;

	tern_obj_tail(obj, &len);
	if (!known)
		return check_bad(c, obj, "unknown option");
	if (len || o->len > known->len || (!known->text && o->len != known->len) ||
	    !check_is_zero(o->value + o->len, sizeof(o->value) - o->len))
		return check_bad(c, obj, "bad value");
	if (!o->desc || o->desc > c->room ||
	    (c->has_options[o->desc - 1] && o->desc != last->desc))
		return check_bad(c, obj, "options do not follow each other");
	c->has_options[o->desc - 1] = true;
	c->option = o;
	return 0;
}

/* Whose it is the kernel looks at. */
int check_datagram(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_datagram *d = tern_obj_payload(obj);
	__u32 family = d->version == 6 ? AF_INET6 : AF_INET;
	size_t len;

	tern_obj_tail(obj, &len);
	if (d->fd < 0 || d->fd >= FD_MAX || (d->version != 4 && d->version != 6) ||
	    d->port > PORT_MAX || d->own_port > PORT_MAX || d->segment > d->len ||
	    d->ttl > UCHAR_MAX || d->tos > UCHAR_MAX ||
	    !fits(d->from, family) || !fits(d->to, family))
		return check_bad(c, obj, "a field is out of range");
	return d->len > TERN_DATAGRAM_MAX || len != d->len ? check_bad(c, obj, "bad contents") : 0;
}

/* What is open there the kernel looks at. */
int check_late(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_late *l = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	return len || l->fd < -1 || l->fd >= FD_MAX || l->reserved ?
	       check_bad(c, obj, "a field is out of range") : 0;
}

/* What it may be the kernel looks at. */
int check_tcp(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_tcp *t = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || t->fd < (t->flags & TERN_TCP_ORPHAN ? -1 : 0) || t->fd >= FD_MAX ||
	    t->flags & ~TERN_TCP_FLAGS_ALL || t->err > TERN_ERR_MAX ||
	    (t->family != AF_INET && t->family != AF_INET6) || !fits(t->local, t->family) ||
	    !fits(t->peer, t->family) || t->shutdown > 3 || t->port > PORT_MAX ||
	    t->peer_port > PORT_MAX || (t->state != TCP_CLOSE && (!t->port || !t->peer_port)))
		return check_bad(c, obj, "a field is out of range");
	c->stream = obj;
	return 0;
}

int check_stream(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_stream *s = tern_obj_payload(obj), *last;
	size_t len;

	tern_obj_tail(obj, &len);
	if (s->queue >= TERN_NR_QUEUES || !s->len || s->len > TERN_STREAM_MAX || len != s->len)
		return check_bad(c, obj, "bad contents");
	last = c->stream && c->stream->type == TERN_OBJ_STREAM ? tern_obj_payload(c->stream) : NULL;
	if (!c->stream || (last && last->queue > s->queue))
		return check_bad(c, obj, "bytes of no connection, or not in their order");
	c->stream = obj;
	return 0;
}

int check_netlink(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_netlink *k = tern_obj_payload(obj);
	size_t len;

	tern_obj_tail(obj, &len);
	if (len || (k->type != SOCK_RAW && k->type != SOCK_DGRAM) ||
	    (k->protocol != NETLINK_ROUTE && k->protocol != NETLINK_SOCK_DIAG &&
	     k->protocol != NETLINK_AUDIT && k->protocol != NETLINK_KOBJECT_UEVENT))
		return check_bad(c, obj, "unknown type");
	if (k->sndbuf > INT_MAX || k->rcvbuf > INT_MAX)
		return check_bad(c, obj, "a field is out of range");
	return check_extra(c, obj, k->desc);
}

/** relate_option() - an option of a socket that there is */
int relate_option(struct image_check *c, const struct tern_obj *obj)
{
	const struct tern_obj_option *o = tern_obj_payload(obj);

	return !o->desc || o->desc > c->nr_descs ||
	       (c->descs[o->desc - 1]->kind != TERN_DESC_INET &&
		c->descs[o->desc - 1]->kind != TERN_DESC_NETLINK) ?
	       check_bad(c, obj, "an option of something that has none") : 0;
}
