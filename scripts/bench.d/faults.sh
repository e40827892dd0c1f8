# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What a touch of a page costs that is still at the source: while the flush runs
# at full speed, and while it hardly does.

FAULTS_MIB=256
FAULTS_MOST=300		# in one move
FAULTS_SLOW=64mbit	# of the flush; a page then takes half a millisecond
FAULTS_SECONDS=5

# faults CASE MOVE…: the words before the pid
faults()
{
	local case=$1 here=a there pid run said beat

	pid=$(guest a start "$case" faults $FAULTS_MIB $FAULTS_MOST)
	for ((run = 1; run <= FAULT_RUNS; run++)); do
		say "$case: $run of $FAULT_RUNS"
		there=$(other $here)
		said=$(guest $here "${@:2}" "$pid" "$there" "${ADDRESS[$there]}") ||
			die "$case: pid $pid did not move from $here to $there"
		beat=$(guest "$there" report "$case" "$pid")
		record "$case" "\"how\":\"tern\",\"move\":$said,\"beat\":$beat"
		here=$there
	done
	guest $here end "$pid"
}

measure_faults()
{
	faults faults-flushing move
	faults faults-idle move-slowed $FAULTS_SLOW $FAULTS_SECONDS
	YARDSTICK_ROUNDS=500 yardsticks faults-idle
}
