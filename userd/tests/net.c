// SPDX-License-Identifier: GPL-2.0
/* net.c: the network of a pod, as operators write it and as peers send it. */
#include <errno.h>
#include <string.h>

#include "dev.h"
#include "net.h"
#include "test.h"

static struct tern_wire_net net;
static struct tern_why why;

static int add(const char *list)
{
	why.text[0] = '\0';
	return tern_net_add(&net, list, &why);
}

static int gateway(const char *text)
{
	why.text[0] = '\0';
	return tern_net_gateway(&net, text, &why);
}

static int complete(void)
{
	why.text[0] = '\0';
	net.mtu = 1500;
	return tern_net_complete(&net, &why);
}

static bool says(const char *text)
{
	return strstr(why.text, text);
}

/* One of all that there is. */
static void make_sound(void)
{
	memset(&net, 0, sizeof(net));
	CHECK(!add("10.1.2.3/24,fd00::5/64"));
	CHECK(!gateway("10.1.2.1") && !gateway("fe80::1"));
	CHECK(!complete());
}

static void good(void)
{
	char text[46];

	make_sound();
	CHECK(net.nr_addresses == 3 && net.nr_routes == 2 && !tern_net_check(&net));
	CHECK(!memcmp(net.mac, "\x02\x54\x0a\x01\x02\x03", 6));
	CHECK(!strcmp(tern_net_text(net.address[2].bytes, 6, text), "fe80::54:aff:fe01:203"));
	CHECK(net.address[0].flags == TERN_WIRE_ADDRESS_BROADCAST);
	CHECK(tern_net_broadcast(&net.address[0]) == 0xff02010a);
	CHECK(net.route[0].flags == TERN_WIRE_ROUTE_GATEWAY && !net.route[0].prefix);
	memset(&net, 0, sizeof(net));
	CHECK(!add("10.1.2.3/32") && !add("10.1.2.4/31") && !complete() && !tern_net_check(&net));
	CHECK(net.nr_addresses == 2 && !net.address[0].flags && !net.address[1].flags);
	CHECK(tern_net_broadcast(&net.address[0]) == 0x0302010a);
	memset(&net, 0, sizeof(net));
	CHECK(!add("fd00::1/64") && !complete() && !tern_net_check(&net));
	CHECK(net.mac[0] == 2 && net.mac[1] == 0x55);
	/* what has been given is not added once more */
	memset(&net, 0, sizeof(net));
	CHECK(!add("10.1.2.3/24,fe80::54:aff:fe01:203/64") && !complete());
	CHECK(net.nr_addresses == 2);
}

static void bad_text(void)
{
	static const struct {
		const char *list, *says;
	} cases[] = {
		{ "", "no prefix length" },
		{ "10.0.0.1", "no prefix length" },
		{ "10.0.0.1/24,", "no prefix length" },
		{ ",10.0.0.1/24", "no prefix length" },
		{ "10.0.0/24", "is no address" },
		{ "0.0.0.0/24", "is no address" },
		{ "127.0.0.1/8", "is no address" },
		{ "224.0.0.1/8", "is no address" },
		{ "::1/64", "is no address" },
		{ "::/64", "is no address" },
		{ "ff02::1/64", "is no address" },
		{ "10.0.0.1/33", "use 1 to 32" },
		{ "10.0.0.1/0", "use 1 to 32" },
		{ "10.0.0.1/-1", "use 1 to 32" },
		{ "10.0.0.1/", "use 1 to 32" },
		{ "10.0.0.1/8x", "use 1 to 32" },
		{ "fd00::1/129", "use 1 to 128" },
		{ "10.0.0.1/8,10.0.0.1/9", "given twice" },
		{ "10.0.0.1/8,10.0.0.2/8,10.0.0.3/8,10.0.0.4/8,10.0.0.5/8", "up to 4 IPv4" },
		{ "fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001/128",
		  "too long" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&net, 0, sizeof(net));
		CHECK(add(cases[i].list) == -EINVAL && says(cases[i].says));
	}
}

static void bad_gateway(void)
{
	make_sound();
	CHECK(gateway("10.1.2.2") == -EINVAL && says("would be the second"));
	CHECK(gateway("none") == -EINVAL && says("no address of a gateway"));
	memset(&net, 0, sizeof(net));
	CHECK(!add("10.1.2.3/30") && !gateway("10.1.2.4"));
	CHECK(complete() == -EINVAL && says("10.1.2.4 is in no network"));
	memset(&net, 0, sizeof(net));
	CHECK(!add("10.1.2.3/24") && !gateway("fe80::1") && complete() == -EINVAL);
}

/* Whatever a peer changes in what is sound. */
#define REFUSED(change) \
	do { \
		make_sound(); \
		change; \
		CHECK(tern_net_check(&net) == -EPROTO); \
	} while (0)

static void bad_peer(void)
{
	REFUSED(net.nr_addresses = TERN_WIRE_ADDRESSES + 1);
	REFUSED(net.nr_addresses = 255);
	REFUSED(net.nr_addresses = 2);
	REFUSED(net.nr_addresses = 4);
	REFUSED(net.nr_routes = TERN_WIRE_ROUTES + 1);
	REFUSED(net.nr_routes = 1);
	REFUSED(net.nr_routes = 3);
	REFUSED(net.reserved = 1);
	REFUSED(net.mtu = 1279);
	REFUSED(net.mtu = 65536);
	REFUSED(net.mac[0] |= 1);
	REFUSED(memset(net.mac, 0, 6));
	REFUSED(net.address[0].version = 5);
	REFUSED(net.address[0].version = 6);
	REFUSED(net.address[1].version = 4);
	REFUSED(net.address[0].prefix = 33);
	REFUSED(net.address[0].bytes[15] = 1);
	REFUSED(net.address[0].bytes[0] = 127);
	REFUSED(net.address[0].scope = 1);
	REFUSED(net.address[1].scope = 253);
	REFUSED(net.address[0].flags = 2);
	REFUSED(net.address[1].flags = 1);
	REFUSED(net.address[1].reserved[3] = 1);
	REFUSED(net.address[15].reserved[0] = 1);
	REFUSED(net.route[0].version = 0);
	REFUSED(net.route[0].prefix = 33);
	REFUSED(net.route[0].flags |= 8);
	REFUSED(net.route[0].flags = 0);
	REFUSED(net.route[0].flags |= TERN_WIRE_ROUTE_SOURCE);
	REFUSED(net.route[0].source[0] = 10);
	REFUSED(net.route[0].gateway[0] = 255);
	REFUSED(net.route[0].gateway[4] = 1);
	REFUSED(net.route[0].dst[4] = 1);
	REFUSED(net.route[0].scope = 7);
	REFUSED(net.route[1].reserved = 1);
	REFUSED(net.route[15].metric = 1);
}

static void names(void)
{
	CHECK(tern_net_name_valid("br0") && tern_net_name_valid("a.b-c_d"));
	CHECK(tern_net_name_valid("fifteen-letters"));
	CHECK(!tern_net_name_valid("sixteen--letters") && !tern_net_name_valid(""));
	CHECK(!tern_net_name_valid("a b") && !tern_net_name_valid("a/b"));
	CHECK(!tern_net_name_valid("a:b") && !tern_net_name_valid(".."));
}

int main(void)
{
	good();
	bad_text();
	bad_gateway();
	bad_peer();
	names();
	return done();
}
