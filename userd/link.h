/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One lane of a migration: framed messages over a connected TCP socket, sent
 * and received through an io_uring of the calling thread. Functions block, and
 * return -ECANCELED as soon as the lane's cancel eventfd is readable, -ETIMEDOUT
 * after @timeout_ms (0: wait for ever), -ECONNRESET when the peer is gone, and
 * -EPROTO on a malformed frame.
 */
#ifndef TERN_LINK_H
#define TERN_LINK_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <tern/wire.h>

/**
 * struct tern_link - a lane
 * @fd: connected socket, -1 when closed
 * @cancel: eventfd that interrupts waiting, -1: none; not owned
 * @ring: for the send and recv calls of the one thread that uses the lane
 * @open: the ring is there, whether @fd is or not
 * @armed: the ring watches @cancel; private to link.c, like all until @nr
 * @broken: the lane stands in the middle of a frame and is of no more use
 * @head: header of the message being sent
 * @msg: argument of the send call in flight
 * @iov: what is still to be sent
 * @nr: number of @iov
 * @bytes_in: bytes received
 * @bytes_out: bytes sent
 */
struct tern_link {
	int fd;
	int cancel;
	struct io_uring ring;
	bool open;
	bool armed;
	bool broken;
	struct tern_wire head;
	struct msghdr msg;
	struct iovec *iov;
	unsigned int nr;
	__u64 bytes_in;
	__u64 bytes_out;
};

/** tern_link_init() - take ownership of the connected socket @fd */
int tern_link_init(struct tern_link *link, int fd, int cancel);
void tern_link_fini(struct tern_link *link);
/** tern_link_release() - take the socket out; tern_link_fini() does the rest */
int tern_link_release(struct tern_link *link);
void tern_link_linger(struct tern_link *link, unsigned int ms);

/** tern_link_sendv() - one message; @iov[0] is free for the header, payload from [1] */
int tern_link_sendv(struct tern_link *link, unsigned int type,
		    struct iovec *iov, unsigned int nr);
int tern_link_send(struct tern_link *link, unsigned int type,
		   const void *payload, size_t len);
/** tern_link_splice() - one message whose payload ends with @len bytes out of @pipe */
int tern_link_splice(struct tern_link *link, unsigned int type, struct iovec *iov,
		     unsigned int nr, int pipe, size_t len);
/** tern_link_recv_head() - the next message's header, checked against the registry */
int tern_link_recv_head(struct tern_link *link, struct tern_wire *head,
			unsigned int timeout_ms);
/** tern_link_recv_body() - its payload, @len bytes exactly */
int tern_link_recv_body(struct tern_link *link, void *buf, size_t len,
			unsigned int timeout_ms);
/** tern_link_readable() - has something come that was not received yet? */
bool tern_link_readable(const struct tern_link *link);
bool tern_link_fits(const struct tern_link *link, size_t bytes);

/** tern_link_expect() - a message of @type with a fixed payload of @len bytes.
 * Anything else is -EPROTO; a REFUSED message becomes its errno, with its
 * sentence in @why (may be NULL).
 */
struct tern_why;
int tern_link_expect(struct tern_link *link, unsigned int type, void *payload,
		     size_t len, unsigned int timeout_ms, struct tern_why *why);

/** tern_link_recv_refused() - the payload of a REFUSED, as errno and sentence */
int tern_link_recv_refused(struct tern_link *link, struct tern_why *why);

/** tern_link_connect() - TCP connection to @addr ("10.0.0.1" or "::1"), Nagle off.
 * Interruptible by @cancel. Returns the socket.
 */
int tern_link_connect(const char *addr, unsigned int port, int cancel,
		      unsigned int timeout_ms);

/** tern_link_addr() - a socket address out of its text */
int tern_link_addr(const char *addr, unsigned int port,
		   struct sockaddr_storage *ss, socklen_t *len);

/** tern_link_socket_options() - Nagle off, keepalive and TCP_USER_TIMEOUT so that a
 * dead peer is noticed within some seconds
 */
int tern_link_socket_options(int fd);

#endif
