#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a process does at once on arrival, with pages missing: the cable is slow.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

execs()
{
	migrate "${PIDS[exec]}" a b && verdict exec 1
}

MODE=--mode=lazy
plan 6
must "a process that will fork, exec, move memory … starts" start a after after all
must "one that will exec itself starts" start a exec exec
must "the cable is slow" slow a 40mbit
must "the first moves" migrate "${PIDS[after]}" a b
must "and finds all it did right" verdict after 1
must "the second moves, and finds all right" execs
done_testing
