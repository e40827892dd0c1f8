/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libtern: what the tool uses, and what a scheduler links to. Requests are
 * ioctls of /dev/tern; lists and events come by generic netlink. Functions
 * return 0 or a negative errno; where there is a sentence that explains it,
 * the client has it (tern_client_why()).
 *
 * Link with -ltern -lnl-genl-3 -lnl-3. A client is used by one thread at a
 * time.
 */
#ifndef LIBTERN_H
#define LIBTERN_H

#include <linux/tern.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tern_client;

/**
 * struct tern_info_migration - one half of a migration
 * @id: the same on both hosts
 * @unit: migration of the root of the tree that the migrant moves with; 0: it moves alone
 * @pid: the migrant, as this process sees it; in events, as the initial
 *	pid namespace does
 * @side: enum tern_side
 * @state: enum tern_state
 * @flags: of TERN_FLAGS_ALL
 * @error: positive errno of what went wrong, 0: nothing
 * @late: sockets whose TCP connections have not come yet; what is done with them waits
 * @reset: TCP connections that were lost with the move (ECONNRESET)
 * @age_ns: time since it was asked for
 * @host: the other host
 * @comm: the migrant's name
 * @reason: sentence to @error
 * @report: figures
 */
struct tern_info_migration {
	__u64 id;
	__u64 unit;
	__s32 pid;
	__u32 side;
	__u32 state;
	__u32 flags;
	__u32 error;
	__u32 late;
	__u32 reset;
	__u64 age_ns;
	char host[TERN_HOST_LEN];
	char comm[16];
	char reason[TERN_WHY_LEN];
	struct tern_report report;
};

/**
 * struct tern_info_host - a host that the daemon here knows
 * @name: its name
 * @self: it is this host
 */
struct tern_info_host {
	char name[TERN_HOST_LEN];
	bool self;
};

/* -ENOENT: the module is not loaded */
int tern_client_open(struct tern_client **client);
void tern_client_close(struct tern_client *client);
/* the sentence that goes with the last error; "" if there is none */
const char *tern_client_why(const struct tern_client *client);

/* @buf: one line per reason; @nr: how many, also of those that did not fit */
int tern_client_check(struct tern_client *client, int pid, unsigned int flags,
		      unsigned int *nr, char *buf, size_t len);
int tern_client_migrate(struct tern_client *client, int pid, const char *host,
			unsigned int flags, __u64 *id);
int tern_client_abort(struct tern_client *client, __u64 id, bool force);

/* callbacks return 0 to go on; anything else ends the walk and is returned */
int tern_client_list(struct tern_client *client,
		     int (*each)(void *arg, const struct tern_info_migration *m), void *arg);
int tern_client_get(struct tern_client *client, __u64 id, struct tern_info_migration *m);
int tern_client_hosts(struct tern_client *client,
		      int (*each)(void *arg, const struct tern_info_host *h), void *arg);

/* events from now on; subscribe before asking for what shall be watched */
int tern_client_subscribe(struct tern_client *client);
/* -ETIMEDOUT; -ENOBUFS: events were lost, ask for the state. @timeout_ms -1: for ever */
int tern_client_next(struct tern_client *client, struct tern_info_migration *m, int timeout_ms);
/* for a caller's own event loop: readable when tern_client_next() has something */
int tern_client_fd(const struct tern_client *client);

const char *tern_state_name(unsigned int state);
bool tern_state_is_final(unsigned int state);

#ifdef __cplusplus
}
#endif

#endif
