// SPDX-License-Identifier: GPL-2.0
/*
 * libtern, see libtern.h.
 *
 * A client owns one handle of /dev/tern, one netlink socket for requests and,
 * once subscribed, another for events, so that an event never comes between a
 * request and its reply. No locks. Never waits but for the kernel's replies
 * and, in tern_client_next(), for events.
 */
#include <errno.h>
#include <fcntl.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "libtern.h"

/**
 * struct tern_client - a user of Tern
 * @dev: handle of /dev/tern
 * @requests: socket for requests, NULL: not yet needed
 * @events: socket for events, NULL: not subscribed
 * @family: number of the family
 * @pending: events that have been received and not yet been taken
 * @first: the oldest of them
 * @nr_pending: how many
 * @why: sentence of the last error
 */
struct tern_client {
	int dev;
	struct nl_sock *requests;
	struct nl_sock *events;
	int family;
	struct tern_info_migration pending[32];
	unsigned int first;
	unsigned int nr_pending;
	char why[TERN_WHY_LEN];
};

/**
 * struct walk - what the callbacks of one request work on
 * @client: the client
 * @error: negative errno that the kernel answered
 * @done: nothing more will come
 * @stop: what the caller's callback returned
 * @migration: the caller's callback
 * @host: likewise
 * @arg: for it
 */
struct walk {
	struct tern_client *client;
	int error;
	bool done;
	int stop;
	int (*migration)(void *arg, const struct tern_info_migration *m);
	int (*host)(void *arg, const struct tern_info_host *h);
	void *arg;
};

static struct nla_policy policy[TERN_A_MAX + 1] = {
	[TERN_A_ID] = { .type = NLA_U64 },
	[TERN_A_PID] = { .type = NLA_U32 },
	[TERN_A_SIDE] = { .type = NLA_U32 },
	[TERN_A_STATE] = { .type = NLA_U32 },
	[TERN_A_HOST] = { .type = NLA_STRING },
	[TERN_A_FLAGS] = { .type = NLA_U32 },
	[TERN_A_ERROR] = { .type = NLA_U32 },
	[TERN_A_REASON] = { .type = NLA_STRING },
	[TERN_A_COMM] = { .type = NLA_STRING },
	[TERN_A_REPORT] = { .type = NLA_UNSPEC },
	[TERN_A_AGE_NS] = { .type = NLA_U64 },
	[TERN_A_SELF] = { .type = NLA_FLAG },
	[TERN_A_UNIT] = { .type = NLA_U64 },
	[TERN_A_LATE] = { .type = NLA_U32 },
	[TERN_A_RESET] = { .type = NLA_U32 },
};

/* libnl has errors of its own. */
static int errno_of(int nle)
{
	switch (nle < 0 ? -nle : nle) {
	case 0:
		return 0;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_INTR:
		return -EINTR;
	case NLE_PERM:
		return -EPERM;
	default:
		return -EIO;
	}
}

/* ---- the handle ---- */

/**
 * tern_client_open() - begin
 * @client: set
 *
 * -ENOENT: the module is not loaded.
 */
int tern_client_open(struct tern_client **client)
{
	struct tern_client *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->dev = open("/dev/tern", O_RDWR | O_CLOEXEC);
	/* status and check are for everybody who may at least read */
	if (c->dev < 0 && errno == EACCES)
		c->dev = open("/dev/tern", O_RDONLY | O_CLOEXEC);
	if (c->dev < 0) {
		rc = errno == ENXIO || errno == ENODEV ? -ENOENT : -errno;
		free(c);
		return rc;
	}
	*client = c;
	return 0;
}

/**
 * tern_client_close() - end
 * @client: from tern_client_open(), or NULL
 */
void tern_client_close(struct tern_client *client)
{
	if (!client)
		return;
	nl_socket_free(client->requests);
	nl_socket_free(client->events);
	close(client->dev);
	free(client);
}

/**
 * tern_client_why() - the sentence that goes with the last error
 * @client: the client
 */
const char *tern_client_why(const struct tern_client *client)
{
	return client->why;
}

static int call(struct tern_client *c, unsigned long nr, void *arg)
{
	c->why[0] = '\0';
	return ioctl(c->dev, nr, arg) < 0 ? -errno : 0;
}

/**
 * tern_client_check() - can a process move?
 * @client: the client
 * @pid: the process
 * @flags: of TERN_FLAGS_CHECK, as for the migration
 * @nr: filled with the number of reasons against it
 * @buf: receives them, a line each
 * @len: size of @buf
 */
int tern_client_check(struct tern_client *client, int pid, unsigned int flags,
		      unsigned int *nr, char *buf, size_t len)
{
	struct tern_check check = {
		.size = sizeof(check),
		.flags = flags,
		.pid = pid,
		.buf = (unsigned long)buf,
		.buf_len = len,
	};
	int rc;

	if (len)
		buf[0] = '\0';
	rc = call(client, TERN_IOC_CHECK, &check);
	*nr = check.nr_reasons;
	return rc;
}

/**
 * tern_client_migrate() - ask for a migration
 * @client: the client
 * @pid: the process to move
 * @host: destination, as the daemon knows it
 * @flags: of TERN_FLAGS_ALL
 * @id: filled
 */
int tern_client_migrate(struct tern_client *client, int pid, const char *host,
			unsigned int flags, __u64 *id)
{
	struct tern_ask ask = {
		.size = sizeof(ask),
		.what = TERN_ASK_MIGRATE,
		.flags = flags,
		.pid = pid,
		.why = (unsigned long)client->why,
		.why_len = sizeof(client->why),
	};
	int rc;

	if (strlen(host) >= sizeof(ask.host))
		return -ENAMETOOLONG;
	strcpy(ask.host, host);
	rc = call(client, TERN_IOC_ASK, &ask);
	*id = ask.id;
	return rc;
}

/**
 * tern_client_abort() - ask for the end of a migration
 * @client: the client
 * @id: the migration
 * @force: an operator's word that the peer is gone
 */
int tern_client_abort(struct tern_client *client, __u64 id, bool force)
{
	struct tern_ask ask = {
		.size = sizeof(ask),
		.what = TERN_ASK_ABORT,
		.flags = force ? TERN_ASK_FORCE : 0,
		.id = id,
		.why = (unsigned long)client->why,
		.why_len = sizeof(client->why),
	};

	return call(client, TERN_IOC_ASK, &ask);
}

/* ---- netlink: parsing ---- */

static void get_string(struct nlattr *attr, char *to, size_t size)
{
	to[0] = '\0';
	if (attr)
		nla_strlcpy(to, attr, size);
}

static __u32 get_u32(struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static int parse_migration(struct nl_msg *msg, struct tern_info_migration *m)
{
	struct nlattr *a[TERN_A_MAX + 1];

	if (genlmsg_parse(nlmsg_hdr(msg), 0, a, TERN_A_MAX, policy) || !a[TERN_A_ID])
		return -EPROTO;
	memset(m, 0, sizeof(*m));
	m->id = nla_get_u64(a[TERN_A_ID]);
	m->unit = a[TERN_A_UNIT] ? nla_get_u64(a[TERN_A_UNIT]) : 0;
	m->pid = get_u32(a[TERN_A_PID]);
	m->side = get_u32(a[TERN_A_SIDE]);
	m->state = get_u32(a[TERN_A_STATE]);
	m->flags = get_u32(a[TERN_A_FLAGS]);
	m->error = get_u32(a[TERN_A_ERROR]);
	m->late = get_u32(a[TERN_A_LATE]);
	m->reset = get_u32(a[TERN_A_RESET]);
	if (a[TERN_A_AGE_NS])
		m->age_ns = nla_get_u64(a[TERN_A_AGE_NS]);
	get_string(a[TERN_A_HOST], m->host, sizeof(m->host));
	get_string(a[TERN_A_COMM], m->comm, sizeof(m->comm));
	get_string(a[TERN_A_REASON], m->reason, sizeof(m->reason));
	/* a newer module may report more, an older one less */
	if (a[TERN_A_REPORT])
		nla_memcpy(&m->report, a[TERN_A_REPORT], sizeof(m->report));
	return 0;
}

static int parse_host(struct nl_msg *msg, struct tern_info_host *h)
{
	struct nlattr *a[TERN_A_MAX + 1];

	if (genlmsg_parse(nlmsg_hdr(msg), 0, a, TERN_A_MAX, policy) || !a[TERN_A_HOST])
		return -EPROTO;
	get_string(a[TERN_A_HOST], h->name, sizeof(h->name));
	h->self = a[TERN_A_SELF];
	return 0;
}

/* ---- netlink: requests ---- */

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct tern_info_migration m;
	struct tern_info_host h;
	struct walk *w = arg;

	if (w->stop)
		return NL_OK;
	if (w->migration && !parse_migration(msg, &m))
		w->stop = w->migration(w->arg, &m);
	else if (w->host && !parse_host(msg, &h))
		w->stop = w->host(w->arg, &h);
	return NL_OK;
}

static int on_done(struct nl_msg *msg, void *arg)
{
	struct walk *w = arg;

	(void)msg;
	w->done = true;
	return NL_STOP;
}

/* The sentence stands behind the header of an error, as an attribute. */
static void take_why(struct tern_client *c, struct nlmsgerr *err)
{
	struct nlmsghdr *head = (struct nlmsghdr *)((char *)err - NLMSG_HDRLEN);
	struct nlattr *attr, *why;
	int len, skip = sizeof(*err);

	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(head->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - NLMSG_HDRLEN;
	len = (int)head->nlmsg_len - NLMSG_HDRLEN - skip;
	if (len <= 0)
		return;
	attr = (struct nlattr *)((char *)err + skip);
	why = nla_find(attr, len, NLMSGERR_ATTR_MSG);
	if (why)
		get_string(why, c->why, sizeof(c->why));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct walk *w = arg;

	(void)from;
	w->error = err->error;
	w->done = true;
	take_why(w->client, err);
	return NL_STOP;
}

static int open_socket(struct tern_client *c, struct nl_sock **socket)
{
	struct nl_sock *s = nl_socket_alloc();
	int one = 1, rc;

	if (!s)
		return -ENOMEM;
	rc = genl_connect(s);
	if (!rc)
		rc = c->family = genl_ctrl_resolve(s, TERN_GENL_NAME);
	if (rc < 0) {
		nl_socket_free(s);
		return errno_of(rc);
	}
	setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	*socket = s;
	return 0;
}

static int send_request(struct tern_client *c, unsigned int cmd, int flags, const __u64 *id)
{
	struct nl_msg *msg = nlmsg_alloc();
	int rc = -NLE_NOMEM;

	if (!msg)
		return -ENOMEM;
	if (genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, c->family, 0, flags, cmd,
			TERN_GENL_VERSION) && (!id || !nla_put_u64(msg, TERN_A_ID, *id)))
		rc = nl_send_auto(c->requests, msg);
	nlmsg_free(msg);
	return rc < 0 ? errno_of(rc) : 0;
}

static int receive(struct walk *w, struct nl_sock *socket)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc = 0;

	if (!cb)
		return -ENOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, w);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_done, w);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_done, w);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, w);
	while (!w->done && rc >= 0)
		rc = nl_recvmsgs(socket, cb);
	nl_cb_put(cb);
	if (!w->done && rc < 0)
		return errno_of(rc);
	return w->error ? w->error : w->stop;
}

static int request(struct walk *w, unsigned int cmd, int flags, const __u64 *id)
{
	struct tern_client *c = w->client;
	int rc = 0;

	c->why[0] = '\0';
	if (!c->requests)
		rc = open_socket(c, &c->requests);
	if (!rc)
		rc = send_request(c, cmd, flags, id);
	return rc ? rc : receive(w, c->requests);
}

/**
 * tern_client_list() - all migrations of this host
 * @client: the client
 * @each: called for each
 * @arg: for it
 */
int tern_client_list(struct tern_client *client,
		     int (*each)(void *arg, const struct tern_info_migration *m), void *arg)
{
	struct walk w = { .client = client, .migration = each, .arg = arg };

	return request(&w, TERN_CMD_MIGRATION_GET, NLM_F_DUMP, NULL);
}

static int take_migration(void *arg, const struct tern_info_migration *m)
{
	*(struct tern_info_migration *)arg = *m;
	return 0;
}

/**
 * tern_client_get() - one migration
 * @client: the client
 * @id: which
 * @m: filled
 *
 * -ENOENT: there is none of that id.
 */
int tern_client_get(struct tern_client *client, __u64 id, struct tern_info_migration *m)
{
	struct walk w = { .client = client, .migration = take_migration, .arg = m };

	memset(m, 0, sizeof(*m));
	return request(&w, TERN_CMD_MIGRATION_GET, NLM_F_ACK, &id);
}

/**
 * tern_client_hosts() - the hosts that the daemon knows, this one first
 * @client: the client
 * @each: called for each; not at all when no daemon runs
 * @arg: for it
 */
int tern_client_hosts(struct tern_client *client,
		      int (*each)(void *arg, const struct tern_info_host *h), void *arg)
{
	struct walk w = { .client = client, .host = each, .arg = arg };

	return request(&w, TERN_CMD_HOST_GET, NLM_F_DUMP, NULL);
}

/* ---- netlink: events ---- */

static int on_event(struct nl_msg *msg, void *arg)
{
	struct tern_client *c = arg;
	unsigned int room = sizeof(c->pending) / sizeof(c->pending[0]);
	struct genlmsghdr *head = nlmsg_data(nlmsg_hdr(msg));

	if (head->cmd != TERN_CMD_EVENT || c->nr_pending == room)
		return NL_OK;
	if (!parse_migration(msg, &c->pending[(c->first + c->nr_pending) % room]))
		c->nr_pending++;
	return NL_OK;
}

static int no_sequence(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

/**
 * tern_client_subscribe() - receive events from now on
 * @client: the client
 */
int tern_client_subscribe(struct tern_client *client)
{
	int group, rc;

	client->why[0] = '\0';
	if (client->events)
		return 0;
	rc = open_socket(client, &client->events);
	if (rc)
		return rc;
	group = genl_ctrl_resolve_grp(client->events, TERN_GENL_NAME, TERN_GENL_MCGRP_EVENTS);
	rc = group < 0 ? group : nl_socket_add_membership(client->events, group);
	if (rc < 0) {
		nl_socket_free(client->events);
		client->events = NULL;
		return errno_of(rc);
	}
	nl_socket_modify_cb(client->events, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, no_sequence, NULL);
	nl_socket_modify_cb(client->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, client);
	nl_socket_set_buffer_size(client->events, 1 << 20, 0);
	nl_socket_set_nonblocking(client->events);
	return 0;
}

/**
 * tern_client_fd() - to wait for in an event loop; -1: not subscribed
 * @client: the client
 */
int tern_client_fd(const struct tern_client *client)
{
	return client->events ? nl_socket_get_fd(client->events) : -1;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int wait_event(struct tern_client *client, int timeout_ms)
{
	struct pollfd p = { .fd = tern_client_fd(client), .events = POLLIN };
	socklen_t len = sizeof(int);
	int err = 0, rc;

	rc = poll(&p, 1, timeout_ms);
	if (rc < 0)
		return -errno;
	if (!rc)
		return -ETIMEDOUT;
	/* the kernel tells once that it had to drop some; libnl would hide it */
	if (p.revents & POLLERR &&
	    !getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &err, &len) && err)
		return -err;
	rc = nl_recvmsgs_default(client->events);
	return rc == -NLE_AGAIN ? 0 : errno_of(rc);
}

/**
 * tern_client_next() - the next event
 * @client: subscribed
 * @m: filled
 * @timeout_ms: -1: for ever
 *
 * -ETIMEDOUT; -ENOBUFS: events were lost; -EINTR: a signal.
 */
int tern_client_next(struct tern_client *client, struct tern_info_migration *m, int timeout_ms)
{
	unsigned int room = sizeof(client->pending) / sizeof(client->pending[0]);
	long long deadline = now_ms() + timeout_ms;

	if (!client->events)
		return -EINVAL;
	while (!client->nr_pending) {
		long long left = timeout_ms < 0 ? -1 : deadline - now_ms();
		int rc = wait_event(client, timeout_ms >= 0 && left < 0 ? 0 : (int)left);

		if (rc)
			return rc;
	}
	*m = client->pending[client->first];
	client->first = (client->first + 1) % room;
	client->nr_pending--;
	return 0;
}

/* ---- words ---- */

/**
 * tern_state_name() - a state in words
 * @state: enum tern_state
 */
const char *tern_state_name(unsigned int state)
{
	static const char *const names[__TERN_STATE_MAX] = {
		[TERN_REQUESTED] = "requested",
		[TERN_PREPARED] = "prepared",
		[TERN_PARKING] = "parking",
		[TERN_PARKED] = "parked",
		[TERN_DOUBT] = "in doubt",
		[TERN_COMMITTED] = "committed",
		[TERN_SHELL] = "shell",
		[TERN_LOADED] = "loaded",
		[TERN_PAGING] = "paging",
		[TERN_INDEPENDENT] = "independent",
		[TERN_FAILED] = "failed",
		[TERN_LOST] = "lost",
	};

	return state < __TERN_STATE_MAX && names[state] ? names[state] : "unknown";
}

/**
 * tern_state_is_final() - will this state stay?
 * @state: enum tern_state
 */
bool tern_state_is_final(unsigned int state)
{
	return state == TERN_INDEPENDENT || state == TERN_FAILED || state == TERN_LOST;
}
