// SPDX-License-Identifier: GPL-2.0
/*
 * A host is a network namespace: it has its own migrations, its own daemon and
 * its own netlink audience, so that one kernel can play several hosts. Requests
 * queue here until the daemon reads them.
 */
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "dev.h"
#include "host.h"
#include "migration.h"

#define REQUESTS_MAX	1024

static unsigned int host_id;

/**
 * struct tern_queued - a request that the daemon has not read yet
 * @node: in host->requests
 * @request: what it will read, but for the pid
 * @pid: referenced; translated into the reader's namespace
 */
struct tern_queued {
	struct list_head node;
	struct tern_request request;
	struct pid *pid;
};

/** tern_host_of() - the host that a network namespace is */
struct tern_host *tern_host_of(struct net *net)
{
	return net_generic(net, host_id);
}

/** tern_host_knows() - is @name a destination? host->lock is held */
bool tern_host_knows(struct tern_host *host, const char *name)
{
	unsigned int i;

	for (i = 0; i < host->nr_names; i++)
		if (!strncmp(host->names[i], name, TERN_HOST_LEN))
			return true;
	return false;
}

/**
 * tern_host_queue() - hand a request to the daemon
 * @host: its lock is held
 * @request: copied
 * @pid: the migrant, or NULL; a reference is taken
 */
int tern_host_queue(struct tern_host *host, const struct tern_request *request,
		    struct pid *pid)
{
	struct tern_queued *queued, *q;
	unsigned int nr = 0;

	lockdep_assert_held(&host->lock);
	list_for_each_entry(q, &host->requests, node)
		nr++;
	if (nr >= REQUESTS_MAX)
		return -EAGAIN;
	queued = kzalloc(sizeof(*queued), GFP_KERNEL);
	if (!queued)
		return -ENOMEM;
	queued->request = *request;
	queued->pid = get_pid(pid);
	list_add_tail(&queued->node, &host->requests);
	wake_up_interruptible(&host->wait);
	return 0;
}

static void queued_free(struct tern_queued *queued)
{
	list_del(&queued->node);
	put_pid(queued->pid);
	kfree(queued);
}

/** tern_host_readable() - is there anything for the daemon to read? */
bool tern_host_readable(struct tern_host *host)
{
	return !list_empty_careful(&host->requests);
}

/**
 * tern_host_read() - read(2) of the daemon's handle
 * @host: which
 * @buf: receives whole struct tern_request records
 * @len: its size
 * @block: wait for the first one
 */
ssize_t tern_host_read(struct tern_host *host, char __user *buf, size_t len,
		       bool block)
{
	struct tern_queued *queued, *tmp;
	ssize_t done = 0;
	int err;

	if (len < sizeof(queued->request))
		return -EINVAL;
	if (!tern_host_readable(host)) {
		if (!block)
			return -EAGAIN;
		err = wait_event_interruptible(host->wait,
					       tern_host_readable(host));
		if (err)
			return err;
	}
	mutex_lock(&host->lock);
	list_for_each_entry_safe(queued, tmp, &host->requests, node) {
		if (len - done < sizeof(queued->request))
			break;
		queued->request.pid = pid_vnr(queued->pid);
		if (copy_to_user(buf + done, &queued->request,
				 sizeof(queued->request))) {
			done = done ?: -EFAULT;
			break;
		}
		done += sizeof(queued->request);
		queued_free(queued);
	}
	mutex_unlock(&host->lock);
	return done ?: -EAGAIN;
}

static void queue_adoptions(struct tern_host *host)
{
	struct tern_migration *m;

	list_for_each_entry(m, &host->migrations, node) {
		struct tern_request request = {
			.what = TERN_REQUEST_ADOPT,
			.flags = m->flags,
			.id = m->id,
			.side = m->side,
			.state = READ_ONCE(m->state),
		};

		if (tern_state_final(request.state))
			continue;
		/* asked for, and the daemon went before it took it up */
		if (request.state == TERN_REQUESTED)
			request.what = TERN_REQUEST_MIGRATE;
		strscpy(request.host, m->peer, sizeof(request.host));
		if (tern_host_queue(host, &request, m->pid))
			pr_warn("tern: no memory to hand over migration %016llx\n",
				m->id);
	}
}

/**
 * tern_host_serve() - make @handle the daemon's
 * @host: which
 * @handle: of the daemon
 * @serve: checked here
 */
int tern_host_serve(struct tern_host *host, struct tern_handle *handle,
		    const struct tern_serve *serve)
{
	char (*names)[TERN_HOST_LEN];
	unsigned int i;
	int err = 0;

	if (serve->nr_hosts > TERN_HOSTS_MAX ||
	    !serve->self[0] || strnlen(serve->self, TERN_HOST_LEN) == TERN_HOST_LEN)
		return -EINVAL;
	names = memdup_user(u64_to_user_ptr(serve->hosts),
			    (size_t)serve->nr_hosts * TERN_HOST_LEN);
	if (IS_ERR(names))
		return PTR_ERR(names);
	for (i = 0; i < serve->nr_hosts; i++) {
		if (strnlen(names[i], TERN_HOST_LEN) == TERN_HOST_LEN) {
			kfree(names);
			return -EINVAL;
		}
	}
	mutex_lock(&host->lock);
	if (host->daemon) {
		err = -EBUSY;
		kfree(names);
	} else {
		kfree(host->names);
		host->names = names;
		host->nr_names = serve->nr_hosts;
		strscpy(host->self, serve->self, sizeof(host->self));
		host->daemon = handle;
		queue_adoptions(host);
	}
	mutex_unlock(&host->lock);
	return err;
}

/**
 * tern_host_unserve() - the daemon's handle has closed
 * @host: which
 * @handle: nothing happens if it is not the daemon's
 *
 * Requests that it did not read stay with their migrations: the next daemon
 * gets them again.
 */
void tern_host_unserve(struct tern_host *host, struct tern_handle *handle)
{
	struct tern_queued *queued, *tmp;

	mutex_lock(&host->lock);
	if (host->daemon == handle) {
		host->daemon = NULL;
		host->nr_names = 0;
		list_for_each_entry_safe(queued, tmp, &host->requests, node)
			queued_free(queued);
	}
	mutex_unlock(&host->lock);
}

static int __net_init host_net_init(struct net *net)
{
	struct tern_host *host = tern_host_of(net);

	host->net = net;
	mutex_init(&host->lock);
	INIT_LIST_HEAD(&host->migrations);
	INIT_LIST_HEAD(&host->requests);
	init_waitqueue_head(&host->wait);
	return 0;
}

/* Only ended migrations are left: live ones hold the namespace. */
static void __net_exit host_net_exit(struct net *net)
{
	struct tern_host *host = tern_host_of(net);
	struct tern_migration *m, *tmp;

	list_for_each_entry_safe(m, tmp, &host->migrations, node) {
		list_del_init(&m->node);
		tern_migration_put(m);
	}
	kfree(host->names);
	mutex_destroy(&host->lock);
}

static struct pernet_operations host_net_ops = {
	.init = host_net_init,
	.exit = host_net_exit,
	.id = &host_id,
	.size = sizeof(struct tern_host),
};

/** tern_host_init() - from here on every namespace is a host */
int tern_host_init(void)
{
	return register_pernet_subsys(&host_net_ops);
}

/** tern_host_exit() - forget all of them */
void tern_host_exit(void)
{
	unregister_pernet_subsys(&host_net_ops);
}
