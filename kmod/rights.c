// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors under way (unix(7), SCM_RIGHTS): open files that wait in the queue of a unix
 * socket. Whoever makes both ends fills their queues, so these are entries of the table as
 * if that process had them, but without numbers; they stand behind those of all processes,
 * so that a description that a process has open, too, is that process's.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/tern.h>
#include <net/af_unix.h>
#include <net/scm.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "rights.h"
#include "socket.h"

/**
 * tern_queue_keep() - let nobody take what is under way out of the queue of a unix socket
 * @sk: the socket
 *
 * Readers take files out of a message under this lock only, and not that of the queue
 * (net/unix/af_unix.c). They have it, too, while they wait for a page that they read into.
 *
 * Return: 0, or -EINTR: the caller is killed.
 */
int tern_queue_keep(struct sock *sk)
{
	return mutex_lock_killable(&unix_sk(sk)->iolock);
}

/** tern_queue_let() - let them go on */
void tern_queue_let(struct sock *sk)
{
	mutex_unlock(&unix_sk(sk)->iolock);
}

/* The socket, if there is anything in its queue; of one that listens that is sockets. */
static struct sock *queue_of(const struct tern_entry *entry)
{
	struct sock *sk = tern_socket_unix(entry->file);

	return sk && READ_ONCE(sk->sk_state) != TCP_LISTEN &&
	       !skb_queue_empty_lockless(&sk->sk_receive_queue) ? sk : NULL;
}

/* Files under way, or -EINTR. */
static int count(struct sock *sk)
{
	struct sk_buff *skb;
	int nr = 0;

	if (tern_queue_keep(sk))
		return -EINTR;
	spin_lock(&sk->sk_receive_queue.lock);
	skb_queue_walk(&sk->sk_receive_queue, skb)
		nr += UNIXCB(skb).fp ? UNIXCB(skb).fp->count : 0;
	spin_unlock(&sk->sk_receive_queue.lock);
	tern_queue_let(sk);
	return nr;
}

/* The first entry of a description; NULL: none. They are not sorted yet. */
static const struct tern_entry *first_of(const struct tern_table *table,
					 const struct file *file)
{
	const struct tern_entry *entry;

	for (entry = table->all; entry < table->rights; entry++)
		if (entry->file == file)
			return entry;
	return NULL;
}

/* The first process that has one of the two ends. */
static unsigned int maker_of(const struct tern_table *table, const struct tern_entry *carrier,
			     struct sock *sk)
{
	const struct tern_entry *peer = first_of(table, tern_socket_peer_file(sk));

	return peer ? min(peer->member, carrier->member) : carrier->member;
}

static int add(struct tern_table *table, const struct tern_entry *carrier, struct sock *sk)
{
	unsigned int i, maker = maker_of(table, carrier, sk);
	struct sk_buff *skb;
	int err = 0;

	if (tern_queue_keep(sk))
		return -EINTR;
	spin_lock(&sk->sk_receive_queue.lock);
	skb_queue_walk(&sk->sk_receive_queue, skb) {
		const struct scm_fp_list *fp = UNIXCB(skb).fp;

		for (i = 0; fp && i < fp->count; i++) {
			if (table->nr_tree == table->max) {
				err = -EAGAIN;
				break;
			}
			table->all[table->nr_tree++] = (struct tern_entry) {
				.file = get_file(fp->fp[i]), .member = maker, .fd = -1,
				.carrier = carrier,
			};
		}
	}
	spin_unlock(&sk->sk_receive_queue.lock);
	tern_queue_let(sk);
	return err;
}

/**
 * tern_rights_collect() - add what is under way to a table of descriptors
 * @table: of all processes, unsorted
 * @room: in and out: entries that were found once
 *
 * Return: 0, -EAGAIN: there must be that much more room, or -EINTR: the caller is killed.
 */
int tern_rights_collect(struct tern_table *table, unsigned int *room)
{
	const struct tern_entry *entry;
	int err = 0;

	table->rights = table->all + table->nr_tree;
	for (entry = table->all; !err && entry < table->rights; entry++) {
		struct sock *sk = queue_of(entry);
		int nr = sk ? count(sk) : 0;

		if (nr < 0)
			return nr;
		if (!nr || first_of(table, entry->file) != entry)
			continue;
		err = add(table, entry, sk);
		if (err == -EAGAIN)
			*room += nr;
	}
	table->nr_rights = table->all + table->nr_tree - table->rights;
	return err;
}

/** tern_rights_are_own() - does the table's process fill the queue with them? */
bool tern_rights_are_own(const struct tern_table *table, const struct tern_entry *entry)
{
	return entry->carrier && entry->member == table->own;
}

/* Is anything under way to this end, or to the other one? */
static bool carries(const struct tern_table *table, struct file *file)
{
	struct sock *sk = tern_socket_unix(file);
	const struct file *peer = sk ? tern_socket_peer_file(sk) : NULL;
	unsigned int i;

	for (i = 0; sk && i < table->nr_rights; i++)
		if (table->rights[i].carrier->file == file ||
		    (peer && table->rights[i].carrier->file == peer))
			return true;
	return false;
}

/* Is it by a descriptor, in /proc, that ternd sees all there is of it? */
static bool needs_number(u32 kind)
{
	switch (kind) {
	case TERN_DESC_FILE:
	case TERN_DESC_DEVICE:
	case TERN_DESC_PATH:
	case TERN_DESC_PIPE:
	case TERN_DESC_REOPENED:
	case TERN_DESC_EVENTFD:
	case TERN_DESC_SIGNALFD:
		return false;
	default:
		return true;
	}
}

/* Is it, or the other end of a pipe, made where it cannot be had from? */
static bool is_out_of_order(const struct tern_entry *entry, const struct tern_entry *first)
{
	return first->member > entry->member ||
	       (first->carrier && first->member != entry->member);
}

/**
 * tern_rights_refused() - can what is under way not be made so that it can be sent?
 * @table: the table
 * @entry: what is under way in the queue of a socket that its process makes
 * @kind: enum tern_desc_kind, as of a descriptor
 *
 * Return: what it is; NULL: it can.
 */
const char *tern_rights_refused(const struct tern_table *table, const struct tern_entry *entry,
				u32 kind)
{
	if (is_out_of_order(entry, entry->same) ||
	    (S_ISFIFO(file_inode(entry->file)->i_mode) &&
	     is_out_of_order(entry, entry->same_inode)))
		return "an open file that a later process of its tree has, too";
	if (table->nr_rights > TERN_UNDER_WAY_MAX)
		return "an open file of more than 1024";
	if (carries(table, entry->file))
		return "a unix socket with descriptors under way itself";
	/* what it does not take from another one */
	if (entry->same->carrier && needs_number(kind))
		return "an open file of a kind that moves only with a descriptor";
	return NULL;
}

/**
 * tern_rights_find() - the description of a file under way
 * @table: the table, whose descriptions have numbers
 * @carrier: open file of the socket in whose queue it is
 * @file: the file; not looked at
 *
 * Return: its number; 0: it was not under way when the table was copied.
 */
u32 tern_rights_find(const struct tern_table *table, const struct file *carrier,
		     const struct file *file)
{
	unsigned int i;

	for (i = 0; i < table->nr_rights; i++) {
		const struct tern_entry *entry = &table->rights[i];

		if (tern_rights_are_own(table, entry) && entry->carrier->file == carrier &&
		    entry->file == file)
			return entry->same->desc;
	}
	return 0;
}
