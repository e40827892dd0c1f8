# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# How long until a migrant that works on all of its memory is as fast as before.

SPEED_MIB=64

# speed HOW [OPTION…]
speed()
{
	local here=a pid run LINGER=3

	pid=$(guest a start speed speed $SPEED_MIB)
	for ((run = 1; run <= SPEED_RUNS; run++)); do
		say "speed: $1 $run of $SPEED_RUNS"
		# it must have been fast before
		sleep 2
		move_tern speed "$1" "$pid" $here "${@:2}"
		here=$(other $here)
	done
	guest $here end "$pid"
}

measure_speed()
{
	speed tern
	speed tern.hybrid --mode=hybrid
}
