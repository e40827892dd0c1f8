// SPDX-License-Identifier: GPL-2.0
/*
 * How the interface of a pod comes to the bridge, and leaves it. Where it is is known by
 * the kernel alone: all of this can be asked for by another daemon than the one before, and
 * twice.
 *
 * Owns nothing. A process without an interface of Tern is left as it is.
 */
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/route/link/bridge.h>
#include <string.h>

#include "dev.h"
#include "net.h"
#include "net_space.h"

/**
 * struct pair - both ends of a pod's interface
 * @space: the way to them
 * @eth0: the pod's
 * @end: ours
 */
struct pair {
	struct tern_net_space space;
	struct rtnl_link *eth0;
	struct rtnl_link *end;
};

static void put_pair(struct pair *pair)
{
	if (pair->eth0)
		rtnl_link_put(pair->eth0);
	if (pair->end)
		rtnl_link_put(pair->end);
	tern_net_close(&pair->space);
}

/* Return: 1; 0: it has none; negative errno. */
static int find_pair(int pid, struct pair *pair)
{
	int rc = tern_net_open(&pair->space, pid);

	pair->eth0 = NULL;
	pair->end = NULL;
	/* who has ended has none */
	if (rc <= 0)
		return rc == -ENOENT ? 0 : rc;
	rc = tern_net_find(pair->space.there, 0, TERN_NET_NAME, &pair->eth0);
	if (!rc)
		rc = tern_net_end(&pair->space, pair->eth0, &pair->end);
	if (!rc)
		return 1;
	put_pair(pair);
	return rc == -ENODEV ? 0 : rc;
}

/*
 * Have the kernel tell its neighbours: it does when the address is set, even if to what it
 * is (arp_notify, ndisc_notify).
 */
static int announce(const struct pair *pair)
{
	struct rtnl_link *change = rtnl_link_alloc();
	int err;

	if (!change)
		return -ENOMEM;
	rtnl_link_set_addr(change, rtnl_link_get_addr(pair->eth0));
	err = rtnl_link_change(pair->space.there, pair->eth0, change, 0);
	rtnl_link_put(change);
	return tern_net_errno(err);
}

static int join(const struct pair *pair, const char *bridge)
{
	struct rtnl_link *link;
	int err = tern_net_find(pair->space.here, 0, bridge, &link);

	if (err)
		return err;
	err = rtnl_link_enslave_ifindex(pair->space.here, rtnl_link_get_ifindex(link),
					rtnl_link_get_ifindex(pair->end));
	rtnl_link_put(link);
	return tern_net_errno(err);
}

/**
 * tern_net_attach() - let a pod's interface live on the segment, and its neighbours know
 * @pid: a process of the pod
 * @bridge: of this host
 * @host: its name
 * @why: sentence
 */
int tern_net_attach(int pid, const char *bridge, const char *host, struct tern_why *why)
{
	struct pair pair;
	int rc = find_pair(pid, &pair);

	if (rc > 0) {
		rc = join(&pair, bridge);
		if (!rc)
			rc = announce(&pair);
		put_pair(&pair);
	}
	return rc < 0 ? tern_why_set(why, rc,
				     "the interface of the pod could not be attached to bridge \"%s\" of %s: %s",
				     bridge, host, strerror(-rc)) : 0;
}

/*
 * What the pod sends goes nowhere, but its carrier stays, and with it the way by which the
 * segment brings what is still sent to it. -ENODEV: it is not so, and need not be undone.
 */
static int set_mute(const struct pair *pair, bool mute)
{
	struct tcmsg tc = {
		.tcm_family = AF_UNSPEC, .tcm_parent = TC_H_ROOT,
		.tcm_ifindex = rtnl_link_get_ifindex(pair->eth0),
	};
	struct nl_msg *msg = nlmsg_alloc_simple(mute ? RTM_NEWQDISC : RTM_DELQDISC,
						mute ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	int err;

	if (!msg)
		return -ENOMEM;
	if (nlmsg_append(msg, &tc, sizeof(tc), NLMSG_ALIGNTO) ||
	    nla_put_string(msg, TCA_KIND, "blackhole")) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	err = tern_net_errno(nl_send_sync(pair->space.there, msg));
	return !mute && err == -EINVAL ? -ENODEV : err;
}

/**
 * tern_net_mute() - let it say nothing any more; it is still spoken to
 * @pid: a process of the pod
 * @why: sentence
 */
int tern_net_mute(int pid, struct tern_why *why)
{
	struct pair pair;
	int rc = find_pair(pid, &pair);

	if (rc > 0) {
		rc = set_mute(&pair, true);
		put_pair(&pair);
	}
	return rc < 0 ? tern_why_set(why, rc,
				     "the interface of the pod could not be kept from sending: %s",
				     strerror(-rc)) : 0;
}

/** tern_net_unmute() - as before tern_net_mute(); its neighbours are told that it is here */
int tern_net_unmute(int pid, struct tern_why *why)
{
	struct pair pair;
	int rc = find_pair(pid, &pair);

	if (rc > 0) {
		rc = set_mute(&pair, false);
		if (!rc || rc == -ENODEV)
			rc = announce(&pair);
		put_pair(&pair);
	}
	return rc < 0 ? tern_why_set(why, rc, "the interface of the pod could not be let send: %s",
				     strerror(-rc)) : 0;
}

/** tern_net_index() - number of this host's end; 0: there is none; or negative errno */
int tern_net_index(int pid)
{
	struct pair pair;
	int rc = find_pair(pid, &pair);

	if (rc > 0) {
		rc = rtnl_link_get_ifindex(pair.end);
		put_pair(&pair);
	}
	return rc;
}
