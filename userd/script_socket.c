// SPDX-License-Identifier: GPL-2.0
/*
 * Unix sockets: pairs, of which the process may have closed one end, or another one of its
 * tree may have it; such as are not connected, but may listen; and such as send to a name.
 * What is in a queue is sent by the other end.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "script_fds.h"
#include "sockfile.h"

#define IN_PLACE_MAX	65536	/* bytes that any socket takes */
#define NS		1000000000ULL
#define NO_OPTION	"an option of a unix socket could not be set"

/** script_mate() - the other end of a pair, NULL: none */
const struct tern_obj_socket *script_mate(const struct script_fds *fds,
					  const struct tern_obj_socket *k)
{
	unsigned int lo = 0, hi = fds->nr_sockets;

	if (!(k->flags & TERN_SOCKET_PAIR))
		return NULL;
	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct tern_obj_socket *at = tern_obj_payload(fds->socket[mid]);

		if (at->pair < k->pair)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* there are two, which follow each other */
	if (tern_obj_payload(fds->socket[lo]) == k)
		lo++;
	return tern_obj_payload(fds->socket[lo]);
}

/** script_option() - set an option of the socket in @slot; @what: the sentence if it fails */
void script_option(struct tern_script *s, const char *what, unsigned int slot, int level,
		   int name, const void *value, size_t len)
{
	SCRIPT(s, what, SYS_setsockopt, slot, level, name, tern_script_data(s, value, len),
	       len)->slots = 1 << 0;
}

/** script_buffers() - set sizes of buffers as getsockopt(2) has shown them; 0: as they are */
void script_buffers(struct tern_script *s, const char *what, unsigned int slot, __u32 sndbuf,
		    __u32 rcvbuf)
{
	/* what it shows is twice what was asked for */
	int send = sndbuf / 2, receive = rcvbuf / 2;

	if (sndbuf)
		script_option(s, what, slot, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send));
	if (rcvbuf)
		script_option(s, what, slot, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive));
}

static void option(struct tern_script *s, unsigned int slot, int name, const void *value,
		   size_t len)
{
	script_option(s, NO_OPTION, slot, SOL_SOCKET, name, value, len);
}

static void option_int(struct tern_script *s, unsigned int slot, int name, int value)
{
	option(s, slot, name, &value, sizeof(value));
}

static void timeout(struct tern_script *s, unsigned int slot, int name, __u64 ns)
{
	struct timeval tv = { .tv_sec = ns / NS, .tv_usec = ns % NS / 1000 };

	if (ns)
		option(s, slot, name, &tv, sizeof(tv));
}

/* ---- messages ------------------------------------------------------------------- */

/* What is sent beside the bytes of a message (cmsg(3)). */
struct control {
	size_t len;
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(sizeof(struct ucred)) +
			  CMSG_SPACE(TERN_RIGHTS_MAX * sizeof(int))];
	};
};

/* Room for @len bytes of @type. */
static void *control_add(struct control *c, int type, size_t len)
{
	struct cmsghdr *head = (struct cmsghdr *)(c->data + c->len);

	memset(head, 0, CMSG_SPACE(len));
	*head = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(len), .cmsg_level = SOL_SOCKET, .cmsg_type = type,
	};
	c->len += CMSG_SPACE(len);
	return CMSG_DATA(head);
}

/*
 * With the credentials that it was sent with, as root may say them, and with descriptors of
 * the descriptions that are under way with it.
 */
static struct shell_op *send_with(struct tern_script *s, const struct script_fds *fds, int fd,
				  const struct tern_message *m, const __u32 *right, __u64 data)
{
	struct iovec iov = { .iov_base = (void *)(unsigned long)data, .iov_len = m->len };
	struct ucred cred = { .pid = m->pid, .uid = m->uid, .gid = m->gid };
	struct control control = { 0 };
	struct msghdr msg = { .msg_iovlen = 1 };
	unsigned int i;

	if (m->pid)
		memcpy(control_add(&control, SCM_CREDENTIALS, sizeof(cred)), &cred, sizeof(cred));
	if (m->rights) {
		int *number = control_add(&control, SCM_RIGHTS, m->rights * sizeof(*number));

		for (i = 0; i < m->rights; i++)
			number[i] = script_fd_of(fds, right[i]);
	}
	msg.msg_iov = (void *)(unsigned long)tern_script_data(s, &iov, sizeof(iov));
	msg.msg_control = (void *)(unsigned long)tern_script_data(s, control.data, control.len);
	msg.msg_controllen = control.len;
	return SCRIPT(s, "a unix socket did not take its contents", SYS_sendmsg, fd,
		      tern_script_data(s, &msg, sizeof(msg)), MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0,
		      m->len);
}

/* What is in the queue of @obj's socket is sent from @fd; @slots: 1: that is a slot. */
static void fill(struct tern_script *s, const struct script_fds *fds, const struct tern_obj *obj,
		 int fd, unsigned int slots)
{
	const struct tern_obj_socket *k = tern_obj_payload(obj);
	const __u32 *right = tern_socket_rights(k);
	const char *data = tern_socket_data(k);
	const struct tern_message *m;
	struct shell_op *op;
	unsigned int i;
	size_t len;

	m = tern_obj_tail(obj, &len);
	for (i = 0; i < k->messages; i++, m++) {
		__u64 at = tern_script_data(s, data, m->len);

		op = m->pid || m->rights ? send_with(s, fds, fd, m, right, at) :
		     SCRIPT(s, "a unix socket did not take its contents", SYS_sendto, fd, at,
			    m->len, MSG_DONTWAIT | MSG_NOSIGNAL, 0, m->len);
		op->slots = slots;
		op->flags = SHELL_EXPECT;
		data += m->len;
		right += m->rights;
	}
}

static void drain(struct tern_script *s, const struct tern_obj *obj, int fd)
{
	const struct tern_obj_socket *k = tern_obj_payload(obj);
	const struct tern_message *m;
	unsigned int i;
	size_t len;

	m = tern_obj_tail(obj, &len);
	for (i = 0; i < k->messages; i++, m++)
		SCRIPT(s, "a unix socket could not be emptied", SYS_recvfrom, fd,
		       tern_script_data(s, NULL, m->len), m->len, MSG_DONTWAIT, 0, 0);
}

/* ---- making them ---------------------------------------------------------------- */

/* In the file system not where it will be, but beside; what a draft has left goes. */
static void bind_one(struct tern_script *s, const struct script_fds *fds,
		     const struct tern_obj_socket *k)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = k->name;

	if (k->path) {
		/* that it fits has been looked at before (tern_sockfiles_look()) */
		tern_sockfile_beside(k, fds->dress->id, addr.sun_path);
		len = strlen(addr.sun_path) + 1;
		SCRIPT(s, NULL, SYS_unlink,
		       tern_script_data(s, addr.sun_path, len))->flags = SHELL_MAY_FAIL;
		/* nobody is to call it there */
		SCRIPT(s, NULL, SYS_umask, 0777)->out = SLOT_HIGH;
	} else {
		memcpy(addr.sun_path, tern_socket_data(k) + k->data, len);
	}
	SCRIPT(s, "a unix socket could not have its name again", SYS_bind, SLOT_LOW,
	       tern_script_data(s, &addr, sizeof(addr)),
	       offsetof(struct sockaddr_un, sun_path) + len)->slots = 1 << 0;
	if (k->path)
		SCRIPT(s, NULL, SYS_umask, SLOT_HIGH)->slots = 1 << 0;
}

static void connect_one(struct tern_script *s, const struct tern_obj_socket *k)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	/* that it fits has been looked at before (tern_sockfiles_look()) */
	strncpy(addr.sun_path, tern_socket_path(k), sizeof(addr.sun_path) - 1);
	SCRIPT(s, "a unix socket could not be connected to the one that it sends to", SYS_connect,
	       SLOT_LOW, tern_script_data(s, &addr, sizeof(addr)), sizeof(addr))->slots = 1 << 0;
}

static void make_one(struct tern_script *s, const struct script_fds *fds,
		     const struct tern_obj_socket *k)
{
	SCRIPT(s, "no socket could be made", SYS_socket, AF_UNIX, k->type | SOCK_CLOEXEC, 0)->out =
		SLOT_LOW;
	if (k->name)
		bind_one(s, fds, k);
	if (k->flags & TERN_SOCKET_CALLS)
		connect_one(s, k);
	if (k->flags & TERN_SOCKET_LISTENS)
		SCRIPT(s, "a unix socket could not listen", SYS_listen, SLOT_LOW,
		       k->backlog)->slots = 1 << 0;
}

/* Whom SO_PEERCRED shows is LOAD's. */
static void make(struct tern_script *s, const struct script_fds *fds,
		 const struct tern_obj_socket *k)
{
	if (k->flags & (TERN_SOCKET_PAIR | TERN_SOCKET_BEREFT))
		SCRIPT(s, "no pair of sockets could be made", SYS_socketpair, AF_UNIX,
		       k->type | SOCK_CLOEXEC, 0, tern_script_slot(s, SLOT_LOW));
	else
		make_one(s, fds, k);
}

/* All but what would be in the way of filling the queues. */
static void set_buffers(struct tern_script *s, const struct tern_obj_socket *k,
			unsigned int slot)
{
	script_buffers(s, NO_OPTION, slot, k->sndbuf, k->rcvbuf);
}

static void finish(struct tern_script *s, const struct script_fds *fds,
		   const struct tern_obj_socket *k, unsigned int slot)
{
	const struct tern_obj_desc *d = tern_obj_payload(fds->desc[k->desc]);

	if (k->shutdown)
		SCRIPT(s, "a unix socket could not be shut down", SYS_shutdown, slot,
		       k->shutdown - 1)->slots = 1 << 0;
	if (k->flags & TERN_SOCKET_PASSCRED)
		option_int(s, slot, SO_PASSCRED, 1);
	if (k->flags & TERN_SOCKET_PASSSEC)
		option_int(s, slot, SO_PASSSEC, 1);
	if (k->peek_off >= 0)
		option_int(s, slot, SO_PEEK_OFF, k->peek_off);
	timeout(s, slot, SO_RCVTIMEO, k->rcvtimeo);
	timeout(s, slot, SO_SNDTIMEO, k->sndtimeo);
	script_place(s, fds, d, slot);
}

/* What the kernel counts a queue as is mostly what each message costs by itself. */
static __u64 charge(const struct tern_obj_socket *k)
{
	return k->data + 1024ULL * k->messages;
}

/* With the other end, which comes after it, if it has one. */
static void open_ends(struct tern_script *s, const struct script_fds *fds,
		      const struct tern_obj_socket *k, const struct tern_obj_socket *mate)
{
	bool two = k->flags & (TERN_SOCKET_PAIR | TERN_SOCKET_BEREFT);

	make(s, fds, k);
	script_lift(s, fds, SLOT_LOW, SLOT_HIGH);
	if (two)
		script_lift(s, fds, SLOT_LOW2, SLOT_HIGH2);
	if (two && charge(k) + (mate ? charge(mate) : 0) > IN_PLACE_MAX) {
		option_int(s, SLOT_HIGH, SO_SNDBUFFORCE, TERN_SOCKET_DATA_MAX);
		option_int(s, SLOT_HIGH2, SO_SNDBUFFORCE, TERN_SOCKET_DATA_MAX);
	}
	if (two)
		fill(s, fds, fds->extra[k->desc], SLOT_HIGH2, 1 << 0);
	if (mate) {
		fill(s, fds, fds->extra[mate->desc], SLOT_HIGH, 1 << 0);
		set_buffers(s, mate, SLOT_HIGH2);
	}
	set_buffers(s, k, SLOT_HIGH);
	finish(s, fds, k, SLOT_HIGH);
	if (mate)
		finish(s, fds, mate, SLOT_HIGH2);
	else if (two)
		script_close(s, SLOT_HIGH2);
}

static bool has_rights(const struct tern_obj_socket *k, const struct tern_obj_socket *mate)
{
	return k->rights || (mate && mate->rights);
}

static void open_if(struct tern_script *s, const struct script_fds *fds,
		    const struct tern_obj *obj, bool rights)
{
	const struct tern_obj_desc *d = tern_obj_payload(obj);
	const struct tern_obj_socket *k = script_extra(fds, d->id), *mate = script_mate(fds, k);

	/* one of two has been made with the one before */
	if (has_rights(k, mate) == rights && !(mate && mate->desc < k->desc))
		open_ends(s, fds, k, mate);
}

static int socket_open(struct tern_script *s, const struct script_fds *fds,
		       const struct tern_obj *obj, struct tern_why *why)
{
	(void)why;
	open_if(s, fds, obj, false);
	return 0;
}

/** script_sockets_with_rights() - those to which descriptors are under way, when these are open */
void script_sockets_with_rights(struct tern_script *s, const struct script_fds *fds)
{
	const struct tern_obj *obj = NULL;

	while ((obj = tern_image_find(fds->dress->image, TERN_OBJ_DESC, obj))) {
		const struct tern_obj_desc *d = tern_obj_payload(obj);

		if (d->kind == TERN_DESC_SOCKET)
			open_if(s, fds, obj, true);
	}
}

/* But for what is in its queue. */
static bool same(const struct tern_obj_socket *x, const struct tern_obj_socket *y)
{
	struct tern_obj_socket a = *x;

	a.messages = y->messages;
	a.rights = y->rights;
	a.data = y->data;
	return !memcmp(&a, y, sizeof(a));
}

static int socket_alter(struct tern_script *s, const struct script_fds *was,
			const struct script_fds *fds, const struct tern_obj *old,
			const struct tern_obj *new)
{
	const struct tern_obj_desc *d = tern_obj_payload(new);
	const struct tern_obj *x = was->extra[d->id], *y = fds->extra[d->id];
	const struct tern_obj_socket *a = tern_obj_payload(x), *b = tern_obj_payload(y), *mate;

	(void)old;
	if (x->len == y->len && !memcmp(x, y, x->len))
		return 1;
	mate = script_mate(fds, b);
	if (!same(a, b) || !mate || a->rights || b->rights || a->shutdown || mate->shutdown ||
	    b->peek_off >= 0 || charge(b) > IN_PLACE_MAX || b->flags & TERN_SOCKET_PASSCRED)
		return 0;
	drain(s, x, script_fd_of(fds, d->id));
	fill(s, fds, y, script_fd_of(fds, mate->desc), 0);
	return 1;
}

const struct script_kind script_socket = { .open = socket_open, .alter = socket_alter };
