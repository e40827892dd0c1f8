#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# inotify instances, with gaps in the numbers of their watches.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# own: a directory that each host has of its own, under one name
own()
{
	mkdir "$WORK/own"
	for host in a b; do
		on $host "mount -t tmpfs own $WORK/own && touch $WORK/own/{file,other,waiting}" ||
			return 1
	done
}

plan 7
must "each host has some files" own
must "a process that watches files starts" start a watches watches 2 "$WORK/own"
must "it moves to b" migrate "$PID" a b
must "it lives on b" lives_on watches b
must "it moves back, not prepared" tern b migrate "$PID" a --no-prepare --json
must "it lives on a" lives_on watches a
must "every watch has reported what it should" finish watches 2
done_testing
