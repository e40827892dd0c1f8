/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The network of a pod: one interface, eth0, beside loopback. It is an end of a veth pair,
 * of which this host has the other one, on a bridge.
 *
 * net.c	what it is: as text, and as a peer sends it
 * net_space.c	netlink, here and in the pod
 * net_make.c	how it is made
 * net_link.c	how it comes to the bridge, and leaves it
 * net_look.c	what one that there is has become
 */
#ifndef TERN_NET_H
#define TERN_NET_H

#include <stdbool.h>
#include <tern/wire.h>

struct tern_why;

#define TERN_NET_NAME_LEN	16	/* of an interface, with its NUL */
#define TERN_NET_NAME		"eth0"
#define TERN_NET_GIVEN_MAX	4	/* addresses that "tern run" takes, of either version */

/* net.c */
bool tern_net_name_valid(const char *name);
int tern_net_add(struct tern_wire_net *net, const char *list, struct tern_why *why);
int tern_net_gateway(struct tern_wire_net *net, const char *text, struct tern_why *why);
int tern_net_complete(struct tern_wire_net *net, struct tern_why *why);
int tern_net_check(const struct tern_wire_net *net);
__u32 tern_net_broadcast(const struct tern_wire_address *address);
const char *tern_net_text(const __u8 bytes[16], unsigned int version, char text[46]);

/* net_space.c */
int tern_net_number(int pid, const char *name);

/* net_make.c */
int tern_net_bridge(const char *bridge, const char *host, struct tern_why *why);
int tern_net_make(int pid, const char *pod, const char *bridge, const char *host,
		  const struct tern_wire_net *net, struct tern_why *why);

/* net_link.c */
int tern_net_attach(int pid, const char *bridge, const char *host, struct tern_why *why);
int tern_net_mute(int pid, struct tern_why *why);
int tern_net_unmute(int pid, struct tern_why *why);
int tern_net_index(int pid);

/* net_look.c */
int tern_net_watch(int pid);
int tern_net_look(int pid, struct tern_wire_net *net, struct tern_why *why);

#endif
