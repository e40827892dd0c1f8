// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink sockets: one that hears of interfaces, one that asks for them, and one that asks
 * for sockets. Each answers of the host where it is.
 *
 * usage: routes DIR HOPS
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "migrant.h"

#define LOOPBACK	1	/* its number, everywhere */
#define MTU		60000U
#define PORT		4242
#define RCVBUF		300000

static int hears, asks, diag;
static struct sockaddr_nl names[2];

static int make(int protocol, unsigned int port, unsigned int groups)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW, protocol);

	check(fd >= 0 && (!port || !bind(fd, (void *)&name, sizeof(name))), "netlink: %s",
	      strerror(errno));
	return fd;
}

static struct sockaddr_nl name_of(int fd)
{
	struct sockaddr_nl name = { 0 };
	socklen_t len = sizeof(name);

	check(!getsockname(fd, (void *)&name, &len), "no name: %s", strerror(errno));
	return name;
}

/* Until a message of @last has come; how many were about the loopback interface? */
static unsigned int hear(int fd, int last)
{
	char buf[32768] __attribute__((aligned(8)));
	unsigned int nr = 0;
	bool ended = false;
	struct nlmsghdr *h;

	while (!ended) {
		ssize_t len = recv(fd, buf, sizeof(buf), 0);

		check(len > 0, "recv: %s after %u hops", strerror(errno), migrant.hops);
		for (h = (void *)buf; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
			const struct ifinfomsg *info = NLMSG_DATA(h);
			const struct nlmsgerr *err = NLMSG_DATA(h);

			check(h->nlmsg_type != NLMSG_ERROR || !err->error, "netlink says: %s",
			      strerror(-err->error));
			nr += h->nlmsg_type == RTM_NEWLINK && info->ifi_index == LOOPBACK;
			ended |= h->nlmsg_type == last && (last != RTM_NEWLINK || nr);
		}
	}
	return nr;
}

static void ask(int fd, int type, int flags, const void *data, size_t len)
{
	struct {
		struct nlmsghdr h;
		char data[128];
	} m = { .h = { .nlmsg_len = NLMSG_LENGTH(len), .nlmsg_type = type,
		       .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = migrant.hops } };

	memcpy(m.data, data, len);
	check(send(fd, &m, m.h.nlmsg_len, 0) == (ssize_t)m.h.nlmsg_len, "send: %s",
	      strerror(errno));
}

static void change_mtu(void)
{
	struct {
		struct ifinfomsg info;
		struct rtattr attr;
		unsigned int mtu;
	} m = {
		.info = { .ifi_index = LOOPBACK }, .attr = { RTA_LENGTH(4), IFLA_MTU },
		.mtu = MTU + migrant.hops,
	};

	ask(asks, RTM_SETLINK, NLM_F_ACK, &m, sizeof(m));
	hear(asks, NLMSG_ERROR);
}

static void verify(void)
{
	const struct ifinfomsg all = { 0 };
	const struct inet_diag_req_v2 tcp = {
		.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0U,
	};
	struct sockaddr_nl now[2] = { name_of(hears), name_of(asks) };
	unsigned int groups[2] = { 0 };
	socklen_t len = sizeof(groups);

	check(!migrant.hops || !memcmp(names, now, sizeof(now)), "other names after %u hops",
	      migrant.hops);
	check(!getsockopt(hears, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &len) &&
	      groups[0] == RTMGRP_LINK && groups[1] == 1U << (RTNLGRP_BRVLAN - 33),
	      "groups %#x %#x after %u hops", groups[0], groups[1], migrant.hops);
	migrant_is_option(hears, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	migrant_is_option(hears, SOL_SOCKET, SO_RCVBUF, RCVBUF);
	migrant_is_option(asks, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	ask(asks, RTM_GETLINK, NLM_F_DUMP, &all, sizeof(all));
	check(hear(asks, NLMSG_DONE) == 1, "no loopback after %u hops", migrant.hops);
	/* what is changed here is heard here */
	change_mtu();
	hear(hears, RTM_NEWLINK);
	ask(diag, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &tcp, sizeof(tcp));
	hear(diag, NLMSG_DONE);
	/* one has its number since it asked first */
	names[0] = name_of(hears);
	names[1] = name_of(asks);
	/* nothing waits when it moves */
	while (recv(hears, groups, sizeof(groups), MSG_DONTWAIT) >= 0)
		;
}

int main(int argc, char **argv)
{
	unsigned int hops;
	char text[16];

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	hears = make(NETLINK_ROUTE, PORT, RTMGRP_LINK);
	migrant_set_option(hears, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	migrant_set_option(hears, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_BRVLAN);
	migrant_set_option(hears, SOL_SOCKET, SO_RCVBUF, RCVBUF / 2);
	asks = make(NETLINK_ROUTE, 0, 0);
	migrant_set_option(asks, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	diag = make(NETLINK_SOCK_DIAG, 0, 0);
	do {
		verify();
		snprintf(text, sizeof(text), "%u", migrant.hops);
		migrant_tell("verified", text);
		migrant_tell("ready", "yes");
	} while (migrant.hops < hops && migrant_wait_hop());
	migrant_rest();
	if (migrant.hops != hops)
		migrant_fail("%u hops and not %u", migrant.hops, hops);
	migrant_ok("hops=%u", migrant.hops);
}
