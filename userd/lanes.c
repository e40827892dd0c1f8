// SPDX-License-Identifier: GPL-2.0
/*
 * The source's lanes: connecting, greeting, measuring.
 *
 * Owns both links; used by the job's thread alone, but for lane 1 while the
 * flush thread runs. Never goes on with a peer that has not said the
 * configured name and the right migration.
 */
#include <errno.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "lanes.h"

#define CONNECT_MS	5000
#define HELLO_MS	8000
#define WARM_MS		10000	/* it may have half a MiB */
#define ROUNDS		5

/**
 * tern_lanes_init() - no lanes yet
 * @lanes: to be filled
 */
int tern_lanes_init(struct tern_lanes *lanes)
{
	memset(lanes, 0, sizeof(*lanes));
	lanes->lane[0].fd = -1;
	lanes->lane[1].fd = -1;
	return 0;
}

/**
 * tern_lanes_fini() - close what is open
 * @lanes: after tern_lanes_init(), even a failed one
 */
void tern_lanes_fini(struct tern_lanes *lanes)
{
	tern_lanes_close(lanes);
}

static int check_hello(const struct tern_job *job, struct tern_wire_hello *hello,
		       unsigned int lane, struct tern_why *why)
{
	int rc = tern_hello_check(hello, why);

	if (rc)
		return rc;
	if (strcmp(hello->host, job->peer->name))
		return tern_why_set(why, -EPROTO,
				    "the host at %s calls itself \"%.63s\", not \"%s\": make both configurations agree",
				    job->peer->addr, hello->host, job->peer->name);
	if (hello->id != job->id || hello->lane != lane)
		return tern_why_set(why, -EPROTO, "host %s answers for another migration",
				    job->peer->name);
	return 0;
}

static int open_lane(struct tern_lanes *lanes, const struct tern_job *job,
		     unsigned int lane, struct tern_why *why)
{
	struct tern_wire_hello hello = job->host->hello;
	const struct tern_peer *peer = job->peer;
	int fd, rc;

	fd = tern_link_connect(peer->addr, peer->port, job->cancel, CONNECT_MS);
	if (fd < 0)
		return tern_why_set(why, fd, "cannot reach host %s at %s port %u (%s): is ternd running there?",
				    peer->name, peer->addr, peer->port, strerror(-fd));
	rc = tern_link_init(&lanes->lane[lane], fd, job->cancel);
	if (rc)
		return rc;
	hello.id = job->id;
	hello.lane = lane;
	rc = tern_link_send(&lanes->lane[lane], TERN_MSG_HELLO, &hello, sizeof(hello));
	if (!rc)
		rc = tern_link_expect(&lanes->lane[lane], TERN_MSG_HELLO, &hello,
				      sizeof(hello), HELLO_MS, why);
	if (rc)
		return tern_why_set(why, rc,
				    "host %s at %s does not answer (%s): does its configuration name this host and address?",
				    peer->name, peer->addr, strerror(-rc));
	rc = check_hello(job, &hello, lane, why);
	if (rc)
		return rc;
	if (!lane)
		lanes->hello = hello;
	return 0;
}

/*
 * What waits for a fault goes ahead of the flush, in this host's queues too,
 * and the flush keeps little in the socket that the peer is not ready for.
 * Hints only: a kernel that refuses them moves the process all the same.
 */
static void set_priority(struct tern_lanes *lanes)
{
	int interactive = TC_PRIO_INTERACTIVE, bulk = TC_PRIO_BULK, unsent = 256 << 10;

	setsockopt(lanes->lane[0].fd, SOL_SOCKET, SO_PRIORITY, &interactive, sizeof(int));
	setsockopt(lanes->lane[1].fd, SOL_SOCKET, SO_PRIORITY, &bulk, sizeof(int));
	setsockopt(lanes->lane[1].fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(int));
}

/**
 * tern_lanes_connect() - open both lanes
 * @lanes: closed
 * @job: knows the peer
 * @why: what went wrong
 *
 * -ESTALE: the peer has been booted since the migration began.
 */
int tern_lanes_connect(struct tern_lanes *lanes, const struct tern_job *job,
		       struct tern_why *why)
{
	int rc;

	rc = open_lane(lanes, job, 0, why);
	if (rc)
		goto err_close;
	if (lanes->known && memcmp(lanes->boot_id, lanes->hello.boot_id, sizeof(lanes->boot_id))) {
		rc = tern_why_set(why, -ESTALE, "host %s has been booted since", job->peer->name);
		goto err_close;
	}
	rc = open_lane(lanes, job, 1, why);
	if (rc)
		goto err_close;
	lanes->lane[1].cancel = -1;	/* the flush's, which is stopped otherwise */
	set_priority(lanes);
	memcpy(lanes->boot_id, lanes->hello.boot_id, sizeof(lanes->boot_id));
	lanes->known = true;
	return 0;

err_close:
	tern_lanes_close(lanes);
	return rc;
}

/**
 * tern_lanes_close() - close both lanes; harmless when they are closed
 * @lanes: the flush thread no longer uses them
 */
void tern_lanes_close(struct tern_lanes *lanes)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (lanes->lane[i].fd < 0)
			continue;
		lanes->bytes += lanes->lane[i].bytes_in + lanes->lane[i].bytes_out;
		tern_link_fini(&lanes->lane[i]);
	}
}

/**
 * tern_lanes_bytes() - bytes moved so far, over all lanes there were
 * @lanes: open or closed
 */
__u64 tern_lanes_bytes(const struct tern_lanes *lanes)
{
	__u64 bytes = lanes->bytes;
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (lanes->lane[i].fd >= 0)
			bytes += __atomic_load_n(&lanes->lane[i].bytes_in, __ATOMIC_RELAXED) +
				 __atomic_load_n(&lanes->lane[i].bytes_out, __ATOMIC_RELAXED);
	return bytes;
}

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/**
 * tern_lanes_trip() - send something that is answered by CLOCK at once
 * @lanes: open
 * @type: TERN_MSG_CLOCK or TERN_MSG_WARM
 * @ask: its payload
 * @len: bytes of it
 * @ns: set to the time until the answer was here
 * @why: sentence, or NULL
 *
 * Return: 0, -EPROTO if it is the answer to something else, or another negative errno.
 */
int tern_lanes_trip(struct tern_lanes *lanes, unsigned int type, struct tern_wire_clock *ask,
		    size_t len, __u64 *ns, struct tern_why *why)
{
	struct tern_wire_clock answer;
	int rc;

	ask->origin = now();
	rc = tern_link_send(&lanes->lane[0], type, ask, len);
	if (!rc)
		rc = tern_link_expect(&lanes->lane[0], TERN_MSG_CLOCK, &answer, sizeof(answer),
				      type == TERN_MSG_WARM ? WARM_MS : HELLO_MS, why);
	*ns = now() - ask->origin;
	if (rc)
		return rc;
	return answer.origin == ask->origin ? 0 : -EPROTO;
}

/**
 * tern_lanes_clock() - measure the link's one-way time
 * @lanes: open
 */
int tern_lanes_clock(struct tern_lanes *lanes)
{
	__u64 best = ~0ULL;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		struct tern_wire_clock ask = { 0 };
		__u64 trip;
		int rc = tern_lanes_trip(lanes, TERN_MSG_CLOCK, &ask, sizeof(ask), &trip, NULL);

		if (rc)
			return rc;
		if (trip < best)
			best = trip;
	}
	lanes->oneway_ns = best / 2;
	return 0;
}
