#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Pipes in unusual ways, descriptors that only name something, owners of descriptors;
# where there is a network file system, a directory that is being read, too.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

shared=$(findmnt -n -o TARGET -t nfs,nfs4 | head -n 1)
[[ $shared ]] || note "no network file system: no directory is read"
plan 7
must "each host has a named pipe" own "mkfifo fifo"
must "a process with all kinds of ends starts" start a ends ends 2 "$WORK/own/fifo" "$shared"
there_and_back ends
must "all is what it was" finish ends 2
done_testing
