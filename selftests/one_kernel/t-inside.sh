#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What has to do with numbers and names of its own namespaces moves within a pod, too:
# thread ids, owners of descriptors, timers, senders of messages, System V ids.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# inside NAME ARG…: a migrant of that name
inside()
{
	must "$1 starts" run_pod a "$1" "$@"
	must "$1 moves to b" hop_pod "$1" a b
	must "$1 moves back, not prepared" hop_pod "$1" b a --no-prepare
	must "$1 is well" finish "$1" 2
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
plan 41
# some migrants are not root's
chmod 755 "$WORK"
must "each host has a named pipe" own "mkfifo fifo"
inside ends 2 "$WORK/own/fifo"
inside threads16
inside timers
inside sockets 2
inside sysv 2
inside futexes
inside sched
inside mates 2
inside orphans 2
inside strays 2
done_testing
