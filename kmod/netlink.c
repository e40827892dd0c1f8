// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink family "tern", for schedulers and for the tool's eyes; the
 * contract is Documentation/netlink/tern.yaml. Reading needs no privilege, the
 * commands that change anything need CAP_SYS_ADMIN in the initial namespace.
 * Everything ends in the same functions as the ioctls.
 */
#include <linux/capability.h>
#include <linux/pid_namespace.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/netlink.h>
#include <net/sock.h>

#include "compat.h"
#include "host.h"
#include "migration.h"
#include "netlink.h"
#include "unit.h"

static struct genl_family tern_family;

enum { EVENTS_GROUP };

static const struct genl_multicast_group groups[] = {
	[EVENTS_GROUP] = { .name = TERN_GENL_MCGRP_EVENTS },
};

/*
 * A snapshot for eyes, taken without m->lock, which parking may hold for long:
 * figures may be of different moments.
 */
static int put_migration(struct sk_buff *skb, struct tern_migration *m, int pid)
{
	const struct tern_unit *unit;
	u64 age = ktime_to_ns(ktime_sub(ktime_get_boottime(), m->born));

	if (nla_put_u64_64bit(skb, TERN_A_ID, m->id, TERN_A_PAD) ||
	    nla_put_s32(skb, TERN_A_PID, pid) ||
	    nla_put_u32(skb, TERN_A_SIDE, m->side) ||
	    nla_put_u32(skb, TERN_A_STATE, m->state) ||
	    nla_put_string(skb, TERN_A_HOST, m->peer) ||
	    nla_put_u32(skb, TERN_A_FLAGS, m->flags) ||
	    nla_put_string(skb, TERN_A_COMM, m->comm) ||
	    nla_put_u64_64bit(skb, TERN_A_AGE_NS, age, TERN_A_PAD) ||
	    nla_put(skb, TERN_A_REPORT, sizeof(m->report), &m->report))
		return -EMSGSIZE;
	unit = READ_ONCE(m->unit);
	if (unit && nla_put_u64_64bit(skb, TERN_A_UNIT, unit->id, TERN_A_PAD))
		return -EMSGSIZE;
	if (READ_ONCE(m->nr_late) && nla_put_u32(skb, TERN_A_LATE, m->nr_late))
		return -EMSGSIZE;
	if (READ_ONCE(m->nr_reset) && nla_put_u32(skb, TERN_A_RESET, m->nr_reset))
		return -EMSGSIZE;
	if (m->err && (nla_put_u32(skb, TERN_A_ERROR, m->err) ||
		       nla_put_string(skb, TERN_A_REASON, m->why.text)))
		return -EMSGSIZE;
	return 0;
}

static int fill_migration(struct sk_buff *skb, struct tern_migration *m,
			  u32 portid, u32 seq, int flags, u8 cmd, int pid)
{
	void *head = genlmsg_put(skb, portid, seq, &tern_family, flags, cmd);

	if (!head)
		return -EMSGSIZE;
	if (put_migration(skb, m, pid)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

/*
 * Events on their way: written at once, so that they tell the state that they
 * are about, and delivered by a worker, in order, a moment after the last of them
 * or some time after the first. To deliver them wakes up others, who would compete
 * for a processor with a daemon whose migrant stands still.
 */
#define DELIVERY_DELAY	msecs_to_jiffies(20)
#define DELIVERY_MOST	msecs_to_jiffies(100)
#define DELIVERY_NR	32

/* Texts, the report, and the rest: four are written in a latency period, of fresh memory. */
#define EVENT_SIZE	(TERN_HOST_LEN + TASK_COMM_LEN + TERN_WHY_LEN + \
			 sizeof(struct tern_report) + 256)

static struct sk_buff_head events;

struct event_cb {
	struct net *net;
	unsigned long written;
};

/* How long those that wait may still wait. */
static unsigned long delivery_delay(void)
{
	unsigned long irq, now = jiffies, until = now + DELIVERY_MOST;
	struct sk_buff *first;

	spin_lock_irqsave(&events.lock, irq);
	first = skb_peek(&events);
	if (first)
		until = ((struct event_cb *)first->cb)->written + DELIVERY_MOST;
	/* a socket takes no more than so many at once */
	if (skb_queue_len(&events) >= DELIVERY_NR)
		until = now;
	spin_unlock_irqrestore(&events.lock, irq);
	return time_after(until, now) ? min(until - now, DELIVERY_DELAY) : 0;
}

static void deliver(struct work_struct *work)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&events))) {
		struct event_cb *cb = (void *)skb->cb;
		struct net *net = cb->net;

		memset(skb->cb, 0, sizeof(skb->cb));
		genlmsg_multicast_netns(&tern_family, net, skb, 0, EVENTS_GROUP,
					GFP_KERNEL);
		put_net(net);
	}
}

static DECLARE_DELAYED_WORK(delivery, deliver);

/**
 * tern_netlink_event() - tell whoever listens how a migration stands
 * @m: the migration
 *
 * The pid is given as the initial namespace sees it. Losing an event for want
 * of memory harms nobody: the state can be asked for.
 */
void tern_netlink_event(struct tern_migration *m)
{
	struct sk_buff *skb;

	if (!genl_has_listeners(&tern_family, m->host->net, EVENTS_GROUP))
		return;
	skb = genlmsg_new(EVENT_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	if (fill_migration(skb, m, 0, 0, 0, TERN_CMD_EVENT, pid_nr(m->pid))) {
		nlmsg_free(skb);
		return;
	}
	*(struct event_cb *)skb->cb = (struct event_cb){
		.net = get_net(m->host->net), .written = jiffies,
	};
	skb_queue_tail(&events, skb);
	mod_delayed_work(system_unbound_wq, &delivery, delivery_delay());
}

static int migration_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct tern_host *host = tern_host_of(genl_info_net(info));
	struct tern_migration *m;
	struct sk_buff *reply;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, TERN_A_ID))
		return -EINVAL;
	m = tern_migration_find(host, nla_get_u64(info->attrs[TERN_A_ID]), 0);
	if (!m) {
		GENL_SET_ERR_MSG(info, "no such migration");
		return -ENOENT;
	}
	err = -ENOMEM;
	reply = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		goto out;
	err = fill_migration(reply, m, info->snd_portid, info->snd_seq, 0,
			     TERN_CMD_MIGRATION_GET, pid_vnr(m->pid));
	if (err)
		nlmsg_free(reply);
	else
		err = genlmsg_reply(reply, info);
out:
	tern_migration_put(m);
	return err;
}

static int migration_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct tern_host *host = tern_host_of(sock_net(skb->sk));
	struct tern_migration *m;
	long skip = cb->args[0], n = 0;

	mutex_lock(&host->lock);
	list_for_each_entry(m, &host->migrations, node) {
		int err;

		if (n++ < skip)
			continue;
		err = fill_migration(skb, m, NETLINK_CB(cb->skb).portid,
				     cb->nlh->nlmsg_seq, NLM_F_MULTI,
				     TERN_CMD_MIGRATION_GET, pid_vnr(m->pid));
		if (err)
			break;
		cb->args[0] = n;
	}
	mutex_unlock(&host->lock);
	return skb->len;
}

static int put_host(struct sk_buff *skb, struct netlink_callback *cb,
		    const char *name, bool self)
{
	void *head = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				 cb->nlh->nlmsg_seq, &tern_family, NLM_F_MULTI,
				 TERN_CMD_HOST_GET);

	if (!head)
		return -EMSGSIZE;
	if (nla_put_string(skb, TERN_A_HOST, name) ||
	    (self && nla_put_flag(skb, TERN_A_SELF))) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

static int host_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct tern_host *host = tern_host_of(sock_net(skb->sk));
	long n;

	mutex_lock(&host->lock);
	/* number 0 is this host itself, while a daemon serves it */
	for (n = cb->args[0]; host->daemon && n <= host->nr_names; n++) {
		if (put_host(skb, cb, n ? host->names[n - 1] : host->self, !n))
			break;
		cb->args[0] = n + 1;
	}
	mutex_unlock(&host->lock);
	return skb->len;
}

static int ask(struct sk_buff *skb, struct genl_info *info, struct tern_ask *ask)
{
	struct tern_host *host = tern_host_of(genl_info_net(info));
	struct tern_why why = {};
	int err;

	if (!netlink_capable(skb, CAP_SYS_ADMIN)) {
		GENL_SET_ERR_MSG(info, "this needs CAP_SYS_ADMIN: run it as root");
		return -EPERM;
	}
	if (info->attrs[TERN_A_FLAGS])
		ask->flags = nla_get_u32(info->attrs[TERN_A_FLAGS]);
	err = tern_migration_ask(host, ask, &why);
	if (err && why.text[0])
		compat_genl_err(info, why.text);
	return err;
}

static int migrate_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct tern_ask request = { .what = TERN_ASK_MIGRATE };
	struct sk_buff *reply;
	void *head;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, TERN_A_PID) ||
	    GENL_REQ_ATTR_CHECK(info, TERN_A_HOST))
		return -EINVAL;
	request.pid = nla_get_s32(info->attrs[TERN_A_PID]);
	nla_strscpy(request.host, info->attrs[TERN_A_HOST], TERN_HOST_LEN);

	/* the reply first: it must not fail once the request is made */
	reply = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	err = ask(skb, info, &request);
	if (err)
		goto free;
	err = -EMSGSIZE;
	head = genlmsg_put_reply(reply, info, &tern_family, 0, TERN_CMD_MIGRATE);
	if (!head || nla_put_u64_64bit(reply, TERN_A_ID, request.id, TERN_A_PAD))
		goto free;
	genlmsg_end(reply, head);
	return genlmsg_reply(reply, info);
free:
	nlmsg_free(reply);
	return err;
}

static int abort_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct tern_ask request = { .what = TERN_ASK_ABORT };

	if (GENL_REQ_ATTR_CHECK(info, TERN_A_ID))
		return -EINVAL;
	request.id = nla_get_u64(info->attrs[TERN_A_ID]);
	return ask(skb, info, &request);
}

static const struct nla_policy id_policy[TERN_A_MAX + 1] = {
	[TERN_A_ID] = { .type = NLA_U64 },
};

static const struct nla_policy migrate_policy[TERN_A_MAX + 1] = {
	[TERN_A_PID] = NLA_POLICY_MIN(NLA_S32, 1),
	[TERN_A_HOST] = { .type = NLA_NUL_STRING, .len = TERN_HOST_LEN - 1 },
	[TERN_A_FLAGS] = { .type = NLA_U32 },
};

static const struct nla_policy abort_policy[TERN_A_MAX + 1] = {
	[TERN_A_ID] = { .type = NLA_U64 },
	[TERN_A_FLAGS] = { .type = NLA_U32 },
};

static const struct genl_ops ops[] = {
	{
		.cmd = TERN_CMD_HOST_GET,
		.dumpit = host_get_dumpit,
	}, {
		.cmd = TERN_CMD_MIGRATION_GET,
		.doit = migration_get_doit,
		.dumpit = migration_get_dumpit,
		.policy = id_policy,
		.maxattr = TERN_A_MAX,
	}, {
		.cmd = TERN_CMD_MIGRATE,
		.doit = migrate_doit,
		.policy = migrate_policy,
		.maxattr = TERN_A_MAX,
	}, {
		.cmd = TERN_CMD_ABORT,
		.doit = abort_doit,
		.policy = abort_policy,
		.maxattr = TERN_A_MAX,
	},
};

static struct genl_family tern_family __ro_after_init = {
	.name = TERN_GENL_NAME,
	.version = TERN_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = __TERN_CMD_MAX,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/** tern_netlink_init() - register the family */
int __init tern_netlink_init(void)
{
	skb_queue_head_init(&events);
	return genl_register_family(&tern_family);
}

/** tern_netlink_exit() - take it back, with the last events delivered */
void tern_netlink_exit(void)
{
	flush_delayed_work(&delivery);
	genl_unregister_family(&tern_family);
}
