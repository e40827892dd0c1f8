// SPDX-License-Identifier: GPL-2.0
/*
 * How a shell comes into the world: a helper enters a new time namespace for its
 * children, makes one child with the pid that is wanted, and ends, so that the
 * child belongs to init and not to this daemon; the child executes tern-shell. Below the
 * root of a tree it is the parent's shell that makes the child, in its own namespaces. The
 * first process of a pod is born into all kinds of new ones (pod.c).
 *
 * Owns nothing that outlives the call. Between fork and exec nothing is called
 * that could wait for a lock of another thread: system calls only.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kin.h"
#include "pod.h"
#include "prepare.h"
#include "shell_start.h"

#define FD_REPORT	SHELL_FD_END
#define HIGH		16
#define NS		1000000000LL
#define SHELL_COMM	"tern-shell"
#define GRACE_MS	1000	/* a pid may be had by what does not show that it ends */
#define ENDING_MS	20000	/* and by what does */
#define PAUSE_MS	20

/* ---- between fork and exec ------------------------------------------------------- */

enum stage {
	STAGE_TIME = 1,
	STAGE_POD,
	STAGE_PID,
	STAGE_EXEC,
};

/**
 * struct cradle - all that the helper and the child need, made before the fork
 * @path: of tern-shell
 * @timens: text for /proc/self/timens_offsets
 * @timens_len: bytes of it
 * @pid: wanted
 * @pod: of which it is to be the first process, NULL: none
 * @given: what it is given
 * @report: pipe: a struct cry, if something goes wrong; closed by a good exec
 */
struct cradle {
	const char *path;
	char timens[128];
	int timens_len;
	pid_t pid;
	struct tern_pod *pod;
	struct tern_given given;
	int report;
};

struct cry {
	int stage;
	int err;
};

static void cry(int fd, int stage)
{
	struct cry c = { stage, -errno };

	if (write(fd, &c, sizeof(c)) != sizeof(c))
		_exit(2);
	_exit(1);
}

static void default_signals(void)
{
	/* as the kernel takes it: the C library keeps two for itself */
	struct {
		unsigned long handler, flags, restorer, mask;
	} action = { 0 };
	unsigned long all = ~0UL;
	int i;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	for (i = 1; i <= 64; i++)
		syscall(SYS_rt_sigaction, i, &action, NULL, 8);
}

/* Out of the way of the numbers that the shell expects. */
static int lift(int *fd)
{
	if (*fd >= 0)
		*fd = fcntl(*fd, F_DUPFD, HIGH);
	return *fd;
}

/* Sorts our descriptors into these numbers, and closes the rest. */
static int sort_fds(struct cradle *c)
{
	struct tern_given *g = &c->given;

	/* there is no /dev/tern in tests */
	if (lift(&g->sock) < 0 || lift(&g->area) < 0 || lift(&g->fds) < 0 ||
	    lift(&g->ternd) < 0 || lift(&c->report) < 0 || (g->dev >= 0 && lift(&g->dev) < 0))
		return -1;
	if (syscall(SYS_close_range, 0, HIGH - 1, 0))
		return -1;
	if (dup2(g->sock, SHELL_FD_SOCKET) < 0 || dup2(g->area, SHELL_FD_AREA) < 0 ||
	    (g->dev >= 0 && dup2(g->dev, SHELL_FD_DEV) < 0) ||
	    dup2(g->fds, SHELL_FD_FDS) < 0 || dup2(g->ternd, SHELL_FD_TERND) < 0 ||
	    dup3(c->report, FD_REPORT, O_CLOEXEC) < 0)
		return -1;
	c->report = FD_REPORT;
	return syscall(SYS_close_range, FD_REPORT + 1, ~0U, 0);
}

static void be_child(struct cradle *c)
{
	char *argv[] = { SHELL_COMM, NULL }, *env[] = { NULL };

	default_signals();
	syscall(SYS_setsid);
	if (c->pod && tern_pod_settle())
		cry(c->report, STAGE_POD);
	if (sort_fds(c))
		cry(c->report, STAGE_EXEC);
	execve(c->path, argv, env);
	cry(c->report, STAGE_EXEC);
}

static int enter_time(const struct cradle *c)
{
	int fd;

	if (unshare(CLONE_NEWTIME))
		return -1;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, c->timens, c->timens_len) != c->timens_len ? -1 : 0;
}

static void be_helper(struct cradle *c)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (unsigned long)&c->pid,
		.set_tid_size = 1,
	};
	long pid;

	if (c->pod && tern_pod_enter(c->pod))
		cry(c->report, STAGE_POD);
	if (!c->pod && enter_time(c))
		cry(c->report, STAGE_TIME);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		cry(c->report, STAGE_PID);
	if (!pid)
		be_child(c);
	_exit(0);
}

/* ---- and what is said if it fails --------------------------------------------------- */

/**
 * struct holder - what has the pid that the shell needs
 * @comm: its name
 * @state: as in proc_pid_stat(5); 0: there is no such process or thread, the
 *	number may be that of a process group or of a session
 */
struct holder {
	char comm[32];
	char state;
};

static void look_holder(int pid, struct holder *h)
{
	char path[64], line[256], *end;
	FILE *f;

	memset(h, 0, sizeof(*h));
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	/* pid (comm) state: a name may have any of it */
	if (fgets(line, sizeof(line), f) && (end = strrchr(line, ')')) &&
	    sscanf(end + 1, " %c", &h->state) == 1) {
		*end = '\0';
		snprintf(h->comm, sizeof(h->comm), "%.31s", strchr(line, '(') + 1);
	}
	fclose(f);
}

/*
 * What is killed keeps its pid for a while, the longer the more threads and
 * memory it has. A shell is that of an attempt before this one, and will end.
 */
static bool is_ending(int pid, const struct holder *h)
{
	return h->state && (tern_proc_ended(pid) || !strcmp(h->comm, SHELL_COMM));
}

/* What has the number that could not be had: its own, or that of its session's leader. */
static int find_holder(const struct tern_birth *b, struct holder *h)
{
	look_holder(b->tids[0], h);
	if (h->state || !b->child || b->child->led != TERN_WIRE_LED)
		return b->tids[0];
	look_holder(b->child->session, h);
	return b->child->session;
}

static int pid_taken(const struct tern_birth *b, struct tern_why *why)
{
	struct holder h;
	const int pid = find_holder(b, &h);

	if (!h.state)
		return tern_why_set(why, -EEXIST,
				    "pid %d is taken on %s: it is the number of a thread, of a process group or of a session; end what uses it, or wait",
				    pid, b->host->name);
	return tern_why_set(why, -EEXIST,
			    "pid %d is taken on %s, by \"%s\": end that process, or move it away",
			    pid, b->host->name, h.comm);
}

static int explain(const struct tern_birth *b, const struct cry *c, struct tern_why *why)
{
	const char *host = b->host->name, *what = strerror(-c->err);

	switch (c->stage) {
	case STAGE_TIME:
		return tern_why_set(why, c->err,
				    "no time namespace can be made on %s: %s; its kernel needs CONFIG_TIME_NS, its daemon root",
				    host, what);
	case STAGE_POD:
		return tern_why_set(why, c->err,
				    "the namespaces of pod %s cannot be made on %s: %s; its kernel needs all kinds of them, its daemon root",
				    b->pod->name, host, what);
	case STAGE_PID:
		if (c->err == -EEXIST)
			return pid_taken(b, why);
		if (c->err == -EINVAL)
			return tern_why_set(why, c->err,
					    "pid %d cannot be had on %s: raise kernel.pid_max there",
					    b->tids[0], host);
		return tern_why_set(why, c->err, "no process with pid %d can be made on %s: %s",
				    b->tids[0], host, what);
	default:
		return tern_why_set(why, c->err, "%s cannot be executed on %s: %s", b->host->shell,
				    host, what);
	}
}

/* By the shell of its parent, or of one in its session. Return: as fork_helper(). */
static int ask_maker(const struct tern_birth *b, const struct tern_given *given,
		      struct cry *told, struct tern_why *why)
{
	const struct tern_wire_prepare *child = b->child;
	const struct tern_spawn spawn = {
		.pid = child->pid,
		.session = child->session == child->pid,
		.sibling = child->maker != child->parent && !child->led,
		.stray = child->led == TERN_WIRE_STRAY,
		.led = child->led == TERN_WIRE_LED ? child->session : 0,
		/* those who come to its session later may want the first group there */
		.group = child->group == child->pid && child->led != TERN_WIRE_LED,
		.given = given,
		.path = b->host->shell,
	};
	int err = tern_kin_ask(b->peer, child, &spawn, b->cancel, why);

	/* what has a sentence needs no other */
	if (!err || why->text[0])
		return err;
	*told = (struct cry){ STAGE_PID, err };
	return 1;
}

/* Seconds round down, nanoseconds are what is left: never negative. */
static void split_ns(__s64 ns, __s64 *sec, __s64 *rest)
{
	*sec = ns / NS;
	*rest = ns % NS;
	if (*rest < 0) {
		*rest += NS;
		--*sec;
	}
}

/* Return: 0, negative errno, or 1: something went wrong there, see @told. */
static int fork_helper(struct cradle *c, struct cry *told)
{
	int pipefd[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC))
		return -errno;
	c->report = pipefd[1];
	pid = fork();
	if (!pid)
		be_helper(c);
	close(pipefd[1]);
	if (pid < 0) {
		close(pipefd[0]);
		return -errno;
	}
	/* nothing at all is good news: closed by exec and by the helper's end */
	do {
		n = read(pipefd[0], told, sizeof(*told));
	} while (n < 0 && errno == EINTR);
	close(pipefd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return n == sizeof(*told);
}

/**
 * struct patience - how long a pid has been waited for
 * @waited_ms: altogether
 * @ending_ms: until what had it was last seen to end
 */
struct patience {
	unsigned int waited_ms;
	unsigned int ending_ms;
};

/* Is it worth while to try once more? */
static bool wait_for_pid(const struct tern_birth *b, struct patience *p)
{
	struct pollfd cancel = { .fd = b->cancel, .events = POLLIN };
	struct holder h;
	const int pid = find_holder(b, &h);

	if (is_ending(pid, &h))
		p->ending_ms = p->waited_ms;
	if (p->waited_ms >= ENDING_MS || p->waited_ms - p->ending_ms >= GRACE_MS)
		return false;
	p->waited_ms += PAUSE_MS;
	return !poll(&cancel, 1, PAUSE_MS);
}

/**
 * tern_birth() - make the process of a shell
 * @b: what it is made from
 * @given: descriptors that it gets; the caller's to close
 * @why: sentence
 *
 * A pid that is about to become free is waited for.
 */
int tern_birth(const struct tern_birth *b, const struct tern_given *given, struct tern_why *why)
{
	struct cradle c = {
		.path = b->host->shell, .pid = b->tids[0], .pod = b->pod, .given = *given,
	};
	__s64 msec, mns, bsec, bns;
	struct cry told = { 0 };
	struct patience patience = { 0 };
	int ret;

	split_ns(b->monotonic_off, &msec, &mns);
	split_ns(b->boottime_off, &bsec, &bns);
	c.timens_len = snprintf(c.timens, sizeof(c.timens),
				"monotonic %lld %lld\nboottime %lld %lld\n", msec, mns, bsec, bns);
	if (c.pod)
		snprintf(c.pod->timens, sizeof(c.pod->timens), "%s", c.timens);
	do {
		ret = b->child ? ask_maker(b, given, &told, why) :
		      fork_helper(&c, &told);
	} while (ret == 1 && told.stage == STAGE_PID && told.err == -EEXIST &&
		 wait_for_pid(b, &patience));
	return ret == 1 ? explain(b, &told, why) : ret;
}
