// SPDX-License-Identifier: GPL-2.0
/*
 * A gate before a TCP socket whose connection has not come yet. The socket is a real one, and
 * stays the same: who waits for it, or has registered it with an epoll instance, need not be
 * told of anything. As long as the gate is shut it has other operations, which wait until it
 * is open and then do what was asked for. poll(2) finds it not ready.
 *
 * What the kernel does without asking the operations, such as options of SOL_SOCKET, works on
 * a socket without a connection. That is why these are set before.
 *
 * A bit in the socket's flags says that the gate is shut, and not its operations: accept(2)
 * copies those from the socket that listens to the new one, before it waits.
 *
 * The module stays as long as there is a gate that is shut, or a call that has begun at one:
 * such a call comes back here, however long it takes.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/socket.h>
#include <net/sock.h>

#include "compat.h"
#include "gate.h"
#include "trace.h"

/* Of struct socket's flags, of which the kernel uses the lowest ones. */
#define SHUT	(BITS_PER_LONG - 1)

/**
 * struct gate - operations of sockets of one family
 * @real: the kernel's; NULL: not known yet
 * @ops: those of a gate that is shut
 */
struct gate {
	const struct proto_ops *real;
	struct proto_ops ops;	/* const, as soon as they are known */
};

static struct gate gate4, gate6;
static DEFINE_MUTEX(lock);	/* of both, until they are known */

static bool is_shut(const struct socket *sock)
{
	return test_bit(SHUT, &sock->flags);
}

/* One that is being accepted has nothing but operations yet. */
static struct gate *gate_of(const struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	if (ops == &gate4.ops)
		return &gate4;
	if (ops == &gate6.ops)
		return &gate6;
	return READ_ONCE(sock->sk->sk_family) == AF_INET6 ? &gate6 : &gate4;
}

/* It need not be of the family any more that it was when somebody came (IPV6_ADDRFORM). */
static const struct proto_ops *real_of(const struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return ops == &gate4.ops ? gate4.real : ops == &gate6.ops ? gate6.real : ops;
}

/* It has been accepted while the gate before the socket that listens opened. */
static void mend(struct socket *sock)
{
	WRITE_ONCE(sock->ops, real_of(sock));
}

static void tell(const struct socket *sock, const char *what)
{
	trace_tern_gate(SOCK_INODE((struct socket *)sock)->i_ino, what);
}

/* Return: 0: go through, and leave() afterwards. */
static int enter(struct socket *sock, long timeo)
{
	long left = 1;

	__module_get(THIS_MODULE);
	if (is_shut(sock)) {
		tell(sock, timeo ? "waits" : "again");
		left = timeo ? wait_event_interruptible_timeout(sock->wq.wait, !is_shut(sock),
								timeo) : 0;
	} else {
		mend(sock);
	}
	if (left > 0)
		return 0;
	module_put(THIS_MODULE);
	return left ? sock_intr_errno(timeo) : -EAGAIN;
}

static ssize_t leave(ssize_t ret)
{
	module_put(THIS_MODULE);
	return ret;
}

/* ---- calls that may wait, and may be told not to -------------------------------------- */

static int gate_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)
{
	int err = enter(sock, sock_rcvtimeo(sock->sk, flags & MSG_DONTWAIT));

	return err ?: leave(real_of(sock)->recvmsg(sock, msg, size, flags));
}

static int gate_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	int err = enter(sock, sock_sndtimeo(sock->sk, msg->msg_flags & MSG_DONTWAIT));

	return err ?: leave(real_of(sock)->sendmsg(sock, msg, size));
}

static ssize_t gate_splice_read(struct socket *sock, loff_t *pos, struct pipe_inode_info *pipe,
				size_t len, unsigned int flags)
{
	int err = enter(sock, sock_rcvtimeo(sock->sk, sock->file->f_flags & O_NONBLOCK));

	return err ?: leave(real_of(sock)->splice_read(sock, pos, pipe, len, flags));
}

/** tern_gate_accept() - the new socket has a connection, and needs no gate */
int tern_gate_accept(struct socket *sock, struct socket *new, struct proto_accept_arg *arg)
{
	int err;

	/* also if nothing comes of it */
	WRITE_ONCE(new->ops, real_of(sock));
	err = enter(sock, sock_rcvtimeo(sock->sk, arg->flags & O_NONBLOCK));
	return err ?: leave(compat_accept(real_of(sock), sock, new, arg));
}

static __poll_t gate_poll(struct file *file, struct socket *sock,
			  struct poll_table_struct *wait)
{
	/* before the look: whoever opens it wakes up those that are on the list */
	sock_poll_wait(file, sock, wait);
	if (!is_shut(sock)) {
		mend(sock);
		return READ_ONCE(sock->ops)->poll(file, sock, wait);
	}
	tell(sock, "not ready");
	return 0;
}

/* ---- all others, to which it makes no difference whether one may wait ----------------- */

static int enter_anyway(struct socket *sock)
{
	return enter(sock, MAX_SCHEDULE_TIMEOUT);
}

static int gate_bind(struct socket *sock, struct sockaddr *addr, int len)
{
	return enter_anyway(sock) ?: leave(real_of(sock)->bind(sock, addr, len));
}

static int gate_connect(struct socket *sock, struct sockaddr *addr, int len, int flags)
{
	return enter_anyway(sock) ?: leave(real_of(sock)->connect(sock, addr, len, flags));
}

static int gate_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	return enter_anyway(sock) ?: leave(real_of(sock)->getname(sock, addr, peer));
}

static int gate_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return enter_anyway(sock) ?: leave(real_of(sock)->ioctl(sock, cmd, arg));
}

static int gate_listen(struct socket *sock, int backlog)
{
	return enter_anyway(sock) ?: leave(real_of(sock)->listen(sock, backlog));
}

static int gate_shutdown(struct socket *sock, int how)
{
	return enter_anyway(sock) ?: leave(real_of(sock)->shutdown(sock, how));
}

static int gate_setsockopt(struct socket *sock, int level, int name, sockptr_t value,
			   unsigned int len)
{
	return enter_anyway(sock) ?:
	       leave(real_of(sock)->setsockopt(sock, level, name, value, len));
}

static int gate_getsockopt(struct socket *sock, int level, int name, char __user *value,
			   int __user *len)
{
	return enter_anyway(sock) ?:
	       leave(real_of(sock)->getsockopt(sock, level, name, value, len));
}

#ifdef CONFIG_COMPAT
static int gate_compat_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return enter_anyway(sock) ?: leave(real_of(sock)->compat_ioctl(sock, cmd, arg));
}
#endif

/* ---- shut and open -------------------------------------------------------------------- */

static void open_quietly(struct socket *sock)
{
	/* pairs with whoever loads them: it finds the connection behind them */
	smp_store_release(&sock->ops, real_of(sock));
	clear_bit_unlock(SHUT, &sock->flags);
}

/* The last one that had it open has closed it. */
static int gate_release(struct socket *sock)
{
	const struct proto_ops *real = real_of(sock);
	bool shut = is_shut(sock);
	int err;

	open_quietly(sock);
	err = real->release(sock);
	if (shut)
		module_put(THIS_MODULE);
	return err;
}

/* Others do not look at a connection, or are the kernel's own, with the socket locked. */
static void fill(struct gate *gate, const struct proto_ops *real)
{
	gate->ops = *real;
	gate->ops.release = gate_release;
	gate->ops.bind = gate_bind;
	gate->ops.connect = gate_connect;
	gate->ops.accept = compat_gate_accept;
	gate->ops.getname = gate_getname;
	gate->ops.poll = gate_poll;
	gate->ops.ioctl = gate_ioctl;
#ifdef CONFIG_COMPAT
	if (real->compat_ioctl)
		gate->ops.compat_ioctl = gate_compat_ioctl;
#endif
	gate->ops.listen = gate_listen;
	gate->ops.shutdown = gate_shutdown;
	gate->ops.setsockopt = gate_setsockopt;
	gate->ops.getsockopt = gate_getsockopt;
	gate->ops.sendmsg = gate_sendmsg;
	gate->ops.recvmsg = gate_recvmsg;
	if (real->splice_read)
		gate->ops.splice_read = gate_splice_read;
	compat_no_sendpage(&gate->ops);
	gate->real = real;
}

/* All sockets of a family have the same, but for those of other protocols above TCP. */
static bool is_known(struct gate *gate, const struct proto_ops *real)
{
	mutex_lock(&lock);
	if (!gate->real)
		fill(gate, real);
	mutex_unlock(&lock);
	return gate->real == real;
}

/**
 * tern_gate_shut() - from here on operations on a socket wait
 * @sock: of TCP, over IPv4 or IPv6; the caller holds its file, and nobody uses it
 *
 * Return: 0, or -EOPNOTSUPP: its operations are not the usual ones, or it has a gate.
 */
int tern_gate_shut(struct socket *sock)
{
	struct gate *gate = gate_of(sock);

	if (!is_known(gate, READ_ONCE(sock->ops)))
		return -EOPNOTSUPP;
	__module_get(THIS_MODULE);
	set_bit(SHUT, &sock->flags);
	/* whoever loads them finds the bit set */
	smp_store_release(&sock->ops, &gate->ops);
	tell(sock, "shut");
	return 0;
}

/**
 * tern_gate_open() - those that wait go on, and others need not wait any more
 * @sock: a gate was shut before it; the caller holds its file
 */
void tern_gate_open(struct socket *sock)
{
	tell(sock, "open");
	open_quietly(sock);
	/* pairs with that of sock_poll_wait(): it is on the list, or finds the gate open */
	smp_mb();
	/* without a key: everybody looks for himself what he has waited for */
	wake_up_interruptible_all(&sock->wq.wait);
	module_put(THIS_MODULE);
}

/** tern_gate_is_shut() - does what is done with a socket wait? */
bool tern_gate_is_shut(const struct socket *sock)
{
	return is_shut(sock);
}

/** tern_gate_real() - operations of a socket, whether a gate is before it or not */
const struct proto_ops *tern_gate_real(const struct socket *sock)
{
	return real_of(sock);
}
