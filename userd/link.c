// SPDX-License-Identifier: GPL-2.0
/*
 * A lane: framed messages over one TCP connection.
 *
 * Owns the socket and an io_uring. No locks: one thread uses a lane at a time.
 * At most one operation and one watch of the cancel eventfd are in the ring;
 * an operation is always reaped before its function returns, so that the
 * kernel never writes into memory that the caller has got back.
 * Never interprets a payload, and never allocates by what a header says.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "link.h"

#define RING_ENTRIES	8
#define STALL_MS	10000	/* a frame that has begun must go on within this */

enum { DATA_OP = 1, DATA_WATCH, DATA_UNDO };

/* The fixed part of each message, which is also the least that it may carry. */
static const size_t fixed[__TERN_MSG_MAX] = {
#define X(name, id, type) [id] = sizeof(type),
	TERN_MESSAGES(X)
#undef X
};

static size_t most(unsigned int type)
{
	switch (type) {
	case TERN_MSG_PREPARE:
	case TERN_MSG_DRAFT:
	case TERN_MSG_IMAGE:
	case TERN_MSG_MAP:
	case TERN_MSG_FRESH:
	case TERN_MSG_SIGNALS:
	case TERN_MSG_SOCKETS:
		return TERN_WIRE_MAX;
	case TERN_MSG_WARM:
		return TERN_WIRE_WARM_MAX;
	case TERN_MSG_READY:
		return fixed[type] + (1U << 20);
	case TERN_MSG_COPY:
		return fixed[type] + TERN_WIRE_COPY_MAX;
	case TERN_MSG_PAGES:
		return TERN_WIRE_PAGES_LEN;
	case TERN_MSG_PACKED:
		return TERN_WIRE_PACKED_MAX;
	case TERN_MSG_FRAME:
		return TERN_WIRE_FRAME_LEN;
	default:
		return fixed[type];
	}
}

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* What a broken connection may answer is one error to the layers above. */
static int lost(int err)
{
	switch (err) {
	case -EPIPE:
	case -ETIMEDOUT:
	case -ECONNABORTED:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -ENETDOWN:
	case -EHOSTDOWN:
	case -ENOTCONN:
		return -ECONNRESET;
	default:
		return err;
	}
}

static bool cancelled(const struct tern_link *link)
{
	struct pollfd p = { .fd = link->cancel, .events = POLLIN };

	return link->cancel >= 0 && poll(&p, 1, 0) > 0;
}

static int arm(struct tern_link *link)
{
	struct io_uring_sqe *sqe;

	if (link->cancel < 0 || link->armed)
		return 0;
	sqe = io_uring_get_sqe(&link->ring);
	if (!sqe)
		return -ENOMEM;
	io_uring_prep_poll_add(sqe, link->cancel, POLLIN);
	io_uring_sqe_set_data64(sqe, DATA_WATCH);
	link->armed = true;
	return 0;
}

/* Call back the operation in flight; its result comes through the ring. */
static int undo(struct tern_link *link)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&link->ring);

	if (!sqe)
		return -ENOMEM;
	io_uring_prep_cancel64(sqe, DATA_OP, 0);
	io_uring_sqe_set_data64(sqe, DATA_UNDO);
	return io_uring_submit(&link->ring) < 0 ? -EIO : 0;
}

static int wait_cqe(struct tern_link *link, __u64 deadline, struct io_uring_cqe **cqe)
{
	struct __kernel_timespec ts;
	__u64 now;

	if (!deadline)
		return io_uring_wait_cqe(&link->ring, cqe);
	now = now_ms();
	now = now < deadline ? deadline - now : 0;
	ts.tv_sec = now / 1000;
	ts.tv_nsec = now % 1000 * 1000000;
	return io_uring_wait_cqe_timeout(&link->ring, cqe, &ts);
}

/* Start the operation that has just been prepared. */
static int submit(struct tern_link *link)
{
	int rc = arm(link);

	if (!rc)
		rc = io_uring_submit(&link->ring);
	return rc < 0 ? rc : 0;
}

/*
 * See the operation in flight to its end, whatever comes between. Returns its
 * result, also when less than all of it was done before a cancellation or the
 * @deadline; -ECANCELED and -ETIMEDOUT when nothing was.
 */
static int reap(struct tern_link *link, __u64 deadline)
{
	int why = 0, rc;

	for (;;) {
		struct io_uring_cqe *cqe;
		__u64 data;
		int res;

		rc = wait_cqe(link, why ? 0 : deadline, &cqe);
		if (rc == -EINTR || rc == -EAGAIN)
			continue;
		if (rc == -ETIME) {
			why = -ETIMEDOUT;
			rc = undo(link);
			if (rc)
				return rc;
			continue;
		}
		if (rc < 0)
			return rc;
		data = io_uring_cqe_get_data64(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&link->ring, cqe);
		if (data == DATA_OP) {
			if (res > 0 || !why)
				return res == -ECANCELED ? -ECONNRESET : lost(res);
			return why;
		}
		if (data != DATA_WATCH)
			continue;
		link->armed = false;
		/* it may have been read meanwhile: then nobody wants us to stop */
		if (cancelled(link)) {
			if (!why) {
				why = -ECANCELED;
				rc = undo(link);
			}
		} else {
			rc = submit(link);
		}
		if (rc < 0)
			return rc;
	}
}

/**
 * tern_link_init() - take ownership of a connected socket
 * @link: to be filled
 * @fd: the socket; closed when this fails
 * @cancel: eventfd that interrupts waiting, -1: none; not owned
 */
int tern_link_init(struct tern_link *link, int fd, int cancel)
{
	int rc;

	memset(link, 0, sizeof(*link));
	link->fd = -1;
	rc = io_uring_queue_init(RING_ENTRIES, &link->ring, 0);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	link->fd = fd;
	link->open = true;
	link->cancel = cancel;
	return 0;
}

/**
 * tern_link_fini() - close the lane; harmless on one that is closed
 * @link: the lane
 */
void tern_link_fini(struct tern_link *link)
{
	if (!link->open)
		return;
	/*
	 * The ring's teardown is not synchronous and holds files: say good-bye
	 * to the peer at once.
	 */
	if (link->fd >= 0)
		shutdown(link->fd, SHUT_RDWR);
	io_uring_queue_exit(&link->ring);
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->open = false;
	link->armed = false;
	link->broken = false;
}

/**
 * tern_link_release() - take the socket out of a lane and leave it open
 * @link: the lane, between two messages; of no use afterwards
 *
 * To tear down the rest takes time, so tern_link_fini() is left to the caller, for
 * when nobody waits. Returns the socket.
 */
int tern_link_release(struct tern_link *link)
{
	int fd = link->fd;

	link->fd = -1;
	return fd;
}

/**
 * tern_link_linger() - let the peer hear the last word, and wait until it has closed
 * @link: the lane; of no use afterwards but to tern_link_fini()
 * @ms: but not longer
 *
 * A socket that is closed with something unread in it tells the peer to forget what it
 * was sent.
 */
void tern_link_linger(struct tern_link *link, unsigned int ms)
{
	struct pollfd p = { .fd = link->fd, .events = POLLIN };
	__u64 until = now_ms() + ms;
	char rest[4096];

	shutdown(link->fd, SHUT_WR);
	while (now_ms() < until && poll(&p, 1, ms) > 0)
		if (recv(link->fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
			break;
}

static void advance(struct iovec **iov, unsigned int *nr, size_t done)
{
	while (*nr && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (*nr) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

static void set_msg(struct tern_link *link)
{
	memset(&link->msg, 0, sizeof(link->msg));
	link->msg.msg_iov = link->iov;
	link->msg.msg_iovlen = link->nr < IOV_MAX ? link->nr : IOV_MAX;
}

/* What the socket takes at once needs no ring: nearly all, for most are small. */
static int send_now(struct tern_link *link)
{
	ssize_t n;

	set_msg(link);
	n = sendmsg(link->fd, &link->msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : lost(-errno);
	__atomic_fetch_add(&link->bytes_out, n, __ATOMIC_RELAXED);
	advance(&link->iov, &link->nr, n);
	return 0;
}

/* Put the next part of the message into the ring. */
static int send_part(struct tern_link *link)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&link->ring);
	int flags = MSG_NOSIGNAL | MSG_WAITALL;

	if (!sqe)
		return -ENOMEM;
	set_msg(link);
	if (link->msg.msg_iovlen < link->nr)
		flags |= MSG_MORE;
	io_uring_prep_sendmsg(sqe, link->fd, &link->msg, flags);
	io_uring_sqe_set_data64(sqe, DATA_OP);
	return submit(link);
}

/* The header, for a payload of @iov and @more bytes from elsewhere. */
static int begin(struct tern_link *link, unsigned int type, struct iovec *iov, unsigned int nr,
		 size_t more)
{
	size_t len = more;
	unsigned int i;

	for (i = 1; i < nr; i++)
		len += iov[i].iov_len;
	if (type >= __TERN_MSG_MAX || len < fixed[type] || len > most(type))
		return -EMSGSIZE;
	link->head = (struct tern_wire) { .type = type, .len = len };
	iov[0].iov_base = &link->head;
	iov[0].iov_len = sizeof(link->head);
	link->iov = iov;
	link->nr = nr;
	advance(&link->iov, &link->nr, 0);
	return 0;
}

/* See what send_part() has started to its end. */
static int send_finish(struct tern_link *link)
{
	for (;;) {
		int rc = reap(link, 0);

		if (!rc)
			rc = -ECONNRESET;
		if (rc > 0) {
			/* others look at the counters for progress */
			__atomic_fetch_add(&link->bytes_out, rc, __ATOMIC_RELAXED);
			advance(&link->iov, &link->nr, rc);
			if (!link->nr)
				return 0;
			rc = send_part(link);
		}
		if (rc < 0)
			return rc;
	}
}

/**
 * tern_link_sendv() - send one message
 * @link: the lane
 * @type: enum tern_msg_type
 * @iov: @iov[0] is free for the header, the payload stands from [1]; used up
 * @nr: number of @iov, the header's included
 *
 * An error leaves the lane in the middle of a frame: close it.
 */
int tern_link_sendv(struct tern_link *link, unsigned int type,
		    struct iovec *iov, unsigned int nr)
{
	int rc;

	if (link->fd < 0 || link->broken)
		return -ECONNRESET;
	rc = begin(link, type, iov, nr, 0);
	if (rc)
		return rc;
	rc = send_now(link);
	if (!rc && link->nr) {
		rc = send_part(link);
		if (!rc)
			rc = send_finish(link);
	}
	link->broken = rc < 0;
	return rc;
}

/**
 * tern_link_send() - send one message out of one buffer
 * @link: the lane
 * @type: enum tern_msg_type
 * @payload: its payload, NULL if @len is 0
 * @len: bytes of it
 */
int tern_link_send(struct tern_link *link, unsigned int type,
		   const void *payload, size_t len)
{
	struct iovec iov[2] = {
		[1] = { .iov_base = (void *)payload, .iov_len = len },
	};

	return tern_link_sendv(link, type, iov, len ? 2 : 1);
}

/* The rest of @link->iov, more of the message to follow. Blocks. */
static int send_rest(struct tern_link *link)
{
	while (link->nr) {
		ssize_t n;

		set_msg(link);
		n = sendmsg(link->fd, &link->msg, MSG_NOSIGNAL | MSG_MORE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? lost(-errno) : -ECONNRESET;
		__atomic_fetch_add(&link->bytes_out, n, __ATOMIC_RELAXED);
		advance(&link->iov, &link->nr, n);
	}
	return 0;
}

static int splice_rest(struct tern_link *link, int pipe, size_t len)
{
	while (len) {
		ssize_t n = splice(pipe, NULL, link->fd, NULL, len, SPLICE_F_MORE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? lost(-errno) : -EPIPE;
		__atomic_fetch_add(&link->bytes_out, n, __ATOMIC_RELAXED);
		len -= n;
	}
	return 0;
}

/**
 * tern_link_splice() - send one message, the end of its payload out of a pipe
 * @link: the lane; its cancel eventfd does not interrupt this, a shutdown(2) of
 *	the socket does
 * @type: enum tern_msg_type
 * @iov: as for tern_link_sendv()
 * @nr: number of @iov, the header's included
 * @pipe: holds the rest of the payload
 * @len: bytes of it, more than none
 *
 * The last segment waits a moment for what is sent next.
 */
int tern_link_splice(struct tern_link *link, unsigned int type, struct iovec *iov,
		     unsigned int nr, int pipe, size_t len)
{
	int rc;

	if (link->fd < 0 || link->broken)
		return -ECONNRESET;
	rc = begin(link, type, iov, nr, len);
	if (rc)
		return rc;
	rc = send_rest(link);
	if (!rc)
		rc = splice_rest(link, pipe, len);
	link->broken = rc < 0;
	return rc;
}

/*
 * Exactly @len bytes. A time-out before the first of them is the caller's, and
 * nothing is lost by it; @begun says that the peer owes us the rest.
 */
static int recv_all(struct tern_link *link, void *buf, size_t len,
		    unsigned int timeout_ms, bool begun)
{
	__u64 deadline = timeout_ms ? now_ms() + timeout_ms : 0;
	bool extended = begun;
	size_t got = 0;

	if (link->fd < 0 || link->broken)
		return -ECONNRESET;
	while (got < len) {
		size_t part = len - got < INT_MAX ? len - got : INT_MAX;
		struct io_uring_sqe *sqe;
		ssize_t n = 0;
		int rc;

		/* what is behind a header is mostly there already */
		if (begun)
			n = recv(link->fd, (char *)buf + got, part, MSG_DONTWAIT);
		if (n > 0) {
			__atomic_fetch_add(&link->bytes_in, n, __ATOMIC_RELAXED);
			got += n;
			continue;
		}
		sqe = io_uring_get_sqe(&link->ring);

		if (!sqe)
			return -ENOMEM;
		io_uring_prep_recv(sqe, link->fd, (char *)buf + got, part, MSG_WAITALL);
		io_uring_sqe_set_data64(sqe, DATA_OP);
		rc = submit(link);
		if (!rc)
			rc = reap(link, deadline);
		if (!rc || (rc == -ETIMEDOUT && (got || begun)))
			rc = -ECONNRESET;
		if (rc < 0) {
			link->broken = got || begun || rc == -ECONNRESET;
			return rc;
		}
		__atomic_fetch_add(&link->bytes_in, rc, __ATOMIC_RELAXED);
		got += rc;
		/* once only, or a peer could hold us with a byte now and then */
		if (deadline && got < len && !extended) {
			deadline = now_ms() + STALL_MS;
			extended = true;
		}
	}
	return 0;
}

/**
 * tern_link_recv_head() - receive the next message's header
 * @link: the lane
 * @head: filled, and checked against the registry of messages
 * @timeout_ms: 0: wait for ever
 *
 * After -ETIMEDOUT the lane is as it was, the call may be repeated.
 */
int tern_link_recv_head(struct tern_link *link, struct tern_wire *head,
			unsigned int timeout_ms)
{
	int rc = recv_all(link, head, sizeof(*head), timeout_ms, false);

	if (rc)
		return rc;
	if (head->reserved || !head->type || head->type >= __TERN_MSG_MAX)
		return -EPROTO;
	if (head->len < fixed[head->type] || head->len > most(head->type))
		return -EPROTO;
	return 0;
}

/**
 * tern_link_recv_body() - receive bytes of a payload
 * @link: the lane
 * @buf: at least @len bytes
 * @len: how many; all calls for one message must add up to its header's len
 * @timeout_ms: 0: wait for ever
 */
int tern_link_recv_body(struct tern_link *link, void *buf, size_t len,
			unsigned int timeout_ms)
{
	return recv_all(link, buf, len, timeout_ms, true);
}

/* The peer's words go to terminals and logs: let nothing but text through. */
static void clean(char *text, size_t size)
{
	size_t i;

	text[size - 1] = '\0';
	for (i = 0; text[i]; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
}

/* An errno of the peer's that would be mistaken for one of the lane's own. */
static int refused_errno(__u32 err)
{
	if (!err || err > 4095 || err == ECANCELED || err == ECONNRESET ||
	    err == ETIMEDOUT || err == EPROTO || err == ESTALE)
		return -EREMOTEIO;
	return -(int)err;
}

/**
 * tern_link_recv_refused() - receive the payload of a REFUSED
 * @link: the lane, after its header
 * @why: receives the peer's sentence, as plain text; may be NULL
 *
 * Returns the errno that it carries, but never one that this file uses for the
 * lane itself, and -ECONNRESET and the like if nothing came.
 */
int tern_link_recv_refused(struct tern_link *link, struct tern_why *why)
{
	struct tern_wire_refused refused;
	int rc;

	rc = tern_link_recv_body(link, &refused, sizeof(refused), STALL_MS);
	if (rc)
		return rc;
	clean(refused.why, sizeof(refused.why));
	return tern_why_set(why, refused_errno(refused.err), "%s", refused.why);
}

/**
 * tern_link_fits() - would so many bytes more be taken by a peer that does not read?
 * @link: the lane
 * @bytes: how many
 *
 * That is what its window is for: what is within it the peer's kernel acknowledges, and keeps.
 */
bool tern_link_fits(const struct tern_link *link, size_t bytes)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	__u64 queued;

	if (getsockopt(link->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return false;
	queued = info.tcpi_bytes_sent - info.tcpi_bytes_retrans - info.tcpi_bytes_acked +
		 info.tcpi_notsent_bytes;
	return queued + bytes <= info.tcpi_snd_wnd;
}

/**
 * tern_link_readable() - has something come that was not received yet?
 * @link: the lane
 *
 * Also when it has broken: receiving will tell.
 */
bool tern_link_readable(const struct tern_link *link)
{
	struct pollfd p = { .fd = link->fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/**
 * tern_link_expect() - receive a message of one type and a fixed length
 * @link: the lane
 * @type: enum tern_msg_type; anything else is -EPROTO
 * @payload: receives @len bytes
 * @len: bytes of it
 * @timeout_ms: for the whole message; 0: wait for ever
 * @why: receives the sentence of a REFUSED; may be NULL
 *
 * A REFUSED in its place becomes the errno that it carries, but never one that
 * this file uses for the lane itself.
 */
int tern_link_expect(struct tern_link *link, unsigned int type, void *payload,
		     size_t len, unsigned int timeout_ms, struct tern_why *why)
{
	struct tern_wire head;
	int rc;

	rc = tern_link_recv_head(link, &head, timeout_ms);
	if (rc)
		return rc;
	if (head.type == TERN_MSG_REFUSED && type != TERN_MSG_REFUSED)
		return tern_link_recv_refused(link, why);
	if (head.type != type || head.len != len)
		return -EPROTO;
	return tern_link_recv_body(link, payload, len, timeout_ms);
}

/**
 * tern_link_socket_options() - Nagle off, and notice a dead peer within seconds
 * @fd: a TCP socket
 */
int tern_link_socket_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 2 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 1 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 4 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 6000 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (setsockopt(fd, options[i].level, options[i].name,
			       &options[i].value, sizeof(int)))
			return -errno;
	return 0;
}

/**
 * tern_link_addr() - a socket address out of its text
 * @addr: numeric
 * @port: TCP port
 * @ss: filled
 * @len: its length
 */
int tern_link_addr(const char *addr, unsigned int port,
		   struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in6 *in6 = (void *)ss;
	struct sockaddr_in *in = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		*len = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, addr, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*len = sizeof(*in6);
		return 0;
	}
	return -EINVAL;
}

static int wait_connected(int fd, int cancel, unsigned int timeout_ms)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = cancel, .events = POLLIN },
	};
	__u64 deadline = now_ms() + timeout_ms;
	socklen_t len = sizeof(int);
	int err = 0, rc;

	do {
		__u64 now = now_ms();

		if (timeout_ms && now >= deadline)
			return -ETIMEDOUT;
		rc = poll(p, 2, timeout_ms ? (int)(deadline - now) : -1);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	if (!rc)
		return -ETIMEDOUT;
	if (p[1].revents)
		return -ECANCELED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	return -err;
}

/**
 * tern_link_connect() - make a TCP connection
 * @addr: numeric address, "10.0.0.1" or "::1"
 * @port: TCP port
 * @cancel: eventfd that interrupts waiting, -1: none
 * @timeout_ms: 0: as long as TCP tries
 *
 * Returns the socket, blocking, with tern_link_socket_options() set.
 */
int tern_link_connect(const char *addr, unsigned int port, int cancel,
		      unsigned int timeout_ms)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, rc;

	rc = tern_link_addr(addr, port, &ss, &len);
	if (rc)
		return rc;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = tern_link_socket_options(fd);
	if (rc)
		goto err_close;
	if (connect(fd, (struct sockaddr *)&ss, len)) {
		rc = -errno;
		if (rc == -EINPROGRESS)
			rc = wait_connected(fd, cancel, timeout_ms);
		if (rc)
			goto err_close;
	}
	/* io_uring waits for us only on a blocking socket */
	if (fcntl(fd, F_SETFL, 0)) {
		rc = -errno;
		goto err_close;
	}
	return fd;

err_close:
	close(fd);
	return rc;
}
