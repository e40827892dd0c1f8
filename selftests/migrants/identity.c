// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that a process may ask the kernel about itself, written down before
 * the move and compared after it, word by word.
 *
 * usage: identity DIR [plain|dropped]
 *
 * dropped: gives up root first: uid 4242, two groups, one capability kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "migrant.h"

#define THREADS	3

/* The two descriptions, as text: what differs can be shown. */
static char text[2][1 << 18];
static char *out, *out_end;

/* What threads tell about themselves, in their turn. */
static pthread_barrier_t barrier;
static char thread_text[THREADS][512];

/* Mappings with every kind of advice; the names are those of smaps' VmFlags. */
static const struct {
	int advice;
	const char *flag;
} advices[] = {
	{ MADV_DONTFORK, "dc" },
	{ MADV_WIPEONFORK, "wf" },
	{ MADV_DONTDUMP, "dd" },
	{ MADV_HUGEPAGE, "hg" },
	{ MADV_NOHUGEPAGE, "nh" },
	{ MADV_MERGEABLE, "mg" },
	{ MADV_SEQUENTIAL, "sr" },
	{ MADV_RANDOM, "rr" },
};

#define NR_ADVICES (sizeof(advices) / sizeof(advices[0]))

static void *advised[NR_ADVICES];

__attribute__((format(printf, 1, 2)))
static void tell(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	out += vsnprintf(out, out_end - out, fmt, args);
	va_end(args);
	check(out < out_end, "too much to tell");
}

static void tell_link(const char *path)
{
	char to[4096];
	ssize_t len = readlink(path, to, sizeof(to) - 1);

	to[len < 0 ? 0 : len] = '\0';
	tell("%s %s\n", path, to);
}

/* Reads a whole file without the C library's buffers: the heap must not change. */
static char *slurp(const char *path)
{
	static char buf[1 << 18];
	ssize_t len, all = 0;
	int fd = open(path, O_RDONLY);

	check(fd >= 0, "%s: %s", path, strerror(errno));
	while ((len = read(fd, buf + all, sizeof(buf) - 1 - all)) > 0)
		all += len;
	close(fd);
	buf[all] = '\0';
	return buf;
}

/* Lines of /proc/self/status that a move must not change. */
static void tell_status(void)
{
	static const char *const keys[] = {
		"Name:", "Umask:", "Tgid:", "Pid:", "Uid:", "Gid:", "Groups:", "NStgid:",
		"NSpid:", "NSpgid:", "NSsid:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:",
		"SigIgn:", "SigCgt:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:",
		"NoNewPrivs:", "Seccomp:",
	};
	char *line, *save;
	unsigned int i;

	for (line = strtok_r(slurp("/proc/self/status"), "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (!strncmp(line, keys[i], strlen(keys[i])))
				tell("%s\n", line);
}

/* Address, protection and file of every mapping; equal neighbours count as one. */
static void tell_maps(void)
{
	unsigned long start, end, from = 0, to = 0;
	char perms[8], last_perms[8] = "", *line, *save;
	int skip;

	for (line = strtok_r(slurp("/proc/self/maps"), "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %n", &start, &end, perms, &skip) < 3)
			continue;
		/* the stack grows by itself */
		if (strstr(line, "[stack]") || strstr(line, "[vsyscall]"))
			continue;
		if (start == to && !strcmp(perms, last_perms)) {
			to = end;
			continue;
		}
		if (to)
			tell("map %lx-%lx %s\n", from, to, last_perms);
		from = start;
		to = end;
		strcpy(last_perms, perms);
	}
	tell("map %lx-%lx %s\n", from, to, last_perms);
}

static void tell_advice(void)
{
	char key[32], *at;
	unsigned int i;

	for (i = 0; i < NR_ADVICES; i++) {
		char *smaps = slurp("/proc/self/smaps");

		if (!advised[i])
			continue;
		snprintf(key, sizeof(key), "%lx-", (unsigned long)advised[i]);
		at = strstr(smaps, key);
		check(at, "mapping with advice %s is not there (or not alone)", advices[i].flag);
		at = strstr(at, "VmFlags:");
		check(at, "no VmFlags");
		*strchr(at, '\n') = '\0';
		tell("advice %s %s\n", advices[i].flag, strstr(at, advices[i].flag) ? "yes" : "no");
	}
}

static void tell_numbers(void)
{
	struct rlimit lim;
	stack_t stack;
	int i;

	tell("pid %d tid %ld pgid %d sid %d\n", getpid(), syscall(SYS_gettid), getpgrp(),
	     getsid(0));
	tell("nice %d personality %x dumpable %d keepcaps %d securebits %x nnp %d\n",
	     getpriority(PRIO_PROCESS, 0), personality(0xffffffff), prctl(PR_GET_DUMPABLE),
	     prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS),
	     prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	tell("timerslack %d pdeathsig-free subreaper-free thp %d\n", prctl(PR_GET_TIMERSLACK),
	     prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	for (i = 0; i < RLIM_NLIMITS; i++) {
		getrlimit(i, &lim);
		tell("rlimit %d %lx %lx\n", i, lim.rlim_cur, lim.rlim_max);
	}
	sigaltstack(NULL, &stack);
	tell("altstack %p %zx %x\n", stack.ss_sp, stack.ss_size, stack.ss_flags);
	tell("brk %p\n", sbrk(0));
}

struct ksigaction {
	unsigned long handler, flags, restorer, mask;
};

static void tell_signals(void)
{
	struct ksigaction act;
	int i;

	for (i = 1; i <= 64; i++) {
		if (syscall(SYS_rt_sigaction, i, NULL, &act, 8L))
			continue;
		tell("signal %d %lx %lx %lx %lx\n", i, act.handler, act.flags, act.restorer,
		     act.mask);
	}
}

static void describe(int which)
{
	char cwd[4096], *auxv;
	unsigned int i;

	out = text[which];
	out_end = out + sizeof(text[which]);
	tell_numbers();
	tell_link("/proc/self/exe");
	tell_link("/proc/self/fd/0");
	tell_link("/proc/self/fd/2");
	tell("cwd %s\n", getcwd(cwd, sizeof(cwd)));
	tell_status();
	tell_signals();
	for (i = 0; i < THREADS; i++)
		tell("%s", thread_text[i]);
	tell_advice();
	tell_maps();
	tell("cmdline %s\n", slurp("/proc/self/cmdline"));
	tell("environ %s\n", slurp("/proc/self/environ"));
	auxv = slurp("/proc/self/auxv");
	do {
		tell("auxv %lx %lx\n", ((unsigned long *)auxv)[0], ((unsigned long *)auxv)[1]);
		auxv += 16;
	} while (((unsigned long *)auxv)[-2]);
}

static void describe_thread(unsigned int me)
{
	char name[17] = "", *at = thread_text[me];
	unsigned long mask = 0;
	stack_t stack;

	prctl(PR_GET_NAME, name);
	syscall(SYS_rt_sigprocmask, 0, NULL, &mask, 8L);
	sigaltstack(NULL, &stack);
	snprintf(at, sizeof(thread_text[me]),
		 "thread %u: tid %ld name %s mask %lx nice %d slack %d altstack %p self %lx\n", me,
		 syscall(SYS_gettid), name, mask,
		 getpriority(PRIO_PROCESS, syscall(SYS_gettid)), prctl(PR_GET_TIMERSLACK),
		 stack.ss_sp, (unsigned long)pthread_self());
}

static void *thread(void *arg)
{
	unsigned int me = (uintptr_t)arg, round;
	char name[16];
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	sigset_t set;

	snprintf(name, sizeof(name), "identity-%u", me);
	prctl(PR_SET_NAME, name);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3 + me);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaltstack(&stack, NULL);
	setpriority(PRIO_PROCESS, syscall(SYS_gettid), 3 + me);
	prctl(PR_SET_TIMERSLACK, 60000 + me);
	for (round = 0; round < 2; round++) {
		describe_thread(me);
		pthread_barrier_wait(&barrier);
		/* here the move happens */
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void advise(void)
{
	unsigned int i;

	for (i = 0; i < NR_ADVICES; i++) {
		/* between two that must not be touched, so that it stays alone */
		char *at = mmap(NULL, 3 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		at += 1 << 16;
		mprotect(at, 1 << 16, PROT_READ | PROT_WRITE);
		/* KSM and huge pages are not in every kernel */
		if (!madvise(at, 1 << 16, advices[i].advice))
			advised[i] = at;
	}
}

static void handler(int signo)
{
	(void)signo;
}

static void make_character(void)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };
	static char altstack[65536];
	stack_t stack = { .ss_sp = altstack, .ss_size = sizeof(altstack) };
	struct rlimit lim = { .rlim_cur = 12345, .rlim_max = 23456 };
	sigset_t set;

	umask(027);
	check(!chdir("/usr/share"), "chdir: %s", strerror(errno));
	setrlimit(RLIMIT_MSGQUEUE, &lim);
	lim.rlim_cur = 0x3000000;
	lim.rlim_max = RLIM_INFINITY;
	setrlimit(RLIMIT_DATA, &lim);
	setpriority(PRIO_PROCESS, 0, 2);
	prctl(PR_SET_NAME, "who am I");
	prctl(PR_SET_TIMERSLACK, 77777);
	sigaltstack(&stack, NULL);
	sigfillset(&act.sa_mask);
	sigaction(SIGUSR1, &act, NULL);
	act.sa_flags = SA_NODEFER | SA_RESETHAND;
	sigemptyset(&act.sa_mask);
	sigaction(SIGRTMAX, &act, NULL);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGRTMIN + 9);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* waits, blocked, across the move */
	kill(getpid(), SIGRTMIN + 9);
	personality(ADDR_NO_RANDOMIZE);
	advise();
}

static void drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { };
	gid_t groups[] = { 77, 4711 };

	check(!setgroups(2, groups) && !setresgid(4242, 4243, 4244), "groups: %s",
	      strerror(errno));
	prctl(PR_SET_KEEPCAPS, 1);
	check(!setresuid(4242, 4242, 4243), "setresuid: %s", strerror(errno));
	prctl(PR_CAPBSET_DROP, CAP_SYS_MODULE);
	data[0].permitted = data[0].effective = 1U << CAP_NET_BIND_SERVICE;
	data[0].inheritable = 1U << CAP_NET_BIND_SERVICE;
	check(!syscall(SYS_capset, &head, data), "capset: %s", strerror(errno));
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 1);
}

static void compare(void)
{
	char *line[2], *save[2];

	line[0] = strtok_r(text[0], "\n", &save[0]);
	line[1] = strtok_r(text[1], "\n", &save[1]);
	while (line[0] && line[1]) {
		check(!strcmp(line[0], line[1]), "\"%s\" was \"%s\"", line[1], line[0]);
		line[0] = strtok_r(NULL, "\n", &save[0]);
		line[1] = strtok_r(NULL, "\n", &save[1]);
	}
	check(line[0] == line[1], "more or less than before: \"%s\"", line[0] ?: line[1]);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	unsigned int i;
	bool tidy = true;

	migrant_start(argc, argv, 0, "[plain|dropped]");
	make_character();
	if (argc > 2 && !strcmp(argv[2], "dropped")) {
		/* it still has to tell how it is */
		chmod(migrant.dir, 0777);
		drop();
	}
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		tidy &= !pthread_create(&threads[i], NULL, thread, (void *)(uintptr_t)i);
	check(tidy, "no threads");
	pthread_barrier_wait(&barrier);
	/* once for nothing: whatever is allocated and touched, is now */
	describe(0);
	describe(0);
	migrant_tell("ready", "yes");
	migrant_wait_hop();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	describe(1);
	compare();
	pthread_barrier_wait(&barrier);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	migrant_ok("hops=%u", migrant.hops);
}
