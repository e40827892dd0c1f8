/* SPDX-License-Identifier: GPL-2.0 */
/* A shell: the process that will be the migrant, while it obeys ternd. */
#ifndef TERN_SHELL_START_H
#define TERN_SHELL_START_H

#include "host.h"
#include "pod.h"
#include "script.h"

/**
 * struct tern_birth - what a shell is made from
 * @host: this host
 * @id: the migration
 * @tids: the migrant's thread ids, its pid first
 * @nr_threads: how many
 * @holes: where the migrant has free address space
 * @nr_holes: how many
 * @monotonic_off: ns that its CLOCK_MONOTONIC is to be ahead of this host's
 * @boottime_off: likewise, CLOCK_BOOTTIME
 * @child: of a process of a tree, but for its root: says whose child it is; else NULL
 * @peer: where it comes from, with @child
 * @pod: it is the first process of that, whose control group there is; else NULL
 * @join: false only in tests: without /dev/tern
 * @cancel: eventfd that interrupts waiting, -1: none
 */
struct tern_birth {
	const struct tern_host *host;
	__u64 id;
	const __s32 *tids;
	unsigned int nr_threads;
	const struct tern_wire_range *holes;
	unsigned int nr_holes;
	__s64 monotonic_off;
	__s64 boottime_off;
	const struct tern_wire_prepare *child;
	const struct tern_peer *peer;
	struct tern_pod *pod;
	bool join;
	int cancel;
};

/**
 * struct tern_shell_proc - a shell
 * @host: this host's name
 * @pid: its pid, as we see it
 * @sock: our end of its socket, -1: closed, and so it will end
 * @cancel: eventfd that interrupts waiting, -1: none
 * @mem: the area, mapped here
 * @size: bytes of it
 * @script: writer of the area
 */
struct tern_shell_proc {
	const char *host;
	int pid;
	int sock;
	int cancel;
	void *mem;
	size_t size;
	struct tern_script script;
};

int tern_birth(const struct tern_birth *b, const struct tern_given *given, struct tern_why *why);
int tern_shell_start(struct tern_shell_proc *shell, const struct tern_birth *birth,
		     struct tern_why *why);
int tern_shell_look(const struct tern_shell_proc *shell, struct tern_dress *dress,
		    struct tern_why *why);
int tern_shell_run(struct tern_shell_proc *shell, const struct shell_run *run);
int tern_shell_wait(struct tern_shell_proc *shell, unsigned int timeout_ms,
		    struct tern_why *why);
int tern_shell_do(struct tern_shell_proc *shell, const struct shell_run *run,
		  unsigned int timeout_ms, struct tern_why *why);
void tern_shell_end(struct tern_shell_proc *shell);

#endif
