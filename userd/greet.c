// SPDX-License-Identifier: GPL-2.0
/*
 * Incoming lanes: who is it, what does it want, and whose job is it. Each lane
 * is greeted in a short-lived thread of its own, so that a silent peer keeps
 * nobody waiting; there are at most GREETERS_MAX of them.
 *
 * Owns a lane's socket until the job has taken it. Holds no locks. Talks only
 * to addresses that the configuration names, and never reads more than one
 * HELLO.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "greet.h"
#include "inject.h"
#include "lines.h"
#include "link.h"

#define GREETERS_MAX	64
#define HELLO_MS	5000

static unsigned int greeters;	/* running, atomic */

/**
 * struct greeting - what a greeter's thread is given
 * @jobs: the table that it hands the lane to
 * @from: the peer's address
 * @link: the lane
 */
struct greeting {
	struct tern_jobs *jobs;
	struct sockaddr_storage from;
	struct tern_link link;
};

/**
 * tern_greet_listen() - open the listening socket
 * @host: says where
 * @why: what went wrong
 */
int tern_greet_listen(const struct tern_host *host, struct tern_why *why)
{
	struct sockaddr_storage ss;
	int fd, rc, one = 1;
	socklen_t len;

	rc = tern_link_addr(host->listen, host->port, &ss, &len);
	if (rc)
		return rc;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tern_why_set(why, -errno, "cannot make a socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    (ss.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    bind(fd, (struct sockaddr *)&ss, len) || listen(fd, GREETERS_MAX)) {
		rc = -errno;
		tern_why_set(why, rc, "cannot listen on %s port %u: %s; see \"listen\" in the configuration",
			     host->listen, host->port, strerror(-rc));
		close(fd);
		return rc;
	}
	return fd;
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		       &((const struct sockaddr_in6 *)b)->sin6_addr,
		       sizeof(struct in6_addr));
}

/* The peer of that address, and of that name if one is given. */
static const struct tern_peer *peer_at(const struct tern_host *host,
				       const struct sockaddr_storage *from, const char *name)
{
	unsigned int i;

	for (i = 0; i < host->nr_peers; i++) {
		struct sockaddr_storage ss;
		socklen_t len;

		if (tern_link_addr(host->peers[i].addr, 0, &ss, &len) ||
		    !same_address(&ss, from))
			continue;
		if (!name || !strcmp(name, host->peers[i].name))
			return &host->peers[i];
	}
	return NULL;
}

static const char *show(const struct sockaddr_storage *ss, char *buf, size_t size)
{
	const void *addr = ss->ss_family == AF_INET ?
		(const void *)&((const struct sockaddr_in *)ss)->sin_addr :
		(const void *)&((const struct sockaddr_in6 *)ss)->sin6_addr;

	return inet_ntop(ss->ss_family, addr, buf, size) ?: "?";
}

/* Strangers must not be able to fill the journal: one line in ten seconds. */
static bool may_log(void)
{
	static __u64 last;
	struct timespec ts;
	__u64 now, then;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec + 10;
	then = __atomic_load_n(&last, __ATOMIC_RELAXED);
	return now >= then + 10 &&
	       __atomic_compare_exchange_n(&last, &then, now, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void refuse(struct tern_link *link, int err, const struct tern_why *why)
{
	struct tern_wire_refused refused = { .err = -err };

	_Static_assert(sizeof(refused.why) == sizeof(why->text), "sentences have one size");
	memcpy(refused.why, why->text, sizeof(refused.why));
	tern_link_send(link, TERN_MSG_REFUSED, &refused, sizeof(refused));
}

static int greet(struct greeting *g, struct tern_why *why)
{
	const struct tern_host *host = g->jobs->host;
	struct tern_wire_hello hello, own = host->hello;
	const struct tern_peer *peer;
	int rc, fd;

	rc = tern_link_expect(&g->link, TERN_MSG_HELLO, &hello, sizeof(hello), HELLO_MS, why);
	if (rc)
		return tern_why_set(why, rc, "no greeting came");
	rc = tern_hello_check(&hello, why);
	if (rc)
		goto err_refuse;
	peer = peer_at(host, &g->from, hello.host);
	if (!peer) {
		rc = tern_why_set(why, -EACCES,
				  "host %s knows no peer of that name at that address: add a \"peer\" line to its configuration",
				  host->name);
		goto err_refuse;
	}
	own.id = hello.id;
	own.lane = hello.lane;
	rc = tern_link_send(&g->link, TERN_MSG_HELLO, &own, sizeof(own));
	if (rc)
		return tern_why_set(why, rc, "it went away");
	fd = tern_link_release(&g->link);
	if (hello.lane == TERN_LANE_FRAMES) {
		tern_inject_hand(hello.id, peer, fd);
		return 0;
	}
	if (hello.lane >= TERN_LANE_LINE) {
		tern_lines_hand(hello.id, hello.lane, fd);
		return 0;
	}
	rc = tern_jobs_hand(g->jobs, hello.id, peer, hello.lane, fd);
	if (!rc)
		return 0;
	tern_why_set(why, rc, rc == -EBUSY ? "host %s has too many migrations at once: try again later" :
		     "host %s cannot take the migration now", host->name);
	tern_link_fini(&g->link);
	if (tern_link_init(&g->link, fd, -1))
		return rc;
err_refuse:
	refuse(&g->link, rc, why);
	return rc;
}

static void *run(void *arg)
{
	struct tern_why why = { "" };
	struct greeting *g = arg;
	char addr[64];

	if (greet(g, &why) && may_log())
		tern_log(LOG_WARNING, "connection from %s refused: %s",
			 show(&g->from, addr, sizeof(addr)), why.text);
	tern_link_fini(&g->link);
	free(g);
	__atomic_fetch_sub(&greeters, 1, __ATOMIC_RELAXED);
	return NULL;
}

static int start(struct tern_jobs *jobs, int fd, const struct sockaddr_storage *from)
{
	struct greeting *g = calloc(1, sizeof(*g));
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (!g) {
		close(fd);
		return -ENOMEM;
	}
	g->jobs = jobs;
	g->from = *from;
	tern_link_socket_options(fd);
	rc = tern_link_init(&g->link, fd, -1);
	if (rc)
		goto err_free;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = -pthread_create(&thread, &attr, run, g);
	pthread_attr_destroy(&attr);
	if (!rc)
		return 0;
	tern_link_fini(&g->link);
err_free:
	free(g);
	return rc;
}

/**
 * tern_greet_start() - greet an accepted connection
 * @jobs: the table that the lane goes to
 * @fd: its socket, owned by the greeter from now on
 * @from: its address
 */
void tern_greet_start(struct tern_jobs *jobs, int fd, const struct sockaddr_storage *from)
{
	char addr[64];

	if (!peer_at(jobs->host, from, NULL)) {
		if (may_log())
			tern_log(LOG_WARNING, "connection from %s refused: no peer has that address",
				 show(from, addr, sizeof(addr)));
		close(fd);
		return;
	}
	if (__atomic_fetch_add(&greeters, 1, __ATOMIC_RELAXED) >= GREETERS_MAX) {
		close(fd);
	} else if (!start(jobs, fd, from)) {
		return;
	}
	__atomic_fetch_sub(&greeters, 1, __ATOMIC_RELAXED);
}
