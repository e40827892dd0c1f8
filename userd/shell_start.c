// SPDX-License-Identifier: GPL-2.0
/*
 * A shell, from here: its area, its orders, and what can be seen of it.
 *
 * Owns our end of the socket and our mapping of the area. No locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shell_start.h"

#define AREA_SIZE	(256ULL << 20)
#define AREA_MIN	(1ULL << 20)		/* beside the threads' pages */
#define SHELL_OWN	0x100000000000ULL	/* shell.lds */
#define SHELL_OWN_END	(SHELL_OWN + (1ULL << 20))
#define LOW_START	0x1000000ULL
#define JOIN_MS		20000

/* ---- the area ------------------------------------------------------------------ */

/*
 * Where in [start, end) it is least in the way: at the bottom, if that is the
 * bottom of all, or else far from both ends, for mappings grow from there.
 */
static __u64 place(const struct tern_wire_range *hole, __u64 need)
{
	__u64 base = hole->start;

	if (hole->start >= LOW_START)
		base += (hole->end - hole->start - need) / 2 & ~0x1fffffULL;
	if (base < hole->start)
		base = hole->start;
	if (base < SHELL_OWN_END && base + need > SHELL_OWN)
		base = SHELL_OWN_END;
	return base + need <= hole->end ? base : 0;
}

/* The first hole that is large enough, or else the largest. */
static int choose_area(const struct tern_birth *b, __u64 *base, __u64 *size, struct tern_why *why)
{
	__u64 least = SHELL_THREADS + b->nr_threads * SHELL_PAGE + AREA_MIN;
	unsigned int i;

	*size = 0;
	for (i = 0; i < b->nr_holes && *size < AREA_SIZE; i++) {
		const struct tern_wire_range *hole = &b->holes[i];
		__u64 room = hole->end - hole->start, at;

		if (room < least + SHELL_SCRATCH)
			continue;
		room -= SHELL_SCRATCH;
		if (room > AREA_SIZE)
			room = AREA_SIZE;
		at = place(hole, room + SHELL_SCRATCH);
		if (at && room > *size) {
			*base = at;
			*size = room;
		}
	}
	if (!*size)
		return tern_why_set(why, -ENOSPC,
				    "the process leaves no free address space of %llu KiB in one piece",
				    (unsigned long long)(least + SHELL_SCRATCH) >> 10);
	return 0;
}

static int make_area(struct tern_shell_proc *shell, const struct tern_birth *b,
		     struct tern_why *why)
{
	__u64 base = 0, size;
	int fd, err;

	err = choose_area(b, &base, &size, why);
	if (err)
		return err;
	fd = memfd_create("tern-shell", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size)) {
		err = -errno;
		close(fd);
		return err;
	}
	shell->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shell->mem == MAP_FAILED) {
		err = -errno;
		shell->mem = NULL;
		close(fd);
		return err;
	}
	shell->size = size;
	tern_script_init(&shell->script, shell->mem, base, size, b->nr_threads);
	return fd;
}

static void close_given(const struct tern_given *g)
{
	const int fds[] = { g->sock, g->area, g->dev, g->fds, g->ternd };
	unsigned int i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Its socket, and what leads to us from wherever it is; the area is there. */
static int open_given(struct tern_shell_proc *shell, const struct tern_birth *b,
		      struct tern_given *g, struct tern_why *why)
{
	int sock[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	shell->sock = sock[0];
	g->sock = sock[1];
	g->fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (g->fds >= 0)
		g->ternd = syscall(SYS_pidfd_open, getpid(), 0);
	if (g->ternd < 0)
		return -errno;
	if (!b->join)
		return 0;
	err = tern_dev_open();
	if (err < 0)
		return tern_why_set(why, err, "/dev/tern cannot be opened on %s: %s", shell->host,
				    strerror(-err));
	g->dev = err;
	return 0;
}

/**
 * tern_shell_start() - make a shell and let it join its migration
 * @shell: to be filled
 * @birth: what it is made from
 * @why: sentence
 *
 * Return: 0, or negative errno, and then there is none.
 */
int tern_shell_start(struct tern_shell_proc *shell, const struct tern_birth *birth,
		     struct tern_why *why)
{
	struct tern_given given = { -1, -1, -1, -1, -1 };
	struct shell_run run;
	int err;

	memset(shell, 0, sizeof(*shell));
	shell->host = birth->host->name;
	shell->pid = birth->tids[0];
	shell->sock = -1;
	shell->cancel = birth->cancel;
	given.area = make_area(shell, birth, why);
	if (given.area < 0)
		return given.area;
	err = open_given(shell, birth, &given, why);
	if (!err)
		err = tern_birth(birth, &given, why);
	close_given(&given);
	if (!err)
		err = tern_script_join(&shell->script, birth->id, birth->tids, birth->join, &run,
				       why);
	if (!err)
		err = tern_shell_do(shell, &run, JOIN_MS, why);
	if (err)
		tern_shell_end(shell);
	return err;
}

/* ---- orders ------------------------------------------------------------------------- */

/** tern_shell_run() - let it run a script; does not wait */
int tern_shell_run(struct tern_shell_proc *shell, const struct shell_run *run)
{
	if (shell->sock < 0)
		return -ESRCH;
	if (send(shell->sock, run, sizeof(*run), MSG_NOSIGNAL) != sizeof(*run))
		return errno == EPIPE ? -ESRCH : -errno;
	return 0;
}

/**
 * tern_shell_wait() - wait for the end of the script
 * @shell: the shell
 * @timeout_ms: give up after that
 * @why: sentence
 *
 * Return: 0, what went wrong in the script, -ESRCH: the shell is gone,
 * -ETIMEDOUT, -ECANCELED.
 */
int tern_shell_wait(struct tern_shell_proc *shell, unsigned int timeout_ms,
		    struct tern_why *why)
{
	struct pollfd p[2] = {
		{ .fd = shell->sock, .events = POLLIN },
		{ .fd = shell->cancel, .events = POLLIN },
	};
	struct shell_reply reply;
	ssize_t n;
	int ret;

	do {
		ret = poll(p, 2, timeout_ms);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	if (!ret)
		return tern_why_set(why, -ETIMEDOUT, "the shell on %s does not answer",
				    shell->host);
	if (!p[0].revents)
		return tern_why_set(why, -ECANCELED, "aborted by an operator");
	n = recv(shell->sock, &reply, sizeof(reply), 0);
	if (n != sizeof(reply))
		return tern_why_set(why, -ESRCH,
				    "the shell on %s has ended: was it killed, or out of memory?",
				    shell->host);
	return reply.err ? tern_script_explain(&shell->script, &reply, shell->host, why) : 0;
}

/** tern_shell_do() - let it run a script, and wait for the end of that, as above */
int tern_shell_do(struct tern_shell_proc *shell, const struct shell_run *run,
		  unsigned int timeout_ms, struct tern_why *why)
{
	int err = tern_shell_run(shell, run);

	return err ? err : tern_shell_wait(shell, timeout_ms, why);
}

/** tern_shell_end() - have nothing to do with it any more; unless it became, it ends */
void tern_shell_end(struct tern_shell_proc *shell)
{
	if (shell->sock >= 0)
		close(shell->sock);
	if (shell->mem)
		munmap(shell->mem, shell->size);
	memset(shell, 0, sizeof(*shell));
	shell->sock = -1;
}

/* ---- looking at it -------------------------------------------------------------------- */

static int look_maps(const struct tern_shell_proc *shell, struct tern_dress *dress)
{
	unsigned long long start, end;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", shell->pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		struct tern_special *s = &dress->special[dress->nr_special];

		if (sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		if (!strstr(line, "[vvar") && !strstr(line, "[vdso]"))
			continue;
		if (dress->nr_special == SCRIPT_SPECIAL_MAX)
			break;
		s->start = start;
		s->end = end;
		s->kind = strstr(line, "[vdso]") ? TERN_VMA_VDSO : TERN_VMA_VVAR;
		dress->nr_special++;
	}
	fclose(f);
	return 0;
}

static int look_number(const char *path, const char *key, int base, unsigned long long *value)
{
	char line[256];
	int err = -ENOENT;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		*value = strtoull(line + strlen(key), NULL, base);
		err = 0;
	}
	fclose(f);
	return err;
}

static unsigned int read_numbers(const char *at, __u32 *to, unsigned int most)
{
	unsigned int n = 0;
	char *end;

	for (;; at = end) {
		unsigned long value = strtoul(at, &end, 10);

		if (end == at)
			return n;
		if (n < most)
			to[n] = value;
		n++;
	}
}

/* As in struct tern_obj_creds; the securebits are those that we were started with. */
static int look_creds(const char *path, struct tern_dress *dress)
{
	static const char *const caps[] = { "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:" };
	struct tern_obj_creds *own = &dress->own;
	char line[1024];
	unsigned int i;
	FILE *f;

	memset(own, 0, sizeof(*own));
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Uid:", 4))
			read_numbers(line + 4, own->uid, 4);
		else if (!strncmp(line, "Gid:", 4))
			read_numbers(line + 4, own->gid, 4);
		else if (!strncmp(line, "Groups:", 7))
			own->nr_groups = read_numbers(line + 7, dress->own_groups,
						      SCRIPT_GROUPS_MAX);
		for (i = 0; i < 5; i++)
			if (!strncmp(line, caps[i], 7))
				own->cap[i] = strtoull(line + 7, NULL, 16);
	}
	fclose(f);
	own->securebits = prctl(PR_GET_SECUREBITS) & ~SECBIT_KEEP_CAPS;
	/* more than there is room for: equal to nobody's */
	if (own->nr_groups > SCRIPT_GROUPS_MAX)
		own->nr_groups = ~0U;
	return 0;
}

/* A list such as "0-3,5"; if it cannot be read, they may be any. */
static void look_cpus(struct tern_dress *dress)
{
	unsigned int first, last, most = TERN_CPUS_WORDS * 64;
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	int n;

	memset(dress->cpus, f ? 0 : 0xff, sizeof(dress->cpus));
	while (f && (n = fscanf(f, "%u-%u", &first, &last)) > 0) {
		for (last = n == 1 ? first : last; first <= last && first < most; first++)
			dress->cpus[first / 64] |= 1ULL << first % 64;
		if (fgetc(f) != ',')
			break;
	}
	if (f)
		fclose(f);
}

/**
 * tern_shell_look() - what a script must know of the shell and of this kernel
 * @shell: has joined
 * @dress: special mappings, capabilities, processors and limits are filled in
 * @why: sentence
 */
int tern_shell_look(const struct tern_shell_proc *shell, struct tern_dress *dress,
		    struct tern_why *why)
{
	unsigned long long caps = 0, last = 0, nr_open = 0;
	struct rlimit nofile;
	char path[64];
	int err;

	dress->nr_special = 0;
	dress->host = shell->host;
	snprintf(path, sizeof(path), "/proc/%d/status", shell->pid);
	err = look_maps(shell, dress);
	if (!err)
		err = look_creds(path, dress);
	if (!err)
		err = look_number(path, "CapPrm:", 16, &caps);
	if (!err)
		err = look_number("/proc/sys/kernel/cap_last_cap", "", 10, &last);
	if (!err)
		err = look_number("/proc/sys/fs/nr_open", "", 10, &nr_open);
	if (err)
		return tern_why_set(why, err, "/proc cannot be read on %s: %s", shell->host,
				    strerror(-err));
	dress->caps = caps;
	dress->cap_last = last;
	dress->nr_open = nr_open;
	look_cpus(dress);
	dress->nofile = prlimit(shell->pid, RLIMIT_NOFILE, NULL, &nofile) ? 0 : nofile.rlim_max;
	return 0;
}
