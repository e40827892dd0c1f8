// SPDX-License-Identifier: GPL-2.0
/*
 * Send signals that queue, with values: sigq PID FIRST LAST sends SIGRTMIN to the
 * process with each value; sigq -t PID TID COUNT sends SIGRTMIN+1 to a thread.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int to_process(int pid, int first, int last)
{
	union sigval value;

	for (value.sival_int = first; value.sival_int <= last; value.sival_int++) {
		if (sigqueue(pid, SIGRTMIN, value)) {
			perror("sigqueue");
			return 1;
		}
	}
	return 0;
}

static int to_thread(int pid, int tid, int count)
{
	while (count-- > 0) {
		if (syscall(SYS_tgkill, pid, tid, SIGRTMIN + 1)) {
			perror("tgkill");
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "-t"))
		return to_thread(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	if (argc == 4)
		return to_process(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
	fprintf(stderr, "usage: sigq PID FIRST LAST | sigq -t PID TID COUNT\n");
	return 2;
}
