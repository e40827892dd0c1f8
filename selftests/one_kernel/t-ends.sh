#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Pipes in unusual ways, descriptors that only name something, owners of descriptors;
# where there is a network file system, a directory that is being read, too.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

shared=$(findmnt -n -o TARGET -t nfs,nfs4 | head -n 1)
[[ $shared ]] || note "no network file system: no directory is read"
# own: a directory that each host has of its own, under one name
own()
{
	mkdir "$WORK/own"
	for host in a b; do
		on $host "mount -t tmpfs own $WORK/own && mkfifo $WORK/own/fifo" || return 1
	done
}

plan 7
must "each host has a named pipe" own
must "a process with all kinds of ends starts" start a ends ends 2 "$WORK/own/fifo" "$shared"
must "it moves to b" migrate "$PID" a b
must "it lives on b" lives_on ends b
must "it moves back, not prepared" tern b migrate "$PID" a --no-prepare --json
must "it lives on a" lives_on ends a
must "all is what it was" finish ends 2
done_testing
