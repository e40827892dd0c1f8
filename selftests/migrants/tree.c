// SPDX-License-Identifier: GPL-2.0
/*
 * A process and its descendants, who move together. They talk through pipes, some of
 * which are full when they move, share descriptions, wait for each other, and are in
 * groups and sessions of their own, and have memory in common, in huge pages where there
 * are any. The root verifies after each hop that all of it is
 * what it was; what a child finds wrong it says by its exit status.
 *
 *	root ── echo		answers what it is asked, one byte each
 *	     ├─ counter		writes numbers into a pipe, whenever there is room
 *	     ├─ session ── inner	in a session of their own
 *	     ├─ first, second	in a process group of their own
 *	     ├─ mortal		ends after each hop, and there is another one
 *	     └─ dead		three that have ended, and are not waited for
 *
 * usage: tree DIR HOPS
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define PAGE	4096
#define PAGES	40
#define PENDING	3000	/* bytes in the pipe to echo when they move */
#define DEAD_UID	1234
#define HUGE		(2UL << 20)

enum { ECHO, COUNTER, SESSION, INNER, FIRST, SECOND, MORTAL, NR };

static pid_t pid[NR], root;
static int to_echo[2], from_echo[2], numbers[2], deeds[2], orders[2];
static int shared, event;	/* a memfd and an eventfd that all have */
static char *own;		/* private memory, which each has changed */
static int segment_id;
static char *segment;		/* of System V */

/* Memory without a name that all have; semaphores wake whoever waits in another process. */
static struct {
	sem_t asked, answered;
	uint64_t question, answer;
	char pages[PAGES][PAGE] __attribute__((aligned(PAGE)));
} *common;
static volatile sig_atomic_t ended;
static uint64_t counted;
static unsigned int records, mortals;
static pid_t dead[3];	/* by exit(2), by a signal, and by one that would dump core */

static void must(int ret, const char *what)
{
	check(ret >= 0, "%s: %s after %u hops", what, strerror(errno), migrant.hops);
}

static void on_child(int signo)
{
	(void)signo;
	ended++;
}

/* ---- children; what is wrong there is their exit status --------------------------- */

#define child_check(cond) do { \
	if (!(cond)) \
		_exit(__LINE__ & 0x7f); \
} while (0)

static void fill_own(unsigned int who)
{
	unsigned int i;

	for (i = 0; i < PAGES; i += 1 + who % 3)
		page_fill(own + i * PAGE, 1000 * (who + 1) + i);
}

static bool is_own(unsigned int who)
{
	unsigned int i, step = 1 + who % 3;

	for (i = 0; i < PAGES; i++)
		if (!page_is(own + i * PAGE, i % step ? i + 1 : 1000 * (who + 1) + i))
			return false;
	return true;
}

static void *answer(void *arg)
{
	(void)arg;
	for (;;) {
		while (sem_wait(&common->asked))
			;
		common->answer = mix(common->question);
		child_check(!sem_post(&common->answered));
	}
	return NULL;
}

static bool has_common(uint64_t key)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		if (!page_is(common->pages[i], key + i) || !page_is(segment + i * PAGE, key + i))
			return false;
	return true;
}

static void set_common(uint64_t key)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		page_fill(common->pages[i], key + i);
		page_fill(segment + i * PAGE, key + i);
	}
}

/* Of each byte it says that it is there; and one record into the file that all have. */
static void be_echo(void)
{
	pthread_t thread;
	char c;

	child_check(!pthread_create(&thread, NULL, answer, NULL));
	while (read(to_echo[0], &c, 1) == 1) {
		child_check(getppid() == root && is_own(ECHO));
		if (c == 'r')
			child_check(write(shared, "child---", 8) == 8);
		else if (c == 'e')
			child_check(!eventfd_write(event, 1000));
		else if (c == 'm')
			child_check(has_common(common->question));
		child_check(write(from_echo[1], &c, 1) == 1);
	}
	_exit(0);
}

static void be_counter(void)
{
	uint64_t n;

	for (n = 0;; n++) {
		child_check(write(numbers[1], &n, sizeof(n)) == sizeof(n));
		child_check(n % 256 || is_own(COUNTER));
	}
}

static void on_deed(int signo)
{
	char c = getpgrp() == getpid() ? '1' : '2';

	(void)signo;
	if (write(deeds[1], &c, 1) != 1)
		_exit(3);
}

static void be_doer(unsigned int who)
{
	struct sigaction action = { .sa_handler = on_deed };

	sigaction(SIGUSR1, &action, NULL);
	check(write(deeds[1], "s", 1) == 1, "a pipe");
	for (;;) {
		pause();
		child_check(is_own(who) && getppid() == root);
	}
}

static void be_session(void)
{
	pid_t inner;

	child_check(setsid() == getpid());
	inner = fork();
	child_check(inner >= 0);
	if (!inner)
		fill_own(INNER);
	else
		child_check(write(from_echo[1], &inner, sizeof(inner)) == sizeof(inner));
	for (;;) {
		pause();
		child_check(is_own(inner ? SESSION : INNER));
	}
}

static void be_mortal(void)
{
	char c;

	child_check(read(orders[0], &c, 1) == 1 && is_own(MORTAL));
	_exit(c);
}

static void be(unsigned int who)
{
	fill_own(who);
	switch (who) {
	case ECHO:
		be_echo();
		break;
	case COUNTER:
		be_counter();
		break;
	case SESSION:
		be_session();
		break;
	case FIRST:
	case SECOND:
		be_doer(who);
		break;
	case MORTAL:
		be_mortal();
		break;
	}
	_exit(1);
}

static void beget(unsigned int who)
{
	pid[who] = fork();
	must(pid[who], "fork");
	if (!pid[who])
		be(who);
}

/* ---- the root --------------------------------------------------------------------- */

static char get(int fd)
{
	char c;

	check(read(fd, &c, 1) == 1, "read: %s", strerror(errno));
	return c;
}

static void ask(char c)
{
	check(write(to_echo[1], &c, 1) == 1, "write: %s", strerror(errno));
}

static void answered(char c)
{
	char is = get(from_echo[0]);

	check(is == c, "asked %c, answered %c after %u hops", c, is, migrant.hops);
}

static void check_counter(void)
{
	uint64_t n, until = counted + 10000;

	for (; counted < until; counted++) {
		check(read(numbers[0], &n, sizeof(n)) == sizeof(n), "read: %s", strerror(errno));
		check(n == counted, "number %llu is %llu after %u hops",
		      (unsigned long long)counted, (unsigned long long)n, migrant.hops);
	}
}

/* What was there before the hop they both see, and what one of them writes now. */
static void check_common(void)
{
	struct shmid_ds ds;
	uint64_t key = 1000 * (migrant.hops + 1);

	check(has_common(key - 1000), "memory after %u hops", migrant.hops);
	set_common(key);
	common->question = key;
	ask('m');
	answered('m');
	must(sem_post(&common->asked), "sem_post");
	must(sem_wait(&common->answered), "sem_wait");
	check(common->answer == mix(key), "the answer after %u hops", migrant.hops);
	must(shmctl(segment_id, IPC_STAT, &ds), "IPC_STAT");
	check(ds.shm_nattch == NR + 1, "%lu have the segment", (unsigned long)ds.shm_nattch);
}

/* One position for all of them. */
static void check_shared(void)
{
	char name[9] = "";
	unsigned int i;
	uint64_t sum;

	check(write(shared, "root----", 8) == 8, "write: %s", strerror(errno));
	ask('r');
	answered('r');
	records += 2;
	for (i = 0; i < records; i++) {
		check(pread(shared, name, 8, i * 8) == 8, "there are %u records, not %u", i, records);
		check(!strcmp(name, i % 2 ? "child---" : "root----"), "record %u is %s", i, name);
	}
	must(eventfd_write(event, 1), "eventfd");
	ask('e');
	answered('e');
	must(eventfd_read(event, &sum), "eventfd");
	check(sum == 1001, "the event is %llu", (unsigned long long)sum);
}

static void check_places(void)
{
	check(getsid(pid[SESSION]) == pid[SESSION] && getsid(pid[INNER]) == pid[SESSION] &&
	      getpgid(pid[INNER]) == pid[SESSION], "sessions after %u hops", migrant.hops);
	check(getpgid(pid[FIRST]) == pid[FIRST] && getpgid(pid[SECOND]) == pid[FIRST],
	      "groups after %u hops", migrant.hops);
	check(getpgid(pid[ECHO]) == getpgid(0) && getsid(pid[ECHO]) == getsid(0),
	      "the root's group after %u hops", migrant.hops);
	must(kill(-pid[FIRST], SIGUSR1), "kill");
	check(get(deeds[0]) + get(deeds[0]) == '1' + '2', "deeds after %u hops", migrant.hops);
}

/* Its end is told once, with its status, and nobody else's is. */
static void check_mortal(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	char c = 3 + migrant.hops;
	int status;

	check(ended == (int)mortals, "%d ends were told, there were %u after %u hops", ended,
	      mortals, migrant.hops);
	check(write(orders[1], &c, 1) == 1, "write: %s", strerror(errno));
	mortals++;
	while (ended < (int)mortals)
		nanosleep(&pause, NULL);
	check(waitpid(pid[MORTAL], &status, WNOHANG) == pid[MORTAL] && WIFEXITED(status) &&
	      WEXITSTATUS(status) == c, "status %#x after %u hops", status, migrant.hops);
	beget(MORTAL);
}



static void check_dead(void)
{
	static const int code[] = { CLD_EXITED, CLD_KILLED, CLD_DUMPED };
	static const int status[] = { 7, SIGTERM, SIGABRT };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		siginfo_t info = { 0 };

		must(waitid(P_PID, dead[i], &info, WEXITED | WNOHANG | WNOWAIT), "waitid");
		/* whether it has dumped core is a matter of limits */
		check(info.si_pid == dead[i] && info.si_status == status[i] &&
		      info.si_uid == DEAD_UID &&
		      (info.si_code == code[i] || (i == 2 && info.si_code == CLD_KILLED)),
		      "dead %u: %d, status %d, user %d after %u hops", i, info.si_code,
		      info.si_status, info.si_uid, migrant.hops);
	}
	for (i = 0; i < NR; i++)
		check(!waitpid(pid[i], NULL, WNOHANG) || i == INNER, "%u has ended", i);
}

static void make_dead(void)
{
	siginfo_t info;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		dead[i] = fork();
		must(dead[i], "fork");
		if (!dead[i]) {
			if (setresuid(DEAD_UID, DEAD_UID, DEAD_UID) || !i)
				_exit(7);
			kill(getpid(), i == 1 ? SIGTERM : SIGABRT);
		}
		must(waitid(P_PID, dead[i], &info, WEXITED | WNOWAIT), "waitid");
	}
	ended = 0;
}

static void verify(void)
{
	unsigned int i;
	char text[16];

	/* what was asked before the hop is answered after it */
	for (i = 0; i < PENDING; i++)
		answered('x');
	check_shared();
	check_common();
	check_counter();
	check_places();
	check_mortal();
	check_dead();
	for (i = 0; i < PAGES; i++)
		check(page_is(own + i * PAGE, i + 1), "page %u", i);
	snprintf(text, sizeof(text), "%u", migrant.hops);
	migrant_tell("verified", text);
}

static void prepare_hop(void)
{
	unsigned int i;

	kill(pid[ECHO], SIGSTOP);
	for (i = 0; i < PENDING; i++)
		ask('x');
	kill(pid[ECHO], SIGCONT);
}

static void make_common(void)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS;

	common = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
	if (common == MAP_FAILED) {
		migrant_tell("huge", "none");
		common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, flags, -1, 0);
	}
	check(common != MAP_FAILED, "mmap");
	must(sem_init(&common->asked, 1, 0), "sem_init");
	must(sem_init(&common->answered, 1, 0), "sem_init");
	segment_id = shmget(IPC_PRIVATE, PAGES * PAGE, SHM_HUGETLB | 0600);
	if (segment_id < 0)
		segment_id = shmget(IPC_PRIVATE, PAGES * PAGE, 0600);
	must(segment_id, "shmget");
	segment = shmat(segment_id, NULL, 0);
	set_common(1000);
}

static void make_all(void)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP | SA_RESTART };
	unsigned int i;

	root = getpid();
	sigaction(SIGCHLD, &action, NULL);
	must(pipe(to_echo), "pipe");
	must(pipe(from_echo), "pipe");
	must(pipe(numbers), "pipe");
	must(pipe(deeds), "pipe");
	must(pipe(orders), "pipe");
	shared = memfd_create("shared", 0);
	event = eventfd(0, 0);
	must(shared, "memfd");
	must(event, "eventfd");
	own = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < PAGES; i++)
		page_fill(own + i * PAGE, i + 1);
	make_common();
	make_dead();
	beget(SESSION);
	check(read(from_echo[0], &pid[INNER], sizeof(pid[INNER])) == sizeof(pid[INNER]), "inner");
	beget(ECHO);
	beget(COUNTER);
	beget(FIRST);
	must(setpgid(pid[FIRST], pid[FIRST]), "setpgid");
	beget(SECOND);
	must(setpgid(pid[SECOND], pid[FIRST]), "setpgid");
	check(get(deeds[0]) == 's' && get(deeds[0]) == 's', "doers");
	beget(MORTAL);
}

int main(int argc, char **argv)
{
	unsigned int hops, i;

	migrant_start(argc, argv, 1, "HOPS");
	hops = atoi(argv[2]);
	make_all();
	prepare_hop();
	migrant_tell("ready", "yes");
	while (migrant.hops < hops && migrant_wait_hop()) {
		verify();
		prepare_hop();
	}
	migrant_rest();
	/* the others have moved as often */
	for (i = 0; i < NR; i++)
		kill(pid[i], SIGKILL);
	shmctl(segment_id, IPC_RMID, NULL);
	if (migrant.hops != hops)
		migrant_fail("%u hops and not %u", migrant.hops, hops);
	migrant_ok("hops=%u records=%u mortals=%u", migrant.hops, records, mortals);
}
