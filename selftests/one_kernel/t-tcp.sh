#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A pod with TCP connections moves, and whoever talks to it loses none and nothing.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=segment.sh
. "$(dirname "$0")/segment.sh"

# talk NAME ADDRESS: clients on c
talk()
{
	local dir=$WORK/$1

	mkdir "$dir"
	ln -s "$dir/read" "$WORK/web/read" 2>/dev/null
	on c "setsid $HERE/../migrants/serves.py talk $dir $2 </dev/null >$dir/out 2>&1 &"
	wait_until "$LONG" test -L "$dir/ready" || {
		cat "$dir/out"
		return 1
	}
}

# go_on NAME: each of its clients is answered still
go_on()
{
	local dir=$WORK/$1 before

	before=$(readlink "$dir/said")
	more()
	{
		local was now i

		[[ ! -L $1/verdict ]] || return 0
		read -ra was <<<"$2"
		read -ra now <<<"$(readlink "$1/said")"
		for ((i = 0; i < ${#was[@]} - 1; i++)); do
			((now[i] > was[i] + 3)) || return 1
		done
	}
	wait_until "$LONG" more "$dir" "$before" && [[ ! -L $dir/verdict ]] || {
		echo "$1: $before, then $(readlink "$dir/said") $(readlink "$dir/verdict")"
		return 1
	}
}

moves()
{
	hop_pod web "$@" && go_on four && go_on six && none_on "$1"
}

# far: what c sends, and gets, takes long, is lost, and comes in another order
far()
{
	local port

	for port in sega segb; do
		in_host c tc qdisc add dev $port root netem delay 10ms 5ms loss 2% || return 1
	done
	in_host c tc qdisc add dev br0 root netem delay 10ms 5ms loss 2%
}

fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate web a b && pod_on web a && go_on four && go_on six
}

# right NAME: all that was said was
right()
{
	touch "$WORK/$1/stop"
	wait_until "$LONG" test -L "$WORK/$1/verdict"
	readlink "$WORK/$1/verdict"
	[[ $(readlink "$WORK/$1/verdict") == ok* ]]
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
plan 21
must "there is a segment" segment
must "the daemons know their bridges" daemons_with "bridge = br0"
POD_OPTIONS=("${NET[@]}")
must "a server starts in a pod" run_pod a web serves.py
must "it is reachable" reachable
must "it has clients by IPv4" talk four $V4
must "and by IPv6" talk six $V6
must "it moves to b" moves a b
must "it moves back, not prepared" moves b a --no-prepare
for fault in park_save capture sent shell load resume; do
	must "after a failure ($fault) all of them are answered" fails $fault
done
must "it moves to b" moves a b
must "the segment is slow, and loses packets" far
must "it moves back" moves b a
must "it moves to b" moves a b
must "all that was said by IPv4 was right" right four
must "and by IPv6" right six
must "it has been right" finish web 0
done_testing
