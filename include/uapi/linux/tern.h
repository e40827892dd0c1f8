/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface between tern.ko and user space: ioctls of /dev/tern and the
 * generic netlink family "tern" (described in Documentation/netlink/tern.yaml).
 *
 * Rules of this interface, after Documentation/process/botching-up-ioctls.rst:
 *
 *  - Every struct starts with its @size as the caller knows it. A shorter
 *    struct is completed with zeros, a longer one is accepted when the part
 *    that the kernel does not know is zero, and refused with E2BIG otherwise.
 *  - Reserved fields and unknown flags must be zero, or the call fails with
 *    EINVAL. Pointers are carried in __u64.
 *  - @why and @why_len, where present, name a buffer that receives a sentence
 *    (NUL-terminated, cut to fit) when the call fails.
 *
 * Changelog:
 *
 *  1: first version
 *  2: TERN_CAPTURE_DRAFT, TERN_COLD, TERN_HOLD and TERN_PREPARED, WENT, signals of
 *     threads in LOAD, splice(2) of pages; more figures in struct tern_report
 *  3: TERN_LAZY, TERN_HYBRID, pages_before in struct tern_report
 *  4: process trees: TERN_IOC_TREE, unit and nr_members in struct tern_attach, A_UNIT
 *  5: pods: TERN_IOC_TREE at the destination, TERN_LINES
 *  6: own_fds in struct tern_become; PEER objects in LOAD
 *  7: SOCKET objects say what is under way in their queues; huge pages in CARRIED;
 *     TERN_IOC_NEXT_DATA, TERN_IOC_NEXT_PAGES
 *  8: TERN_IOC_HOLD
 *  9: TERN_FAIL_LEAVES, TERN_IOC_EXPECT
 * 10: TERN_CAPTURE_SOCKETS, TERN_IOC_SOCKETS, LATE objects in LOAD; A_LATE, A_RESET
 * 11: THREAD objects leave out extended state that is zero; TCP objects may be of connections
 *     that have ended, and then LATE and SOCKETS of processes outside of pods; TERN_TCP_CLOSE
 * 12: TERN_IOC_WRITE_BACK, TERN_IOC_WRITTEN, BARRIER objects in LOAD
 */
#ifndef _UAPI_LINUX_TERN_H
#define _UAPI_LINUX_TERN_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TERN_ABI_VERSION	12
#define TERN_HOST_LEN		64	/* a host's name, with its NUL */
#define TERN_WHY_LEN		256	/* a sentence, with its NUL */
#define TERN_THREADS_MAX	4096	/* threads of one migrant */
#define TERN_PROCESSES_MAX	128	/* processes that move together */

/*
 * Where ternd listens for those who want to speak to a pod, or out of one: a connected
 * unix(7) socket that a pod's first process has to it moves as one whose other end has
 * been closed.
 */
#define TERN_LINES		"/run/tern/lines"

/*
 * A parent that waits for a migrant sees this exit status when the migrant has
 * gone to another host: not 0, for the work is not done here.
 */
#define TERN_EXIT_MOVED		113

/**
 * enum tern_side - which half of a migration a host holds
 * @TERN_SOURCE: the host that the migrant leaves
 * @TERN_DESTINATION: the host that it moves to
 */
enum tern_side {
	TERN_SOURCE = 1,
	TERN_DESTINATION = 2,
};

/**
 * enum tern_state - state of one half of a migration
 * @TERN_REQUESTED: source: asked for; the migrant runs
 * @TERN_PARKING: source: threads are being parked
 * @TERN_PARKED: source: every thread waits in the kernel, nothing has left
 * @TERN_DOUBT: source: the blast has left; only the peer knows who runs
 * @TERN_COMMITTED: source: the tasks are gone, their memory is served
 * @TERN_SHELL: destination: a shell waits to become the migrant
 * @TERN_LOADED: destination: the shell has its state and only waits to go
 * @TERN_PAGING: destination: the migrant runs, pages are missing
 * @TERN_INDEPENDENT: both: nothing of the migrant is left at the source
 * @TERN_FAILED: both: did not happen; at the source the migrant runs on
 * @TERN_LOST: both: committed, but the other half is gone for good
 * @TERN_PREPARED: source: the destination has laid the migrant out, which runs on
 *	here until it is asked for without TERN_HOLD
 */
enum tern_state {
	TERN_REQUESTED = 1,
	TERN_PARKING,
	TERN_PARKED,
	TERN_DOUBT,
	TERN_COMMITTED,
	TERN_SHELL,
	TERN_LOADED,
	TERN_PAGING,
	TERN_INDEPENDENT,
	TERN_FAILED,
	TERN_LOST,
	TERN_PREPARED,
	__TERN_STATE_MAX,
};

/**
 * enum tern_phase - index into &struct tern_report.phase_ns
 * @TERN_PHASE_PARK: source: first thread asked to stop, to last one stopped
 * @TERN_PHASE_CAPTURE: source: the state copied out of the kernel
 * @TERN_PHASE_SEND: source: first pages chosen and read, blast handed to the network
 * @TERN_PHASE_RECEIVE: destination: first byte of the blast to its last
 * @TERN_PHASE_REBUILD: destination: the shell's script, memory laid out
 * @TERN_PHASE_FIRST_PAGES: destination: pages of the blast put in place
 * @TERN_PHASE_RESUME: destination: registers loaded, threads let go
 * @TERN_PHASE_TOTAL: last instruction at the source to first at the destination;
 *	at the source by its own clock: until the destination's word that it runs
 *	has come, less the link's one-way time
 * @TERN_PHASE_PAGING: resume to independence
 */
enum tern_phase {
	TERN_PHASE_PARK,
	TERN_PHASE_CAPTURE,
	TERN_PHASE_SEND,
	TERN_PHASE_RECEIVE,
	TERN_PHASE_REBUILD,
	TERN_PHASE_FIRST_PAGES,
	TERN_PHASE_RESUME,
	TERN_PHASE_TOTAL,
	TERN_PHASE_PAGING,
	__TERN_PHASE_MAX,
};

/**
 * struct tern_report - figures of a migration, kept by the kernel for whoever asks
 * @phase_ns: duration of each phase, in nanoseconds; 0 where not yet known
 * @pages_total: pages that the source holds for the migrant
 * @pages_moved: of those, pages that have arrived at the destination
 * @pages_zero: of those moved, pages that were named and not sent
 * @pages_first: pages that travelled in the blast
 * @faults: demand faults that cost a round trip
 * @faults_local: faults answered at the destination alone
 * @bytes: bytes on the wire, both lanes
 * @blast_bytes: bytes of the blast
 * @oneway_ns: half of the shortest round trip measured on the link
 * @reconnects: how often the link was lost and found again
 * @floor_ns: one-way time of about as many bytes as the blast has, measured on the
 *	warm link right before; 0: not measured
 * @pages_ahead: pages that were asked for before anybody waited for them, and came
 *	in time
 * @pages_twice: pages with data that came and were not missing (any more)
 * @pages_before: of those moved, pages that had been sent while the migrant still ran
 *	at the source, and were right
 */
struct tern_report {
	__u64 phase_ns[__TERN_PHASE_MAX];
	__u64 pages_total;
	__u64 pages_moved;
	__u64 pages_zero;
	__u64 pages_first;
	__u64 faults;
	__u64 faults_local;
	__u64 bytes;
	__u64 blast_bytes;
	__u64 oneway_ns;
	__u64 reconnects;
	__u64 floor_ns;
	__u64 pages_ahead;
	__u64 pages_twice;
	__u64 pages_before;
};

/* ---- anybody ---------------------------------------------------------- */

/**
 * struct tern_check - walk a process without stopping it (TERN_IOC_CHECK)
 * @size: sizeof(struct tern_check)
 * @flags: TERN_CHECK_*
 * @pid: the process, in the caller's pid namespace
 * @nr_reasons: out: what cannot move; 0 says that the process may move
 * @buf: receives one line per reason, each ended by a newline; NUL-terminated
 * @buf_len: size of @buf; reasons that do not fit are counted all the same
 *
 * With all its descendants, which move with it; what is said of one of those begins
 * with "process N: ". Root may check any process, others only their own, and with their own
 * descendants.
 * Errors: ESRCH no such process, EPERM not yours.
 */
struct tern_check {
	__u32 size;
	__u32 flags;
	__s32 pid;
	__u32 nr_reasons;
	__u64 buf;
	__u32 buf_len;
	__u32 reserved;
};

/* standard descriptors that cannot move become /dev/null instead of a refusal */
#define TERN_STDIO_NULL		(1U << 0)
/* nothing is made ready at the destination but what must be: longer to stand still */
#define TERN_COLD		(1U << 2)
/* prepare, and move when the same is asked for once more without this flag */
#define TERN_HOLD		(1U << 3)
/* no page travels before the migrant has moved */
#define TERN_LAZY		(1U << 4)
/* pages are sent ahead while the migrant still runs; neither: the daemon decides */
#define TERN_HYBRID		(1U << 5)
/* local files that the migrant writes to, and nobody else has, move with it */
#define TERN_WITH_FILES		(1U << 6)
/* TCP connections that cannot move, for the migrant is in no pod, are reset */
#define TERN_TCP_CLOSE		(1U << 7)
/* of these, the ones that decide what can move: for TERN_IOC_CHECK */
#define TERN_FLAGS_CHECK	(TERN_STDIO_NULL | TERN_WITH_FILES | TERN_TCP_CLOSE)
#define TERN_FLAGS_ALL		(TERN_FLAGS_CHECK | TERN_COLD | TERN_HOLD | TERN_LAZY | \
				 TERN_HYBRID)

/**
 * struct tern_ask - ask for a migration, or for the end of one (TERN_IOC_ASK)
 * @size: sizeof(struct tern_ask)
 * @what: TERN_ASK_*
 * @flags: TERN_STDIO_NULL, TERN_WITH_FILES, TERN_TCP_CLOSE, TERN_COLD, TERN_HOLD, TERN_LAZY,
 *	TERN_HYBRID for TERN_ASK_MIGRATE; TERN_ASK_FORCE for TERN_ASK_ABORT
 * @pid: the process to move, in the caller's pid namespace
 * @id: TERN_ASK_MIGRATE: out, the new migration; TERN_ASK_ABORT: in
 * @host: TERN_ASK_MIGRATE: the destination's name as the daemon knows it
 * @why: sentence buffer
 * @why_len: its size
 * @reserved: 0
 *
 * Needs CAP_SYS_ADMIN. The netlink command "migrate" makes the same request.
 * To ask for a process that has been prepared (TERN_HOLD) for the same host moves
 * it, under the id that it has already.
 * Errors: ESRCH no such process, ENOTCONN no daemon serves this host,
 * ENOENT unknown migration or host, EALREADY the process is being moved.
 */
struct tern_ask {
	__u32 size;
	__u32 what;
	__u32 flags;
	__s32 pid;
	__u64 id;
	char host[TERN_HOST_LEN];
	__u64 why;
	__u32 why_len;
	__u32 reserved;
};

#define TERN_ASK_MIGRATE	1
#define TERN_ASK_ABORT		2
/* an operator's word that the peer is gone: decide a migration in doubt */
#define TERN_ASK_FORCE		(1U << 1)

/* ---- the daemon ------------------------------------------------------- */

/**
 * struct tern_serve - become the daemon of this host (TERN_IOC_SERVE)
 * @size: sizeof(struct tern_serve)
 * @nr_hosts: how many names follow at @hosts
 * @hosts: array of char[TERN_HOST_LEN]: the destinations that may be asked for
 * @self: this host's own name
 *
 * A host is a network namespace. From here on read(2) of this handle returns
 * &struct tern_request records, poll(2) tells when there are any. Migrations
 * that an earlier daemon left behind come first, as TERN_REQUEST_ADOPT.
 * Errors: EBUSY another daemon serves this host.
 */
struct tern_serve {
	__u32 size;
	__u32 nr_hosts;
	__u64 hosts;
	char self[TERN_HOST_LEN];
};

#define TERN_HOSTS_MAX		256

/**
 * struct tern_request - what the daemon reads from its handle
 * @what: TERN_REQUEST_*; MIGRATE of a migration that is held: go
 * @flags: as in &struct tern_ask
 * @id: the migration
 * @pid: the migrant, in the daemon's pid namespace
 * @side: enum tern_side
 * @state: enum tern_state
 * @host: the peer
 */
struct tern_request {
	__u32 what;
	__u32 flags;
	__u64 id;
	__s32 pid;
	__u16 side;
	__u16 state;
	char host[TERN_HOST_LEN];
};

#define TERN_REQUEST_MIGRATE	1
#define TERN_REQUEST_ABORT	2
#define TERN_REQUEST_ADOPT	3

/**
 * struct tern_attach - make this handle stand for a migration (TERN_IOC_ATTACH)
 * @size: sizeof(struct tern_attach)
 * @side: enum tern_side
 * @id: the migration
 * @pid: to create: the migrant's pid, in the caller's pid namespace; else out
 * @state: out: enum tern_state
 * @flags: TERN_ATTACH_CREATE: make the destination's half, or the source's of a descendant
 *	of a migrant; else out: as in &struct tern_ask
 * @nr_threads: to create: how many threads will become; 0 at the source
 * @host: to create: the source's name; else out, as when a source is created: the peer's
 * @unit: to create: migration of the root of the tree that the migrant belongs to; 0 at
 *	the destination: it is alone; else out
 * @nr_members: to create: how many destinations the unit will have, as far as is known: it
 *	may change (TERN_IOC_EXPECT); 0 at the source
 * @reserved: 0
 *
 * The destinations of a unit resume together or not at all: RESUME waits, and when one of
 * them fails before, all do. To create a source, which is in TERN_REQUESTED then, needs
 * the root's in TERN_REQUESTED or TERN_PREPARED, and @id to be 0, which receives its id;
 * it has the root's peer and flags.
 *
 * One handle at a time stands for a migration. When it closes, a migrant that
 * is merely parked runs on and a shell that has become nothing dies; a
 * migration in doubt, committed or paging stays for the next daemon.
 * Errors: ENOENT, EEXIST, EBUSY.
 */
struct tern_attach {
	__u32 size;
	__u32 side;
	__u64 id;
	__s32 pid;
	__u32 state;
	__u32 flags;
	__u32 nr_threads;
	char host[TERN_HOST_LEN];
	__u64 unit;
	__u32 nr_members;
	__u32 reserved;
};

#define TERN_ATTACH_CREATE	(1U << 31)

/**
 * struct tern_tree_io - the migrant and its descendants (TERN_IOC_TREE)
 * @size: sizeof(struct tern_tree_io)
 * @nr: in: room at @pids; out: how many there are
 * @pids: receives __s32 each, in the caller's pid namespace: the migrant first, each
 *	behind its parent
 *
 * At the source. Without those that have ended. They run, so it is of one moment or
 * another; PARK and CAPTURE compare. At the destination the shell alone, once it has joined.
 * Errors: ESRCH the migrant has ended, ENOSPC more than @nr, E2BIG more than
 * TERN_PROCESSES_MAX.
 */
struct tern_tree_io {
	__u32 size;
	__u32 nr;
	__u64 pids;
};

/**
 * struct tern_expect - how many the migrants of a unit are (TERN_IOC_EXPECT)
 * @size: sizeof(struct tern_expect)
 * @nr_members: as in struct tern_attach
 *
 * At the destination, when others have left the unit, or will come. The last word counts.
 * Errors: EINVAL it has more; EBADFD some of them resume already, or it is no unit.
 */
struct tern_expect {
	__u32 size;
	__u32 nr_members;
};

/**
 * struct tern_park - stop the migrant's threads (TERN_IOC_PARK)
 * @size: sizeof(struct tern_park)
 * @timeout_ms: give up and thaw after this long; 0: one second
 * @nr_threads: out: threads parked
 * @reserved: 0
 * @ns: out: time from the first request to stop until the last thread stood
 * @why: sentence buffer
 * @why_len: its size
 * @reserved2: 0
 * @stood_ns: out: time from the moment when the last thread stood until now
 *
 * Does the check again first. No thread stands within the vDSO's code: what it has
 * read there of this host's clocks would be added to what it reads on another. On any
 * error every thread runs on and the migration is back in TERN_REQUESTED.
 * Errors: ESRCH it has ended, ETIMEDOUT a thread did not stop in time,
 * EOPNOTSUPP something cannot move, EAGAIN a thread did not leave the vDSO, or there are
 * descendants without a migration.
 */
struct tern_park {
	__u32 size;
	__u32 timeout_ms;
	__u32 nr_threads;
	__u32 reserved;
	__u64 ns;
	__u64 why;
	__u32 why_len;
	__u32 reserved2;
	__u64 stood_ns;
};

/**
 * struct tern_image_io - image out of, or threads into the kernel
 *	(TERN_IOC_CAPTURE, TERN_IOC_LOAD, TERN_IOC_COMMIT, TERN_IOC_SOCKETS)
 * @size: sizeof(struct tern_image_io)
 * @flags: CAPTURE: TERN_CAPTURE_DRAFT or TERN_CAPTURE_SOCKETS; else 0
 * @buf: objects as in include/tern/image.h
 * @len: size of @buf; on return of CAPTURE and COMMIT the bytes used
 * @why: sentence buffer
 * @why_len: its size
 * @reserved: 0
 *
 * CAPTURE copies the whole state of a parked migrant but its pages. ENOSPC:
 * call again with a larger buffer. With TERN_CAPTURE_DRAFT (in TERN_REQUESTED or
 * TERN_PREPARED) the migrant runs on undisturbed and the image is a draft: what was found at
 * one moment or another, without signals that wait, and of threads only what
 * can be seen from outside.
 *
 * With TERN_CAPTURE_SOCKETS (in TERN_DOUBT, at the latest before COMMIT) it copies what the
 * image leaves for later: the TCP connections of a pod, and of others those that have ended, as
 * TERN_OBJ_TCP and TERN_OBJ_STREAM objects, without an end. Until then they go on. What has once been copied can be had again until the migration
 * ends. EBADFD: nothing is left (the image has no TERN_OBJ_LATE).
 *
 * COMMIT ends the parked tasks (from TERN_DOUBT) and returns as TERN_OBJ_SIGNAL
 * the signals that came after CAPTURE. The memory stays until RELEASE.
 *
 * LOAD checks the TERN_OBJ_THREAD objects of an image, and the TERN_OBJ_SIGNAL
 * objects that are for one thread, waits until every thread of the shell is in
 * BECOME and gives each its state. Objects of other types are user space's work
 * and are refused. EBADMSG: not an image, or not for
 * this shell; after any error but EINTR the shell is fit for nothing but FAIL. What is done
 * with a socket that has a TERN_OBJ_LATE object waits until SOCKETS.
 *
 * SOCKETS (in TERN_PAGING) takes those objects of a process that has TERN_OBJ_LATE. When those
 * of all that moved together are there their sockets are open. A connection that does not come,
 * or cannot be made, is found reset (ECONNRESET), and counted; @len 0: none comes. EALREADY:
 * they were there; EBADMSG: not such objects, nothing has been done.
 */
struct tern_image_io {
	__u32 size;
	__u32 flags;
	__u64 buf;
	__u64 len;
	__u64 why;
	__u32 why_len;
	__u32 reserved;
};

/**
 * struct tern_written - what became of data for a file server (TERN_IOC_WRITTEN)
 * @size: sizeof(struct tern_written)
 * @err: positive errno: not all of it could be written; 0: it is there
 *
 * TERN_IOC_WRITE_BACK (source, in TERN_DOUBT or later; no argument) writes what the migrant has
 * written to files of a file server and CAPTURE has left in this host's memory. It begins that, and
 * waits for nothing: EAGAIN: not yet; 0: the server has it; EIO, ENOSPC, EDQUOT or EFBIG: not all
 * of it, for that reason.
 *
 * WRITTEN (destination, in TERN_PAGING) says so to those who wait for it: what is done with a
 * file that has a TERN_OBJ_BARRIER object waits from RESUME on, until the server has been asked
 * anew, and with TERN_BARRIER_UNWRITTEN until WRITTEN. With an error, or when the migration ends without it, fsync(2) and close(2) of
 * such a file fail. EALREADY: it has been said.
 */
struct tern_written {
	__u32 size;
	__u32 err;
};

#define TERN_IMAGE_MAX		(64UL << 20)
#define TERN_CAPTURE_DRAFT	(1U << 0)
#define TERN_CAPTURE_SOCKETS	(1U << 1)

/**
 * struct tern_fail - end a migration before it happened (TERN_IOC_FAIL)
 * @size: sizeof(struct tern_fail)
 * @flags: TERN_FAIL_NOT_THERE, TERN_FAIL_LOST, TERN_FAIL_LEAVES
 * @err: positive errno that tells why
 * @reserved: 0
 * @why: a sentence for status and events, NUL-terminated
 *
 * Source: threads run on. From TERN_DOUBT only with TERN_FAIL_NOT_THERE: the
 * caller knows that the destination does not and will not run the migrant.
 * Destination: the shell dies. From TERN_PAGING only with TERN_FAIL_LOST: the
 * migrant is killed, its pages are gone for good. From TERN_SHELL with TERN_FAIL_LEAVES: it
 * does not move with the others of its unit, which go on without it (TERN_IOC_EXPECT).
 * Errors: EBUSY the state needs a word that the flags do not give; EBADFD it is over, or
 * cannot leave any more.
 */
struct tern_fail {
	__u32 size;
	__u32 flags;
	__u32 err;
	__u32 reserved;
	char why[TERN_WHY_LEN];
};

#define TERN_FAIL_NOT_THERE	(1U << 0)
#define TERN_FAIL_LOST		(1U << 1)
#define TERN_FAIL_LEAVES	(1U << 2)

/**
 * struct tern_read_pages - copy pages of the parked or committed migrant
 *	(TERN_IOC_READ_PAGES)
 * @size: sizeof(struct tern_read_pages)
 * @nr: in: pages wanted, at most TERN_READ_MAX; out: pages looked at. With @buf 0
 *	there may be more of them, none of which has ever been touched
 * @addr: page-aligned address of the first one
 * @buf: receives the pages, each at its own place; 0: only look at them
 * @present: out: bit n is set when page n was copied; a page whose bit is clear
 *	has never been touched, its place in @buf is left alone. With @buf 0: when
 *	there is anything but zeros on page n
 *
 * A page that cannot be read is an error (EFAULT, EIO), never zeros.
 *
 * splice(2) from the handle into a pipe, with the address as offset and whole
 * pages as length, passes pages on without a copy. It stops before one that has
 * never been touched.
 */
struct tern_read_pages {
	__u32 size;
	__u32 nr;
	__u64 addr;
	__u64 buf;
	__u64 present;
};

#define TERN_READ_MAX		64

/**
 * struct tern_accessed_range - adjacent pages
 * @start: page-aligned address
 * @end: behind the last one
 */
struct tern_accessed_range {
	__u64 start;
	__u64 end;
};

/**
 * struct tern_accessed - pages that the migrant has used since the marks in its page
 *	tables were last taken off (TERN_IOC_ACCESSED)
 * @size: sizeof(struct tern_accessed)
 * @nr: in: room at @ranges, at most TERN_ACCESSED_MAX; out: how many there are
 * @start: in: page-aligned address; out: how far it has come, @end or less
 * @end: page-aligned, where to stop
 * @ranges: receives struct tern_accessed_range, ascending
 *
 * At the source, whether the migrant runs or not. process_madvise(2) with MADV_COLD
 * takes the marks off. A hint: pages that are shared, or a file's own, may be left out,
 * or be there for no reason. To be called again until @start is @end.
 * Errors: EBADFD the migration has no memory here.
 */
struct tern_accessed {
	__u32 size;
	__u32 nr;
	__u64 start;
	__u64 end;
	__u64 ranges;
};

#define TERN_ACCESSED_MAX	4096

/**
 * struct tern_next_pages - where the migrant may have pages next (TERN_IOC_NEXT_PAGES)
 * @size: sizeof(struct tern_next_pages)
 * @pad: 0
 * @start: in: page-aligned address; out: the first one there or behind it
 * @end: out: how far that is so; behind it, to be asked again
 *
 * At the source, whether the migrant runs or not. Of what is not mapped, and of mappings
 * that have no page tables, there are none: so who reads /proc/PID/pagemap need not read
 * all of a large mapping that is hardly used. Says nothing of pages of a file or of shared
 * memory that the migrant has not touched.
 * Errors: ENXIO there are none; EBADFD the migration has no memory here.
 */
struct tern_next_pages {
	__u32 size;
	__u32 pad;
	__u64 start;
	__u64 end;
};

/**
 * struct tern_keep - leave a file with the migration, or get it back
 *	(TERN_IOC_KEEP, TERN_IOC_KEPT)
 * @size: sizeof(struct tern_keep)
 * @key: the daemon's own choice below TERN_KEEP_UFFD; TERN_KEEP_UFFD + n is the
 *	userfaultfd of address space n (0: the migrant, others: what it forked)
 * @fd: KEEP: in; KEPT: out, close-on-exec
 * @reserved: 0
 *
 * What is kept outlives the daemon; KEEP with a taken key replaces.
 * Only what stat(2) calls a regular file (memfd, /proc/PID/pagemap, …).
 * Errors: ENOENT nothing kept under @key, EINVAL not such a file.
 */
struct tern_keep {
	__u32 size;
	__u32 key;
	__s32 fd;
	__u32 reserved;
};

#define TERN_KEEP_UFFD		16

/**
 * struct tern_uffd_read - read events of an address space (TERN_IOC_UFFD_READ)
 * @size: sizeof(struct tern_uffd_read)
 * @space: which: n of TERN_KEEP_UFFD + n
 * @buf: receives struct uffd_msg records
 * @len: size of @buf; out: bytes read, 0 when nothing was there
 * @replay: 0, or 1: return logged events from number @from on instead
 * @shared: 0, or 1: there is shared memory that misses pages, so that reserved3
 *	of remove events matters
 * @from: index into the log, across all spaces
 * @logged: out: number of events in the log now
 *
 * Events that change the layout (fork, remap, remove, unmap) are logged with
 * the migration before the caller sees them, and the userfaultfd of a forked
 * child is kept in the same step, so that a daemon may be killed at any point.
 * In a fork event, and in the log, arg.fork.ufd is the child's space number. In a
 * remove event of memory whose contents are given up (MADV_REMOVE), and not just a
 * view of it, reserved3 is 1.
 * Replay returns &struct tern_uffd_event records.
 */
struct tern_uffd_read {
	__u32 size;
	__u32 space;
	__u64 buf;
	__u64 len;
	__u32 replay;
	__u32 shared;
	__u64 from;
	__u64 logged;
};

/**
 * struct tern_uffd_event - one logged event
 * @space: address space that it happened in
 * @event: UFFD_EVENT_*
 * @arg: fork: {child space, 0, 0}; remap: {from, to, len}; remove: {start, end,
 *	reserved3}; unmap: {start, end, 0}
 */
struct tern_uffd_event {
	__u32 space;
	__u32 event;
	__u64 arg[3];
};

/**
 * struct tern_next_data - the next page of a file of hugetlbfs that is not a hole
 *	(TERN_IOC_NEXT_DATA)
 * @size: sizeof(struct tern_next_data)
 * @fd: open file of the caller's
 * @offset: where to look; out: where there is something, @offset itself or a page behind it
 *
 * As lseek(2) with SEEK_DATA, for which hugetlbfs says that there are no holes; needs
 * no migration. Errors: ENXIO nothing but a hole; EINVAL another file system.
 */
struct tern_next_data {
	__u32 size;
	__s32 fd;
	__u64 offset;
};

/**
 * struct tern_hold_io - hold frames back that come while the migrant is nowhere
 *	(TERN_IOC_HOLD; not to be confused with TERN_HOLD)
 * @size: sizeof(struct tern_hold_io)
 * @fd: out: close-on-exec; what has come is read from it
 * @why: sentence buffer
 * @why_len: its size
 * @reserved: 0
 *
 * Of a migrant with a network namespace of its own; of those that move together, it is the
 * root that has a hold. At the source in TERN_REQUESTED or TERN_PREPARED: nothing is held
 * until PARK has stopped it. From then on what comes to its namespace, by any interface, is
 * queued. THAW and FAIL let it go on to the migrant's sockets, in its order; from
 * TERN_COMMITTED on it is read.
 *
 * At the destination in TERN_SHELL, when the shell has joined: what comes is queued at once.
 * RESUME lets it go on, and what is of TCP when all SOCKETS are there; when the migration has
 * failed, it is read.
 *
 * read(2) gives one frame each: struct virtio_net_hdr, little-endian, and all of it, from its
 * Ethernet header on; without those of loopback, and those that are for all the segment and
 * come when the other host has them, too. 0 says that the migrant is here. poll(2) and
 * O_NONBLOCK are heeded.
 *
 * The hold is the migration's, and to ask for it once more, until that has ended, gives
 * another descriptor of it. It ends with the migration and all of these; so long it keeps the
 * namespace. /proc/PID/fdinfo tells how many frames were held, and how many were dropped,
 * because more than 64 MiB would have been held.
 * Errors: EBADFD there is none, and it is too late; EINVAL the migrant has no network
 * namespace of its own; EBUSY an interface belongs to a bridge, or the like; from read(2)
 * EMSGSIZE the buffer is too short for the next frame, which remains.
 */
struct tern_hold_io {
	__u32 size;
	__s32 fd;
	__u64 why;
	__u32 why_len;
	__u32 reserved;
};

/* ---- the shell -------------------------------------------------------- */

/**
 * struct tern_shell - join a migration as its shell (TERN_IOC_SHELL)
 * @size: sizeof(struct tern_shell)
 * @uffd: userfaultfd of the caller's address space
 * @id: the migration
 *
 * This handle then stands for the shell: when it closes before BECOME has
 * ended, the migration fails.
 */
struct tern_shell {
	__u32 size;
	__s32 uffd;
	__u64 id;
};

/**
 * struct tern_become - wait to be the migrant (TERN_IOC_BECOME)
 * @size: sizeof(struct tern_become)
 * @flags: 0
 * @unmap_start: page-aligned; with @unmap_end the shell's own last memory, unmapped
 * @unmap_end: by the thread group's leader when all threads are in the kernel
 * @mmap_base: the migrant's mm->mmap_base, set by the leader
 * @own_fds: descriptors from this number on are the shell's, and closed by the leader at the
 *	end, that on which the call is made above all; others may take some of them until then
 * @reserved: 0
 *
 * Called by every thread of the shell, with all signals blocked. It does not
 * return: the thread goes on as the migrant's thread of the same tid, or dies.
 */
struct tern_become {
	__u32 size;
	__u32 flags;
	__u64 unmap_start;
	__u64 unmap_end;
	__u64 mmap_base;
	__u32 own_fds;
	__u32 reserved;
};

/**
 * struct tern_timer_id - choose the id of the caller's next POSIX timer
 *	(TERN_IOC_TIMER)
 * @size: sizeof(struct tern_timer_id)
 * @id: what the next timer_create(2) gives, if no timer of the caller has it
 *
 * By the thread group's leader of a shell. The kernel gives out ids in ascending
 * order, and a process cannot choose.
 */
struct tern_timer_id {
	__u32 size;
	__s32 id;
};

/**
 * struct tern_went - since when the migrant has been running here (TERN_IOC_WENT)
 * @size: sizeof(struct tern_went)
 * @nr_threads: out: threads that have left the kernel as the migrant's
 * @ns: out: time since the last of them did; 0: not all of them yet
 */
struct tern_went {
	__u32 size;
	__u32 nr_threads;
	__u64 ns;
};

/**
 * struct tern_learn - teach how the kernel restarts a call (TERN_IOC_LEARN)
 * @size: sizeof(struct tern_learn)
 * @tid: a thread of the caller that is blocked in nanosleep(2), poll(2) with a
 *	time-out, or futex(2) FUTEX_WAIT with a time-out
 *
 * The functions behind restart_syscall(2) are private to the kernel; the module
 * sees them at work once, in template threads of the daemon. The template's call
 * goes on undisturbed. Errors: EAGAIN the thread was not blocked in one of these.
 */
struct tern_learn {
	__u32 size;
	__s32 tid;
};

/**
 * struct tern_info - what the module can do, and a process's clocks (TERN_IOC_INFO)
 * @size: sizeof(struct tern_info)
 * @abi: TERN_ABI_VERSION
 * @xstate_size: bytes of extended processor state per thread
 * @learned: bit per restart function known
 * @xfeatures: XCR0 as user space may use it
 * @pid: in, optional: a process whose clocks are wanted (0: the caller's)
 * @fault: in, optional, root: arm fault point n (see fault.h of the module); testing
 * @monotonic_off: out: ns that @pid's CLOCK_MONOTONIC is ahead of the host's
 * @boottime_off: out: ns that @pid's CLOCK_BOOTTIME is ahead of the host's
 */
struct tern_info {
	__u32 size;
	__u32 abi;
	__u32 xstate_size;
	__u32 learned;
	__u64 xfeatures;
	__s32 pid;
	__u32 fault;
	__s64 monotonic_off;
	__s64 boottime_off;
};

#define TERN_IOC_MAGIC		0xb7
#define TERN_IOC_INFO		_IO(TERN_IOC_MAGIC, 0)
#define TERN_IOC_CHECK		_IO(TERN_IOC_MAGIC, 1)
#define TERN_IOC_ASK		_IO(TERN_IOC_MAGIC, 2)
#define TERN_IOC_SERVE		_IO(TERN_IOC_MAGIC, 3)
#define TERN_IOC_ATTACH		_IO(TERN_IOC_MAGIC, 4)
#define TERN_IOC_PARK		_IO(TERN_IOC_MAGIC, 5)
#define TERN_IOC_CAPTURE	_IO(TERN_IOC_MAGIC, 6)
#define TERN_IOC_SENT		_IO(TERN_IOC_MAGIC, 7)	/* no argument: PARKED to DOUBT */
#define TERN_IOC_COMMIT		_IO(TERN_IOC_MAGIC, 8)
#define TERN_IOC_FAIL		_IO(TERN_IOC_MAGIC, 9)
#define TERN_IOC_READ_PAGES	_IO(TERN_IOC_MAGIC, 10)
#define TERN_IOC_RELEASE	_IO(TERN_IOC_MAGIC, 11)	/* no argument: to INDEPENDENT, either side */
#define TERN_IOC_REPORT		_IO(TERN_IOC_MAGIC, 12)	/* struct tern_report_io */
#define TERN_IOC_KEEP		_IO(TERN_IOC_MAGIC, 13)
#define TERN_IOC_KEPT		_IO(TERN_IOC_MAGIC, 14)
#define TERN_IOC_SHELL		_IO(TERN_IOC_MAGIC, 15)
#define TERN_IOC_BECOME		_IO(TERN_IOC_MAGIC, 16)
#define TERN_IOC_LOAD		_IO(TERN_IOC_MAGIC, 17)
#define TERN_IOC_RESUME		_IO(TERN_IOC_MAGIC, 18)	/* no argument: LOADED to PAGING */
#define TERN_IOC_UFFD_READ	_IO(TERN_IOC_MAGIC, 19)
#define TERN_IOC_LEARN		_IO(TERN_IOC_MAGIC, 20)
#define TERN_IOC_THAW		_IO(TERN_IOC_MAGIC, 21)	/* no argument: PARKED to REQUESTED */
#define TERN_IOC_PREPARED	_IO(TERN_IOC_MAGIC, 22)	/* no argument: REQUESTED to PREPARED */
#define TERN_IOC_WENT		_IO(TERN_IOC_MAGIC, 23)
#define TERN_IOC_ACCESSED	_IO(TERN_IOC_MAGIC, 24)
#define TERN_IOC_TIMER		_IO(TERN_IOC_MAGIC, 25)
#define TERN_IOC_TREE		_IO(TERN_IOC_MAGIC, 26)
#define TERN_IOC_NEXT_DATA	_IO(TERN_IOC_MAGIC, 27)
#define TERN_IOC_NEXT_PAGES	_IO(TERN_IOC_MAGIC, 28)
#define TERN_IOC_HOLD		_IO(TERN_IOC_MAGIC, 29)
#define TERN_IOC_EXPECT		_IO(TERN_IOC_MAGIC, 30)
#define TERN_IOC_SOCKETS	_IO(TERN_IOC_MAGIC, 31)
#define TERN_IOC_WRITE_BACK	_IO(TERN_IOC_MAGIC, 32)	/* no argument */
#define TERN_IOC_WRITTEN	_IO(TERN_IOC_MAGIC, 33)

/**
 * struct tern_report_io - put figures (TERN_IOC_REPORT)
 * @size: sizeof(struct tern_report_io)
 * @flags: 0
 * @report: the whole set; replaces what was there
 */
struct tern_report_io {
	__u32 size;
	__u32 flags;
	struct tern_report report;
};

/* ---- generic netlink, Documentation/netlink/tern.yaml ------------------- */

#define TERN_GENL_NAME		"tern"
#define TERN_GENL_VERSION	1
#define TERN_GENL_MCGRP_EVENTS	"events"

/*
 * HOST-GET dump: A_HOST per destination, first one with A_SELF flag.
 * MIGRATION-GET do (A_ID) and dump: all A_* of a migration.
 * MIGRATE do (A_PID, A_HOST, A_FLAGS): replies A_ID.
 * ABORT do (A_ID, A_FLAGS).
 * EVENT (group "events"): all A_* of the migration, on every change of state,
 * and as progress when the daemon reports.
 */
enum {
	TERN_CMD_HOST_GET = 1,
	TERN_CMD_MIGRATION_GET,
	TERN_CMD_MIGRATE,
	TERN_CMD_ABORT,
	TERN_CMD_EVENT,

	__TERN_CMD_MAX,
	TERN_CMD_MAX = (__TERN_CMD_MAX - 1),
};

enum {
	TERN_A_ID = 1,		/* u64 */
	TERN_A_PID,		/* s32, in the pid namespace of who asks; 0 in events of others */
	TERN_A_SIDE,		/* u32, enum tern_side */
	TERN_A_STATE,		/* u32, enum tern_state */
	TERN_A_HOST,		/* string, the peer */
	TERN_A_FLAGS,		/* u32 */
	TERN_A_ERROR,		/* u32, positive errno */
	TERN_A_REASON,		/* string */
	TERN_A_COMM,		/* string */
	TERN_A_REPORT,		/* binary, struct tern_report */
	TERN_A_AGE_NS,		/* u64, since the request */
	TERN_A_SELF,		/* flag */
	TERN_A_PAD,
	TERN_A_UNIT,		/* u64, migration of the root of its tree; absent: it is alone */
	TERN_A_LATE,		/* u32, sockets whose connections have not come yet; absent: none */
	TERN_A_RESET,		/* u32, connections that were lost with the move; absent: none */

	__TERN_A_MAX,
	TERN_A_MAX = (__TERN_A_MAX - 1),
};

#endif /* _UAPI_LINUX_TERN_H */
