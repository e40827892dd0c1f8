#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One process, ten hops a to b to a …; whatever was lost or doubled on the way
# would show in the computation that it does. Two more while one processor is left.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# alone COMMAND…: with one processor
alone()
{
	local cpu=/sys/devices/system/cpu/cpu1/online rc

	[[ ! -e $cpu ]] || echo 0 >$cpu
	"$@"
	rc=$?
	[[ ! -e $cpu ]] || echo 1 >$cpu
	return $rc
}

both_ways()
{
	hop hop a b && hop hop b a
}

plan 13
must "a process starts" start a hop hop 4
hops hop 10
must "it moves where there is one processor" alone both_ways
must "its result is right" finish hop 12
done_testing
