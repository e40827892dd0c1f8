// SPDX-License-Identifier: GPL-2.0
/*
 * What the interface of a pod is: as operators write it, and as a peer sends it. Of the
 * latter nothing is used before all of it is checked.
 *
 * Owns nothing, and asks nobody.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev.h"
#include "net.h"

#define MTU_MIN		68U	/* of IPv4; IPv6 wants more */
#define MTU_MIN_6	1280U
#define MTU_MAX		65535U
#define TEXT_LEN	64	/* of an address with its prefix, with its NUL */

static unsigned int bits_of(unsigned int version)
{
	return version == 4 ? 32 : 128;
}

/** tern_net_name_valid() - could an interface be called so? */
bool tern_net_name_valid(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (!isgraph((unsigned char)*c) || strchr("/:", *c))
			return false;
	return c > name && c - name < TERN_NET_NAME_LEN && strcmp(name, ".") && strcmp(name, "..");
}

/** tern_net_text() - an address, for sentences; returns @text */
const char *tern_net_text(const __u8 bytes[16], unsigned int version, char text[46])
{
	return inet_ntop(version == 4 ? AF_INET : AF_INET6, bytes, text, 46);
}

/* One that a single host may have. */
static bool is_unicast(const __u8 *bytes, unsigned int version)
{
	static const __u8 zero[16], loopback[16] = { [15] = 1 };

	if (version == 4)
		return bytes[0] && bytes[0] != 127 && bytes[0] < 224;
	return bytes[0] != 0xff && memcmp(bytes, zero, 16) && memcmp(bytes, loopback, 16);
}

static bool is_zero(const void *bytes, size_t len)
{
	const __u8 *b = bytes;

	while (len)
		if (b[--len])
			return false;
	return true;
}

/* Have two addresses the first @prefix bits in common? */
static bool same_bits(const __u8 *a, const __u8 *b, unsigned int prefix)
{
	unsigned int rest = prefix % 8;

	if (memcmp(a, b, prefix / 8))
		return false;
	return !rest || !((a[prefix / 8] ^ b[prefix / 8]) >> (8 - rest));
}

/** tern_net_broadcast() - the last address of a network of IPv4, in network order */
__u32 tern_net_broadcast(const struct tern_wire_address *address)
{
	__u32 bits;

	memcpy(&bits, address->bytes, sizeof(bits));
	return bits | htonl(address->prefix < 32 ? ~0U >> address->prefix : 0);
}

/* ---- text --------------------------------------------------------------------------- */

static unsigned int parse_address(const char *text, __u8 bytes[16])
{
	memset(bytes, 0, 16);
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 6 : 0;
}

static int parse_prefix(const char *text, unsigned int bits)
{
	char *end;
	unsigned long prefix = strtoul(text, &end, 10);

	return isdigit((unsigned char)*text) && !*end && prefix && prefix <= bits ?
	       (int)prefix : -EINVAL;
}

static unsigned int count(const struct tern_wire_net *net, unsigned int version)
{
	unsigned int i, nr = 0;

	for (i = 0; i < net->nr_addresses; i++)
		nr += net->address[i].version == version;
	return nr;
}

static bool has(const struct tern_wire_net *net, const struct tern_wire_address *address)
{
	unsigned int i;

	for (i = 0; i < net->nr_addresses; i++)
		if (net->address[i].version == address->version &&
		    !memcmp(net->address[i].bytes, address->bytes, 16))
			return true;
	return false;
}

/* ADDRESS/PREFIX, in a buffer of ours */
static int add_one(struct tern_wire_net *net, char *text, struct tern_why *why)
{
	struct tern_wire_address address = { 0 };
	char *slash = strchr(text, '/');
	int prefix;

	if (!slash)
		return tern_why_set(why, -EINVAL,
				    "\"%s\" has no prefix length: write it like 10.0.0.5/24 or fd00::5/64",
				    text);
	*slash++ = '\0';
	address.version = parse_address(text, address.bytes);
	if (!address.version || !is_unicast(address.bytes, address.version))
		return tern_why_set(why, -EINVAL,
				    "\"%s\" is no address that a pod could have: use one like 10.0.0.5/24 or fd00::5/64",
				    text);
	prefix = parse_prefix(slash, bits_of(address.version));
	if (prefix < 0)
		return tern_why_set(why, -EINVAL, "\"%s\" is no prefix length: use 1 to %u", slash,
				    bits_of(address.version));
	if (has(net, &address))
		return tern_why_set(why, -EINVAL, "%s is given twice", text);
	if (count(net, address.version) == TERN_NET_GIVEN_MAX)
		return tern_why_set(why, -EINVAL, "a pod starts with up to %d IPv%u addresses",
				    TERN_NET_GIVEN_MAX, address.version);
	address.prefix = prefix;
	if (address.version == 4 && prefix < 31)
		address.flags = TERN_WIRE_ADDRESS_BROADCAST;
	net->address[net->nr_addresses++] = address;
	return 0;
}

/**
 * tern_net_add() - give it addresses
 * @net: zeroed at first
 * @list: ADDRESS/PREFIX, of IPv4 or IPv6, separated by commas
 * @why: sentence
 */
int tern_net_add(struct tern_wire_net *net, const char *list, struct tern_why *why)
{
	char text[TEXT_LEN];
	size_t len;
	int err;

	for (;;) {
		len = strcspn(list, ",");
		if (len >= sizeof(text))
			return tern_why_set(why, -EINVAL, "\"%.64s\" is too long for an address",
					    list);
		memcpy(text, list, len);
		text[len] = '\0';
		err = add_one(net, text, why);
		if (err || !list[len])
			return err;
		list += len + 1;
	}
}

/**
 * tern_net_gateway() - give it a default route
 * @net: what it has so far
 * @text: address of a router, one of each version of IP
 * @why: sentence
 */
int tern_net_gateway(struct tern_wire_net *net, const char *text, struct tern_why *why)
{
	struct tern_wire_route route = {
		.flags = TERN_WIRE_ROUTE_GATEWAY, .protocol = RTPROT_STATIC,
	};
	unsigned int i;

	route.version = parse_address(text, route.gateway);
	if (!route.version || !is_unicast(route.gateway, route.version))
		return tern_why_set(why, -EINVAL, "\"%.64s\" is no address of a gateway", text);
	for (i = 0; i < net->nr_routes; i++)
		if (net->route[i].version == route.version)
			return tern_why_set(why, -EINVAL,
					    "a pod starts with one gateway for IPv%u, and %s would be the second",
					    route.version, text);
	/* as the kernel has it if nobody says otherwise */
	route.metric = route.version == 6 ? 1024 : 0;
	net->route[net->nr_routes++] = route;
	return 0;
}

/* ---- what operators do not say -------------------------------------------------------- */

/*
 * Locally administered, and made of an address, which is the pod's alone on its segment: a
 * pod that is started anew there is not one that its neighbours must get to know first.
 */
static void derive_mac(struct tern_wire_net *net)
{
	const struct tern_wire_address *address = &net->address[0];
	__u32 hash = 2166136261U;	/* FNV-1a */
	unsigned int i;

	for (i = 0; i < 16; i++)
		hash = (hash ^ address->bytes[i]) * 16777619U;
	net->mac[0] = 0x02;
	net->mac[1] = 0x54;
	if (address->version == 4)
		memcpy(net->mac + 2, address->bytes, 4);
	else
		memcpy(net->mac + 2, &hash, 4);
	/* the two kinds do not meet */
	net->mac[1] += address->version == 6;
}

/* What IPv6 cannot do without, RFC 4291 2.5.1. */
static void add_link_local(struct tern_wire_net *net)
{
	const __u8 *mac = net->mac;
	struct tern_wire_address local = {
		.bytes = { 0xfe, 0x80, [8] = mac[0] ^ 0x02, mac[1], mac[2], 0xff, 0xfe,
			   mac[3], mac[4], mac[5] },
		.version = 6, .prefix = 64,
	};

	if (!has(net, &local))
		net->address[net->nr_addresses++] = local;
}

static bool is_link_local(const __u8 *bytes)
{
	return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

static bool is_near(const struct tern_wire_net *net, const struct tern_wire_route *route)
{
	unsigned int i;

	if (route->version == 6 && is_link_local(route->gateway))
		return count(net, 6);
	for (i = 0; i < net->nr_addresses; i++)
		if (net->address[i].version == route->version &&
		    same_bits(net->address[i].bytes, route->gateway, net->address[i].prefix))
			return true;
	return false;
}

/**
 * tern_net_complete() - all that was given has been; find the rest
 * @net: the network of a pod that is to be started; its mtu is the caller's to set
 * @why: sentence
 */
int tern_net_complete(struct tern_wire_net *net, struct tern_why *why)
{
	char text[46];
	unsigned int i;

	for (i = 0; i < net->nr_routes; i++)
		if (!is_near(net, &net->route[i]))
			return tern_why_set(why, -EINVAL,
					    "gateway %s is in no network of the pod's addresses: give it one there",
					    tern_net_text(net->route[i].gateway,
							  net->route[i].version, text));
	derive_mac(net);
	if (count(net, 6))
		add_link_local(net);
	return 0;
}

/* ---- what a peer sends ------------------------------------------------------------------ */

static bool is_version(unsigned int version)
{
	return version == 4 || version == 6;
}

static bool fills(const __u8 *bytes, unsigned int version)
{
	return version == 6 || is_zero(bytes + 4, 12);
}

static bool is_scope(unsigned int scope, unsigned int version)
{
	return scope == RT_SCOPE_UNIVERSE ||
	       (version == 4 && (scope == RT_SCOPE_LINK || scope == RT_SCOPE_HOST));
}

static bool address_sound(const struct tern_wire_address *a)
{
	return is_version(a->version) && fills(a->bytes, a->version) &&
	       is_unicast(a->bytes, a->version) && a->prefix <= bits_of(a->version) &&
	       is_scope(a->scope, a->version) &&
	       !(a->flags & ~(a->version == 4 ? TERN_WIRE_ADDRESS_BROADCAST : 0)) &&
	       is_zero(a->reserved, sizeof(a->reserved));
}

/* There if and only if it is said to be. */
static bool part_sound(const struct tern_wire_route *r, const __u8 *bytes, unsigned int flag)
{
	return r->flags & flag ? fills(bytes, r->version) && is_unicast(bytes, r->version) :
	       is_zero(bytes, 16);
}

static bool route_sound(const struct tern_wire_route *r)
{
	const unsigned int known = TERN_WIRE_ROUTE_GATEWAY | TERN_WIRE_ROUTE_SOURCE |
				   TERN_WIRE_ROUTE_ONLINK;

	return is_version(r->version) && fills(r->dst, r->version) &&
	       r->prefix <= bits_of(r->version) && is_scope(r->scope, r->version) &&
	       !(r->flags & ~known) && !r->reserved &&
	       part_sound(r, r->gateway, TERN_WIRE_ROUTE_GATEWAY) &&
	       part_sound(r, r->source, TERN_WIRE_ROUTE_SOURCE);
}

/**
 * tern_net_check() - is this, as received, the network of a pod?
 * @net: from a peer
 *
 * Return: 0 or -EPROTO.
 */
int tern_net_check(const struct tern_wire_net *net)
{
	unsigned int i;

	if (net->nr_addresses > TERN_WIRE_ADDRESSES || net->nr_routes > TERN_WIRE_ROUTES ||
	    net->reserved || net->mac[0] & 1 || is_zero(net->mac, sizeof(net->mac)) ||
	    net->mtu < (count(net, 6) ? MTU_MIN_6 : MTU_MIN) || net->mtu > MTU_MAX)
		return -EPROTO;
	for (i = 0; i < TERN_WIRE_ADDRESSES; i++)
		if (i < net->nr_addresses ? !address_sound(&net->address[i]) :
					    !is_zero(&net->address[i], sizeof(net->address[i])))
			return -EPROTO;
	for (i = 0; i < TERN_WIRE_ROUTES; i++)
		if (i < net->nr_routes ? !route_sound(&net->route[i]) :
					 !is_zero(&net->route[i], sizeof(net->route[i])))
			return -EPROTO;
	return 0;
}
