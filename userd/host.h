/* SPDX-License-Identifier: GPL-2.0 */
/* This host, its configuration, and what a job (one migration's thread) gets. */
#ifndef TERN_HOST_H
#define TERN_HOST_H

#include <linux/tern.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>
#include <tern/wire.h>

#include "net.h"
#include "vdso.h"

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
 * enum tern_pack - are pages packed before they are sent by the flush?
 * @TERN_PACK_AUTO: when that is quicker
 * @TERN_PACK_ALWAYS: all of them
 * @TERN_PACK_NEVER: none
 */
enum tern_pack {
	TERN_PACK_AUTO,
	TERN_PACK_ALWAYS,
	TERN_PACK_NEVER,
};

#define TERN_CONFIG		"/etc/tern/ternd.conf"	/* unless ternd is told another */

#define TERN_FIRST_NONE		(-1)
#define TERN_FIRST_USUAL	32
#define TERN_FIRST_MOST		4096

/**
 * struct tern_host - this host; constant after start-up
 * @name: its own name
 * @listen: address that the daemon listens on
 * @port: likewise
 * @peers: the only hosts that it talks to
 * @nr_peers: how many
 * @shell: path of the shell program
 * @cgroup: directory in which pods have their control groups
 * @bridge: to which their interfaces are attached, "": none
 * @pack: of pages that this host sends
 * @first: of migrants that leave: how many instructions of each thread are decoded to
 *	find its first pages; TERN_FIRST_NONE: none are sent
 * @recent: pages that they have used lately are sent before others
 * @vdso: our kernel's
 * @hello: our own HELLO, complete but for id and lane
 */
struct tern_host {
	char name[TERN_HOST_LEN];
	char listen[64];
	unsigned int port;
	struct tern_peer peers[TERN_HOSTS_MAX];
	unsigned int nr_peers;
	char shell[256];
	char cgroup[256];
	char bridge[TERN_NET_NAME_LEN];
	enum tern_pack pack;
	int first;
	bool recent;
	struct tern_vdso vdso;
	struct tern_wire_hello hello;
};

struct tern_why;

/** tern_config_read() - fill @host from an open configuration file (ternd.conf(5)) */
int tern_config_read(struct tern_host *host, FILE *file, const char *path,
		     struct tern_why *why);
/** tern_config_load() - likewise, by path */
int tern_config_load(struct tern_host *host, const char *path, struct tern_why *why);

/** tern_host_probe() - complete @host's HELLO with what this machine is */
int tern_host_probe(struct tern_host *host, int dev, struct tern_why *why);
/** tern_host_peer() - the peer of that name, NULL: none */
const struct tern_peer *tern_host_peer(const struct tern_host *host, const char *name);
/** tern_host_fits() - may a migrant of the host that said @from run on the one of @to? */
int tern_host_fits(const struct tern_wire_hello *from, const struct tern_wire_hello *to,
		   struct tern_why *why);
/** tern_hello_check() - is @hello, as received, one that we can go on with? Cleans it. */
int tern_hello_check(struct tern_wire_hello *hello, struct tern_why *why);

/** tern_log() - one line for the journal, @level as of syslog(3) */
void tern_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

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
 * @go: eventfd, readable when what was held (TERN_HOLD) is asked for again (source)
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
	int go;
	int mail;
	pthread_mutex_t lock;
	int lanes[2];
};

/* jobs.c: of a source, for the processes that move together with it */
struct tern_job *tern_job_member(struct tern_job *root, __u64 id, int pid);
int tern_job_start(struct tern_job *job, void (*end)(void *arg), void *arg);
void tern_job_drop(struct tern_job *job);
void tern_job_leaves(const struct tern_job *job);

/* The two kinds of job. They return when the migration has ended, one way or
 * the other, and the daemon then joins the thread. All errors have been reported
 * (TERN_IOC_FAIL) by then.
 */
void tern_source_run(struct tern_job *job);
void tern_dest_run(struct tern_job *job);

#endif
