/* SPDX-License-Identifier: GPL-2.0 */
/* This host, its configuration, and what a job (one migration's thread) gets. */
#ifndef TERN_HOST_H
#define TERN_HOST_H

#include <linux/tern.h>
#include <pthread.h>
#include <stdbool.h>
#include <tern/wire.h>

/**
 * struct tern_peer - a host that the configuration names
 * @name: as operators call it
 * @addr: its numeric address: where to connect to, and from where to accept
 * @port: where its daemon listens
 */
struct tern_peer {
	char name[TERN_HOST_LEN];
	char addr[64];
	unsigned int port;
};

/**
 * struct tern_host - this host; constant after start-up
 * @name: its own name
 * @listen: address that the daemon listens on
 * @port: likewise
 * @peers: the only hosts that it talks to
 * @nr_peers: how many
 * @shell: path of the shell program
 * @hello: our own HELLO, complete but for id and lane
 * @one_kernel: both hosts are namespaces of one kernel (testing): boot ids are equal
 */
struct tern_host {
	char name[TERN_HOST_LEN];
	char listen[64];
	unsigned int port;
	struct tern_peer peers[TERN_HOSTS_MAX];
	unsigned int nr_peers;
	char shell[256];
	struct tern_wire_hello hello;
};

/**
 * struct tern_job - one migration, with a thread of its own
 * @host: this host
 * @id: the migration
 * @peer: the other host
 * @flags: of the request
 * @pid: the migrant in our pid namespace
 * @state: when adopted: enum tern_state it was found in; 0: new
 * @cancel: eventfd, readable when an operator said "abort" (read @abort_flags)
 * @abort_flags: TERN_ASK_FORCE or 0; atomic
 * @mail: eventfd, readable when @lanes has a new socket (destination)
 * @lock: guards @lanes
 * @lanes: sockets accepted for this migration and not yet taken, by lane; -1: none.
 *	The HELLO of each has been received and answered already.
 */
struct tern_job {
	const struct tern_host *host;
	__u64 id;
	const struct tern_peer *peer;
	unsigned int flags;
	int pid;
	unsigned int state;
	int cancel;
	unsigned int abort_flags;
	int mail;
	pthread_mutex_t lock;
	int lanes[2];
};

/* The two kinds of job. They return when the migration has ended, one way or
 * the other, and the daemon then joins the thread. All errors have been reported
 * (TERN_IOC_FAIL) by then.
 */
void tern_source_run(struct tern_job *job);
void tern_dest_run(struct tern_job *job);

#endif
