/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wire: messages between two ternd. A migration has two TCP connections
 * ("lanes"), both opened by the source:
 *
 *  lane 0, CONTROL: preparation, blast, demand faults and their pages, decisions
 *  lane 1, FLUSH:   the push of all remaining pages, and nothing else
 *
 *     source                                destination
 *       HELLO            ──────────────►
 *                        ◄──────────────    HELLO
 *       CLOCK            ──────────────►    (a few rounds, for the one-way time)
 *                        ◄──────────────    CLOCK
 *       PREPARE          ──────────────►    shell is made, pid and tids reserved
 *                        ◄──────────────    READY or REFUSED
 *       COPY             ──────────────►    files that it has offered, and READY asks for
 *                        ◄──────────────    COPIED or REFUSED, for each of them
 *       DRAFT            ──────────────►    shell is dressed; again when it has changed
 *                        ◄──────────────    DRESSED or REFUSED
 *       PAGES            ──────────────►    while the migrant runs: kept aside
 *       WARM             ──────────────►    as many bytes as the blast may have
 *                        ◄──────────────    CLOCK
 *   ═══ parked: from here until the migrant runs, nothing travels back ═══
 *       IMAGE            ══════════════►    what differs from the draft is mended
 *       PAGES            ══════════════►    first pages
 *       RESUME           ══════════════►    migrant runs
 *       SOCKETS          ──────────────►    of a pod: its TCP connections
 *       PAGES, FRESH     ──────────────►    what it is likely to want at once
 *                        ◄──────────────    RESUMED or REFUSED
 *       WRITTEN          ──────────────►    data of files is with their server, sooner or later
 *       FRESH            ──────────────►    which of those kept aside are right
 *       MAP              ──────────────►    which pages there are
 *                        ◄──────────────    FAULT
 *       PAGES            ──────────────►
 *       PAGES (lane 1)   ──────────────►    or PACKED
 *       FLUSHED (lane 1) ──────────────►
 *                        ◄──────────────    COMPLETE
 *       INDEPENDENT      ──────────────►
 *
 * After a lost link the source connects again, says HELLO with the same id, and
 * asks QUERY on lane 0; ANSWER tells the state of the destination's half, and
 * makes it final: a shell that has not resumed by then never will.
 *
 * Little-endian, fixed-width. A message is a header and @len bytes of payload.
 */
#ifndef _TERN_WIRE_H
#define _TERN_WIRE_H

#include <tern/image.h>

#define TERN_WIRE_MAGIC		0x6e726574	/* "tern" */
#define TERN_WIRE_VERSION	18
#define TERN_WIRE_PORT		7837
#define TERN_WIRE_MAX		(64U << 20)	/* largest payload: an image */
#define TERN_WIRE_PAGES_MAX	1024		/* most pages in one PAGES or FAULT */
#define TERN_WIRE_PAGE		4096
#define TERN_WIRE_PAGES_LEN	(sizeof(struct tern_wire_pages) + TERN_WIRE_PAGES_MAX * \
				 (sizeof(struct tern_wire_run) + TERN_WIRE_PAGE))
						/* largest payload of PAGES */
#define TERN_WIRE_PACKED_MAX	(5U << 20)	/* and of PACKED */
#define TERN_WIRE_WINDOW_LOG	24		/* how far back PACKED refers, at most */
#define TERN_WIRE_WARM_MAX	(512U << 10)	/* bytes of one WARM */
#define TERN_POD_TEXT_MAX	4096		/* of a pod in PREPARE, with its NUL */
#define TERN_WIRE_COPY_MAX	(256U << 10)	/* bytes of a file in one COPY */
#define TERN_WIRE_FRAME_MAX	(14U + 65535U)	/* bytes of an Ethernet frame, or many in one */
#define TERN_WIRE_FRAME_LEN	(sizeof(struct tern_wire_frame) + TERN_WIRE_FRAME_MAX)

/* X(NAME, id, fixed payload or void-like struct tern_wire_none, lane mask) */
#define TERN_MESSAGES(X) \
	X(HELLO,	1, struct tern_wire_hello) \
	X(CLOCK,	2, struct tern_wire_clock) \
	X(PREPARE,	3, struct tern_wire_prepare) \
	X(READY,	4, struct tern_wire_ready) \
	X(REFUSED,	5, struct tern_wire_refused) \
	X(IMAGE,	6, struct tern_wire_none) \
	X(PAGES,	7, struct tern_wire_pages) \
	X(RESUME,	8, struct tern_wire_resume) \
	X(RESUMED,	9, struct tern_wire_resumed) \
	X(MAP,		10, struct tern_wire_none) \
	X(FAULT,	11, struct tern_wire_fault) \
	X(FLUSHED,	12, struct tern_wire_none) \
	X(COMPLETE,	13, struct tern_wire_complete) \
	X(INDEPENDENT,	14, struct tern_wire_none) \
	X(QUERY,	15, struct tern_wire_none) \
	X(ANSWER,	16, struct tern_wire_answer) \
	X(SIGNALS,	17, struct tern_wire_none) \
	X(DRAFT,	18, struct tern_wire_none) \
	X(DRESSED,	19, struct tern_wire_none) \
	X(WARM,		20, struct tern_wire_clock) \
	X(FRESH,	21, struct tern_wire_none) \
	X(PACKED,	22, struct tern_wire_packed) \
	X(COPY,		23, struct tern_wire_copy) \
	X(COPIED,	24, struct tern_wire_none) \
	X(FRAME,	25, struct tern_wire_frame) \
	X(FRAMES_END,	26, struct tern_wire_none) \
	X(LEAVE,	27, struct tern_wire_none) \
	X(PLACE,	28, struct tern_wire_place) \
	X(SETTLED,	29, struct tern_wire_none) \
	X(SOCKETS,	30, struct tern_wire_none) \
	X(WRITTEN,	31, struct tern_wire_written)

enum tern_msg_type {
#define X(name, id, type) TERN_MSG_##name = id,
	TERN_MESSAGES(X)
#undef X
	__TERN_MSG_MAX,
};

/**
 * struct tern_wire - header of every message
 * @type: enum tern_msg_type
 * @reserved: 0
 * @len: bytes of payload that follow
 */
struct tern_wire {
	__u16 type;
	__u16 reserved;
	__u32 len;
};

struct tern_wire_none {
};

/*
 * A connection that is no lane, between a pod and the "tern run" that it belongs to, which
 * waits at the peer. Behind HELLO both ways bytes are handed on as they come.
 */
#define TERN_LANE_LINE	2
#define TERN_LANE_DEAD	3	/* the pod has ended without a word; nothing follows */

/*
 * Another one, opened by the source of a pod that has an interface, when READY has come: with
 * the id of the root's migration. When it is known where the pod runs, who does not have it
 * sends what has come to it there, as FRAME, and then FRAMES_END; nothing is answered.
 */
#define TERN_LANE_FRAMES	4

/**
 * struct tern_wire_hello - first message of a lane, in both directions
 * @magic: TERN_WIRE_MAGIC
 * @version: TERN_WIRE_VERSION; a peer that speaks another one is refused
 * @lane: 0 or 1; or what is wanted instead, and @id is that of a line: TERN_LANE_*
 * @id: the migration
 * @boot_id: changes with every boot of the host (/proc/sys/kernel/random/boot_id)
 * @xfeatures: XCR0
 * @xstate_size: bytes of extended state per thread
 * @flags: 0
 * @vdso: xxh64 of the vDSO, which a migrant carries along
 * @host: the sender's name
 * @cpu: the flags line of /proc/cpuinfo
 */
struct tern_wire_hello {
	__u32 magic;
	__u16 version;
	__u16 lane;
	__u64 id;
	__u8 boot_id[16];
	__u64 xfeatures;
	__u32 xstate_size;
	__u32 flags;
	__u64 vdso;
	char host[64];
	char cpu[3960];
};

/**
 * struct tern_wire_clock - one round of measuring
 * @origin: opaque, echoed
 * @monotonic: of the answering host, ns; 0 in the request
 * @boottime: likewise
 */
struct tern_wire_clock {
	__u64 origin;
	__u64 monotonic;
	__u64 boottime;
};

/**
 * struct tern_wire_prepare - what the destination must know beforehand
 * @pid: the migrant
 * @nr_threads: __s32 tids follow, leader first
 * @nr_holes: struct tern_wire_range of free address space follow after them
 * @nr_files: struct tern_wire_file, each with its path, follow after those
 * @monotonic: the migrant's CLOCK_MONOTONIC, ns, when the message was sent
 * @boottime: the migrant's CLOCK_BOOTTIME
 * @oneway_ns: the source's measure of the link
 * @comm: for the logs
 * @unit: migration of the root of the tree of processes that it moves with, 0: it moves
 *	alone, and all that follows is 0
 * @nr_members: processes of the tree, each of which has a migration
 * @member: which of them it is, from 0; parents come before their children
 * @root: process that is the root of the tree
 * @parent: process that is its parent, whose destination has said READY; 0: it is the root
 * @group: its process group, 0: the root's
 * @session: its session, 0: the root's
 * @maker: process of the tree whose shell makes its shell: its parent, or another child of
 *	that, which is in its session, or the leader of that
 * @led: TERN_WIRE_LED: its session's leader has ended, and there is nobody yet who is in it;
 *	TERN_WIRE_STRAY: the maker leads its session, and its parent is the first process of
 *	a pod, to which it has come when its own parent ended; else 0
 * @attempt: counts how often the unit has been prepared
 * @pod: bytes of text (with NUL) that follow behind all that, 0: none. It is the first
 *	process of a pod, which is to be made: the name of the pod and its limits, "FILE
 *	VALUE" of cgroups(7), each on a line
 * @net: bytes of struct tern_wire_net that follow behind that, 0: it is no pod, or one
 *	without an interface to a network
 * @reserved: 0
 *
 * Numbers of processes and threads are those of their own pid namespace. Each of the three
 * arrays is padded to 8 bytes. Processes that move together resume
 * together or not at all.
 */
struct tern_wire_prepare {
	__s32 pid;
	__u32 nr_threads;
	__u32 nr_holes;
	__u32 nr_files;
	__u64 monotonic;
	__u64 boottime;
	__u64 oneway_ns;
	char comm[16];
	__u64 unit;
	__u32 nr_members;
	__u32 member;
	__s32 root;
	__s32 parent;
	__s32 group;
	__s32 session;
	__s32 maker;
	__u32 led;
	__u32 attempt;
	__u32 pod;
	__u32 net;
	__u32 reserved;
};

#define TERN_WIRE_LED	1
#define TERN_WIRE_STRAY	2

/**
 * struct tern_wire_place - where a process stands in its tree, which has changed since it
 *	was prepared: others have left it, or come
 * @nr_members: as in struct tern_wire_prepare, the root's counts; 1: it is alone now
 * @member: likewise
 *
 * Answered by SETTLED, as LEAVE is: that takes a process out of the tree that has ended, or
 * will be prepared anew.
 */
struct tern_wire_place {
	__u32 nr_members;
	__u32 member;
};

/**
 * struct tern_wire_address - an address of a pod's interface
 * @bytes: in network order, those of IPv4 first; the rest is 0
 * @version: of IP: 4 or 6
 * @prefix: bits of its network
 * @scope: IPv4: RT_SCOPE_UNIVERSE, RT_SCOPE_LINK or RT_SCOPE_HOST; IPv6: 0
 * @flags: TERN_WIRE_ADDRESS_*
 * @reserved: 0
 */
struct tern_wire_address {
	__u8 bytes[16];
	__u8 version;
	__u8 prefix;
	__u8 scope;
	__u8 flags;
	__u8 reserved[4];
};

#define TERN_WIRE_ADDRESS_BROADCAST	(1U << 0)	/* IPv4: the last of its network is for all */

/**
 * struct tern_wire_route - a route through that interface
 * @dst: network, as in struct tern_wire_address
 * @gateway: with TERN_WIRE_ROUTE_GATEWAY, else 0
 * @source: address that is preferred, with TERN_WIRE_ROUTE_SOURCE, else 0
 * @version: of IP: 4 or 6, of all three
 * @prefix: bits of @dst
 * @scope: as in struct tern_wire_address
 * @protocol: who has made it: RTPROT_*
 * @flags: TERN_WIRE_ROUTE_*
 * @metric: the lowest is used
 * @reserved: 0
 */
struct tern_wire_route {
	__u8 dst[16];
	__u8 gateway[16];
	__u8 source[16];
	__u8 version;
	__u8 prefix;
	__u8 scope;
	__u8 protocol;
	__u32 flags;
	__u32 metric;
	__u32 reserved;
};

#define TERN_WIRE_ROUTE_GATEWAY	(1U << 0)
#define TERN_WIRE_ROUTE_SOURCE	(1U << 1)
#define TERN_WIRE_ROUTE_ONLINK	(1U << 2)	/* the gateway is in none of the networks */

#define TERN_WIRE_ADDRESSES	16	/* most that an interface has */
#define TERN_WIRE_ROUTES	16

/**
 * struct tern_wire_net - the interface of a pod
 * @mac: its address
 * @nr_addresses: how many of @address count; the others are 0
 * @nr_routes: likewise, of @route; those that addresses bring about are not among them
 * @mtu: longest packet
 * @reserved: 0
 * @address: in the order in which the kernel has those of each version
 * @route: in any order
 */
struct tern_wire_net {
	__u8 mac[6];
	__u8 nr_addresses;
	__u8 nr_routes;
	__u32 mtu;
	__u32 reserved;
	struct tern_wire_address address[TERN_WIRE_ADDRESSES];
	struct tern_wire_route route[TERN_WIRE_ROUTES];
};

/**
 * struct tern_wire_range - [@start, @end), page-aligned
 */
struct tern_wire_range {
	__u64 start;
	__u64 end;
};

/**
 * struct tern_wire_file - a file that the migrant has mapped or open
 * @digest: xxh64 of its contents; 0 with TERN_WIRE_FILE_SHARED
 * @size: its size
 * @ino: inode number, compared with TERN_WIRE_FILE_SHARED
 * @flags: TERN_WIRE_FILE_*
 * @path: length of the path that follows (with NUL, padded to 8)
 */
struct tern_wire_file {
	__u64 digest;
	__u64 size;
	__u64 ino;
	__u32 flags;
	__u32 path;
};

#define TERN_WIRE_FILE_MAPPED	(1U << 0)	/* if not the same: paged instead */
#define TERN_WIRE_FILE_OPEN	(1U << 1)	/* if not the same: refused */
#define TERN_WIRE_FILE_SHARED	(1U << 2)	/* on a network file system: same file, not same contents */
#define TERN_WIRE_FILE_DIR	(1U << 3)	/* a directory: must exist */
#define TERN_WIRE_FILE_OFFERED	(1U << 4)	/* if there is nothing of that name: may be copied */

/**
 * enum tern_wire_here - what the destination has of a file
 * @TERN_WIRE_DIFFERS: it is not there, or another one
 * @TERN_WIRE_SAME: the same
 * @TERN_WIRE_WANTED: nothing, and takes what is offered
 */
enum tern_wire_here {
	TERN_WIRE_DIFFERS,
	TERN_WIRE_SAME,
	TERN_WIRE_WANTED,
};

/**
 * struct tern_wire_ready - the shell waits
 * @nr_files: one byte follows per file of PREPARE: enum tern_wire_here
 * @room: pages that may be sent before IMAGE, not more than which are kept
 */
struct tern_wire_ready {
	__u32 nr_files;
	__u32 room;
};

/**
 * struct tern_wire_copy - a part of a file that READY wants
 * @offset: where the bytes belong that follow; between parts there are zeros
 * @mtime: ns since the epoch; this and what follows counts with TERN_WIRE_COPY_LAST
 * @file: which, by its place in PREPARE
 * @flags: TERN_WIRE_COPY_LAST
 * @mode: permissions
 * @uid: owner
 * @gid: likewise
 * @reserved: 0
 *
 * Size and digest are those of PREPARE: if they are not, it is refused with EAGAIN.
 */
struct tern_wire_copy {
	__u64 offset;
	__s64 mtime;
	__u32 file;
	__u32 flags;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 reserved;
};

#define TERN_WIRE_COPY_LAST	(1U << 0)	/* no other part comes: it is whole */

/**
 * struct tern_wire_refused - it will not happen; nothing runs here
 * @err: positive errno
 * @why: a sentence
 */
struct tern_wire_refused {
	__u32 err;
	__u32 reserved;
	char why[256];
};

/**
 * struct tern_wire_pages - pages, those of the flush in any order
 * @nr_runs: struct tern_wire_run follow, then the data of every run that has any
 * @reserved: 0
 */
struct tern_wire_pages {
	__u32 nr_runs;
	__u32 reserved;
};

/**
 * struct tern_wire_run - adjacent pages
 * @addr: page-aligned, at the source
 * @nr: pages
 * @flags: TERN_WIRE_RUN_*
 */
struct tern_wire_run {
	__u64 addr;
	__u32 nr;
	__u32 flags;
};

#define TERN_WIRE_RUN_ZERO	(1U << 0)	/* all zero: no data follows */
#define TERN_WIRE_RUN_PART	(1U << 1)	/* one page, of which only the end is live: */
						/* a __u32 offset and the bytes from there on,
						 * padded to 8 together; the rest is zero
						 */

/**
 * struct tern_wire_packed - a PAGES, compressed (lane 1)
 * @len: bytes of its payload
 * @reserved: 0
 *
 * What follows is the next part of a zstd stream without a dictionary, as far as
 * that yields @len bytes and no more. The stream begins with the first PACKED of a
 * connection and never ends.
 */
struct tern_wire_packed {
	__u32 len;
	__u32 reserved;
};

/**
 * struct tern_wire_resume - last item of the blast
 * @park_ns: how long the source's phases took until here
 * @capture_ns: likewise
 * @send_ns: likewise, up to the moment before this message was queued
 * @monotonic: source's CLOCK_MONOTONIC when the last thread stood
 * @blast_bytes: bytes of the blast, this message included
 */
struct tern_wire_resume {
	__u64 park_ns;
	__u64 capture_ns;
	__u64 send_ns;
	__u64 monotonic;
	__u64 blast_bytes;
};

/**
 * struct tern_wire_resumed - the migrant runs
 * @phase_ns: the destination's figures, by enum tern_phase, 0 where not its own;
 *	at TERN_PHASE_TOTAL: from IMAGE's arrival until the threads were let go
 * @since_ns: how long it had been running when this was sent
 */
struct tern_wire_resumed {
	__u64 phase_ns[9];
	__u64 since_ns;
};

/**
 * struct tern_wire_fault - the migrant waits for a page
 * @addr: page-aligned, at the source
 * @nr: pages that it would like from there on, the first one first
 * @flags: TERN_WIRE_FAULT_*
 */
struct tern_wire_fault {
	__u64 addr;
	__u32 nr;
	__u32 flags;
};

#define TERN_WIRE_FAULT_AHEAD	(1U << 0)	/* nobody waits for them yet: not an answer, but */
						/* the flush is to send them soon, if not sent */

/**
 * struct tern_wire_written - the file server has what the migrant has written
 * @err: positive errno: not all of it; 0: it has
 * @reserved: 0
 */
struct tern_wire_written {
	__u32 err;
	__u32 reserved;
};

/**
 * struct tern_wire_complete - every page has arrived
 * @faults: demand faults sent
 * @faults_local: faults answered without the source
 * @pages: pages put in place
 * @zero: of those, without data
 * @bytes: bytes received on both lanes
 * @ahead: pages that were asked for ahead, and came in time
 * @twice: pages with data that came and were not missing
 * @before: pages kept aside that were right
 * @flags: TERN_WIRE_FILES_SAFE
 */
struct tern_wire_complete {
	__u64 faults;
	__u64 faults_local;
	__u64 pages;
	__u64 zero;
	__u64 bytes;
	__u64 ahead;
	__u64 twice;
	__u64 before;
	__u64 flags;
};

#define TERN_WIRE_FILES_SAFE	(1U << 0)	/* those that have moved are on disk */

/**
 * struct tern_wire_frame - a frame that has come to the pod's interface (TERN_LANE_FRAMES)
 * @flags: VIRTIO_NET_HDR_F_NEEDS_CSUM or 0
 * @gso_type: VIRTIO_NET_HDR_GSO_*: it stands for many, of TCP, or 0
 * @hdr_len: a hint: bytes of its headers
 * @gso_size: bytes of payload that each of those has
 * @csum_start: where its checksum has to begin
 * @csum_offset: and where it goes, from there
 *
 * As struct virtio_net_hdr; the frame follows, from its Ethernet header on.
 */
struct tern_wire_frame {
	__u8 flags;
	__u8 gso_type;
	__u16 hdr_len;
	__u16 gso_size;
	__u16 csum_start;
	__u16 csum_offset;
};

/**
 * struct tern_wire_answer - after QUERY
 * @state: enum tern_state of the destination's half, 0: not known here
 * @reserved: 0
 *
 * TERN_PAGING or TERN_INDEPENDENT: it runs (or ran) there. Anything else: it
 * does not and never will.
 */
struct tern_wire_answer {
	__u32 state;
	__u32 reserved;
};

/*
 * MAP: payload is an array of struct tern_wire_range: pages that exist at the
 * source. Addresses outside have never been touched, they read as zeros.
 * FRESH: payload is an array of struct tern_wire_range, ascending: pages that were
 * sent before the image, and have now the contents that were last sent. Those that are
 * wanted first come in the first message; a page may be named again.
 * SIGNALS: payload is TERN_OBJ_SIGNAL objects: arrived after the capture.
 * SOCKETS: payload is TERN_OBJ_TCP and TERN_OBJ_STREAM objects; nothing: none comes.
 * WARM: a struct tern_wire_clock and bytes that say nothing.
 * DRAFT, IMAGE: payload is an image, TERN_OBJ_END last, in which TERN_OBJ_SAME
 * stands for objects of the last DRAFT.
 */

TERN_ASSERT_SIZE(struct tern_wire, 8);
TERN_ASSERT_SIZE(struct tern_wire_hello, 4080);
TERN_ASSERT_SIZE(struct tern_wire_clock, 24);
TERN_ASSERT_SIZE(struct tern_wire_prepare, 112);
TERN_ASSERT_SIZE(struct tern_wire_place, 8);
TERN_ASSERT_SIZE(struct tern_wire_address, 24);
TERN_ASSERT_SIZE(struct tern_wire_route, 64);
TERN_ASSERT_SIZE(struct tern_wire_net, 1424);
TERN_ASSERT_SIZE(struct tern_wire_range, 16);
TERN_ASSERT_SIZE(struct tern_wire_file, 32);
TERN_ASSERT_SIZE(struct tern_wire_ready, 8);
TERN_ASSERT_SIZE(struct tern_wire_copy, 40);
TERN_ASSERT_SIZE(struct tern_wire_refused, 264);
TERN_ASSERT_SIZE(struct tern_wire_pages, 8);
TERN_ASSERT_SIZE(struct tern_wire_run, 16);
TERN_ASSERT_SIZE(struct tern_wire_packed, 8);
TERN_ASSERT_SIZE(struct tern_wire_resume, 40);
TERN_ASSERT_SIZE(struct tern_wire_resumed, 80);
TERN_ASSERT_SIZE(struct tern_wire_fault, 16);
TERN_ASSERT_SIZE(struct tern_wire_complete, 72);
TERN_ASSERT_SIZE(struct tern_wire_answer, 8);
TERN_ASSERT_SIZE(struct tern_wire_frame, 10);

#endif /* _TERN_WIRE_H */
