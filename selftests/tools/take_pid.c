// SPDX-License-Identifier: GPL-2.0
/* Be the process PID, for SECONDS: take_pid PID SECONDS. Exits with 1 if it is taken. */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t pid = argc == 3 ? atoi(argv[1]) : 0;
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1,
	};
	long rc;

	if (pid <= 0) {
		fprintf(stderr, "usage: take_pid PID SECONDS\n");
		return 2;
	}
	rc = syscall(SYS_clone3, &args, sizeof(args));
	if (rc < 0) {
		perror("take_pid: clone3");
		return 1;
	}
	if (!rc) {
		sleep(atoi(argv[2]));
		_exit(0);
	}
	puts("taken");
	fflush(stdout);
	waitpid(rc, NULL, 0);
	return 0;
}
